//! A connection of bytes: requests and frames are written as they are given, and what comes back
//! is read by a second hand.
//!
//! Nothing here uses the engine, which would refuse to make most of what is sent.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use sansock::adapter::{MaybeTls, blocking::Stream};

use crate::terminal::{Bytes, Escaped, cut};

/// A connection to the server, and what of its bytes was not looked at.
pub(super) struct Wire {
    stream: MaybeTls<TcpStream>,
    unread: Vec<u8>,
    deadline: Instant,
    /// The text or binary message that is under way.
    unfinished: Option<(u8, Vec<u8>)>,
    /// Whether an extension gave RSV1 a meaning.
    is_compressed: bool,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

/// What the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    /// A message of this opcode that is compressed, as it came.
    Compressed(u8, Vec<u8>),
    Pong(Vec<u8>),
    /// The body, which may hold anything.
    Close(Vec<u8>),
    /// Nothing more will come.
    End(End),
}

/// Why nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server ended the transport.
    Dropped,
    /// The time for the case was over.
    Silence,
    /// The server broke the protocol.
    Broken(&'static str),
}

/// The masking key of the examples of RFC 6455 (§5.7).
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A frame of a client: its first byte, then the shortest length, masked (§5.2).
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, 0x80, payload.len());
    bytes.extend(KEY);
    bytes.extend(masked(payload));
    bytes
}

/// The same frame of a server.
pub(super) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, 0, payload.len());
    bytes.extend(payload);
    bytes
}

fn header(first: u8, mask: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        ..126 => bytes.push(mask | low(len)),
        126..0x1_0000 => bytes.extend([mask | 126, low(len >> 8), low(len)]),
        _ => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes
}

/// `payload` masked with the key of [`frame`] (§5.3).
pub(super) fn masked(payload: &[u8]) -> impl Iterator<Item = u8> {
    payload
        .iter()
        .zip(KEY.iter().cycle())
        .map(|(byte, key)| byte ^ key)
}

/// The body of a Close frame (§5.5.1).
pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// The lowest eight bits.
const fn low(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// The longest head of a response that is read.
const MAX_HEAD: usize = 64 << 10;

/// The longest message that is read.
const MAX_MESSAGE: usize = 16 << 20;

/// How much is written before it is looked whether something came.
const PIECE: usize = 64 << 10;

impl Wire {
    /// Takes a stream that is connected; everything on it must be over after `limit`.
    pub(super) fn new(stream: MaybeTls<TcpStream>, limit: Duration) -> io::Result<Self> {
        stream.set_write_timeout(Some(limit))?;
        Ok(Self {
            stream,
            unread: Vec::new(),
            deadline: Instant::now() + limit,
            unfinished: None,
            is_compressed: false,
        })
    }

    /// From here on RSV1 is the mark of a compressed message (RFC 7692 §6).
    pub(super) fn allow_compressed(&mut self) {
        self.is_compressed = true;
    }

    /// Writes all of this. That it fails is no matter: what the server made of it is read.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            if self.stream.write_all(piece).is_err() {
                return;
            }
            // A server may answer before it has all, and must not be kept waiting by us.
            if bytes.len() > PIECE && self.fill(Duration::from_millis(1)).is_ok_and(|n| n == 0) {
                return;
            }
        }
        let _ = self.stream.flush();
    }

    /// Reads the answer to a request.
    pub(super) fn response(&mut self) -> Result<Response, End> {
        loop {
            let end = self
                .unread
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Response::parse(&head).ok_or(End::Broken("an answer that is not HTTP/1.1"));
            }
            if self.unread.len() > MAX_HEAD {
                return Err(End::Broken("an endless head of a response"));
            }
            self.more()?;
        }
    }

    /// The next message or control frame; Pings are left out.
    pub(super) fn receive(&mut self) -> Received {
        loop {
            match self.frame() {
                Ok(None) => {}
                Ok(Some(received)) => return received,
                Err(end) => return Received::End(end),
            }
        }
    }

    /// Waits so long for the server to say or end anything; whether it did neither.
    pub(super) fn is_silent_for(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.unread.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if !self.fill(left).is_ok_and(|n| n > 0) {
                return false;
            }
        }
        false
    }

    /// Reads a frame; `None` if it completes nothing.
    fn frame(&mut self) -> Result<Option<Received>, End> {
        let [first, second] = self.take_array()?;
        let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0F);
        let may_be_compressed = self.is_compressed && matches!(opcode, 1 | 2);
        if rsv & !(if may_be_compressed { 0x40 } else { 0 }) != 0 {
            return Err(End::Broken("a frame with a reserved bit (§5.2)"));
        }
        if second & 0x80 != 0 {
            return Err(End::Broken("a masked frame (§5.1)"));
        }
        let is_control = opcode & 0x08 != 0;
        let len = match second {
            126.. if is_control => {
                return Err(End::Broken("a control frame above 125 bytes (§5.5)"));
            }
            126 => match u16::from_be_bytes(self.take_array()?) {
                ..126 => return Err(End::Broken("a length that is not the shortest (§5.2)")),
                len => u64::from(len),
            },
            127 => match u64::from_be_bytes(self.take_array()?) {
                ..0x1_0000 => return Err(End::Broken("a length that is not the shortest (§5.2)")),
                len => len,
            },
            len => u64::from(len),
        };
        let payload = match usize::try_from(len) {
            Ok(len) if len <= MAX_MESSAGE => self.take(len)?,
            _ => return Err(End::Broken("a frame of more than 16 MiB")),
        };
        if is_control && !fin {
            return Err(End::Broken("a control frame in fragments (§5.5)"));
        }
        match (opcode, self.unfinished.take()) {
            (0x0, Some((first, mut message))) => {
                message.extend(payload);
                if message.len() > MAX_MESSAGE {
                    return Err(End::Broken("a message of more than 16 MiB"));
                }
                Ok(self.message(fin, first, message))
            }
            (0x1 | 0x2, None) => Ok(self.message(fin, first, payload)),
            (0x8, _) => Ok(Some(Received::Close(payload))),
            // Nobody promised to send no Ping.
            (0x9, unfinished) => {
                self.unfinished = unfinished;
                Ok(None)
            }
            (0xA, unfinished) => {
                self.unfinished = unfinished;
                Ok(Some(Received::Pong(payload)))
            }
            (0x0, None) => Err(End::Broken("a continuation of nothing (§5.4)")),
            (0x1 | 0x2, Some(_)) => Err(End::Broken("a message inside another (§5.4)")),
            _ => Err(End::Broken("a reserved opcode (§5.2)")),
        }
    }

    /// A message of this first byte, if it is complete.
    fn message(&mut self, fin: bool, first: u8, payload: Vec<u8>) -> Option<Received> {
        if !fin {
            self.unfinished = Some((first, payload));
            return None;
        }
        Some(match first & 0x4F {
            0x01 => Received::Text(payload),
            0x02 => Received::Binary(payload),
            marked => Received::Compressed(marked & 0x0F, payload),
        })
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], End> {
        let bytes = self.take(N)?.try_into();
        bytes.map_err(|_| End::Broken("a frame cut short"))
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, End> {
        while self.unread.len() < len {
            self.more()?;
        }
        Ok(self.unread.drain(..len).collect())
    }

    /// Waits for more bytes.
    fn more(&mut self) -> Result<(), End> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(End::Silence);
        }
        match self.fill(left) {
            // A reset ends a connection as well.
            Ok(0) | Err(_) => Err(End::Dropped),
            Ok(_) => Ok(()),
        }
    }

    /// Reads once; it may take so long, and then tells of more than zero bytes without any.
    fn fill(&mut self, limit: Duration) -> io::Result<usize> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        self.stream.set_read_timeout(Some(limit))?;
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(n) => {
                self.unread.extend_from_slice(&buffer[..n]);
                Ok(n)
            }
            Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => Ok(1),
            Err(error) => Err(error),
        }
    }
}

impl Response {
    fn parse(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let (version, status) = lines.next()?.split_once(' ')?;
        let status = status.get(..3)?.parse().ok()?;
        match (version, status) {
            ("HTTP/1.1", _) => {}
            // So some answer who asks by it, or whom they refuse. It has no 101.
            ("HTTP/1.0", 200..) => {}
            _ => return None,
        }
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self {
            status,
            headers: headers.collect(),
        })
    }

    /// The values of a header, whose name is given in lower case, as one list (RFC 9110 §5.3).
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(other, _)| other == name);
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// How much of a payload is shown.
const SHOWN: usize = 40;

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |f: &mut fmt::Formatter<'_>, name: &str, payload: &[u8]| {
            let shown = payload.get(..SHOWN).unwrap_or(payload).escape_ascii();
            let rest = if payload.len() > SHOWN { "…" } else { "" };
            let len = Bytes(payload.len());
            write!(f, "{name} of {len}, \"{shown}\"{rest}")
        };
        match self {
            Self::Text(payload) => match str::from_utf8(payload) {
                Ok(text) => {
                    let (shown, is_all) = cut(text, SHOWN);
                    let rest = if is_all { "" } else { "…" };
                    let (shown, len) = (Escaped(shown), Bytes(payload.len()));
                    write!(f, "a text of {len}, \"{shown}\"{rest}")
                }
                Err(_) => bytes(f, "a text that is not UTF-8", payload),
            },
            Self::Binary(payload) => bytes(f, "a binary message", payload),
            Self::Compressed(_, payload) => bytes(f, "a compressed message", payload),
            Self::Pong(payload) => bytes(f, "a Pong", payload),
            Self::Close(body) => match body.split_first_chunk() {
                Some((code, reason)) => {
                    write!(f, "Close {}", u16::from_be_bytes(*code))?;
                    match reason {
                        [] => Ok(()),
                        reason => write!(f, " \"{}\"", Escaped(&String::from_utf8_lossy(reason))),
                    }
                }
                None if body.is_empty() => f.write_str("Close without a code"),
                None => f.write_str("Close with a body of one byte"),
            },
            Self::End(end) => end.fmt(f),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("the end of the connection"),
            Self::Silence => f.write_str("nothing until the time was over"),
            Self::Broken(rule) => f.write_str(rule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6455_5_7_frames_are_those_of_the_examples() {
        assert_eq!(
            frame(0x81, b"Hello"),
            b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58"
        );
        assert_eq!(frame(0x82, &[0; 125])[..2], [0x82, 0xFD]);
        assert_eq!(frame(0x82, &[0; 126])[..4], [0x82, 0xFE, 0x00, 0x7E]);
        assert_eq!(frame(0x82, &[0; 0xFFFF])[..4], [0x82, 0xFE, 0xFF, 0xFF]);
        assert_eq!(
            frame(0x82, &[0; 0x1_0000])[..10],
            [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn an_answer_has_a_status_and_headers() {
        let head = b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\
                     sec-websocket-version:8\r\n\r\n";
        let response = Response::parse(head).unwrap();
        assert_eq!(response.status, 426);
        assert_eq!(response.header("sec-websocket-version").unwrap(), "13, 8");
        assert_eq!(response.header("upgrade"), None);
        let head = b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n";
        assert_eq!(Response::parse(head).unwrap().status, 505);
        for head in [
            &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
            b"HTTP/1.0 101 Switching Protocols\r\n\r\n",
            b"HTTP/2 101 Switching Protocols\r\n\r\n",
        ] {
            assert!(Response::parse(head).is_none());
        }
    }

    #[test]
    fn what_is_shown_of_a_payload_is_cut_and_escaped() {
        for (received, shown) in [
            (
                Received::Text(b"\x1B[2J".to_vec()),
                "a text of 4 bytes, \"\\u{1b}[2J\"",
            ),
            (
                Received::Pong(b"\x1B".to_vec()),
                "a Pong of 1 byte, \"\\x1b\"",
            ),
            (
                Received::Close(close(1002, b"a\x07")),
                "Close 1002 \"a\\u{7}\"",
            ),
            (Received::Close(vec![]), "Close without a code"),
        ] {
            assert_eq!(received.to_string(), shown);
        }
        let shown = Received::Binary(vec![b'x'; 1_000]).to_string();
        assert!(
            shown.ends_with(&format!("\"{}\"…", "x".repeat(40))),
            "{shown}"
        );
    }
}
