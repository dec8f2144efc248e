//! Three kinds of fault: the peer's ([`ProtocolError`]), the program's ([`SendError`]) and time's
//! ([`Timeout`]); and [`Error`], what ended a connection.

use core::fmt;

use super::{close::CloseCode, handshake::HandshakeError};

/// A rule of the protocol, or a limit of ours, that the peer broke after the opening handshake.
///
/// One variant per rule; each knows the close code that tells the peer (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set and no extension gave it a meaning (§5.2); the three bits as they
    /// stand in the header: 4 is RSV1.
    ReservedBits(u8),
    /// An opcode that the RFC reserves (§5.2).
    ReservedOpcode(u8),
    /// A control frame with FIN clear (§5.5).
    FragmentedControl,
    /// A control frame that announces more than 125 bytes (§5.5).
    ControlTooLong,
    /// A length that would have fitted a shorter form (§5.2).
    NonMinimalLength,
    /// A 64-bit length with its most significant bit set (§5.2).
    LengthOverflow,
    /// A client sent a frame without masking it (§5.1).
    UnmaskedFrame,
    /// A server sent a masked frame (§5.1).
    MaskedFrame,
    /// A continuation frame while no message is under way (§5.4).
    UnexpectedContinuation,
    /// A new message while another is unfinished (§5.4).
    InterleavedMessage,
    /// A text message that is not valid UTF-8 (§8.1).
    InvalidUtf8,
    /// A Close frame with a body of one byte (§5.5.1).
    CloseTooShort,
    /// A Close frame with a code that must not be on the wire (§7.4).
    InvalidCloseCode(CloseCode),
    /// A Close frame whose reason is not valid UTF-8 (§5.5.1).
    InvalidCloseReason,
    /// A frame longer than [`Config::max_frame_size`](super::Config::max_frame_size).
    FrameTooLarge,
    /// A message longer than [`Config::max_message_size`](super::Config::max_message_size).
    MessageTooLarge,
    /// A message of more frames than [`Config::max_fragments`](super::Config::max_fragments).
    TooManyFragments,
    /// More control frames than [`Config::control_budget`](super::Config::control_budget).
    TooManyControlFrames,
    /// More tiny fragments than [`Config::tiny_budget`](super::Config::tiny_budget).
    TooManyTinyFrames,
    /// A compressed message that is not a sequence of DEFLATE blocks (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A compressed message that inflates to next to nothing: it is longer than 64 KiB and 16
    /// bytes for each byte that it makes.
    InflateBudget,
    /// There was no memory to store a message of permitted size.
    OutOfMemory,
}

impl ProtocolError {
    /// The code of the Close frame that tells the peer.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidCloseReason | Self::InvalidDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::FrameTooLarge | Self::MessageTooLarge => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments
            | Self::TooManyControlFrames
            | Self::TooManyTinyFrames
            | Self::InflateBudget => CloseCode::POLICY_VIOLATION,
            Self::OutOfMemory => CloseCode::INTERNAL_ERROR,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits(bits) => return write!(f, "reserved bits {bits:#05b} are set"),
            Self::ReservedOpcode(opcode) => return write!(f, "reserved opcode {opcode:#x}"),
            Self::FragmentedControl => "control frame is fragmented",
            Self::ControlTooLong => "control frame is longer than 125 bytes",
            Self::NonMinimalLength => "payload length is not in its shortest form",
            Self::LengthOverflow => "payload length has its most significant bit set",
            Self::UnmaskedFrame => "frame of a client is not masked",
            Self::MaskedFrame => "frame of a server is masked",
            Self::UnexpectedContinuation => "continuation frame without a message",
            Self::InterleavedMessage => "new message inside an unfinished one",
            Self::InvalidUtf8 => "text message is not valid UTF-8",
            Self::CloseTooShort => "close frame has a body of one byte",
            Self::InvalidCloseCode(code) => return write!(f, "invalid close code {code}"),
            Self::InvalidCloseReason => "close reason is not valid UTF-8",
            Self::FrameTooLarge => "frame is longer than the limit",
            Self::MessageTooLarge => "message is longer than the limit",
            Self::TooManyFragments => "message has more fragments than the limit",
            Self::TooManyControlFrames => "too many control frames",
            Self::TooManyTinyFrames => "too many tiny fragments",
            Self::InvalidDeflate => "compressed message is not valid DEFLATE",
            Self::InflateBudget => "compressed message inflates to next to nothing",
            Self::OutOfMemory => "no memory for the message",
        })
    }
}

impl core::error::Error for ProtocolError {}

/// A call that the program must not make in this state, or with these arguments.
///
/// Nothing was written, and the connection is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is not open: not yet, or a Close frame has been sent (RFC 6455 §5.5.1).
    NotOpen,
    /// A message sent in parts is unfinished; only its next part may follow (§5.4).
    MessageUnfinished,
    /// A part of another kind than the parts of its message before it (§5.4).
    PartKind,
    /// A frame of your own making inside a message that was begun compressed (RFC 7692 §6.1).
    PartCompressed,
    /// A Ping or Pong of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A close code that must not be on the wire (§7.4).
    InvalidCloseCode(CloseCode),
    /// A close reason of more than 123 bytes (§5.5.1).
    CloseReasonTooLong,
    /// Bytes given as text that are not valid UTF-8 (§8.1).
    InvalidUtf8,
    /// More than the high-water mark waits already; ask `can_send` before giving a message away.
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "connection is not open for sending",
            Self::MessageUnfinished => "a message sent in parts is unfinished",
            Self::PartKind => "part is of another kind than its message",
            Self::PartCompressed => "the message was begun compressed",
            Self::ControlTooLong => "control payload is longer than 125 bytes",
            Self::InvalidCloseCode(code) => {
                return write!(f, "close code {code} must not be sent");
            }
            Self::CloseReasonTooLong => "close reason is longer than 123 bytes",
            Self::InvalidUtf8 => "text is not valid UTF-8",
            Self::Full => "more than the high-water mark is waiting to be written",
        })
    }
}

impl core::error::Error for SendError {}

/// A deadline that passed. Complete: one for each timeout in [`Config`](super::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The opening handshake took too long.
    Handshake,
    /// Nothing was heard after a keep-alive Ping.
    Pong,
    /// No message went either way.
    Idle,
    /// A message was begun and not finished at the least rate.
    Message,
    /// The closing handshake was not completed.
    Close,
    /// The peer took none of what waits to be written.
    Write,
}

impl Timeout {
    /// The code of the Close frame that tells the peer; `None` where none can or need be sent.
    #[must_use]
    pub const fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::Handshake | Self::Close => None,
            Self::Pong => Some(CloseCode::INTERNAL_ERROR),
            Self::Idle => Some(CloseCode::GOING_AWAY),
            Self::Message | Self::Write => Some(CloseCode::POLICY_VIOLATION),
        }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "opening handshake timed out",
            Self::Pong => "no answer to a keep-alive ping",
            Self::Idle => "no message within the idle timeout",
            Self::Message => "message was not finished in time",
            Self::Close => "closing handshake timed out",
            Self::Write => "peer does not read",
        })
    }
}

impl core::error::Error for Timeout {}

/// What ended a connection other than a closing handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// The server answered the opening handshake with this HTTP status and no connection.
    Refused(u16),
    /// The peer broke the protocol or a limit.
    Protocol(ProtocolError),
    /// A deadline passed.
    Timeout(Timeout),
    /// The transport ended before the closing handshake was complete.
    Eof,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Refused(status) => write!(f, "handshake was refused with status {status}"),
            Self::Protocol(error) => error.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Eof => f.write_str("transport ended without a closing handshake"),
        }
    }
}

impl core::error::Error for Error {}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<Timeout> for Error {
    fn from(timeout: Timeout) -> Self {
        Self::Timeout(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<ProtocolError>() <= 4);
        assert!(size_of::<SendError>() <= 4);
        assert!(size_of::<Error>() <= 8);
    }

    #[test]
    fn each_rule_knows_its_close_code() {
        assert_eq!(ProtocolError::MaskedFrame.close_code().get(), 1002);
        assert_eq!(ProtocolError::InvalidUtf8.close_code().get(), 1007);
        assert_eq!(ProtocolError::FrameTooLarge.close_code().get(), 1009);
        assert_eq!(ProtocolError::TooManyFragments.close_code().get(), 1008);
        assert_eq!(ProtocolError::OutOfMemory.close_code().get(), 1011);
        assert_eq!(
            Timeout::Message.close_code(),
            Some(CloseCode::POLICY_VIOLATION)
        );
        assert_eq!(Timeout::Close.close_code(), None);
    }
}
