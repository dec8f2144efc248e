//! A connection as a stream of futures-io.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::{Io, Timer};
use crate::adapter::polled::ByteStream;

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> AsyncRead for ByteStream<Io<S, T>> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut filled = 0;
        ready!(self.poll_take(cx, buffer.len(), |bytes| {
            buffer[filled..][..bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        }))?;
        Poll::Ready(Ok(filled))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> AsyncBufRead for ByteStream<Io<S, T>> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().poll_unread(cx)
    }

    fn consume(mut self: Pin<&mut Self>, n: usize) {
        ByteStream::consume(&mut self, n);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> AsyncWrite for ByteStream<Io<S, T>> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)
    }
}
