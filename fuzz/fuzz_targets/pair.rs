//! A client and a server joined by two byte queues and a made-up clock, driven by a script.
//!
//! What one end sent arrives whole and in order; each end says exactly one last thing, last; the
//! amount buffered is what was sent less what was written; no byte breaks a rule; both agree on
//! how it ended.
#![no_main]
#![forbid(unsafe_code)]

use std::{borrow::Cow, sync::Arc, time::Duration};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sansock::{
    CloseFrame, Config, Endpoint, EndpointEvent, Event, Message, Part, Prepared, Role, SendError,
    State,
    endpoint::MessageKind,
    proto::{
        Error, HandshakeError, Instant,
        handshake::{Accept, ClientRequest, Reject},
    },
};
use sansock_fuzz::{
    Frames, SEED, payload,
    script::{amount, millis, payload_len},
};

fuzz_target!(|script: Script| {
    let mut pair = Pair::new(&script);
    for step in &script.steps {
        pair.act(*step);
    }
    pair.finish();
});

/// The most steps: fewer Pings than the peer's budget allows.
const STEPS: usize = 250;

#[derive(Debug)]
struct Script {
    flags: u8,
    mark: u8,
    fragment: u8,
    steps: Vec<Step>,
}

/// What happens at which end.
#[derive(Clone, Copy, Debug)]
struct Step {
    client: bool,
    op: Op,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Send {
        way: Way,
        text: bool,
        len: usize,
    },
    Part {
        unlimited: bool,
        text: bool,
        last: bool,
        len: usize,
    },
    Ping {
        len: usize,
    },
    Pong {
        len: usize,
    },
    Close {
        code: u16,
        len: usize,
    },
    Eof,
    Advance {
        millis: u64,
    },
    /// Goes to this end's next deadline.
    Wait,
    /// Moves bytes from the outbox to the wire.
    Write {
        n: usize,
    },
    /// Moves bytes from the wire to this end.
    Deliver {
        n: usize,
    },
    Decide {
        accept: bool,
    },
    /// Carries everything there is, both ways.
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Send,
    Unlimited,
    Prepared,
    Bytes,
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (flags, mark, fragment) = Arbitrary::arbitrary(u)?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < STEPS {
            steps.push(Step::arbitrary(u)?);
        }
        Ok(Self {
            flags,
            mark,
            fragment,
            steps,
        })
    }
}

/// A byte that says what, and one or two that say how much.
impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let what = u8::arbitrary(u)?;
        let mut byte = || u8::arbitrary(u);
        let text = what & 0x40 != 0;
        let op = match what & 0x1F {
            way @ 0..6 => Op::Send {
                way: match way {
                    0..=2 => Way::Send,
                    3 => Way::Unlimited,
                    4 => Way::Prepared,
                    _ => Way::Bytes,
                },
                text,
                len: payload_len(byte()?),
            },
            way @ 6..11 => Op::Part {
                unlimited: way == 10,
                text,
                last: way & 1 != 0,
                len: payload_len(byte()?),
            },
            11..13 => Op::Ping {
                len: usize::from(byte()?),
            },
            13 => Op::Pong {
                len: usize::from(byte()?),
            },
            14 => Op::Close {
                code: 995 + u16::from(byte()?) % 20 + if text { 2_000 } else { 0 },
                len: usize::from(byte()?),
            },
            15 => Op::Eof,
            16 => Op::Advance {
                millis: millis(byte()?),
            },
            17 => Op::Wait,
            18 => Op::Decide {
                accept: byte()? != 0,
            },
            19..25 => Op::Write { n: amount(byte()?) },
            25..31 => Op::Deliver { n: amount(byte()?) },
            _ => Op::Settle,
        };
        Ok(Self {
            client: what & 0x80 != 0,
            op,
        })
    }
}

struct Pair {
    client: End,
    server: End,
    now: Instant,
    direct: bool,
    tag: u8,
}

/// One end and all that is known of it.
struct End {
    endpoint: Endpoint,
    /// Written and not yet delivered.
    wire: Vec<u8>,
    /// The beginning of what was written, until its blank line.
    head: Option<Vec<u8>>,
    frames: Frames,
    sent: Vec<Message<'static>>,
    sent_len: usize,
    sent_pings: Vec<Vec<u8>>,
    /// The parts of the message that is being sent.
    sent_part: Option<Message<'static>>,
    close: Option<CloseFrame<'static>>,
    received: Vec<Message<'static>>,
    received_pings: Vec<Vec<u8>>,
    received_part: Option<Message<'static>>,
    /// What is longer may wait unencoded.
    small: usize,
    /// Whether something may wait unencoded, to be dropped at the end.
    may_queue: bool,
    /// Whether something may have been dropped.
    may_lack: bool,
    asked: bool,
    opened: bool,
    got_close: bool,
    said_all: bool,
    eof: bool,
    deadline: Option<Instant>,
}

impl Pair {
    fn new(script: &Script) -> Self {
        let flags = script.flags;
        let mut config = Config::default().streaming(flags & 1 != 0);
        let mut fragment = 64 << 10;
        if flags & 2 != 0 {
            config = config.high_water_mark(usize::from(script.mark) * 8);
        }
        if flags & 4 != 0 {
            // No fragment counts as tiny.
            fragment = 64 + usize::from(script.fragment) * 300;
            config = config.fragment_size(fragment);
        }
        if flags & 8 != 0 {
            config = config.idle_timeout(Some(Duration::from_secs(100)));
        }
        let config = Arc::new(config);
        let request = ClientRequest::new("example.com", "/").expect("valid");
        let mut client = End::new(Role::Client, Endpoint::client(&request, &config, SEED));
        let mut server = End::new(Role::Server, Endpoint::server(&config));
        for end in [&mut client, &mut server] {
            end.may_queue = flags & 2 != 0;
            end.small = end.small.min(fragment);
        }
        let mut pair = Self {
            client,
            server,
            now: Instant::ZERO,
            direct: flags & 16 != 0,
            tag: 0,
        };
        pair.tell();
        if flags & 32 == 0 {
            pair.carry();
            pair.server.decide(true);
            pair.carry();
            assert!(pair.client.opened && pair.server.opened);
        }
        pair
    }

    fn act(&mut self, Step { client, op }: Step) {
        self.tag = self.tag.wrapping_add(1);
        let (end, peer) = if client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        };
        match op {
            Op::Send { way, text, len } => end.send(way, payload(text, len, self.tag)),
            Op::Part {
                unlimited,
                text,
                last,
                len,
            } => end.send_part(unlimited, payload(text, len, self.tag), last),
            Op::Ping { len } => end.ping(len, self.tag),
            Op::Pong { len } => {
                let pong = end.endpoint.pong(payload(false, len, self.tag).as_bytes());
                end.check_control(pong, len);
            }
            Op::Close { code, len } => end.close(code, len),
            Op::Eof => end.receive_eof(),
            Op::Advance { millis } => {
                self.now = self.now + Duration::from_millis(millis);
                self.tell();
            }
            Op::Wait => {
                self.now = self.now.max(end.deadline.unwrap_or(self.now));
                self.tell();
            }
            Op::Write { n } => {
                end.write(n);
            }
            Op::Deliver { n } => {
                end.deliver(peer, n, self.direct);
            }
            Op::Decide { accept } => end.decide(accept),
            Op::Settle => self.carry(),
        }
        self.client.check();
        self.server.check();
    }

    fn tell(&mut self) {
        self.client.tell(self.now);
        self.server.tell(self.now);
    }

    /// Carries all there is; an end that has finished ends the transport.
    fn carry(&mut self) {
        let (client, server) = (&mut self.client, &mut self.server);
        loop {
            let mut moved = client.write(usize::MAX) | server.write(usize::MAX);
            moved |= client.deliver(server, usize::MAX, self.direct);
            moved |= server.deliver(client, usize::MAX, self.direct);
            moved |= client.receive_end_of(server);
            moved |= server.receive_end_of(client);
            if !moved {
                return;
            }
        }
    }

    /// Goes on to the end, which must come.
    fn finish(mut self) {
        self.carry();
        self.server.decide(true);
        self.carry();
        let _ = self.client.endpoint.close(None);
        for _ in 0..20 {
            self.carry();
            self.tell();
            self.carry();
            if self.client.said_all && self.server.said_all {
                break;
            }
            let deadline = self.client.deadline.into_iter().chain(self.server.deadline);
            let Some(deadline) = deadline.min() else {
                panic!("nothing to wait for, and not over");
            };
            self.now = self.now.max(deadline);
            self.tell();
        }
        let Self { client, server, .. } = &mut self;
        for end in [&mut *client, &mut *server] {
            assert!(end.said_all, "no end");
            assert!(end.endpoint.is_finished() && !end.endpoint.wants_read());
            assert!(!end.endpoint.wants_write() && end.frames.is_whole());
            assert_eq!(end.endpoint.buffered_amount(), 0);
            assert_eq!(end.endpoint.state(), State::Closed);
        }
        agree(client, server);
        agree(server, client);
    }
}

/// What `to` got of `from`.
fn agree(from: &End, to: &End) {
    assert!(from.sent.starts_with(&to.received), "not what was sent");
    assert!(from.sent_pings.starts_with(&to.received_pings));
    if to.got_close && !from.may_lack {
        assert_eq!(from.sent.len(), to.received.len(), "a message is lost");
    }
    let (Some(sent), Some(received)) = (from.endpoint.close_status(), to.endpoint.close_status())
    else {
        return;
    };
    assert!(!received.clean || received.error.is_none());
    assert_eq!(received.received.is_some(), to.got_close);
    if to.got_close {
        assert_eq!(sent.sent, Some(received.code()));
        let reason = from.close.as_ref().map_or("", |frame| &frame.reason);
        assert!(received.reason().is_empty() || received.reason() == reason);
    }
    if received.clean {
        assert!(to.got_close && received.sent.is_some());
    }
}

impl End {
    fn new(role: Role, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            wire: Vec::new(),
            head: Some(Vec::new()),
            frames: Frames::new(role),
            sent: Vec::new(),
            sent_len: 0,
            sent_pings: Vec::new(),
            sent_part: None,
            close: None,
            received: Vec::new(),
            received_pings: Vec::new(),
            received_part: None,
            small: 64 << 10,
            may_queue: false,
            may_lack: false,
            asked: false,
            opened: false,
            got_close: false,
            said_all: false,
            eof: false,
            deadline: None,
        }
    }

    /// Does what may end the connection, and takes note of what that may drop.
    fn guard<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> T {
        let was_finished = self.endpoint.is_finished();
        let waited = self.endpoint.wants_write();
        let result = call(self);
        if !was_finished && self.endpoint.is_finished() {
            // What was sent before the reply to a Close still leaves.
            self.may_lack |= waited && self.may_queue && !self.is_clean();
        }
        result
    }

    fn is_clean(&self) -> bool {
        let status = self.endpoint.close_status();
        status.is_some_and(|status| status.clean)
    }

    fn send(&mut self, way: Way, message: Message<'static>) {
        let can = self.endpoint.can_send();
        let sent = match way {
            Way::Send => self.endpoint.send(message.clone()),
            Way::Unlimited => self.endpoint.send_unlimited(&message),
            Way::Prepared => self.endpoint.send_prepared(&Prepared::new(message.clone())),
            Way::Bytes => {
                let kind = if message.is_text() {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                };
                let bytes = Bytes::from(message.clone().into_bytes());
                self.endpoint.send_bytes(kind, bytes)
            }
        };
        match sent {
            Ok(()) => {
                assert!(can || matches!(way, Way::Unlimited));
                assert!(self.sent_part.is_none());
                self.took(message.len());
                self.sent.push(message);
            }
            Err(SendError::MessageUnfinished) => assert!(self.sent_part.is_some()),
            Err(error) => self.check_refusal(error, can),
        }
    }

    fn send_part(&mut self, unlimited: bool, data: Message<'static>, last: bool) {
        let can = self.endpoint.can_send();
        let part = Part {
            data: data.clone(),
            last,
        };
        let sent = if unlimited {
            self.endpoint.send_part_unlimited(part)
        } else {
            self.endpoint.send_part(part)
        };
        match sent {
            Ok(()) => {
                assert!(can || unlimited);
                self.took(data.len());
                let joined = join(self.sent_part.take(), data);
                if last {
                    self.sent.push(joined);
                } else {
                    self.sent_part = Some(joined);
                }
            }
            Err(SendError::PartKind) => {
                let before = self.sent_part.as_ref().expect("parts before");
                assert_ne!(before.is_text(), data.is_text());
            }
            Err(error) => self.check_refusal(error, can),
        }
    }

    fn took(&mut self, len: usize) {
        self.sent_len += len;
        self.may_queue |= len > self.small;
    }

    fn check_refusal(&self, error: SendError, can: bool) {
        assert!(!can, "{error} although it can");
        match error {
            SendError::NotOpen => assert_ne!(self.endpoint.state(), State::Open),
            SendError::Full => assert_eq!(self.endpoint.state(), State::Open),
            error => panic!("{error}"),
        }
    }

    fn ping(&mut self, len: usize, tag: u8) {
        let payload = payload(false, len, tag).into_bytes();
        let pinged = self.endpoint.ping(&payload);
        if pinged.is_ok() && len > 0 {
            self.sent_pings.push(payload);
        }
        self.check_control(pinged, len);
    }

    fn check_control(&self, sent: Result<(), SendError>, len: usize) {
        match sent {
            Ok(()) => assert!(len <= 125),
            Err(SendError::ControlTooLong) => assert!(len > 125),
            Err(SendError::NotOpen) => assert_ne!(self.endpoint.state(), State::Open),
            Err(error) => panic!("{error}"),
        }
    }

    fn close(&mut self, code: u16, len: usize) {
        let frame = (len < 250).then(|| CloseFrame::new(code.into(), "x".repeat(len)));
        let was_open = self.endpoint.state() == State::Open;
        match self.endpoint.close(frame.as_ref()) {
            Ok(()) => {
                assert!(was_open);
                assert_eq!(self.endpoint.state(), State::Closing);
                self.close = frame;
            }
            Err(SendError::NotOpen) => assert!(!was_open),
            Err(SendError::InvalidCloseCode(found)) => {
                assert!(found.get() == code && !found.is_sendable());
            }
            Err(SendError::CloseReasonTooLong) => assert!(len > CloseFrame::MAX_REASON_LEN),
            Err(error) => panic!("{error}"),
        }
    }

    fn decide(&mut self, accept: bool) {
        let undecided = self.asked && !self.opened && !self.endpoint.is_finished();
        let decided = if accept {
            self.endpoint.accept(&Accept::new())
        } else {
            self.endpoint.reject(&Reject::new(403).body("no"))
        };
        // Accepted and not yet said so is decided as well.
        assert!(decided.is_err() || undecided);
        if accept && decided.is_ok() {
            self.receive(&mut []);
            assert!(self.opened);
        }
        self.receive(&mut []);
    }

    fn tell(&mut self, now: Instant) {
        self.guard(|end| {
            end.deadline = end.endpoint.handle_timeout(now);
            assert!(end.deadline.is_none_or(|deadline| deadline > now));
            end.receive(&mut []);
        });
    }

    fn receive_eof(&mut self) {
        self.eof = true;
        self.guard(|end| {
            end.endpoint.receive_eof();
            end.receive(&mut []);
        });
        assert!(self.said_all);
    }

    /// The peer that has finished and written all ends the transport.
    fn receive_end_of(&mut self, peer: &Self) -> bool {
        let over = peer.endpoint.is_finished() && !peer.endpoint.wants_write();
        let ends = over && peer.wire.is_empty() && !self.eof;
        if ends {
            self.receive_eof();
        }
        ends
    }

    /// One vectored write of at most `n` bytes; whether there was anything.
    fn write(&mut self, n: usize) -> bool {
        let mut written = Vec::new();
        let outbox = self.endpoint.outbox();
        let mut chunks = 0;
        for chunk in outbox.chunks() {
            assert!(!chunk.is_empty());
            chunks += 1;
            written.extend_from_slice(&chunk[..chunk.len().min(n - written.len())]);
        }
        assert!(chunks <= 4);
        assert_eq!(
            outbox.is_empty(),
            chunks == 0,
            "nothing to write of what waits"
        );
        outbox.consume(written.len());
        self.wire.extend_from_slice(&written);
        self.read_back(&written);
        !written.is_empty()
    }

    /// Looks at what was written.
    fn read_back(&mut self, written: &[u8]) {
        let Some(head) = &mut self.head else {
            self.frames.take(written);
            return;
        };
        head.extend_from_slice(written);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = self.head.take().unwrap_or_default();
            // The body of a refusal is no frame.
            if !head.starts_with(b"HTTP/1.1 4") {
                self.frames.take(&head[end + 4..]);
            } else {
                self.head = Some(Vec::new());
            }
        }
    }

    /// At most `n` bytes of the wire; whether there were any.
    fn deliver(&mut self, from: &mut Self, n: usize, direct: bool) -> bool {
        if self.eof || from.wire.is_empty() {
            return false;
        }
        if !self.endpoint.wants_read() {
            let discards = self.endpoint.is_finished();
            if discards {
                from.wire.clear();
            }
            return discards;
        }
        let n = n.min(from.wire.len());
        let mut bytes = from.wire[..n].to_vec();
        let left = self.guard(|end| {
            let mut input = &mut bytes[..];
            while direct
                && !input.is_empty()
                && let Some((buffer, room)) = end.endpoint.direct()
            {
                let (front, rest) = input.split_at_mut(room.min(input.len()));
                buffer.extend_from_slice(front);
                let len = front.len();
                input = rest;
                if let Some(event) = end.endpoint.receive_direct(len) {
                    end.take(event);
                }
            }
            end.receive(input)
        });
        let kept = n - left;
        from.wire.drain(..kept);
        kept > 0
    }

    /// Receives until `None`; how much is left, which is only while a request is undecided.
    fn receive(&mut self, bytes: &mut [u8]) -> usize {
        let mut input = bytes;
        while let Some(event) = self.endpoint.receive(&mut input) {
            self.take(event);
        }
        let undecided = self.asked && !self.opened && !self.said_all;
        assert!(input.is_empty() || undecided, "`None`, and input is left");
        input.len()
    }

    fn take(&mut self, event: EndpointEvent<'_>) {
        assert!(!self.said_all, "{event:?} after the last");
        match event {
            EndpointEvent::Request(_) => {
                assert!(!self.asked && !self.opened);
                self.asked = true;
            }
            EndpointEvent::Open(_) => {
                assert!(!self.opened);
                self.opened = true;
            }
            EndpointEvent::Refused(refusal) => {
                assert_eq!((refusal.status(), refusal.body()), (403, &b"no"[..]));
                self.said_all = true;
            }
            EndpointEvent::Closed(status) => {
                assert_eq!(Some(&status), self.endpoint.close_status());
                match status.error {
                    None => assert!(status.clean),
                    Some(
                        Error::Eof
                        | Error::Timeout(_)
                        | Error::Refused(403)
                        | Error::Handshake(HandshakeError::Eof(_)),
                    ) => assert!(!status.clean),
                    Some(error) => panic!("{error}"),
                }
                self.said_all = true;
            }
            EndpointEvent::Event(event) => {
                assert!(self.opened && !self.got_close);
                self.take_event(event);
            }
        }
    }

    fn take_event(&mut self, event: Event<'_>) {
        match event {
            Event::Message(message) => self.received.push(message.into_owned()),
            Event::Part(part) => {
                let joined = join(self.received_part.take(), part.data.into_owned());
                if part.last {
                    self.received.push(joined);
                } else {
                    self.received_part = Some(joined);
                }
            }
            Event::Ping(payload) if !payload.is_empty() => {
                self.received_pings.push(payload.into_owned());
            }
            Event::Close(_) => self.got_close = true,
            _ => {}
        }
    }

    /// What holds between any two steps.
    fn check(&self) {
        let buffered = self.endpoint.buffered_amount();
        let model = self.sent_len - self.frames.data;
        if self.endpoint.is_finished() && !self.is_clean() {
            assert!(buffered <= model, "{buffered} of {model}");
        } else {
            assert_eq!(buffered, model, "the amount buffered");
        }
        assert_eq!(self.endpoint.has_said_all(), self.said_all);
        assert!(!self.said_all || self.endpoint.is_finished());
        if self.endpoint.can_send() {
            assert_eq!(self.endpoint.state(), State::Open);
        }
    }
}

fn join(before: Option<Message<'static>>, data: Message<'static>) -> Message<'static> {
    match (before, data) {
        (None, data) => data,
        (Some(Message::Text(text)), Message::Text(more)) => {
            Message::Text(Cow::Owned(text.into_owned() + &more))
        }
        (Some(Message::Binary(data)), Message::Binary(more)) => {
            let mut data = data.into_owned();
            data.extend_from_slice(&more);
            data.into()
        }
        (Some(_), _) => panic!("a part of another kind than its message"),
    }
}
