//! The short path: a message that lies whole in the input.

use super::{
    super::{
        assembly::whole_message,
        error::ProtocolError,
        event::{Event, Message},
        mask,
        opcode::{Opcode, Role},
    },
    Activity, Receiver, split_front,
};

impl Receiver {
    /// Takes bytes and returns the next event, or `None` once `input` is used up.
    #[inline]
    pub(crate) fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.receive_whole(input) {
            Ok(Some(message)) => Ok(Some(Event::Message(message))),
            other => self.receive_other(other.err(), input),
        }
    }

    /// The short path of [`receive`](Self::receive): a message that lies whole at the front of
    /// `input`. Where there is none, [`receive_other`](Self::receive_other) goes on.
    ///
    /// It is a function of its own, so that whoever wraps the event does so where it is made: each
    /// move of an event costs as much as it takes to parse the frame.
    ///
    /// # Errors
    ///
    /// A text that is not UTF-8: what `receive_other` is then to be told.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "what a call returns in memory is stored in halves and loaded whole, which stalls"
    )]
    pub(crate) fn receive_whole<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Message<'b>>, ProtocolError> {
        if self.ready
            && let Some(header) = ShortHeader::parse(input, self.role == Role::Server)
            && header.payload_len as u64 <= self.config.max_frame_size
            && header.payload_len as u64 <= self.config.max_message_size
            && header.payload_len <= input.len() - header.len
        {
            split_front(input, header.len);
            let payload = split_front(input, header.payload_len);
            if let Some(key) = header.key {
                mask::apply(payload, key, 0);
            }
            self.activity = Activity::Data;
            return whole_message(header.opcode, payload).map(Some);
        }
        Ok(None)
    }

    /// Goes on where [`receive_whole`](Self::receive_whole) gave no message, or failed.
    #[inline(never)]
    pub(crate) fn receive_other<'b>(
        &mut self,
        error: Option<ProtocolError>,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match error {
            Some(error) => self.fail(error, input),
            // Nothing more can come of what came before, and it is no sign of life.
            None if input.is_empty() => Ok(None),
            None if self.counts() => self.receive_counted(input),
            None => self.receive_any(input),
        }
    }
}

/// The header of an uncompressed message in one frame of less than 64 KiB.
struct ShortHeader {
    opcode: Opcode,
    key: Option<[u8; 4]>,
    /// Bytes of the header itself.
    len: usize,
    payload_len: usize,
}

impl ShortHeader {
    /// The header that `bytes` begin with, masked or not, if it is whole and such a one and right.
    /// Whatever else they are is for `FrameHeader` to say.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for receive_whole")]
    fn parse(bytes: &[u8], masked: bool) -> Option<Self> {
        let &[first, second, ref rest @ ..] = bytes else {
            return None;
        };
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        let marked = if masked { second ^ 0x80 } else { second };
        let (payload_len, rest) = match marked {
            len @ ..126 => (usize::from(len), rest),
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                let len = u16::from_be_bytes(*len);
                (usize::from((len >= 126).then_some(len)?), rest)
            }
            _ => return None,
        };
        let (key, rest) = if masked {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        Some(Self {
            opcode,
            key,
            len: bytes.len() - rest.len(),
            payload_len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §5.2: what is left to the long path, and what is not.
    #[test]
    fn short_headers() {
        let parse = |bytes: &[u8], masked| {
            let header = ShortHeader::parse(bytes, masked)?;
            Some((header.opcode, header.key, header.len, header.payload_len))
        };
        let key = Some([1, 2, 3, 4]);
        for (bytes, masked, expected) in [
            (&b"\x81\x00"[..], false, (Opcode::Text, None, 2, 0)),
            (b"\x82\x7Drest", false, (Opcode::Binary, None, 2, 125)),
            (b"\x81\x7E\0\x7E", false, (Opcode::Text, None, 4, 126)),
            (
                b"\x82\xFD\x01\x02\x03\x04",
                true,
                (Opcode::Binary, key, 6, 125),
            ),
            (
                b"\x81\xFE\xFF\xFE\x01\x02\x03\x04rest",
                true,
                (Opcode::Text, key, 8, 65_534),
            ),
        ] {
            assert_eq!(parse(bytes, masked), Some(expected), "{bytes:x?}");
            for cut in 0..expected.2 {
                assert_eq!(
                    parse(&bytes[..cut], masked),
                    None,
                    "{bytes:x?} cut at {cut}"
                );
            }
        }
        for (bytes, masked) in [
            // Not final, reserved bits, other opcodes, a length written longer than it is.
            (&b"\x01\x00"[..], false),
            (b"\xC1\x00", false),
            (b"\x80\x00", false),
            (b"\x88\x00", false),
            (b"\x89\x00", false),
            (b"\x81\x7E\0\x7D", false),
            (b"\x81\x7F\0\0\0\0\0\x01\0\0", false),
            // Masked where it must not be, and the other way round (§5.1).
            (b"\x81\x80\0\0\0\0", false),
            (b"\x81\x00\0\0\0\0", true),
        ] {
            assert_eq!(parse(bytes, masked), None, "{bytes:x?}");
        }
    }
}
