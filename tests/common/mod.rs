//! What the suites share: the peer's bytes, ways to cut them, and what must come of a failure.
#![allow(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

mod deflate;
mod failure;
mod inflate;
mod random;
mod run;
mod wire;

use std::sync::Arc;

#[cfg(feature = "deflate")]
use sansock::proto::{DeflateParams, handshake::Negotiated};
use sansock::{
    Config, Role,
    proto::{Connection, Instant},
};

pub(crate) use deflate::{Bits, Deflater, bomb};
pub(crate) use failure::{expect_fail, expect_fail_on, expect_fail_with};
pub(crate) use inflate::Inflater;
pub(crate) use random::Random;
pub(crate) use run::{Outcome, feed, in_cuts, in_cuts_on, one_by_one, run, run_on, whole};
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

/// What two ends may agree on, in the order in which the RFC names it (RFC 7692 §7.1).
#[cfg(feature = "deflate")]
pub(crate) fn agreed(
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: u8,
) -> DeflateParams {
    DeflateParams {
        server_no_context_takeover,
        client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    }
}

/// The widest agreement: all windows kept, of 32 KiB each.
#[cfg(feature = "deflate")]
pub(crate) fn widest() -> DeflateParams {
    agreed(false, false, 15, 15)
}

/// An open connection that agreed on compression.
#[cfg(feature = "deflate")]
pub(crate) fn open_deflate(role: Role, config: &Arc<Config>, params: DeflateParams) -> Connection {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(params);
    Connection::from_negotiated(role, &negotiated, config, SEED)
}

/// So many milliseconds after the start.
pub(crate) const fn ms(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

/// So many seconds after the start.
pub(crate) const fn at(seconds: u64) -> Instant {
    ms(seconds * 1_000)
}
