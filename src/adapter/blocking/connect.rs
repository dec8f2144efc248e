//! From a URL to an open connection.

use std::{boxed::Box, io, net::TcpStream, sync::Arc};

use super::Socket;
use crate::{
    adapter::Error,
    proto::{
        Config,
        handshake::{ClientRequest, Response},
    },
};

/// Connects to a `ws:` URL over TCP: resolves the host, tries each of its addresses, opens.
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
/// # Errors
///
/// [`Error::Request`] for a URL that is none, [`Error::Io`] if no address answers (and for `wss:`,
/// whose TLS you bring yourself: [`Socket::connect`] takes any stream), then as
/// [`Socket::connect`].
pub fn connect(
    url: &str,
    config: &Arc<Config>,
) -> Result<(Socket<TcpStream>, Box<Response>), Error> {
    let request = ClientRequest::from_url(url)?;
    if request.is_secure() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a wss: URL needs TLS: give Socket::connect a stream that has it",
        )
        .into());
    }
    let stream = TcpStream::connect((request.host(), request.port()))?;
    stream.set_nodelay(true)?;
    Socket::connect(stream, &request, config)
}
