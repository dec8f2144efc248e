//! From a URL to an open connection.

use std::{boxed::Box, sync::Arc};

use ::tokio::net::TcpStream;

use super::Socket;
#[cfg(feature = "rustls")]
use crate::adapter::tls::TlsConnector;
use crate::{
    adapter::{Error, MaybeTls, security::Security},
    proto::{
        Config,
        handshake::{ClientRequest, Response},
    },
};

/// Connects to a `ws:` or `wss:` URL, or with a [`ClientRequest`] that was made of one: resolves the
/// host, tries each of its addresses, opens.
///
/// ```no_run
/// # async fn run() -> Result<(), sansock::adapter::Error> {
/// use std::sync::Arc;
/// use sansock::{Config, adapter::tokio::connect};
///
/// let config = Arc::new(Config::default());
/// let (mut socket, _response) = connect("ws://127.0.0.1:9001/", &config).await?;
/// socket.send("hello").await?;
/// println!("{:?}", socket.recv().await?);
/// # Ok(())
/// # }
/// ```
///
/// Headers and subprotocols are the request's:
///
/// ```no_run
/// # async fn run() -> Result<(), sansock::adapter::Error> {
/// use std::sync::Arc;
/// use sansock::{Config, adapter::tokio::connect, proto::handshake::ClientRequest};
///
/// let request = ClientRequest::from_url("ws://127.0.0.1:9001/")?
///     .header("Authorization", "Bearer abc")?
///     .subprotocol("chat.example")?;
/// let (socket, response) = connect(request, &Arc::new(Config::default())).await?;
/// # Ok(())
/// # }
/// ```
///
/// `wss:` needs feature `rustls` and a crypto provider; it trusts whom the platform trusts. For
/// more connections than one, and for all other settings, there is `connect_with_tls`.
///
/// [`Config::handshake_timeout`] begins once TCP is connected: to resolve the host and to connect
/// take as long as the system lets them.
///
/// # Errors
///
/// [`Error::Request`] for a URL that is none, [`Error::Io`] if no address answers (and for `wss:`
/// without feature `rustls`), then as [`Socket::connect`], and with TLS `Error::Tls`.
///
/// # Cancel safety
///
/// Dropping the future drops the connection.
pub async fn connect(
    request: impl TryInto<ClientRequest, Error: Into<Error>>,
    config: &Arc<Config>,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let request = request.try_into().map_err(Into::into)?;
    let security = Security::for_request(&request)?;
    open(&request, config, security).await
}

/// [`connect`] with your own settings for the TLS of a `wss:` URL.
///
/// ```no_run
/// # async fn run() -> Result<(), sansock::adapter::Error> {
/// use std::sync::Arc;
/// use sansock::{Config, adapter::{tls::TlsConnector, tokio::connect_with_tls}};
///
/// let (config, tls) = (Arc::new(Config::default()), TlsConnector::new()?);
/// let (mut socket, _response) = connect_with_tls("wss://localhost/", &config, &tls).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`connect`].
///
/// # Cancel safety
///
/// Dropping the future drops the connection.
#[cfg(feature = "rustls")]
pub async fn connect_with_tls(
    request: impl TryInto<ClientRequest, Error: Into<Error>>,
    config: &Arc<Config>,
    tls: &TlsConnector,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let request = request.try_into().map_err(Into::into)?;
    let security = Security::with_connector(&request, tls);
    open(&request, config, security).await
}

async fn open(
    request: &ClientRequest,
    config: &Arc<Config>,
    security: Security,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let stream = TcpStream::connect((request.host(), request.port())).await?;
    stream.set_nodelay(true)?;
    Socket::connect(security.wrap(stream, request)?, request, config).await
}
