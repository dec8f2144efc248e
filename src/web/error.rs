//! What the interface throws, and why a connection failed.

use core::fmt;

use crate::proto::CloseCode;

/// What a method of the interface throws: the program's fault, told at once.
///
/// Complete by the standard. What goes wrong later is an event, see [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DomError {
    /// A URL, a subprotocol or a close reason is not what it must be.
    SyntaxError(SyntaxError),
    /// A close code that a program may not send: neither 1000 nor 3000–4999.
    InvalidAccessError(CloseCode),
    /// A message was sent before the connection was open.
    InvalidStateError,
}

impl DomError {
    /// The name that the standard has for it, such as `"SyntaxError"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SyntaxError(_) => "SyntaxError",
            Self::InvalidAccessError(_) => "InvalidAccessError",
            Self::InvalidStateError => "InvalidStateError",
        }
    }
}

impl fmt::Display for DomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::SyntaxError(error) => error.fmt(f),
            Self::InvalidAccessError(code) => {
                write!(f, "close code {code} is neither 1000 nor 3000 to 4999")
            }
            Self::InvalidStateError => f.write_str("the connection is not open yet"),
        }
    }
}

impl core::error::Error for DomError {}

impl From<SyntaxError> for DomError {
    fn from(error: SyntaxError) -> Self {
        Self::SyntaxError(error)
    }
}

/// The rule that a text breaks. Complete by the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyntaxError {
    /// Not a URL, or a relative one without a base.
    Url,
    /// A URL's scheme is not `ws`, `wss`, `http` or `https`.
    Scheme,
    /// A URL has a fragment, even an empty one.
    Fragment,
    /// A subprotocol is not a token of RFC 6455.
    Protocol,
    /// A subprotocol is named twice, in whatever case.
    RepeatedProtocol,
    /// A close reason is longer than 123 bytes.
    ReasonTooLong,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "not a URL, or a relative one without a base",
            Self::Scheme => "the URL's scheme is not ws, wss, http or https",
            Self::Fragment => "the URL has a fragment",
            Self::Protocol => "a subprotocol is not a token",
            Self::RepeatedProtocol => "a subprotocol is named twice",
            Self::ReasonTooLong => "the close reason is longer than 123 bytes",
        })
    }
}

impl core::error::Error for SyntaxError {}

/// Why the interface itself failed a connection, where neither the engine nor the transport did.
///
/// To listeners every failure looks alike; this is for the program beside the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// It was closed before it was open.
    ClosedWhileConnecting,
    /// Subprotocols were asked for and the server chose none.
    NoSubprotocol,
    /// The port is one that browsers do not connect to, and the setting to do as they do is on.
    BlockedPort(u16),
    /// More was sent than may wait; see
    /// [`WebSocketCore::set_max_buffered_amount`](super::WebSocketCore::set_max_buffered_amount).
    Full,
    /// What drove the connection is gone, such as a runtime that was shut down.
    Abandoned,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedWhileConnecting => f.write_str("closed before the connection was open"),
            Self::NoSubprotocol => f.write_str("the server chose none of the subprotocols"),
            Self::BlockedPort(port) => write!(f, "port {port} is blocked"),
            Self::Full => f.write_str("more was sent than may wait to be written"),
            Self::Abandoned => f.write_str("nothing drives the connection any more"),
        }
    }
}

impl core::error::Error for Failure {}
