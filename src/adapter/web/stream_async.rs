//! `WebSocketStream` over asynchronous runtimes.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_sink::Sink;

use super::{
    Asynchronous, Opened, Readable, WebSocketStream, Writable,
    stream::{ended, flushed, handed_over, room},
};
use crate::{
    proto::Message,
    web::{CloseInfo, MessageData, StreamError},
};

impl<R: Asynchronous> WebSocketStream<R> {
    /// Waits until it is open. There is one reader: another call takes the place of the one before.
    ///
    /// # Errors
    ///
    /// [`StreamError::WebSocket`] if it never was, [`StreamError::AbortError`] if the signal was
    /// aborted before.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn opened(&self) -> Result<Opened<R>, StreamError> {
        let socket = self.socket();
        socket
            .until(|state| state.stream.as_ref()?.opened())
            .await?;
        Ok(self.open())
    }

    /// Waits until it is closed.
    ///
    /// # Errors
    ///
    /// [`StreamError::WebSocket`] if not cleanly, or before all was written;
    /// [`StreamError::AbortError`] if the signal was aborted before it was open.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Result<CloseInfo, StreamError> {
        let socket = self.socket();
        socket.until(|state| state.stream.as_ref()?.closed()).await
    }
}

impl<R: Asynchronous> Readable<R> {
    /// Waits for a message; `None` after a clean end.
    ///
    /// # Errors
    ///
    /// The error of [`WebSocketStream::closed`], once.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn read(&mut self) -> Option<Result<MessageData, StreamError>> {
        poll_fn(|cx| self.poll_read(cx)).await
    }
}

/// With errors of `std::io`, this is what combinators of other crates make an `AsyncRead` of, such
/// as `readable.map_err(io::Error::from).into_async_read()` of futures-util. There is also an
/// [`into_async_read`](Readable::into_async_read) of its own.
impl<R: Asynchronous> Stream for Readable<R> {
    type Item = Result<MessageData, StreamError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_read(cx)
    }
}

impl<R: Asynchronous> Writable<R> {
    /// Sends a message, and waits until all but 256 KiB was handed to the network.
    ///
    /// # Errors
    ///
    /// [`StreamError::InvalidStateError`] once it closes, or if the transport takes nothing more
    /// and was not read to its end; or the error of [`WebSocketStream::closed`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message was sent as a whole or not at all.
    pub async fn write<'m>(&mut self, chunk: impl Into<Message<'m>>) -> Result<(), StreamError> {
        let chunk = chunk.into();
        self.socket().until(room).await?;
        self.send(chunk)?;
        self.socket().until(handed_over).await
    }

    /// Closes the connection behind all that was written, and waits until that is done. Messages
    /// that were not read by now are dropped.
    ///
    /// # Errors
    ///
    /// The error of [`WebSocketStream::closed`].
    ///
    /// # Cancel safety
    ///
    /// Closing begins at once, and goes on.
    pub async fn close(self) -> Result<(), StreamError> {
        self.begin_closing();
        self.socket().until(ended).await
    }
}

/// Ready while less than 256 KiB wait; flushed when all was handed to the network, closed when the
/// closing handshake is complete.
impl<R: Asynchronous> Sink<Message<'static>> for Writable<R> {
    type Error = StreamError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.get_mut().waiting().poll(cx, room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), StreamError> {
        self.send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.get_mut().waiting().poll(cx, flushed)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.begin_closing();
        self.get_mut().waiting().poll(cx, ended)
    }
}
