//! What errors say: each its own short words, in one style, and nothing that drives a terminal.

use std::{collections::HashSet, error::Error as _, fmt::Display, sync::Arc};

use sansock::{
    CloseCode, Config,
    adapter::Error as AdapterError,
    proto::{
        self, Connection, ProtocolError, ReceiveHalf, ReuniteError, SendError, SendHalf, Timeout,
        handshake::{AcceptError, EofStage, HandshakeError, RequestError},
    },
    web::{CloseInfo, DomError, Failure, StreamError, SyntaxError, WebSocketError},
};

/// Checks the words of errors that can come from one place.
fn check(errors: &[&dyn Display]) {
    let mut said = HashSet::new();
    for error in errors {
        let text = error.to_string();
        assert!((5..=100).contains(&text.len()), "{text:?}");
        assert!(!text.ends_with(['.', '!', ' ']), "{text:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(said.insert(text.clone()), "twice: {text:?}");
    }
}

#[test]
fn the_peers_faults() {
    use ProtocolError as E;
    let code = CloseCode::NO_STATUS;
    check(&[
        &E::ReservedBits(4),
        &E::ReservedOpcode(3),
        &E::FragmentedControl,
        &E::ControlTooLong,
        &E::NonMinimalLength,
        &E::LengthOverflow,
        &E::UnmaskedFrame,
        &E::MaskedFrame,
        &E::UnexpectedContinuation,
        &E::InterleavedMessage,
        &E::InvalidUtf8,
        &E::CloseTooShort,
        &E::InvalidCloseCode(code),
        &E::InvalidCloseReason,
        &E::FrameTooLarge,
        &E::MessageTooLarge,
        &E::TooManyFragments,
        &E::TooManyControlFrames,
        &E::TooManyTinyFrames,
        &E::InvalidDeflate,
        &E::InflateBudget,
        &E::OutOfMemory,
    ]);
    assert_eq!(
        E::ReservedBits(4).to_string(),
        "reserved bits 0b100 are set"
    );
    assert_eq!(
        E::InvalidCloseCode(code).to_string(),
        "invalid close code 1005"
    );
}

#[test]
fn the_programs_faults() {
    use {AcceptError as A, RequestError as R, SendError as S};
    check(&[
        &S::NotOpen,
        &S::MessageUnfinished,
        &S::PartKind,
        &S::PartCompressed,
        &S::ControlTooLong,
        &S::InvalidCloseCode(CloseCode::ABNORMAL),
        &S::CloseReasonTooLong,
        &S::InvalidUtf8,
        &S::Full,
    ]);
    check(&[
        &A::NotUndecided,
        &A::NotWebSocket,
        &A::SubprotocolNotOffered,
        &A::HeaderName,
        &A::HeaderValue,
        &A::ManagedHeader,
        &A::Status,
        &A::Reason,
        &A::Body,
    ]);
    check(&[
        &R::Url,
        &R::Scheme,
        &R::Fragment,
        &R::Credentials,
        &R::Authority,
        &R::Resource,
        &R::HeaderName,
        &R::HeaderValue,
        &R::ManagedHeader,
        &R::RepeatedHeader,
        &R::Subprotocol,
        &R::RepeatedSubprotocol,
    ]);
}

#[test]
fn what_ends_a_handshake() {
    use {EofStage as Stage, HandshakeError as E};
    check(&[
        &E::Eof(Stage::BeforeHead),
        &E::Eof(Stage::InsideHead),
        &E::Eof(Stage::Undecided),
        &E::Eof(Stage::Finished),
        &E::MalformedStartLine,
        &E::MalformedHeader,
        &E::HttpVersion,
        &E::HeadTooLarge,
        &E::TooManyHeaders,
        &E::RequestLineTooLong,
        &E::RequestMethod,
        &E::RequestTarget,
        &E::RequestBody,
        &E::RequestHost,
        &E::RequestUpgrade,
        &E::RequestConnection,
        &E::RequestKey,
        &E::UnsupportedVersion,
        &E::MalformedVersion,
        &E::RequestOrigin,
        &E::RequestSubprotocols,
        &E::RequestExtensions,
        &E::TooManyInformational,
        &E::ResponseUpgrade,
        &E::ResponseConnection,
        &E::ResponseAccept,
        &E::ResponseSubprotocol,
        &E::ResponseExtensions,
        &E::ResponseBody,
    ]);
}

#[test]
fn what_ends_a_connection() {
    use {Timeout as T, proto::Error as E};
    let all = [
        E::Handshake(HandshakeError::RequestKey),
        E::Refused(403),
        E::Protocol(ProtocolError::UnmaskedFrame),
        E::Timeout(T::Handshake),
        E::Timeout(T::Pong),
        E::Timeout(T::Idle),
        E::Timeout(T::Message),
        E::Timeout(T::Close),
        E::Timeout(T::Write),
        E::Eof,
    ];
    check(&all.each_ref().map(|error| error as &dyn Display));
    for error in all {
        let shown = AdapterError::from(error);
        assert_eq!(shown.to_string(), error.to_string());
        assert!(shown.source().is_none());
    }
}

#[test]
fn what_the_interface_throws() {
    use SyntaxError as S;
    let failed = CloseInfo::new(Some(4000), "gone\u{1B}[2J");
    let failed = WebSocketError::new("failed", failed).map(Arc::new);
    let failed = failed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        failed.to_string(),
        r#"WebSocketError: failed (4000 "gone\u{1b}[2J")"#
    );
    check(&[
        &DomError::SyntaxError(S::Url),
        &DomError::SyntaxError(S::Scheme),
        &DomError::SyntaxError(S::Fragment),
        &DomError::SyntaxError(S::Protocol),
        &DomError::SyntaxError(S::RepeatedProtocol),
        &DomError::SyntaxError(S::ReasonTooLong),
        &DomError::InvalidAccessError(CloseCode::ABNORMAL),
        &DomError::InvalidStateError,
        &Failure::ClosedWhileConnecting,
        &Failure::NoSubprotocol,
        &Failure::BlockedPort(25),
        &Failure::Full,
        &Failure::Abandoned,
        &StreamError::WebSocket(failed),
        &StreamError::AbortError("stop".into()),
        &StreamError::InvalidStateError,
    ]);
    assert_eq!(
        DomError::from(S::Fragment).to_string(),
        "SyntaxError: the URL has a fragment"
    );
    assert_eq!(DomError::InvalidStateError.name(), "InvalidStateError");
}

#[test]
fn halves_that_do_not_belong_together() {
    let split = || -> (ReceiveHalf, SendHalf) {
        Connection::server(&Arc::new(Config::default())).into_split()
    };
    let ((receive, _), (_, send)) = (split(), split());
    let error = Connection::reunite(receive, send, &mut Vec::new()).err();
    let text = error.as_ref().map(ReuniteError::to_string);
    assert_eq!(
        text.as_deref(),
        Some("the halves are of different connections")
    );
}
