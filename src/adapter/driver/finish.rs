//! The end in order (RFC 6455 §7.1.1).

use std::{io, task::Poll, time::Duration};

use super::{Driver, Phase, Transport};

/// How many bytes are discarded after the end, at most.
const LINGER_LIMIT: usize = 64 << 10;

impl Driver {
    /// After the end: flushes, shuts down writing, then reads and discards until the peer has
    /// ended too, so that no reset destroys our Close on its way (RFC 6455 §7.1.1).
    pub(super) fn poll_finish(&mut self, transport: &mut impl Transport) -> Poll<()> {
        loop {
            match self.phase {
                Phase::Running => return Poll::Ready(()),
                Phase::Flushing(until) => {
                    self.flush(transport);
                    let now = transport.now();
                    let waits = self.endpoint.wants_write() || self.unflushed;
                    if waits && !self.has_write_error() && now < until {
                        self.deadline = Some(until);
                        self.park();
                        return Poll::Pending;
                    }
                    // What could not be written by now never will be.
                    self.phase = Phase::Shutting(until);
                }
                Phase::Shutting(until) => {
                    let now = transport.now();
                    match transport.shutdown() {
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                            continue;
                        }
                        Poll::Pending if now < until => {
                            self.deadline = Some(until);
                            self.park();
                            return Poll::Pending;
                        }
                        _ => {}
                    }
                    let until = now + self.config.linger;
                    self.phase = Phase::Lingering {
                        until,
                        discarded: 0,
                    };
                }
                Phase::Lingering { until, discarded } => {
                    if self.has_write_error()
                        || discarded >= LINGER_LIMIT
                        || transport.now() >= until
                    {
                        self.phase = Phase::Done;
                        continue;
                    }
                    if transport.limit_read(Some(until), false).is_err() {
                        self.phase = Phase::Done;
                        continue;
                    }
                    match transport.read(self.input.lend()) {
                        Poll::Ready(Ok(n @ 1..)) => {
                            let discarded = discarded.saturating_add(n);
                            self.phase = Phase::Lingering { until, discarded };
                        }
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                        Poll::Ready(_) => self.phase = Phase::Done,
                        Poll::Pending => {
                            self.deadline = Some(until);
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
