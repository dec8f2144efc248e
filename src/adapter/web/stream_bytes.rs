//! The messages of a `WebSocketStream` as one run of bytes, for what reads an `AsyncRead`.

use std::{
    fmt, io,
    task::{Context, Poll, ready},
};

use super::{Asynchronous, Readable};
use crate::{
    adapter::unread::Unread,
    web::{MessageData, StreamError},
};

/// The bytes of messages that come, text and binary alike, one behind the other; made by
/// [`Readable::into_async_read`].
///
/// It is the `AsyncRead` and `AsyncBufRead` of its runtime: tokio's, or those of futures-io. Where
/// one message ends and the next begins is not told, and an empty one is nothing; a message is read
/// from the network when all before it was taken. A clean end is the end of the bytes. Any other is
/// an [`io::Error`] around the [`StreamError`] that [`Readable::read`] would give, again with each
/// call: what was cut off never looks complete.
///
/// Dropping it discards what still comes.
///
/// # Cancel safety
///
/// It keeps what was not taken, so what reads by one poll, as `read` and `fill_buf` do, is cancel
/// safe. What gathers by many, as `read_exact` and `read_to_end` do, is as safe as its trait says.
///
/// ```
/// use sansock::adapter::{tokio::WebSocketStream, web::StreamOptions};
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # std::thread::spawn(move || {
/// #     let (stream, _) = listener.accept().unwrap();
/// #     let config = Default::default();
/// #     let mut socket = sansock::adapter::blocking::Socket::accept(stream, &config).unwrap();
/// #     socket.send("Hello, ").unwrap();
/// #     socket.send(&b"world"[..]).unwrap();
/// #     socket.close(None).unwrap();
/// #     socket.end().unwrap();
/// # });
/// let stream = WebSocketStream::new(&url, &StreamOptions::default())?;
/// let opened = stream.opened().await?;
/// let mut all = String::new();
/// opened.readable.into_async_read().read_to_string(&mut all).await?;
/// assert_eq!(all, "Hello, world");
/// # Ok(())
/// # }
/// ```
pub struct ReadableBytes<R> {
    readable: Readable<R>,
    unread: Unread<MessageData>,
    failure: Option<StreamError>,
}

impl<R: Asynchronous> Readable<R> {
    /// The messages as one run of bytes.
    #[must_use]
    pub const fn into_async_read(self) -> ReadableBytes<R> {
        ReadableBytes {
            readable: self,
            unread: Unread::NONE,
            failure: None,
        }
    }
}

impl<R: Asynchronous> ReadableBytes<R> {
    /// What can be taken now; nothing after a clean end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        while self.unread.bytes().is_empty() && self.failure.is_none() {
            match ready!(self.readable.poll_read(cx)) {
                Some(Ok(message)) => self.unread = Unread::new(message, 0),
                Some(Err(failure)) => self.failure = Some(failure),
                None => return Poll::Ready(Ok(&[])),
            }
        }
        match &self.failure {
            Some(failure) => Poll::Ready(Err(failure.clone().into())),
            None => Poll::Ready(Ok(self.unread.bytes())),
        }
    }
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use ::tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

    use super::ReadableBytes;
    use crate::adapter::tokio::Tokio;

    impl AsyncRead for ReadableBytes<Tokio> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let bytes = ready!(self.poll_fill(cx))?;
            let n = bytes.len().min(buffer.remaining());
            buffer.put_slice(&bytes[..n]);
            self.unread.consume(n);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncBufRead for ReadableBytes<Tokio> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.get_mut().poll_fill(cx)
        }

        fn consume(mut self: Pin<&mut Self>, n: usize) {
            self.unread.consume(n);
        }
    }
}

#[cfg(feature = "futures")]
mod over_futures {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use futures_io::{AsyncBufRead, AsyncRead};

    use super::ReadableBytes;
    use crate::adapter::futures::Futures;

    impl AsyncRead for ReadableBytes<Futures> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            if buffer.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let bytes = ready!(self.poll_fill(cx))?;
            let n = bytes.len().min(buffer.len());
            buffer[..n].copy_from_slice(&bytes[..n]);
            self.unread.consume(n);
            Poll::Ready(Ok(n))
        }
    }

    impl AsyncBufRead for ReadableBytes<Futures> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            self.get_mut().poll_fill(cx)
        }

        fn consume(mut self: Pin<&mut Self>, n: usize) {
            self.unread.consume(n);
        }
    }
}

impl<R> fmt::Debug for ReadableBytes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadableBytes")
            .field("readable", &self.readable)
            .finish_non_exhaustive()
    }
}
