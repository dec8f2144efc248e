//! WebSockets without the socket: RFC 6455 as a pure state machine, and thin adapters that drive
//! it over std, tokio, futures-io and mio.
//!
//! ```text
//! your runtime, your transport                     you may enter at any layer
//! ────────────────────────────────────────────────────────────────────────────
//! adapter     blocking  tokio         syscalls, clock, entropy            std
//!    │        futures   mio
//! web         WebSocketCore           the rules of the browsers' WebSocket no_std
//!    │
//! endpoint    Endpoint, Outbox        engine + its output queue           no_std
//!    │
//! proto       handshake → Connection  the engine                          no_std
//! ```
//!
//! An arrow is "may use", and only points down: nothing below `adapter` can name
//! a socket, a clock, a thread, a future or an entropy source. With `default-features = false` the
//! lower three layers build as `no_std` + `alloc`.
//!
//! # The engine in one minute
//!
//! ```no_run
//! # use std::{io::{Read, Write}, net::TcpStream, sync::Arc};
//! use sansock::{Config, Event, proto::{Connection, Instant}};
//!
//! # fn now() -> Instant { Instant::ZERO }
//! # fn serve(mut socket: TcpStream) -> std::io::Result<()> {
//! let mut ws = Connection::server(&Arc::new(Config::default())); // behind its handshake
//! let mut buffer = vec![0; 65_536]; // one per thread, not per connection
//! let mut out = Vec::new();
//! loop {
//!     let n = socket.read(&mut buffer)?;
//!     if n == 0 {
//!         ws.receive_eof();
//!     }
//!     let mut input = &mut buffer[..n];
//!     while let Ok(Some(event)) = ws.receive(&mut input, &mut out) {
//!         if let Event::Message(message) = event {
//!             let _ = ws.send(message, &mut out); // the event borrows the input, not the engine
//!         }
//!     }
//!     let _deadline = ws.handle_timeout(now(), &mut out);
//!     socket.write_all(&out)?; // one write per batch: answers, Pongs, Closes
//!     out.clear();
//!     if ws.is_finished() {
//!         return Ok(());
//!     }
//! }
//! # }
//! ```
//!
//! Four sentences are the whole contract; they stand at [`proto::Connection`].
//!
//! # Adapters
//!
//! With feature `std` (on by default) `adapter::blocking` drives a connection over any
//! `Read + Write`. With feature `tokio` or `futures`, `adapter::tokio` or `adapter::futures` does
//! over any `AsyncRead + AsyncWrite` of tokio or futures-io; both are `adapter::polled` over an `Io`
//! of their own. With feature `mio`, `adapter::mio` does in a loop around mio's `Poll`. All are the
//! same drive loop, and keep the same five rules. With feature `rustls`, `adapter::tls` is a stream
//! for each of them that speaks TLS over another.
//!
//! One thread or task reads and another writes: each socket but mio's has `into_split`. What knows
//! streams and no messages gets one of `AsyncRead + AsyncWrite` by `into_byte_stream`.
//!
//! A server that has an HTTP stack keeps it: `adapter::hyper` upgrades a request of hyper 1,
//! `adapter::axum` is an extractor for axum 0.8, and for others there are conversions from and to
//! the types of the package `http`.
//!
//! # Guides
//!
//! The module [`guide`] goes through one task after another: embedding the engine, a server and a
//! client with tokio, backpressure, closing, compression and memory, migrating from other crates.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `std` (default) | the blocking adapter, the system's clock and entropy |
//! | `deflate` (default) | permessage-deflate, once `Config::deflate` asks for it |
//! | `simd` (default) | the widest vector instructions of the processor, for masking and UTF-8 |
//! | `tokio` | the tokio adapter, with `Stream` and `Sink` |
//! | `futures` | the futures-io adapter, with `Stream` and `Sink` |
//! | `mio` | the mio adapter |
//! | `tracing` | openings, ends and frames told to `tracing`: sizes and codes, never what peers say |
//! | `http` | conversions between the handshake's types and those of the package `http` |
//! | `axum` | `adapter::axum`: an extractor for axum 0.8 |
//! | `hyper` | `adapter::hyper`: an upgrade in a server of hyper 1 |
//! | `url` | `ClientRequest::from_url`, and `connect` to a URL over std and tokio |
//! | `rustls` | `adapter::tls`, and `connect` to a `wss:` URL; no crypto provider |
//! | `rustls-ring`, `rustls-aws-lc-rs` | `rustls` with the provider ring or aws-lc-rs |
//! | `cli` | the command `sansock`, with tokio, futures, mio, url and TLS |
//! | `web` | the browsers' `WebSocket`: the layer `web`, and `adapter::web` over each adapter |
//!
//! Features add names and never change behaviour, but for one: the browsers' `WebSocket` offers
//! compression if it is there. With both crypto providers on, the program must say which one is
//! used.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "std")]
pub mod adapter;
pub mod endpoint;
// Text only: nothing of it is ever built.
#[cfg(doc)]
pub mod guide;
pub mod proto;
#[cfg(feature = "web")]
pub mod web;

pub use endpoint::{Endpoint, EndpointEvent};
pub use proto::{
    Ceiling, CloseCode, CloseFrame, CloseStatus, Config, DeflateConfig, DeflateParams, Event,
    Message, Part, Prepared, ProtocolError, Role, SendError, State, Timeout,
};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
