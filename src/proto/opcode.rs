//! What a frame is, which end we are, and how far a connection has come (RFC 6455 §4, §5.2, §7.1).

/// What a frame carries: the four opcode bits of its header (§5.2).
///
/// Complete by the RFC: every other value is reserved and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the message that is under way (§5.4).
    Continuation = 0x0,
    /// The first or only frame of a text message.
    Text = 0x1,
    /// The first or only frame of a binary message.
    Binary = 0x2,
    /// The closing handshake (§5.5.1).
    Close = 0x8,
    /// A question whether the peer is there (§5.5.2).
    Ping = 0x9,
    /// The answer to a Ping, or a sign of life nobody asked for (§5.5.3).
    Pong = 0xA,
}

impl Opcode {
    /// The opcode of the four low bits of `bits`, or `None` where the RFC reserves the value.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits & 0x0F {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// The four bits as they stand in a frame's first byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether this is a Close, Ping or Pong: at most 125 bytes, never fragmented (§5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// Which end of the connection an object is (§1.2).
///
/// Complete by the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opened the connection; masks every frame it sends (§5.1).
    Client,
    /// Accepted the connection; never masks (§5.1).
    Server,
}

impl Role {
    /// The other end's.
    pub(crate) const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How far a connection has come: the four values of the standard's `readyState`.
///
/// Complete by the RFC and by the WHATWG standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The opening handshake is under way (§4).
    Connecting = 0,
    /// Messages go both ways (§4.1).
    Open = 1,
    /// A Close frame has been sent or received (§7.1.3).
    Closing = 2,
    /// The connection is over (§7.1.4).
    Closed = 3,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_four_bits() {
        for bits in 0..=0x0F {
            match Opcode::from_bits(bits) {
                Some(opcode) => assert_eq!(opcode.bits(), bits),
                None => assert!(matches!(bits, 0x3..=0x7 | 0xB..=0xF), "{bits:#x}"),
            }
        }
        assert!(Opcode::Close.is_control() && Opcode::Ping.is_control());
        assert!(Opcode::Pong.is_control());
        assert!(!Opcode::Continuation.is_control() && !Opcode::Binary.is_control());
    }
}
