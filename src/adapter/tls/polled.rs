//! TLS over the streams of asynchronous runtimes: "would block" is `Pending`, and whoever says it
//! has seen to the waking.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{session::Session, stream::TlsStream};
use crate::adapter::polled::wakers::Side;

/// As [`Session::write`]. A handshake that is in the way is gone on with, for it has to be read.
fn write(
    session: &mut Session,
    io: &mut (impl Read + Write),
    chunks: &[IoSlice<'_>],
) -> io::Result<usize> {
    loop {
        match session.write(io, chunks) {
            Err(error)
                if error.kind() == ErrorKind::WouldBlock && !session.connection().wants_write() =>
            {
                if !session.read_handshake(io)? {
                    return session.write(io, chunks);
                }
            }
            written => return written,
        }
    }
}

impl<S> TlsStream<S> {
    /// Its parts, and a waker of both tasks, one of which may read and the other write: either call
    /// does both on the stream below, and would take the place of the waker that the other waits by.
    fn polled(&mut self, side: Side, cx: &Context<'_>) -> (&mut S, &mut Session, Waker) {
        let wakers = self.wakers.get_or_insert_default();
        wakers.register(side, cx.waker());
        let waker = Waker::from(Arc::clone(wakers));
        (&mut self.stream, &mut self.session, waker)
    }
}

fn pending<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn would_block<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use std::{
        io::{self, IoSlice, Read, Write},
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{Side, pending, would_block, write};
    use crate::adapter::tls::TlsStream;

    /// How much is read at most into a buffer that must be filled with zeros before.
    const ZEROED: usize = 64 << 10;

    struct Polling<'a, 'b, S>(&'a mut S, &'a mut Context<'b>);

    impl<S: AsyncRead + Unpin> Read for Polling<'_, '_, S> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let mut buffer = ReadBuf::new(buffer);
            would_block(Pin::new(&mut *self.0).poll_read(self.1, &mut buffer))?;
            Ok(buffer.filled().len())
        }
    }

    impl<S: AsyncWrite + Unpin> Write for Polling<'_, '_, S> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            would_block(Pin::new(&mut *self.0).poll_write(self.1, bytes))
        }

        fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
            would_block(Pin::new(&mut *self.0).poll_write_vectored(self.1, chunks))
        }

        fn flush(&mut self) -> io::Result<()> {
            would_block(Pin::new(&mut *self.0).poll_flush(self.1))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let (stream, session, waker) = self.polled(Side::Read, cx);
            let cx = &mut Context::from_waker(&waker);
            let room = match buffer.initialized().len() - buffer.filled().len() {
                0 => buffer.initialize_unfilled_to(buffer.remaining().min(ZEROED)),
                initialized => buffer.initialize_unfilled_to(initialized),
            };
            let n = ready!(pending(session.read(&mut Polling(stream, cx), room)))?;
            buffer.advance(n);
            Poll::Ready(Ok(()))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            chunks: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            pending(write(session, &mut Polling(stream, cx), chunks))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            pending(session.flush(&mut Polling(stream, cx)))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            ready!(pending(session.close(&mut Polling(stream, cx))))?;
            Pin::new(stream).poll_shutdown(cx)
        }
    }
}

#[cfg(feature = "futures")]
mod over_futures {
    use std::{
        io::{self, IoSlice, Read, Write},
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use futures_io::{AsyncRead, AsyncWrite};

    use super::{Side, pending, would_block, write};
    use crate::adapter::tls::TlsStream;

    struct Polling<'a, 'b, S>(&'a mut S, &'a mut Context<'b>);

    impl<S: AsyncRead + Unpin> Read for Polling<'_, '_, S> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            would_block(Pin::new(&mut *self.0).poll_read(self.1, buffer))
        }
    }

    impl<S: AsyncWrite + Unpin> Write for Polling<'_, '_, S> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            would_block(Pin::new(&mut *self.0).poll_write(self.1, bytes))
        }

        fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
            would_block(Pin::new(&mut *self.0).poll_write_vectored(self.1, chunks))
        }

        fn flush(&mut self) -> io::Result<()> {
            would_block(Pin::new(&mut *self.0).poll_flush(self.1))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let (stream, session, waker) = self.polled(Side::Read, cx);
            let cx = &mut Context::from_waker(&waker);
            pending(session.read(&mut Polling(stream, cx), buffer))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            chunks: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            pending(write(session, &mut Polling(stream, cx), chunks))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            pending(session.flush(&mut Polling(stream, cx)))
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let (stream, session, waker) = self.polled(Side::Write, cx);
            let cx = &mut Context::from_waker(&waker);
            ready!(pending(session.close(&mut Polling(stream, cx))))?;
            Pin::new(stream).poll_close(cx)
        }
    }
}
