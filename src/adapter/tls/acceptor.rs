//! The server's side.

use std::{sync::Arc, vec};

use rustls::{ServerConfig, ServerConnection};

use super::{ALPN, Error, TlsStream};

/// What a server needs to speak TLS, made of a configuration of rustls. Cheap to clone.
///
/// ```
/// use std::{net::TcpStream, sync::Arc};
/// use sansock::{Config, adapter::{Error, blocking::Socket, tls::{TlsAcceptor, rustls::ServerConfig}}};
///
/// fn accept(stream: TcpStream, tls: Arc<ServerConfig>) -> Result<(), Error> {
///     let stream = TlsAcceptor::from(tls).wrap(stream)?;
///     let mut socket = Socket::accept(stream, &Arc::new(Config::default()))?;
///     while let Some(message) = socket.recv()? {
///         socket.send(message)?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// Puts TLS on a stream from a client.
    ///
    /// Nothing is read or written yet: the handshake is part of the first reads and writes, and so
    /// of what [`Config::handshake_timeout`](crate::Config::handshake_timeout) limits.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] for a configuration that cannot be.
    pub fn wrap<S>(&self, stream: S) -> Result<TlsStream<S>, Error> {
        let connection = ServerConnection::new(Arc::clone(&self.config))?;
        Ok(TlsStream::new(stream, connection.into()))
    }
}

/// ALPN picks `http/1.1` if the configuration names no protocol.
impl From<Arc<ServerConfig>> for TlsAcceptor {
    fn from(mut config: Arc<ServerConfig>) -> Self {
        if config.alpn_protocols.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = vec![ALPN.to_vec()];
        }
        Self { config }
    }
}
