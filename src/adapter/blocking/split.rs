//! A blocking socket as two halves, for two threads.
//!
//! The read half blocks in reads without holding the lock on the connection; both take it only to
//! handle what came, and to write. So the read half answers Pings and Closes and keeps the
//! deadlines, and must be kept receiving; what the write half left unwritten it goes on to write,
//! a quarter of a second later at most. A write that the peer does not take gives the lock up
//! every few milliseconds.
//!
//! With TLS between, a stream has one state for both directions, and cannot be split so: use one
//! thread, or the halves of an asynchronous adapter.
//!
//! Dropping the write half starts the closing handshake; the read half goes on to the end. Once
//! the read half is dropped nothing is read or answered any more.

use std::{
    boxed::Box,
    fmt,
    io::{self, IoSlice},
    mem,
    net::TcpStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
    vec::Vec,
};

use super::{
    Socket, Stream,
    socket::{ReadLimit, TURN},
};
use crate::{
    adapter::{
        Error, buffers, clock,
        driver::{Driver, Transport, within, would_block_longer},
    },
    proto::{
        CloseFrame, CloseStatus, Instant, Message, Part, Prepared, SendError, SendOptions, State,
    },
};

/// How long a read of the read half may block: so late at most does it see to what the write half
/// has begun meanwhile, a Close that has a deadline or output that the peer did not take at once.
const GLANCE: Duration = Duration::from_millis(250);

/// A stream that two threads can use at once.
pub trait CloneStream: Stream + Sized {
    /// A second handle of the same stream.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn try_clone(&self) -> io::Result<Self>;
}

impl CloneStream for TcpStream {
    fn try_clone(&self) -> io::Result<Self> {
        Self::try_clone(self)
    }
}

#[cfg(unix)]
impl CloneStream for std::os::unix::net::UnixStream {
    fn try_clone(&self) -> io::Result<Self> {
        Self::try_clone(self)
    }
}

/// The half of a [`Socket`] that receives.
pub struct ReadHalf<S> {
    shared: Arc<Shared>,
    stream: S,
    limit: ReadLimit,
    /// What was read and not yet taken by the driver.
    rest: Vec<u8>,
}

/// The half of a [`Socket`] that sends.
pub struct WriteHalf<S: Stream> {
    /// Taken only by [`ReadHalf::reunite`], which takes the half too.
    shared: Option<Arc<Shared>>,
    stream: S,
}

/// Two halves that are not of one socket.
pub struct ReuniteError<S: Stream>(pub ReadHalf<S>, pub WriteHalf<S>);

struct Shared {
    driver: Mutex<Driver>,
    /// Told whenever a half has let go of a driver that has moved on.
    moved: Condvar,
}

impl<S: CloneStream> Socket<S> {
    /// Splits the socket into two halves, for two threads.
    ///
    /// # Errors
    ///
    /// If the stream cannot be cloned; it is closed then.
    pub fn into_split(self) -> io::Result<(ReadHalf<S>, WriteHalf<S>)> {
        let (stream, driver, limit) = self.into_inner();
        let writing = stream.try_clone()?;
        let shared = Arc::new(Shared {
            driver: Mutex::new(driver),
            moved: Condvar::new(),
        });
        let read = ReadHalf {
            shared: Arc::clone(&shared),
            stream,
            limit,
            rest: Vec::new(),
        };
        let write = WriteHalf {
            shared: Some(shared),
            stream: writing,
        };
        Ok((read, write))
    }
}

impl<S: Stream> ReadHalf<S> {
    /// Waits for the next message; `None` once the connection is closed and all is over.
    ///
    /// # Errors
    ///
    /// As [`Socket::recv`].
    pub fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        let Self {
            shared,
            stream,
            limit,
            rest,
        } = self;
        let before = mem::take(rest);
        let mut buffer = buffers::take_read();
        let mut read = (!before.is_empty()).then_some(Ok(&before[..]));
        let received = loop {
            let mut driver = shared.lock();
            let mut io = Half { stream, read };
            let received = driver.poll_recv(&mut io);
            let deadline = driver.deadline();
            let output_waits = driver.output_waits();
            drop(driver);
            shared.moved.notify_all();
            if let Poll::Ready(received) = received {
                if let Some(Ok(later)) = io.read {
                    *rest = later.to_vec();
                }
                break received;
            }
            let glance = clock::now() + GLANCE;
            let deadline = deadline.map_or(glance, |deadline| deadline.min(glance));
            let limited = limit.set(stream, Some(deadline), output_waits);
            let filled = limited.and_then(|()| stream.read_once(&mut buffer.bytes));
            read = match within(buffer.bytes.len(), would_block_longer(filled)) {
                Poll::Ready(Ok(n)) => Some(Ok(&buffer.bytes[..n])),
                Poll::Ready(Err(error)) => Some(Err(error)),
                Poll::Pending => None,
            };
        };
        buffers::give_read(buffer);
        received
    }

    /// How the connection ended; `None` before.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus> {
        self.shared.lock().endpoint().close_status().cloned()
    }

    /// Joins the two halves of one socket again.
    ///
    /// # Errors
    ///
    /// The halves, if they are not of one socket.
    pub fn reunite(self, mut write: WriteHalf<S>) -> Result<Socket<S>, Box<ReuniteError<S>>> {
        let Some(theirs) = write
            .shared
            .take_if(|theirs| Arc::ptr_eq(theirs, &self.shared))
        else {
            return Err(Box::new(ReuniteError(self, write)));
        };
        drop(theirs);
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => {
                let driver = shared.driver.into_inner();
                let mut driver = driver.unwrap_or_else(PoisonError::into_inner);
                driver.supply(&self.rest);
                Ok(Socket::from_inner(self.stream, driver, self.limit))
            }
            // Only the two halves hold it, and both are here.
            Err(shared) => {
                write.shared = Some(Arc::clone(&shared));
                Err(Box::new(ReuniteError(Self { shared, ..self }, write)))
            }
        }
    }
}

impl<S: Stream> WriteHalf<S> {
    /// As [`Socket::send`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.feed(message)?;
        self.try_flush()
    }

    /// As [`Socket::feed`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    pub fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        let message = message.into();
        self.when_ready(|driver| driver.endpoint_mut().send(message))
    }

    /// As [`Socket::send_with`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), Error> {
        let message = message.into();
        self.when_ready(|driver| driver.endpoint_mut().send_with(message, options))?;
        self.try_flush()
    }

    /// As [`Socket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.when_ready(|driver| driver.endpoint_mut().send_prepared(message))?;
        self.try_flush()
    }

    /// As [`Socket::send_part`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    pub fn send_part(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.when_ready(|driver| driver.endpoint_mut().send_part(part))?;
        self.try_flush()
    }

    /// Waits until all that was sent is written.
    ///
    /// # Errors
    ///
    /// What writing failed with.
    pub fn flush(&mut self) -> io::Result<()> {
        self.wait(|driver, io| driver.poll_flush(io)).map(|_| ())
    }

    /// As [`Socket::ping`].
    ///
    /// # Errors
    ///
    /// As [`Socket::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.call(|driver| driver.endpoint_mut().ping(payload))?;
        self.try_flush()
    }

    /// As [`Socket::close`]; the read half goes on to the end.
    ///
    /// # Errors
    ///
    /// As [`Socket::close`].
    pub fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.call(|driver| driver.endpoint_mut().close(frame))?;
        self.try_flush()
    }

    /// How far the connection has come.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.shared {
            Some(shared) => shared.lock().endpoint().state(),
            None => State::Closed,
        }
    }

    /// Whether [`send`](Self::send) would not have to wait.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.shared
            .as_ref()
            .is_some_and(|shared| shared.lock().endpoint().can_send())
    }

    /// Bytes of application data that were sent and are not yet written.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        match &self.shared {
            Some(shared) => shared.lock().endpoint().buffered_amount(),
            None => 0,
        }
    }

    fn try_flush(&mut self) -> Result<(), Error> {
        let Self {
            shared: Some(shared),
            stream,
        } = self
        else {
            return Ok(());
        };
        let flushed = shared.lock().try_flush(&mut Half { stream, read: None });
        Ok(flushed?)
    }

    fn call<R>(
        &self,
        call: impl FnOnce(&mut Driver) -> Result<R, SendError>,
    ) -> Result<R, SendError> {
        match &self.shared {
            Some(shared) => call(&mut shared.lock()),
            None => Err(SendError::NotOpen),
        }
    }

    /// Waits for room, then makes the call, under one lock.
    fn when_ready(
        &mut self,
        call: impl FnOnce(&mut Driver) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        match self.wait(|driver, io| driver.poll_ready(io))? {
            Some(mut driver) => Ok(call(&mut driver)?),
            None => Err(SendError::NotOpen.into()),
        }
    }

    /// Waits for `ready`; the lock under which it was, if there is what to lock: only `reunite`
    /// takes it, which takes the half too.
    fn wait(
        &mut self,
        mut ready: impl FnMut(&mut Driver, &mut Half<'_, S>) -> Poll<io::Result<()>>,
    ) -> io::Result<Option<MutexGuard<'_, Driver>>> {
        let Self { shared, stream } = self;
        let Some(shared) = shared else {
            return Ok(None);
        };
        let mut driver = shared.lock();
        loop {
            if let Poll::Ready(ready) = ready(&mut driver, &mut Half { stream, read: None }) {
                return ready.map(|()| Some(driver));
            }
            // Lets the read half go first: its answers are part of what is to be written.
            let waited = shared.moved.wait_timeout(driver, TURN);
            driver = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<S: Stream> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        // Refused only where a Close was sent already, or none can be.
        let _ = self.close(None);
    }
}

impl Shared {
    /// Locks, also after a panic: a driver is whole between any two calls.
    fn lock(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<S: Stream> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

impl<S: Stream> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different sockets")
    }
}

impl<S: Stream> std::error::Error for ReuniteError<S> {}

/// A stream as a transport that writes, and reads only what was read before the lock was taken.
struct Half<'a, S> {
    stream: &'a mut S,
    read: Option<io::Result<&'a [u8]>>,
}

impl<S: Stream> Transport for Half<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(read) = self.read.take() else {
            return Poll::Pending;
        };
        Poll::Ready(read.map(|bytes| {
            // Both are buffers of the thread, so all of it has room; nothing is lost if not.
            let (now, later) = bytes.split_at(bytes.len().min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            self.read = (!later.is_empty()).then_some(Ok(later));
            now.len()
        }))
    }

    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>> {
        let Some(read) = self.read.take() else {
            return Poll::Pending;
        };
        Poll::Ready(read.map(|bytes| {
            let (now, later) = bytes.split_at(bytes.len().min(limit));
            buffer.extend_from_slice(now);
            self.read = (!later.is_empty()).then_some(Ok(later));
            now.len()
        }))
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
}
