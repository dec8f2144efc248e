//! Header fields in one buffer.

use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeError;

/// The header fields of a request or a response, in their order.
///
/// Names have no case. Values are bytes: HTTP allows 0x80 to 0xFF in them and gives those no
/// meaning (RFC 9110 §5.5). `Debug` escapes values and cuts them at 64 bytes; it leaves out those of
/// fields that hold secrets, as their names tell.
#[derive(Clone, Default)]
pub struct Headers {
    /// The whole head where the fields came in one, so that none of them is copied again.
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field lies in the bytes.
#[derive(Clone, Copy, Default)]
struct Field {
    name: Span,
    value: Span,
}

/// A piece of the bytes, which are never as long as 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The place from `start` to `end`; `None` beyond 4 GiB.
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(end).ok()?,
        })
    }

    const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// The piece of `bytes` at this place.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let (start, end) = (self.start as usize, self.end as usize);
        // Every span is made from a place in the bytes it is used with.
        bytes.get(start..end).unwrap_or_default()
    }
}

impl Headers {
    /// The first value of the field called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value of the field called `name`, if it is text.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| core::str::from_utf8(value).ok())
    }

    /// Every value of the fields called `name`.
    pub fn get_all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        // Most have another length.
        let is = move |other: Span| {
            other.len() == name.len() && other.of(&self.bytes).eq_ignore_ascii_case(name.as_bytes())
        };
        let found = self.fields.iter().filter(move |field| is(field.name));
        found.map(|field| field.value.of(&self.bytes))
    }

    /// Names and values in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.raw().map(|(name, value)| {
            // A name is a token, so it is ASCII.
            (core::str::from_utf8(name).unwrap_or_default(), value)
        })
    }

    /// How many fields there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Reads the field lines that begin at `start` in `text`, and returns where the blank line behind
    /// them ends; `None` unless all is there, in order, and at most `most` lines.
    ///
    /// `text` ends with a blank line, if perhaps not with the first.
    pub(super) fn whole(text: &[u8], start: usize, most: usize) -> Option<(Self, usize)> {
        let mut few = [httparse::EMPTY_HEADER; FEW];
        let few = few.get_mut(..most.min(FEW))?;
        let (len, parsed) = parse_lines(text.get(start..)?, few)?;
        let (fields, end) = (fields(text, parsed)?, start + len);
        // A line must end by both CR and LF; the package takes an LF alone.
        let mut line_end = start;
        for Field { name, value } in &fields {
            let value_end = if value.len() == 0 {
                name.end + 1
            } else {
                value.end
            };
            line_end = after_line(text, value_end as usize)?;
        }
        let bytes = text.get(..end)?.to_vec();
        (after_line(text, line_end)? == end).then_some((Self { bytes, fields }, end))
    }

    /// Reads the field lines that begin at `start` in `head`, which ends with the blank line and
    /// has at most `lines` of them, each with both CR and LF.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::MalformedHeader`].
    pub(super) fn parse(head: Vec<u8>, start: usize, lines: usize) -> Result<Self, HandshakeError> {
        // On the stack for the heads that people send.
        let mut few = [httparse::EMPTY_HEADER; FEW];
        let mut many = Vec::new();
        let parsed = if let Some(few) = few.get_mut(..lines) {
            few
        } else {
            many.resize(lines, httparse::EMPTY_HEADER);
            &mut many[..]
        };
        let text = head.get(start..).unwrap_or_default();
        let fields = parse_lines(text, parsed).and_then(|(_, parsed)| fields(&head, parsed));
        Ok(Self {
            fields: fields.ok_or(HandshakeError::MalformedHeader)?,
            bytes: head,
        })
    }

    /// Appends a field; does nothing where that would make 4 GiB.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        if let (Some(name), Some(value)) = (self.append(name), self.append(value)) {
            self.fields.push(Field { name, value });
        }
    }

    /// Appends bytes that are no field.
    pub(super) fn append(&mut self, piece: &[u8]) -> Option<Span> {
        let start = self.bytes.len();
        let span = Span::new(start, start.checked_add(piece.len())?)?;
        self.bytes.extend_from_slice(piece);
        Some(span)
    }

    /// Names and values as bytes.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// The bytes in which the fields lie.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// So many fields are read without an allocation.
const FEW: usize = 24;

/// The fields in `text` and how long they are with the blank line; `None` unless they are in order.
fn parse_lines<'t, 'p>(
    text: &'t [u8],
    parsed: &'p mut [httparse::Header<'t>],
) -> Option<(usize, &'p [httparse::Header<'t>])> {
    match httparse::parse_headers(text, parsed) {
        Ok(httparse::Status::Complete(found)) => Some(found),
        _ => None,
    }
}

/// Where in `text` the fields lie that were found in it.
fn fields(text: &[u8], parsed: &[httparse::Header<'_>]) -> Option<Vec<Field>> {
    let base = text.as_ptr().addr();
    let span = |piece: &[u8]| {
        let start = piece.as_ptr().addr().checked_sub(base)?;
        Span::new(start, start + piece.len())
    };
    let mut fields = Vec::with_capacity(parsed.len());
    for header in parsed {
        fields.push(Field {
            name: span(header.name.as_bytes())?,
            value: span(header.value)?,
        });
    }
    Some(fields)
}

/// The place behind the CR and LF that end the line of which `at` and on is only white space.
fn after_line(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at..)? {
            [b'\r', b'\n', ..] => return Some(at + 2),
            [b' ' | b'\t', ..] => at += 1,
            _ => return None,
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.iter() {
            if is_secret(name) {
                map.entry(&name, &format_args!("<hidden>"));
            } else {
                let shown = value.get(..SHOWN).unwrap_or(value).escape_ascii();
                let rest = if value.len() > SHOWN { "…" } else { "" };
                map.entry(&name, &format_args!("\"{shown}{rest}\""));
            }
        }
        map.finish()
    }
}

/// How much of a value is shown.
const SHOWN: usize = 64;

/// Whether a field's value is for the peer's eyes only: `Authorization`, `Cookie`, `X-Api-Key` and
/// whatever else people call such fields.
pub(super) fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "auth",
        "cookie",
        "credential",
        "key",
        "pass",
        "secret",
        "session",
        "signature",
        "token",
    ];
    WORDS.iter().any(|word| {
        let mut places = name.as_bytes().windows(word.len());
        places.any(|place| place.eq_ignore_ascii_case(word.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    fn parse(head: &str) -> Result<Headers, HandshakeError> {
        Headers::parse(head.into(), 0, head.matches("\r\n").count())
    }

    #[test]
    fn fields_are_found_whatever_their_case() {
        let headers = parse("A: 1\r\nb:\t2 \r\na:3\r\nEmpty: \r\nhigh: \u{fc}\r\n\r\n").unwrap();
        assert_eq!(headers.len(), 5);
        assert_eq!(headers.get("a"), Some(&b"1"[..]));
        assert_eq!(headers.get_str("B"), Some("2"));
        assert_eq!(headers.get("empty"), Some(&b""[..]));
        assert_eq!(headers.get_str("high"), Some("\u{fc}"));
        assert_eq!(headers.get("none"), None);
        let all: Vec<_> = headers.get_all("A").collect();
        assert_eq!(all, [b"1", b"3"]);
    }

    #[test]
    fn a_head_in_one_piece_is_read_at_once() {
        let whole = |text: &str, most| {
            let (headers, end) = Headers::whole(text.as_bytes(), 5, most)?;
            let fields = headers
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"));
            Some((fields.collect::<Vec<_>>().join(" "), end))
        };
        let head = "GET\r\nA: 1\r\nb:\t2 \t\r\nEmpty:\r\nblank: \t \r\n\r\n";
        let fields = "A=[49] b=[50] Empty=[] blank=[]";
        for rest in ["", "\r\n\r\n", "a: b\r\n\r\n"] {
            let text = format!("{head}{rest}");
            assert_eq!(whole(&text, 4), Some((fields.into(), head.len())));
        }
        assert_eq!(whole(head, 3), None);
        assert_eq!(whole("GET\r\n\r\n", 0), Some((String::new(), 7)));
        for at in (5..head.len()).filter(|at| head[*at..].starts_with('\r')) {
            let text = [&head[..at], &head[at + 1..], "\r\n\r\n"].concat();
            assert_eq!(whole(&text, 4), None, "a bare LF at {at}");
        }
        assert_eq!(whole("GET\r\nA: 1\r\n", 4), None);
    }

    #[test]
    fn more_fields_than_the_stack_holds() {
        let head = "x: y\r\n".repeat(1000) + "\r\n";
        assert_eq!(parse(&head).unwrap().len(), 1000);
    }

    /// hostile 17.
    #[test]
    fn malformed_lines_are_refused() {
        for head in [
            "a : 1\r\n\r\n",
            ": 1\r\n\r\n",
            "a\r\n\r\n",
            " a: 1\r\n\r\n",
            "a: \0\r\n\r\n",
            "a: 1\r2\r\n\r\n",
            "a: \x7F\r\n\r\n",
            "a: 1\r\n b\r\n\r\n",
            "\u{fc}: 1\r\n\r\n",
        ] {
            assert_eq!(
                parse(head).err(),
                Some(HandshakeError::MalformedHeader),
                "{head:?}"
            );
        }
    }

    /// hostile 151.
    #[test]
    fn hostile_151_debug_hides_secrets() {
        let mut headers = Headers::default();
        for name in [
            "AUTHORIZATION",
            "cookie",
            "Set-Cookie",
            "Proxy-Authorization",
            "Sec-WebSocket-Key",
            "X-Api-Key",
            "x-auth-token",
            "X-CSRF-Token",
            "Session-Id",
            "X-Amz-Signature",
        ] {
            headers.push(name.as_bytes(), b"secret");
        }
        headers.push(b"Accept", b"\x1B[1m");
        let text = format!("{headers:?}");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(r#""Accept": "\x1b[1m""#), "{text}");
        let mut headers = Headers::default();
        headers.push(b"Via", &[b'x'; 10_000]);
        let text = format!("{headers:?}");
        assert!(text.contains("x…") && text.len() < 100, "{text}");
    }
}
