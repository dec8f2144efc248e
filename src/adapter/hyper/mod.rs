//! An upgrade in a server of hyper 1: its HTTP, our handshake, and a socket of tokio's adapter.
//!
//! ```no_run
//! use std::sync::Arc;
//! use http::{Request, Response};
//! use sansock::{Config, adapter::hyper::upgrade, proto::handshake::Accept};
//!
//! /// For `service_fn`; the connection is served `with_upgrades`.
//! async fn serve(mut request: Request<hyper::body::Incoming>) -> http::Result<Response<String>> {
//!     let config = Arc::new(Config::default());
//!     let (response, socket) = match upgrade(&mut request, &Accept::new(), &config) {
//!         Ok(upgraded) => upgraded,
//!         Err(error) => return Ok(error.response().map(String::from)),
//!     };
//!     tokio::spawn(async move {
//!         let mut socket = socket.await?; // open once the response was sent
//!         while let Some(message) = socket.recv().await? {
//!             socket.send(message).await?;
//!         }
//!         Ok::<(), sansock::adapter::Error>(())
//!     });
//!     Ok(response.map(|()| String::new()))
//! }
//! # let _ = serve;
//! ```
//!
//! HTTP/1.1 only: a request of HTTP/2, an extended CONNECT (RFC 8441) too, is refused with a 505.
//!
//! A client over hyper sends the request of
//! [`ClientHandshake::start_http`], and makes an [`Upgraded`] of what the response comes to.
//!
//! [`ClientHandshake::start_http`]: crate::proto::handshake::ClientHandshake::start_http

mod stream;

use std::{
    error, fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec::Vec,
};

use ::hyper::upgrade::OnUpgrade;
use http::{Extensions, StatusCode, Version, request::Parts};

pub use self::stream::Upgraded;
use crate::{
    adapter::{Error, tokio},
    proto::{
        Config, Connection, Role,
        handshake::{Accept, AcceptError, HandshakeError, Negotiated, Request},
    },
};

/// An open connection over what was a connection of hyper's.
pub type Socket = tokio::Socket<Upgraded>;

/// Accepts a request: the response to return, and the socket that is open once it was sent.
///
/// Offers of permessage-deflate are answered by `config`, unless `accept` says how. To look at the
/// request before it is decided, take an [`Incoming`].
///
/// # Errors
///
/// Whose fault it is that there is no upgrade; answer with its [`response`](UpgradeError::response).
pub fn upgrade<B>(
    request: &mut http::Request<B>,
    accept: &Accept<'_>,
    config: &Arc<Config>,
) -> Result<(http::Response<()>, Upgrading), UpgradeError> {
    Ok(Incoming::receive(request)?.accept(accept, config)?)
}

/// A client's request that waits for a decision: to accept it, or to return any other response.
///
/// Ask [`request`](Self::request)`().check_origin(…)` before: browsers let any page connect.
pub struct Incoming {
    request: Request,
    upgrade: OnUpgrade,
}

impl Incoming {
    /// Checks a request, and takes from it what becomes the connection.
    ///
    /// # Errors
    ///
    /// [`UpgradeError::Request`], [`UpgradeError::NotUpgradable`].
    pub fn receive<B>(request: &mut http::Request<B>) -> Result<Self, UpgradeError> {
        check(request.version())?;
        Self::take(Request::try_from(&*request)?, request.extensions_mut())
    }

    /// [`receive`](Self::receive) for a request without its body.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_parts(parts: &mut Parts) -> Result<Self, UpgradeError> {
        check(parts.version)?;
        Self::take(Request::try_from(&*parts)?, &mut parts.extensions)
    }

    fn take(request: Request, extensions: &mut Extensions) -> Result<Self, UpgradeError> {
        match extensions.remove() {
            Some(upgrade) => Ok(Self { request, upgrade }),
            None => Err(UpgradeError::NotUpgradable),
        }
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Accepts the request: the response to return, and the socket that is open once it was sent.
    ///
    /// # Errors
    ///
    /// An answer that must not be given.
    pub fn accept(
        self,
        accept: &Accept<'_>,
        config: &Arc<Config>,
    ) -> Result<(http::Response<()>, Upgrading), AcceptError> {
        let (response, negotiated) = self.request.http_response(accept, config)?;
        let upgrading = Upgrading {
            upgrade: self.upgrade,
            negotiated,
            config: Arc::clone(config),
        };
        Ok((response, upgrading))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Whether a request came by the only version that is upgraded, before anything else is said of it:
/// in HTTP/2 a GET is not what is lacking.
fn check(version: Version) -> Result<(), HandshakeError> {
    if version == Version::HTTP_11 {
        Ok(())
    } else {
        Err(HandshakeError::HttpVersion)
    }
}

/// The socket to come, for a task of its own: hyper sends the response only after the service
/// returned it. What the client sent behind its request is the first that the socket reads.
///
/// Return the response as it is. hyper does not look at it: where something, a middleware perhaps,
/// makes another of it, the connection is handed out all the same when it would have ended.
///
/// # Errors
///
/// [`Error::Io`] if there will be none: the client has gone, or the connection is not served
/// `with_upgrades`.
///
/// # Cancel safety
///
/// Cancel safe while it is kept; dropping it drops the connection.
#[must_use = "the connection is dropped with it"]
pub struct Upgrading {
    upgrade: OnUpgrade,
    negotiated: Negotiated,
    config: Arc<Config>,
}

impl Future for Upgrading {
    type Output = Result<Socket, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let upgraded = ready!(Pin::new(&mut self.upgrade).poll(cx)).map_err(io::Error::other)?;
        // A server makes no use of a seed.
        let connection =
            Connection::from_negotiated(Role::Server, &self.negotiated, &self.config, [0; 32]);
        Poll::Ready(Ok(Socket::from_parts(
            upgraded.into(),
            connection,
            Vec::new(),
        )))
    }
}

impl fmt::Debug for Upgrading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrading")
            .field("negotiated", &self.negotiated)
            .finish_non_exhaustive()
    }
}

/// Why a request was not upgraded. Complete: the client's fault, the server's, the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// The request breaks a rule of the handshake, or did not come by HTTP/1.1.
    Request(HandshakeError),
    /// Nothing in the request can become a connection: it did not come from hyper, or something
    /// else took it.
    NotUpgradable,
    /// The program must not answer a request like this.
    Accept(AcceptError),
}

impl UpgradeError {
    /// The response for the client: 400, 405 with `Allow`, 426 with `Upgrade` and
    /// `Sec-WebSocket-Version` (RFC 6455 §4.4) or 505, and a line that says which rule is broken;
    /// 500 for what is not the client's fault.
    #[must_use]
    pub fn response(self) -> http::Response<&'static str> {
        let answer = match self {
            Self::Request(error) => error.http_response(),
            Self::NotUpgradable | Self::Accept(_) => None,
        };
        answer.unwrap_or_else(|| {
            let mut response = http::Response::new("");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::NotUpgradable => f.write_str("request has no connection to upgrade"),
            Self::Accept(error) => error.fmt(f),
        }
    }
}

impl error::Error for UpgradeError {}

impl From<HandshakeError> for UpgradeError {
    fn from(error: HandshakeError) -> Self {
        Self::Request(error)
    }
}

impl From<AcceptError> for UpgradeError {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}
