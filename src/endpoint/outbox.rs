//! What waits to be written, in order, and how much of it is the application's.
//!
//! ```text
//!  small messages, control frames ──► batch ────────────────► chunk 1
//!  large payloads ──► queue ──► one fragment at a time ─────► chunks 2, 3: header, payload
//!                               control frames meanwhile ───► chunk 4: end of the batch
//! ```
//!
//! Small frames are encoded into one batch, which is one write. A large payload is not encoded: it
//! waits as it is, and goes out from where it lies in fragments, so that a Pong can pass between
//! two of them (RFC 6455 §5.4). What is sent behind a large payload queues behind it.

mod queue;

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

pub(super) use self::queue::Payload;
use self::queue::{Entry, Fragment, Queue};
use crate::proto::{
    CloseFrame, Compress, Connection, Instant, LARGE, Message, Opcode, Part, Role, SendError,
};

/// The output of an [`Endpoint`](super::Endpoint): write its [`chunks`](Self::chunks), then
/// [`consume`](Self::consume) what was written.
#[derive(Default)]
pub struct Outbox {
    /// Encoded frames, and before them a handshake's head.
    batch: Vec<u8>,
    queue: Option<Box<Queue>>,
    /// Bytes of application data in the batch that are not written.
    buffered: usize,
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            batch: Vec::new(),
            queue: None,
            buffered: 0,
        }
    }

    /// The bytes to write next, in order: at most four slices, none of them empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = match self.queue.as_deref() {
            None => [&self.batch[..], &[], &[], &[]],
            Some(queue) => {
                let (header, payload) = queue.fragment_slices();
                let split = queue.fragment_at.max(queue.written);
                [
                    &self.batch[queue.written..split],
                    header,
                    payload,
                    &self.batch[split..],
                ]
            }
        };
        chunks.into_iter().filter(|chunk| !chunk.is_empty())
    }

    /// The one chunk of [`chunks`](Self::chunks), if no large payload and no rest of a write waits.
    #[cfg(feature = "std")]
    pub(crate) fn only_chunk(&self) -> Option<&[u8]> {
        (self.queue.is_none() && !self.batch.is_empty()).then_some(&self.batch[..])
    }

    /// Takes note that the first `n` bytes of the [`chunks`](Self::chunks) were written.
    pub fn consume(&mut self, n: usize) {
        if self.queue.is_none() {
            if n >= self.batch.len() {
                self.batch.clear();
                self.buffered = 0;
                return;
            }
            if n == 0 {
                return;
            }
        }
        let queue = self.queue.get_or_insert_default();
        if n > 0 {
            queue.stalled_since = None;
        }
        let split = queue.fragment_at.max(queue.written);
        let before = n.min(split - queue.written);
        self.buffered -= queue.consume_batch(before, &self.batch);
        let rest = queue.consume_fragment(n - before);
        let after = rest.min(self.batch.len() - queue.written);
        self.buffered -= queue.consume_batch(after, &self.batch);
        if queue.written == self.batch.len() {
            self.batch.clear();
            queue.written = 0;
            queue.frame_at = 0;
            queue.fragment_at = 0;
            queue.compressed.clear();
            if queue.entries.is_empty() && queue.dropped == 0 {
                self.queue = None;
            }
            return;
        }
        // A peer that is always a little behind must not make us keep all that it has read.
        let done = queue.frame_at.min(queue.written);
        if done > 0 && done >= self.batch.len() - done {
            self.batch.drain(..done);
            queue.written -= done;
            queue.frame_at -= done;
            queue.fragment_at = queue.fragment_at.saturating_sub(done);
            for (at, _) in &mut queue.compressed {
                *at -= done;
            }
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // An empty message or a Close may be queued that has no bytes yet.
        self.len() == 0 && !self.is_queueing()
    }

    /// Bytes that wait to be written; of queued payloads without their headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.as_ref().map_or(self.batch.len(), |queue| {
            let header = queue.fragment.as_ref().map_or(0, Fragment::header_left);
            self.batch.len() - queue.written + header + queue.len
        })
    }

    /// What all that waits costs, in bytes: a queued payload's place counts, since nothing else of
    /// an empty one would.
    pub(super) fn cost(&self) -> usize {
        let entries = self.queue.as_ref().map_or(0, |queue| queue.entries.len());
        self.len().saturating_add(entries * size_of::<Entry>())
    }

    /// Bytes of application data that wait to be written: no headers, no control frames.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.buffered + self.queue.as_ref().map_or(0, |queue| queue.len)
    }

    /// Bytes of application data that were dropped at the end, and never will be written.
    #[must_use]
    pub fn dropped_amount(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.dropped)
    }

    /// Lends a buffer to encode into, used only if there is none and nothing waits.
    ///
    /// Returns what is not used: `buffer`, or an empty one.
    pub fn lend(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        if self.batch.capacity() == 0 {
            buffer.clear();
            core::mem::swap(&mut self.batch, &mut buffer);
        }
        buffer
    }

    /// Gives the encoding buffer back if nothing in it waits.
    pub fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.batch.is_empty() && self.batch.capacity() > 0)
            .then(|| core::mem::take(&mut self.batch))
    }

    /// The batch, for the engine to append to.
    pub(super) const fn batch(&mut self) -> &mut Vec<u8> {
        &mut self.batch
    }

    /// Takes note that the batch grew by a frame with `len` bytes of application data.
    pub(super) const fn count(&mut self, len: usize) {
        self.buffered += len;
    }

    /// [`count`](Self::count) for a frame from `at` on, whose payload may be compressed.
    pub(super) fn count_at(&mut self, at: usize, len: usize, compressed: bool) {
        self.count(len);
        if compressed {
            let queue = self.queue.get_or_insert_default();
            queue.compressed.push_back((at, len));
        }
    }

    /// How much the batch has grown since it was as long as `at`.
    pub(super) fn grown(&self, at: usize) -> usize {
        self.batch.len() - at
    }

    /// Counts it if what was added, `grown` bytes of cost, came to the high-water mark.
    #[inline]
    pub(super) fn note_pause(&self, grown: usize, connection: &mut Connection) {
        let config = connection.config();
        if config.counters {
            let (mark, cost) = (config.high_water_mark, self.cost());
            if cost >= mark && cost.saturating_sub(grown) < mark {
                connection.count_pause();
            }
        }
    }

    /// Takes note that all in the batch so far is no frame: a handshake's head.
    pub(super) fn skip_head(&mut self) {
        if !self.batch.is_empty() {
            self.queue.get_or_insert_default().frame_at = self.batch.len();
        }
    }

    /// Whether a message may be encoded now: nothing queues before it, and less than `mark` waits.
    #[inline]
    pub(super) fn has_room_for_frames(&self, mark: usize) -> bool {
        match &self.queue {
            None => self.batch.is_empty() || self.batch.len() < mark,
            Some(queue) => {
                let waiting = self.batch.len() - queue.written;
                queue.entries.is_empty() && (waiting == 0 || waiting < mark)
            }
        }
    }

    /// Whether messages must queue, because one before them does.
    pub(super) fn is_queueing(&self) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| !queue.entries.is_empty())
    }

    /// Whether a Close waits in the queue.
    pub(super) fn is_closing(&self) -> bool {
        let last = self.queue.as_ref().and_then(|queue| queue.entries.back());
        matches!(last, Some(Entry::Close(_)))
    }

    /// The kind of the message in parts that the last entry leaves unfinished, if there is one.
    pub(super) fn queued_part(&self) -> Option<Opcode> {
        match self.queue.as_ref()?.entries.back()? {
            Entry::Data {
                kind, last: false, ..
            } => Some(*kind),
            _ => None,
        }
    }

    /// Queues a payload.
    pub(super) fn push(&mut self, kind: Opcode, payload: Payload, last: bool, compress: Compress) {
        let queue = self.queue.get_or_insert_default();
        queue.len += payload.as_slice().len();
        queue.entries.push_back(Entry::Data {
            kind,
            payload,
            written: 0,
            last,
            compress,
        });
    }

    /// Queues our Close.
    pub(super) fn push_close(&mut self, frame: Option<&CloseFrame<'_>>) {
        let frame = frame.map(|frame| frame.clone().into_owned());
        self.queue
            .get_or_insert_default()
            .entries
            .push_back(Entry::Close(frame));
    }

    /// Moves on to what is next: a Pong that found no room before, then the queue, of which it
    /// encodes what is small and begins a fragment of what is large.
    pub(super) fn pump(&mut self, connection: &mut Connection) {
        connection.settle(&mut self.batch);
        while let Some(queue) = self.queue.as_deref_mut()
            && queue.fragment.is_none()
            && self.batch.len() - queue.written < connection.config().high_water_mark.max(1)
            && !queue.entries.is_empty()
        {
            if Self::advance(queue, &mut self.batch, &mut self.buffered, connection).is_err() {
                // The engine takes no more: the connection has failed in between.
                self.drop_unbegun();
            }
        }
        if !self.is_queueing() {
            connection.release_reply(&mut self.batch);
        }
    }

    fn advance(
        queue: &mut Queue,
        batch: &mut Vec<u8>,
        buffered: &mut usize,
        connection: &mut Connection,
    ) -> Result<(), SendError> {
        let fragment_size = connection.config().fragment_size.max(1);
        let is_alone = queue.entries.len() == 1 && batch.len() == queue.written;
        let (kind, payload, written, last, compress) = match queue.entries.front_mut() {
            None => return Ok(()),
            Some(Entry::Close(frame)) => {
                connection.close(frame.as_ref(), batch)?;
                queue.entries.pop_front();
                return Ok(());
            }
            Some(Entry::Data {
                kind,
                payload,
                written,
                last,
                compress,
            }) => (kind, payload, written, last, *compress),
        };
        let left = payload.as_slice().len() - *written;
        let most = left.min(fragment_size);
        // What is shared cannot be masked where it lies.
        let must_copy = matches!(payload, Payload::Shared(_)) && connection.role() == Role::Client;
        // By all that is known of the message, not by its first fragment.
        let is_compressed = connection.will_compress(left, *last, compress);
        let compress = if is_compressed {
            compress
        } else {
            Compress::Never
        };
        // One write for all that waits, unless this is all.
        let most_encoded = if is_alone {
            payload.most_copied(connection.role())
        } else {
            LARGE
        };
        let is_encoded = must_copy || is_compressed || left <= most_encoded.min(fragment_size);
        // A fragment may be long because it is written from where it lies; in the batch it is not.
        let len = if is_encoded { most.min(LARGE) } else { most };
        let last = *last && len == left;
        let range = *written..*written + len;
        let frame_at = batch.len();
        let compressed = match payload {
            payload if is_encoded => {
                let data = Message::from(&payload.as_slice()[range]);
                let part = Part { data, last };
                connection.send_part_of(*kind, &part, compress, batch)?
            }
            payload => {
                let header = connection.begin_frame_of(*kind, len, last)?;
                if let Payload::Owned(payload) = payload {
                    header.mask(&mut payload[range]);
                }
                queue.fragment = Some(Fragment {
                    header,
                    header_written: 0,
                    payload_left: len,
                });
                queue.fragment_at = batch.len();
                return Ok(());
            }
        };
        if compressed {
            queue.compressed.push_back((frame_at, len));
        }
        queue.len -= len;
        *buffered += len;
        *written += len;
        if len == left {
            queue.entries.pop_front();
        }
        Ok(())
    }

    /// Tells the engine the time. A Ping leaves behind the fragment under way.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        connection: &mut Connection,
    ) -> Option<Instant> {
        if self.moves() {
            connection.note_sent();
        }
        let fragment = self.queue.as_ref().and_then(|it| it.fragment.as_ref());
        let ahead = fragment.map_or(0, |it| it.header_left() + it.payload_left);
        connection.handle_timeout_behind(ahead, now, &mut self.batch)
    }

    /// Drops what has not been begun, but never a part of a frame.
    pub(super) fn drop_unbegun(&mut self) {
        let Some(queue) = self.queue.as_deref_mut() else {
            return;
        };
        queue.cut = queue.fragment.is_some();
        queue.entries.truncate(usize::from(queue.cut));
        let kept = queue.fragment.as_ref();
        let kept = kept.map_or(0, |fragment| fragment.payload_left);
        queue.dropped += queue.len - kept;
        queue.len = kept;
    }

    /// Whether something was written since [`stalled_since`](Self::stalled_since) was last asked,
    /// while data waits.
    pub(super) fn moves(&self) -> bool {
        let queue = self.queue.as_ref();
        queue.is_some_and(|queue| queue.stalled_since.is_none()) && self.buffered_amount() > 0
    }

    /// Since when nothing was written, although something waits, as far as the clock was asked.
    pub(super) fn stalled_since(&mut self, now: Instant) -> Option<Instant> {
        if self.queue.is_none() && self.batch.is_empty() {
            return None;
        }
        if self.is_empty() {
            self.queue.take_if(|queue| queue.dropped == 0);
            return None;
        }
        let queue = self.queue.get_or_insert_default();
        Some(*queue.stalled_since.get_or_insert(now))
    }
}

impl fmt::Debug for Outbox {
    /// Says how much waits, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
