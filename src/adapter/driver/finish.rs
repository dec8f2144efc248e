//! The end in order (RFC 6455 §7.1.1).

use std::{io, task::Poll, time::Duration};

use super::{Driver, Phase, Transport};
use crate::proto::Instant;

/// How many bytes are discarded after the end, at most: 64 KiB less one.
const LINGER_LIMIT: u16 = u16::MAX;

impl Driver {
    /// After the end: flushes, shuts down writing, then reads and discards until the peer has
    /// ended too, so that no reset destroys our Close on its way (RFC 6455 §7.1.1).
    #[cold]
    pub(super) fn poll_finish(&mut self, transport: &mut impl Transport) -> Poll<()> {
        loop {
            // Each phase of the end has set it.
            let deadline = self.deadline.unwrap_or(Instant::ZERO);
            match self.phase {
                Phase::Running => return Poll::Ready(()),
                Phase::Flushing => {
                    self.flush(transport);
                    if self.output_waits() && transport.now() < deadline {
                        self.park();
                        return Poll::Pending;
                    }
                    // What could not be written by now never will be.
                    self.phase = Phase::Shutting;
                }
                Phase::Shutting => {
                    let now = transport.now();
                    match transport.shutdown() {
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                            continue;
                        }
                        Poll::Pending if now < deadline => {
                            self.park();
                            return Poll::Pending;
                        }
                        _ => {}
                    }
                    self.deadline = Some(now + self.config.linger);
                    self.phase = Phase::Lingering(LINGER_LIMIT);
                }
                Phase::Lingering(limit) => {
                    if self.has_write_error() || limit == 0 || transport.now() >= deadline {
                        self.phase = Phase::Done;
                        continue;
                    }
                    if transport.limit_read(Some(deadline), false).is_err() {
                        self.phase = Phase::Done;
                        continue;
                    }
                    match transport.read(self.input.lend()) {
                        Poll::Ready(Ok(n @ 1..)) => {
                            let n = u16::try_from(n).unwrap_or(u16::MAX);
                            self.phase = Phase::Lingering(limit.saturating_sub(n));
                        }
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                        Poll::Ready(_) => self.phase = Phase::Done,
                        Poll::Pending => {
                            self.park();
                            return Poll::Pending;
                        }
                    }
                }
                Phase::Done => {
                    self.deadline = None;
                    self.input.discard();
                    self.park();
                    return Poll::Ready(());
                }
            }
        }
    }

    /// How long the last output may take to be written.
    pub(super) fn finish_timeout(&self) -> Duration {
        self.config.close_timeout.unwrap_or(self.config.linger)
    }
}
