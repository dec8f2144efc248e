//! TLS for every adapter (RFC 6455 §3, §4.1): `wss:` is a WebSocket over a [`TlsStream`].
//!
//! `blocking::connect` and `tokio::connect` do all of it for a `wss:` URL. Otherwise put a
//! [`TlsStream`] between your stream and the socket; it reads and writes as the stream below does,
//! blocking or not, over std, tokio, futures-io and mio:
//!
//! ```no_run
//! use std::{net::TcpStream, sync::Arc};
//! use sansock::{Config, adapter::{blocking::Socket, tls::TlsConnector}};
//! use sansock::proto::handshake::ClientRequest;
//!
//! # fn run(request: &ClientRequest) -> Result<(), sansock::adapter::Error> {
//! let stream = TcpStream::connect((request.host(), request.port()))?;
//! let stream = TlsConnector::new()?.wrap(stream, request.host())?;
//! let (mut socket, _response) = Socket::connect(stream, request, &Arc::new(Config::default()))?;
//! # Ok(())
//! # }
//! ```
//!
//! # The crypto provider
//!
//! rustls leaves cryptography to a provider, and which one is yours to choose. A connector that is
//! not [told](TlsConnectorBuilder::provider) takes the one that the program installed for the
//! process by [`CryptoProvider::install_default`](rustls::crypto::CryptoProvider::install_default);
//! else that of the feature `rustls-ring` or `rustls-aws-lc-rs`, if exactly one of the two is on;
//! else it fails with [`Error::NoProvider`]. None is ever installed for the process.
//!
//! # Ends
//!
//! Where a transport ends without TLS's `close_notify`, a [`TlsStream`] fails with
//! [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof). To a socket that is an end like any other:
//! whether it was in order is told by the closing handshake of WebSocket alone (RFC 6455 §7.1.4).

mod acceptor;
mod connector;
mod error;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod polled;
mod session;
mod stream;

pub use rustls;

pub use self::{
    acceptor::TlsAcceptor,
    connector::{TlsConnector, TlsConnectorBuilder},
    error::Error,
    stream::TlsStream,
};

/// What both sides offer by ALPN: WebSockets open by a request of HTTP/1.1 (RFC 7301, RFC 6455
/// §4.1).
const ALPN: &[u8] = b"http/1.1";
