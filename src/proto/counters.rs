//! What went over a connection: counted where [`Config::counters`](super::Config::counters) asks
//! for it, at no cost in memory elsewhere.

use alloc::vec::Vec;
use core::time::Duration;

use super::time::Instant;

/// What went over a connection since its opening handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// What the peer sent.
    pub received: Traffic,
    /// What was encoded for the peer. What waits in an outbox as it was given is not yet.
    pub sent: Traffic,
    /// How long the latest Ping took to be answered by a Pong with its payload (RFC 6455 §5.5.3),
    /// to the precision with which the time is told.
    pub round_trip: Option<Duration>,
    /// How often sending came to the high-water mark, from where on the program must wait.
    pub pauses: u64,
}

/// What went over a connection in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes of frames: headers and payloads.
    pub bytes: u64,
    /// Frames whose header came or went, control frames among them.
    pub frames: u64,
    /// Text and binary messages that are complete.
    pub messages: u64,
    /// Bytes of payload of compressed frames, as they were before (RFC 7692 §6).
    pub uncompressed_bytes: u64,
    /// Bytes of payload of compressed frames.
    pub compressed_bytes: u64,
}

impl Traffic {
    /// How many times shorter compression made what it was used for; `None` if that is nothing.
    #[must_use]
    pub fn compression_ratio(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ratio of counts beyond 2^53 needs no more digits"
        )]
        (self.compressed_bytes > 0)
            .then(|| self.uncompressed_bytes as f64 / self.compressed_bytes as f64)
    }

    /// Counts bytes of frames.
    pub(super) const fn pass(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// Counts a frame of `bytes` bytes.
    pub(super) const fn frame(&mut self, bytes: usize) {
        self.pass(bytes);
        self.frames += 1;
    }

    /// Counts what compression did to a piece of a message.
    #[cfg(feature = "deflate")]
    pub(super) const fn compressed(&mut self, uncompressed: u64, compressed: u64) {
        self.uncompressed_bytes = self.uncompressed_bytes.saturating_add(uncompressed);
        self.compressed_bytes = self.compressed_bytes.saturating_add(compressed);
    }
}

/// What the sending half counts.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) traffic: Traffic,
    pub(super) round_trip: Option<Duration>,
    pub(super) pauses: u64,
    awaited: Option<AwaitedPong>,
}

/// The latest Ping, until it is answered and the time was told.
#[derive(Debug)]
struct AwaitedPong {
    payload: Vec<u8>,
    /// When the time was first told after it.
    since: Option<Instant>,
    answered: bool,
}

impl Sent {
    /// Takes note of a Ping of ours.
    pub(super) fn pinged(&mut self, payload: &[u8]) {
        self.awaited = Some(AwaitedPong {
            payload: payload.to_vec(),
            since: None,
            answered: false,
        });
    }

    /// Takes note of a Pong of the peer.
    pub(super) fn answered(&mut self, payload: &[u8]) {
        if let Some(awaited) = &mut self.awaited {
            awaited.answered |= awaited.payload == payload;
        }
    }

    /// Tells the time, which is that of all that happened since it was last told.
    pub(super) fn tell(&mut self, now: Instant) {
        let Some(awaited) = &mut self.awaited else {
            return;
        };
        let since = *awaited.since.get_or_insert(now);
        if awaited.answered {
            self.round_trip = Some(now.saturating_since(since));
            self.awaited = None;
        }
    }
}
