//! The rules of `WebSocketStream`: how it opens, how it ends, and what its errors are.

use alloc::{borrow::ToOwned, string::String, sync::Arc};
use core::fmt;

use super::{CloseEvent, DomError, Event, WebSocketCore};

/// With what a stream closes, or was closed: `WebSocketCloseInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseInfo {
    /// The code; a Close frame without a body is `None` to send, and 1005 once received.
    pub close_code: Option<u16>,
    /// The reason, at most 123 bytes; with one and no code the code is 1000.
    pub reason: String,
}

impl CloseInfo {
    /// A code and a reason.
    pub fn new(close_code: Option<u16>, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { close_code, reason }
    }

    /// The code to send: a reason cannot go without one.
    #[must_use]
    pub fn code_to_send(&self) -> Option<u16> {
        let default = (!self.reason.is_empty()).then_some(1000);
        self.close_code.or(default)
    }
}

/// What a stream ends with that did not end well, and what a program may end it with:
/// `WebSocketError`.
///
/// ```
/// use sansock::web::{CloseInfo, WebSocketError};
///
/// let error = WebSocketError::new("bored", CloseInfo::new(None, "bored"))?;
/// assert_eq!((error.close_code(), error.reason()), (Some(1000), "bored"));
/// assert!(WebSocketError::new("", CloseInfo::new(Some(1006), "")).is_err());
/// # Ok::<(), sansock::web::DomError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketError {
    message: String,
    info: CloseInfo,
}

impl WebSocketError {
    /// An error with which a stream may be cancelled or aborted.
    ///
    /// # Errors
    ///
    /// As [`WebSocketCore::close`].
    pub fn new(message: &str, info: CloseInfo) -> Result<Self, DomError> {
        let close_code = info.code_to_send();
        WebSocketCore::check_close(close_code, &info.reason)?;
        let reason = info.reason;
        Ok(Self {
            message: message.to_owned(),
            info: CloseInfo { close_code, reason },
        })
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code that the peer sent, or 1006; or the one to send.
    #[must_use]
    pub const fn close_code(&self) -> Option<u16> {
        self.info.close_code
    }

    /// The reason that goes with it.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.info.reason
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocketError: {}", self.message)?;
        match self.close_code() {
            Some(code) => write!(f, " ({code} {:?})", self.reason()),
            None => Ok(()),
        }
    }
}

impl core::error::Error for WebSocketError {}

/// Why a stream gives nothing more, or takes nothing. Complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// It ended otherwise than cleanly, or never opened. All that fails by it has the same error.
    WebSocket(Arc<WebSocketError>),
    /// Its signal was aborted while it was connecting, for this reason.
    AbortError(Arc<str>),
    /// It was closed, or its transport failed: nothing can be written any more.
    InvalidStateError,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebSocket(error) => error.fmt(f),
            Self::AbortError(reason) => write!(f, "AbortError: {reason}"),
            Self::InvalidStateError => f.write_str("InvalidStateError: the stream was closed"),
        }
    }
}

impl core::error::Error for StreamError {}

/// What is known of a stream beside its [`WebSocketCore`].
#[derive(Clone, Debug, Default)]
pub struct StreamCore {
    has_opened: bool,
    /// The reason of the signal that ended it.
    aborted: Option<Arc<str>>,
    end: Option<Result<CloseInfo, StreamError>>,
}

impl StreamCore {
    /// Takes an event that fired, and how much was sent and not written then, if only empty messages.
    pub fn receive(&mut self, event: &Event, unwritten: u64) {
        match event {
            Event::Open(_) => self.has_opened = true,
            Event::Close(close) => self.end = Some(self.ended(close, unwritten)),
            Event::Message(_) | Event::Error(_) => {}
        }
    }

    /// Takes note that the signal was aborted, for this reason; whether the connection is to be given
    /// up.
    pub fn abort(&mut self, reason: &Arc<str>) -> bool {
        let is_abortable = !self.has_opened && self.end.is_none();
        if is_abortable {
            self.aborted.get_or_insert_with(|| Arc::clone(reason));
        }
        is_abortable
    }

    /// What came of the opening handshake, once it is over: `opened`.
    #[must_use]
    pub fn opened(&self) -> Option<Result<(), StreamError>> {
        if let Some(reason) = &self.aborted {
            return Some(Err(StreamError::AbortError(Arc::clone(reason))));
        }
        match &self.end {
            _ if self.has_opened => Some(Ok(())),
            Some(end) => end.clone().err().map(Err),
            None => None,
        }
    }

    /// How it ended, once it has: `closed`.
    #[must_use]
    pub fn closed(&self) -> Option<Result<CloseInfo, StreamError>> {
        if let Some(reason) = &self.aborted {
            return Some(Err(StreamError::AbortError(Arc::clone(reason))));
        }
        self.end.clone()
    }

    /// Why nothing can be written any more, once that is so.
    #[must_use]
    pub fn write_error(&self) -> Option<StreamError> {
        let closed = self.closed()?;
        Some(closed.err().unwrap_or(StreamError::InvalidStateError))
    }

    fn ended(&self, close: &CloseEvent, unwritten: u64) -> Result<CloseInfo, StreamError> {
        let info = CloseInfo::new(Some(close.code), &*close.reason);
        // A peer that closed before it had read all has not ended well.
        if close.was_clean && unwritten == 0 {
            return Ok(info);
        }
        let message = match self.has_opened {
            true => "the connection was not closed cleanly".to_owned(),
            false => "the connection could not be opened".to_owned(),
        };
        Err(StreamError::WebSocket(Arc::new(WebSocketError {
            message,
            info,
        })))
    }
}
