//! What a call of an adapter can fail with.

#[cfg(feature = "url")]
use std::convert::Infallible;
use std::{boxed::Box, fmt, io};

use crate::proto::{
    self, SendError,
    handshake::{AcceptError, Refusal, RequestError},
};
#[cfg(feature = "web")]
use crate::web::Failure;

/// What a call of an adapter failed with: the transport's fault, the peer's, or the program's.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed.
    Io(io::Error),
    /// TLS failed: the peer's certificate is not acceptable, for one.
    #[cfg(feature = "rustls")]
    Tls(super::tls::Error),
    /// The connection ended otherwise than by a closing handshake: the peer broke the protocol, a
    /// deadline passed, or the transport ended.
    Connection(proto::Error),
    /// The server answered the opening handshake with something else than a connection.
    Refused(Box<Refusal>),
    /// The program must not send this now.
    Send(SendError),
    /// The program must not answer a request like this.
    Accept(AcceptError),
    /// The program must not make this request.
    Request(RequestError),
    /// A `WebSocket` failed by the rules of the interface.
    #[cfg(feature = "web")]
    WebSocket(Failure),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.fmt(f),
            Self::Connection(error) => error.fmt(f),
            Self::Refused(refusal) => {
                write!(f, "handshake was refused with status {}", refusal.status())
            }
            Self::Send(error) => error.fmt(f),
            Self::Accept(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
            #[cfg(feature = "web")]
            Self::WebSocket(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

/// What is inside decides: an error of TLS is [`Error::Tls`].
#[cfg(feature = "rustls")]
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Io, Self::Tls)
    }
}

#[cfg(not(feature = "rustls"))]
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(feature = "rustls")]
impl From<super::tls::Error> for Error {
    fn from(error: super::tls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<proto::Error> for Error {
    fn from(error: proto::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<AcceptError> for Error {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}

/// Of a request that is one already.
#[cfg(feature = "url")]
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}
