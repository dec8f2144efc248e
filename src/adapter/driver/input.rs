//! What was read and not yet received, in the thread's buffer or in one of its own.

use std::{fmt, mem, vec::Vec};

use crate::adapter::buffers;

/// Bytes that were read and not yet received.
#[derive(Default)]
pub(super) struct Input {
    pub(super) buffer: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Input {
    /// Bytes that were read elsewhere.
    pub(super) const fn new(unread: Vec<u8>) -> Self {
        Self {
            start: 0,
            end: unread.len(),
            buffer: unread,
        }
    }

    /// A lent buffer to read into; nothing may be unread.
    pub(super) fn lend(&mut self) -> &mut [u8] {
        if !self.is_lent() {
            self.buffer = buffers::take_read();
        }
        &mut self.buffer
    }

    /// Takes note that `n` bytes were read into the lent buffer.
    pub(super) fn filled(&mut self, n: usize) {
        self.start = 0;
        self.end = n.min(self.buffer.len());
    }

    /// Gives a lent buffer back; what is unread moves into a right-sized one.
    pub(super) fn park(&mut self) {
        if self.is_lent() {
            let unread = self.unread_mut().to_vec();
            buffers::give_read(mem::take(&mut self.buffer));
            *self = Self::new(unread);
        } else if self.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn discard(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(self.start..self.end)
            .unwrap_or_default()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether the buffer is the thread's. One of ours that happens to be as large is as good.
    fn is_lent(&self) -> bool {
        self.buffer.len() == buffers::READ_SIZE
    }
}

impl fmt::Debug for Input {
    /// Says how much is unread, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("unread", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}
