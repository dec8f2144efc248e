//! An HTTP response read by a second hand (RFC 9112 §2–§6).

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The fields, as they were written.
    pub headers: Vec<(&'a [u8], &'a [u8])>,
    /// What follows the blank line.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The only value of a field.
    ///
    /// # Panics
    ///
    /// If there are several.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
        let value = values.next().map(|(_, value)| *value);
        assert!(values.next().is_none(), "several of {name}");
        value
    }

    /// How long the body is, by what the head says.
    fn length(&self) -> usize {
        self.only("content-length").map_or(0, |value| {
            str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok())
                .expect("a length")
        })
    }
}

/// Reads a response that is exactly as long as it says.
///
/// # Panics
///
/// If it is not well-formed.
#[must_use]
pub fn read_answer(bytes: &[u8]) -> Answer<'_> {
    let answer = read_answer_to_head(bytes);
    assert_eq!(answer.length(), answer.body.len(), "the body's length");
    answer
}

/// Reads a response to what may be a HEAD: its body may be left out.
///
/// # Panics
///
/// If it is not well-formed.
#[must_use]
pub fn read_answer_to_head(bytes: &[u8]) -> Answer<'_> {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a blank line");
    let (head, body) = (&bytes[..end + 2], &bytes[end + 4..]);
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    assert!(rest.is_empty());
    for line in &lines {
        let clean = line
            .iter()
            .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7F));
        assert!(clean, "a control character in {}", line.escape_ascii());
    }
    let start = lines.remove(0);
    let digits = start
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.split_at_checked(3))
        .expect("a status line");
    assert!(digits.1.starts_with(b" "), "a space behind the status");
    let status = str::from_utf8(digits.0)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .expect("a status");
    assert!((100..600).contains(&status));
    let headers = lines.into_iter().map(field).collect();
    let answer = Answer {
        status,
        headers,
        body,
    };
    assert!(body.is_empty() || body.len() == answer.length());
    answer
}

/// A field line.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    assert!(!name.is_empty());
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(name.iter().all(token), "{}", name.escape_ascii());
    (name, value.trim_ascii())
}
