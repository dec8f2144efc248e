//! A request that waits for a decision (RFC 6455 §4.2).

use std::{boxed::Box, fmt, sync::Arc, vec::Vec};

use super::{Socket, Stream};
use crate::{
    adapter::{Error, driver::Opening},
    endpoint::Endpoint,
    proto::{
        self, Config,
        handshake::{Accept, Reject, Request},
    },
};

/// A client's request that waits for a decision.
pub struct Incoming<S> {
    socket: Socket<S>,
    request: Box<Request>,
}

impl<S: Stream> Incoming<S> {
    /// Waits for a client's request.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if it is no valid request, which the client was told; [`Error::Io`].
    pub fn receive(stream: S, config: &Arc<Config>) -> Result<Self, Error> {
        let mut socket = Socket::new(stream, Endpoint::server(config), config, Vec::new())?;
        match socket.drive(|driver, io| driver.poll_open(io))? {
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
    pub fn accept(mut self, accept: &Accept<'_>) -> Result<Socket<S>, Error> {
        if let Err(error) = self.socket.endpoint_mut().accept(accept) {
            self.reject(&Reject::new(error.status()))?;
            return Err(error.into());
        }
        self.socket.drive(|driver, io| driver.poll_open(io))?;
        self.socket.try_flush()?;
        Ok(self.socket)
    }

    /// Refuses the request, or answers one that asks for no WebSocket, and ends the connection in
    /// order.
    ///
    /// # Errors
    ///
    /// [`Error::Accept`] if `reject` is no valid answer, and the client is told 500;
    /// [`Error::Io`].
    pub fn reject(mut self, reject: &Reject<'_>) -> Result<(), Error> {
        let rejected = self.socket.endpoint_mut().reject(reject);
        if rejected.is_err() {
            self.socket.endpoint_mut().reject(&Reject::new(500))?;
        }
        self.socket.end()?;
        Ok(rejected?)
    }
}

impl<S> fmt::Debug for Incoming<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
