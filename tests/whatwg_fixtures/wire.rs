//! Handlers that break the protocol, or answer what must not be answered: bytes.

use std::{
    io::{self, Cursor, Read, Write},
    time::Duration,
};

use sansock::{adapter::blocking, proto::handshake::accept_key};

use super::Exchange;

/// How much of a request's head is read.
const MAX_HEAD: usize = 64 << 10;

/// A request's head, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head(pub(crate) String);

/// A stream and what was read from it before.
#[derive(Debug)]
pub(crate) struct Replayed<S> {
    before: Cursor<Vec<u8>>,
    stream: S,
}

impl Head {
    /// Reads up to the blank line, and nothing of what follows.
    pub(super) fn read<S: Read>(mut stream: S) -> io::Result<(Self, S)> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            bytes.push(byte[0]);
            if bytes.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok((Self(text), stream))
    }

    /// What the request line asks for.
    pub(crate) fn target(&self) -> &str {
        self.0.split(' ').nth(1).unwrap_or_default()
    }

    /// What of it stands before a question mark.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// What of it stands behind one; empty if nothing does.
    pub(crate) fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    /// The value of `name` in `a=b&name=value`, without percent-encoding of its own.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query().split('&').filter_map(|it| it.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The values of all header fields of this name, in their order.
    pub(crate) fn fields<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let lines = self.0.split("\r\n").skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    /// The subprotocols that are offered.
    pub(crate) fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.fields("Sec-WebSocket-Protocol")
            .flat_map(|value| value.split(','))
            .map(str::trim)
    }

    /// The answer to its key (RFC 6455 §4.2.2).
    fn accept_key(&self) -> String {
        let key = self.field("Sec-WebSocket-Key").unwrap_or_default();
        String::from_utf8_lossy(&accept_key(key.as_bytes())).into_owned()
    }
}

impl<S> Replayed<S> {
    pub(super) fn new(head: &Head, stream: S) -> Self {
        Self {
            before: Cursor::new(head.0.as_bytes().to_vec()),
            stream,
        }
    }
}

impl<S: Read> Read for Replayed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.before.read(buffer)? {
            0 => self.stream.read(buffer),
            n => Ok(n),
        }
    }
}

impl<S: Write> Write for Replayed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: blocking::Stream> blocking::Stream for Replayed<S> {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}

/// A frame as a client sends it, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) first_byte: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// Reads a whole frame of up to 65,535 bytes (RFC 6455 §5.2).
    fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 2];
        stream.read_exact(&mut start)?;
        let len = match start[1] & 0x7F {
            126 => {
                let mut len = [0; 2];
                stream.read_exact(&mut len)?;
                u16::from_be_bytes(len)
            }
            127 => return Err(io::ErrorKind::InvalidData.into()),
            len => len.into(),
        };
        let mut key = [0; 4];
        stream.read_exact(&mut key)?;
        let mut payload = vec![0; len.into()];
        stream.read_exact(&mut payload)?;
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        Ok(Self {
            first_byte: start[0],
            payload,
        })
    }
}

impl<S: blocking::Stream> Exchange<S> {
    /// Writes an answer and ends the connection.
    pub(super) fn answer(mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.end()
    }

    /// What every answer to this request begins with that opens a connection.
    fn opening(&self) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
            self.head.accept_key()
        )
    }

    /// `invalid`: no HTTP.
    pub(super) fn invalid(self) -> io::Result<()> {
        self.answer(b"this is no HTTP\r\n\r\n")
    }

    /// `wrong_accept_key`: opens, as it seems, and sends a text.
    pub(super) fn wrong_accept_key(self) -> io::Result<()> {
        self.answer(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n\
              \x81\x04test",
        )
    }

    /// `handshake_protocol`: selects `foobar`, whatever was offered.
    pub(super) fn handshake_protocol(self) -> io::Result<()> {
        let opening = self.opening();
        let mut bytes = (opening + "Sec-WebSocket-Protocol: foobar\r\n\r\n").into_bytes();
        bytes.extend(b"\x88\x02\x03\xE8");
        self.answer(&bytes)
    }

    /// `simple_handshake`: 101 and a Close in one write, then nothing but the Close of the client.
    pub(super) fn simple_handshake(mut self) -> io::Result<()> {
        let mut bytes = (self.opening() + "\r\n").into_bytes();
        bytes.extend(b"\x88\x06\x03\xE9PASS");
        self.stream.write_all(&bytes)?;
        self.skip_to_close()?;
        self.end()
    }

    /// `delayed-passive-close`: answers a Close as late as the settings say.
    pub(super) fn delayed_passive_close(mut self) -> io::Result<()> {
        let opening = self.opening() + "\r\n";
        self.stream.write_all(opening.as_bytes())?;
        let payload = self.skip_to_close()?;
        self.wait();
        let mut close = vec![0x88, u8::try_from(payload.len()).unwrap()];
        close.extend(payload);
        self.answer(&close)
    }

    /// `passive-close-abort`: ends the connection when a Close comes.
    pub(super) fn passive_close_abort(mut self) -> io::Result<()> {
        let opening = self.opening() + "\r\n";
        self.stream.write_all(opening.as_bytes())?;
        self.skip_to_close()?;
        self.end()
    }

    /// The payload of the Close that comes at last.
    fn skip_to_close(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let frame = Frame::read(&mut self.stream)?;
            if frame.first_byte == 0x88 {
                return Ok(frame.payload);
            }
        }
    }

    /// Ends writing, then reads to the end, so that nothing unread turns the end into a reset.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        // The client may have been first; a reset is an end as well.
        let _ = self.stream.shutdown_write();
        let _ = io::copy(&mut self.stream, &mut io::sink());
        Ok(())
    }
}
