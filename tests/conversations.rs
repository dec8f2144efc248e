//! Long conversations of two endpoints that do whatever they may, over a transport that cuts their
//! bytes anywhere, holds them up and breaks, by a clock that is made up. Every seed is one of them,
//! the same in each run.
//!
//! Both keep to the protocol, so neither may find the other at fault, but for a limit that was set
//! too low; what arrives is what was sent, in order, up to where it ended; there is one end, and
//! nothing behind it; nobody asks to be called again at once.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::{collections::VecDeque, fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{ROLES, Random};
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Message, Part, ProtocolError, Role, State,
    endpoint::{Endpoint, EndpointEvent, MessageKind},
    proto::{
        Budget, Compress, Error, Instant, Prepared, SendOptions,
        handshake::{Accept, ClientRequest},
    },
};

/// What two ends may come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Limits that nobody reaches, no deadlines, a transport that keeps all: everything arrives.
    Calm,
    /// Limits at random, deadlines, and a transport that may break.
    Wild,
}

/// One end, all that it said and heard, and the bytes on their way to it.
struct Side {
    role: Role,
    endpoint: Endpoint,
    wire: VecDeque<u8>,
    /// Whether the bytes on the wire are the last.
    ends: bool,
    heard_end: bool,
    /// Whether the transport holds the wire up.
    held_up: bool,
    undecided: bool,
    opened: u32,
    terminal: Option<CloseStatus>,
    sent: Vec<Message<'static>>,
    received: Vec<Message<'static>>,
    /// The message that is sent, or comes, in parts.
    sending: Option<Message<'static>>,
    coming: Option<Message<'static>>,
    pings_sent: u64,
    pings_heard: u64,
    pong_heard: u64,
    deadline: Option<Instant>,
}

impl Side {
    fn new(role: Role, config: &Arc<Config>, seed: u64) -> Self {
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
    fn receive(&mut self, most: usize) -> bool {
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
    fn write(&mut self, most: usize, other: &mut Self) -> bool {
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

    fn tell(&mut self, now: Instant) {
        self.deadline = self.endpoint.handle_timeout(now);
        self.listen(&mut &mut [][..]);
        assert!(
            self.deadline.is_none_or(|deadline| deadline > now),
            "a deadline that has passed: it would be called again and again"
        );
    }

    /// Does one of the things that a program may do.
    fn act(&mut self, random: &mut Random, mood: Mood) {
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

    fn accept(&mut self) {
        // It may have ended meanwhile.
        let _ = self.endpoint.accept(&Accept::new());
        self.undecided = false;
        self.listen(&mut &mut [][..]);
    }

    /// Tries what must not work any more.
    fn check_ended(&mut self) {
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

fn config(random: &mut Random, mood: Mood) -> Config {
    let mut config = Config::default()
        .streaming(random.once_in(2))
        .fragment_size(*random.pick(&[700, 5_000, 64 << 10, usize::MAX]))
        .high_water_mark(*random.pick(&[1, 100, 5_000, 100_000, 256 << 10]));
    #[cfg(feature = "deflate")]
    if random.once_in(2) {
        let bits = |random: &mut Random| random.within(9..16) as u8;
        let deflate = sansock::DeflateConfig::new()
            .level(*random.pick(&[1, 5, 9]))
            .mem_level(*random.pick(&[1, 7, 9]))
            .threshold(*random.pick(&[0, 100, 1_000]))
            .server_no_context_takeover(random.once_in(2))
            .client_no_context_takeover(random.once_in(2))
            .server_max_window_bits(bits(random))
            .client_max_window_bits(bits(random))
            .fallback_offer(random.once_in(2))
            .release_after(random.once_in(2).then_some(Duration::from_millis(300)))
            .pool_size(random.within(0..3));
        config = config.deflate(Some(deflate));
    }
    let endless = Budget {
        burst: u32::MAX,
        per_second: 0,
    };
    config = config.control_budget(endless).tiny_budget(endless);
    if mood == Mood::Calm {
        let never = config.ping_interval(None).message_timeout(None);
        let never = never.close_timeout(None).write_timeout(None);
        return never
            .handshake_timeout(None)
            .max_fragments(u32::MAX)
            .max_message_size(1 << 30)
            .max_frame_size(1 << 30);
    }
    let mut seconds = |most| {
        let some = !random.once_in(3);
        some.then(|| Duration::from_millis(random.within(1..most) as u64))
    };
    config = config
        .ping_interval(seconds(20_000))
        .pong_timeout(seconds(20_000))
        .idle_timeout(seconds(60_000))
        .message_timeout(seconds(30_000))
        .close_timeout(seconds(5_000))
        .write_timeout(seconds(30_000))
        .handshake_timeout(seconds(10_000));
    let budget = |random: &mut Random| Budget {
        burst: *random.pick(&[20, 500, u32::MAX, u32::MAX]),
        per_second: *random.pick(&[0, 10, 1_000]),
    };
    config
        .max_message_size(*random.pick(&[400, 10_000, 200_000, 16 << 20, 16 << 20]))
        .max_frame_size(*random.pick(&[10_000, 200_000, u64::MAX, u64::MAX]))
        .max_fragments(*random.pick(&[5, 200, 131_072, 131_072]))
        .control_budget(budget(random))
        .tiny_budget(budget(random))
        .min_message_rate(*random.pick(&[0, 1_024, u32::MAX]))
}

/// Two ends and what is between them.
struct Conversation {
    sides: [Side; 2],
    random: Random,
    now: Instant,
    mood: Mood,
    /// Whether bytes were lost.
    broken: bool,
}

impl Conversation {
    fn new(seed: u64, mood: Mood) -> Self {
        let mut random = Random::new(seed);
        let sides = ROLES.map(|role| Side::new(role, &Arc::new(config(&mut random, mood)), seed));
        Self {
            sides,
            random,
            now: Instant::ZERO,
            mood,
            broken: false,
        }
    }

    fn step(&mut self) {
        let Self { sides, random, .. } = self;
        let [one, other] = sides;
        let (one, other) = if random.once_in(2) {
            (one, other)
        } else {
            (other, one)
        };
        let most = *random.pick(&[1, 2, 14, 100, 3_000, 100_000]);
        match random.within(0..20) {
            0..=6 => one.act(random, self.mood),
            7..=11 => {
                one.write(most, other);
            }
            12..=16 => {
                one.receive(most);
            }
            17 => one.tell(self.now),
            18 => {
                let millis = *random.pick(&[0, 1, 30, 700]);
                self.now = self.now + Duration::from_millis(millis);
                one.tell(self.now);
            }
            _ if self.mood == Mood::Wild && random.once_in(40) => {
                // To the next deadline of this end, however far that is.
                self.now = self.now.max(one.deadline.unwrap_or(self.now));
                one.tell(self.now);
            }
            _ if self.mood == Mood::Wild && random.once_in(300) => self.break_transport(),
            _ => one.held_up = random.once_in(4),
        }
    }

    /// The transport breaks: of what is on its way each end gets some, and the end.
    fn break_transport(&mut self) {
        self.broken = true;
        for side in &mut self.sides {
            let kept = self.random.within(0..side.wire.len() + 1);
            side.wire.truncate(kept);
            side.ends = true;
        }
    }

    /// Carries everything, and time, until both have ended.
    fn finish(&mut self) {
        for side in &mut self.sides {
            side.held_up = false;
        }
        for _ in 0..100_000 {
            let mut moved = false;
            for turn in 0..2 {
                let [one, other] = &mut self.sides;
                let (one, other) = if turn == 0 {
                    (one, other)
                } else {
                    (other, one)
                };
                if one.undecided {
                    one.accept();
                    moved = true;
                }
                moved |= one.write(usize::MAX, other);
                moved |= other.receive(usize::MAX);
                one.tell(self.now);
            }
            if moved {
                continue;
            }
            if self.sides.iter().all(|side| side.terminal.is_some()) {
                return;
            }
            let chosen = self.random.within(0..2);
            let side = &mut self.sides[chosen];
            if side.endpoint.state() == State::Open {
                let _ = side
                    .endpoint
                    .close(Some(&CloseFrame::new(CloseCode::NORMAL, "")));
                continue;
            }
            let next = self.sides.iter().filter_map(|side| side.deadline).min();
            self.now = self.now.max(next.unwrap_or(self.now));
            let stuck = next.is_none()
                && self
                    .sides
                    .iter()
                    .all(|it| it.endpoint.state() != State::Open);
            assert!(!stuck, "nobody waits for anything, and it is not over");
        }
        panic!("it does not end");
    }

    fn check(&mut self) {
        for turn in 0..2 {
            let [one, other] = &mut self.sides;
            let (one, other) = if turn == 0 {
                (one, other)
            } else {
                (other, one)
            };
            let status = one.terminal.clone().expect("an end");
            let (sent, received) = (&one.sent, &other.received);
            assert!(received.len() <= sent.len());
            for (index, (sent, received)) in sent.iter().zip(received).enumerate() {
                assert!(
                    sent == received,
                    "message {index}: {sent:?} as {received:?}"
                );
            }
            assert!(other.pings_heard <= one.pings_sent);
            match status.error {
                None | Some(Error::Timeout(_) | Error::Eof) => {}
                Some(Error::Protocol(error)) => assert!(
                    matches!(
                        error,
                        ProtocolError::FrameTooLarge
                            | ProtocolError::MessageTooLarge
                            | ProtocolError::TooManyFragments
                            | ProtocolError::TooManyControlFrames
                            | ProtocolError::TooManyTinyFrames
                    ),
                    "a {:?} finds an honest end at fault: {error:?}",
                    one.role
                ),
                // The transport broke, or time was up, before it was open.
                Some(Error::Handshake(_)) => assert!(one.opened == 0 && self.mood == Mood::Wild),
                Some(error) => panic!("{error:?}"),
            }
            if self.mood == Mood::Calm {
                assert!(status.clean, "{:?}: {status:?}", one.role);
                assert_eq!(sent.len(), received.len(), "all arrives");
                assert_eq!(other.pings_heard, one.pings_sent);
                assert_eq!(one.pong_heard, one.pong_heard.min(one.pings_sent));
            } else if status.clean && !self.broken && other.terminal.as_ref().unwrap().clean {
                assert_eq!(
                    sent.len(),
                    received.len(),
                    "both were clean, and all arrives"
                );
            }
            one.check_ended();
        }
    }
}

/// What came of many conversations.
#[derive(Debug, Default)]
struct Tally {
    messages: usize,
    bytes: usize,
    pings: u64,
    clean: usize,
    failed: usize,
    timed_out: usize,
    cut: usize,
}

fn converse(seeds: std::ops::Range<u64>, mood: Mood, steps: usize) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        // The seed is printed with whatever fails.
        println!("seed {seed}");
        let mut conversation = Conversation::new(seed, mood);
        for _ in 0..steps {
            conversation.step();
            if conversation
                .sides
                .iter()
                .all(|side| side.terminal.is_some())
            {
                break;
            }
        }
        conversation.finish();
        conversation.check();
        for side in &conversation.sides {
            tally.messages += side.received.len();
            tally.bytes += side.received.iter().map(Message::len).sum::<usize>();
            tally.pings += side.pings_heard;
            match side.terminal.as_ref().unwrap().error {
                None => tally.clean += 1,
                Some(Error::Protocol(_)) => tally.failed += 1,
                Some(Error::Timeout(_)) => tally.timed_out += 1,
                _ => tally.cut += 1,
            }
        }
    }
    tally
}

#[test]
fn a_calm_conversation_arrives_whole_and_ends_cleanly() {
    let tally = converse(0..24, Mood::Calm, 4_000);
    assert_eq!(
        (tally.clean, tally.failed + tally.timed_out + tally.cut),
        (48, 0)
    );
    assert!(tally.messages > 4_000 && tally.bytes > 1 << 20, "{tally:?}");
    assert!(tally.pings > 2_000, "{tally:?}");
}

#[test]
fn a_wild_conversation_is_true_up_to_its_end() {
    let tally = converse(1_000..1_400, Mood::Wild, 3_000);
    assert!(tally.messages > 4_000 && tally.pings > 1_000, "{tally:?}");
    // Every way to end is among them.
    for many in [tally.clean, tally.failed, tally.timed_out, tally.cut] {
        assert!(many > 20, "{tally:?}");
    }
}
