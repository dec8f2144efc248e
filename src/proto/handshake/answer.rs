//! A server's answer to a request (RFC 6455 §4.2.2): [`Accept`], [`Reject`], and the refusal of a
//! request that breaks the rules.

use alloc::{borrow::ToOwned, vec::Vec};
use core::fmt;

use super::{
    error::{AcceptError, HandshakeError},
    negotiated::Negotiated,
    syntax::{is_field_value, is_managed, is_token},
};
use crate::proto::deflate::{Answer, DeflateConfig, Offer, answer};

/// How to accept a request: with which subprotocol and which further headers.
///
/// ```
/// use sansock::proto::handshake::Accept;
///
/// let accept = Accept::new().subprotocol("chat").header("Set-Cookie", "seen=1");
/// # let _ = accept;
/// ```
#[derive(Clone, Default)]
pub struct Accept<'a> {
    subprotocol: Option<&'a str>,
    headers: Vec<(&'a str, &'a [u8])>,
    /// What to answer to offers of permessage-deflate, unless the configuration says it.
    deflate: Option<Option<DeflateConfig>>,
}

impl<'a> Accept<'a> {
    /// No subprotocol and no further headers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subprotocol: None,
            headers: Vec::new(),
            deflate: None,
        }
    }

    /// Selects one of the subprotocols that the client offered (§4.2.2 number 4).
    #[must_use]
    pub const fn subprotocol(mut self, name: &'a str) -> Self {
        self.subprotocol = Some(name);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header<V: AsRef<[u8]> + ?Sized>(mut self, name: &'a str, value: &'a V) -> Self {
        self.headers.push((name, value.as_ref()));
        self
    }

    /// Answers offers of permessage-deflate by `config` for this connection, whatever
    /// [`Config::deflate`](crate::Config::deflate) says; `None` declines them (RFC 7692 §5.1). How
    /// our messages are compressed, as by which level, is for the configuration to say all the same.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, config: Option<DeflateConfig>) -> Self {
        self.deflate = Some(config);
        self
    }

    /// What to answer to these offers of permessage-deflate, where `default` holds.
    pub(super) fn answer(
        &self,
        offers: &[Offer],
        default: Option<DeflateConfig>,
    ) -> Option<Answer> {
        answer(offers, &self.deflate.unwrap_or(default)?)
    }

    /// What this agrees on, with that answer.
    pub(super) fn negotiated(&self, deflate: Option<&Answer>) -> Negotiated {
        let subprotocol = self.subprotocol.map(ToOwned::to_owned);
        Negotiated::new(subprotocol, deflate.map(|answer| answer.params))
    }

    /// Whether this may be sent to a client that offered what `offered` says.
    pub(super) fn check(&self, offered: impl Fn(&str) -> bool) -> Result<(), AcceptError> {
        if self.subprotocol.is_some_and(|name| !offered(name)) {
            return Err(AcceptError::SubprotocolNotOffered);
        }
        check_headers(&self.headers)
    }

    /// Appends the response, which must have been found in order.
    pub(super) fn write(&self, key: &[u8; 28], deflate: Option<&Answer>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        fields(Some(key), self, deflate, |name, value| {
            push(out, name, value);
        });
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Debug for Accept<'_> {
    /// Leaves the headers' values out: they may hold cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}

/// Gives `add` the header fields that accept a request, with `key` those of an upgrade.
pub(super) fn fields(
    key: Option<&[u8; 28]>,
    accept: &Accept<'_>,
    deflate: Option<&Answer>,
    mut add: impl FnMut(&[u8], &[u8]),
) {
    if let Some(key) = key {
        add(b"Upgrade", b"websocket");
        add(b"Connection", b"Upgrade");
        add(b"Sec-WebSocket-Accept", key);
    }
    if let Some(name) = accept.subprotocol {
        add(b"Sec-WebSocket-Protocol", name.as_bytes());
    }
    if let Some(answer) = deflate {
        add(b"Sec-WebSocket-Extensions", answer.header.as_bytes());
    }
    for (name, value) in &accept.headers {
        add(name.as_bytes(), value);
    }
}

/// How to refuse a request: an HTTP response with a status from 200 to 599 (§4.2.2).
///
/// The reason phrase is the usual one unless you name another; `Content-Length` and
/// `Connection: close` are written for you, and what a 426 must say.
///
/// It answers a request that asks for no WebSocket as well
/// ([`Config::plain_requests`](crate::Config::plain_requests)); the body is for a page, not for a
/// download: all of it waits to be written, and the client has
/// [`Config::close_timeout`](crate::Config::close_timeout) to take it.
///
/// ```
/// use sansock::proto::handshake::Reject;
///
/// let page = Reject::new(200).header("Content-Type", "text/html").body("<h1>It works</h1>");
/// # let _ = page;
/// ```
#[derive(Clone)]
pub struct Reject<'a> {
    status: u16,
    reason: Option<&'a str>,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Reject<'a> {
    /// A response with this status, no further headers and no body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            reason: None,
            headers: Vec::new(),
            body: &[],
        }
    }

    /// Sets the reason phrase.
    #[must_use]
    pub const fn reason(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header<V: AsRef<[u8]> + ?Sized>(mut self, name: &'a str, value: &'a V) -> Self {
        self.headers.push((name, value.as_ref()));
        self
    }

    /// Sets the body; say what it is with a `Content-Type` header.
    #[must_use]
    pub fn body<B: AsRef<[u8]> + ?Sized>(mut self, body: &'a B) -> Self {
        self.body = body.as_ref();
        self
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    #[cfg(feature = "http")]
    pub(super) fn headers(&self) -> &[(&'a str, &'a [u8])] {
        &self.headers
    }

    #[cfg(feature = "http")]
    pub(super) const fn content(&self) -> &'a [u8] {
        self.body
    }

    /// Whether this may be sent.
    pub(super) fn check(&self) -> Result<(), AcceptError> {
        if !matches!(self.status, 200..=599) {
            return Err(AcceptError::Status);
        }
        if self
            .reason
            .is_some_and(|text| !is_field_value(text.as_bytes()))
        {
            return Err(AcceptError::Reason);
        }
        if !self.body.is_empty() && !has_body(self.status) {
            return Err(AcceptError::Body);
        }
        check_headers(&self.headers)
    }

    /// Appends the response, which must have been found in order; to a HEAD without its body.
    pub(super) fn write(&self, is_head: bool, out: &mut Vec<u8>) {
        let reason = self.reason.unwrap_or_else(|| reason_phrase(self.status));
        write_start(self.status, reason, out);
        for (name, value) in &self.headers {
            push(out, name.as_bytes(), value);
        }
        connection_fields(self.status, true, |name, value| push(out, name, value));
        write_body(self.status, self.body, is_head, out);
    }
}

impl fmt::Debug for Reject<'_> {
    /// Leaves the headers' values and the body out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reject")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Appends the answer to a request that breaks a rule, where those of the methods `allow` can be in
/// order; nothing if it cannot be answered.
///
/// "The server MUST stop processing the client's handshake and return an HTTP response with an
/// appropriate error code" (§4.2.1).
pub(super) fn write_error(error: HandshakeError, allow: &[u8], is_head: bool, out: &mut Vec<u8>) {
    let Some(status) = error.status() else {
        return;
    };
    write_start(status, reason_phrase(status), out);
    error_fields(status, allow, true, |name, value| push(out, name, value));
    write_body(status, error.text().as_bytes(), is_head, out);
}

/// Gives `add` the header fields of such an answer but for its length; whether it is the last.
pub(super) fn error_fields(
    status: u16,
    allow: &[u8],
    is_last: bool,
    mut add: impl FnMut(&[u8], &[u8]),
) {
    if status == 405 {
        add(b"Allow", allow);
    }
    connection_fields(status, is_last, &mut add);
    add(b"Content-Type", b"text/plain");
}

fn write_start(status: u16, reason: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, status.into());
    out.push(b' ');
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends that the connection ends.
///
/// A 426 "MUST send an Upgrade header field" (RFC 9110 §15.5.22), which is listed in Connection
/// (§7.8); the version tells a client of another one what to speak (RFC 6455 §4.4).
pub(super) fn connection_fields(status: u16, is_last: bool, mut add: impl FnMut(&[u8], &[u8])) {
    if status == 426 {
        add(b"Upgrade", b"websocket");
        add(b"Sec-WebSocket-Version", b"13");
    }
    match (status == 426, is_last) {
        (true, true) => add(b"Connection", b"close, Upgrade"),
        (true, false) => add(b"Connection", b"Upgrade"),
        (false, true) => add(b"Connection", b"close"),
        (false, false) => {}
    }
}

/// Appends the end of the head, and the body unless the request was a HEAD (RFC 9110 §9.3.2).
fn write_body(status: u16, body: &[u8], is_head: bool, out: &mut Vec<u8>) {
    if has_body(status) {
        out.extend_from_slice(b"Content-Length: ");
        push_decimal(out, body.len());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if !is_head {
        out.extend_from_slice(body);
    }
}

/// Appends a field line.
pub(super) fn push(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        push_decimal(out, number / 10);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a digit")]
    out.push(b'0' + (number % 10) as u8);
}

/// Whether each header may be added to a response.
fn check_headers(headers: &[(&str, &[u8])]) -> Result<(), AcceptError> {
    for (name, value) in headers {
        if !is_token(name.as_bytes()) {
            return Err(AcceptError::HeaderName);
        }
        if !is_field_value(value) {
            return Err(AcceptError::HeaderValue);
        }
        if is_managed(name.as_bytes()) {
            return Err(AcceptError::ManagedHeader);
        }
    }
    Ok(())
}

/// Whether a response with this status has a body (RFC 9110 §6.4.1, §15.3.6).
pub(super) const fn has_body(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 205 | 304)
}

/// The usual reason phrase of a status (RFC 9110 §15); empty, which is allowed, for a rare one.
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
