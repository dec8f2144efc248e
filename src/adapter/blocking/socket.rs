//! A connection on a blocking stream.

use std::{
    boxed::Box,
    fmt,
    io::{self, IoSlice},
    sync::Arc,
    task::Poll,
    time::Duration,
    vec::Vec,
};

use super::{Incoming, Stream};
use crate::{
    adapter::{
        Error, Parts, accessors,
        buffers::READ_SIZE,
        clock,
        driver::{Driver, Opening, Transport, would_block_longer},
    },
    endpoint::Endpoint,
    proto::{
        CloseFrame, CloseStatus, Config, Connection, Instant, Message, Part, Prepared, SendOptions,
        handshake::{Accept, ClientRequest, Response},
    },
};

/// How long a write, and a read while output waits, may block: so long at most does one direction
/// keep the other waiting.
pub(super) const TURN: Duration = Duration::from_millis(10);

/// An open connection over a blocking stream.
pub struct Socket<S> {
    stream: S,
    driver: Driver,
    limit: ReadLimit,
}

/// The time limit that was last set for reads.
#[derive(Debug, Default)]
pub(super) struct ReadLimit(Option<Duration>);

impl<S: Stream> Socket<S> {
    /// Opens a connection as a client over a stream that is connected.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the server's answer, [`Error::Connection`] if the handshake failed,
    /// [`Error::Io`].
    pub fn connect(
        stream: S,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Self, Box<Response>), Error> {
        let endpoint = Endpoint::client(request, config, clock::seed()?);
        let mut socket = Self::new(stream, endpoint, config, Vec::new())?;
        match socket.drive(|driver, io| driver.poll_open(io))? {
            Opening::Open(Some(response)) => Ok((socket, response)),
            _ => Err(crate::proto::Error::Eof.into()),
        }
    }

    /// Accepts whatever valid request comes, as a server, with no subprotocol.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if the handshake failed, which the client was told; [`Error::Io`].
    pub fn accept(stream: S, config: &Arc<Config>) -> Result<Self, Error> {
        Incoming::receive(stream, config)?.accept(&Accept::new())
    }

    /// A socket of a connection that is open already, and of bytes behind its handshake.
    ///
    /// # Errors
    ///
    /// If the stream refuses time limits.
    pub fn from_parts(stream: S, connection: Connection, unread: Vec<u8>) -> io::Result<Self> {
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
    ) -> io::Result<Self> {
        stream.set_write_timeout(Some(TURN))?;
        Ok(Self {
            stream,
            driver: Driver::new(endpoint, config, unread, clock::now()),
            limit: ReadLimit::default(),
        })
    }

    /// The stream and what drives it, for another adapter.
    #[cfg(all(feature = "web", feature = "mio"))]
    pub(super) fn into_driver(self) -> (S, Driver) {
        (self.stream, self.driver)
    }

    /// Writes what waits, then reads once: `true` if [`next_event`](Self::next_event) may have
    /// something, `false` once all is over.
    ///
    /// # Errors
    ///
    /// What the transport failed with, once; the terminal event still comes.
    pub fn fill(&mut self) -> io::Result<bool> {
        self.drive(|driver, io| driver.poll_batch(io))
    }

    /// Waits for the next message; `None` once the connection is closed and all is over.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] once, if it ended otherwise than by a closing handshake;
    /// [`Error::Io`].
    pub fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.drive(|driver, io| driver.poll_recv(io))
    }

    /// Sends a message: waits while the high-water mark is reached, then writes without waiting
    /// for the peer to take it all.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.feed(message)?;
        self.try_flush()
    }

    /// Queues a message, waiting while the high-water mark is reached; the next `fill`, `recv` or
    /// `flush` writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    pub fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io))?;
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
        self.drive(|driver, io| driver.poll_ready(io))?;
        self.driver.endpoint_mut().send_with(message, options)?;
        self.try_flush()
    }

    /// Sends a message that was framed before.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io))?;
        self.driver.endpoint_mut().send_prepared(message)?;
        self.try_flush()
    }

    /// Sends a piece of a message as a frame of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Send`], [`Error::Io`].
    pub fn send_part(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.drive(|driver, io| driver.poll_ready(io))?;
        self.driver.endpoint_mut().send_part(part)?;
        self.try_flush()
    }

    /// Waits until all that was sent is written, or the connection has ended, which
    /// [`recv`](Self::recv) tells. Reads meanwhile, one message ahead and no more, so that two peers
    /// that each send much before they receive do not stop each other.
    ///
    /// # Errors
    ///
    /// What writing or reading failed with.
    pub fn flush(&mut self) -> io::Result<()> {
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

    /// Starts the closing handshake behind all that was sent (RFC 6455 §7.1.2). Go on receiving
    /// until the end, or call [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or reason that must not be sent, or if a Close was sent before;
    /// [`Error::Io`].
    pub fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.driver.endpoint_mut().close(frame)?;
        self.try_flush()
    }

    /// Closes if that was not done, and waits for the end; what still comes is discarded.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the transport failed before the closing handshake was complete.
    pub fn end(&mut self) -> Result<CloseStatus, Error> {
        self.drive(|driver, io| driver.poll_end(io))
    }

    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.driver.endpoint_mut()
    }

    pub(super) fn try_flush(&mut self) -> Result<(), Error> {
        self.drive(|driver, io| Poll::Ready(driver.try_flush(io)))
            .map_err(Error::from)
    }

    /// Calls until ready: what would block has run into its time limit.
    pub(super) fn drive<T>(
        &mut self,
        mut call: impl FnMut(&mut Driver, &mut Blocking<'_, S>) -> Poll<T>,
    ) -> T {
        let Self {
            stream,
            driver,
            limit,
        } = self;
        let mut io = Blocking { stream, limit };
        loop {
            if let Poll::Ready(ready) = call(driver, &mut io) {
                return ready;
            }
        }
    }
}

impl<S> Socket<S> {
    pub(super) fn into_inner(self) -> (S, Driver, ReadLimit) {
        (self.stream, self.driver, self.limit)
    }

    pub(super) const fn from_inner(stream: S, driver: Driver, limit: ReadLimit) -> Self {
        Self {
            stream,
            driver,
            limit,
        }
    }

    accessors!();

    /// The stream, the unread input and the unwritten output; the connection is forgotten. The
    /// stream still has the time limits that the socket set last: 10 ms for a write.
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

/// A blocking stream as a transport: what ran into its time limit would block.
pub(super) struct Blocking<'a, S> {
    stream: &'a mut S,
    limit: &'a mut ReadLimit,
}

impl<S: Stream> Transport for Blocking<'_, S> {
    const BLOCKS: bool = true;

    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        would_block_longer(self.stream.read_once(buffer))
    }

    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>> {
        // One read and no more: to go on until the limit would keep the output and the deadlines
        // waiting for a peer that sends byte by byte.
        let before = buffer.len();
        buffer.resize(before + limit.min(READ_SIZE), 0);
        let result = self.stream.read_once(&mut buffer[before..]);
        let n = result.as_ref().map_or(0, |n| *n);
        buffer.truncate(before.saturating_add(n));
        would_block_longer(result)
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        would_block_longer(self.stream.write_vectored(chunks))
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        would_block_longer(self.stream.flush())
    }

    fn shutdown(&mut self) -> Poll<io::Result<()>> {
        would_block_longer(self.stream.shutdown_write())
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn limit_read(&mut self, deadline: Option<Instant>, output_waits: bool) -> io::Result<()> {
        self.limit.set(self.stream, deadline, output_waits)
    }
}

impl ReadLimit {
    /// Sets the time limit of reads if it must be much shorter or longer than it is. So a deadline
    /// may come late by an eighth of its time, and most reads need no further system call.
    pub(super) fn set(
        &mut self,
        stream: &impl Stream,
        deadline: Option<Instant>,
        output_waits: bool,
    ) -> io::Result<()> {
        let left = deadline.map(|deadline| deadline.saturating_since(clock::now()));
        let wanted = match left {
            _ if output_waits => Some(TURN),
            left => left.map(|left| left.max(Duration::from_millis(1))),
        };
        let is_near = match (self.0, wanted) {
            (Some(set), Some(wanted)) => {
                set <= wanted + wanted / 8 && wanted <= set.saturating_mul(2)
            }
            (set, wanted) => set == wanted,
        };
        if !is_near {
            stream.set_read_timeout(wanted)?;
            self.0 = wanted;
        }
        Ok(())
    }
}
