//! The state of a browsers' `WebSocket`, told and asked anything in any order.
//!
//! `readyState` only rises, and only when a task runs or the program closes; `error` comes just
//! before `close`, which is the last; what leaves is what was sent, in order, before the Close;
//! `bufferedAmount` is what was sent less what was said to be written.
//!
//! ```text
//!  input   flags │ op  how │ op  how │ …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use sansock::{
    CloseFrame, CloseStatus, Message, State,
    proto::{Error, ProtocolError, Timeout},
    web::{BinaryType, DomError, Event, Location, Outgoing, Protocols, WebSocketCore},
};
use sansock_fuzz::{payload, script::payload_len};

fuzz_target!(|data: &[u8]| {
    let Some((&flags, ops)) = data.split_first() else {
        return;
    };
    let mut web = Web::new(flags);
    for op in ops.chunks_exact(2) {
        web.act(op[0], op[1]);
        web.check();
    }
    web.finish();
});

struct Web {
    core: WebSocketCore,
    state: State,
    /// What was sent in time and has not left.
    queued: VecDeque<Message<'static>>,
    close_left: bool,
    /// Bytes that left and were not said to be written.
    unwritten: u64,
    lost: u64,
    received: VecDeque<Message<'static>>,
    last: Option<Event>,
    opened: usize,
    closed: usize,
    errors: usize,
}

impl Web {
    fn new(flags: u8) -> Self {
        let mut core = if flags & 1 == 0 {
            let location = Location::parse("ws://example.com", None).expect("valid");
            let protocols = if flags & 2 == 0 {
                Protocols::none()
            } else {
                "chat".into()
            };
            WebSocketCore::new(&location, &protocols).expect("valid")
        } else {
            WebSocketCore::accepted("chat", "")
        };
        if flags & 4 != 0 {
            core.set_max_buffered_amount(u64::from(flags) << 4);
        }
        Self {
            state: core.ready_state(),
            core,
            queued: VecDeque::new(),
            close_left: false,
            unwritten: 0,
            lost: 0,
            received: VecDeque::new(),
            last: None,
            opened: 0,
            closed: 0,
            errors: 0,
        }
    }

    fn act(&mut self, op: u8, how: u8) {
        let core = &mut self.core;
        match op & 15 {
            0 | 1 => {
                let message = payload(how & 1 == 0, payload_len(how), op);
                let before = core.ready_state();
                let sent = core.send(message.clone());
                assert_eq!(sent.is_err(), before == State::Connecting);
                assert!(matches!(sent, Ok(()) | Err(DomError::InvalidStateError)));
                match (before, core.ready_state()) {
                    (State::Open, State::Open) => self.queued.push_back(message),
                    (State::Open, _) => {
                        assert!(core.is_full());
                        self.lost += message.len() as u64;
                    }
                    (State::Connecting, _) => {}
                    _ => self.lost += message.len() as u64,
                }
                self.state = core.ready_state();
            }
            2 => {
                let code = [
                    None,
                    Some(1000),
                    Some(3000 + u16::from(how)),
                    Some(u16::from(how)),
                ];
                let _ = core.close(code[usize::from(how & 3)], "bye");
                self.state = core.ready_state();
            }
            3 | 4 => match core.next_outgoing(how & 1 == 0) {
                Some(Outgoing::Message(message)) => {
                    assert!(!self.close_left, "a message behind the Close");
                    assert_eq!(how & 1, 0, "a message that was not asked for");
                    self.unwritten += message.len() as u64;
                    assert_eq!(self.queued.pop_front(), Some(message));
                }
                Some(Outgoing::Close(_)) => {
                    assert!(!self.close_left && self.queued.is_empty());
                    self.close_left = true;
                }
                None => {}
            },
            5 => {
                self.unwritten -= self.unwritten.min(u64::from(how) << (op >> 4));
                core.set_unwritten(self.unwritten);
            }
            6 => {
                let protocol = (how & 1 != 0).then_some("chat");
                let _ = core.receive_open(protocol, String::new());
            }
            7 | 8 => {
                let message = payload(how & 1 == 0, payload_len(how), op);
                if matches!(core.ready_state(), State::Connecting | State::Open) {
                    self.received.push_back(message.clone());
                }
                core.receive_message(message);
            }
            9 => core.receive_closing(),
            10 => core.receive_closed(&status(how)),
            11 => core.fail(),
            12 => core.set_binary_type(if how & 1 == 0 {
                BinaryType::Blob
            } else {
                BinaryType::ArrayBuffer
            }),
            _ => {
                self.fire();
            }
        }
    }

    /// Runs the next event.
    fn fire(&mut self) -> bool {
        let Some(event) = self.core.next_event() else {
            return false;
        };
        assert_eq!(self.closed, 0, "{event:?} after close");
        if self.errors > 0 {
            assert!(
                matches!(event, Event::Close(_)),
                "{event:?} between error and close"
            );
        }
        match &event {
            Event::Open(_) => {
                self.opened += 1;
                assert_eq!(self.state, State::Connecting);
            }
            Event::Message(message) => {
                assert_eq!(self.core.ready_state(), State::Open);
                // Those before it came while the socket was not open.
                let at = (self.received.iter())
                    .position(|it| it.as_bytes() == message.data.as_bytes())
                    .expect("a message that nobody received");
                self.received.drain(..=at);
            }
            Event::Error(_) => {
                self.errors += 1;
                assert_eq!(self.core.ready_state(), State::Closed);
            }
            Event::Close(close) => {
                self.closed += 1;
                assert_eq!(self.core.ready_state(), State::Closed);
                assert!(!close.was_clean || close.code != 1006);
            }
        }
        self.last = Some(event);
        true
    }

    fn check(&mut self) {
        let core = &self.core;
        assert!(core.ready_state() >= self.state, "the state fell");
        self.state = core.ready_state();
        let queued: u64 = self.queued.iter().map(|message| message.len() as u64).sum();
        assert_eq!(core.unwritten_amount(), queued + self.unwritten);
        assert_eq!(core.buffered_amount(), queued + self.unwritten + self.lost);
    }

    fn finish(mut self) {
        self.core.fail();
        assert!(self.core.has_ended());
        assert_eq!(self.core.next_outgoing(true), None);
        while self.fire() {
            self.check();
        }
        assert_eq!(self.closed, 1);
        assert!(self.opened <= 1 && self.errors <= 1);
        assert!(matches!(self.last, Some(Event::Close(_))));
        assert_eq!(self.core.ready_state(), State::Closed);
    }
}

/// How an endpoint may say that it ended.
fn status(how: u8) -> CloseStatus {
    let mut status = CloseStatus::default();
    if how & 1 != 0 {
        status.sent = Some(1000.into());
    }
    if how & 2 != 0 {
        status.received = Some(CloseFrame::new(4000.into(), "bye"));
    }
    status.clean = how & 3 == 3;
    status.error = [
        None,
        Some(Error::Eof),
        Some(Error::Timeout(Timeout::Close)),
        Some(Error::Protocol(ProtocolError::InvalidUtf8)),
    ][usize::from(how >> 2 & 3)];
    status
}
