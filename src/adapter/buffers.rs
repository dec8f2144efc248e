//! The thread's buffers, lent to whichever connection is at work.
//!
//! A connection needs a large buffer only while it handles what it just read. Each thread therefore
//! keeps a few, and a connection that waits has none: 10,000 idle connections cost no more buffers
//! than one. A read buffer is zeroed once, when it is made.

use std::{boxed::Box, cell::RefCell, vec, vec::Vec};

/// How much is read at once. Measured: 64 KiB costs a third more per 16 KiB message, and 1 MiB
/// saves a tenth.
pub(super) const READ_SIZE: usize = 256 << 10;

/// The capacity above which a write buffer is freed and not kept.
const MAX_WRITE_CAPACITY: usize = 1 << 20;

/// How many buffers of each kind a thread keeps: more are needed only by connections that hold a
/// lent event while others of the same thread work.
const KEPT: usize = 4;

/// Bytes that were read, and which of them are not yet received.
pub(super) struct ReadBuffer {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl ReadBuffer {
    /// Bytes none of which is received.
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self {
            start: 0,
            end: bytes.len(),
            bytes,
        }
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether it is a thread's. One of a connection that happens to be as large is as good.
    pub(super) const fn is_lent(&self) -> bool {
        self.bytes.len() == READ_SIZE
    }
}

#[derive(Default)]
struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "the boxes are what is lent: who borrows one holds a pointer"
    )]
    read: Vec<Box<ReadBuffer>>,
    write: Vec<Vec<u8>>,
}

std::thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A buffer of [`READ_SIZE`] bytes to read into, of which none are unread; what it holds is of no
/// meaning.
pub(super) fn take_read() -> Box<ReadBuffer> {
    let mut buffer = with_pool(|pool| pool.read.pop())
        .unwrap_or_else(|| Box::new(ReadBuffer::new(vec![0; READ_SIZE])));
    buffer.start = 0;
    buffer.end = 0;
    buffer
}

/// Gives a read buffer back.
pub(super) fn give_read(buffer: Box<ReadBuffer>) {
    if buffer.is_lent() {
        with_pool(|pool| keep(&mut pool.read, buffer));
    }
}

/// An empty buffer to encode into.
pub(super) fn take_write() -> Vec<u8> {
    with_pool(|pool| pool.write.pop()).unwrap_or_default()
}

/// Gives a write buffer back.
pub(super) fn give_write(mut buffer: Vec<u8>) {
    if (1..=MAX_WRITE_CAPACITY).contains(&buffer.capacity()) {
        buffer.clear();
        with_pool(|pool| keep(&mut pool.write, buffer));
    }
}

fn keep<T>(kept: &mut Vec<T>, buffer: T) -> Option<()> {
    (kept.len() < KEPT).then(|| kept.push(buffer))
}

/// Runs `call` with the pool; `None` while the thread ends, when there is none any more.
fn with_pool<T>(call: impl FnOnce(&mut Pool) -> Option<T>) -> Option<T> {
    POOL.try_with(|pool| call(&mut pool.borrow_mut()))
        .ok()
        .flatten()
}
