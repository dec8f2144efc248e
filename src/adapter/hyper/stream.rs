//! hyper's traits of streams as tokio's.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::hyper::{
    rt::{self, Read, Write},
    upgrade,
};
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection of hyper's became by an upgrade, as a stream of tokio.
#[derive(Debug)]
pub struct Upgraded(upgrade::Upgraded);

/// How much is read at once into memory that must be filled with zeros before: there is no other
/// way to give it to hyper without unsafe code.
const ZEROED_AT_ONCE: usize = 64 << 10;

impl Upgraded {
    /// The stream as hyper gave it.
    #[must_use]
    pub fn into_inner(self) -> upgrade::Upgraded {
        self.0
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut upgrade::Upgraded> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl From<upgrade::Upgraded> for Upgraded {
    fn from(upgraded: upgrade::Upgraded) -> Self {
        Self(upgraded)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let zeroed = buffer.initialized().len() - buffer.filled().len();
        let len = zeroed.max(ZEROED_AT_ONCE.min(buffer.remaining()));
        let mut unfilled = rt::ReadBuf::new(buffer.initialize_unfilled_to(len));
        ready!(self.inner().poll_read(cx, unfilled.unfilled()))?;
        let read = unfilled.filled().len();
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, chunks)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
