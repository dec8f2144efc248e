//! What the blocking adapter asks of a stream.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// A blocking stream whose reads and writes can be given a time limit.
///
/// A call that runs into its limit returns [`io::ErrorKind::WouldBlock`] or
/// [`io::ErrorKind::TimedOut`], having read or written nothing. The socket sets the limits as its
/// deadlines need them. For a stream without limits there is [`Untimed`].
pub trait Stream: Read + Write {
    /// Reads as `read` does, but waits for the system once at most.
    ///
    /// A layer that found nothing whole in what came, as TLS does in a part of a record, says
    /// [`io::ErrorKind::WouldBlock`] and goes on with the next call. If it waited for the rest
    /// itself, a peer that sends byte by byte would keep every deadline waiting: each wait has the
    /// time limit anew. A stream without a state of its own needs none but the provided one.
    ///
    /// # Errors
    ///
    /// As `read`.
    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    /// Limits each further read.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Limits each further write.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends writing, so that the peer reads an end; reading goes on.
    ///
    /// # Errors
    ///
    /// If the system refuses, which it does where the peer has ended the connection.
    fn shutdown_write(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Any `Read + Write`, without time limits.
///
/// While such a stream blocks no deadline can be kept and no Ping be sent, and two peers that both
/// only send can stop each other.
#[derive(Clone, Copy, Debug)]
pub struct Untimed<S>(pub S);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, chunks: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(chunks)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for Untimed<S> {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.flush()
    }
}
