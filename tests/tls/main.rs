//! TLS under every adapter: whom it trusts, what it tells, and that it loses nothing (RFC 6455 §3,
//! §4.1; hostile 51, 52 and 116), with either provider.
//!
//! The peer is rustls's own blocking stream wherever that can be. That each adapter behaves over
//! TLS as over TCP is what `tests/adapters` shows.
#![cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a helper that panics is a failed test, and some are for other suites"
)]

#[path = "../adapters/blocking.rs"]
mod blocking;
mod bytes;
mod certificates;
#[path = "../adapters/driven.rs"]
mod driven;
#[path = "../adapters/futures.rs"]
mod futures;
#[path = "../adapters/mio.rs"]
mod mio;
mod opening;
mod peer;
#[path = "../adapters/pipe.rs"]
mod pipe;
mod records;
#[path = "../adapters/script.rs"]
mod script;
#[path = "../adapters/tokio.rs"]
mod tokio;
mod trust;
mod urls;
#[path = "../adapters/wire.rs"]
mod wire;

use std::sync::Arc;

use driven::Adapter;
use sansock::adapter::tls::rustls::crypto::{CryptoProvider, aws_lc_rs, ring};

/// The adapters under test.
static ADAPTERS: [&dyn Adapter; 4] = [
    &blocking::Blocking,
    &tokio::Tokio,
    &futures::Futures,
    &mio::Mio,
];

const HOST: &str = "server.example.com";

fn ring() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn aws_lc_rs() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
