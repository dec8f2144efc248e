//! A stream of tokio and tokio's timer.

use std::{
    boxed::Box,
    future::Future,
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

use super::{Incoming, Socket};
use crate::{
    adapter::{Error, clock, polled},
    proto::{
        Config, Connection, Instant,
        handshake::{ClientRequest, Response},
    },
};

/// A stream of tokio, and a timer that is armed the first time a deadline must be waited for.
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Io<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            timer: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> polled::Socket<Io<S>> {
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
        Self::connect_over(Io::new(stream), request, config).await
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
        Self::accept_over(Io::new(stream), config).await
    }

    /// A socket of a connection that is open already, and of bytes behind its handshake.
    pub fn from_parts(stream: S, connection: Connection, unread: Vec<u8>) -> Socket<S> {
        Self::from_connection(Io::new(stream), connection, unread)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> polled::Incoming<Io<S>> {
    /// Waits for a client's request.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] if it is no valid request, which the client was told; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn receive(stream: S, config: &Arc<Config>) -> Result<Incoming<S>, Error> {
        Self::receive_over(Io::new(stream), config).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> polled::Io for Io<S> {
    type Stream = S;

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = buffer.limit(limit);
        // This future keeps nothing between polls, so dropping it loses nothing.
        pin!(self.stream.read_buf(&mut buffer)).poll(cx)
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// The time now by the runtime's clock, which tests may pause.
    fn now(&self) -> Instant {
        clock::from_system(time::Instant::now().into_std())
    }

    /// A timer that is armed for an earlier deadline is left alone until then: deadlines move on
    /// with every message, timers are costly to move.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let Some(deadline) = clock::to_system(deadline).map(time::Instant::from_std) else {
            return Poll::Pending;
        };
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
