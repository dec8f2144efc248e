//! An extractor for handlers of axum 0.8.
//!
//! ```no_run
//! use axum::{Router, response::Response, routing::any};
//! use sansock::adapter::{Error, axum::WebSocketUpgrade, hyper::Socket};
//!
//! async fn handler(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade
//!         .protocols(["chat"])
//!         .on_failed_upgrade(|error| eprintln!("{error}"))
//!         .on_upgrade(async |socket| {
//!             let _ = echo(socket).await;
//!         })
//! }
//!
//! async fn echo(mut socket: Socket) -> Result<(), Error> {
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! # async fn run() -> std::io::Result<()> {
//! let app = Router::new().route("/ws", any(handler));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! HTTP/1.1 only: a request of HTTP/2, an extended CONNECT (RFC 8441) too, is refused with a 505.

use std::{borrow::ToOwned, boxed::Box, fmt, string::String, sync::Arc};

use axum_core::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::request::Parts;

use super::{
    Error,
    hyper::{Incoming, Socket, UpgradeError},
};
use crate::proto::{
    Config,
    handshake::{Accept, Request},
};

/// A valid request to open a WebSocket connection, for [`on_upgrade`](Self::on_upgrade) to accept.
///
/// Any other request is rejected with the response of [`UpgradeError`]. A handler that also
/// answers others takes a `Result<WebSocketUpgrade, UpgradeError>`.
///
/// Which pages may connect is for the handler to say: ask
/// [`request`](Self::request)`().check_origin(…)` before.
#[must_use = "the request is accepted by `on_upgrade`"]
pub struct WebSocketUpgrade {
    incoming: Incoming,
    config: Arc<Config>,
    subprotocol: Option<String>,
    on_failed: Box<dyn FnOnce(Error) + Send>,
}

impl WebSocketUpgrade {
    /// Selects the first of these subprotocols that the client offers; none if it offers none of
    /// them.
    pub fn protocols<I: IntoIterator<Item: AsRef<str>>>(mut self, known: I) -> Self {
        let is_offered = |name: &I::Item| {
            let mut offered = self.incoming.request().subprotocols();
            offered.any(|offered| offered == name.as_ref())
        };
        let selected = known.into_iter().find(is_offered);
        self.subprotocol = selected.map(|name| name.as_ref().to_owned());
        self
    }

    /// Sets the connection's limits and timeouts, and whether offers of permessage-deflate are
    /// accepted; without it, the default's.
    pub fn config(mut self, config: &Arc<Config>) -> Self {
        self.config = Arc::clone(config);
        self
    }

    /// Sets what is called instead of the callback of [`on_upgrade`](Self::on_upgrade) if there will
    /// be no connection: the client has gone, for one.
    pub fn on_failed_upgrade(mut self, callback: impl FnOnce(Error) + Send + 'static) -> Self {
        self.on_failed = Box::new(callback);
        self
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        self.incoming.request()
    }

    /// The subprotocol that [`protocols`](Self::protocols) selected.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Accepts the request: the response to return, and `callback` in a task of its own for the
    /// socket that is open once the response was sent.
    ///
    /// Return it as it is, with further headers at most: see
    /// [`Upgrading`](super::hyper::Upgrading).
    #[must_use = "without the response there is no connection"]
    pub fn on_upgrade<F>(self, callback: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut accept = Accept::new();
        if let Some(name) = &self.subprotocol {
            accept = accept.subprotocol(name);
        }
        let (response, upgrading) = match self.incoming.accept(&accept, &self.config) {
            Ok(accepted) => accepted,
            Err(error) => return UpgradeError::from(error).into_response(),
        };
        let on_failed = self.on_failed;
        ::tokio::spawn(async move {
            match upgrading.await {
                Ok(socket) => callback(socket).await,
                Err(error) => on_failed(error),
            }
        });
        response.map(|()| Body::empty())
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = UpgradeError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, UpgradeError> {
        Ok(Self {
            incoming: Incoming::receive_parts(parts)?,
            config: Arc::default(),
            subprotocol: None,
            on_failed: Box::new(|_| {}),
        })
    }
}

impl IntoResponse for UpgradeError {
    fn into_response(self) -> Response {
        self.response().map(Body::from)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("request", self.request())
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}
