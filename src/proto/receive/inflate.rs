//! Compressed messages (RFC 7692 §7.2.2).
//!
//! ```text
//! piece of payload ─► Inflater ─► chunk on the stack ─► limit, UTF-8 ─► assembly buffer, or part
//!                     (kept where the peer keeps its window, else back to the pool)
//! ```

use alloc::{boxed::Box, sync::Arc};
use core::mem;

use super::{
    super::{
        assembly::{Assembly, Buffer, Frame},
        config::Config,
        deflate::Inflater,
        error::ProtocolError,
        event::Message,
    },
    Activity, Receiver, Step,
};

/// The most output at a time: memory beyond the message's own, on the stack.
const CHUNK: usize = 16 << 10;

/// While streaming, a part ends at the first so many bytes…
const PART: usize = 16 << 10;

/// …and input is taken in pieces that inflate to at most 33 KiB, a thousand times their length.
const STREAMED_PIECE: usize = 32;

/// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload" (§7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

impl Receiver {
    /// Takes what came of a frame of a compressed message.
    pub(super) fn inflate<'b>(
        &mut self,
        mut frame: Frame,
        input: &mut &'b mut [u8],
    ) -> Result<Step<'b>, ProtocolError> {
        let config = Arc::clone(&self.config);
        let agreed = self.deflate.unwrap_or_default().of(self.role.peer());
        let unfinished = self.unfinished.get_or_insert_default();
        let message = match &mut unfinished.message {
            Some(message) => message,
            none => none.insert(Assembly::new(&frame, unfinished.spare.take())),
        };
        let mut inflation = Inflation {
            inflater: unfinished
                .inflater
                .get_or_insert_with(|| config.pool.inflater(agreed.window_bits)),
            message,
            max: config.max_message_size,
            chunk: &mut [0; CHUNK],
        };
        let before = frame.remaining;
        let most = if config.streaming { PART } else { usize::MAX };
        while frame.remaining > 0 && !input.is_empty() && inflation.message.buffer.len() < most {
            let most = if config.streaming {
                STREAMED_PIECE
            } else {
                usize::MAX
            };
            inflation.push(frame.take_at_most(input, most))?;
        }
        unfinished.bytes = unfinished.bytes.saturating_add(before - frame.remaining);
        self.activity = Activity::Data;
        let finished = frame.fin && frame.remaining == 0;
        if finished {
            inflation.end(!agreed.no_context_takeover)?;
            if let (Some(counted), Some(work)) = (&mut unfinished.counted, inflation.message.work) {
                counted.compressed(work.made, work.taken.saturating_sub(TAIL.len() as u64));
            }
        }
        let step = if config.streaming {
            self.inflated_part(frame, finished)
        } else {
            self.frame_progress(frame)
        };
        if finished && agreed.no_context_takeover {
            self.release_inflater(&config);
        }
        step
    }

    /// Hands out what was inflated while streaming.
    fn inflated_part<'b>(&mut self, frame: Frame, last: bool) -> Result<Step<'b>, ProtocolError> {
        let Some(unfinished) = self.unfinished.as_mut() else {
            return Ok(Step::Next);
        };
        let data = match unfinished.message.as_mut().map(|it| &mut it.buffer) {
            Some(Buffer::Text(text, _)) => Message::from(mem::take(text)),
            Some(Buffer::Binary(data)) => Message::from(mem::take(data)),
            None => return Ok(Step::Next),
        };
        self.part(frame, data, last)
    }

    /// Gives the inflater back, if there is one.
    pub(super) fn release_inflater(&mut self, config: &Config) {
        if let Some(inflater) = self.unfinished.as_mut().and_then(|it| it.inflater.take()) {
            let deflate = config.deflate.unwrap_or_default();
            config.pool.give_inflater(&deflate, inflater);
        }
    }
}

/// A compressed message that is coming.
struct Inflation<'a> {
    inflater: &'a mut Box<Inflater>,
    message: &'a mut Assembly,
    max: u64,
    /// Zeroed once, however many pieces there are.
    chunk: &'a mut [u8; CHUNK],
}

impl Inflation<'_> {
    /// Inflates a piece of payload to the end of the message.
    fn push(&mut self, mut piece: &[u8]) -> Result<(), ProtocolError> {
        loop {
            let work = self.message.work.get_or_insert_default();
            // Where the budget ends the next byte must give something, so that whether it holds
            // does not depend on how the bytes were cut either.
            let budget = work.budget().unwrap_or(0).max(1);
            let most = usize::try_from(budget).unwrap_or(usize::MAX);
            let within = &piece[..piece.len().min(most)];
            let inflated = self.inflater.inflate(within, self.chunk);
            piece = &piece[inflated.taken..];
            work.made = work.made.saturating_add(inflated.made as u64);
            work.taken = work.taken.saturating_add(inflated.taken as u64);
            let (made, in_budget) = (work.made, work.budget().is_some());
            // No more than the limit is reserved, and what comes before a fault is looked at first:
            // it may hold another, and which is found must not depend on how the bytes were cut.
            let lacking = self.max.saturating_sub(made - inflated.made as u64);
            let allowed = usize::try_from(lacking).unwrap_or(usize::MAX);
            let output = &self.chunk[..inflated.made.min(allowed)];
            self.message.push(output, lacking)?;
            if made > self.max {
                return Err(ProtocolError::MessageTooLarge);
            }
            if !in_budget {
                return Err(ProtocolError::InflateBudget);
            }
            if inflated.invalid {
                return Err(ProtocolError::InvalidDeflate);
            }
            if inflated.made < CHUNK && piece.is_empty() {
                return Ok(());
            }
            if (inflated.made, inflated.taken) == (0, 0) {
                return Err(ProtocolError::InvalidDeflate);
            }
        }
    }

    /// Ends the message: behind the tail there must be the end of a block.
    fn end(&mut self, keep_window: bool) -> Result<(), ProtocolError> {
        self.push(&TAIL)?;
        if self.inflater.is_between_blocks(keep_window) {
            Ok(())
        } else {
            Err(ProtocolError::InvalidDeflate)
        }
    }
}
