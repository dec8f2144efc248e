//! What a client asks for (RFC 6455 §4.1): where, with which subprotocols and further headers.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{fmt, str};

use super::{
    answer::push,
    error::RequestError,
    headers::Headers,
    syntax::{is_field_value, is_managed, is_target_byte, is_token, split_authority},
};
use crate::proto::deflate::{DeflateConfig, Offer};

/// A request to open a WebSocket connection, for
/// [`ClientHandshake::start`](super::ClientHandshake::start).
///
/// ```
/// use sansock::proto::handshake::ClientRequest;
///
/// let request = ClientRequest::new("server.example.com", "/chat")?
///     .subprotocol("chat")?
///     .header("Cookie", "seen=1")?;
/// # let _ = request;
/// # Ok::<(), sansock::proto::handshake::RequestError>(())
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    authority: String,
    resource: String,
    secure: bool,
    headers: Headers,
    /// As the header has them: separated by a comma and a space.
    subprotocols: String,
}

impl ClientRequest {
    /// A request for `resource` (a path and perhaps a query, both encoded) at `authority` (a host
    /// and perhaps a port), which are sent as they are: "the Host header field contains a host
    /// name and, when not the default, a port" (§4.1 number 4).
    ///
    /// # Errors
    ///
    /// [`RequestError::Authority`] or [`RequestError::Resource`].
    pub fn new(authority: &str, resource: &str) -> Result<Self, RequestError> {
        let (_, port) = split_authority(authority.as_bytes()).ok_or(RequestError::Authority)?;
        if port.is_some_and(|port| parse_port(port).is_none()) {
            return Err(RequestError::Authority);
        }
        if !resource.bytes().all(is_target_byte) {
            return Err(RequestError::Resource);
        }
        // "'/' if the path component is empty" (§3).
        let mut path = String::with_capacity(resource.len() + 1);
        match resource.bytes().next() {
            Some(b'/') => {}
            None | Some(b'?') => path.push('/'),
            Some(_) => return Err(RequestError::Resource),
        }
        path.push_str(resource);
        Ok(Self {
            authority: authority.to_owned(),
            resource: path,
            secure: false,
            headers: Headers::default(),
            subprotocols: String::new(),
        })
    }

    /// Says whether the transport is to be TLS, as for `wss` (§3). Nothing in the request tells.
    #[must_use]
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Adds a header, such as a cookie or an authorization (§4.1 number 12).
    ///
    /// # Errors
    ///
    /// [`RequestError::HeaderName`], [`RequestError::HeaderValue`],
    /// [`RequestError::ManagedHeader`], or [`RequestError::RepeatedHeader`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        let value = value.as_ref();
        if !is_token(name.as_bytes()) {
            return Err(RequestError::HeaderName);
        }
        if !is_field_value(value) {
            return Err(RequestError::HeaderValue);
        }
        if is_managed(name.as_bytes()) {
            return Err(RequestError::ManagedHeader);
        }
        let single = ["origin", "authorization"]
            .iter()
            .any(|single| name.eq_ignore_ascii_case(single));
        if single && self.headers.get(name).is_some() {
            return Err(RequestError::RepeatedHeader);
        }
        self.headers.push(name.as_bytes(), value);
        Ok(self)
    }

    /// Sets the `Origin`, which a browser must send (§4.1 number 8).
    ///
    /// # Errors
    ///
    /// [`RequestError::HeaderValue`], or [`RequestError::RepeatedHeader`].
    pub fn origin(self, origin: &str) -> Result<Self, RequestError> {
        self.header("Origin", origin)
    }

    /// Offers a subprotocol; "ordered by preference" (§4.1 number 10), so the first is liked best.
    ///
    /// # Errors
    ///
    /// [`RequestError::Subprotocol`] or [`RequestError::RepeatedSubprotocol`].
    pub fn subprotocol(mut self, name: &str) -> Result<Self, RequestError> {
        if !is_token(name.as_bytes()) {
            return Err(RequestError::Subprotocol);
        }
        if self.subprotocols().any(|other| other == name) {
            return Err(RequestError::RepeatedSubprotocol);
        }
        if !self.subprotocols.is_empty() {
            self.subprotocols.push_str(SEPARATOR);
        }
        self.subprotocols.push_str(name);
        Ok(self)
    }

    /// Host and port as `Host` has them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host to connect to; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = split_authority(self.authority.as_bytes()).map_or(&[][..], |(host, _)| host);
        let host = match host {
            [b'[', address @ .., b']'] => address,
            name => name,
        };
        // An authority was found to be ASCII.
        str::from_utf8(host).unwrap_or_default()
    }

    /// The port to connect to: 80, or 443 with TLS, unless another is named (§3).
    #[must_use]
    pub fn port(&self) -> u16 {
        split_authority(self.authority.as_bytes())
            .and_then(|(_, port)| port)
            .and_then(parse_port)
            .unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Whether the transport is to be TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The path and query.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The subprotocols offered, the one liked best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        offered(&self.subprotocols)
    }

    /// Those subprotocols in one string, for [`offered`].
    pub(super) fn subprotocol_list(&self) -> &str {
        &self.subprotocols
    }

    /// Appends the request (§4.1).
    pub(super) fn write(&self, key: &[u8; 24], deflate: Option<&DeflateConfig>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.resource.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.fields(key, deflate, |name, value| push(out, name, value));
        out.extend_from_slice(b"\r\n");
    }

    /// Gives `add` the request's header fields.
    pub(super) fn fields(
        &self,
        key: &[u8; 24],
        deflate: Option<&DeflateConfig>,
        mut add: impl FnMut(&[u8], &[u8]),
    ) {
        add(b"Host", self.authority.as_bytes());
        add(b"Upgrade", b"websocket");
        add(b"Connection", b"Upgrade");
        add(b"Sec-WebSocket-Key", key);
        for (name, value) in self.headers.iter() {
            add(name.as_bytes(), value);
        }
        if !self.subprotocols.is_empty() {
            add(b"Sec-WebSocket-Protocol", self.subprotocols.as_bytes());
        }
        if let Some(config) = deflate {
            add(
                b"Sec-WebSocket-Extensions",
                Offer::header(config).as_bytes(),
            );
        }
        add(b"Sec-WebSocket-Version", b"13");
    }
}

#[cfg(feature = "url")]
impl ClientRequest {
    /// A request for what a `ws` or `wss` URL names (§3), parsed as browsers do; `http` and
    /// `https` count as those.
    ///
    /// A user name and password become an `Authorization: Basic` header and never stand in
    /// `Host`; a default port does not either.
    ///
    /// # Errors
    ///
    /// [`RequestError::Url`], [`RequestError::Scheme`], [`RequestError::Fragment`],
    /// [`RequestError::Credentials`], or [`RequestError::Authority`] for port 0.
    pub fn from_url(url: &str) -> Result<Self, RequestError> {
        let url = url::Url::parse(url).map_err(|_| RequestError::Url)?;
        Self::from_parsed(&url)
    }

    /// [`from_url`](Self::from_url) for one that is parsed.
    pub(crate) fn from_parsed(url: &url::Url) -> Result<Self, RequestError> {
        let secure = match url.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(RequestError::Scheme),
        };
        if url.fragment().is_some() {
            return Err(RequestError::Fragment);
        }
        let mut authority = url.host_str().ok_or(RequestError::Url)?.to_owned();
        if let Some(port) = url.port() {
            authority.push_str(&alloc::format!(":{port}"));
        }
        let resource = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Self::new(&authority, resource)?.secure(secure);
        if url.username().is_empty() && url.password().is_none() {
            return Ok(request);
        }
        request.header(
            "Authorization",
            basic(url.username(), url.password().unwrap_or_default())?,
        )
    }
}

#[cfg(feature = "url")]
impl TryFrom<&str> for ClientRequest {
    type Error = RequestError;

    /// [`ClientRequest::from_url`].
    fn try_from(url: &str) -> Result<Self, RequestError> {
        Self::from_url(url)
    }
}

#[cfg(feature = "url")]
impl TryFrom<&String> for ClientRequest {
    type Error = RequestError;

    /// [`ClientRequest::from_url`].
    fn try_from(url: &String) -> Result<Self, RequestError> {
        Self::from_url(url)
    }
}

/// The value of `Authorization` for a URL's user name and password (RFC 7617 §2).
#[cfg(feature = "url")]
fn basic(username: &str, password: &str) -> Result<String, RequestError> {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let mut credentials = Vec::new();
    percent_decode(username, &mut credentials);
    // "A user-id containing a colon character is invalid."
    if credentials.contains(&b':') {
        return Err(RequestError::Credentials);
    }
    credentials.push(b':');
    percent_decode(password, &mut credentials);
    // "The user-id and password MUST NOT contain any control characters."
    if credentials.iter().any(u8::is_ascii_control) {
        return Err(RequestError::Credentials);
    }
    let mut value = String::from("Basic ");
    STANDARD.encode_string(credentials, &mut value);
    Ok(value)
}

/// Appends `text` with its percent-encodings decoded (RFC 3986 §2.1); what is none stays.
#[cfg(feature = "url")]
fn percent_decode(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let encoded = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = if encoded.is_some() { 2 } else { 0 };
        out.push(encoded.unwrap_or(first));
        rest = after.get(taken..).unwrap_or_default();
    }
}

impl fmt::Debug for ClientRequest {
    /// Leaves the query out, which may hold a secret as some headers do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self
            .resource
            .split_once('?')
            .map_or(&*self.resource, |(path, _)| path);
        f.debug_struct("ClientRequest")
            .field("authority", &self.authority)
            .field("path", &path)
            .field("secure", &self.secure)
            .field("headers", &self.headers)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

/// What stands between two subprotocols; no token holds it.
const SEPARATOR: &str = ", ";

/// The subprotocols in such a list.
pub(super) fn offered(list: &str) -> impl Iterator<Item = &str> {
    list.split(SEPARATOR).filter(|name| !name.is_empty())
}

/// A port that one can connect to.
fn parse_port(digits: &[u8]) -> Option<u16> {
    let port = str::from_utf8(digits).ok()?.parse().ok()?;
    (port != 0).then_some(port)
}
