//! Between the handshake's types and those of the package `http` (feature `http`), for HTTP that
//! hyper or another stack does.
//!
//! ```text
//! server   http::Request ─ try_from ─▶ Request ─ http_response ─▶ http::Response, Negotiated
//!                    └ HandshakeError ─ http_response ─▶ http::Response
//! client   ClientRequest ─ ClientHandshake::start_http ─▶ http::Request
//!          http::Response ─ receive_http ─▶ Connection, Response
//! ```
//!
//! No rule of the handshake is here: what comes is given to the checks that bytes get, and what
//! goes has the fields that would be written. The package keeps names in lower case, and the values
//! of fields that hold secrets are marked as sensitive, so that its `Debug` hides them as ours does.
//!
//! Not here: `:protocol`, which each stack of HTTP/2 has a type of its own for.

use alloc::{borrow::Cow, string::ToString, sync::Arc, vec::Vec};

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::HOST,
    request::{Parts, Request as HttpRequest},
    response::Response as HttpResponse,
};

use super::{
    answer::{Accept, Reject, connection_fields, error_fields},
    client::{ClientHandshake, Response},
    client_request::ClientRequest,
    error::{AcceptError, HandshakeError, RequestError},
    headers::{Headers, Span, is_secret},
    negotiated::Negotiated,
    refusal::Refusal,
    request::{HttpVersion, Request},
    syntax::list,
};
use crate::proto::{config::Config, connection::Connection};

/// By the checks of [`Request::from_parts`].
impl<B> TryFrom<&HttpRequest<B>> for Request {
    type Error = HandshakeError;

    fn try_from(request: &HttpRequest<B>) -> Result<Self, HandshakeError> {
        let (method, uri) = (request.method(), request.uri());
        receive(method, uri, request.version(), request.headers())
    }
}

/// By the checks of [`Request::from_parts`].
impl TryFrom<&Parts> for Request {
    type Error = HandshakeError;

    fn try_from(parts: &Parts) -> Result<Self, HandshakeError> {
        receive(&parts.method, &parts.uri, parts.version, &parts.headers)
    }
}

fn receive(
    method: &Method,
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<Request, HandshakeError> {
    let target = match (uri.authority(), uri.path_and_query()) {
        (None, Some(target)) => Cow::Borrowed(target.as_str()),
        _ => Cow::Owned(uri.to_string()),
    };
    let version = HttpVersion::try_from(version)?;
    Request::from_parts(method.as_str(), &target, version, headers)
}

impl Request {
    /// The response that accepts this request, for an HTTP stack that writes it: a 101 in HTTP/1.1,
    /// a 200 in HTTP/2 and 3 (RFC 8441 §5). Offers of permessage-deflate are answered by `config`,
    /// unless `accept` says how. Then [`Connection::from_negotiated`] goes on.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sansock::{Config, Role, proto::{Connection, handshake::{Accept, Request}}};
    ///
    /// let request = http::Request::get("/chat")
    ///     .header("Host", "server.example.com")
    ///     .header("Upgrade", "websocket")
    ///     .header("Connection", "Upgrade")
    ///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("Sec-WebSocket-Version", "13")
    ///     .body(())?;
    /// let config = Arc::new(Config::default());
    /// let request = Request::try_from(&request)?; // an error knows its own response
    /// let (response, negotiated) = request.http_response(&Accept::new(), &config)?;
    /// assert_eq!(response.status(), 101);
    /// assert_eq!(response.headers()["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// // … once the response is written:
    /// let connection = Connection::from_negotiated(Role::Server, &negotiated, &config, [0; 32]);
    /// # let _ = connection;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A subprotocol that was not offered, or a header that may not be sent.
    pub fn http_response(
        &self,
        accept: &Accept<'_>,
        config: &Config,
    ) -> Result<(HttpResponse<()>, Negotiated), AcceptError> {
        let (headers, negotiated) = self.answer_by(accept, config.deflate)?;
        let mut response = HttpResponse::new(());
        if self.version() == HttpVersion::Http11 {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        *response.version_mut() = self.version().into();
        *response.headers_mut() = HeaderMap::try_from(&headers).map_err(beyond_http)?;
        Ok((response, negotiated))
    }
}

impl HandshakeError {
    /// The response that tells a client of HTTP/1.1 which rule its request breaks, as
    /// [`ServerHandshake`](super::ServerHandshake) does; `None` where it cannot be answered. Whether
    /// the transport goes on is for the HTTP stack to say.
    #[must_use]
    pub fn http_response(self) -> Option<HttpResponse<&'static str>> {
        let status = self.status()?;
        let mut response = HttpResponse::new(self.text());
        *response.status_mut() = StatusCode::from_u16(status).ok()?;
        error_fields(status, b"GET", false, |name, value| {
            // Names and values of ours, and few.
            let appended = append(response.headers_mut(), name, value);
            debug_assert!(appended.is_ok());
        });
        Some(response)
    }
}

/// All but the reason phrase, which `http` has no place for.
impl TryFrom<&Reject<'_>> for HttpResponse<Vec<u8>> {
    type Error = AcceptError;

    fn try_from(reject: &Reject<'_>) -> Result<Self, AcceptError> {
        reject.check()?;
        let mut response = HttpResponse::new(reject.content().to_vec());
        *response.status_mut() =
            StatusCode::from_u16(reject.status()).map_err(|_| AcceptError::Status)?;
        for (name, value) in reject.headers() {
            append(response.headers_mut(), name.as_bytes(), value).map_err(beyond_http)?;
        }
        connection_fields(reject.status(), false, |name, value| {
            // Names and values of ours, and few.
            let appended = append(response.headers_mut(), name, value);
            debug_assert!(appended.is_ok());
        });
        Ok(response)
    }
}

/// Of a header that is in order: `http` has no names of 64 KiB and more, and no room for more than
/// 24,576 of them.
fn beyond_http(_: ::http::Error) -> AcceptError {
    AcceptError::HeaderName
}

impl TryFrom<&Request> for HttpRequest<()> {
    /// A target or a name that `http` does not take, or too many fields.
    type Error = ::http::Error;

    fn try_from(request: &Request) -> Result<Self, ::http::Error> {
        let mut converted = HttpRequest::new(());
        *converted.method_mut() = Method::try_from(request.method())?;
        *converted.uri_mut() = Uri::try_from(request.target())?;
        *converted.version_mut() = request.version().into();
        *converted.headers_mut() = request.headers().try_into()?;
        Ok(converted)
    }
}

impl ClientHandshake {
    /// A client's end whose HTTP is done elsewhere, and the request to send: all that
    /// [`start`](Self::start) writes, with the path as its target. How to connect and whether by TLS
    /// is for the HTTP stack to know; one that wants an absolute URI is given it by `uri_mut`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sansock::{Config, proto::handshake::{ClientHandshake, ClientRequest}};
    ///
    /// let request = ClientRequest::new("server.example.com", "/chat")?.subprotocol("chat")?;
    /// let seed = [0; 32]; // 32 bytes from the system's generator
    /// let (handshake, request) =
    ///     ClientHandshake::start_http(&request, &Arc::new(Config::default()), seed)?;
    /// assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "chat");
    /// // … send it, and take the response:
    /// let response = http::Response::builder().status(403).body(())?;
    /// assert!(handshake.receive_http(&response)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A resource or header that the package `http` does not take.
    pub fn start_http(
        request: &ClientRequest,
        config: &Arc<Config>,
        seed: [u8; 32],
    ) -> Result<(Self, HttpRequest<()>), RequestError> {
        let (handshake, key) = Self::new(request, config, seed);
        let mut converted = HttpRequest::new(());
        *converted.uri_mut() =
            Uri::try_from(request.resource()).map_err(|_| RequestError::Resource)?;
        let mut appended = Ok(());
        request.fields(&key, config.deflate.as_ref(), |name, value| {
            if appended.is_ok() {
                appended = append(converted.headers_mut(), name, value);
            }
        });
        appended.map_err(|_| RequestError::HeaderName)?;
        Ok((handshake, converted))
    }

    /// Takes the response, by the checks of [`receive`](Self::receive); `None` if its status is not
    /// 101, and then it says why itself.
    ///
    /// # Errors
    ///
    /// The rule that the response breaks: "the client MUST _Fail the WebSocket Connection_" (§4.1),
    /// that is, end the transport and send nothing.
    pub fn receive_http<B>(
        mut self,
        response: &HttpResponse<B>,
    ) -> Result<Option<(Connection, Response)>, HandshakeError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(None);
        }
        if response.version() != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        self.open(Span::default(), response.headers().into())
            .map(Some)
    }
}

/// A GET of HTTP/1.1 by a URI whose scheme is `ws`, `wss`, `http` or `https`, or else by a path and
/// `Host`. Subprotocols are offered as its field says. `Upgrade`, `Connection`, `Sec-WebSocket-Key`
/// and a `Sec-WebSocket-Version` of 13 are left out, for the handshake writes its own;
/// any other field that it writes is refused, as by [`ClientRequest::header`].
impl<B> TryFrom<&HttpRequest<B>> for ClientRequest {
    type Error = RequestError;

    fn try_from(request: &HttpRequest<B>) -> Result<Self, RequestError> {
        if request.method() != Method::GET || request.version() != Version::HTTP_11 {
            return Err(RequestError::Method);
        }
        let uri = request.uri();
        let secure = match uri.scheme_str() {
            None => false,
            Some(scheme) if is_one_of(scheme, ["ws", "http"]) => false,
            Some(scheme) if is_one_of(scheme, ["wss", "https"]) => true,
            Some(_) => return Err(RequestError::Scheme),
        };
        let resource = uri
            .path_and_query()
            .map_or("/", |resource| resource.as_str());
        let mut converted = Self::new(authority(request, secure)?, resource)?.secure(secure);
        for (name, value) in request.headers() {
            converted = match name.as_str() {
                "host" | "upgrade" | "connection" | "sec-websocket-key" => converted,
                "sec-websocket-version" if value == "13" => converted,
                "sec-websocket-protocol" => {
                    list(value.as_bytes()).try_fold(converted, |converted, name| {
                        let name = str::from_utf8(name).map_err(|_| RequestError::Subprotocol)?;
                        converted.subprotocol(name)
                    })?
                }
                name => converted.header(name, value)?,
            };
        }
        Ok(converted)
    }
}

/// Host and port, "when not the default" (§4.1 number 4), that a client's request names.
fn authority<B>(request: &HttpRequest<B>, secure: bool) -> Result<&str, RequestError> {
    let Some(authority) = request.uri().authority() else {
        let host = request.headers().get(HOST).map(HeaderValue::to_str);
        return host.and_then(Result::ok).ok_or(RequestError::Authority);
    };
    if authority.as_str().contains('@') {
        return Err(RequestError::Credentials);
    }
    let default = if secure { 443 } else { 80 };
    if authority.port_u16() == Some(default) {
        return Ok(authority.host());
    }
    Ok(authority.as_str())
}

fn is_one_of(scheme: &str, known: [&str; 2]) -> bool {
    known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// All but the reason phrase, which `http` has no place for.
impl TryFrom<&Response> for HttpResponse<()> {
    /// A name that `http` does not take, or too many fields.
    type Error = ::http::Error;

    fn try_from(response: &Response) -> Result<Self, ::http::Error> {
        let mut converted = HttpResponse::new(());
        *converted.status_mut() = StatusCode::from_u16(response.status())?;
        *converted.headers_mut() = response.headers().try_into()?;
        Ok(converted)
    }
}

/// All but the reason phrase, which `http` has no place for. The body is as much as was kept, its
/// chunks joined, whatever the fields say of how it came.
impl TryFrom<Refusal> for HttpResponse<Vec<u8>> {
    /// A name that `http` does not take, or too many fields.
    type Error = ::http::Error;

    fn try_from(refusal: Refusal) -> Result<Self, ::http::Error> {
        let mut converted = HttpResponse::new(Vec::new());
        *converted.status_mut() = StatusCode::from_u16(refusal.status())?;
        *converted.headers_mut() = refusal.headers().try_into()?;
        *converted.body_mut() = refusal.into_body();
        Ok(converted)
    }
}

/// In their order, but that fields of the same name stand together.
impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let mut headers = Self::default();
        for (name, value) in map {
            headers.push(name.as_str().as_bytes(), value.as_bytes());
        }
        headers
    }
}

impl TryFrom<&Headers> for HeaderMap {
    /// A name that `http` does not take, or too many fields.
    type Error = ::http::Error;

    fn try_from(headers: &Headers) -> Result<Self, ::http::Error> {
        let mut map = Self::try_with_capacity(headers.len())?;
        for (name, value) in headers.raw() {
            append(&mut map, name, value)?;
        }
        Ok(map)
    }
}

/// Appends a field; one that holds a secret is marked as such.
fn append(map: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), ::http::Error> {
    let name = HeaderName::from_bytes(name)?;
    let mut value = HeaderValue::from_bytes(value)?;
    value.set_sensitive(is_secret(name.as_str()));
    map.try_append(name, value)?;
    Ok(())
}

impl From<HttpVersion> for Version {
    fn from(version: HttpVersion) -> Self {
        match version {
            HttpVersion::Http11 => Self::HTTP_11,
            HttpVersion::Http2 => Self::HTTP_2,
            HttpVersion::Http3 => Self::HTTP_3,
        }
    }
}

impl TryFrom<Version> for HttpVersion {
    type Error = HandshakeError;

    /// [`HandshakeError::HttpVersion`] for 1.0 and 0.9.
    fn try_from(version: Version) -> Result<Self, HandshakeError> {
        match version {
            Version::HTTP_11 => Ok(Self::Http11),
            Version::HTTP_2 => Ok(Self::Http2),
            Version::HTTP_3 => Ok(Self::Http3),
            _ => Err(HandshakeError::HttpVersion),
        }
    }
}
