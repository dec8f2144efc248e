//! What an adapter brings.

#[cfg(feature = "mio")]
use std::io::Read;
use std::{
    io::{self, ErrorKind, IoSlice},
    task::Poll,
    vec::Vec,
};

use crate::proto::Instant;

/// What the driver moves bytes over. `Pending` is "would block".
pub(in crate::adapter) trait Transport {
    /// Whether a read waits by itself, so that it must be told the deadline before.
    const BLOCKS: bool = false;

    /// Reads into `buffer`; 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Appends at most `limit` bytes to `buffer`, which has room for them; 0 is the end.
    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>>;
    /// Writes from the front of `chunks`.
    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
    /// Passes on what the transport itself may hold back.
    fn flush(&mut self) -> Poll<io::Result<()>>;
    /// Ends writing; reading goes on.
    fn shutdown(&mut self) -> Poll<io::Result<()>>;
    /// The time now.
    fn now(&self) -> Instant;
    /// Told before each read until when it may block, for a transport whose reads do: until
    /// `deadline`, and only briefly if output waits.
    fn limit_read(&mut self, deadline: Option<Instant>, output_waits: bool) -> io::Result<()> {
        let _ = (deadline, output_waits);
        Ok(())
    }
}

/// A result of a stream that never blocks as a poll. A time limit there is the system's, which has
/// given the peer up.
#[cfg(feature = "mio")]
pub(in crate::adapter) fn would_block<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// A result of a stream that blocks as a poll: what ran into its time limit would block. So would
/// what a signal broke off, for to make that call again is to begin the limit anew.
pub(in crate::adapter) fn would_block_longer<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

/// What a stream says it read where there was `room` for so much. One that says more lies: behind
/// what it read is what the thread's buffer held before, of another connection maybe.
pub(in crate::adapter) fn within(
    room: usize,
    read: Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    match read {
        Poll::Ready(Ok(n)) if n > room => Poll::Ready(Err(io::Error::new(
            ErrorKind::InvalidData,
            "the stream says it read more than there was room for",
        ))),
        read => read,
    }
}

/// Appends at most `limit` bytes of `stream` to `buffer`, reading into its spare capacity without
/// filling that first. What came before an error counts; the error comes again, or the end does.
#[cfg(feature = "mio")]
pub(in crate::adapter) fn read_to_spare(
    stream: &mut impl Read,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> Poll<io::Result<usize>> {
    let before = buffer.len();
    let result = stream.take(limit as u64).read_to_end(buffer);
    match buffer.len() - before {
        0 => would_block(result),
        n => Poll::Ready(Ok(n)),
    }
}
