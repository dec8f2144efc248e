//! Compressed messages (RFC 7692 §7.2.1).
//!
//! Whenever the compressor saw bytes that the peer did not get, or the peer got compressed bytes
//! that our compressor did not make, it is reset before its next message: a window may always be
//! given up, but never be another than the peer's.

use alloc::{boxed::Box, vec::Vec};
use core::mem;

use bytes::Bytes;

use super::{
    super::{
        config::Config,
        deflate::{DeflateConfig, Deflater, Direction},
        frame::{FrameHeader, RSV1},
        mask,
        opcode::Opcode,
        options::Compress,
        prepared::Prepared,
        time::Instant,
    },
    Sender,
};

/// The tail that is removed from a message (§7.2.1 number 3).
const TAIL_LEN: usize = 4;

/// An empty message, or an empty end of one: the start of an empty stored block.
const EMPTY: u8 = 0;

/// What a sender has for compression.
#[derive(Default)]
pub(super) struct Deflation {
    /// Here while a message in parts is under way, and always where we keep our window.
    deflater: Option<Box<Deflater>>,
    /// Whether the compressor must be reset before its next message.
    stale: bool,
    /// Whether it was used since the clock was last asked.
    used: bool,
    idle_since: Option<Instant>,
}

/// A piece of a message to compress.
pub(super) struct Piece<'a> {
    pub(super) opcode: Opcode,
    /// Whether it begins its message.
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) data: &'a [u8],
    /// Whether to give up if it does not become shorter.
    pub(super) may_give_up: bool,
}

impl Sender {
    /// Whether a message that begins with `len` bytes, or is that long, is to be compressed.
    pub(super) fn wants_compressed(&self, len: usize, last: bool, compress: Compress) -> bool {
        let Some(agreed) = self.deflate else {
            return false;
        };
        // The least window of the library has 9 bits (RFC 7692 §7.1.2.2 permits 8).
        agreed.window_bits >= 9
            && match compress {
                Compress::Never => false,
                Compress::Always => true,
                Compress::Auto => !last || len >= self.deflate_config().threshold,
            }
    }

    /// Appends a frame of a compressed message; `false` if that was given up, and nothing is sent.
    #[cold]
    pub(super) fn compress(&mut self, piece: &Piece<'_>, out: &mut Vec<u8>) -> bool {
        let Some(agreed) = self.deflate else {
            return false;
        };
        let start = out.len();
        let guess = self.header(true, piece.opcode, piece.data.len());
        let payload_at = start + guess.encoded().as_bytes().len();
        out.resize(payload_at, 0);
        if piece.data.is_empty() {
            out.extend(piece.last.then_some(EMPTY));
        } else if !self.deflate_into(agreed, piece, payload_at, out) {
            out.truncate(start);
            return false;
        }
        let header = FrameHeader {
            fin: piece.last,
            rsv: if piece.first { RSV1 } else { 0 },
            payload_len: (out.len() - payload_at) as u64,
            ..guess
        };
        put_header(&header, start, payload_at, out);
        self.count(piece.last, piece.opcode, out.len() - start);
        if let Some(counted) = self.counted() {
            let traffic = &mut counted.traffic;
            traffic.compressed(piece.data.len() as u64, header.payload_len);
        }
        if piece.last && agreed.no_context_takeover {
            self.release_deflater();
        }
        true
    }

    /// Compresses into `out`, which is as long as `payload_at`; `false` if that is given up.
    fn deflate_into(
        &mut self,
        agreed: Direction,
        piece: &Piece<'_>,
        payload_at: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut deflater = self.deflater(agreed);
        // A flush at the end of the last piece is cut off again.
        let limit = if piece.may_give_up {
            payload_at + piece.data.len() + TAIL_LEN
        } else {
            usize::MAX
        };
        let mut sent = deflater.deflate(piece.data, out, limit);
        if piece.last {
            out.truncate(out.len().saturating_sub(TAIL_LEN).max(payload_at));
        }
        sent &= !piece.may_give_up || out.len() - payload_at < piece.data.len();
        if agreed.no_context_takeover && (piece.last || !sent) {
            let config = self.deflate_config();
            self.config.pool.give_deflater(&config, deflater);
        } else {
            let deflation = self.extra().deflation.get_or_insert_default();
            deflation.deflater = Some(deflater);
            deflation.used = true;
            deflation.stale = !sent;
        }
        sent
    }

    /// The compressor for the next piece, in step with the peer's window or with an empty one.
    fn deflater(&mut self, agreed: Direction) -> Box<Deflater> {
        if let Some(deflation) = self.extra.as_mut().and_then(|it| it.deflation.as_mut())
            && let Some(mut deflater) = deflation.deflater.take()
        {
            if mem::take(&mut deflation.stale) {
                deflater.reset();
            }
            return deflater;
        }
        let config = self.deflate_config();
        self.config.pool.deflater(&config, agreed.window_bits)
    }

    /// Sends what was compressed before; `false` if it does not become shorter.
    pub(super) fn send_compressed(&mut self, message: &Prepared, out: &mut Vec<u8>) -> bool {
        let Some(frame) = self.compressed_form(message) else {
            return false;
        };
        out.extend_from_slice(frame);
        self.count(true, message.opcode(), frame.len());
        if let Some(counted) = self.counted() {
            let header = FrameHeader::parse_with(frame, RSV1).ok().flatten();
            let len = header.map_or(0, |(header, _)| header.payload_len);
            let traffic = &mut counted.traffic;
            traffic.compressed(message.len() as u64, len);
        }
        self.forget_window();
        true
    }

    /// The frame that a server sends for `message`; `None` if it does not become shorter.
    pub(super) fn compressed_form<'m>(&self, message: &'m Prepared) -> Option<&'m Bytes> {
        message.compressed(self.deflate?.window_bits, &self.config)
    }

    /// The peer's window is no longer our compressor's.
    pub(super) fn forget_window(&mut self) {
        if let Some(deflation) = self.extra.as_mut().and_then(|it| it.deflation.as_mut()) {
            deflation.stale = true;
        }
    }

    /// Frees a compressor that has been idle for long; otherwise says when that will be.
    pub(super) fn release_idle(&mut self, now: Instant) -> Option<Instant> {
        let in_parts = self.part_compressed;
        let deflation = self.extra.as_mut()?.deflation.as_mut()?;
        deflation.deflater.as_ref()?;
        let after = self.config.deflate.unwrap_or_default().release_after?;
        if mem::take(&mut deflation.used) || in_parts {
            deflation.idle_since = None;
        }
        let deadline = *deflation.idle_since.get_or_insert(now) + after;
        if now < deadline {
            return Some(deadline);
        }
        self.release_deflater();
        None
    }

    /// Gives the compressor back, if there is one.
    pub(super) fn release_deflater(&mut self) {
        if let Some(deflation) = self.extra.as_mut().and_then(|it| it.deflation.take())
            && let Some(deflater) = deflation.deflater
        {
            let config = self.deflate_config();
            self.config.pool.give_deflater(&config, deflater);
        }
    }

    fn deflate_config(&self) -> DeflateConfig {
        self.config.deflate.unwrap_or_default()
    }
}

/// A whole message as a server sends it, compressed with an empty window; `None` if it does not
/// become shorter.
pub(in crate::proto) fn compress_frame(
    opcode: Opcode,
    payload: &[u8],
    window_bits: u8,
    config: &Config,
) -> Option<Vec<u8>> {
    let deflate = config.deflate.unwrap_or_default();
    let mut deflater = config.pool.deflater(&deflate, window_bits);
    let guess = FrameHeader {
        fin: true,
        rsv: RSV1,
        opcode,
        mask: None,
        payload_len: payload.len() as u64,
    };
    let mut frame = Vec::new();
    let payload_at = guess.encoded().as_bytes().len();
    frame.resize(payload_at, 0);
    let limit = payload_at + payload.len() + TAIL_LEN;
    let short_enough = deflater.deflate(payload, &mut frame, limit);
    config.pool.give_deflater(&deflate, deflater);
    frame.truncate(frame.len().saturating_sub(TAIL_LEN).max(payload_at));
    let payload_len = frame.len() - payload_at;
    if !short_enough || payload_len >= payload.len() {
        return None;
    }
    let header = FrameHeader {
        payload_len: payload_len as u64,
        ..guess
    };
    put_header(&header, 0, payload_at, &mut frame);
    Some(frame)
}

/// Writes a header before the payload at `payload_at`, so that the frame begins at `start`, and
/// masks the payload.
fn put_header(header: &FrameHeader, start: usize, payload_at: usize, out: &mut Vec<u8>) {
    let encoded = header.encoded();
    let bytes = encoded.as_bytes();
    let end = out.len();
    let moved_to = start + bytes.len();
    if moved_to != payload_at {
        // The length has another form than the uncompressed one would have had.
        let moved_end = moved_to + (end - payload_at);
        out.resize(end.max(moved_end), 0);
        out.copy_within(payload_at..end, moved_to);
        out.truncate(moved_end);
    }
    out[start..moved_to].copy_from_slice(bytes);
    if let Some(key) = header.mask {
        mask::apply(&mut out[moved_to..], key, 0);
    }
}
