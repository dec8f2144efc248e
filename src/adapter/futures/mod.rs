//! WebSockets over any `AsyncRead + AsyncWrite` of futures-io: async-std's, smol's, and all that
//! `futures` itself offers.
//!
//! These traits know streams but no time. So a socket takes a [`Timer`] of your runtime with
//! [`Socket::with_timer`](crate::adapter::polled::Socket::with_timer), or hands out its
//! [`next_deadline`](crate::adapter::polled::Socket::next_deadline) for you to poll it again by;
//! with neither, no timeout holds.
//!
//! At its end a socket closes the stream, which must shut down writing (RFC 6455 §7.1.1).
//! `smol::net::TcpStream` does; `smol::Async<std::net::TcpStream>` only flushes, and its peer sees the
//! end no sooner than after [`Config::linger`](crate::Config::linger).
//!
//! ```
//! use std::sync::Arc;
//! use futures_util::io::Cursor;
//! use sansock::{Config, adapter::futures::Socket, proto::Connection};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! // A connection that is open already, over a stream of bytes in memory.
//! let connection = Connection::server(&Arc::new(Config::default()));
//! let stream = Cursor::new(b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58".to_vec());
//! let mut socket = Socket::from_parts(stream, connection, Vec::new());
//! let message = socket.recv().await?;
//! assert_eq!(message, Some("Hello".into()));
//! # Ok::<(), sansock::adapter::Error>(())
//! # }).unwrap();
//! ```

mod bytes;
mod io;
#[cfg(feature = "web")]
mod web;

pub use self::io::{Io, NoTimer, Timer};
#[cfg(feature = "web")]
pub use self::web::{Futures, WebSocket, WebSocketStream};
use crate::adapter::polled;

/// An open connection over a stream of futures-io.
pub type Socket<S, T = NoTimer> = polled::Socket<Io<S, T>>;

/// A connection as one run of bytes each way: `AsyncRead`, `AsyncBufRead` and `AsyncWrite` of
/// futures-io.
pub type ByteStream<S, T = NoTimer> = polled::ByteStream<Io<S, T>>;

/// A client's request on a stream of futures-io that waits for a decision.
pub type Incoming<S, T = NoTimer> = polled::Incoming<Io<S, T>>;
