//! A message's head: from the first byte to the blank line (RFC 9112 §2).
//!
//! ```text
//! input ──── head whole in it: one copy of just the head ────▶ Parsed { headers, … }
//!   └─ cut: appended to `bytes` ── blank line found: moved ───▶
//! ```
//!
//! The fields of a head that comes alone and whole are parsed at once. Of any other each byte is
//! looked at once for the blank line, however the head is cut, and the fields are parsed once, when
//! it is there. What can be refused early is: the first line as its bytes come, so that a TLS
//! ClientHello, an HTTP/2 preface or frames end at once.
//!
//! `httparse` reads the fields. It is laxer than HTTP about line ends, so those are checked here,
//! and so is the first line.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::{
    error::{EofStage, HandshakeError},
    headers::{Headers, Span},
    syntax::{is_target_byte, is_tchar, is_token},
};
use crate::proto::config::Config;

/// Which head is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
}

/// A head under way.
pub(super) struct Head {
    kind: Kind,
    /// What came before this input; empty while nothing did.
    bytes: Vec<u8>,
    /// How many bytes have been looked at.
    seen: usize,
    /// Where the line under way begins.
    line: usize,
    /// How many header lines are complete.
    lines: usize,
    /// The first line, once it is complete.
    start: Option<StartLine>,
    /// Whether the first line is complete and asks by HEAD, be it in order or not.
    is_head: bool,
    /// How many bytes were looked at by themselves, counted by a test.
    #[cfg(test)]
    work: usize,
}

/// What the first line says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StartLine {
    /// A response's status.
    pub(super) status: u16,
    /// A request's target or a response's reason phrase.
    pub(super) text: Span,
    /// Where the header lines begin.
    end: usize,
}

/// A whole head.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) start: StartLine,
    /// The fields; their bytes are the whole head.
    pub(super) headers: Headers,
}

impl Head {
    /// A head of which nothing has come.
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            bytes: Vec::new(),
            seen: 0,
            line: 0,
            lines: 0,
            start: None,
            is_head: false,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Takes the head's bytes from `input` and leaves what follows it; `None` if it is unfinished,
    /// and then `input` is empty.
    ///
    /// # Errors
    ///
    /// A head that is not HTTP or beyond a limit, at the first byte that shows it.
    pub(super) fn receive(
        &mut self,
        input: &mut &mut [u8],
        config: &Config,
    ) -> Result<Option<Parsed>, HandshakeError> {
        // Spans hold 32 bits.
        let limit = config
            .max_head_size
            .min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
        let before = self.bytes.len();
        let usable = input.len().min(limit.saturating_sub(before));
        let (new, _) = input.split_at(usable);
        if before == 0
            && new.ends_with(b"\r\n\r\n")
            && let Some((parsed, end)) = self.receive_whole(new, config)?
        {
            *input = mem::take(input).get_mut(end..).unwrap_or_default();
            return Ok(Some(parsed));
        }
        let end = if before == 0 {
            self.scan(new, config)?
        } else {
            let mut bytes = mem::take(&mut self.bytes);
            if bytes.capacity() - before < usable {
                // Doubling, but never beyond the limit.
                bytes.reserve_exact(before.max(usable).min(limit - before));
            }
            bytes.extend_from_slice(new);
            let end = self.scan(&bytes, config);
            self.bytes = bytes;
            end?
        };
        let Some(end) = end else {
            if usable < input.len() {
                return Err(HandshakeError::HeadTooLarge);
            }
            if before == 0 {
                self.bytes.extend_from_slice(new);
            }
            *input = &mut [];
            return Ok(None);
        };
        // The head ends in this input: what came before it held no blank line.
        let taken = input.split_off_mut(..end - before).unwrap_or_default();
        let head = if before == 0 {
            taken.to_vec()
        } else {
            let mut head = mem::take(&mut self.bytes);
            head.truncate(end);
            head
        };
        let start = self.start.unwrap_or_default();
        let headers = Headers::parse(head, start.end, self.lines)?;
        Ok(Some(Parsed { start, headers }))
    }

    /// A head that comes in one piece and is in order, as most are, and how long it is: its lines are
    /// not looked at one by one before. `None` for any other.
    fn receive_whole(
        &mut self,
        text: &[u8],
        config: &Config,
    ) -> Result<Option<(Parsed, usize)>, HandshakeError> {
        self.start = self.scan_start_line(text, config)?;
        let Some(start) = self.start else {
            return Ok(None);
        };
        let whole = Headers::whole(text, start.end, config.max_headers);
        Ok(whole.map(|(headers, end)| (Parsed { start, headers }, end)))
    }

    /// Whether a request's method is HEAD: its answer has no body (RFC 9110 §9.3.2).
    pub(super) const fn is_head(&self) -> bool {
        self.is_head
    }

    /// The error if the transport ends here.
    pub(super) const fn eof(&self) -> HandshakeError {
        HandshakeError::Eof(if self.seen == 0 {
            EofStage::BeforeHead
        } else {
            EofStage::InsideHead
        })
    }

    /// Looks at the bytes of `text`, all of the head so far, that were not seen; returns the
    /// head's length if the blank line is among them.
    fn scan(&mut self, text: &[u8], config: &Config) -> Result<Option<usize>, HandshakeError> {
        if self.start.is_none() {
            self.start = self.scan_start_line(text, config)?;
            if self.start.is_none() {
                return Ok(None);
            }
        }
        #[cfg(test)]
        {
            self.work += text.len() - self.seen;
        }
        while let Some(offset) = find_line_feed(text.get(self.seen..).unwrap_or_default()) {
            let line = text.get(self.line..self.seen + offset).unwrap_or_default();
            self.seen += offset + 1;
            self.line = self.seen;
            match line {
                [b'\r'] => return Ok(Some(self.seen)),
                // "A sender MUST NOT generate a message that includes line folding" (RFC 9112
                // §5.2).
                [b' ' | b'\t', ..] => return Err(HandshakeError::MalformedHeader),
                [.., b'\r'] if self.lines == config.max_headers => {
                    return Err(HandshakeError::TooManyHeaders);
                }
                [.., b'\r'] => self.lines += 1,
                _ => return Err(HandshakeError::MalformedHeader),
            }
        }
        self.seen = text.len();
        Ok(None)
    }

    /// Looks at the first line byte by byte; returns it once it is complete.
    fn scan_start_line(
        &mut self,
        text: &[u8],
        config: &Config,
    ) -> Result<Option<StartLine>, HandshakeError> {
        // A response's first line is limited as part of its head.
        let limit = match self.kind {
            Kind::Request => config.max_request_line_size,
            Kind::Response => usize::MAX,
        };
        if self.seen == 0 && self.kind == Kind::Request {
            self.seen = whole_line(text, limit);
        }
        while let Some(&byte) = text.get(self.seen) {
            #[cfg(test)]
            {
                self.work += 1;
            }
            let at = self.seen;
            self.seen += 1;
            let after_cr = at > 0 && text.get(at - 1) == Some(&b'\r');
            match byte {
                b'\n' if after_cr => {
                    self.line = self.seen;
                    let line = text.get(..at - 1).unwrap_or_default();
                    self.is_head = self.kind == Kind::Request && line.starts_with(b"HEAD ");
                    let (status, (start, end)) = match self.kind {
                        Kind::Request => (0, request_line(line, config.plain_requests)?),
                        Kind::Response => status_line(line)?,
                    };
                    return Ok(Some(StartLine {
                        status,
                        text: Span::new(start, end).ok_or(HandshakeError::HeadTooLarge)?,
                        end: self.seen,
                    }));
                }
                _ if after_cr => return Err(HandshakeError::MalformedStartLine),
                b'\r' if at > 0 => {}
                _ if at >= limit => return Err(HandshakeError::RequestLineTooLong),
                _ => self.kind.check_byte(at, byte)?,
            }
        }
        Ok(None)
    }
}

impl Kind {
    /// Whether a first line may have `byte` at place `at`.
    fn check_byte(self, at: usize, byte: u8) -> Result<(), HandshakeError> {
        let good = match self {
            Self::Request if at == 0 => is_tchar(byte),
            Self::Request => matches!(byte, 0x20..=0x7E),
            Self::Response => match VERSION.get(at) {
                // Another version is still HTTP; the whole line tells which.
                Some(_) if at == 5 || at == 7 => byte.is_ascii_digit(),
                Some(&expected) => byte == expected,
                None => byte == b'\t' || (byte >= b' ' && byte != 0x7F),
            },
        };
        good.then_some(()).ok_or(HandshakeError::MalformedStartLine)
    }
}

impl fmt::Debug for Head {
    /// Leaves the bytes out: they may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("kind", &self.kind)
            .field("seen", &self.seen)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// The only version of HTTP that is read here.
const VERSION: &[u8] = b"HTTP/1.1";

/// Checks a request line (RFC 9112 §3) and returns the place of its target.
fn request_line(line: &[u8], plain: bool) -> Result<(usize, usize), HandshakeError> {
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(HandshakeError::MalformedStartLine);
    };
    if !is_token(method) {
        return Err(HandshakeError::MalformedStartLine);
    }
    check_version(version)?;
    // "The method of the request MUST be GET" (§4.1 number 2); methods have case.
    if method != b"GET" && !(plain && method == b"HEAD") {
        return Err(HandshakeError::RequestMethod);
    }
    if target.is_empty() || !target.iter().copied().all(is_target_byte) {
        return Err(HandshakeError::RequestTarget);
    }
    let start = method.len() + 1;
    Ok((start, start + target.len()))
}

/// Checks a status line (RFC 9112 §4) and returns its status and the place of its reason phrase.
fn status_line(line: &[u8]) -> Result<(u16, (usize, usize)), HandshakeError> {
    let Some((version, rest)) = line.split_at_checked(VERSION.len()) else {
        return Err(HandshakeError::MalformedStartLine);
    };
    // The space before an empty reason phrase is often forgotten.
    let ([b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']
    | [
        b' ',
        a @ b'1'..=b'9',
        b @ b'0'..=b'9',
        c @ b'0'..=b'9',
        b' ',
        ..,
    ]) = rest
    else {
        return Err(HandshakeError::MalformedStartLine);
    };
    let digit = |digit: &u8| u16::from(digit - b'0');
    let status = digit(a) * 100 + digit(b) * 10 + digit(c);
    match version {
        // What refuses need not be the server itself: "the client handles the response per HTTP"
        // (§4.1), of which minor versions are alike (RFC 9110 §2.5).
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] if status >= 200 => {}
        version => check_version(version)?,
    }
    let reason = (VERSION.len() + 5).min(line.len());
    Ok((status, (reason, line.len())))
}

/// "The version MUST be at least 1.1" (§4.1 number 2), and no later one has this form.
fn check_version(version: &[u8]) -> Result<(), HandshakeError> {
    match version {
        VERSION => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(HandshakeError::HttpVersion)
        }
        _ => Err(HandshakeError::MalformedStartLine),
    }
}

/// How long the first line is, without its LF, if it is all there and every byte of it is one that
/// a request line may have: what most are, and found without looking at each byte by itself. 0 for
/// all others.
fn whole_line(text: &[u8], limit: usize) -> usize {
    let line = find_line_feed(text).and_then(|len| text.get(..len));
    match line {
        Some(line @ [first, middle @ .., b'\r'])
            if line.len() <= limit
                && is_tchar(*first)
                // Without a branch for each byte.
                && middle.iter().fold(true, |good, byte| good & matches!(byte, 0x20..=0x7E)) =>
        {
            line.len()
        }
        _ => 0,
    }
}

/// The place of the first LF: eight bytes at a time, since heads are long and lines short.
fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const LF: u64 = ONES * b'\n' as u64;
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // A byte is zero here where the word has an LF, and the first zero byte is the lowest
        // whose high bit survives.
        let zeros = u64::from_le_bytes(*word) ^ LF;
        let found = zeros.wrapping_sub(ONES) & !zeros & HIGH;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&byte| byte == b'\n')?;
    Some(words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(head: &mut Head, bytes: &[u8], config: &Config) -> Result<bool, HandshakeError> {
        let mut bytes = bytes.to_vec();
        head.receive(&mut &mut bytes[..], config)
            .map(|parsed| parsed.is_some())
    }

    #[test]
    fn every_place_of_a_line_feed() {
        for len in 0..40 {
            let mut bytes = [b"\x0B\x8A\x00\xFF\x09"[len % 5]; 40];
            assert_eq!(find_line_feed(&bytes[..len]), None);
            for at in 0..len {
                bytes[at..].fill(b'\n');
                assert_eq!(find_line_feed(&bytes[..len]), Some(at), "{at} of {len}");
                bytes[at..].fill(0x0B);
            }
        }
    }

    /// hostile 1, 2: whatever the cuts, each byte is looked at once.
    #[test]
    fn hostile_001_002_work_is_linear() {
        let config = Config::default().max_head_size(100_000);
        for (line, error) in [
            ("x: y\r\n", HandshakeError::TooManyHeaders),
            ("x", HandshakeError::HeadTooLarge),
        ] {
            let mut text = b"GET / HTTP/1.1\r\n".to_vec();
            text.extend(line.repeat(100_000).bytes().take(100_001 - text.len()));
            for step in [1, 7, 1_000, text.len()] {
                let mut head = Head::new(Kind::Request);
                let result = text
                    .chunks(step)
                    .try_for_each(|piece| receive(&mut head, piece, &config).map(drop));
                assert_eq!(result, Err(error));
                assert!(head.work <= text.len(), "{} of {}", head.work, text.len());
                if error == HandshakeError::HeadTooLarge {
                    // A first line that comes whole is looked at as a whole.
                    let whole = if step < 16 { 0 } else { 15 };
                    assert_eq!(head.work, 100_000 - whole);
                }
            }
        }
    }

    /// But for the LF of its first line.
    #[test]
    fn no_byte_of_a_head_in_one_piece_is_looked_at_by_itself() {
        let text = b"GET / HTTP/1.1\r\na: b\r\n\r\n";
        for (rest, work) in [(&b""[..], 1), (b"\r\n\r\n", 1), (b"\x81\0", 1 + 8 + 2)] {
            let mut head = Head::new(Kind::Request);
            let bytes = [text, rest].concat();
            assert_eq!(receive(&mut head, &bytes, &Config::default()), Ok(true));
            assert_eq!(head.work, work);
        }
    }

    #[test]
    fn every_limit_is_exact() {
        let head = b"GET /abc HTTP/1.1\r\na: b\r\nc: d\r\n\r\n";
        let exact = Config::default()
            .max_head_size(head.len())
            .max_request_line_size(17)
            .max_headers(2);
        for step in [1, 2, head.len()] {
            let outcome = |config: &Config| {
                let mut state = Head::new(Kind::Request);
                let mut last = Ok(false);
                for piece in head.chunks(step) {
                    last = receive(&mut state, piece, config);
                    if last.is_err() {
                        break;
                    }
                }
                last
            };
            assert_eq!(outcome(&exact), Ok(true));
            assert_eq!(
                outcome(&exact.clone().max_head_size(head.len() - 1)),
                Err(HandshakeError::HeadTooLarge)
            );
            assert_eq!(
                outcome(&exact.clone().max_request_line_size(16)),
                Err(HandshakeError::RequestLineTooLong)
            );
            assert_eq!(
                outcome(&exact.clone().max_headers(1)),
                Err(HandshakeError::TooManyHeaders)
            );
            for all in [0, usize::MAX] {
                let config = Config::default()
                    .max_head_size(all)
                    .max_request_line_size(all)
                    .max_headers(all);
                assert_eq!(outcome(&config).is_ok(), all > 0);
            }
        }
    }

    /// hostile 35, 42.
    #[test]
    fn status_lines() {
        for (line, expected) in [
            ("HTTP/1.1 101 Switching Protocols", Ok((101, (13, 32)))),
            ("HTTP/1.1 200", Ok((200, (12, 12)))),
            ("HTTP/1.1 200 ", Ok((200, (13, 13)))),
            ("HTTP/1.0 101 x", Err(HandshakeError::HttpVersion)),
            ("HTTP/2.0 101 x", Err(HandshakeError::HttpVersion)),
            ("HTTP/1.1 1010", Err(HandshakeError::MalformedStartLine)),
            ("HTTP/1.1 099 x", Err(HandshakeError::MalformedStartLine)),
            ("HTTP/1.1 10 x", Err(HandshakeError::MalformedStartLine)),
            ("HTTP/1.1  101 x", Err(HandshakeError::MalformedStartLine)),
            ("HTTP/1.1", Err(HandshakeError::MalformedStartLine)),
        ] {
            assert_eq!(status_line(line.as_bytes()), expected, "{line}");
        }
    }
}
