//! A stream with TLS on it, for any adapter.

#[cfg(any(feature = "futures", feature = "tokio"))]
use std::sync::Arc;
use std::{
    boxed::Box,
    fmt,
    io::{self, IoSlice, Read, Write},
    time::Duration,
};

use rustls::Connection;

use super::session::Session;
use crate::adapter::blocking;
#[cfg(any(feature = "futures", feature = "tokio"))]
use crate::adapter::polled::wakers::Wakers;

/// TLS over a stream, made by [`TlsConnector::wrap`](super::TlsConnector::wrap) or
/// [`TlsAcceptor::wrap`](super::TlsAcceptor::wrap).
///
/// It reads and writes as the stream below does: `Read + Write` over a blocking stream or one of
/// mio, the `AsyncRead + AsyncWrite` of tokio or futures-io over one of theirs. What would block in
/// the middle of a record is gone on with by the next call. The handshake is made by the first
/// reads; until it is over, what is written waits inside, up to 64 KiB, and `flush` does not wait
/// for it. Errors of TLS are an [`Error`](super::Error) inside an [`io::Error`], again with each
/// call; plaintext that came before is read first.
///
/// It cannot be read and written by two threads at once: both change the state of TLS. A blocking
/// socket over it has no `into_split`; the asynchronous ones have.
pub struct TlsStream<S> {
    pub(super) stream: S,
    pub(super) session: Box<Session>,
    /// Once it was polled, which may be by a task that reads and another that writes.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(super) wakers: Option<Arc<Wakers>>,
}

impl<S> TlsStream<S> {
    pub(super) fn new(stream: S, connection: Connection) -> Self {
        Self {
            stream,
            session: Box::new(Session::new(connection)),
            #[cfg(any(feature = "futures", feature = "tokio"))]
            wakers: None,
        }
    }

    /// What TLS agreed on: the peer's certificates, the protocol, and at a server the client's
    /// server name.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.session.connection()
    }

    /// The same TLS over what `change` makes of the stream: the handle of another runtime, for
    /// one, behind a handshake that was waited for.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> TlsStream<T> {
        TlsStream {
            stream: change(self.stream),
            session: self.session,
            #[cfg(any(feature = "futures", feature = "tokio"))]
            wakers: None,
        }
    }

    /// The stream below.
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream below. Reading from it or writing to it would break the connection.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session.read(&mut self.stream, buffer)
    }
}

impl<S: Write> Write for TlsStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.session.write(&mut self.stream, chunks)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.session.flush(&mut self.stream)
    }
}

impl<S: blocking::Stream> blocking::Stream for TlsStream<S> {
    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.session.read_once(&mut self.stream, buffer)?;
        read.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.session.close(&mut self.stream)?;
        self.stream.shutdown_write()
    }
}

#[cfg(feature = "mio")]
mod over_mio {
    use std::io;

    use ::mio::{Interest, Registry, Token, event::Source};

    use super::TlsStream;
    use crate::adapter::mio::Stream;

    impl<S: Source> Source for TlsStream<S> {
        fn register(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
            self.stream.register(registry, token, i)
        }

        fn reregister(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
            self.stream.reregister(registry, token, i)
        }

        fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
            self.stream.deregister(registry)
        }
    }

    impl<S: Stream> Stream for TlsStream<S> {
        fn wants_write(&self) -> bool {
            self.connection().wants_write()
        }

        fn shutdown_write(&mut self) -> io::Result<()> {
            self.session.close(&mut self.stream)?;
            self.stream.shutdown_write()
        }
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").finish_non_exhaustive()
    }
}
