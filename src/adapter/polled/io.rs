//! What a runtime brings.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll},
    vec::Vec,
};

use crate::proto::Instant;

/// A stream, a clock and a timer of an asynchronous runtime.
///
/// Each method that returns `Pending` has seen to it that the task is woken when calling it again
/// may do more.
pub trait Io: Unpin {
    /// The stream.
    type Stream;

    /// Reads into `buffer`; 0 is the end.
    ///
    /// # Errors
    ///
    /// What the stream fails with.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Appends at most `limit` bytes to `buffer`, which has room for them; 0 is the end.
    ///
    /// # Errors
    ///
    /// What the stream fails with.
    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>>;

    /// Writes from the front of `chunks`.
    ///
    /// # Errors
    ///
    /// What the stream fails with.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Passes on what the stream itself may hold back.
    ///
    /// # Errors
    ///
    /// What the stream fails with.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends writing; reading goes on.
    ///
    /// # Errors
    ///
    /// What the stream fails with.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The time now, by any clock that goes on.
    fn now(&self) -> Instant;

    /// Waits until `deadline`, by the clock of [`now`](Self::now). Asked for again with each
    /// poll, often for a later deadline.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()>;

    /// The stream.
    fn stream(&self) -> &Self::Stream;

    /// The stream.
    fn stream_mut(&mut self) -> &mut Self::Stream;

    /// The stream, and nothing else.
    fn into_stream(self) -> Self::Stream;
}
