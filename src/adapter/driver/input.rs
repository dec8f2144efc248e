//! What was read and not yet received, in the thread's buffer or in one of its own.

use std::{boxed::Box, fmt, vec::Vec};

use crate::adapter::buffers::{self, ReadBuffer};

/// Bytes that were read and not yet received: a pointer to them, since a connection that waits
/// mostly has none.
#[derive(Default)]
pub(super) struct Input(Option<Box<ReadBuffer>>);

impl Input {
    /// Bytes that were read elsewhere.
    pub(super) fn new(unread: Vec<u8>) -> Self {
        Self((!unread.is_empty()).then(|| Box::new(ReadBuffer::new(unread))))
    }

    /// A lent buffer to read into; nothing may be unread.
    pub(super) fn lend(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Some(buffer) if buffer.is_lent() => {}
            buffer => *buffer = None,
        }
        &mut self.0.get_or_insert_with(buffers::take_read).bytes
    }

    /// Takes note that `n` bytes were read into the lent buffer.
    pub(super) fn filled(&mut self, n: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.start = 0;
            buffer.end = n.min(buffer.bytes.len());
        }
    }

    /// Gives a lent buffer back; what is unread moves into a right-sized one.
    pub(super) fn park(&mut self) {
        let Some(buffer) = self.0.take_if(|it| it.is_lent() || it.is_empty()) else {
            return;
        };
        *self = Self::new(buffer.unread().to_vec());
        buffers::give_read(buffer);
    }

    pub(super) fn discard(&mut self) {
        self.filled(0);
    }

    /// The buffer, and what is unread of it.
    pub(super) fn parts(&mut self) -> Option<&mut ReadBuffer> {
        self.0.as_deref_mut()
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| buffer.unread())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|buffer| buffer.is_empty())
    }
}

impl fmt::Debug for Input {
    /// Says how much is unread, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("unread", &self.unread().len())
            .finish_non_exhaustive()
    }
}
