//! A connection on a non-blocking stream in the user's `Poll`.

use std::{
    fmt,
    io::{self, IoSlice},
    sync::Arc,
    task::Poll,
    time::Duration,
    vec::Vec,
};

use ::mio::{Interest, Registry, Token, event::Event};

use super::Stream;
use crate::{
    adapter::{
        Error, Parts, accessors, clock,
        driver::{Driver, Transport, read_to_spare, would_block},
    },
    endpoint::Endpoint,
    proto::{
        CloseFrame, CloseStatus, Config, Connection, Instant, Message, Part, Prepared, SendOptions,
        handshake::{Accept, AcceptError, ClientRequest, Reject},
    },
};

/// A connection over a non-blocking stream, from its handshake to its end.
pub struct Socket<S> {
    stream: S,
    driver: Driver,
    readiness: Readiness,
}

/// What the last events said that the system would do.
#[derive(Clone, Copy, Debug)]
struct Readiness {
    readable: bool,
    writable: bool,
    /// Whether the peer may have ended writing: then only the end itself shows that all was read.
    read_closed: bool,
}

impl<S: Stream> Socket<S> {
    /// Opens a connection as a client over a stream that is connected or connecting.
    ///
    /// [`EndpointEvent::Open`](crate::EndpointEvent::Open) or
    /// [`EndpointEvent::Refused`](crate::EndpointEvent::Refused) says what comes of it.
    ///
    /// # Errors
    ///
    /// If the system gives no entropy.
    pub fn connect(stream: S, request: &ClientRequest, config: &Arc<Config>) -> io::Result<Self> {
        let endpoint = Endpoint::client(request, config, clock::seed()?);
        let mut socket = Self::new(stream, endpoint, config, Vec::new());
        // A stream that is still connecting must not be asked before its first event.
        socket.readiness.readable = false;
        socket.readiness.writable = false;
        Ok(socket)
    }

    /// Waits for a client's request as a server;
    /// [`EndpointEvent::Request`](crate::EndpointEvent::Request) brings it, to be
    /// answered by [`accept_request`](Self::accept_request) or [`reject`](Self::reject).
    pub fn accept(stream: S, config: &Arc<Config>) -> Self {
        Self::new(stream, Endpoint::server(config), config, Vec::new())
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
        let driver = Driver::new(endpoint, config, unread, clock::now());
        Self::from_driver(stream, driver)
    }

    /// A socket of a connection that was driven over another kind of stream.
    pub(in crate::adapter) const fn from_driver(stream: S, driver: Driver) -> Self {
        // Before the first event the system is asked: it may have been told of already.
        let readiness = Readiness {
            readable: true,
            writable: true,
            read_closed: true,
        };
        Self {
            stream,
            driver,
            readiness,
        }
    }

    /// Registers the stream under `token`, for reading and writing.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(
            &mut self.stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Deregisters the stream.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.stream)
    }

    /// Takes an event of the socket's token; then call [`fill`](Self::fill) until `Pending`.
    pub fn handle_event(&mut self, event: &Event) {
        let ended = event.is_read_closed() || event.is_error();
        let is_wanted = event.is_writable() && self.stream.wants_write();
        self.readiness.readable |= event.is_readable() || ended || is_wanted;
        self.readiness.writable |= event.is_writable() || event.is_write_closed() || ended;
        self.readiness.read_closed |= ended;
    }

    /// Writes what waits, then reads once: `true` if [`next_event`](Self::next_event) may have
    /// something, `false` once all is over; `Pending` until the next event of the token or until
    /// [`timeout`](Self::timeout) has passed.
    ///
    /// # Errors
    ///
    /// What the transport failed with, once; the terminal event still comes.
    #[inline]
    pub fn fill(&mut self) -> Poll<io::Result<bool>> {
        self.drive(|driver, io| driver.poll_batch(io))
    }

    /// The next message; `Ready(None)` once the connection is closed and all is over. Only once
    /// the connection is open: requests and openings are events.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] once, if it ended otherwise than by a closing handshake;
    /// [`Error::Io`].
    pub fn recv(&mut self) -> Poll<Result<Option<Message<'static>>, Error>> {
        self.drive(|driver, io| driver.poll_recv(io))
    }

    /// Accepts the request that waits for a decision; then call [`fill`](Self::fill) as after an
    /// event.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::accept`].
    pub fn accept_request(&mut self, accept: &Accept<'_>) -> Result<(), AcceptError> {
        self.driver.accept(accept)
    }

    /// Refuses the request that waits for a decision; then call [`fill`](Self::fill) as after an
    /// event.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::reject`].
    pub fn reject(&mut self, reject: &Reject<'_>) -> Result<(), AcceptError> {
        self.driver.endpoint_mut().reject(reject)
    }

    /// Sends a message and writes what can be written without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], with [`SendError::Full`](crate::SendError::Full) while the high-water mark
    /// is reached: ask [`can_send`](Self::can_send) first. [`Error::Io`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.feed(message)?;
        self.try_flush()
    }

    /// Queues a message; the next `fill`, `recv` or `flush` writes it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        Ok(self.driver.endpoint_mut().send(message)?)
    }

    /// [`send`](Self::send) with a say in how.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), Error> {
        self.driver.endpoint_mut().send_with(message, options)?;
        self.try_flush()
    }

    /// Sends a message that was framed before.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.driver.endpoint_mut().send_prepared(message)?;
        self.try_flush()
    }

    /// Sends a piece of a message as a frame of its own.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_part(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.driver.endpoint_mut().send_part(part)?;
        self.try_flush()
    }

    /// Writes until nothing waits; `Pending` if the system takes no more for now.
    ///
    /// # Errors
    ///
    /// What writing or reading failed with.
    pub fn flush(&mut self) -> Poll<io::Result<()>> {
        self.drive(|driver, io| driver.poll_flush(io))
    }

    /// Sends a Ping of at most 125 bytes (RFC 6455 §5.5.2).
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.driver.endpoint_mut().ping(payload)?;
        self.try_flush()
    }

    /// Starts the closing handshake behind all that was sent (RFC 6455 §7.1.2).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or reason that must not be sent, or if a Close was sent before;
    /// [`Error::Io`].
    pub fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.driver.endpoint_mut().close(frame)?;
        self.try_flush()
    }

    /// Closes if that was not done, and goes on to the end; what still comes is discarded.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the transport failed before the closing handshake was complete.
    pub fn end(&mut self) -> Poll<Result<CloseStatus, Error>> {
        self.drive(|driver, io| driver.poll_end(io))
    }

    fn try_flush(&mut self) -> Result<(), Error> {
        let Self {
            stream,
            driver,
            readiness,
        } = self;
        Ok(driver.try_flush(&mut Ready { stream, readiness })?)
    }

    #[inline]
    pub(super) fn drive<T>(
        &mut self,
        call: impl FnOnce(&mut Driver, &mut Ready<'_, S>) -> Poll<T>,
    ) -> Poll<T> {
        let Self {
            stream,
            driver,
            readiness,
        } = self;
        call(driver, &mut Ready { stream, readiness })
    }
}

impl<S> Socket<S> {
    /// How long `Poll::poll` may wait at most: until the socket's next deadline.
    pub fn timeout(&self) -> Option<Duration> {
        let deadline = self.driver.deadline()?;
        Some(deadline.saturating_since(clock::now()))
    }

    accessors!();

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
}

impl<S> fmt::Debug for Socket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// A non-blocking stream as a transport: asks the system only for what it said it would do.
pub(super) struct Ready<'a, S> {
    stream: &'a mut S,
    readiness: &'a mut Readiness,
}

impl<S: Stream> Ready<'_, S> {
    /// Takes note of what a read of at most `asked` bytes showed.
    fn note_read(&mut self, read: &Poll<io::Result<usize>>, asked: usize) {
        let drained = match read {
            Poll::Pending => {
                // So the peer had not ended: that it did is an edge to come.
                self.readiness.read_closed = false;
                true
            }
            Poll::Ready(Ok(n @ 1..)) => {
                S::SHORT_READ_MEANS_DRAINED && !self.readiness.read_closed && *n < asked
            }
            Poll::Ready(_) => false,
        };
        self.readiness.readable = !drained;
        // What was read may be what a stream with a state of its own waited for to write.
        self.readiness.writable |= !S::SHORT_READ_MEANS_DRAINED;
    }
}

impl<S: Stream> Transport for Ready<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.readiness.readable {
            return Poll::Pending;
        }
        let asked = buffer.len();
        let read = would_block(self.stream.read(buffer));
        self.note_read(&read, asked);
        read
    }

    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>> {
        if !self.readiness.readable {
            return Poll::Pending;
        }
        let read = read_to_spare(self.stream, buffer, limit);
        self.note_read(&read, limit);
        read
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if !self.readiness.writable {
            return Poll::Pending;
        }
        let written = would_block(match chunks {
            [chunk] => self.stream.write(chunk),
            chunks => self.stream.write_vectored(chunks),
        });
        self.readiness.writable = written.is_ready();
        written
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        would_block(self.stream.flush())
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        would_block(self.stream.shutdown_write())
    }

    fn now(&self) -> Instant {
        clock::now()
    }
}
