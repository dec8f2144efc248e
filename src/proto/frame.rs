//! The frame header: its bytes to its fields and back (RFC 6455 §5.2).
//!
//! ```text
//!  byte 0    FIN, RSV1–3, opcode
//!  byte 1    MASK, 7-bit length: 0–125, or 126 and 2 bytes follow, or 127 and 8 bytes follow
//!  then      the longer length, in network byte order
//!  then      the masking key, 4 bytes, if MASK is set
//! ```
//!
//! What a header may say in the middle of a message, and which end must mask, is for
//! [`Receiver`](super::Receiver) to know.

use alloc::vec::Vec;
use core::fmt;

use super::{error::ProtocolError, opcode::Opcode};

/// The longest payload of a control frame, in bytes (§5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The header of a frame. `Debug` says whether there is a masking key, not which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// The reserved bits, 0 to 7: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// The payload's length in bytes.
    pub payload_len: u64,
}

/// The first reserved bit, as [`FrameHeader::rsv`] has it.
pub(crate) const RSV1: u8 = 4;

impl FrameHeader {
    /// The longest header in bytes.
    pub const MAX_LEN: usize = 14;

    /// Reads the header at the start of `bytes`: the header and how many bytes it takes, or `None`
    /// if more bytes are needed.
    ///
    /// Every fault is reported at the first byte that shows it, so however the bytes are cut, the
    /// answer is the same.
    ///
    /// ```
    /// use sansock::proto::{FrameHeader, Opcode};
    ///
    /// // §5.7: a single-frame unmasked text message.
    /// let (header, len) = FrameHeader::parse(b"\x81\x05Hello")?.unwrap();
    /// assert_eq!((header.opcode, header.payload_len, len), (Opcode::Text, 5, 2));
    /// assert!(header.fin && header.mask.is_none());
    /// # Ok::<(), sansock::proto::ProtocolError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A reserved bit or opcode, a control frame that is fragmented or too long, a length that is
    /// not in its shortest form or has its highest bit set.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        Self::parse_with(bytes, 0)
    }

    /// [`parse`](Self::parse) where an extension gave a meaning to the reserved bits `allowed`.
    #[inline]
    pub(crate) fn parse_with(
        bytes: &[u8],
        allowed: u8,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let fin = first & 0x80 != 0;
        let rsv = first >> 4 & 0x07;
        // "If a nonzero value is received and none of the negotiated extensions defines the
        // meaning of such a nonzero value, the receiving endpoint MUST _Fail the WebSocket
        // Connection_."
        if rsv & !allowed != 0 {
            return Err(ProtocolError::ReservedBits(rsv));
        }
        let opcode = Opcode::from_bits(first).ok_or(ProtocolError::ReservedOpcode(first & 0x0F))?;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControl);
        }

        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let (payload_len, rest) = match second & 0x7F {
            126.. if opcode.is_control() => return Err(ProtocolError::ControlTooLong),
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                // "the minimal number of bytes MUST be used to encode the length"
                match u16::from_be_bytes(*len) {
                    ..126 => return Err(ProtocolError::NonMinimalLength),
                    len => (u64::from(len), rest),
                }
            }
            127 => {
                // "the most significant bit MUST be 0", and the first byte shows it.
                if rest.first().is_some_and(|high| high & 0x80 != 0) {
                    return Err(ProtocolError::LengthOverflow);
                }
                let Some((len, rest)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                match u64::from_be_bytes(*len) {
                    ..0x1_0000 => return Err(ProtocolError::NonMinimalLength),
                    len => (len, rest),
                }
            }
            len => (u64::from(len), rest),
        };

        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (Some(*key), rest)
        };
        let header = Self {
            fin,
            rsv,
            opcode,
            mask,
            payload_len,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Appends the header's bytes to `out`, the length in its shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [first, masked] = self.first_bytes();
        // Each form is appended as it is. To fill an array first and move it then would read the
        // bytes before they are stored, which stalls.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "each arm has looked at the range"
        )]
        match self.payload_len {
            len @ ..126 => out.extend_from_slice(&[first, masked | len as u8]),
            len @ ..0x1_0000 => {
                let [high, low] = (len as u16).to_be_bytes();
                out.extend_from_slice(&[first, masked | 126, high, low]);
            }
            len => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }

    /// The first byte, and the second without its length.
    #[inline]
    fn first_bytes(&self) -> [u8; 2] {
        let first = u8::from(self.fin) << 7 | (self.rsv & 0x07) << 4 | self.opcode.bits();
        [first, u8::from(self.mask.is_some()) << 7]
    }

    /// The header's bytes.
    #[inline]
    pub(crate) fn encoded(&self) -> EncodedHeader {
        let mut bytes = [0; Self::MAX_LEN];
        let [first, masked] = self.first_bytes();
        bytes[0] = first;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "each arm has looked at the range"
        )]
        let len = match self.payload_len {
            len @ ..126 => {
                bytes[1] = masked | len as u8;
                2
            }
            len @ ..0x1_0000 => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        let Some(key) = self.mask else {
            return EncodedHeader {
                bytes,
                len,
                key: None,
            };
        };
        bytes[usize::from(len)..][..4].copy_from_slice(&key);
        EncodedHeader {
            bytes,
            len: len + 4,
            key: self.mask,
        }
    }
}

/// A frame's header in bytes, for a payload that is written from where it lies.
///
/// Write [`as_bytes`](Self::as_bytes), then exactly the payload that was announced; a client runs
/// it through [`mask`](Self::mask) first. `Debug` leaves the masking key out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
    key: Option<[u8; 4]>,
}

impl EncodedHeader {
    /// The bytes to write before the payload.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Masks the whole payload in place if the frame is a client's; otherwise does nothing (§5.3).
    #[inline]
    pub fn mask(&self, payload: &mut [u8]) {
        if let Some(key) = self.key {
            super::mask::apply(payload, key, 0);
        }
    }
}

impl fmt::Debug for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameHeader")
            .field("fin", &self.fin)
            .field("rsv", &self.rsv)
            .field("opcode", &self.opcode)
            .field("masked", &self.mask.is_some())
            .field("payload_len", &self.payload_len)
            .finish()
    }
}

impl fmt::Debug for EncodedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedHeader")
            .field("len", &self.len)
            .field("masked", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> (FrameHeader, usize) {
        FrameHeader::parse(bytes).unwrap().unwrap()
    }

    /// §5.7: each of the RFC's own examples.
    #[test]
    fn the_examples_of_section_5_7() {
        let hello = FrameHeader {
            fin: true,
            rsv: 0,
            opcode: Opcode::Text,
            mask: None,
            payload_len: 5,
        };
        assert_eq!(parsed(b"\x81\x05Hello"), (hello, 2));
        let masked = FrameHeader {
            mask: Some([0x37, 0xFA, 0x21, 0x3D]),
            ..hello
        };
        assert_eq!(
            parsed(b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58"),
            (masked, 6)
        );
        let first = FrameHeader {
            fin: false,
            payload_len: 3,
            ..hello
        };
        assert_eq!(parsed(b"\x01\x03Hel"), (first, 2));
        let rest = FrameHeader {
            opcode: Opcode::Continuation,
            payload_len: 2,
            ..hello
        };
        assert_eq!(parsed(b"\x80\x02lo"), (rest, 2));
        let ping = FrameHeader {
            opcode: Opcode::Ping,
            ..hello
        };
        assert_eq!(parsed(b"\x89\x05Hello"), (ping, 2));
        let binary = FrameHeader {
            opcode: Opcode::Binary,
            payload_len: 256,
            ..hello
        };
        assert_eq!(parsed(b"\x82\x7E\x01\x00"), (binary, 4));
        let binary = FrameHeader {
            payload_len: 65_536,
            ..binary
        };
        assert_eq!(parsed(b"\x82\x7F\0\0\0\0\0\x01\0\0"), (binary, 10));
    }

    #[test]
    fn faults_at_the_first_byte_that_shows_them() {
        let cases: [(&[u8], ProtocolError); 9] = [
            (&[0xC1], ProtocolError::ReservedBits(4)),
            (&[0xA1], ProtocolError::ReservedBits(2)),
            (&[0x83], ProtocolError::ReservedOpcode(3)),
            (&[0x8F], ProtocolError::ReservedOpcode(15)),
            (&[0x09], ProtocolError::FragmentedControl),
            (&[0x88, 0x7E], ProtocolError::ControlTooLong),
            (&[0x82, 0xFE, 0x00, 0x7D], ProtocolError::NonMinimalLength),
            (
                &[0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
                ProtocolError::NonMinimalLength,
            ),
            (&[0x82, 0x7F, 0x80], ProtocolError::LengthOverflow),
        ];
        for (bytes, error) in cases {
            assert_eq!(FrameHeader::parse(bytes), Err(error), "{bytes:x?}");
            for cut in 0..bytes.len() {
                assert_eq!(
                    FrameHeader::parse(&bytes[..cut]),
                    Ok(None),
                    "{bytes:x?} cut at {cut}"
                );
            }
            let mut longer = Vec::from(bytes);
            longer.extend([0xFF; 16]);
            assert_eq!(
                FrameHeader::parse(&longer),
                Err(error),
                "{bytes:x?} and more"
            );
        }
    }

    #[test]
    fn encode_is_the_inverse_of_parse() {
        let lengths = [0, 1, 125, 126, 127, 255, 65_535, 65_536, u64::MAX >> 1];
        for (payload_len, opcode) in lengths.into_iter().map(|len| (len, Opcode::Binary)).chain([
            (0, Opcode::Close),
            (125, Opcode::Ping),
            (3, Opcode::Continuation),
        ]) {
            for mask in [None, Some([1, 2, 3, 4])] {
                let header = FrameHeader {
                    fin: true,
                    rsv: 0,
                    opcode,
                    mask,
                    payload_len,
                };
                let mut bytes = Vec::new();
                header.encode(&mut bytes);
                assert_eq!(parsed(&bytes), (header, bytes.len()));
                for cut in 0..bytes.len() {
                    assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None));
                }
            }
        }
    }
}
