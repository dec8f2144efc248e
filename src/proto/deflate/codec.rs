//! The only lines that know the DEFLATE library.

use alloc::vec::Vec;
use core::mem;

use zlib_rs::{DeflateFlush, Inflate, InflateFlush, Status};

use super::config::DeflateConfig;

/// Of a window of 15 bits.
const LARGEST_WINDOW: usize = 1 << 15;

/// Inflates a peer's messages. Inside a message its window has 32 KiB whatever was agreed on; from
/// one message to the next it is the agreed one.
pub(in crate::proto) struct Inflater {
    codec: Inflate,
    /// The last bytes of output: the library forgets its window where a stream ends, but a message
    /// goes on behind a block with BFINAL (§7.2.3.4).
    history: Vec<u8>,
    /// Where in `history`, once it is full, the oldest byte stands.
    oldest: usize,
    window: usize,
}

/// What one call of [`Inflater::inflate`] did.
pub(in crate::proto) struct Inflated {
    /// Bytes of input that were taken.
    pub(in crate::proto) taken: usize,
    /// Bytes of output that were made.
    pub(in crate::proto) made: usize,
    /// Whether what comes behind them is not DEFLATE.
    pub(in crate::proto) invalid: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            codec: Inflate::new(false, 15),
            history: Vec::new(),
            oldest: 0,
            window: LARGEST_WINDOW,
        }
    }

    /// Empties the window, which the peer limited to so many bits.
    pub(in crate::proto) fn reset(&mut self, window_bits: u8) {
        self.codec.reset(false);
        self.window = 1 << window_bits;
        self.history.clear();
        // It may come from a connection with a larger one.
        self.history.shrink_to(self.window);
        self.oldest = 0;
    }

    /// Inflates `input` into `output`, as far as both reach and are valid.
    pub(in crate::proto) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Inflated {
        let (taken, made) = (self.codec.total_in(), self.codec.total_out());
        let status = self
            .codec
            .decompress(input, output, InflateFlush::SyncFlush);
        let mut inflated = Inflated {
            taken: difference(self.codec.total_in(), taken),
            made: difference(self.codec.total_out(), made),
            invalid: status.is_err(),
        };
        self.remember(&output[..inflated.made]);
        if status == Ok(Status::StreamEnd) {
            inflated.invalid = !self.go_on();
        }
        inflated
    }

    /// Whether the input so far ends where a block ends, with the window as it was if it is to be
    /// kept. The library does not say it, but stops where the next block does: a block of no bytes
    /// shows it, which stands there twice.
    pub(in crate::proto) fn is_between_blocks(&mut self, keep_window: bool) -> bool {
        const BLOCK: [u8; 5] = [0, 0, 0, 0xFF, 0xFF];
        const BLOCKS: [u8; 10] = [0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF];
        let (taken, made) = (self.codec.total_in(), self.codec.total_out());
        let status = self
            .codec
            .decompress(&BLOCKS, &mut [0; 8], InflateFlush::Block);
        let is_between = status == Ok(Status::Ok)
            && self.codec.total_in() - taken == BLOCK.len() as u64
            && self.codec.total_out() == made;
        if !is_between || !keep_window {
            return is_between;
        }
        // The library keeps the largest window, whatever was agreed on.
        self.window == LARGEST_WINDOW || self.go_on()
    }

    /// Keeps the last bytes of the output.
    fn remember(&mut self, mut output: &[u8]) {
        if output.len() >= self.window {
            self.history.clear();
            self.oldest = 0;
            output = &output[output.len() - self.window..];
        }
        let (fresh, rest) = output.split_at(output.len().min(self.window - self.history.len()));
        if self.history.capacity() - self.history.len() < fresh.len() {
            // Doubling, but never beyond the window.
            let most = self.window - self.history.len();
            self.history
                .reserve_exact(self.history.len().max(fresh.len()).min(most));
        }
        self.history.extend_from_slice(fresh);
        let (upper, lower) = rest.split_at(rest.len().min(self.history.len() - self.oldest));
        self.history[self.oldest..][..upper.len()].copy_from_slice(upper);
        self.history[..lower.len()].copy_from_slice(lower);
        if self.history.len() == self.window {
            self.oldest = (self.oldest + rest.len()) % self.window;
        }
    }

    /// Begins anew behind a block with BFINAL, with the window as it was; whether it could.
    fn go_on(&mut self) -> bool {
        self.codec.reset(false);
        self.history.rotate_left(self.oldest);
        self.oldest = 0;
        self.history.is_empty() || self.codec.set_dictionary(&self.history).is_ok()
    }
}

/// Compresses our messages.
pub(in crate::proto) struct Deflater {
    codec: zlib_rs::Deflate,
    window_bits: u8,
    level: u8,
    /// Whether a call was given up in the middle of a block.
    torn: bool,
}

impl Deflater {
    /// A compressor with a window of 9 to 15 bits.
    pub(super) fn new(requested: &DeflateConfig, window_bits: u8) -> Self {
        let config = zlib_rs::DeflateConfig {
            level: requested.level.into(),
            // Negative: neither header nor trailer.
            window_bits: -i32::from(window_bits),
            mem_level: requested.mem_level.into(),
            ..zlib_rs::DeflateConfig::default()
        };
        Self {
            codec: zlib_rs::Deflate::new_with_config(config),
            window_bits,
            level: requested.level,
            torn: false,
        }
    }

    pub(super) const fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// Empties the window.
    pub(in crate::proto) fn reset(&mut self) {
        if mem::take(&mut self.torn) {
            // The library's reset does not end an open block at level 1 (zlib-rs 0.6.8): what follows
            // would lack its header.
            let mut scratch = [0; 512];
            while let Ok(Status::Ok) = self.codec.compress(&[], &mut scratch, DeflateFlush::Finish)
            {
            }
        }
        self.codec.reset();
    }

    /// Appends `input`, compressed, to `out`, which then ends with an empty stored block (§7.2.1
    /// number 2). `false` if `out` became longer than `limit`: then it must be cut, and the
    /// compressor reset.
    pub(in crate::proto) fn deflate(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        loop {
            let filled = out.len();
            // More than the 6 bytes of a flush, so that none is written twice.
            let room = input.len().saturating_add(64).clamp(256, 16_384);
            out.resize(filled + room, 0);
            let (taken, made) = (self.codec.total_in(), self.codec.total_out());
            let status = self
                .codec
                .compress(input, &mut out[filled..], DeflateFlush::SyncFlush);
            let taken = difference(self.codec.total_in(), taken);
            let made = difference(self.codec.total_out(), made);
            input = &input[taken..];
            out.truncate(filled + made);
            if status.is_err() || out.len() > limit {
                self.torn = self.level == 1;
                return false;
            }
            if made < room && input.is_empty() {
                return true;
            }
        }
    }
}

/// How far a total rose. A call takes and makes no more than its slices hold.
fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now - before).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_last_window_of_the_output() {
        let mut inflater = Inflater::new();
        inflater.reset(9);
        let mut all = Vec::new();
        for step in 0..400_u32 {
            let piece: Vec<u8> = (0..step * 7 % 613)
                .map(|i| (i * step % 251) as u8)
                .collect();
            all.extend_from_slice(&piece);
            inflater.remember(&piece);
            let mut history = inflater.history.clone();
            history.rotate_left(inflater.oldest);
            assert_eq!(history, all[all.len().saturating_sub(512)..]);
        }
    }

    /// A pool is of connections with windows of all sizes.
    #[test]
    fn the_history_keeps_no_more_than_the_next_window() {
        let mut inflater = Inflater::new();
        for (bits, capacity) in [(15, 0), (15, 1 << 15), (9, 512), (15, 512)] {
            inflater.reset(bits);
            assert_eq!(inflater.history.capacity(), capacity);
            inflater.remember(&[7; 1 << 15]);
        }
    }

    /// It doubles when it is full, and is never larger than the window.
    #[test]
    fn the_history_takes_no_more_than_the_window() {
        let mut inflater = Inflater::new();
        inflater.reset(9);
        for (piece, capacity) in [
            (100, 100),
            (50, 200),
            (50, 200),
            (1, 400),
            (250, 451),
            (60, 512),
            (600, 512),
        ] {
            inflater.remember(&[7; 600][..piece]);
            assert_eq!(inflater.history.capacity(), capacity);
        }
    }
}
