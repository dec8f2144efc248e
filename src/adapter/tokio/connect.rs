//! From a URL to an open connection.

use std::{boxed::Box, io, sync::Arc};

use ::tokio::net::TcpStream;

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
/// # Errors
///
/// [`Error::Request`] for a URL that is none, [`Error::Io`] if no address answers (and for `wss:`,
/// whose TLS you bring yourself: [`Socket::connect`] takes any stream), then as
/// [`Socket::connect`].
///
/// # Cancel safety
///
/// Dropping the future drops the connection.
pub async fn connect(
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
    let stream = TcpStream::connect((request.host(), request.port())).await?;
    stream.set_nodelay(true)?;
    Socket::connect(stream, &request, config).await
}
