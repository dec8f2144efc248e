//! Close codes, Close frames and how a connection ended (RFC 6455 §5.5.1, §7.1.5, §7.4).

use alloc::{borrow::Cow, string::String};
use core::fmt;

use super::error::{Error, ProtocolError, SendError};

/// Why an endpoint closes: the two bytes at the start of a Close frame (§7.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server is going down, or a browser left the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data this endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the Close frame that came had no code. Never on the wire (§7.4.1).
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: no Close frame came. Never on the wire (§7.4.1).
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: data that is not what its message type says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message that breaks this endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: a client needs an extension that the server did not negotiate.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// 1011: a server met a condition it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway had an invalid answer from its upstream (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire (§7.4.1).
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// The code with this number; any number, since a program may meet any.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a Close frame (§7.4.1, §7.4.2): 1000–1003 and 1007–1014,
    /// which are defined, and 3000–4999, which belong to libraries and applications.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says: a code and a reason for the people who read logs (§5.5.1).
///
/// "The body … MUST NOT be shown to end users": the reason is for debugging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why the sender closes.
    pub code: CloseCode,
    /// A text of at most [`CloseFrame::MAX_REASON_LEN`] bytes.
    pub reason: Cow<'a, str>,
}

impl<'a> CloseFrame<'a> {
    /// The longest reason in bytes: a control frame's 125 bytes less the code's two.
    pub const MAX_REASON_LEN: usize = 123;

    /// A Close frame's content.
    #[must_use]
    pub fn new(code: CloseCode, reason: impl Into<Cow<'a, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// Reads a Close frame's payload; `None` if it is empty, that is, carries no code (§7.1.5).
    ///
    /// # Errors
    ///
    /// "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
    /// ([`ProtocolError::CloseTooShort`]), with a code that is allowed on the wire
    /// ([`ProtocolError::InvalidCloseCode`]), followed by valid UTF-8
    /// ([`ProtocolError::InvalidCloseReason`]).
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        let (code, reason) = match payload {
            [] => return Ok(None),
            [_] => return Err(ProtocolError::CloseTooShort),
            [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        };
        if !code.is_sendable() {
            return Err(ProtocolError::InvalidCloseCode(code));
        }
        let reason = core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
        Ok(Some(Self {
            code,
            reason: Cow::Borrowed(reason),
        }))
    }

    /// Whether this may be sent: a sendable code and a reason that fits.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`] or [`SendError::CloseReasonTooLong`].
    pub const fn check(code: CloseCode, reason_len: usize) -> Result<(), SendError> {
        if !code.is_sendable() {
            return Err(SendError::InvalidCloseCode(code));
        }
        if reason_len > Self::MAX_REASON_LEN {
            return Err(SendError::CloseReasonTooLong);
        }
        Ok(())
    }

    /// The same content with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> CloseFrame<'static> {
        CloseFrame {
            code: self.code,
            reason: Cow::Owned(self.reason.into_owned()),
        }
    }
}

/// How a connection ended. Made once, at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseStatus {
    /// The Close frame that came first; one without a body stands here as code
    /// [`CloseCode::NO_STATUS`]. `None` if the peer sent none.
    pub received: Option<CloseFrame<'static>>,
    /// The code of the Close frame we sent, [`CloseCode::NO_STATUS`] if it had no body.
    pub sent: Option<CloseCode>,
    /// Whether the closing handshake was completed: a Close sent and one received (§7.1.4).
    pub clean: bool,
    /// What ended the connection, if not a closing handshake.
    pub error: Option<Error>,
}

impl CloseStatus {
    /// *The WebSocket connection close code* (§7.1.5): the code received, 1005 if the Close frame
    /// had none, 1006 if none came.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.received
            .as_ref()
            .map_or(CloseCode::ABNORMAL, |frame| frame.code)
    }

    /// *The WebSocket connection close reason* (§7.1.6): the text received, or none.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.received.as_ref().map_or("", |frame| &frame.reason)
    }
}

/// A Close frame as it is remembered until the end: 1005 stands for a frame without a body.
pub(crate) fn remembered(frame: Option<&CloseFrame<'_>>) -> CloseFrame<'static> {
    match frame {
        Some(frame) => frame.clone().into_owned(),
        None => CloseFrame {
            code: CloseCode::NO_STATUS,
            reason: Cow::Owned(String::new()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_takes_what_the_rfc_allows() {
        assert_eq!(CloseFrame::parse(&[]), Ok(None));
        assert_eq!(
            CloseFrame::parse(&[0x03, 0xE8]),
            Ok(Some(CloseFrame::new(CloseCode::NORMAL, "")))
        );
        assert_eq!(
            CloseFrame::parse(b"\x0F\xA0gone"),
            Ok(Some(CloseFrame::new(CloseCode::new(4000), "gone")))
        );
        assert_eq!(
            CloseFrame::parse(&[0x03]),
            Err(ProtocolError::CloseTooShort)
        );
        assert_eq!(
            CloseFrame::parse(&[0x03, 0xED]),
            Err(ProtocolError::InvalidCloseCode(CloseCode::NO_STATUS))
        );
        assert_eq!(
            CloseFrame::parse(b"\x03\xE8\xFF"),
            Err(ProtocolError::InvalidCloseReason)
        );
    }

    #[test]
    fn check_knows_both_limits() {
        assert_eq!(CloseFrame::check(CloseCode::NORMAL, 123), Ok(()));
        assert_eq!(
            CloseFrame::check(CloseCode::NORMAL, 124),
            Err(SendError::CloseReasonTooLong)
        );
        assert_eq!(
            CloseFrame::check(CloseCode::ABNORMAL, 0),
            Err(SendError::InvalidCloseCode(CloseCode::ABNORMAL))
        );
    }

    #[test]
    fn status_gives_code_and_reason_of_the_first_close_received() {
        let mut status = CloseStatus {
            received: None,
            sent: None,
            clean: false,
            error: None,
        };
        assert_eq!((status.code(), status.reason()), (CloseCode::ABNORMAL, ""));
        status.received = Some(remembered(None));
        assert_eq!((status.code(), status.reason()), (CloseCode::NO_STATUS, ""));
        status.received = Some(CloseFrame::new(CloseCode::GOING_AWAY, "bye"));
        assert_eq!(
            (status.code(), status.reason()),
            (CloseCode::GOING_AWAY, "bye")
        );
    }
}
