//! Payloads that wait as they were given, and how far the output is written.

use alloc::{collections::VecDeque, vec::Vec};

use bytes::Bytes;

use crate::proto::{
    CloseFrame, Compress, EncodedHeader, FrameHeader, Instant, LARGE, Opcode, RSV1, Role,
};

/// What an outbox has only while a write was partial, or a large payload waits.
#[derive(Default)]
pub(super) struct Queue {
    /// How much of the batch is written.
    pub(super) written: usize,
    /// Where the first frame of the batch begins that is not written to its end.
    pub(super) frame_at: usize,
    /// Where in the batch the fragment under way stands.
    pub(super) fragment_at: usize,
    pub(super) fragment: Option<Fragment>,
    /// Whether the rest of the first entry is dropped after the fragment under way.
    pub(super) cut: bool,
    pub(super) entries: VecDeque<Entry>,
    /// Bytes of payload in `entries` that are not written, nor in the batch.
    pub(super) len: usize,
    /// Bytes of payload that were dropped and never will be written.
    pub(super) dropped: usize,
    /// The compressed frames in the batch: where each begins, and how long it was before.
    pub(super) compressed: VecDeque<(usize, usize)>,
    /// When the clock was first asked since anything was written.
    pub(super) stalled_since: Option<Instant>,
}

impl Queue {
    /// What is to be written of the fragment under way.
    pub(super) fn fragment_slices(&self) -> (&[u8], &[u8]) {
        let (
            Some(fragment),
            Some(Entry::Data {
                payload, written, ..
            }),
        ) = (&self.fragment, self.entries.front())
        else {
            return (&[], &[]);
        };
        let header = &fragment.header.as_bytes()[fragment.header_written..];
        (
            header,
            &payload.as_slice()[*written..][..fragment.payload_left],
        )
    }

    /// Takes note of bytes of the fragment that were written; returns how many were not its own.
    pub(super) fn consume_fragment(&mut self, n: usize) -> usize {
        let (
            Some(fragment),
            Some(Entry::Data {
                payload, written, ..
            }),
        ) = (&mut self.fragment, self.entries.front_mut())
        else {
            return n;
        };
        let header = n.min(fragment.header_left());
        fragment.header_written += header;
        let data = (n - header).min(fragment.payload_left);
        fragment.payload_left -= data;
        *written += data;
        self.len -= data;
        if fragment.header_left() == 0 && fragment.payload_left == 0 {
            let finished = *written == payload.as_slice().len();
            self.fragment = None;
            self.fragment_at = 0;
            if finished || core::mem::take(&mut self.cut) {
                self.entries.pop_front();
            }
        }
        n - header - data
    }

    /// Takes note that `n` more bytes of the batch were written; returns how many of them were
    /// application data.
    pub(super) fn consume_batch(&mut self, n: usize, batch: &[u8]) -> usize {
        let old = self.written;
        let new = old + n;
        self.written = new;
        let mut data = 0;
        while self.frame_at < new {
            // The batch holds whole frames of our own making.
            let frame = &batch[self.frame_at..];
            let Ok(Some((header, len))) = FrameHeader::parse_with(frame, RSV1) else {
                break;
            };
            let payload_at = self.frame_at + len;
            let end = payload_at + usize::try_from(header.payload_len).unwrap_or(0);
            let compressed = self.compressed.front().filter(|it| it.0 == self.frame_at);
            if let Some(&(_, len)) = compressed {
                // How much of it a part of the frame holds nobody can tell.
                if end <= new {
                    data += len;
                    self.compressed.pop_front();
                }
            } else if !header.opcode.is_control() {
                data += end.min(new).saturating_sub(payload_at.max(old));
            }
            if end > new {
                break;
            }
            self.frame_at = end;
        }
        data
    }
}

/// A frame of the first entry: its header, and how much is still to be written.
pub(super) struct Fragment {
    pub(super) header: EncodedHeader,
    pub(super) header_written: usize,
    pub(super) payload_left: usize,
}

impl Fragment {
    pub(super) fn header_left(&self) -> usize {
        self.header.as_bytes().len() - self.header_written
    }
}

/// A payload that waits, or the end.
pub(super) enum Entry {
    Data {
        kind: Opcode,
        payload: Payload,
        written: usize,
        last: bool,
        compress: Compress,
    },
    Close(Option<CloseFrame<'static>>),
}

/// A payload as it was given.
pub(in crate::endpoint) enum Payload {
    /// Ours: a client masks it where it lies.
    Owned(Vec<u8>),
    /// Shared: never written to.
    Shared(Bytes),
}

impl Payload {
    /// The longest payload that leaves by way of the batch although nothing else waits: to copy
    /// more of what is shared costs more than to queue it.
    pub(in crate::endpoint) const fn most_copied(&self, role: Role) -> usize {
        match (self, role) {
            (Self::Shared(_), Role::Server) => 4 << 10,
            (Self::Owned(_), _) | (Self::Shared(_), Role::Client) => LARGE,
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(payload) => payload,
            Self::Shared(payload) => payload,
        }
    }
}
