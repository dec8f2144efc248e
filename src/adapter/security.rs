//! What a URL's scheme asks of a stream (RFC 6455 §3).

#[cfg(not(feature = "rustls"))]
use std::io;

#[cfg(feature = "rustls")]
use super::tls::TlsConnector;
use super::{Error, MaybeTls};
use crate::proto::handshake::ClientRequest;

/// How a request's stream gets TLS, if its URL asks for that. Made before connecting, so that what
/// cannot be secured is not connected.
pub(super) struct Security {
    #[cfg(feature = "rustls")]
    tls: Option<TlsConnector>,
}

impl Security {
    /// For a program that says nothing of TLS.
    #[cfg(feature = "rustls")]
    pub(super) fn for_request(request: &ClientRequest) -> Result<Self, Error> {
        let tls = match request.is_secure() {
            true => Some(TlsConnector::new()?),
            false => None,
        };
        Ok(Self { tls })
    }

    #[cfg(not(feature = "rustls"))]
    pub(super) fn for_request(request: &ClientRequest) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a wss: URL needs feature `rustls`, or a stream of your own for Socket::connect",
            )
            .into());
        }
        Ok(Self {})
    }

    /// For a program that brings its own settings.
    #[cfg(feature = "rustls")]
    pub(super) fn with_connector(request: &ClientRequest, tls: &TlsConnector) -> Self {
        let tls = request.is_secure().then(|| tls.clone());
        Self { tls }
    }

    /// The stream with what it needs.
    #[cfg(feature = "rustls")]
    pub(super) fn wrap<S>(self, stream: S, request: &ClientRequest) -> Result<MaybeTls<S>, Error> {
        Ok(match self.tls {
            Some(tls) => MaybeTls::Tls(tls.wrap(stream, request.host())?),
            None => MaybeTls::Plain(stream),
        })
    }

    #[cfg(not(feature = "rustls"))]
    pub(super) fn wrap<S>(self, stream: S, _: &ClientRequest) -> Result<MaybeTls<S>, Error> {
        Ok(MaybeTls::Plain(stream))
    }
}
