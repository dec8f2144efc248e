//! A head read by a third hand, which takes any that can be read at all.
//!
//! It decides nothing but whether a difference is what a rule takes it for.

/// A first line and fields, to the blank line or the end.
pub(super) struct Head<'a> {
    pub(super) start: &'a [u8],
    /// Names and values, without the white space around them.
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// Whether every line ends as RFC 9112 §2.2 has it and is a field, and none is before the first.
    pub(super) is_strict: bool,
}

impl<'a> Head<'a> {
    pub(super) fn new(wire: &'a [u8]) -> Self {
        let mut head = Self {
            start: &[],
            fields: Vec::new(),
            is_strict: true,
        };
        for line in wire.split(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\r");
            head.is_strict &= text.is_some_and(|text| !text.contains(&b'\r'));
            let text = text.unwrap_or(line);
            if head.start.is_empty() {
                head.is_strict &= !text.is_empty();
                head.start = text;
            } else if text.is_empty() {
                break;
            } else if let Some(colon) = text.iter().position(|byte| *byte == b':') {
                let (name, value) = text.split_at(colon);
                head.is_strict &= !name.is_empty() && name.iter().all(is_tchar);
                head.fields.push((name, value[1..].trim_ascii()));
            } else {
                head.is_strict = false;
            }
        }
        head
    }

    /// The values of a field.
    pub(super) fn all(&self, name: &str) -> Vec<&'a [u8]> {
        (self.fields.iter())
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| *value)
            .collect()
    }

    /// The elements of a list, in however many lines.
    pub(super) fn list(&self, name: &str) -> Vec<&'a [u8]> {
        let values = self.all(name).into_iter();
        values
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
            .collect()
    }

    /// Whether a list has this element, in any case.
    pub(super) fn lists(&self, name: &str, element: &[u8]) -> bool {
        let mut elements = self.list(name).into_iter();
        elements.any(|found| found.eq_ignore_ascii_case(element))
    }

    /// Whether each line of a list has an element, and all are of up to so many tokens with a slash
    /// between them.
    pub(super) fn has_tokens(&self, name: &str, most: usize) -> bool {
        let is_element = |element: &[u8]| {
            let mut words = element.splitn(most, |byte| *byte == b'/');
            words.all(|word| !word.is_empty() && word.iter().all(is_tchar))
        };
        self.list(name).into_iter().all(is_element)
            && (self.all(name).iter()).all(|line| line.iter().any(is_tchar))
    }

    /// The second word of the first line.
    pub(super) fn target(&self) -> &'a [u8] {
        let mut words = self.start.split(|byte| *byte == b' ');
        words.nth(1).unwrap_or_default()
    }

    /// Whether the target is a path or an absolute URI of a scheme that a WebSocket can have.
    pub(super) fn is_target(&self) -> bool {
        let target = self.target();
        let is_absolute = [&b"http"[..], b"https", b"ws", b"wss"]
            .iter()
            .any(|scheme| {
                target
                    .split_at_checked(scheme.len())
                    .is_some_and(|(found, rest)| {
                        let authority = rest.strip_prefix(b"://").map(|rest| {
                            let end = rest.iter().position(|byte| b"/?".contains(byte));
                            &rest[..end.unwrap_or(rest.len())]
                        });
                        found.eq_ignore_ascii_case(scheme) && authority.is_some_and(is_authority)
                    })
            });
        (target.starts_with(b"/") || is_absolute)
            && (target.iter()).all(|byte| byte.is_ascii_graphic() && *byte != b'#')
    }

    /// Whether there is one `Host`, and it is a host with perhaps a port.
    pub(super) fn has_host(&self) -> bool {
        matches!(self.all("host")[..], [host] if is_authority(host))
    }

    /// Whether there is a body, or may be.
    pub(super) fn has_body(&self) -> bool {
        let is_zero = |value: &&[u8]| !value.is_empty() && value.iter().all(|byte| *byte == b'0');
        !self.all("transfer-encoding").is_empty() || !self.all("content-length").iter().all(is_zero)
    }

    /// Whether the list that a client offers is one of tokens that differ.
    pub(super) fn has_subprotocols(&self) -> bool {
        let offered = self.list("sec-websocket-protocol");
        let differ = |at: usize| !offered[..at].contains(&offered[at]);
        !offered.is_empty()
            && offered.iter().all(|name| name.iter().all(is_tchar))
            && (0..offered.len()).all(differ)
    }
}

fn is_tchar(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// RFC 3986 §3.2 without user information.
fn is_authority(text: &[u8]) -> bool {
    let colon = text.iter().rposition(|byte| *byte == b':');
    let port = colon.filter(|at| text[at + 1..].iter().all(u8::is_ascii_digit));
    let host = &text[..port.unwrap_or(text.len())];
    if let Some(address) = host.strip_prefix(b"[") {
        let Some(address) = address.strip_suffix(b"]") else {
            return false;
        };
        let is_of_one = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
        return address.contains(&b':') && address.iter().all(is_of_one);
    }
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
    let mut escapes = host.split(|byte| *byte == b'%').skip(1);
    let is_escape =
        |rest: &[u8]| matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    !host.is_empty() && host.iter().all(is_of_name) && escapes.all(is_escape)
}
