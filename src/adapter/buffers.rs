//! The thread's buffers, lent to whichever connection is at work.
//!
//! A connection needs a large buffer only while it handles what it just read. Each thread therefore
//! keeps a few, and a connection that waits has none: 10,000 idle connections cost no more buffers
//! than one. A read buffer is zeroed once, when it is made.

use std::{cell::RefCell, vec, vec::Vec};

/// How much is read at once. Measured: 64 KiB costs a third more per 16 KiB message, and 1 MiB
/// saves a tenth.
pub(super) const READ_SIZE: usize = 256 << 10;

/// The capacity above which a write buffer is freed and not kept.
const MAX_WRITE_CAPACITY: usize = 1 << 20;

/// How many buffers of each kind a thread keeps: more are needed only by connections that hold a
/// lent event while others of the same thread work.
const KEPT: usize = 4;

#[derive(Default)]
struct Pool {
    read: Vec<Vec<u8>>,
    write: Vec<Vec<u8>>,
}

std::thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A buffer of [`READ_SIZE`] bytes to read into; what it holds is of no meaning.
pub(super) fn take_read() -> Vec<u8> {
    with_pool(|pool| pool.read.pop()).unwrap_or_else(|| vec![0; READ_SIZE])
}

/// Gives a read buffer back.
pub(super) fn give_read(buffer: Vec<u8>) {
    if buffer.len() == READ_SIZE {
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

fn keep(kept: &mut Vec<Vec<u8>>, buffer: Vec<u8>) -> Option<()> {
    (kept.len() < KEPT).then(|| kept.push(buffer))
}

/// Runs `call` with the pool; `None` while the thread ends, when there is none any more.
fn with_pool<T>(call: impl FnOnce(&mut Pool) -> Option<T>) -> Option<T> {
    POOL.try_with(|pool| call(&mut pool.borrow_mut()))
        .ok()
        .flatten()
}
