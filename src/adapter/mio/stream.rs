//! What the mio adapter asks of a stream.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
};

use ::mio::event::Source;

/// A non-blocking stream that can be registered in a `Poll`.
pub trait Stream: Read + Write + Source {
    /// Whether a read that returns less than asked for shows that the system holds no more.
    ///
    /// That saves the read that would only say "would block", and is true of a plain TCP or Unix
    /// stream. It is false of all that keeps bytes of its own, as TLS does: there every read is
    /// short, and plaintext may wait inside without the system knowing.
    const SHORT_READ_MEANS_DRAINED: bool = false;

    /// Whether the stream has something to write of its own, whatever is written to it, as TLS has
    /// in a handshake: that a socket goes on with by reading, also at an event that only says
    /// writable.
    fn wants_write(&self) -> bool {
        false
    }

    /// Ends writing, so that the peer reads an end; reading goes on.
    ///
    /// # Errors
    ///
    /// If the system refuses, which it does where the peer has ended the connection.
    fn shutdown_write(&mut self) -> io::Result<()>;
}

impl Stream for ::mio::net::TcpStream {
    const SHORT_READ_MEANS_DRAINED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for ::mio::net::UnixStream {
    const SHORT_READ_MEANS_DRAINED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
