//! What an adapter brings.

use std::{
    io::{self, IoSlice},
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
