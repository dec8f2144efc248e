//! One end of a conversation: what it does, hears and says, and the bytes on their way to it.

use std::{collections::VecDeque, fmt::Write as _, sync::Arc};

use bytes::Bytes;
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Message, Part, Role, State,
    endpoint::{Endpoint, EndpointEvent, MessageKind},
    proto::{
        Compress, Instant, Prepared, SendOptions,
        handshake::{Accept, ClientRequest},
    },
};

use super::common::{self, Random};

/// What two ends may come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Limits that nobody reaches, no deadlines, a transport that keeps all: everything arrives.
    Calm,
    /// Limits at random, deadlines, and a transport that may break.
    Wild,
}

/// One end, all that it said and heard, and the bytes on their way to it.
pub(crate) struct Side {
    pub(crate) role: Role,
    pub(crate) endpoint: Endpoint,
    pub(crate) wire: VecDeque<u8>,
    /// Whether the bytes on the wire are the last.
    pub(crate) ends: bool,
    pub(crate) heard_end: bool,
    /// Whether the transport holds the wire up.
    pub(crate) held_up: bool,
    pub(crate) undecided: bool,
    pub(crate) opened: u32,
    pub(crate) terminal: Option<CloseStatus>,
    pub(crate) sent: Vec<Message<'static>>,
    pub(crate) received: Vec<Message<'static>>,
    /// The message that is sent, or comes, in parts.
    pub(crate) sending: Option<Message<'static>>,
    pub(crate) coming: Option<Message<'static>>,
    pub(crate) pings_sent: u64,
    pub(crate) pings_heard: u64,
    pub(crate) pong_heard: u64,
    pub(crate) deadline: Option<Instant>,
}

impl Side {
    pub(crate) fn new(role: Role, config: &Arc<Config>, seed: u64) -> Self {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&seed.to_le_bytes());
        let request = ClientRequest::new("example.com", "/").unwrap();
        Self {
            role,
            endpoint: match role {
                Role::Client => Endpoint::client(&request, config, entropy),
                Role::Server => Endpoint::server(config),
            },
            wire: VecDeque::new(),
            ends: false,
            heard_end: false,
            held_up: false,
            undecided: false,
            opened: 0,
            terminal: None,
            sent: Vec::new(),
            received: Vec::new(),
            sending: None,
            coming: None,
            pings_sent: 0,
            pings_heard: 0,
            pong_heard: 0,
            deadline: None,
        }
    }

    /// Takes at most `most` bytes from the wire, and then its end.
    pub(crate) fn receive(&mut self, most: usize) -> bool {
        if self.held_up {
            return false;
        }
        let n = most.min(self.wire.len());
        let mut bytes: Vec<u8> = self.wire.drain(..n).collect();
        let mut input = &mut bytes[..];
        self.listen(&mut input);
        let rest = input.len();
        for byte in input.iter().rev() {
            self.wire.push_front(*byte);
        }
        if self.wire.is_empty() && self.ends && !self.heard_end {
            self.heard_end = true;
            self.endpoint.receive_eof();
            self.listen(&mut &mut [][..]);
            return true;
        }
        n > rest
    }

    fn listen(&mut self, input: &mut &mut [u8]) {
        while let Some(event) = self.endpoint.receive(input) {
            assert!(self.terminal.is_none(), "after the end: {event:?}");
            match event {
                EndpointEvent::Request(_) => self.undecided = true,
                EndpointEvent::Open(_) => {
                    self.opened += 1;
                    assert_eq!(self.opened, 1);
                }
                EndpointEvent::Event(event) => {
                    assert_eq!(self.opened, 1, "{event:?}");
                    match event {
                        Event::Message(message) => {
                            assert!(self.coming.is_none());
                            self.received.push(message.into_owned());
                        }
                        Event::Part(part) => {
                            let joined = join(self.coming.take(), part.data.into_owned());
                            if part.last {
                                self.received.push(joined);
                            } else {
                                self.coming = Some(joined);
                            }
                        }
                        // Those without a number are keep-alive.
                        Event::Ping(payload) if !payload.is_empty() => {
                            self.pings_heard += 1;
                            assert_eq!(*payload, self.pings_heard.to_be_bytes(), "a Ping");
                        }
                        Event::Pong(payload) if !payload.is_empty() => {
                            let number = u64::from_be_bytes((*payload).try_into().unwrap());
                            assert!(number > self.pong_heard, "Pong {number} is late");
                            assert!(number <= self.pings_sent, "Pong {number} to no Ping");
                            self.pong_heard = number;
                        }
                        Event::Ping(_) | Event::Pong(_) | Event::Close(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                EndpointEvent::Refused(refusal) => panic!("{refusal:?}"),
                EndpointEvent::Closed(status) => self.terminal = Some(status),
            }
        }
    }

    /// Writes at most `most` bytes to the wire of `other`; once all is written at the end, ends it.
    pub(crate) fn write(&mut self, most: usize, other: &mut Self) -> bool {
        let mut written = Vec::<u8>::new();
        for chunk in self.endpoint.outbox().chunks() {
            let room = most - written.len();
            written.extend(&chunk[..chunk.len().min(room)]);
        }
        self.endpoint.outbox().consume(written.len());
        let over = self.endpoint.is_finished() && !self.endpoint.wants_write();
        let news = !written.is_empty() || (over && !other.ends);
        // Whoever has heard the end of the other hears nothing more.
        if !other.ends {
            other.wire.extend(written);
            other.ends = over;
        }
        news
    }

    pub(crate) fn tell(&mut self, now: Instant) {
        self.deadline = self.endpoint.handle_timeout(now);
        self.listen(&mut &mut [][..]);
        assert!(
            self.deadline.is_none_or(|deadline| deadline > now),
            "a deadline that has passed: it would be called again and again"
        );
    }

    /// Does one of the things that a program may do.
    pub(crate) fn act(&mut self, random: &mut Random, mood: Mood) {
        if self.undecided {
            if random.once_in(3) {
                self.accept();
            }
            return;
        }
        let message = message(random);
        let compress = *random.pick(&[Compress::Auto, Compress::Never, Compress::Always]);
        let options = SendOptions::from(compress);
        let room = self.endpoint.can_send();
        let endpoint = &mut self.endpoint;
        let sent = match random.within(0..16) {
            0..=2 => endpoint.send(&message),
            3 => endpoint.send(message.clone()),
            4 => endpoint.send_with(&message, options),
            5 => endpoint.send_prepared(&match &message {
                Message::Text(text) => Prepared::new(&**text),
                Message::Binary(data) => Prepared::new(&**data),
            }),
            6 => {
                let kind = match message {
                    Message::Text(_) => MessageKind::Text,
                    Message::Binary(_) => MessageKind::Binary,
                };
                endpoint.send_bytes(kind, Bytes::from(message.clone().into_bytes()))
            }
            7..=10 => {
                self.send_part(random, message);
                return;
            }
            11..=13 => {
                let number = self.pings_sent + 1;
                if endpoint.ping(&number.to_be_bytes()).is_ok() {
                    self.pings_sent = number;
                }
                return;
            }
            14 => {
                let _ = endpoint.pong(b"");
                return;
            }
            _ => {
                let often = if mood == Mood::Calm { 400 } else { 150 };
                if random.once_in(often) {
                    let code = CloseCode::new(3000 + random.within(0..2_000) as u16);
                    let _ = endpoint.close(Some(&CloseFrame::new(code, "enough")));
                }
                return;
            }
        };
        match sent {
            Ok(()) => {
                assert!(room && self.sending.is_none());
                self.sent.push(message);
            }
            Err(error) => assert!(!room || self.sending.is_some(), "{error:?}"),
        }
    }

    fn send_part(&mut self, random: &mut Random, message: Message<'static>) {
        let data = match (&self.sending, message) {
            (Some(Message::Text(_)), Message::Binary(_)) => Message::from("text"),
            (Some(Message::Binary(_)), other) => Message::from(other.into_bytes()),
            (_, message) => message,
        };
        let last = random.once_in(3);
        let part = Part { data, last };
        if self.endpoint.send_part(part.clone()).is_ok() {
            let joined = join(self.sending.take(), part.data);
            if last {
                self.sent.push(joined);
            } else {
                self.sending = Some(joined);
            }
        }
    }

    pub(crate) fn accept(&mut self) {
        // It may have ended meanwhile.
        let _ = self.endpoint.accept(&Accept::new());
        self.undecided = false;
        self.listen(&mut &mut [][..]);
    }

    /// Tries what must not work any more.
    pub(crate) fn check_ended(&mut self) {
        let status = self.terminal.clone().expect("an end");
        assert!(self.endpoint.is_finished() && self.endpoint.has_said_all());
        assert_eq!(self.endpoint.state(), State::Closed);
        assert_eq!(self.endpoint.close_status(), Some(&status));
        assert!(!self.endpoint.wants_write() && !self.endpoint.can_send());
        assert_eq!(
            status.clean,
            status.received.is_some() && status.sent.is_some() && {
                // Clean is to have exchanged both, before anything failed.
                status.error.is_none()
            }
        );
        assert!(self.endpoint.send("late").is_err());
        let mut late = *b"\x81\x00\x83";
        self.listen(&mut &mut late[..]);
        assert_eq!(self.endpoint.handle_timeout(common::at(1 << 30)), None);
        self.endpoint.receive_eof();
        self.listen(&mut &mut [][..]);
        assert!(!self.endpoint.wants_write());
    }
}

fn join(begun: Option<Message<'static>>, more: Message<'static>) -> Message<'static> {
    match (begun, more) {
        (None, more) => more,
        (Some(Message::Text(begun)), Message::Text(more)) => (begun.into_owned() + &more).into(),
        (Some(Message::Binary(begun)), Message::Binary(more)) => {
            [&begun[..], &more].concat().into()
        }
        _ => panic!("a part of another kind"),
    }
}

/// Mostly small, sometimes above what is encoded at once; some of it can be compressed.
fn message(random: &mut Random) -> Message<'static> {
    let len = match random.within(0..200) {
        0 => random.within(65_000..140_000),
        1..=9 => random.within(1_000..9_000),
        10..=40 => 0,
        _ => random.within(0..300),
    };
    if random.once_in(2) {
        let word = random.text(7);
        let mut text = String::new();
        while text.len() < len {
            write!(text, "{word}{}", random.within(0..10)).unwrap();
        }
        text.into()
    } else if random.once_in(3) {
        random.bytes(len).into()
    } else {
        vec![random.within(0..255) as u8; len].into()
    }
}
