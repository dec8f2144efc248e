//! `Sec-WebSocket-Extensions` read by a second hand (RFC 6455 §9.1, RFC 7692 §7.1).

use sansock::proto::DeflateParams;

/// One element of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The extension's name.
    pub name: String,
    /// Its parameters, in order.
    pub params: Vec<(String, Option<String>)>,
}

/// An offer of permessage-deflate, or an answer to one; `None` is a parameter that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    /// The server's messages stand by themselves.
    pub server_no_context_takeover: bool,
    /// The client's messages stand by themselves.
    pub client_no_context_takeover: bool,
    /// The server's window.
    pub server_max_window_bits: Option<u8>,
    /// The client's window; the inner `None` is the parameter without a value.
    pub client_max_window_bits: Option<Option<u8>>,
}

impl Extension {
    /// The parameters, if it is a valid permessage-deflate (§7.1).
    #[must_use]
    pub fn deflate(&self) -> Option<Deflate> {
        if self.name != "permessage-deflate" {
            return None;
        }
        let mut deflate = Deflate::default();
        for (name, value) in &self.params {
            let value = value.as_deref();
            let is_new = match (name.as_str(), value) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut deflate.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut deflate.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    let bits = bits(value)?;
                    deflate.server_max_window_bits.replace(bits).is_none()
                }
                ("client_max_window_bits", value) => {
                    let bits = match value {
                        Some(value) => Some(bits(value)?),
                        None => None,
                    };
                    deflate.client_max_window_bits.replace(bits).is_none()
                }
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(deflate)
    }
}

impl Deflate {
    /// What an answer like this agrees on.
    #[must_use]
    pub fn agreed(self) -> DeflateParams {
        DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.unwrap_or(15),
            client_max_window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
        }
    }

    /// Whether `answer` may be the answer to this offer (§7.1.1, §7.1.2).
    #[must_use]
    pub fn allows(self, answer: Self) -> bool {
        let server_bits = match (self.server_max_window_bits, answer.server_max_window_bits) {
            (Some(offered), Some(answered)) => answered <= offered,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let client_bits = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) => true,
            (Some(offered), Some(Some(answered))) => answered <= offered.unwrap_or(15),
            (_, Some(_)) => false,
        };
        let takeover = answer.server_no_context_takeover || !self.server_no_context_takeover;
        server_bits && client_bits && takeover
    }
}

/// A window's size: a decimal number from 8 to 15 without leading zeros.
fn bits(value: &str) -> Option<u8> {
    let bits: u8 = value.parse().ok()?;
    ((8..=15).contains(&bits) && bits.to_string() == value).then_some(bits)
}

/// All elements of a field's value; `None` if it is not well-formed.
#[must_use]
pub fn read_extensions(value: &[u8]) -> Option<Vec<Extension>> {
    let mut rest = value;
    let mut extensions = Vec::new();
    loop {
        skip_space(&mut rest);
        if !rest.is_empty() && rest[0] != b',' {
            let name = token(&mut rest)?;
            let mut params = Vec::new();
            skip_space(&mut rest);
            while take(&mut rest, b';') {
                skip_space(&mut rest);
                let name = token(&mut rest)?;
                skip_space(&mut rest);
                let value = if take(&mut rest, b'=') {
                    skip_space(&mut rest);
                    Some(if rest.first() == Some(&b'"') {
                        quoted(&mut rest)?
                    } else {
                        token(&mut rest)?
                    })
                } else {
                    None
                };
                params.push((name, value));
                skip_space(&mut rest);
            }
            extensions.push(Extension { name, params });
        }
        if rest.is_empty() {
            return Some(extensions);
        }
        if !take(&mut rest, b',') {
            return None;
        }
    }
}

fn skip_space(rest: &mut &[u8]) {
    while let [b' ' | b'\t', after @ ..] = *rest {
        *rest = after;
    }
}

fn take(rest: &mut &[u8], byte: u8) -> bool {
    let is_there = rest.first() == Some(&byte);
    if is_there {
        *rest = &rest[1..];
    }
    is_there
}

fn token(rest: &mut &[u8]) -> Option<String> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = rest.iter().position(|byte| !is_token(byte));
    let (token, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after;
    (!token.is_empty()).then(|| String::from_utf8_lossy(token).into_owned())
}

/// A quoted string, whose value must be a token (RFC 6455 §9.1).
fn quoted(rest: &mut &[u8]) -> Option<String> {
    let mut value = Vec::new();
    *rest = &rest[1..];
    loop {
        match **rest {
            [b'"', ..] => break,
            [b'\\', byte, ..] => {
                value.push(byte);
                *rest = &rest[2..];
            }
            [byte, ..] => {
                value.push(byte);
                *rest = &rest[1..];
            }
            [] => return None,
        }
    }
    *rest = &rest[1..];
    let mut unread = &value[..];
    let value = token(&mut unread)?;
    unread.is_empty().then_some(value)
}
