//! Which crypto provider TLS uses, for each set of features: none is chosen by surprise.
//!
//! A process of its own, and one test: what is installed for a process stays.
#![cfg(feature = "rustls")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

use std::sync::Arc;

use sansock::{
    Config,
    adapter::{
        self, Error, blocking,
        tls::{self, TlsConnector, rustls::crypto::CryptoProvider},
    },
};

/// Whether one provider alone is on.
const IS_ALONE: bool = cfg!(feature = "rustls-ring") != cfg!(feature = "rustls-aws-lc-rs");

fn build() -> Result<TlsConnector, tls::Error> {
    TlsConnector::builder().roots([]).build()
}

#[test]
fn a_provider_is_told_or_installed_or_alone() {
    if IS_ALONE {
        build().unwrap();
    } else {
        assert!(matches!(build(), Err(tls::Error::NoProvider)));
        // Said before anything is connected: to this port nothing could be.
        let config = Arc::new(Config::default());
        let error = blocking::connect("wss://127.0.0.1:1/", &config).unwrap_err();
        assert!(matches!(error, Error::Tls(tls::Error::NoProvider)));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let connected = runtime
            .unwrap()
            .block_on(adapter::tokio::connect("wss://127.0.0.1:1/", &config));
        let error = connected.unwrap_err();
        assert!(matches!(error, Error::Tls(tls::Error::NoProvider)));
        assert_eq!(error.to_string(), "no crypto provider was chosen for TLS");
    }
    // What is told needs no other, and nothing was installed on the way.
    for provider in providers() {
        let told = TlsConnector::builder().provider(Arc::clone(&provider));
        told.roots([]).build().unwrap();
        assert!(CryptoProvider::get_default().is_none());
    }
    if let Some(provider) = providers().pop() {
        Arc::unwrap_or_clone(provider).install_default().unwrap();
        build().unwrap();
    }
}

fn providers() -> Vec<Arc<CryptoProvider>> {
    vec![
        #[cfg(feature = "rustls-ring")]
        Arc::new(rustls::crypto::ring::default_provider()),
        #[cfg(feature = "rustls-aws-lc-rs")]
        Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    ]
}
