//! A connection from its first byte to its last: one order of events, and exactly one end.
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

use end::{End, exchange};
use std::{sync::Arc, time::Duration};

use sansock::{
    CloseCode, CloseFrame, Config, Part, ProtocolError, Role, SendError, State,
    endpoint::Endpoint,
    proto::{Error, HandshakeError, Instant, Prepared, handshake::EofStage},
};
use wire::{CLOSE, PING, REQUEST, Random, TEXT, at, decode, frame, noise, response_to};

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
                "Ping(1 bytes: ?)",
                "Close(Some(CloseFrame { code: CloseCode(3001), reason: \"bye\" }))",
                "closed"
            ]
        );
        assert_eq!(
            client.said,
            [
                "open true",
                "Binary(3 bytes: \\x01\\x02\\x03)",
                "Pong(1 bytes: ?)",
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

/// hostile 113: before it is open nothing is closed, and nothing sent: nothing waits behind the head.
#[test]
fn hostile_113_no_call_sends_before_the_opening() {
    for mut it in [End::client(), End::server()] {
        let waiting = it.endpoint.outbox().len();
        let close = CloseFrame::new(CloseCode::NORMAL, "bye");
        for refused in [
            it.endpoint.close(None),
            it.endpoint.close(Some(&close)),
            it.endpoint.send("early"),
            it.endpoint.send(noise(70_000)),
            it.endpoint.send_part(Part::more("early")),
            it.endpoint.send_prepared(&Prepared::new("early")),
            it.endpoint.ping(b""),
            it.endpoint.pong(b""),
        ] {
            assert_eq!(refused, Err(SendError::NotOpen));
        }
        assert!(!it.endpoint.can_send());
        assert_eq!(it.endpoint.state(), State::Connecting);
        assert_eq!(it.endpoint.outbox().len(), waiting);
        assert_eq!(it.endpoint.buffered_amount(), 0);
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
