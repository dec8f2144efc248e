//! What a client asks for (RFC 6455 §4.2.1), and the checks on it.

use alloc::vec::Vec;
use core::{fmt, str};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    accept_key,
    answer::{self, Accept},
    error::{AcceptError, HandshakeError},
    head::Parsed,
    headers::{Headers, Span},
    negotiated::Negotiated,
    syntax::{count_extensions, is_field_value, is_target_byte, is_token, list, split_authority},
};
use crate::proto::deflate::{DeflateConfig, Offer, offers_of};

/// A request to open a WebSocket connection, found to be in order; or one that asks for no
/// WebSocket, where [`Config::plain_requests`](crate::Config::plain_requests) lets it come.
#[derive(Clone)]
pub struct Request {
    version: HttpVersion,
    purpose: Purpose,
    target: Span,
    /// The fields; the target lies among their bytes.
    headers: Headers,
}

/// The version of HTTP a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpVersion {
    /// HTTP/1.1: GET and an upgrade (RFC 6455 §4).
    Http11,
    /// HTTP/2: an extended CONNECT (RFC 8441).
    Http2,
    /// HTTP/3: an extended CONNECT (RFC 9220).
    Http3,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A WebSocket.
    WebSocket,
    /// Something else, by GET.
    Get,
    /// The same by HEAD.
    Head,
}

impl Request {
    /// A request whose HTTP was done elsewhere, such as by hyper, h2 or h3.
    ///
    /// HTTP/1.1 gets every check that [`ServerHandshake`](super::ServerHandshake) makes. An
    /// extended CONNECT of HTTP/2 or 3 has no `Upgrade`, `Connection`, `Sec-WebSocket-Key` or
    /// `Host` (RFC 8441 §5); that its `:protocol` is `websocket` is yours to check.
    /// The target is the path and query, or the absolute URI.
    ///
    /// # Errors
    ///
    /// The rule that the request breaks; answer with its
    /// [`status`](HandshakeError::status).
    pub fn from_parts<N, V>(
        method: &str,
        target: &str,
        version: HttpVersion,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, HandshakeError>
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let expected = match version {
            HttpVersion::Http11 => "GET",
            HttpVersion::Http2 | HttpVersion::Http3 => "CONNECT",
        };
        if method != expected {
            return Err(HandshakeError::RequestMethod);
        }
        if target.is_empty() || !target.bytes().all(is_target_byte) {
            return Err(HandshakeError::RequestTarget);
        }
        let mut fields = Headers::default();
        let target = fields
            .append(target.as_bytes())
            .ok_or(HandshakeError::HeadTooLarge)?;
        for (name, value) in headers {
            let (name, value) = (name.as_ref().as_bytes(), value.as_ref());
            if !is_token(name) || !is_field_value(value) {
                return Err(HandshakeError::MalformedHeader);
            }
            fields.push(name, value);
        }
        Self::check(version, Purpose::WebSocket, target, fields)
    }

    /// A request whose head was received here; `otherwise` is what it is for if it asks for no
    /// WebSocket, or `WebSocket` if it must.
    pub(super) fn from_head(head: Parsed, otherwise: Purpose) -> Result<Self, HandshakeError> {
        let Parsed { start, headers } = head;
        Self::check(HttpVersion::Http11, otherwise, start.text, headers)
    }

    /// Whether it asks for a WebSocket. Always so, unless
    /// [`Config::plain_requests`](crate::Config::plain_requests) is on.
    #[must_use]
    pub const fn is_websocket(&self) -> bool {
        matches!(self.purpose, Purpose::WebSocket)
    }

    /// The method: GET, or CONNECT over HTTP/2 and 3. HEAD only if it asks for no WebSocket.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match (self.version, self.purpose) {
            (_, Purpose::Head) => "HEAD",
            (HttpVersion::Http11, _) => "GET",
            (HttpVersion::Http2 | HttpVersion::Http3, _) => "CONNECT",
        }
    }

    /// The version of HTTP it came by.
    #[must_use]
    pub const fn version(&self) -> HttpVersion {
        self.version
    }

    /// The request target as it came: path and query, or an absolute URI.
    #[must_use]
    pub fn target(&self) -> &str {
        // Every byte was found to be printable ASCII.
        str::from_utf8(self.target.of(self.headers.bytes())).unwrap_or_default()
    }

    /// The path, not decoded; "/" where an absolute URI has none.
    #[must_use]
    pub fn path(&self) -> &str {
        let resource = self.resource();
        let path = resource.split_once('?').map_or(resource, |(path, _)| path);
        if path.is_empty() { "/" } else { path }
    }

    /// What follows the `?`, not decoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.resource().split_once('?').map(|(_, query)| query)
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The host and port the client addresses: an absolute target's, which counts more (RFC 9112
    /// §3.2.2), or `Host`. Always there in HTTP/1.1.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        split_absolute(self.target())
            .map(|(authority, _)| authority)
            .or_else(|| self.headers.get_str("host"))
    }

    /// The `Origin`; a browser always sends one (§4.1 number 8), others seldom.
    ///
    /// [`check_origin`](Self::check_origin) compares all of it with the origins you trust:
    /// `https://example.com.evil` begins like one.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.get_str("origin")
    }

    /// The subprotocols the client offers, the one it likes best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get_all("sec-websocket-protocol")
            .flat_map(list)
            .filter_map(|token| str::from_utf8(token).ok())
    }

    /// The values of `Sec-WebSocket-Extensions`, each in the grammar of §9.1.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get_all("sec-websocket-extensions")
            .filter_map(|value| str::from_utf8(value).ok())
    }

    /// The header fields that accept this request, for an HTTP stack that writes them itself: of
    /// a 101 in HTTP/1.1, of a 200 in HTTP/2 and 3 (RFC 8441 §5). Then
    /// [`Connection::from_negotiated`](crate::proto::Connection::from_negotiated) goes on.
    ///
    /// # Errors
    ///
    /// A subprotocol that was not offered, or a header that may not be sent; or this request asks
    /// for no WebSocket.
    pub fn answer(&self, accept: &Accept<'_>) -> Result<(Headers, Negotiated), AcceptError> {
        self.answer_by(accept, None)
    }

    /// [`answer`](Self::answer) where `deflate` holds unless `accept` says otherwise.
    pub(super) fn answer_by(
        &self,
        accept: &Accept<'_>,
        deflate: Option<DeflateConfig>,
    ) -> Result<(Headers, Negotiated), AcceptError> {
        if !self.is_websocket() {
            return Err(AcceptError::NotWebSocket);
        }
        let key = (self.version == HttpVersion::Http11).then(|| self.accept_key());
        let offered = |name: &str| self.subprotocols().any(|offered| offered == name);
        accept.check(offered)?;
        let deflate = accept.answer(&self.deflate_offers(), deflate);
        let mut headers = Headers::default();
        answer::fields(key.as_ref(), accept, deflate.as_ref(), |name, value| {
            headers.push(name, value);
        });
        Ok((headers, accept.negotiated(deflate.as_ref())))
    }

    pub(super) const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The valid offers of permessage-deflate, in the client's order.
    pub(super) fn deflate_offers(&self) -> Vec<Offer> {
        offers_of(self.headers.get_all("sec-websocket-extensions"))
    }

    /// The `Sec-WebSocket-Accept` that answers this request.
    pub(super) fn accept_key(&self) -> [u8; 28] {
        accept_key(self.headers.get("sec-websocket-key").unwrap_or_default())
    }

    /// The target without an absolute URI's scheme and authority.
    fn resource(&self) -> &str {
        let target = self.target();
        split_absolute(target).map_or(target, |(_, resource)| resource)
    }

    /// Checks what §4.2.1 demands of the target and the fields, in one pass over them.
    fn check(
        version: HttpVersion,
        otherwise: Purpose,
        target: Span,
        headers: Headers,
    ) -> Result<Self, HandshakeError> {
        let mut request = Self {
            version,
            purpose: Purpose::WebSocket,
            target,
            headers,
        };
        let target = request.target();
        if !target.starts_with('/') && split_absolute(target).is_none() {
            return Err(HandshakeError::RequestTarget);
        }
        let mut found = Found::default();
        for (name, value) in request.headers.raw() {
            found.add(name, value)?;
        }
        request.purpose = found.finish(version, otherwise)?;
        Ok(request)
    }
}

impl fmt::Debug for Request {
    /// Leaves the query out, which may hold a secret as some headers do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("version", &self.version)
            .field("purpose", &self.purpose)
            .field("path", &self.path())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Splits an absolute URI into authority and resource (RFC 9112 §3.2.2); `None` if `target` is not
/// one of a scheme that can carry a WebSocket.
fn split_absolute(target: &str) -> Option<(&str, &str)> {
    if target.starts_with('/') {
        return None;
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https", "ws", "wss"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, resource) = rest.split_at_checked(end)?;
    split_authority(authority.as_bytes())?;
    Some((authority, resource))
}

/// The fields of a request that the handshake looks at.
#[derive(Default)]
struct Found<'a> {
    host: Field<'a>,
    key: Field<'a>,
    version: Field<'a>,
    origin: Field<'a>,
    upgrade: bool,
    connection: bool,
    body: bool,
    /// How many extensions are offered, if the field is there.
    extensions: Option<usize>,
    /// The subprotocols offered, if the field is there.
    subprotocols: Option<Unique<'a>>,
}

/// A field that may stand only once.
#[derive(Default)]
enum Field<'a> {
    #[default]
    Missing,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Field::Missing => Field::Once(value),
            Field::Once(_) | Field::Repeated => Field::Repeated,
        };
    }

    /// Whether this can be what one origin says, or nothing.
    fn check_origin(&self) -> Result<(), HandshakeError> {
        match self {
            Field::Missing => Ok(()),
            Field::Once(origin) if origin.iter().all(|byte| matches!(byte, 0x20..=0x7E)) => Ok(()),
            Field::Once(_) | Field::Repeated => Err(HandshakeError::RequestOrigin),
        }
    }
}

impl<'a> Found<'a> {
    /// Notes a field.
    fn add(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), HandshakeError> {
        // Most fields are none of these, and the length tells.
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 if is("host") => self.host.add(value),
            6 if is("origin") => self.origin.add(value),
            7 if is("upgrade") => self.upgrade |= lists(value, b"websocket"),
            10 if is("connection") => self.connection |= lists(value, b"upgrade"),
            14 if is("content-length") => {
                self.body |= value.is_empty() || value.iter().any(|&digit| digit != b'0');
            }
            17 if is("transfer-encoding") => self.body = true,
            17 if is("sec-websocket-key") => self.key.add(value),
            21 if is("sec-websocket-version") => self.version.add(value),
            22 if is("sec-websocket-protocol") => {
                let offered = self.subprotocols.get_or_insert_default();
                for token in list(value) {
                    offered.add(token)?;
                }
            }
            24 if is("sec-websocket-extensions") => {
                let count = count_extensions(value).ok_or(HandshakeError::RequestExtensions)?;
                *self.extensions.get_or_insert_default() += count;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the fields are in order, and what for.
    fn finish(self, version: HttpVersion, otherwise: Purpose) -> Result<Purpose, HandshakeError> {
        // A body would be bytes that one party reads as frames and another does not.
        if self.body {
            return Err(HandshakeError::RequestBody);
        }
        if version == HttpVersion::Http11 {
            let Field::Once(host) = self.host else {
                return Err(HandshakeError::RequestHost);
            };
            split_authority(host).ok_or(HandshakeError::RequestHost)?;
            if !self.upgrade {
                // One with a key asks for a WebSocket all the same: some proxy took its `Upgrade`.
                let may_be_plain = otherwise != Purpose::WebSocket;
                if !may_be_plain || !matches!(self.key, Field::Missing) {
                    return Err(HandshakeError::RequestUpgrade);
                }
                self.origin.check_origin()?;
                return Ok(otherwise);
            }
            if otherwise == Purpose::Head {
                return Err(HandshakeError::RequestMethod);
            }
            if !self.connection {
                return Err(HandshakeError::RequestConnection);
            }
        }
        match self.version {
            Field::Once(b"13") => {}
            Field::Missing => return Err(HandshakeError::UnsupportedVersion),
            Field::Once(other) if is_version(other) => {
                return Err(HandshakeError::UnsupportedVersion);
            }
            Field::Once(_) | Field::Repeated => return Err(HandshakeError::MalformedVersion),
        }
        if version == HttpVersion::Http11 {
            let Field::Once(key) = self.key else {
                return Err(HandshakeError::RequestKey);
            };
            // 16 bytes are 24 characters; the standard engine takes no other way to write them.
            let mut nonce = [0; 18];
            if key.len() != 24 || STANDARD.decode_slice(key, &mut nonce) != Ok(16) {
                return Err(HandshakeError::RequestKey);
            }
        }
        self.origin.check_origin()?;
        if let Some(offered) = self.subprotocols {
            offered.finish()?;
        }
        if self.extensions == Some(0) {
            return Err(HandshakeError::RequestExtensions);
        }
        Ok(Purpose::WebSocket)
    }
}

/// Whether a list names `token`, in any case.
fn lists(value: &[u8], token: &[u8]) -> bool {
    list(value).any(|element| element.eq_ignore_ascii_case(token))
}

/// Whether `bytes` are a version's number: 0 to 255 without leading zeros (§4.3).
fn is_version(bytes: &[u8]) -> bool {
    str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<u8>().ok())
        .is_some_and(|_| !bytes.starts_with(b"+") && (bytes == b"0" || !bytes.starts_with(b"0")))
}

/// Subprotocols, which "MUST all be unique strings" (§4.1 number 10).
#[derive(Default)]
struct Unique<'a> {
    /// The first few: comparing them costs less than sorting.
    few: [&'a [u8]; 8],
    len: usize,
    /// All of them, once they are many.
    many: Vec<&'a [u8]>,
}

impl<'a> Unique<'a> {
    fn add(&mut self, token: &'a [u8]) -> Result<(), HandshakeError> {
        if !is_token(token) {
            return Err(HandshakeError::RequestSubprotocols);
        }
        if let Some(place) = self.few.get_mut(self.len) {
            *place = token;
        } else {
            if self.many.is_empty() {
                self.many.extend(self.few);
            }
            self.many.push(token);
        }
        self.len += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<(), HandshakeError> {
        let tokens = if self.many.is_empty() {
            self.few.get_mut(..self.len).unwrap_or_default()
        } else {
            &mut self.many[..]
        };
        tokens.sort_unstable();
        let repeated = tokens
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b));
        if repeated || tokens.is_empty() {
            return Err(HandshakeError::RequestSubprotocols);
        }
        Ok(())
    }
}
