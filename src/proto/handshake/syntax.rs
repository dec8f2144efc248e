//! The grammar both roles check: tokens, lists, header values, authorities, extensions
//! (RFC 9110 §5.6, RFC 3986 §3.2, RFC 6455 §4.3 and §9.1).
//!
//! Every function here goes over its bytes once, whatever they are.

/// Whether `byte` may stand in a token.
pub(super) const fn is_tchar(byte: u8) -> bool {
    static TCHARS: Set = Set::of(b"!#$%&'*+-.^_`|~");
    TCHARS.has(byte)
}

/// Letters, digits and some more, looked up: to compare with each range takes several times as long.
struct Set([bool; 256]);

impl Set {
    const fn of(more: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0_u8;
        while byte.is_ascii() {
            set[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < more.len() {
            set[more[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }
}

/// Whether `bytes` are a token: not empty, no separators, no controls (RFC 9110 §5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_tchar)
}

/// Whether `bytes` may be a header's value: no control but the tab (RFC 9110 §5.5).
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
}

/// Whether `byte` may stand in a request target: printable ASCII, and not the `#` that begins a
/// fragment (§3).
pub(super) const fn is_target_byte(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && byte != b'#'
}

/// `bytes` without the optional white space around them.
pub(super) const fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a list. "A recipient MUST parse and ignore a reasonable number of empty list
/// elements" (RFC 9110 §5.6.1.2); the head's limit says what is reasonable.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Splits an authority (RFC 3986 §3.2) without user information into host and port; `None` if it
/// is not one. The brackets of an IPv6 address are part of the host.
pub(super) fn split_authority(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_len = if bytes.first() == Some(&b'[') {
        // A zone is for one machine only, so its `%` is refused (RFC 6874 §3).
        let end = bytes.iter().position(|&byte| byte == b']')?;
        let address = bytes.get(1..end)?;
        let is_address = address.contains(&b':')
            && address
                .iter()
                .all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
        is_address.then_some(end + 1)?
    } else {
        let end = bytes.iter().position(|&byte| byte == b':');
        let name = bytes.get(..end.unwrap_or(bytes.len()))?;
        (!name.is_empty() && is_reg_name(name)).then_some(name.len())?
    };
    let (host, rest) = bytes.split_at_checked(host_len)?;
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] if port.iter().all(u8::is_ascii_digit) => Some((host, Some(port))),
        _ => None,
    }
}

/// Whether `bytes` are a reg-name (RFC 3986 §3.2.2).
fn is_reg_name(mut bytes: &[u8]) -> bool {
    static UNESCAPED: Set = Set::of(b"-._~!$&'()*+,;=");
    while let Some(at) = bytes.iter().position(|&byte| !UNESCAPED.has(byte)) {
        bytes = match bytes.get(at..) {
            Some([b'%', high, low, rest @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest
            }
            _ => return false,
        };
    }
    true
}

/// Whether the handshake itself writes or forbids a header of this name.
///
/// `Host`, what upgrades, what frames a body, and what belongs to one hop.
pub(super) fn is_managed(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"sec-websocket-";
    const NAMES: [&[u8]; 11] = [
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ];
    NAMES
        .iter()
        .any(|managed| name.eq_ignore_ascii_case(managed))
        || name
            .get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// What an extension list says, word by word.
pub(in crate::proto) enum ExtensionWord<'a> {
    /// The name of the next extension.
    Name(&'a [u8]),
    /// A parameter of it, perhaps with a value: a token, or a quoted string with its quotes.
    Parameter(&'a [u8], Option<&'a [u8]>),
}

/// Counts the extensions in one `Sec-WebSocket-Extensions` line; `None` if it breaks the grammar
/// of §9.1.
pub(super) fn count_extensions(value: &[u8]) -> Option<usize> {
    let mut count = 0;
    parse_extensions(value, |word| {
        count += usize::from(matches!(word, ExtensionWord::Name(_)));
    })?;
    Some(count)
}

/// Gives `say` what one `Sec-WebSocket-Extensions` line says; `None` if it breaks the grammar of
/// §9.1, after what stands before that.
///
/// A quoted parameter must be a token once it is unescaped. White space may stand between any two
/// words: "the implied *LWS rule" of RFC 2616 §2.1 holds here.
pub(in crate::proto) fn parse_extensions<'a>(
    value: &'a [u8],
    mut say: impl FnMut(ExtensionWord<'a>),
) -> Option<()> {
    let mut words = Words { rest: value };
    loop {
        match words.next()? {
            Word::End => return Some(()),
            Word::Separator(b',') => continue,
            Word::Token(name) => say(ExtensionWord::Name(name)),
            Word::Quoted(_) | Word::Separator(_) => return None,
        }
        // What stands behind the extension's name: its parameters.
        loop {
            match words.next()? {
                Word::End => return Some(()),
                Word::Separator(b',') => break,
                Word::Separator(b';') => {
                    let Word::Token(name) = words.next()? else {
                        return None;
                    };
                    let value = match words.take(b'=').then(|| words.next()) {
                        None => None,
                        Some(Some(Word::Token(value) | Word::Quoted(value))) => Some(value),
                        Some(_) => return None,
                    };
                    say(ExtensionWord::Parameter(name, value));
                }
                Word::Token(_) | Word::Quoted(_) | Word::Separator(_) => return None,
            }
        }
    }
}

/// What stands next in an extension list.
enum Word<'a> {
    Token(&'a [u8]),
    /// A quoted string whose content is a token, with its quotes.
    Quoted(&'a [u8]),
    Separator(u8),
    End,
}

struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// The next word; `None` if what follows is no word.
    fn next(&mut self) -> Option<Word<'a>> {
        self.rest = trim_start(self.rest);
        let (&first, rest) = match self.rest.split_first() {
            None => return Some(Word::End),
            Some(split) => split,
        };
        match first {
            b',' | b';' | b'=' => {
                self.rest = rest;
                Some(Word::Separator(first))
            }
            b'"' => {
                let quoted = self.rest;
                self.rest = after_quoted_token(rest)?;
                Some(Word::Quoted(&quoted[..quoted.len() - self.rest.len()]))
            }
            _ => {
                let len = self.rest.iter().position(|&byte| !is_tchar(byte));
                let len = len.unwrap_or(self.rest.len());
                let (token, rest) = self.rest.split_at_checked(len)?;
                self.rest = rest;
                (len > 0).then_some(Word::Token(token))
            }
        }
    }

    /// Whether `separator` stands next; if so, goes past it.
    fn take(&mut self, separator: u8) -> bool {
        self.rest = trim_start(self.rest);
        match self.rest {
            [first, rest @ ..] if *first == separator => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

const fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// What follows a quoted string whose opening quote is already taken; `None` if it does not end
/// or is not a token once unescaped.
fn after_quoted_token(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'"', after @ ..] => return (after.len() + 1 < bytes.len()).then_some(after),
            [b'\\', byte, after @ ..] | [byte, after @ ..] if is_tchar(*byte) => after,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trim_and_list_ignore_what_is_optional() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        let elements: alloc::vec::Vec<_> = list(b",a, ,\tb c ,").collect();
        assert_eq!(elements, [&b"a"[..], b"b c"]);
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in [
            "h",
            "h:80",
            "h:",
            "[::1]:9",
            "127.0.0.1",
            "a.b.",
            "a%20b",
            "x_y",
        ] {
            assert!(split_authority(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            ":80",
            "u@h",
            "h/",
            "h h",
            "h:8a",
            "[::1",
            "[]",
            "[::1]x",
            "[fe80::1%25e]",
            "a%2",
            "a%2g",
            "a%g2",
            "h:1:2",
            "h#",
            "é",
        ] {
            assert!(split_authority(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    /// hostile 22, clause 117.
    #[test]
    fn extensions_follow_section_9_1() {
        for (value, count) in [
            (&b"foo"[..], 1),
            (b"foo, bar; baz=2", 2),
            (b"deflate-stream", 1),
            (b"mux; max-channels=4; flow-control, deflate-stream", 2),
            (b"private-extension", 1),
            (b"a;b=\"10\"", 1),
            (b"a ; b = \"1\\0\" ,, c", 2),
            (b"", 0),
            (b" , ", 0),
        ] {
            assert_eq!(
                count_extensions(value),
                Some(count),
                "{}",
                value.escape_ascii()
            );
        }
        for value in [
            &b"="[..],
            b";",
            b"a;",
            b"a;;b",
            b"a;b=",
            b"a=b",
            b"a;b=\"",
            b"a;b=\"\"",
            b"a;b=\"x y\"",
            b"a;b=\"x\\\"",
            b"a;b=\"x,y\"",
            b"a b",
            b"\"a\"",
            b"a;\"b\"",
            b"a;b=c d",
            b"a;b==c",
            b"a;b=c\"d\"",
            b"a\0",
            b"a;b=\xFF",
        ] {
            assert_eq!(count_extensions(value), None, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn managed_names_have_no_case() {
        assert!(is_managed(b"HOST") && is_managed(b"sec-webSocket-anything"));
        assert!(is_managed(b"Transfer-Encoding") && is_managed(b"te"));
        assert!(!is_managed(b"Cookie") && !is_managed(b"Sec-WebSocke") && !is_managed(b"Te2"));
    }
}
