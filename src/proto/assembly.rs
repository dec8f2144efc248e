//! The frame under way and the message it belongs to (RFC 6455 §5.4).
//!
//! Nothing here can be printed: it is all payload and masking keys.

use alloc::{borrow::Cow, collections::TryReserveError, string::String, vec::Vec};
use core::mem;

use super::{
    error::ProtocolError,
    event::Message,
    frame::{FrameHeader, RSV1},
    mask,
    opcode::Opcode,
    utf8::{self, Utf8},
};

/// A frame whose header was accepted, and how far its payload has come.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// Where in the masking key the next byte stands.
    phase: u8,
    key: Option<[u8; 4]>,
    /// Whether some of the payload has been taken.
    begun: bool,
    /// "Per-Message Compressed" (RFC 7692 §6): the first frame of a compressed message.
    pub(super) compressed: bool,
    /// Bytes of payload that are still to come.
    pub(super) remaining: u64,
}

impl Frame {
    #[inline]
    pub(super) const fn new(header: &FrameHeader) -> Self {
        Self {
            opcode: header.opcode,
            fin: header.fin,
            phase: 0,
            key: header.mask,
            begun: false,
            compressed: header.rsv & RSV1 != 0,
            remaining: header.payload_len,
        }
    }

    /// Whether this frame is a message of its own and none of its payload has been taken.
    pub(super) fn is_whole_message(&self) -> bool {
        self.fin && !self.begun && !self.compressed && self.opcode != Opcode::Continuation
    }

    /// The payload, which lies whole in `input`, unmasked in place.
    #[inline]
    pub(super) fn whole_payload<'b>(mut self, input: &mut &'b mut [u8]) -> &'b [u8] {
        self.take(input)
    }

    /// Takes as much of the payload as `input` has, unmasked in place.
    #[inline]
    pub(super) fn take<'b>(&mut self, input: &mut &'b mut [u8]) -> &'b mut [u8] {
        self.take_at_most(input, usize::MAX)
    }

    /// Takes as much of the payload as `input` has, but at most `limit` bytes.
    #[inline]
    pub(super) fn take_at_most<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        limit: usize,
    ) -> &'b mut [u8] {
        let remaining = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let len = remaining.min(input.len()).min(limit);
        let (piece, rest) = mem::take(input).split_at_mut(len);
        *input = rest;
        self.unmask(piece);
        piece
    }

    #[inline]
    fn unmask(&mut self, piece: &mut [u8]) {
        self.begun = true;
        self.remaining -= piece.len() as u64;
        if let Some(key) = self.key {
            self.phase = mask::apply(piece, key, self.phase);
        }
    }
}

/// A message that is being put together.
pub(super) struct Assembly {
    pub(super) buffer: Buffer,
    /// Bytes of payload that its frames have announced so far.
    pub(super) announced: u64,
    /// Its frames so far, empty ones too.
    pub(super) frames: u32,
    /// How far it has been inflated, if it is compressed.
    pub(super) work: Option<Work>,
}

/// What inflating a message has taken and made, in bytes.
#[derive(Clone, Copy, Default)]
#[cfg_attr(
    not(feature = "deflate"),
    expect(dead_code, reason = "nothing is compressed without the feature")
)]
pub(super) struct Work {
    pub(super) taken: u64,
    pub(super) made: u64,
}

#[cfg(feature = "deflate")]
impl Work {
    /// Compressed bytes that may come for nothing, and for each byte of output.
    const FREE: u64 = 64 << 10;
    const FREE_EACH: u64 = 16;

    /// The most compressed bytes from which `made` may come.
    pub(super) const fn most_compressed(made: u64) -> u64 {
        Self::FREE.saturating_add(made.saturating_mul(Self::FREE_EACH))
    }

    /// How many more compressed bytes may come before there must be output; `None` if there should
    /// have been.
    pub(super) const fn budget(self) -> Option<u64> {
        Self::most_compressed(self.made).checked_sub(self.taken)
    }
}

/// What has come of a message; empty while streaming.
pub(super) enum Buffer {
    Text(String, Utf8),
    Binary(Vec<u8>),
}

impl Buffer {
    #[cfg(feature = "deflate")]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text, _) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }
}

impl Assembly {
    /// A message that begins with `frame`, gathered in `spare` if there is one and it can be.
    pub(super) fn new(frame: &Frame, spare: Option<Vec<u8>>) -> Self {
        let spare = spare.unwrap_or_default();
        let buffer = match frame.opcode {
            // A cleared buffer is valid text.
            Opcode::Text => Buffer::Text(
                String::from_utf8(spare).unwrap_or_default(),
                Utf8::default(),
            ),
            _ => Buffer::Binary(spare),
        };
        Self {
            buffer,
            announced: frame.remaining,
            frames: 1,
            work: frame.compressed.then(Work::default),
        }
    }

    /// How many more bytes can come of an uncompressed message of at most `max` bytes, of which
    /// `frame` is under way.
    pub(super) const fn lacks(&self, frame: &Frame, max: u64) -> u64 {
        if frame.fin {
            frame.remaining
        } else {
            max - (self.announced - frame.remaining)
        }
    }

    /// Appends a piece of a message that lacked at most `lacking` bytes before it.
    pub(super) fn push(&mut self, piece: &[u8], lacking: u64) -> Result<(), ProtocolError> {
        // Doubling keeps the copies linear, but no more is reserved than can still come.
        let lacking = usize::try_from(lacking).unwrap_or(usize::MAX);
        let step = |len: usize| len.min(lacking).max(piece.len());
        let reserved = match &mut self.buffer {
            Buffer::Text(text, utf8) => {
                // A carried character joins the piece.
                let needed = piece.len() + utf8.carried();
                reserve(
                    text.capacity() - text.len(),
                    needed,
                    step(text.len()),
                    |n| text.try_reserve_exact(n),
                )
            }
            Buffer::Binary(data) => reserve(
                data.capacity() - data.len(),
                piece.len(),
                step(data.len()),
                |n| data.try_reserve_exact(n),
            ),
        };
        reserved.map_err(|_| ProtocolError::OutOfMemory)?;
        match &mut self.buffer {
            Buffer::Text(text, utf8) => utf8.push(piece, text)?,
            Buffer::Binary(data) => data.extend_from_slice(piece),
        }
        Ok(())
    }

    /// Unmasks the `n` bytes that were appended to the binary buffer; returns how many belong to
    /// the frame.
    pub(super) fn unmask_appended(&mut self, frame: &mut Frame, n: usize) -> usize {
        let Buffer::Binary(data) = &mut self.buffer else {
            return 0;
        };
        // All the frames announced, less what is to come, is what was here before.
        let before = usize::try_from(self.announced - frame.remaining).unwrap_or(usize::MAX);
        let Some(appended) = data.get_mut(before..) else {
            return 0;
        };
        let len = appended
            .len()
            .min(n)
            .min(usize::try_from(frame.remaining).unwrap_or(usize::MAX));
        frame.unmask(&mut appended[..len]);
        data.truncate(before + len);
        len
    }

    /// The whole message.
    pub(super) fn finish(self) -> Result<Message<'static>, ProtocolError> {
        Ok(match self.buffer {
            Buffer::Text(_, utf8) if !utf8.is_complete() => return Err(ProtocolError::InvalidUtf8),
            Buffer::Text(text, _) => Message::Text(Cow::Owned(text)),
            Buffer::Binary(data) => Message::Binary(Cow::Owned(data)),
        })
    }
}

/// A message from its whole payload.
#[inline]
pub(super) fn whole_message(opcode: Opcode, payload: &[u8]) -> Result<Message<'_>, ProtocolError> {
    Ok(match opcode {
        Opcode::Text => Message::from(utf8::validate(payload).ok_or(ProtocolError::InvalidUtf8)?),
        _ => Message::from(payload),
    })
}

/// Makes room for `needed` bytes where there are `spare`: at least those, `step` if that is more.
fn reserve(
    spare: usize,
    needed: usize,
    step: usize,
    try_reserve_exact: impl FnOnce(usize) -> Result<(), TryReserveError>,
) -> Result<(), TryReserveError> {
    if needed <= spare {
        Ok(())
    } else {
        try_reserve_exact(step.max(needed))
    }
}
