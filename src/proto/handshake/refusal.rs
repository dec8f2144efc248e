//! A response other than 101, and its body: by its length, in chunks, or until the transport ends
//! (RFC 9112 §6, §7).
//!
//! Only as much of the body is kept, and only as much is waited for, as
//! [`Config::max_refusal_body_size`](crate::Config::max_refusal_body_size) says.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{fmt, str};

use super::{
    answer::has_body,
    error::HandshakeError,
    head::Parsed,
    headers::{Headers, Span},
    syntax::list,
};
use crate::proto::config::Config;

/// A response that did not open a connection.
#[derive(Clone)]
pub struct Refusal {
    status: u16,
    reason: Span,
    headers: Headers,
    body: Vec<u8>,
    complete: bool,
}

impl Refusal {
    /// The status: anything but 1xx.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, for people.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.reason.of(self.headers.bytes()))
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body, its chunks joined, or its beginning.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body by itself.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Whether the body is whole: neither longer than
    /// [`Config::max_refusal_body_size`](crate::Config::max_refusal_body_size), nor cut by the end
    /// of the transport or by [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }
}

impl fmt::Debug for Refusal {
    /// Leaves the body out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

/// A refusal whose body is under way.
#[derive(Debug)]
pub(super) struct Refusing {
    refusal: Refusal,
    framing: Framing,
    /// How many bytes may still be kept.
    room: usize,
    /// How many bytes of chunk extensions and trailers may still come.
    overhead: usize,
}

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// This many bytes are still to come.
    Length(u64),
    Chunked(Chunk),
    UntilEof,
}

/// What stands next in a chunked body (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// A chunk's size, of which so many digits came.
    Size { size: u64, digits: u8 },
    /// The rest of the size's line, which means nothing here.
    Extension { size: u64 },
    /// The LF of that line.
    SizeLf { size: u64 },
    /// So many bytes of the chunk.
    Data(u64),
    /// The CR behind the chunk.
    DataCr,
    /// The LF behind the chunk.
    DataLf,
    /// A trailer's line, or the blank line if nothing of it came.
    Trailer { blank: bool },
    /// The LF of that line.
    TrailerLf { blank: bool },
}

impl Refusing {
    /// Begins the body that a response's head announces.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::ResponseBody`] if it is not clear where the body ends.
    pub(super) fn new(head: Parsed, config: &Config) -> Result<Self, HandshakeError> {
        let status = head.start.status;
        Ok(Self {
            framing: Framing::of(status, &head.headers).ok_or(HandshakeError::ResponseBody)?,
            refusal: Refusal {
                status,
                reason: head.start.text,
                headers: head.headers,
                body: Vec::new(),
                complete: false,
            },
            room: config.max_refusal_body_size,
            overhead: config.max_head_size,
        })
    }

    /// Takes the body's bytes from `input`; returns whether it is over, whole or as long as we
    /// keep.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::ResponseBody`] at the first byte that cannot stand in chunks.
    pub(super) fn receive(&mut self, input: &mut &mut [u8]) -> Result<bool, HandshakeError> {
        loop {
            if self.framing == Framing::Length(0) {
                self.refusal.complete = true;
                return Ok(true);
            }
            if self.room == 0 {
                return Ok(true);
            }
            if input.is_empty() {
                return Ok(false);
            }
            self.framing = match self.framing {
                Framing::Length(left) => Framing::Length(left - self.keep(left, input)),
                Framing::UntilEof => {
                    self.keep(u64::MAX, input);
                    Framing::UntilEof
                }
                Framing::Chunked(Chunk::Data(left)) => match left - self.keep(left, input) {
                    0 => Framing::Chunked(Chunk::DataCr),
                    left => Framing::Chunked(Chunk::Data(left)),
                },
                Framing::Chunked(chunk) => {
                    let Some(&mut byte) = input.split_off_first_mut() else {
                        return Ok(false);
                    };
                    self.step(chunk, byte).ok_or(HandshakeError::ResponseBody)?
                }
            };
        }
    }

    /// The refusal, after the body's end or the transport's.
    pub(super) fn finish(mut self) -> Refusal {
        self.refusal.complete |= self.framing == Framing::UntilEof && self.room > 0;
        self.refusal
    }

    /// The refusal as far as it came, before its body's end.
    pub(super) fn cut(self) -> Refusal {
        self.refusal
    }

    /// Keeps what there is of `left` bytes and room for; returns how much that was.
    fn keep(&mut self, left: u64, input: &mut &mut [u8]) -> u64 {
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let len = most.min(self.room).min(input.len());
        let piece = input.split_off_mut(..len).unwrap_or_default();
        self.refusal.body.extend_from_slice(piece);
        self.room -= len;
        len as u64
    }

    /// What follows `byte`, which is no data; `None` if it may not stand here.
    fn step(&mut self, chunk: Chunk, byte: u8) -> Option<Framing> {
        let next = match (chunk, byte) {
            (Chunk::Size { size, digits }, b'\r') if digits > 0 => Chunk::SizeLf { size },
            (Chunk::Size { size, digits }, b';' | b' ' | b'\t') if digits > 0 => {
                Chunk::Extension { size }
            }
            (Chunk::Size { size, digits }, _) => {
                let digit = char::from(byte).to_digit(16)?;
                // Sixteen digits are 64 bits.
                (digits < 16).then_some(Chunk::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                })?
            }
            (Chunk::Extension { size }, b'\r') => Chunk::SizeLf { size },
            (Chunk::Extension { .. }, _) => self.spend(byte, chunk)?,
            (Chunk::SizeLf { size: 0 }, b'\n') => Chunk::Trailer { blank: true },
            (Chunk::SizeLf { size }, b'\n') => Chunk::Data(size),
            (Chunk::DataCr, b'\r') => Chunk::DataLf,
            (Chunk::DataLf, b'\n') => Chunk::Size { size: 0, digits: 0 },
            (Chunk::Trailer { blank }, b'\r') => Chunk::TrailerLf { blank },
            (Chunk::Trailer { .. }, _) => self.spend(byte, Chunk::Trailer { blank: false })?,
            (Chunk::TrailerLf { blank: true }, b'\n') => return Some(Framing::Length(0)),
            (Chunk::TrailerLf { blank: false }, b'\n') => Chunk::Trailer { blank: true },
            _ => return None,
        };
        Some(Framing::Chunked(next))
    }

    /// Goes to `next` past a byte of an extension or a trailer, if it is text and not one too many.
    fn spend(&mut self, byte: u8, next: Chunk) -> Option<Chunk> {
        self.overhead = self.overhead.checked_sub(1)?;
        (byte == b'\t' || byte >= b' ' && byte != 0x7F).then_some(next)
    }
}

impl Framing {
    /// The framing that a response's fields announce; `None` if they contradict each other.
    fn of(status: u16, headers: &Headers) -> Option<Self> {
        if !has_body(status) {
            return Some(Self::Length(0));
        }
        let mut lengths = headers.get_all("content-length").peekable();
        let coding = headers.get_all("transfer-encoding").flat_map(list).last();
        if let Some(coding) = coding {
            // Both: one party reads another body than the other (RFC 9112 §6.1).
            return match lengths.peek() {
                Some(_) => None,
                None if coding.eq_ignore_ascii_case(b"chunked") => {
                    Some(Self::Chunked(Chunk::Size { size: 0, digits: 0 }))
                }
                None => Some(Self::UntilEof),
            };
        }
        let Some(first) = lengths.next() else {
            return Some(Self::UntilEof);
        };
        if lengths.any(|other| other != first) || !first.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(Self::Length(str::from_utf8(first).ok()?.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(
        headers: &[(&str, &str)],
        body: &[u8],
        config: &Config,
        step: usize,
    ) -> Result<Option<(Vec<u8>, bool)>, HandshakeError> {
        let mut fields = Headers::default();
        for (name, value) in headers {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        let mut start = super::super::head::StartLine::default();
        start.status = 404;
        let head = Parsed {
            start,
            headers: fields,
        };
        let mut refusing = Refusing::new(head, config)?;
        let mut over = refusing.receive(&mut &mut [][..])?;
        for piece in body.chunks(step) {
            over = over || refusing.receive(&mut &mut piece.to_vec()[..])?;
        }
        let refusal = refusing.finish();
        Ok(over.then(|| (refusal.body.clone(), refusal.complete)))
    }

    const CHUNKED: &[(&str, &str)] = &[("Transfer-Encoding", "chunked")];

    #[test]
    fn hostile_034_bodies() {
        let config = Config::default();
        for step in [1, 2, 3, 1_000] {
            let chunked = |body: &[u8]| decode(CHUNKED, body, &config, step);
            assert_eq!(
                chunked(b"5\r\nHello\r\n00A;x=\"y\"\r\n, World!!!\r\n0\r\nTrailer: x\r\n\r\n"),
                Ok(Some((b"Hello, World!!!".to_vec(), true)))
            );
            assert_eq!(chunked(b"0\r\n\r\n"), Ok(Some((Vec::new(), true))));
            assert_eq!(chunked(b"5\r\nHel"), Ok(None));
            let length = |value| decode(&[("Content-Length", value)], b"Hello", &config, step);
            assert_eq!(length("5"), Ok(Some((b"Hello".to_vec(), true))));
            assert_eq!(length("2"), Ok(Some((b"He".to_vec(), true))));
            assert_eq!(length("6"), Ok(None));
            assert_eq!(decode(&[], b"Hello", &config, step), Ok(None));
        }
    }

    #[test]
    fn hostile_034_malformed_framing() {
        let config = Config::default().max_head_size(10);
        for body in [
            &b"\r\n"[..],
            b";\r\n",
            b"g\r\n",
            b"1\n",
            b"1\r\r",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"-1\r\n",
            b"0x1\r\n",
            b"00000000000000001\r\n",
            b"1;\0\r\n",
            b"1;34567890123\r\n",
            b"0\r\nabcde: fghij\r\n\r\n",
            b"0\r\na\nb: c\r\n\r\n",
            b"0\r\n\r\r",
        ] {
            for step in [1, body.len()] {
                assert_eq!(
                    decode(CHUNKED, body, &config, step),
                    Err(HandshakeError::ResponseBody),
                    "{}",
                    body.escape_ascii()
                );
            }
        }
        for headers in [
            &[("Content-Length", "")][..],
            &[("Content-Length", "-1")],
            &[("Content-Length", "+1")],
            &[("Content-Length", "1, 1")],
            &[("Content-Length", "18446744073709551616")],
            &[("Content-Length", "1"), ("content-length", "2")],
            &[("Content-Length", "1"), ("Transfer-Encoding", "chunked")],
        ] {
            assert_eq!(
                decode(headers, b"", &config, 1),
                Err(HandshakeError::ResponseBody)
            );
        }
    }

    #[test]
    fn hostile_034_no_more_is_kept_than_the_limit() {
        let config = Config::default().max_refusal_body_size(3);
        for (headers, body, whole) in [
            (&[][..], &b"Hello"[..], false),
            (
                &[("Content-Length", "18446744073709551615")],
                b"Hello",
                false,
            ),
            (&[("Content-Length", "3")], b"Hel", true),
            (CHUNKED, b"FFFFFFFFFFFFFFFF\r\nHello", false),
        ] {
            for step in [1, 2, 1_000] {
                assert_eq!(
                    decode(headers, body, &config, step),
                    Ok(Some((b"Hel".to_vec(), whole)))
                );
            }
        }
        let none = Config::default().max_refusal_body_size(0);
        assert_eq!(decode(&[], b"", &none, 1), Ok(Some((Vec::new(), false))));
    }
}
