//! WebSockets over any blocking `Read + Write`, one thread per connection.
//!
//! ```no_run
//! use std::{net::TcpListener, sync::Arc};
//! use sansock::{Config, adapter::blocking};
//!
//! let config = Arc::new(Config::default());
//! for stream in TcpListener::bind("127.0.0.1:9001")?.incoming() {
//!     let (stream, config) = (stream?, Arc::clone(&config));
//!     std::thread::spawn(move || -> Result<(), sansock::adapter::Error> {
//!         let mut socket = blocking::Socket::accept(stream, &config)?;
//!         while let Some(message) = socket.recv()? {
//!             socket.send(message)?;
//!         }
//!         Ok(())
//!     });
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Timeouts and keep-alive work through the stream's own read and write timeouts, see [`Stream`].

#[cfg(feature = "url")]
mod connect;
mod incoming;
#[cfg(all(feature = "web", feature = "mio"))]
mod registrable;
mod socket;
mod split;
mod stream;
#[cfg(all(feature = "web", feature = "mio"))]
mod web;
#[cfg(all(feature = "web", feature = "mio"))]
mod web_stream;

#[cfg(feature = "url")]
pub use self::connect::connect;
#[cfg(all(feature = "rustls", feature = "url"))]
pub use self::connect::connect_with_tls;
pub use self::{
    incoming::Incoming,
    socket::Socket,
    split::{CloneStream, ReadHalf, ReuniteError, WriteHalf},
    stream::{Stream, Untimed},
};
#[cfg(all(feature = "web", feature = "mio"))]
pub use self::{
    registrable::Registrable,
    web::{Blocking, WebSocket},
    web_stream::WebSocketStream,
};
