//! A connection from its first byte to its last: one order of events, and exactly one end.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/wire.rs"]
mod wire;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, ProtocolError, Role, SendError, State,
    Timeout,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        Connection, Error, HandshakeError, Instant,
        handshake::{Accept, AcceptError, ClientRequest, EofStage, Reject},
    },
};
use wire::{
    BINARY, CLOSE, PING, PONG, REQUEST, RESPONSE, Random, TEXT, at, behind_head, decode, frame,
    noise, response_to,
};

/// An endpoint, what it said, and the way to it.
struct End {
    endpoint: Endpoint,
    /// On the wire to this end.
    wire: VecDeque<u8>,
    said: Vec<String>,
    terminal: Option<Result<CloseStatus, u16>>,
}

impl End {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            wire: VecDeque::new(),
            said: Vec::new(),
            terminal: None,
        }
    }

    fn client() -> Self {
        let request = ClientRequest::new("server.example.com", "/chat").unwrap();
        Self::new(Endpoint::client(&request, &Arc::default(), [7; 32]))
    }

    fn server() -> Self {
        Self::new(Endpoint::server(&Arc::default()))
    }

    fn open(role: Role, config: &Config) -> Self {
        let config = Arc::new(config.clone());
        Self::new(Endpoint::from_connection(match role {
            Role::Client => Connection::client(&config, [7; 32]),
            Role::Server => Connection::server(&config),
        }))
    }

    /// Receives `bytes`, accepting a request at once; returns what must wait.
    fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.endpoint.receive(&mut input) {
            assert!(self.terminal.is_none(), "after the end: {event:?}");
            self.said.push(match event {
                EndpointEvent::Request(request) => {
                    self.endpoint.accept(&Accept::new()).unwrap();
                    format!("request {}", request.target())
                }
                EndpointEvent::Open(response) => format!("open {}", response.is_some()),
                EndpointEvent::Event(Event::Message(message)) => format!("{message:?}"),
                EndpointEvent::Event(event) => format!("{event:?}"),
                EndpointEvent::Refused(refusal) => {
                    self.terminal = Some(Err(refusal.status()));
                    format!("refused {}", refusal.body().escape_ascii())
                }
                EndpointEvent::Closed(status) => {
                    assert_eq!(self.endpoint.close_status(), Some(&status));
                    self.terminal = Some(Ok(status));
                    "closed".into()
                }
            });
        }
        input.to_vec()
    }

    fn eof(&mut self) {
        self.endpoint.receive_eof();
        self.receive(b"");
    }

    fn tell(&mut self, now: Instant) -> Option<Instant> {
        let deadline = self.endpoint.handle_timeout(now);
        self.receive(b"");
        deadline
    }

    fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        loop {
            let outbox = self.endpoint.outbox();
            let before = written.len();
            outbox.chunks().for_each(|chunk| written.extend(chunk));
            let len = written.len() - before;
            outbox.consume(len);
            if len == 0 {
                return written;
            }
        }
    }

    fn status(&self) -> &CloseStatus {
        match &self.terminal {
            Some(Ok(status)) => status,
            other => panic!("no end but {other:?} after {:?}", self.said),
        }
    }

    /// Ends with this, if it did not, and goes on trying: nothing may change any more.
    fn ended(&mut self) {
        assert!(self.terminal.is_some(), "{:?}", self.said);
        assert!(self.endpoint.is_finished() && self.endpoint.has_said_all());
        assert_eq!(self.endpoint.state(), State::Closed);
        assert!(!self.endpoint.wants_read());
        self.written();
        let said = self.said.len();
        assert!(self.receive(&frame(true, TEXT, b"more")).is_empty());
        self.eof();
        assert_eq!(self.tell(at(1 << 30)), None);
        assert_eq!(self.endpoint.send("no"), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.send(noise(70_000)), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.ping(b""), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.close(None), Err(SendError::NotOpen));
        assert_eq!(
            self.endpoint.accept(&Accept::new()),
            Err(AcceptError::NotUndecided)
        );
        assert!(!self.endpoint.can_send());
        assert!(self.endpoint.direct().is_none());
        assert!(self.endpoint.receive_direct(7).is_none());
        self.endpoint.recycle(vec![0; 100_000]);
        assert_eq!(self.said.len(), said, "after the end: {:?}", self.said);
        assert_eq!(self.written(), b"");
        assert!(!self.endpoint.wants_write());
        assert_eq!(self.endpoint.buffered_amount(), 0);
    }
}

/// Carries what waits to both sides, at most `most` bytes at once, until nothing moves.
fn exchange(one: &mut End, other: &mut End, mut most: impl FnMut() -> usize) {
    loop {
        let mut moved = false;
        for _ in 0..2 {
            other.wire.extend(one.written());
            std::mem::swap(one, other);
        }
        for end in [&mut *one, &mut *other] {
            let n = most().clamp(1, end.wire.len().max(1)).min(end.wire.len());
            let bytes: Vec<u8> = end.wire.drain(..n).collect();
            moved |= n > 0;
            let rest = end.receive(&bytes);
            for byte in rest.into_iter().rev() {
                end.wire.push_front(byte);
            }
        }
        if !moved && !one.endpoint.wants_write() && !other.endpoint.wants_write() {
            return;
        }
    }
}

#[test]
fn an_endpoint_is_small() {
    assert!(size_of::<Endpoint>() <= 128, "{}", size_of::<Endpoint>());
}

#[test]
fn from_the_first_byte_to_the_last() {
    let mut random = Random(1);
    let mut cuts: Vec<Box<dyn FnMut() -> usize>> = vec![Box::new(|| 1), Box::new(|| usize::MAX)];
    cuts.extend((0..20).map(|_| {
        let mut random = Random(random.next());
        Box::new(move || random.below(40)) as Box<dyn FnMut() -> usize>
    }));
    for mut cut in cuts {
        let (mut client, mut server) = (End::client(), End::server());
        assert_eq!(client.endpoint.state(), State::Connecting);
        assert_eq!(client.endpoint.send("early"), Err(SendError::NotOpen));
        exchange(&mut client, &mut server, &mut cut);
        assert_eq!(server.endpoint.state(), State::Open);
        client.endpoint.send("to the server").unwrap();
        client.endpoint.ping(b"?").unwrap();
        server.endpoint.send(&[1u8, 2, 3]).unwrap();
        exchange(&mut client, &mut server, &mut cut);
        let bye = CloseFrame::new(CloseCode::new(3001), "bye");
        client.endpoint.close(Some(&bye)).unwrap();
        exchange(&mut client, &mut server, &mut cut);
        assert_eq!(client.terminal, None, "§7.1.1: the server ends first");
        client.eof();
        assert_eq!(
            server.said,
            [
                "request /chat",
                "open false",
                "Text(13 bytes: \"to the server\")",
                "Ping([63])",
                "Close(Some(CloseFrame { code: CloseCode(3001), reason: \"bye\" }))",
                "closed"
            ]
        );
        assert_eq!(
            client.said,
            [
                "open true",
                "Binary(3 bytes: \\x01\\x02\\x03)",
                "Pong([63])",
                "Close(Some(CloseFrame { code: CloseCode(3001), reason: \"\" }))",
                "closed"
            ]
        );
        for end in [&mut client, &mut server] {
            assert!(end.status().clean && end.status().error.is_none());
            assert_eq!(end.status().code(), CloseCode::new(3001));
            end.ended();
        }
    }
}

/// hostile 107: both ends close at once; each has the other's code.
#[test]
fn hostile_107_both_close_at_once() {
    let (mut client, mut server) = (End::client(), End::server());
    exchange(&mut client, &mut server, || usize::MAX);
    let one = CloseFrame::new(CloseCode::new(3001), "one");
    client.endpoint.close(Some(&one)).unwrap();
    server.endpoint.close(None).unwrap();
    exchange(&mut client, &mut server, || usize::MAX);
    client.eof();
    assert_eq!(
        client.status().received.as_ref().unwrap().code,
        CloseCode::NO_STATUS
    );
    assert_eq!(client.status().sent, Some(CloseCode::new(3001)));
    assert_eq!(server.status().received.as_ref(), Some(&one));
    assert_eq!(server.status().sent, Some(CloseCode::NO_STATUS));
    for end in [&mut client, &mut server] {
        assert!(end.status().clean);
        end.ended();
    }
}

/// Every way an open connection can end.
#[test]
fn clause_7_1_exactly_one_terminal_event_and_always_last() {
    type Way = fn(&mut End, bool);
    let ways: [(&str, Way, bool, u16); 13] = [
        (
            "closed by us",
            |it, masked| {
                it.endpoint.close(None).unwrap();
                it.receive(&wire::close(masked, 1000, ""));
                it.eof();
            },
            true,
            1000,
        ),
        (
            "closed by the peer",
            |it, masked| {
                it.receive(&wire::close(masked, 1001, "away"));
                it.eof();
            },
            true,
            1001,
        ),
        (
            "closed by the peer without a code",
            |it, masked| {
                it.receive(&frame(masked, CLOSE, b""));
                it.eof();
            },
            true,
            1005,
        ),
        (
            "a second Close and more",
            |it, masked| {
                let close = wire::close(masked, 1000, "");
                it.receive(&[close.clone(), close, vec![0xFF; 100]].concat());
                it.eof();
            },
            true,
            1000,
        ),
        (
            "protocol error",
            |it, masked| {
                it.receive(&frame(masked, 0x83, b""));
            },
            false,
            1006,
        ),
        (
            "protocol error after our Close",
            |it, masked| {
                it.endpoint.close(None).unwrap();
                it.receive(&frame(masked, 0x83, b""));
            },
            false,
            1006,
        ),
        (
            "bad Close",
            |it, masked| {
                it.receive(&wire::close(masked, 1006, ""));
            },
            false,
            1006,
        ),
        (
            "text that is none",
            |it, masked| {
                it.receive(&frame(masked, TEXT, &[0xC0]));
            },
            false,
            1006,
        ),
        ("end of the transport", |it, _| it.eof(), false, 1006),
        (
            "end of the transport after our Close",
            |it, _| {
                it.endpoint.close(None).unwrap();
                it.eof();
            },
            false,
            1006,
        ),
        (
            "no Pong",
            |it, _| {
                it.tell(at(0));
                it.tell(at(30));
                it.tell(at(50));
            },
            false,
            1006,
        ),
        (
            "no Close",
            |it, _| {
                it.tell(at(0));
                it.endpoint.close(None).unwrap();
                it.tell(at(1));
                it.tell(at(6));
            },
            false,
            1006,
        ),
        (
            "write stall",
            |it, _| {
                it.endpoint.send("x").unwrap();
                it.tell(at(0));
                it.tell(at(30));
            },
            false,
            1006,
        ),
    ];
    for (name, end, clean, code) in ways {
        for role in [Role::Client, Role::Server] {
            let mut it = End::open(role, &Config::default());
            end(&mut it, role == Role::Server);
            assert_eq!(it.said.last().map(String::as_str), Some("closed"), "{name}");
            assert_eq!(it.status().clean, clean, "{role:?} {name}");
            assert_eq!(it.status().code().get(), code, "{role:?} {name}");
            assert_eq!(it.status().error.is_none(), clean, "{role:?} {name}");
            it.ended();
        }
    }
}

/// hostile 109: a peer that answers our Close and then holds the transport.
#[test]
fn hostile_109_a_server_that_keeps_the_transport_is_not_waited_for_long() {
    let mut it = End::open(Role::Client, &Config::default());
    it.tell(at(0));
    it.receive(&wire::close(false, 1000, ""));
    assert_eq!(it.endpoint.state(), State::Closing);
    it.written();
    assert_eq!(it.tell(at(1)), Some(at(6)));
    assert_eq!(it.tell(at(6)), None);
    assert!(it.status().clean && it.status().error.is_none());
    it.ended();
}

/// hostile 043, 114: the transport ends after each byte of all that the peer ever says.
#[test]
fn hostile_114_the_transport_ends_at_every_byte() {
    let mut client = End::client();
    let response = response_to(&client.written());
    let frames = |masked| {
        [
            frame(masked, TEXT, b"hello"),
            frame(masked, 0x02, &noise(130)),
            frame(masked, PING, b"?"),
            frame(masked, 0x80, b"end"),
            wire::close(masked, 1000, "bye"),
        ]
        .concat()
    };
    for role in [Role::Client, Role::Server] {
        let (head, frames) = match role {
            Role::Client => (response.clone(), frames(false)),
            Role::Server => (REQUEST.to_vec(), frames(true)),
        };
        let all = [head.clone(), frames].concat();
        for cut in 0..=all.len() {
            for step in [1, all.len()] {
                let mut it = match role {
                    Role::Client => End::client(),
                    Role::Server => End::server(),
                };
                for piece in all[..cut].chunks(step) {
                    assert!(it.receive(piece).is_empty());
                }
                it.eof();
                let clean = cut == all.len();
                assert_eq!(it.status().clean, clean, "{role:?} at {cut}");
                let stage = if cut == 0 {
                    EofStage::BeforeHead
                } else {
                    EofStage::InsideHead
                };
                let expected = match cut {
                    _ if clean => None,
                    _ if cut < head.len() => Some(HandshakeError::Eof(stage).into()),
                    _ => Some(Error::Eof),
                };
                assert_eq!(it.status().error, expected, "{role:?} at {cut}");
                assert_eq!(it.said.last().unwrap(), "closed");
                it.ended();
            }
        }
    }
}

/// hostile 005: nothing, or a trickle, until the deadline; a decision takes as long as it takes.
#[test]
fn hostile_005_the_handshake_has_a_deadline() {
    for mut it in [End::client(), End::server()] {
        assert_eq!(it.tell(at(3)), Some(at(13)));
        it.receive(b"H");
        it.written();
        assert_eq!(it.tell(at(12)), Some(at(13)));
        assert_eq!(it.tell(at(13)), None);
        assert_eq!(it.status().error, Some(Error::Timeout(Timeout::Handshake)));
        it.ended();
    }
    let mut server = Endpoint::server(&Arc::default());
    server.handle_timeout(at(0));
    let mut request = REQUEST.to_vec();
    assert!(server.receive(&mut &mut request[..]).is_some());
    assert_eq!(server.handle_timeout(at(1000)), None);
    assert!(!server.wants_read());
    server.accept(&Accept::new()).unwrap();
    assert_eq!(server.state(), State::Open);
}

/// hostile 021, 028: an answer that must not be given leaves the request waiting, and nothing on
/// the wire.
#[test]
fn hostile_021_a_wrong_answer_leaves_the_request_waiting() {
    for accepts in [true, false] {
        let mut server = Endpoint::server(&Arc::default());
        assert_eq!(
            server.accept(&Accept::new()),
            Err(AcceptError::NotUndecided)
        );
        assert_eq!(
            server.reject(&Reject::new(404)),
            Err(AcceptError::NotUndecided)
        );
        let mut request = REQUEST.to_vec();
        let event = server.receive(&mut &mut request[..]);
        assert!(matches!(event, Some(EndpointEvent::Request(_))));
        for _ in 0..2 {
            for wrong in [
                Accept::new().subprotocol("not offered"),
                Accept::new().header("Upgrade", "h2c"),
                Accept::new().header("X", "a\r\nb"),
                Accept::new().header("a b", "c"),
            ] {
                assert!(server.accept(&wrong).is_err(), "{wrong:?}");
            }
            for wrong in [
                Reject::new(101),
                Reject::new(600),
                Reject::new(204).body("none allowed"),
                Reject::new(404).header("Content-Length", "7"),
                Reject::new(404).header("X", "\0"),
                Reject::new(404).reason("a\r\nb"),
            ] {
                assert!(server.reject(&wrong).is_err(), "{wrong:?}");
            }
            assert_eq!(server.state(), State::Connecting);
            assert!(!server.wants_read() && !server.wants_write() && !server.is_finished());
            assert!(server.receive(&mut &mut [][..]).is_none());
        }
        if accepts {
            server.accept(&Accept::new().subprotocol("chat")).unwrap();
            assert_eq!(server.subprotocol(), Some("chat"));
            assert_eq!(server.state(), State::Open);
        } else {
            server.reject(&Reject::new(404)).unwrap();
            assert!(server.is_finished());
        }
        assert_eq!(
            server.accept(&Accept::new()),
            Err(AcceptError::NotUndecided)
        );
    }
}

/// hostile 025, 026: frames behind the request, the reads cut anywhere.
#[test]
fn hostile_025_frames_behind_the_request_are_delivered_at_every_split() {
    let all = [
        REQUEST.to_vec(),
        frame(true, TEXT, b"early"),
        frame(true, PING, b"?"),
        frame(true, BINARY, &noise(200)),
    ]
    .concat();
    for cut in 0..=all.len() {
        let mut it = End::server();
        assert!(it.receive(&all[..cut]).is_empty());
        assert!(it.receive(&all[cut..]).is_empty());
        assert_eq!(
            it.said[..4],
            [
                "request /chat?room=1",
                "open false",
                "Text(5 bytes: \"early\")",
                "Ping([63])"
            ],
            "cut at {cut}"
        );
        assert_eq!(it.said.len(), 5);
        let written = it.written();
        assert!(written.starts_with(RESPONSE));
        assert_eq!(decode(behind_head(&written)), [(PONG, b"?".to_vec())]);
    }

    // While the server decides, what came behind the head stays with the caller.
    let mut server = Endpoint::server(&Arc::default());
    let mut bytes = all.clone();
    let mut input = &mut bytes[..];
    assert!(server.receive(&mut input).is_some());
    let left = input.len();
    assert_eq!(left, all.len() - REQUEST.len());
    for _ in 0..3 {
        assert!(server.receive(&mut input).is_none());
        assert_eq!(input.len(), left);
    }
    server.accept(&Accept::new()).unwrap();
    let mut events = 0;
    while server.receive(&mut input).is_some() {
        events += 1;
    }
    assert_eq!(events, 4);
}

/// hostile 027: frames behind a request that is refused are not looked at.
#[test]
fn hostile_027_frames_behind_a_refused_request_are_discarded() {
    let mut bytes = [REQUEST, &frame(true, PING, b"?"), &[0xFF; 50]].concat();
    let mut input = &mut bytes[..];
    let mut it = End::server();
    assert!(it.endpoint.receive(&mut input).is_some());
    let body = Reject::new(404)
        .header("X-Why", "gone")
        .body("no such room");
    it.endpoint.reject(&body).unwrap();
    let rest = input.to_vec();
    it.receive(&rest);
    assert_eq!(it.said, ["closed"]);
    assert_eq!(it.status().error, Some(Error::Refused(404)));
    let written = String::from_utf8(it.written()).unwrap();
    assert!(
        written.starts_with("HTTP/1.1 404 Not Found\r\n"),
        "{written}"
    );
    assert!(written.ends_with("\r\n\r\nno such room"), "{written}");
    it.ended();
}

/// hostile 041: frames behind the 101.
#[test]
fn hostile_041_frames_behind_the_response_are_delivered_at_every_split() {
    let response = response_to(&End::client().written());
    let all = [
        response,
        frame(false, TEXT, b"early"),
        frame(false, PING, b"?"),
    ]
    .concat();
    for cut in 0..=all.len() {
        let mut it = End::client();
        it.written();
        it.receive(&all[..cut]);
        it.receive(&all[cut..]);
        let expected = ["open true", "Text(5 bytes: \"early\")", "Ping([63])"];
        assert_eq!(it.said, expected, "cut at {cut}");
    }
}

/// hostile 034: a refusal is the one terminal event, however its body ends.
#[test]
fn hostile_034_a_refusal_is_the_end() {
    let heads = ["Content-Length: 4\r\n\r\ngone", "\r\ngone"];
    for (head, until_eof) in heads.into_iter().zip([false, true]) {
        let all = format!("HTTP/1.1 404 Not Found\r\n{head}");
        for step in [1, all.len()] {
            let mut it = End::client();
            for piece in all.as_bytes().chunks(step) {
                assert!(it.terminal.is_none());
                it.receive(piece);
            }
            assert_eq!(it.terminal.is_none(), until_eof);
            if until_eof {
                it.eof();
            }
            assert_eq!(it.said, ["refused gone"]);
            assert_eq!(it.terminal, Some(Err(404)));
            it.ended();
        }
    }
}

/// A malformed request is answered, and is the end.
#[test]
fn hostile_008_a_malformed_request_is_answered_once() {
    let cases: [(&str, &str, u16); 4] = [
        ("GET /", "POST /", 405),
        ("Version: 13", "Version: 12", 426),
        ("Host: server.example.com\r\n", "", 400),
        ("HTTP/1.1", "HTTP/1.0", 505),
    ];
    let request = String::from_utf8(REQUEST.to_vec()).unwrap();
    for (from, to, status) in cases {
        let request = request.replacen(from, to, 1);
        for step in [1, request.len()] {
            let mut it = End::server();
            for piece in request.as_bytes().chunks(step) {
                it.receive(piece);
            }
            assert_eq!(it.said, ["closed"]);
            let Some(Error::Handshake(error)) = it.status().error else {
                panic!("{:?}", it.status());
            };
            assert_eq!(error.status(), Some(status));
            let written = String::from_utf8(it.written()).unwrap();
            assert!(
                written.starts_with(&format!("HTTP/1.1 {status} ")),
                "{written}"
            );
            it.ended();
        }
    }
}

/// hostile 030: the client is gone before the decision.
#[test]
fn hostile_030_a_client_that_leaves_before_the_decision() {
    let mut server = Endpoint::server(&Arc::default());
    let mut request = REQUEST.to_vec();
    assert!(server.receive(&mut &mut request[..]).is_some());
    server.receive_eof();
    assert_eq!(
        server.accept(&Accept::new()),
        Err(AcceptError::NotUndecided)
    );
    let event = server.receive(&mut &mut [][..]);
    let Some(EndpointEvent::Closed(status)) = event else {
        panic!("{event:?}");
    };
    let error = HandshakeError::Eof(EofStage::Undecided);
    assert_eq!(status.error, Some(error.into()));
    assert!(server.receive(&mut &mut [][..]).is_none());
}

/// hostile 105, 113: what must not be sent is refused, and nothing of it is sent.
#[test]
fn hostile_113_a_close_that_must_not_be_sent() {
    for queued in [false, true] {
        let mut it = End::open(Role::Server, &Config::default());
        if queued {
            it.endpoint.send(noise(70_000)).unwrap();
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            let frame = CloseFrame::new(CloseCode::new(code), "");
            let refused = Err(SendError::InvalidCloseCode(CloseCode::new(code)));
            assert_eq!(it.endpoint.close(Some(&frame)), refused);
        }
        let long = CloseFrame::new(CloseCode::NORMAL, "x".repeat(124));
        assert_eq!(
            it.endpoint.close(Some(&long)),
            Err(SendError::CloseReasonTooLong)
        );
        assert_eq!(it.endpoint.ping(&[0; 126]), Err(SendError::ControlTooLong));
        assert_eq!(it.endpoint.state(), State::Open);
        let longest = CloseFrame::new(CloseCode::NORMAL, "x".repeat(123));
        it.endpoint.close(Some(&longest)).unwrap();
        assert_eq!(it.endpoint.close(None), Err(SendError::NotOpen));
        let frames = decode(&it.written());
        assert_eq!(frames.last().unwrap().1.len(), 125);
    }
}

/// hostile 112: the peer's Close comes while our data waits: what was sent before goes first,
/// nothing more may be sent, and nothing follows our reply.
#[test]
fn hostile_112_nothing_follows_the_reply_to_a_close() {
    for role in [Role::Client, Role::Server] {
        let config = Config::default().fragment_size(1000);
        let mut it = End::open(role, &config);
        it.endpoint.send(noise(70_000)).unwrap();
        it.endpoint.send("behind").unwrap();
        let outbox = it.endpoint.outbox();
        let begun: Vec<u8> = outbox.chunks().flatten().copied().take(10).collect();
        outbox.consume(10);
        it.receive(&wire::close(role == Role::Server, 1000, ""));
        assert_eq!(it.endpoint.send("late"), Err(SendError::NotOpen));
        let written = [begun, it.written()].concat();
        let shape: Vec<_> = decode(&written).iter().map(|it| it.0).collect();
        // 70,000 bytes in frames of 1,000, the text behind them, the reply.
        assert_eq!(shape.len(), 72);
        assert_eq!((shape[0], shape[69]), (0x02, 0x80));
        assert_eq!(shape[70..], [0x81, CLOSE]);
        it.eof();
        assert!(it.status().clean);
        it.ended();
    }
}

/// hostile 133: no limit and no time, however extreme, panics or overflows.
#[test]
fn hostile_133_extreme_limits_do_no_harm() {
    for limit in [0, 1, usize::MAX] {
        for time in [Some(Duration::ZERO), Some(Duration::MAX), None] {
            let config = Config::default()
                .high_water_mark(limit)
                .fragment_size(limit)
                .max_message_size(limit as u64)
                .max_frame_size(limit as u64)
                .max_headers(limit)
                .max_head_size(limit)
                .max_request_line_size(limit)
                .handshake_timeout(time)
                .ping_interval(time)
                .pong_timeout(time)
                .idle_timeout(time)
                .message_timeout(time)
                .close_timeout(time)
                .write_timeout(time);
            for role in [Role::Client, Role::Server] {
                let mut it = End::open(role, &config);
                let _ = it.endpoint.send(noise(65_540));
                for now in [at(0), at(1), Instant::from_nanos(u64::MAX), at(2)] {
                    it.tell(now);
                    it.receive(&frame(role == Role::Server, PING, b"?"));
                    it.receive(&frame(role == Role::Server, TEXT, b"hello"));
                    it.written();
                }
                it.eof();
                it.ended();
            }
            let mut it = End::new(Endpoint::server(&Arc::new(config)));
            it.receive(REQUEST);
            it.tell(at(1));
            it.eof();
            it.ended();
        }
    }
}

#[test]
fn a_protocol_error_is_told_with_its_rule() {
    let mut it = End::open(Role::Server, &Config::default());
    it.receive(&frame(false, TEXT, b"not masked"));
    let expected = Error::Protocol(ProtocolError::UnmaskedFrame);
    assert_eq!(it.status().error, Some(expected));
    assert_eq!(decode(&it.written()), [(CLOSE, vec![0x03, 0xEA])]);
    it.ended();
}
