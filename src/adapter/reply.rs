//! Sending while a lent event is held.

use crate::{
    endpoint::Endpoint,
    proto::{
        CloseFrame, Message, Part, Prepared, SendError, SendOptions,
        handshake::{Accept, AcceptError, Reject},
    },
};

/// The sending side of a socket, lent together with an event.
///
/// What is sent here is queued; the next `fill`, `flush` or wait of the socket writes it. It is
/// not limited by the high-water mark, since one batch of input can only cause so much output:
/// call the socket's `flush` between batches where [`can_send`](Self::can_send) says no.
#[derive(Debug)]
pub struct Reply<'a> {
    endpoint: &'a mut Endpoint,
}

impl<'a> Reply<'a> {
    pub(super) const fn new(endpoint: &'a mut Endpoint) -> Self {
        Self { endpoint }
    }

    #[cfg(all(
        feature = "web",
        any(feature = "futures", feature = "mio", feature = "tokio")
    ))]
    pub(super) const fn endpoint(&self) -> &Endpoint {
        self.endpoint
    }

    /// Queues a whole message.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::send`], but never [`SendError::Full`].
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        self.endpoint.send_unlimited(message)
    }

    /// Queues a whole message, with a say in how.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::send`], but never [`SendError::Full`].
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.endpoint.send_with_unlimited(message, options)
    }

    /// Queues a piece of a message.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::send_part`], but never [`SendError::Full`].
    pub fn send_part(&mut self, part: Part<'_>) -> Result<(), SendError> {
        self.endpoint.send_part_unlimited(part)
    }

    /// Queues a message that was framed before.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::send_prepared`], but never [`SendError::Full`].
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.endpoint.send_prepared_unlimited(message)
    }

    /// Queues a Ping.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.endpoint.ping(payload)
    }

    /// Starts the closing handshake.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::close`].
    pub fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), SendError> {
        self.endpoint.close(frame)
    }

    /// Accepts the request that waits for a decision.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::accept`].
    pub fn accept(&mut self, accept: &Accept<'_>) -> Result<(), AcceptError> {
        self.endpoint.accept(accept)
    }

    /// Refuses the request that waits for a decision.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::reject`].
    pub fn reject(&mut self, reject: &Reject<'_>) -> Result<(), AcceptError> {
        self.endpoint.reject(reject)
    }

    /// Whether less than the high-water mark waits, and the connection is open.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.endpoint.can_send()
    }
}
