//! A connection on a stream of tokio.

use std::{
    boxed::Box,
    fmt,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    vec::Vec,
};

use ::tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{self, Sleep},
};
use bytes::BufMut;

use super::{Incoming, Parts};
use crate::{
    adapter::{
        Error, Reply, clock,
        driver::{Driver, Opening, Transport},
    },
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        CloseFrame, CloseStatus, Config, Connection, Instant, Message, Part, Prepared, State,
        handshake::{Accept, ClientRequest, Response},
    },
};

/// An open connection over a stream of tokio.
pub struct Socket<S> {
    stream: S,
    driver: Driver,
    /// The timer, armed the first time a deadline must be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens a connection as a client over a stream that is connected.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the server's answer, [`Error::Connection`] if the handshake failed,
    /// [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn connect(
        stream: S,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Self, Box<Response>), Error> {
        let endpoint = Endpoint::client(request, config, clock::seed()?);
        let mut socket = Self::new(stream, endpoint, config, Vec::new());
        match socket.drive(|driver, io| driver.poll_open(io)).await? {
            Opening::Open(Some(response)) => Ok((socket, response)),
            _ => Err(crate::proto::Error::Eof.into()),
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
    pub async fn accept(stream: S, config: &Arc<Config>) -> Result<Self, Error> {
        Incoming::receive(stream, config)
            .await?
            .accept(&Accept::new())
            .await
    }

    /// A socket of a connection that is open already, and of bytes behind its handshake.
    pub fn from_parts(stream: S, connection: Connection, unread: Vec<u8>) -> Self {
        let config = Arc::clone(connection.config());
        Self::new(
            stream,
            Endpoint::from_connection(connection),
            &config,
            unread,
        )
    }

    pub(super) fn new(
        stream: S,
        endpoint: Endpoint,
        config: &Arc<Config>,
        unread: Vec<u8>,
    ) -> Self {
        Self {
            stream,
            driver: Driver::new(endpoint, config, unread, now()),
            timer: None,
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
        self.drive(|driver, io| driver.poll_fill(io)).await
    }

    /// The next event of what was read; `None` when it is time to [`fill`](Self::fill).
    #[inline]
    pub fn next_event(&mut self) -> Option<EndpointEvent<'_>> {
        self.driver.next_event().map(|(event, _)| event)
    }

    /// The next event, and a way to answer while it is held.
    #[inline]
    pub fn next_with_reply(&mut self) -> Option<(EndpointEvent<'_>, Reply<'_>)> {
        self.driver
            .next_event()
            .map(|(event, endpoint)| (event, Reply::new(endpoint)))
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
        self.feed(message).await?;
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

    /// Waits until all that was sent is written. Reads meanwhile, so that no peer that also only
    /// sends is stopped.
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

    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.driver.endpoint_mut()
    }

    /// Writes what can be written at once.
    pub(super) async fn try_flush(&mut self) -> Result<(), Error> {
        let flushed = self
            .drive(|driver, io| Poll::Ready(driver.try_flush(io)))
            .await;
        flushed.map_err(Error::Io)
    }

    pub(super) async fn drive<T>(
        &mut self,
        mut call: impl FnMut(&mut Driver, &mut Polled<'_, '_, S>) -> Poll<T>,
    ) -> T {
        poll_fn(|cx| self.poll_drive(cx, &mut call)).await
    }

    /// Calls until it must wait for the transport or for a deadline.
    pub(super) fn poll_drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&mut Driver, &mut Polled<'_, '_, S>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            let mut io = Polled {
                stream: Pin::new(&mut self.stream),
                cx,
            };
            let polled = call(&mut self.driver, &mut io);
            if polled.is_ready() {
                return polled;
            }
            ready!(self.poll_deadline(cx));
        }
    }

    /// Waits for the next deadline. A timer that is armed for an earlier one is left alone until
    /// then: deadlines move on with every message, timers are costly to move.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.driver.deadline().and_then(clock::to_system) else {
            return Poll::Pending;
        };
        let deadline = time::Instant::from_std(deadline);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        if timer.deadline() < deadline && time::Instant::now() < deadline {
            timer.as_mut().reset(deadline);
            return timer.as_mut().poll(cx);
        }
        Poll::Ready(())
    }
}

impl<S> Socket<S> {
    /// The stream, the unread input and the unwritten output; the connection is forgotten.
    pub fn into_parts(self) -> Parts<S> {
        let (unread, events, unsent) = self.driver.into_rest();
        Parts {
            stream: self.stream,
            unread,
            events,
            unsent,
        }
    }

    /// The stream.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream. Reading from it or writing to it would break the connection.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// How far the connection has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.driver.endpoint().state()
    }

    /// How the connection ended; `None` before.
    #[must_use]
    pub fn close_status(&self) -> Option<&CloseStatus> {
        self.driver.endpoint().close_status()
    }

    /// *Subprotocol In Use*, while the connection lasts.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.driver.endpoint().subprotocol()
    }

    /// Bytes of application data that were sent and are not yet written.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.driver.endpoint().buffered_amount()
    }

    /// Whether [`send`](Self::send) would not have to wait.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.driver.endpoint().can_send()
    }

    /// Gives an owned payload's memory back for the next large message.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.driver.endpoint_mut().recycle(buffer);
    }
}

impl<S> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// A stream of tokio as a transport, for the length of one poll.
pub(super) struct Polled<'s, 'c, S> {
    stream: Pin<&'s mut S>,
    cx: &'s mut Context<'c>,
}

impl<S: AsyncRead + AsyncWrite> Transport for Polled<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.stream.as_mut().poll_read(self.cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>> {
        let mut buffer = buffer.limit(limit);
        let mut stream = self.stream.as_mut();
        // This future keeps nothing between polls, so dropping it loses nothing.
        pin!(stream.read_buf(&mut buffer)).poll(self.cx)
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match chunks {
            [chunk] => self.stream.as_mut().poll_write(self.cx, chunk),
            chunks => self.stream.as_mut().poll_write_vectored(self.cx, chunks),
        }
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(self.cx)
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(self.cx)
    }

    fn now(&self) -> Instant {
        now()
    }
}

/// The time now by the runtime's clock, which tests may pause.
fn now() -> Instant {
    clock::from_system(time::Instant::now().into_std())
}
