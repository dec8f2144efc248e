//! sansock beside its peers, in memory: no socket, no kernel, no runtime.
//!
//! ```text
//! operations ── cases ──► Peer ── start ──► Work ──► main.rs: ns     ──┐
//! (decode, encode, …)    (peers/*.rs)          └──► count.rs: allocs ──┴► table.rs
//! ```
//!
//! A peer is one line in [`PEERS`] and one file in `peers/`; what it cannot do stays `None`.

pub mod clock;
pub mod deflate;
pub mod json;
pub mod operations;
pub mod peers;
pub mod socket;
pub mod table;

pub use operations::{Case, OPERATIONS, Operation};
pub use peers::{PEERS, Peer};

/// A peer that is set up for one case, and does its operation so many times.
///
/// Each call returns a checksum of what was handed out, so that nobody wins by not doing the work.
pub struct Work {
    run: Box<dyn FnMut(u64) -> u64>,
    lends: bool,
}

impl Work {
    /// Work done by `run`, which is told how many operations to do.
    pub fn new(run: impl FnMut(u64) -> u64 + 'static) -> Self {
        Self {
            run: Box::new(run),
            lends: false,
        }
    }

    /// The same, but the payload is handed on without a copy: not to be compared with those that
    /// make one.
    #[must_use]
    pub fn lending(mut self) -> Self {
        self.lends = true;
        self
    }

    /// Whether the payload is handed on without a copy.
    #[must_use]
    pub fn lends(&self) -> bool {
        self.lends
    }

    /// Does the operation `times` times.
    pub fn run(&mut self, times: u64) -> u64 {
        (self.run)(times)
    }
}

/// Which end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends unmasked.
    Server,
    /// Masks what it sends.
    Client,
}

impl Role {
    /// Its name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    /// How long the header of its frame with so much payload is (§5.2); no longer than 16 bits tell.
    #[must_use]
    pub fn header_len(self, payload: usize) -> usize {
        let length = if payload < 126 { 2 } else { 4 };
        match self {
            Self::Server => length,
            Self::Client => length + 4,
        }
    }
}

/// Looks at a payload that was handed out: every byte must be there, and its ends are read.
#[inline]
pub fn touch(payload: &[u8]) -> u64 {
    let payload = std::hint::black_box(payload);
    let end = |byte: Option<&u8>| byte.copied().map_or(0, u64::from);
    payload.len() as u64 + end(payload.first()) + end(payload.last())
}
