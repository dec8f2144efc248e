//! A connection that tasks poll.

use std::{
    boxed::Box,
    fmt,
    future::poll_fn,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    vec::Vec,
};

use super::{
    Incoming, Io,
    wakers::{Side, Wakers},
};
use crate::{
    adapter::{
        Error, Parts, accessors, clock,
        driver::{Driver, Opening, Transport},
    },
    endpoint::Endpoint,
    proto::{
        self, CloseFrame, CloseStatus, Config, Connection, Instant, Message, Part, Prepared,
        SendOptions,
        handshake::{Accept, ClientRequest, Response},
    },
};

/// An open connection, driven by whichever task polls it.
///
/// Each runtime's adapter names its own: `adapter::tokio::Socket<S>`,
/// `adapter::futures::Socket<S>`.
pub struct Socket<T> {
    io: T,
    driver: Driver,
    /// Once it was polled as a `Stream` or a `Sink`, which may be by different tasks.
    wakers: Option<Arc<Wakers>>,
}

impl<T: Io> Socket<T> {
    /// Opens a connection as a client.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the server's answer, [`Error::Connection`] if the handshake failed,
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn connect_over(
        io: T,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Self, Box<Response>), Error> {
        let endpoint = Endpoint::client(request, config, clock::seed()?);
        let mut socket = Self::new(io, endpoint, config, Vec::new());
        match socket.drive(|driver, io| driver.poll_open(io)).await? {
            Opening::Open(Some(response)) => Ok((socket, response)),
            _ => Err(proto::Error::Eof.into()),
        }
    }

    /// Accepts whatever valid request comes, as a server, with no subprotocol.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if the handshake failed, which the client was told; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn accept_over(io: T, config: &Arc<Config>) -> Result<Self, Error> {
        Incoming::receive_over(io, config)
            .await?
            .accept(&Accept::new())
            .await
    }

    /// A socket of a connection that is open already, and of bytes behind its handshake.
    pub fn from_connection(io: T, connection: Connection, unread: Vec<u8>) -> Self {
        let config = Arc::clone(connection.config());
        Self::new(io, Endpoint::from_connection(connection), &config, unread)
    }

    pub(in crate::adapter) fn new(
        io: T,
        endpoint: Endpoint,
        config: &Arc<Config>,
        unread: Vec<u8>,
    ) -> Self {
        let driver = Driver::new(endpoint, config, unread, io.now());
        Self {
            io,
            driver,
            wakers: None,
        }
    }

    /// Writes what waits, then reads once: `true` if [`next_event`](Self::next_event) may have
    /// something, `false` once all is over.
    ///
    /// # Errors
    ///
    /// What the transport failed with, once; the terminal event still comes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn fill(&mut self) -> io::Result<bool> {
        self.drive(|driver, io| driver.poll_batch(io)).await
    }

    /// Waits for the next message; `None` once the connection is closed and all is over.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] once, if it ended otherwise than by a closing handshake;
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.drive(|driver, io| driver.poll_recv(io)).await
    }

    /// Sends a message: waits while the high-water mark is reached, then writes without waiting
    /// for the peer to take it all.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent, nor a part of it.
    pub async fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io)).await?;
        self.driver.endpoint_mut().send(message)?;
        self.try_flush().await
    }

    /// Queues a message, waiting while the high-water mark is reached; the next `fill`, `recv` or
    /// `flush` writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io)).await?;
        Ok(self.driver.endpoint_mut().send(message)?)
    }

    /// [`send`](Self::send) with a say in how.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io)).await?;
        self.driver.endpoint_mut().send_with(message, options)?;
        self.try_flush().await
    }

    /// Sends a message that was framed before.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io)).await?;
        self.driver.endpoint_mut().send_prepared(message)?;
        self.try_flush().await
    }

    /// Sends a piece of a message as a frame of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_part(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io)).await?;
        self.driver.endpoint_mut().send_part(part)?;
        self.try_flush().await
    }

    /// Waits until all that was sent is written, or the connection has ended, which
    /// [`recv`](Self::recv) tells. Reads meanwhile, one message ahead and no more, so that two peers
    /// that each send much before they receive do not stop each other.
    ///
    /// # Errors
    ///
    /// What writing or reading failed with.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.drive(|driver, io| driver.poll_flush(io)).await
    }

    /// Sends a Ping of at most 125 bytes (RFC 6455 §5.5.2).
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// The Ping is queued at once, and never waits.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.driver.endpoint_mut().ping(payload)?;
        self.try_flush().await
    }

    /// Starts the closing handshake behind all that was sent (RFC 6455 §7.1.2). Go on receiving
    /// until the end, or call [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or reason that must not be sent, or if a Close was sent before;
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// The Close is queued at once, and never waits.
    pub async fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.driver.endpoint_mut().close(frame)?;
        self.try_flush().await
    }

    /// Closes if that was not done, and waits for the end; what still comes is discarded.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the transport failed before the closing handshake was complete.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: call it again.
    pub async fn end(&mut self) -> Result<CloseStatus, Error> {
        self.drive(|driver, io| driver.poll_end(io)).await
    }

    pub(super) const fn driver(&self) -> &Driver {
        &self.driver
    }

    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.driver.endpoint_mut()
    }

    /// Writes what can be written at once.
    pub(super) fn try_flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.drive(|driver, io| Poll::Ready(driver.try_flush(io).map_err(Error::from)))
    }

    /// Calls until it is ready. No `async fn`: that would keep its arguments twice, and each
    /// connection's task has room for the largest of these futures.
    pub(super) fn drive<R>(
        &mut self,
        mut call: impl FnMut(&mut Driver, &mut Polled<'_, '_, T>) -> Poll<R>,
    ) -> impl Future<Output = R> {
        poll_fn(move |cx| self.poll_drive(cx, &mut call))
    }

    /// The next message of what was read, for one of two tasks.
    pub(super) fn next_message(&mut self) -> Option<Message<'static>> {
        let before = self.driver.progress();
        let message = self.driver.next_message();
        if before != self.driver.progress() {
            self.wake_other(Side::Read);
        }
        message
    }

    /// Wakes the task that polls the other half than this, if there is one.
    pub(super) fn wake_other(&self, side: Side) {
        if let Some(wakers) = &self.wakers {
            wakers.wake_other(side);
        }
    }

    /// [`poll_drive`](Self::poll_drive) for one of two tasks, as `StreamExt::split` makes them: the
    /// transport wakes both, and one wakes the other if it changed what that waits for.
    pub(super) fn poll_side<R>(
        &mut self,
        side: Side,
        cx: &mut Context<'_>,
        call: impl FnMut(&mut Driver, &mut Polled<'_, '_, T>) -> Poll<R>,
    ) -> Poll<R> {
        let wakers = Arc::clone(self.wakers.get_or_insert_default());
        wakers.register(side, cx.waker());
        let waker = Waker::from(Arc::clone(&wakers));
        let before = self.driver.progress();
        let polled = self.poll_drive(&mut Context::from_waker(&waker), call);
        if before != self.driver.progress() {
            wakers.wake_other(side);
        }
        polled
    }

    /// Calls until it must wait for the transport or for a deadline.
    pub(in crate::adapter) fn poll_drive<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&mut Driver, &mut Polled<'_, '_, T>) -> Poll<R>,
    ) -> Poll<R> {
        loop {
            let polled = call(
                &mut self.driver,
                &mut Polled {
                    io: &mut self.io,
                    cx,
                },
            );
            if polled.is_ready() {
                return polled;
            }
            let Some(deadline) = self.driver.deadline() else {
                return Poll::Pending;
            };
            ready!(self.io.poll_timer(cx, deadline));
        }
    }
}

impl<T: Io> Socket<T> {
    accessors!();

    /// The stream, the unread input and the unwritten output; the connection is forgotten.
    pub fn into_parts(self) -> Parts<T::Stream> {
        let (unread, events, unsent) = self.driver.into_rest();
        Parts {
            stream: self.io.into_stream(),
            unread,
            events,
            unsent,
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T::Stream {
        self.io.stream()
    }

    /// The stream. Reading from it or writing to it would break the connection.
    pub fn get_mut(&mut self) -> &mut T::Stream {
        self.io.stream_mut()
    }

    /// The same connection over another [`Io`] of the same clock.
    pub fn map_io<U: Io>(self, map: impl FnOnce(T) -> U) -> Socket<U> {
        Socket {
            io: map(self.io),
            driver: self.driver,
            wakers: None,
        }
    }

    /// When the next deadline is, by the clock of [`Io::now`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.driver.deadline()
    }
}

impl<T> fmt::Debug for Socket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("state", &self.driver.endpoint().state())
            .finish_non_exhaustive()
    }
}

/// An [`Io`] for the length of one poll.
pub(in crate::adapter) struct Polled<'i, 'c, T> {
    io: &'i mut T,
    cx: &'i mut Context<'c>,
}

impl<T: Io> Transport for Polled<'_, '_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read(self.cx, buffer)
    }

    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>> {
        self.io.poll_read_append(self.cx, buffer, limit)
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.io.poll_write(self.cx, chunks)
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        self.io.poll_flush(self.cx)
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(self.cx)
    }

    fn now(&self) -> Instant {
        self.io.now()
    }
}
