//! A stream with TLS or without, as a URL's scheme asks (RFC 6455 §3).

use std::{
    io::{self, IoSlice, Read, Write},
    time::Duration,
};

use super::blocking;
#[cfg(feature = "rustls")]
use super::tls::TlsStream;

/// A stream that has TLS on it or has not. What `connect` to a URL connects.
///
/// Without feature `rustls` it never has.
#[derive(Debug)]
#[non_exhaustive]
pub enum MaybeTls<S> {
    /// As it is.
    Plain(S),
    /// With TLS.
    #[cfg(feature = "rustls")]
    Tls(TlsStream<S>),
}

/// Does the same with the stream, whichever it is.
macro_rules! either {
    ($maybe:expr, $stream:ident => $call:expr) => {
        match $maybe {
            MaybeTls::Plain($stream) => $call,
            #[cfg(feature = "rustls")]
            MaybeTls::Tls($stream) => $call,
        }
    };
}

impl<S> MaybeTls<S> {
    /// The stream, below TLS if there is any.
    pub const fn get_ref(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

impl<S: Read + Write> Read for MaybeTls<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(buffer))
    }
}

impl<S: Write> Write for MaybeTls<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(bytes))
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.write_vectored(chunks))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

impl<S: blocking::Stream> blocking::Stream for MaybeTls<S> {
    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => blocking::Stream::read_once(stream, buffer))
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_read_timeout(timeout))
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, stream => stream.set_write_timeout(timeout))
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        either!(self, stream => stream.shutdown_write())
    }
}

/// Only without TLS, whose state two threads cannot share: with it this is
/// [`Unsupported`](io::ErrorKind::Unsupported).
impl<S: blocking::CloneStream> blocking::CloneStream for MaybeTls<S> {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Plain(stream) => stream.try_clone().map(Self::Plain),
            #[cfg(feature = "rustls")]
            Self::Tls(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a blocking stream with TLS cannot be split",
            )),
        }
    }
}

#[cfg(feature = "mio")]
mod over_mio {
    use std::io;

    use ::mio::{Interest, Registry, Token, event::Source};

    use super::MaybeTls;
    use crate::adapter::mio::Stream;

    impl<S: Source> Source for MaybeTls<S> {
        fn register(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
            either!(self, stream => stream.register(registry, token, i))
        }

        fn reregister(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
            either!(self, stream => stream.reregister(registry, token, i))
        }

        fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
            either!(self, stream => stream.deregister(registry))
        }
    }

    impl<S: Stream> Stream for MaybeTls<S> {
        fn wants_write(&self) -> bool {
            either!(self, stream => stream.wants_write())
        }

        fn shutdown_write(&mut self) -> io::Result<()> {
            either!(self, stream => stream.shutdown_write())
        }
    }
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use std::{
        io::{self, IoSlice},
        pin::Pin,
        task::{Context, Poll},
    };

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::MaybeTls;

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            either!(&mut *self, stream => Pin::new(stream).poll_read(cx, buffer))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            either!(&mut *self, stream => Pin::new(stream).poll_write(cx, bytes))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            chunks: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            either!(&mut *self, stream => Pin::new(stream).poll_write_vectored(cx, chunks))
        }

        fn is_write_vectored(&self) -> bool {
            either!(self, stream => stream.is_write_vectored())
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            either!(&mut *self, stream => Pin::new(stream).poll_flush(cx))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            either!(&mut *self, stream => Pin::new(stream).poll_shutdown(cx))
        }
    }
}

#[cfg(feature = "futures")]
mod over_futures {
    use std::{
        io::{self, IoSlice},
        pin::Pin,
        task::{Context, Poll},
    };

    use futures_io::{AsyncRead, AsyncWrite};

    use super::MaybeTls;

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            either!(&mut *self, stream => Pin::new(stream).poll_read(cx, buffer))
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            either!(&mut *self, stream => Pin::new(stream).poll_write(cx, bytes))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            chunks: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            either!(&mut *self, stream => Pin::new(stream).poll_write_vectored(cx, chunks))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            either!(&mut *self, stream => Pin::new(stream).poll_flush(cx))
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            either!(&mut *self, stream => Pin::new(stream).poll_close(cx))
        }
    }
}
