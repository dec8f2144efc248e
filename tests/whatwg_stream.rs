//! The rules of `WebSocketStream` (requirements 42–51) with made-up events.
#![allow(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

use std::sync::Arc;

use sansock::{
    CloseCode, CloseFrame, CloseStatus,
    web::{
        CloseInfo, DomError, Event, Location, Protocols, StreamCore, StreamError, SyntaxError,
        WebSocketCore, WebSocketError,
    },
};

/// The events of a connection that opens, if it does, and ends so.
fn events(opens: bool, status: &CloseStatus) -> Vec<Event> {
    let location = Location::parse("ws://h/", None).unwrap();
    let mut core = WebSocketCore::new(&location, &Protocols::none()).unwrap();
    if opens {
        core.receive_open(None, String::new()).unwrap();
    }
    core.receive_closed(status);
    std::iter::from_fn(|| core.next_event()).collect()
}

fn clean(code: u16) -> CloseStatus {
    CloseStatus {
        received: Some(CloseFrame::new(CloseCode::new(code), "why")),
        sent: Some(CloseCode::NORMAL),
        clean: true,
        error: None,
    }
}

fn run(stream: &mut StreamCore, events: &[Event], unwritten: u64) {
    for event in events {
        stream.receive(event, unwritten);
    }
}

#[test]
fn d44_d45_d50_a_clean_end() {
    let mut stream = StreamCore::default();
    assert_eq!((stream.opened(), stream.closed()), (None, None));
    let [open, close] = &events(true, &clean(3000))[..] else {
        panic!("not two events");
    };
    stream.receive(open, 0);
    assert_eq!(stream.opened(), Some(Ok(())));
    assert_eq!((stream.closed(), stream.write_error()), (None, None));
    stream.receive(close, 0);
    assert_eq!(stream.opened(), Some(Ok(())));
    assert_eq!(stream.closed(), Some(Ok(CloseInfo::new(Some(3000), "why"))));
    assert_eq!(stream.write_error(), Some(StreamError::InvalidStateError));
}

#[test]
fn d44_d50_never_opened_is_one_error() {
    let mut stream = StreamCore::default();
    run(&mut stream, &events(false, &CloseStatus::default()), 0);
    let (Some(Err(StreamError::WebSocket(opened))), Some(Err(StreamError::WebSocket(closed)))) =
        (stream.opened(), stream.closed())
    else {
        panic!("{stream:?}");
    };
    assert!(Arc::ptr_eq(&opened, &closed));
    assert_eq!((opened.close_code(), opened.reason()), (Some(1006), ""));
    assert_eq!(stream.write_error(), Some(StreamError::WebSocket(opened)));
}

#[test]
fn d45_a_clean_end_with_writes_unfinished_is_not() {
    let mut stream = StreamCore::default();
    run(&mut stream, &events(true, &clean(4001)), 1);
    let Some(Err(StreamError::WebSocket(error))) = stream.closed() else {
        panic!("{stream:?}");
    };
    assert_eq!((error.close_code(), error.reason()), (Some(4001), "why"));
}

#[test]
fn d43_an_aborted_one_stays_so() {
    let mut stream = StreamCore::default();
    assert!(stream.abort(&REASON.into()));
    for _ in 0..2 {
        assert_eq!(stream.opened(), Some(Err(aborted())));
        assert_eq!(stream.closed(), Some(Err(aborted())));
        assert_eq!(stream.write_error(), Some(aborted()));
        run(&mut stream, &events(false, &CloseStatus::default()), 0);
    }
}

#[test]
fn d43_after_opening_the_signal_does_nothing() {
    let mut stream = StreamCore::default();
    stream.receive(&events(true, &clean(1000))[0], 0);
    assert!(!stream.abort(&REASON.into()));
    assert_eq!(stream.opened(), Some(Ok(())));
}

#[test]
fn d51_errors_are_checked_as_close_is() {
    let made = |code, reason: &str| WebSocketError::new("message", CloseInfo::new(code, reason));
    let error = made(None, "").unwrap();
    assert_eq!(
        (error.close_code(), error.reason(), error.message()),
        (None, "", "message")
    );
    assert_eq!(made(None, "why").unwrap().close_code(), Some(1000));
    assert_eq!(made(Some(4999), "").unwrap().close_code(), Some(4999));
    let invalid = DomError::InvalidAccessError(CloseCode::new(1001));
    assert_eq!(made(Some(1001), &"x".repeat(124)), Err(invalid));
    let long = DomError::SyntaxError(SyntaxError::ReasonTooLong);
    assert_eq!(made(None, &"x".repeat(124)), Err(long));
}

const REASON: &str = "the user went away";

/// What it fails with.
fn aborted() -> StreamError {
    StreamError::AbortError(REASON.into())
}
