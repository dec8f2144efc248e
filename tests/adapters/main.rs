//! One behaviour suite for all adapters, over every transport: the same must come of it.
//!
//! An adapter registers itself in [`ADAPTERS`] by implementing the traits of `driven.rs`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

mod blocking;
mod closing;
mod deadlines;
mod driven;
mod futures;
mod lingering;
mod messages;
mod mio;
mod opening;
mod paused;
mod pipe;
mod setup;
#[cfg(feature = "rustls-ring")]
mod tls;
mod tokio;
mod volume;
mod wire;

use driven::Adapter;

/// The adapters under test.
static ADAPTERS: [&dyn Adapter; 4] = [
    &blocking::Blocking,
    &tokio::Tokio,
    &futures::Futures,
    &mio::Mio,
];
