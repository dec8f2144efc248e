//! The browsers' `WebSocketStream`, whose methods block.

use super::{Blocking, WebSocket};
use crate::{
    adapter::web::{
        self, Builder, Opened, Readable, StreamOptions, Writable,
        stream::{ended, handed_over, room},
    },
    proto::Message,
    web::{CloseInfo, DomError, MessageData, StreamError},
};

/// The browsers' `WebSocketStream`, driven by a thread of its own; whoever calls it waits.
pub type WebSocketStream = web::WebSocketStream<Blocking>;

impl WebSocketStream {
    /// Connects to `url`, and returns at once.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn new(url: &str, options: &StreamOptions) -> Result<Self, DomError> {
        let builder = WebSocket::builder(url).protocols(options.protocols.clone());
        let (socket, plan) = builder.prepare()?;
        let stream = Self::new_of(&socket, options.signal.as_ref());
        super::web::drive(&socket, plan);
        Ok(stream)
    }

    /// Waits until it is open. There is one reader: another call takes the place of the one before.
    ///
    /// # Errors
    ///
    /// [`StreamError::WebSocket`] if it never was, [`StreamError::AbortError`] if the signal was
    /// aborted before.
    pub fn opened(&self) -> Result<Opened<Blocking>, StreamError> {
        let opened = |state: &mut web::State<Blocking>| state.stream.as_ref()?.opened();
        self.socket().wait_until(opened)?;
        Ok(self.open())
    }

    /// Waits until it is closed.
    ///
    /// # Errors
    ///
    /// [`StreamError::WebSocket`] if not cleanly, or before all was written;
    /// [`StreamError::AbortError`] if the signal was aborted before it was open.
    pub fn closed(&self) -> Result<CloseInfo, StreamError> {
        let closed = |state: &mut web::State<Blocking>| state.stream.as_ref()?.closed();
        self.socket().wait_until(closed)
    }
}

impl Builder<Blocking> {
    /// Connects, as [`WebSocketStream::new`]. Of the settings, the greatest `bufferedAmount` and the
    /// type of binary messages mean nothing to a stream.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn connect_stream(self) -> Result<WebSocketStream, DomError> {
        let (socket, plan) = self.prepare()?;
        let stream = WebSocketStream::new_of(&socket, None);
        super::web::drive(&socket, plan);
        Ok(stream)
    }
}

impl Iterator for Readable<Blocking> {
    type Item = Result<MessageData, StreamError>;

    /// Waits for a message; `None` after a clean end, and after the error of
    /// [`WebSocketStream::closed`].
    fn next(&mut self) -> Option<Self::Item> {
        self.read_blocking()
    }
}

impl Writable<Blocking> {
    /// Sends a message, and waits until all but 256 KiB was handed to the network.
    ///
    /// # Errors
    ///
    /// [`StreamError::InvalidStateError`] once it closes, or if the transport takes nothing more
    /// and was not read to its end; or the error of [`WebSocketStream::closed`].
    pub fn write<'m>(&mut self, chunk: impl Into<Message<'m>>) -> Result<(), StreamError> {
        self.socket().wait_until(room)?;
        self.send(chunk.into())?;
        self.socket().wait_until(handed_over)
    }

    /// Closes the connection behind all that was written, and waits until that is done. Messages
    /// that were not read by now are dropped.
    ///
    /// # Errors
    ///
    /// The error of [`WebSocketStream::closed`].
    pub fn close(self) -> Result<(), StreamError> {
        self.begin_closing();
        self.socket().wait_until(ended)
    }
}
