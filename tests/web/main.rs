//! The `WebSocket` interface over each adapter, against a server that is bytes: the same must come
//! of it. Tests are named after the requirements of the standard as the project counts them (`d…`)
//! and the files of the browsers' own tests (`b_…`).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

mod abandoned;
mod adapter;
mod by_hand;
#[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
#[path = "../tls/certificates.rs"]
mod certificates;
mod closing;
mod constructor;
mod dropping;
#[path = "../interop/echo_server.rs"]
mod echo_server;
mod events;
#[path = "../whatwg_fixtures/mod.rs"]
mod fixtures;
mod layer;
mod listeners;
mod opening;
#[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
#[expect(dead_code, reason = "some of it is for the suite of TLS")]
#[path = "../tls/peer.rs"]
mod peer;
mod peers;
#[expect(dead_code, reason = "some of it is for other suites")]
#[path = "../common/random.rs"]
mod random;
mod rows;
#[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
mod secure;
mod sending;
mod server;
#[path = "../interop/set_up.rs"]
mod set_up;
mod silence;
mod stream_bytes;
mod streams;
mod waiting;
mod wakes;

/// Makes a test for each adapter of functions that are generic over it.
macro_rules! everywhere {
    ($($(#[$attribute:meta])* fn $name:ident<$adapter:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            fn run<$adapter: crate::adapter::Adapter>() $body

            crate::on_each_adapter! { over_tcp: tokio blocking futures mio }
        }
    )*};
}

/// The same, and makes another that runs over TLS.
macro_rules! everywhere_and_over_tls {
    ($(fn $name:ident<$adapter:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;

            fn run<$adapter: crate::adapter::Adapter>() $body

            crate::on_each_adapter! { over_tcp: tokio blocking futures mio }

            #[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
            crate::on_each_adapter! {
                over_tls: tokio_over_tls blocking_over_tls futures_over_tls mio_over_tls
            }
        }
    )*};
}

/// Makes a test for each adapter of `run`, over that layer.
macro_rules! on_each_adapter {
    ($layer:ident: $tokio:ident $blocking:ident $futures:ident $mio:ident) => {
        #[test]
        fn $tokio() {
            crate::layer::$layer(run::<sansock::adapter::tokio::Tokio>);
        }

        #[test]
        fn $blocking() {
            crate::layer::$layer(run::<sansock::adapter::blocking::Blocking>);
        }

        #[test]
        fn $futures() {
            crate::layer::$layer(run::<sansock::adapter::futures::Futures>);
        }

        #[test]
        fn $mio() {
            crate::layer::$layer(run::<sansock::adapter::mio::Mio>);
        }
    };
}

use everywhere;
use everywhere_and_over_tls;
use on_each_adapter;
