//! A stream of futures-io and whatever timer there is.

use std::{
    boxed::Box,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time,
    vec::Vec,
};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Incoming, Socket};
use crate::{
    adapter::{Error, clock, polled},
    proto::{
        Config, Connection, Instant,
        handshake::{ClientRequest, Response},
    },
};

/// How much is read at once straight into a large message: what is filled with zeros before.
const APPEND_SIZE: usize = 64 << 10;

/// A timer of some runtime.
pub trait Timer: Unpin {
    /// Waits until `deadline`. Asked for again with each poll, often for a later deadline.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: time::Instant) -> Poll<()>;
}

/// No timer: poll the socket again yourself when its deadline has passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTimer;

impl Timer for NoTimer {
    fn poll_until(&mut self, _: &mut Context<'_>, deadline: time::Instant) -> Poll<()> {
        if time::Instant::now() >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A stream of futures-io and a timer.
#[derive(Debug)]
pub struct Io<S, T = NoTimer> {
    pub(super) stream: S,
    pub(super) timer: T,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens a connection as a client, over the stream that `connector` comes to.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if `connector` fails, [`Error::Refused`] with the server's answer,
    /// [`Error::Connection`] if the handshake failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn connect(
        connector: impl Future<Output = io::Result<S>>,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Self, Box<Response>), Error> {
        Socket::connect_with_timer(connector, NoTimer, request, config).await
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
        Socket::accept_with_timer(stream, NoTimer, config).await
    }

    /// A socket of a connection that is open already, and of bytes behind its handshake.
    pub fn from_parts(stream: S, connection: Connection, unread: Vec<u8>) -> Self {
        let io = Io {
            stream,
            timer: NoTimer,
        };
        Self::from_connection(io, connection, unread)
    }

    /// The same socket with a timer, so that its deadlines hold by themselves.
    pub fn with_timer<T: Timer>(self, timer: T) -> Socket<S, T> {
        self.map_io(|io| Io {
            stream: io.stream,
            timer,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Socket<S, T> {
    /// [`connect`](Self::connect) with a timer, which the handshake's deadline needs.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn connect_with_timer(
        connector: impl Future<Output = io::Result<S>>,
        timer: T,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Self, Box<Response>), Error> {
        let stream = connector.await?;
        Self::connect_over(Io { stream, timer }, request, config).await
    }

    /// [`accept`](Self::accept) with a timer, which the handshake's deadline needs.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn accept_with_timer(
        stream: S,
        timer: T,
        config: &Arc<Config>,
    ) -> Result<Self, Error> {
        Self::accept_over(Io { stream, timer }, config).await
    }

    /// When to poll the socket again although nothing happened.
    #[must_use]
    pub fn next_deadline(&self) -> Option<time::Instant> {
        clock::to_system(self.deadline()?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Incoming<S, T> {
    /// Waits for a client's request.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if it is no valid request, which the client was told; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn receive(stream: S, timer: T, config: &Arc<Config>) -> Result<Self, Error> {
        Self::receive_over(Io { stream, timer }, config).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> polled::Io for Io<S, T> {
    type Stream = S;

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        buffer.resize(before + limit.min(APPEND_SIZE), 0);
        let read = self.poll_read(cx, &mut buffer[before..]);
        let appended = match read {
            Poll::Ready(Ok(n)) => n.min(buffer.len() - before),
            _ => 0,
        };
        buffer.truncate(before + appended);
        Poll::Ready(Ok(ready!(read)?))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        match chunks {
            [chunk] => stream.poll_write(cx, chunk),
            chunks => stream.poll_write_vectored(cx, chunks),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        match clock::to_system(deadline) {
            Some(deadline) => self.timer.poll_until(cx, deadline),
            None => Poll::Pending,
        }
    }

    fn stream(&self) -> &S {
        &self.stream
    }

    fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    fn into_stream(self) -> S {
        self.stream
    }
}
