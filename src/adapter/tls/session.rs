//! TLS over anything that reads and writes, or says that it would block.
//!
//! ```text
//!  read:   transport ─► the thread's buffer ─► rustls ─► plaintext, decrypted ─► caller
//!  write:  caller ─► rustls, encrypted ─► transport
//! ```
//!
//! All state is in the session: a call that would block may be made again, and nothing is lost.
//! What rustls itself has to say, in a handshake above all, is written before each read that may
//! wait for the answer. Plaintext that waits inside comes before anything is read.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    panic::{self, AssertUnwindSafe},
};

use rustls::Connection;

use super::{ALPN, Error};
use crate::adapter::buffers;

/// The most that a record can be on the wire (RFC 5246 §6.2.3).
const MAX_RECORD: usize = 5 + (1 << 14) + 2048;

/// One connection of TLS, without its transport.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    /// What it failed with, behind all plaintext that came before.
    failure: Option<Error>,
    /// Whether what was agreed by ALPN is still to be looked at.
    is_unchecked: bool,
    /// Whether the transport may hold back records that were written to it.
    unflushed: bool,
    writing: Writing,
}

/// How far the end of writing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// The peer is being told that nothing follows: nothing more is taken.
    Ending,
    /// Nothing is written any more, whatever there still is.
    Ended,
}

impl Session {
    pub(super) const fn new(connection: Connection) -> Self {
        Self {
            connection,
            failure: None,
            is_unchecked: true,
            unflushed: false,
            writing: Writing::Open,
        }
    }

    /// Reads plaintext into `buffer`; 0 is the peer's `close_notify`.
    pub(super) fn read(
        &mut self,
        io: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            if let Some(n) = self.read_once(io, buffer)? {
                return Ok(n);
            }
        }
    }

    /// [`read`](Self::read) by one read of the transport at most; `None` if no plaintext came of it.
    pub(super) fn read_once(
        &mut self,
        io: &mut (impl Read + Write),
        buffer: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match self.connection.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read.map(Some),
        }
        if self.writing != Writing::Ended {
            // That it fails is no reason not to read: the peer may have said why.
            let _ = self.flush(io);
        }
        self.result()?;
        let n = self.receive(io, buffer)?;
        Ok((n > 0).then_some(n))
    }

    /// Takes plaintext from the front of `chunks`, only once all that was taken before is written.
    pub(super) fn write(
        &mut self,
        io: &mut impl Write,
        chunks: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.result()?;
        if self.writing != Writing::Open {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.write_records(io)?;
        let n = self.connection.writer().write_vectored(chunks)?;
        if n == 0 && chunks.iter().any(|chunk| !chunk.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        // The bytes are taken: what fails here fails again in the next call, which tells.
        let _ = self.write_records(io);
        Ok(n)
    }

    /// Writes all records there are. Plaintext that waits for the handshake is in none yet.
    pub(super) fn flush(&mut self, io: &mut impl Write) -> io::Result<()> {
        self.write_records(io)?;
        if self.unflushed {
            io.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Tells the peer that nothing follows (`close_notify`, RFC 8446 §6.1).
    ///
    /// Fails only where it should be called again; on a transport that is broken there is nothing
    /// to tell. Writing to the transport is shut down next: reading writes nothing from here on.
    pub(super) fn close(&mut self, io: &mut impl Write) -> io::Result<()> {
        if self.failure.is_none() {
            self.connection.send_close_notify();
            self.writing = Writing::Ending;
        }
        match self.flush(io) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Err(error)
            }
            _ => {
                self.writing = Writing::Ended;
                Ok(())
            }
        }
    }

    /// Reads for the handshake alone; `false` once that is over, one way or the other.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(super) fn read_handshake(&mut self, io: &mut (impl Read + Write)) -> io::Result<bool> {
        let _ = self.flush(io);
        self.result()?;
        if !self.connection.is_handshaking() {
            return Ok(false);
        }
        if self.connection.read_tls(&mut Believed(io))? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.process();
        Ok(true)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Reads once from the transport, and decrypts what is whole: into `buffer`, or to wait inside.
    fn receive(&mut self, io: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        // By itself rustls reads 4 KiB at a time. The plaintext of `limit` bytes and of the record
        // that they end always has room in the buffer.
        let limit = buffer.len().saturating_sub(MAX_RECORD);
        if limit < MAX_RECORD {
            self.connection.read_tls(&mut Believed(io))?;
            self.process();
            return Ok(0);
        }
        let mut lent = buffers::take_read();
        let limit = limit.min(lent.bytes.len());
        let read = io.read(&mut lent.bytes[..limit]);
        let received = read.and_then(|n| self.decrypt(&lent.bytes[..n.min(limit)], buffer));
        buffers::give_read(lent);
        received
    }

    /// Decrypts `records` into `buffer`; no records are the transport's end.
    fn decrypt(&mut self, mut records: &[u8], buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        loop {
            let taken = self.connection.read_tls(&mut records)?;
            self.process();
            if let Ok(n) = self.connection.reader().read(&mut buffer[filled..]) {
                filled += n;
            }
            if taken == 0 || records.is_empty() || self.failure.is_some() {
                return Ok(filled);
            }
        }
    }

    fn process(&mut self) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = self.process_packets() {
            self.failure = Some(error.into());
        } else if self.is_unchecked && !self.connection.is_handshaking() {
            self.is_unchecked = false;
            if let Some(protocol) = self.connection.alpn_protocol().filter(|name| *name != ALPN) {
                self.failure = Some(Error::Protocol(protocol.to_vec()));
                // The request is among it, and is not for what the peer speaks.
                while self.connection.wants_write()
                    && self.connection.write_tls(&mut io::sink()).is_ok()
                {}
            }
        }
    }

    /// In debug builds rustls asserts that no record is out of order once it has said that it ends:
    /// that is not in the peer's hands to break.
    fn process_packets(&mut self) -> Result<(), rustls::Error> {
        let mut process = || self.connection.process_new_packets().map(drop);
        if self.writing == Writing::Open {
            return process();
        }
        // The connection is not used again after an error.
        panic::catch_unwind(AssertUnwindSafe(process)).unwrap_or_else(|_| {
            let text = "a record out of order, behind our close_notify";
            Err(rustls::Error::General(text.into()))
        })
    }

    fn result(&self) -> io::Result<()> {
        match &self.failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(()),
        }
    }

    fn write_records(&mut self, io: &mut impl Write) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut Believed(io))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.unflushed = true;
        }
        Ok(())
    }
}

/// A transport that is believed only as far as there was room: rustls takes its word.
struct Believed<'a, T>(&'a mut T);

impl<T: Read> Read for Believed<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buffer)?.min(buffer.len()))
    }
}

impl<T: Write> Write for Believed<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes)?.min(bytes.len()))
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = chunks.iter().map(|chunk| chunk.len()).sum();
        Ok(self.0.write_vectored(chunks)?.min(len))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
