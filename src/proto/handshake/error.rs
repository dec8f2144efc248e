//! Why an opening handshake failed: the peer's fault ([`HandshakeError`]), and the program's
//! ([`AcceptError`] on a server, [`RequestError`] on a client).

use core::fmt;

/// A rule of the opening handshake, or a limit of ours, that the peer broke.
///
/// One variant per rule. A server answers with [`status`](Self::status) before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The transport ended.
    Eof(EofStage),
    /// The first line is not HTTP's: no method, target and version, or no version and status.
    MalformedStartLine,
    /// A header line that HTTP does not allow: a line end other than CR LF, a folded line, an
    /// empty name, space before the colon, a control character.
    MalformedHeader,
    /// An HTTP version other than 1.1 (§4.1 number 2). A response that refuses may be of any 1.x.
    HttpVersion,
    /// A head longer than [`Config::max_head_size`](crate::Config::max_head_size).
    HeadTooLarge,
    /// More header lines than [`Config::max_headers`](crate::Config::max_headers).
    TooManyHeaders,

    /// A request line longer than
    /// [`Config::max_request_line_size`](crate::Config::max_request_line_size).
    RequestLineTooLong,
    /// A request's method is not GET (§4.2.1 number 1); not CONNECT over HTTP/2 and 3.
    RequestMethod,
    /// A request's target is neither a path nor an absolute URI (§4.2.1 number 1).
    RequestTarget,
    /// A request announces a body.
    RequestBody,
    /// A request's `Host` is missing, repeated or not an authority (§4.2.1 number 2).
    RequestHost,
    /// A request's `Upgrade` is missing or does not list `websocket` (§4.2.1 number 3).
    RequestUpgrade,
    /// A request's `Connection` is missing or does not list `Upgrade` (§4.2.1 number 4).
    RequestConnection,
    /// A request's `Sec-WebSocket-Key` is missing, repeated or not the base64 of 16 bytes
    /// (§4.2.1 number 5).
    RequestKey,
    /// A request's `Sec-WebSocket-Version` is missing or not 13 (§4.2.1 number 6, §4.4).
    UnsupportedVersion,
    /// A request's `Sec-WebSocket-Version` is repeated or not a number below 256 (§4.3).
    MalformedVersion,
    /// A request's `Origin` is repeated or holds bytes that no origin has (RFC 6454 §7).
    RequestOrigin,
    /// A request's `Sec-WebSocket-Protocol` is not a list of tokens that differ (§4.1 number 10).
    RequestSubprotocols,
    /// A request's `Sec-WebSocket-Extensions` is malformed (§9.1).
    RequestExtensions,

    /// More than ten responses with a status 1xx came before the real one.
    TooManyInformational,
    /// A 101's `Upgrade` is missing, repeated or not `websocket` (§4.1).
    ResponseUpgrade,
    /// A 101's `Connection` is missing or does not name `Upgrade` once (§4.1).
    ResponseConnection,
    /// A 101's `Sec-WebSocket-Accept` is missing, repeated or not the one for our key (§4.1).
    ResponseAccept,
    /// A 101's `Sec-WebSocket-Protocol` is repeated or was not offered (§4.1, §11.3.4).
    ResponseSubprotocol,
    /// A 101's `Sec-WebSocket-Extensions` is repeated, malformed or was not offered (§4.1, §11.3.2).
    ResponseExtensions,
    /// The body of a refusal is not framed as HTTP demands.
    ResponseBody,
}

/// How far an opening handshake had come when the transport ended. Complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EofStage {
    /// No byte of the peer's head had come.
    BeforeHead,
    /// Some of the head had come.
    InsideHead,
    /// The request was there and the server had not decided.
    Undecided,
    /// The handshake was over: its outcome had been handed out.
    Finished,
}

impl HandshakeError {
    /// The status a server answers with; `None` where it cannot answer, or a client failed.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        Some(match self {
            Self::MalformedStartLine
            | Self::MalformedHeader
            | Self::RequestTarget
            | Self::RequestBody
            | Self::RequestHost
            | Self::RequestConnection
            | Self::RequestKey
            | Self::MalformedVersion
            | Self::RequestOrigin
            | Self::RequestSubprotocols
            | Self::RequestExtensions => 400,
            Self::RequestMethod => 405,
            Self::RequestLineTooLong => 414,
            Self::RequestUpgrade | Self::UnsupportedVersion => 426,
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::HttpVersion => 505,
            Self::Eof(_)
            | Self::TooManyInformational
            | Self::ResponseUpgrade
            | Self::ResponseConnection
            | Self::ResponseAccept
            | Self::ResponseSubprotocol
            | Self::ResponseExtensions
            | Self::ResponseBody => return None,
        })
    }

    /// The rule as a text: the body of a server's answer.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Eof(EofStage::BeforeHead) => "transport ended before the handshake",
            Self::Eof(EofStage::InsideHead) => "transport ended inside the handshake",
            Self::Eof(EofStage::Undecided) => "transport ended before the request was decided",
            Self::Eof(EofStage::Finished) => "transport ended after the handshake",
            Self::MalformedStartLine => "first line is not HTTP",
            Self::MalformedHeader => "malformed header line",
            Self::HttpVersion => "HTTP version is not 1.1",
            Self::HeadTooLarge => "head is longer than the limit",
            Self::TooManyHeaders => "head has more lines than the limit",
            Self::RequestLineTooLong => "request line is longer than the limit",
            Self::RequestMethod => "method is not GET",
            Self::RequestTarget => "target is neither a path nor an absolute URI",
            Self::RequestBody => "request announces a body",
            Self::RequestHost => "Host is missing, repeated or invalid",
            Self::RequestUpgrade => "Upgrade does not list websocket",
            Self::RequestConnection => "Connection does not list Upgrade",
            Self::RequestKey => "Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64",
            Self::UnsupportedVersion => "Sec-WebSocket-Version is not 13",
            Self::MalformedVersion => "Sec-WebSocket-Version is repeated or not a number below 256",
            Self::RequestOrigin => "Origin is repeated or invalid",
            Self::RequestSubprotocols => "Sec-WebSocket-Protocol is not a list of unique tokens",
            Self::RequestExtensions => "Sec-WebSocket-Extensions is malformed",
            Self::TooManyInformational => "more than ten informational responses",
            Self::ResponseUpgrade => "response's Upgrade is not websocket",
            Self::ResponseConnection => "response's Connection does not name Upgrade once",
            Self::ResponseAccept => "response's Sec-WebSocket-Accept does not answer our key",
            Self::ResponseSubprotocol => "response's Sec-WebSocket-Protocol was not offered",
            Self::ResponseExtensions => "response's Sec-WebSocket-Extensions was not offered",
            Self::ResponseBody => "response's body is malformed",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for HandshakeError {}

/// An answer that the program must not give. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcceptError {
    /// No request waits for an answer: none has come, or it failed.
    NotUndecided,
    /// The request asks for no WebSocket: only a [`Reject`](super::Reject) answers it.
    NotWebSocket,
    /// The client did not offer this subprotocol (§4.2.2 number 4).
    SubprotocolNotOffered,
    /// A header's name is not a token.
    HeaderName,
    /// A header's value holds CR, LF, NUL or another control character.
    HeaderValue,
    /// A header that the handshake itself writes or forbids, such as `Upgrade`.
    ManagedHeader,
    /// A refusal's status is not 200 to 599.
    Status,
    /// A refusal's reason phrase holds a control character.
    Reason,
    /// A body with a status that cannot have one: 204, 205 or 304.
    Body,
}

impl AcceptError {
    /// The status for a client whose request was answered wrongly.
    #[cfg(feature = "std")]
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::NotWebSocket => 426,
            _ => 500,
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUndecided => "no request waits for an answer",
            Self::NotWebSocket => "request asks for no WebSocket",
            Self::SubprotocolNotOffered => "subprotocol was not offered",
            Self::HeaderName => "header name is not a token",
            Self::HeaderValue => "header value holds a control character",
            Self::ManagedHeader => "header is managed by the handshake",
            Self::Status => "status of a refusal is not 200 to 599",
            Self::Reason => "reason phrase holds a control character",
            Self::Body => "a response with this status has no body",
        })
    }
}

impl core::error::Error for AcceptError {}

/// A request that the program must not send. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// A method other than GET, or a version other than HTTP/1.1 (§4.1 number 2).
    Method,
    /// Not a URL, or one without a host.
    Url,
    /// A URL's scheme is not `ws`, `wss`, `http` or `https` (§3).
    Scheme,
    /// A fragment: "MUST NOT be used on these URIs" (§3).
    Fragment,
    /// A URL's user name or password cannot stand in a `Basic` authorization (RFC 7617 §2).
    Credentials,
    /// The authority is not a host and an optional port from 1 to 65535.
    Authority,
    /// The resource name is not a path with an optional query, in printable ASCII (§3).
    Resource,
    /// A header's name is not a token.
    HeaderName,
    /// A header's value holds CR, LF, NUL or another control character.
    HeaderValue,
    /// A header that the handshake itself writes or forbids, such as `Host`.
    ManagedHeader,
    /// A second `Origin` or `Authorization`.
    RepeatedHeader,
    /// A subprotocol that is not a token (§4.1 number 10).
    Subprotocol,
    /// A subprotocol that was named before: they "MUST all be unique" (§4.1 number 10).
    RepeatedSubprotocol,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "not a GET of HTTP/1.1",
            Self::Url => "not a URL with a host",
            Self::Scheme => "scheme is not ws or wss",
            Self::Fragment => "URL has a fragment",
            Self::Credentials => "credentials cannot be sent",
            Self::Authority => "authority is not a host and a port",
            Self::Resource => "resource name is not a path and a query",
            Self::HeaderName => "header name is not a token",
            Self::HeaderValue => "header value holds a control character",
            Self::ManagedHeader => "header is managed by the handshake",
            Self::RepeatedHeader => "header may stand only once",
            Self::Subprotocol => "subprotocol is not a token",
            Self::RepeatedSubprotocol => "subprotocol is named twice",
        })
    }
}

impl core::error::Error for RequestError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<HandshakeError>() <= 4);
        assert_eq!(size_of::<AcceptError>(), 1);
        assert_eq!(size_of::<RequestError>(), 1);
    }

    /// RFC 9110 §15.5.22, §15.6.1.
    #[cfg(feature = "std")]
    #[test]
    fn a_wrong_answer_is_the_servers_fault() {
        assert_eq!(AcceptError::NotWebSocket.status(), 426);
        assert_eq!(AcceptError::SubprotocolNotOffered.status(), 500);
    }
}
