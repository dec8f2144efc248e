//! The opening handshake of an endpoint: decisions, refusals, deadlines, and frames behind it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/end.rs"]
mod end;
#[path = "adapters/wire.rs"]
mod wire;

use std::sync::Arc;

use end::End;
use sansock::{
    Part, SendError, State, Timeout,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        Error, HandshakeError, Prepared,
        handshake::{Accept, AcceptError, EofStage, Reject},
    },
};
use wire::{
    BINARY, PING, PONG, REQUEST, RESPONSE, Random, TEXT, at, behind_head, decode, frame, noise,
    response_to,
};

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

/// "the client MUST wait for a response from the server before sending any further data" (§4.1):
/// whatever is called, the request is all that is written; nor does a server write anything but its
/// answer.
#[test]
fn clause_023_nothing_but_the_handshake_is_written_before_it_is_over() {
    for end in [End::client(), End::server()] {
        let mut endpoint = end.endpoint;
        let asked = endpoint.outbox().len();
        assert_eq!(endpoint.state(), State::Connecting);
        assert!(!endpoint.can_send());
        for second in [0, 9] {
            let not_open = Err(SendError::NotOpen);
            assert_eq!(endpoint.send("early"), not_open);
            assert_eq!(endpoint.send(noise(70_000)), not_open);
            assert_eq!(endpoint.send_unlimited("early"), not_open);
            assert_eq!(endpoint.send_part(Part::more("early")), not_open);
            assert_eq!(endpoint.send_prepared(&Prepared::new("early")), not_open);
            assert_eq!(endpoint.ping(b"early"), not_open);
            assert_eq!(endpoint.pong(b"early"), not_open);
            assert_eq!(endpoint.close(None), not_open);
            endpoint.handle_timeout(at(second));
            assert_eq!(endpoint.outbox().len(), asked);
        }
    }
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
                "Ping(1 bytes: ?)"
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
        let expected = ["open true", "Text(5 bytes: \"early\")", "Ping(1 bytes: ?)"];
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

/// hostile 034, 052: a body that does not end hides no refusal.
#[test]
fn hostile_034_a_refusal_whose_body_does_not_end_in_time() {
    for framing in ["Content-Length: 9", "Transfer-Encoding: chunked", "X: y"] {
        let head = format!("HTTP/1.1 401 Unauthorized\r\n{framing}\r\n\r\n");
        let mut bytes = [head.as_bytes(), b"4\r\nbody"].concat();
        let mut it = End::client();
        let client = &mut it.endpoint;
        client.handle_timeout(at(0));
        assert!(client.receive(&mut &mut bytes[..]).is_none());
        assert_eq!(client.handle_timeout(at(9)), Some(at(10)));
        assert_eq!(client.handle_timeout(at(10)), None);
        let Some(EndpointEvent::Refused(refusal)) = client.receive(&mut &mut [][..]) else {
            panic!("{framing}");
        };
        assert_eq!((refusal.status(), refusal.is_complete()), (401, false));
        assert!(refusal.body().ends_with(b"body"), "{framing}");
        it.terminal = Some(Err(401));
        it.ended();
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

/// Any call at any moment, also the wrong ones: one end, and on the wire nothing but whole frames
/// behind a 101, or one whole answer.
#[test]
fn any_call_at_any_moment_of_the_handshake() {
    let mut ends = [0; 3];
    for seed in 0..500 {
        let mut random = Random(seed);
        let is_client = random.below(2) == 0;
        let mut it = if is_client {
            End::client()
        } else {
            End::server()
        };
        let request: Vec<u8> = it.endpoint.outbox().chunks().flatten().copied().collect();
        let mut bytes = input(&mut random, is_client, &request).into_iter();
        let (mut written, mut now) = (Vec::new(), 0);
        for _ in 0..random.below(40) {
            let endpoint = &mut it.endpoint;
            match random.below(14) {
                0..4 => {
                    let len = random.below(300);
                    // What is left while a request waits is lost, which changes nothing here.
                    it.wire.extend(bytes.by_ref().take(len));
                    decide(&mut it, random.below(4));
                }
                4 => drop(endpoint.accept(&Accept::new().header("Host", "managed"))),
                5 => drop(endpoint.reject(&Reject::new(101))),
                6 if endpoint.send("small").is_ok() => assert_eq!(endpoint.state(), State::Open),
                7 if endpoint.send(noise(70_000)).is_ok() => {
                    assert_eq!(endpoint.state(), State::Open);
                }
                8 => drop(endpoint.ping(b"?")),
                9 if random.below(4) == 0 => drop(endpoint.close(None)),
                10 if random.below(4) == 0 => endpoint.receive_eof(),
                11 => {
                    now += random.below(4) as u64;
                    endpoint.handle_timeout(at(now));
                }
                12 => assert!(endpoint.receive_direct(1).is_none()),
                _ => {
                    let outbox = endpoint.outbox();
                    let waiting: Vec<u8> = outbox.chunks().flatten().copied().collect();
                    let len = random.below(waiting.len() + 1);
                    written.extend(&waiting[..len]);
                    outbox.consume(len);
                }
            }
        }
        it.endpoint.receive_eof();
        decide(&mut it, 0);
        written.extend(it.written());
        it.ended();
        let head = if is_client { "GET " } else { "HTTP/1.1 " };
        let text = written.escape_ascii().to_string();
        assert!(text.is_empty() || text.starts_with(head), "{seed}: {text}");
        if is_client || text.starts_with("HTTP/1.1 101 ") {
            ends[0] += 1;
            decode(behind_head(&written));
        } else if !text.is_empty() {
            ends[1] += 1;
            let len = behind_head(&written).len();
            assert!(
                text.contains(&format!("Content-Length: {len}\\r\\n")),
                "{seed}: {text}"
            );
        } else {
            ends[2] += 1;
        }
    }
    assert!(ends.iter().all(|many| *many > 20), "{ends:?}");
}

/// What a peer sends in its handshake, and behind it.
fn input(random: &mut Random, is_client: bool, request: &[u8]) -> Vec<u8> {
    let heads: [&[u8]; 4] = if is_client {
        [
            &response_to(request),
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 None\r\nContent-Length: 90\r\n\r\n",
            b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
            RESPONSE,
        ]
    } else {
        [
            REQUEST,
            REQUEST,
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01",
        ]
    };
    let head = heads[random.below(4)];
    let frames = [
        frame(!is_client, TEXT, b"Hello"),
        frame(!is_client, PING, b"?"),
        frame(!is_client, BINARY, &noise(300)),
    ];
    [head, &frames.concat()].concat()
}

/// Receives what is on the wire, and answers a request in one of four ways.
fn decide(it: &mut End, how: usize) {
    let mut bytes: Vec<u8> = it.wire.drain(..).collect();
    let mut input = &mut bytes[..];
    while let Some(event) = it.endpoint.receive(&mut input) {
        assert!(it.terminal.is_none(), "after the end: {event:?}");
        match event {
            EndpointEvent::Request(_) => match how {
                0 => {} // later, or never
                1 => it.endpoint.reject(&Reject::new(403).body("no")).unwrap(),
                _ => it.endpoint.accept(&Accept::new()).unwrap(),
            },
            EndpointEvent::Refused(refusal) => it.terminal = Some(Err(refusal.status())),
            EndpointEvent::Closed(status) => it.terminal = Some(Ok(status)),
            _ => {}
        }
    }
}
