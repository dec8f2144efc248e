//! `Stream` and `Sink`, for those who compose them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Io, Socket, wakers::Side};
use crate::{adapter::Error, proto::Message};

/// Whole messages, as [`Socket::recv`] gives them; ends after an error.
impl<T: Io> Stream for Socket<T> {
    type Item = Result<Message<'static>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let socket = self.get_mut();
        // What was read already needs neither the transport nor its wakers.
        if let Some(message) = socket.next_message() {
            return Poll::Ready(Some(Ok(message)));
        }
        socket
            .poll_side(Side::Read, cx, |driver, io| driver.poll_recv(io))
            .map(Result::transpose)
    }
}

/// Takes messages below the high-water mark. Closing starts the closing handshake and writes all
/// that waits; go on reading the stream for its end.
impl<T: Io> Sink<Message<'static>> for Socket<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let socket = self.get_mut();
        if socket.can_send() {
            return Poll::Ready(Ok(()));
        }
        socket
            .poll_side(Side::Write, cx, |driver, io| driver.poll_ready(io))
            .map_err(Error::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), Error> {
        // Ready means ready: whoever polls the stream may have caused output since.
        Ok(self.get_mut().endpoint_mut().send_unlimited(message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut()
            .poll_side(Side::Write, cx, |driver, io| driver.poll_flush(io))
            .map_err(Error::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Refused only where a Close was sent already, or none can be.
        let _ = self.endpoint_mut().close(None);
        self.poll_flush(cx)
    }
}
