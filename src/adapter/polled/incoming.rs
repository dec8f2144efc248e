//! A request that waits for a decision (RFC 6455 §4.2).

use std::{boxed::Box, fmt, sync::Arc, vec::Vec};

use super::{Io, Socket};
use crate::{
    adapter::{Error, driver::Opening},
    endpoint::Endpoint,
    proto::{
        self, Config,
        handshake::{Accept, Reject, Request},
    },
};

/// A client's request that waits for a decision.
pub struct Incoming<T> {
    socket: Socket<T>,
    request: Box<Request>,
}

impl<T: Io> Incoming<T> {
    /// Waits for a client's request.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if it is no valid request, which the client was told; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn receive_over(io: T, config: &Arc<Config>) -> Result<Self, Error> {
        let mut socket = Socket::new(io, Endpoint::server(config), config, Vec::new());
        match socket.drive(|driver, io| driver.poll_open(io)).await? {
            Opening::Request(request) => Ok(Self { socket, request }),
            Opening::Open(_) => Err(proto::Error::Eof.into()),
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Accepts the request.
    ///
    /// # Errors
    ///
    /// [`Error::Accept`] if `accept` is no valid answer, and the client is told 500, or 426 if it
    /// asked for no WebSocket; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn accept(mut self, accept: &Accept<'_>) -> Result<Socket<T>, Error> {
        if let Err(error) = self.socket.endpoint_mut().accept(accept) {
            self.reject(&Reject::new(error.status())).await?;
            return Err(error.into());
        }
        self.socket.drive(|driver, io| driver.poll_open(io)).await?;
        self.socket.try_flush().await?;
        Ok(self.socket)
    }

    /// Refuses the request, or answers one that asks for no WebSocket, and ends the connection in
    /// order.
    ///
    /// # Errors
    ///
    /// [`Error::Accept`] if `reject` is no valid answer, and the client is told 500;
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn reject(mut self, reject: &Reject<'_>) -> Result<(), Error> {
        let rejected = self.socket.endpoint_mut().reject(reject);
        if rejected.is_err() {
            self.socket.endpoint_mut().reject(&Reject::new(500))?;
        }
        self.socket.end().await?;
        Ok(rejected?)
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
