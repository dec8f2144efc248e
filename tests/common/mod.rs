//! What the suites share: the peer's bytes, ways to cut them, and what must come of a failure.
#![allow(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

mod failure;
mod random;
mod run;
mod wire;

use std::sync::Arc;

use sansock::{
    Config, Role,
    proto::{Connection, Instant},
};

pub(crate) use failure::{expect_fail, expect_fail_with};
pub(crate) use random::Random;
pub(crate) use run::{Outcome, feed, in_cuts, one_by_one, run, whole};
pub(crate) use wire::{KEY, Sent, announce, close_payload, decode, frame, frames, masked};

/// Both ends.
pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The seed of every client here.
pub(crate) const SEED: [u8; 32] = [7; 32];

/// An open connection.
pub(crate) fn open(role: Role, config: &Config) -> Connection {
    let config = Arc::new(config.clone());
    match role {
        Role::Client => Connection::client(&config, SEED),
        Role::Server => Connection::server(&config),
    }
}

/// An open connection with every limit and time at its default.
pub(crate) fn open_default(role: Role) -> Connection {
    open(role, &Config::default())
}

/// So many milliseconds after the start.
pub(crate) const fn ms(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

/// So many seconds after the start.
pub(crate) const fn at(seconds: u64) -> Instant {
    ms(seconds * 1_000)
}
