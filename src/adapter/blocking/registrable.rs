//! Blocking streams that mio can wait for as well.

use std::{io, net::TcpStream};

use super::Stream;
use crate::adapter::{MaybeTls, mio};

/// A stream of the system that can be made non-blocking, so that a thread may wait for it and for
/// something else at the same time.
pub trait Registrable: Stream {
    /// What it is to mio.
    type Registered: mio::Stream + Send + 'static;

    /// Makes it non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn set_nonblocking(&self) -> io::Result<()>;

    /// The same stream, non-blocking by now, for mio.
    fn into_registered(self) -> Self::Registered;
}

impl Registrable for TcpStream {
    type Registered = ::mio::net::TcpStream;

    fn set_nonblocking(&self) -> io::Result<()> {
        Self::set_nonblocking(self, true)
    }

    fn into_registered(self) -> Self::Registered {
        ::mio::net::TcpStream::from_std(self)
    }
}

#[cfg(unix)]
impl Registrable for std::os::unix::net::UnixStream {
    type Registered = ::mio::net::UnixStream;

    fn set_nonblocking(&self) -> io::Result<()> {
        Self::set_nonblocking(self, true)
    }

    fn into_registered(self) -> Self::Registered {
        ::mio::net::UnixStream::from_std(self)
    }
}

#[cfg(feature = "rustls")]
impl<S: Registrable> Registrable for crate::adapter::tls::TlsStream<S> {
    type Registered = crate::adapter::tls::TlsStream<S::Registered>;

    fn set_nonblocking(&self) -> io::Result<()> {
        self.get_ref().set_nonblocking()
    }

    fn into_registered(self) -> Self::Registered {
        self.map(S::into_registered)
    }
}

impl<S: Registrable> Registrable for MaybeTls<S> {
    type Registered = MaybeTls<S::Registered>;

    fn set_nonblocking(&self) -> io::Result<()> {
        self.get_ref().set_nonblocking()
    }

    fn into_registered(self) -> Self::Registered {
        match self {
            Self::Plain(stream) => MaybeTls::Plain(stream.into_registered()),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => MaybeTls::Tls(stream.into_registered()),
        }
    }
}
