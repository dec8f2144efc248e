//! WebSockets over any `AsyncRead + AsyncWrite` of tokio.
//!
//! ```no_run
//! use std::sync::Arc;
//! use sansock::{Config, adapter};
//! use tokio::net::TcpListener;
//!
//! # async fn run() -> Result<(), adapter::Error> {
//! let config = Arc::new(Config::default());
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     let config = Arc::clone(&config);
//!     tokio::spawn(async move {
//!         let mut socket = adapter::tokio::Socket::accept(stream, &config).await?;
//!         // Lent events: no copy, no allocation, one write for all that one read brought.
//!         while socket.fill().await? {
//!             while let Some((event, mut reply)) = socket.next_with_reply() {
//!                 if let Some(message) = event.into_message() {
//!                     reply.send(message)?;
//!                 }
//!             }
//!             if !socket.can_send() {
//!                 socket.flush().await?;
//!             }
//!         }
//!         Ok::<(), adapter::Error>(())
//!     });
//! }
//! # }
//! ```
//!
//! Deadlines and keep-alive need a runtime with its time driver enabled.

mod bytes;
#[cfg(feature = "url")]
mod connect;
mod io;
#[cfg(feature = "web")]
mod web;

#[cfg(feature = "url")]
pub use self::connect::connect;
#[cfg(all(feature = "rustls", feature = "url"))]
pub use self::connect::connect_with_tls;
pub use self::io::Io;
#[cfg(feature = "web")]
pub use self::web::{Tokio, WebSocket, WebSocketStream};
use crate::adapter::polled;

/// An open connection over a stream of tokio.
pub type Socket<S> = polled::Socket<Io<S>>;

/// A connection as one run of bytes each way: `AsyncRead`, `AsyncBufRead` and `AsyncWrite` of tokio.
pub type ByteStream<S> = polled::ByteStream<Io<S>>;

/// A client's request on a stream of tokio that waits for a decision.
pub type Incoming<S> = polled::Incoming<Io<S>>;
