//! From a URL to an open connection.

use std::{boxed::Box, net::TcpStream, sync::Arc};

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
/// use std::sync::Arc;
/// use sansock::{Config, adapter::blocking};
///
/// let config = Arc::new(Config::default());
/// let (mut socket, _response) = blocking::connect("ws://127.0.0.1:9001/", &config)?;
/// socket.send("hello")?;
/// println!("{:?}", socket.recv()?);
/// # Ok::<(), sansock::adapter::Error>(())
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
pub fn connect(
    request: impl TryInto<ClientRequest, Error: Into<Error>>,
    config: &Arc<Config>,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let request = request.try_into().map_err(Into::into)?;
    let security = Security::for_request(&request)?;
    open(&request, config, security)
}

/// [`connect`] with your own settings for the TLS of a `wss:` URL.
///
/// ```no_run
/// use std::sync::Arc;
/// use sansock::{Config, adapter::{blocking, tls::TlsConnector}};
///
/// let (config, tls) = (Arc::new(Config::default()), TlsConnector::new()?);
/// let (mut socket, _response) = blocking::connect_with_tls("wss://localhost/", &config, &tls)?;
/// # Ok::<(), sansock::adapter::Error>(())
/// ```
///
/// # Errors
///
/// As [`connect`].
#[cfg(feature = "rustls")]
pub fn connect_with_tls(
    request: impl TryInto<ClientRequest, Error: Into<Error>>,
    config: &Arc<Config>,
    tls: &TlsConnector,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let request = request.try_into().map_err(Into::into)?;
    let security = Security::with_connector(&request, tls);
    open(&request, config, security)
}

fn open(
    request: &ClientRequest,
    config: &Arc<Config>,
    security: Security,
) -> Result<(Socket<MaybeTls<TcpStream>>, Box<Response>), Error> {
    let stream = TcpStream::connect((request.host(), request.port()))?;
    stream.set_nodelay(true)?;
    Socket::connect(security.wrap(stream, request)?, request, config)
}
