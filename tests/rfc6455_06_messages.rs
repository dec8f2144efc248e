//! Sending and receiving messages (RFC 6455 §5.6, §6).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::borrow::Cow;

use common::{ROLES, Sent, at, decode, feed, frame, frames, in_cuts, open, open_default};
use sansock::{
    Config, Event, Message, Part, Role, SendError, State,
    proto::{Connection, handshake::Negotiated},
};

#[test]
fn clause_096_a_message_is_one_frame_with_its_opcode_and_fin() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send("text", &mut out).unwrap();
        ws.send(b"\xFF\x00", &mut out).unwrap();
        ws.send(String::from("owned"), &mut out).unwrap();
        ws.send(vec![1, 2], &mut out).unwrap();
        let sent = decode(&out);
        let sent: Vec<_> = sent.iter().map(Sent::parts).collect();
        let expected: [(u8, &[u8]); 4] = [
            (0x81, b"text"),
            (0x82, b"\xFF\x00"),
            (0x81, b"owned"),
            (0x82, b"\x01\x02"),
        ];
        assert_eq!(sent, expected);
    }
}

#[test]
fn clause_096_a_payload_is_taken_as_it_is() {
    let (text, data) = ("text", &b"data"[..]);
    for (message, expected) in [
        (Message::from(Cow::Borrowed(text)), Message::from(text)),
        (Message::from(Cow::Borrowed(data)), Message::from(data)),
    ] {
        let (is, given) = (message.as_bytes(), expected.as_bytes());
        assert_eq!((is.as_ptr(), &message), (given.as_ptr(), &expected));
    }
    let owned = String::from(text);
    let at = owned.as_ptr();
    let message = Message::from(Cow::<str>::Owned(owned));
    assert_eq!(message.as_bytes().as_ptr(), at);
}

#[test]
fn clause_096_what_is_sent_is_appended_to_the_output() {
    for role in ROLES {
        let mut out = b"before".to_vec();
        open_default(role).send("x", &mut out).unwrap();
        assert!(out.starts_with(b"before\x81"));
        assert_eq!(decode(&out[6..])[0].payload, b"x");
    }
}

#[test]
fn clause_096_nothing_is_sent_unless_open() {
    let closed: [fn(&mut Connection, Role); 3] = [
        |ws, _| ws.close(None, &mut Vec::new()).unwrap(),
        |ws, role| {
            feed(ws, &frame(role, 0x88, b""), &mut Vec::new()).unwrap();
        },
        |ws, _| ws.receive_eof(),
    ];
    for role in ROLES {
        for close in closed {
            let mut ws = open_default(role);
            close(&mut ws, role);
            assert_ne!(ws.state(), State::Open);
            let mut out = Vec::new();
            assert_eq!(ws.send("x", &mut out), Err(SendError::NotOpen));
            assert_eq!(
                ws.send_part(&Part::last("x"), &mut out),
                Err(SendError::NotOpen)
            );
            assert_eq!(ws.begin_frame(&Part::last("x")), Err(SendError::NotOpen));
            let prepared = sansock::proto::Prepared::new("x");
            assert_eq!(
                ws.send_prepared(&prepared, &mut out),
                Err(SendError::NotOpen)
            );
            assert_eq!(ws.ping(b"", &mut out), Err(SendError::NotOpen));
            assert_eq!(ws.pong(b"", &mut out), Err(SendError::NotOpen));
            assert_eq!(ws.close(None, &mut out), Err(SendError::NotOpen));
            assert_eq!(out, []);
        }
    }
}

#[test]
fn clause_097_messages_in_one_read_come_one_by_one_and_in_order() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (0x81, b"one"),
                (0x89, b"two"),
                (0x82, b"three"),
                (0x8A, b"four"),
                (0x81, b""),
            ],
        );
        let expected = [
            Event::Message("one".into()),
            Event::Ping(b"two"[..].into()),
            Event::Message(b"three".into()),
            Event::Pong(b"four"[..].into()),
            Event::Message("".into()),
        ];
        assert_eq!(in_cuts(role, &Config::default(), &bytes).events, expected);
    }
}

#[test]
fn clause_097_a_whole_message_borrows_the_input_and_any_other_is_owned() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let mut bytes = frames(
            role,
            &[
                (0x81, b"whole"),
                (0x82, b"whole"),
                (0x01, b"a"),
                (0x80, b"b"),
            ],
        );
        let mut input = &mut bytes[..];
        let Ok(Some(Event::Message(Message::Text(Cow::Borrowed("whole"))))) =
            ws.receive(&mut input, &mut out)
        else {
            panic!("a borrowed text");
        };
        let Ok(Some(Event::Message(Message::Binary(Cow::Borrowed(b"whole"))))) =
            ws.receive(&mut input, &mut out)
        else {
            panic!("borrowed binary");
        };
        let Ok(Some(Event::Message(Message::Text(Cow::Owned(text))))) =
            ws.receive(&mut input, &mut out)
        else {
            panic!("an owned text");
        };
        assert_eq!(text, "ab");
    }
}

#[test]
fn clause_097_events_may_be_held_while_sending() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let mut bytes = frames(role, &[(0x81, b"echo"), (0x82, b"\xFF"), (0x89, b"p")]);
        let mut input = &mut bytes[..];
        let first = ws.receive(&mut input, &mut out).unwrap().unwrap();
        let second = ws.receive(&mut input, &mut out).unwrap().unwrap();
        let third = ws.receive(&mut input, &mut out).unwrap().unwrap();
        let (Event::Message(first), Event::Message(second)) = (first, second) else {
            panic!("two messages");
        };
        assert_eq!(third, Event::Ping(b"p"[..].into()));
        ws.send(first, &mut out).unwrap();
        ws.send(second, &mut out).unwrap();
        let sent = decode(&out);
        let sent: Vec<_> = sent.iter().map(Sent::parts).collect();
        let expected: [(u8, &[u8]); 3] = [(0x8A, b"p"), (0x81, b"echo"), (0x82, b"\xFF")];
        assert_eq!(sent, expected);
    }
}

#[test]
fn hostile_075_events_are_pulled_so_a_slow_program_holds_nothing_inside() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let mut bytes = frame(role, 0x82, b"x").repeat(10_000);
        bytes.extend(frame(role, 0x89, b"?"));
        let mut input = &mut bytes[..];
        ws.receive(&mut input, &mut out).unwrap().unwrap();
        let one = frame(role, 0x82, b"x").len();
        assert_eq!(
            input.len(),
            10_000 * one,
            "9,999 messages and a Ping as long"
        );
        let heap = allocation_counter::measure(|| {
            for _ in 0..9_999 {
                ws.receive(&mut input, &mut out).unwrap().unwrap();
            }
        });
        assert_eq!(heap.count_total, 0);
        assert_eq!(out, [], "the Ping is answered when its turn comes");
        ws.receive(&mut input, &mut out).unwrap().unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x8A, &b"?"[..]));
    }
}

#[test]
fn clause_094_hostile_086_binary_is_opaque() {
    let bad: [&[u8]; 4] = [b"\xFF\xFE", b"\xC0\x80", b"\xED\xA0\x80", b"\xF0\x9D\x84"];
    for role in ROLES {
        for payload in bad {
            let outcome = in_cuts(role, &Config::default(), &frame(role, 0x82, payload));
            assert_eq!(outcome.messages(), [&Message::from(payload)]);
            let bytes = frames(role, &[(0x02, payload), (0x80, payload)]);
            let outcome = in_cuts(role, &Config::default(), &bytes);
            assert_eq!(
                outcome.messages(),
                [&Message::from([payload, payload].concat())]
            );
        }
    }
}

#[test]
fn clause_096_a_begun_frame_is_its_header_and_the_callers_payload() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let plain = vec![0x5A; len];
            let mut ws = open_default(role);
            let mut payload = plain.clone();
            let header = ws.begin_frame(&Part::more(&payload)).unwrap();
            header.mask(&mut payload);
            let mut out = [header.as_bytes(), &payload].concat();
            let header = ws.begin_frame(&Part::last(&b"."[..])).unwrap();
            let mut end = *b".";
            header.mask(&mut end);
            out.extend([header.as_bytes(), &end].concat());
            let sent = decode(&out);
            let sent: Vec<_> = sent.iter().map(Sent::parts).collect();
            assert_eq!(sent, [(0x02, &plain[..]), (0x80, b".")]);
            assert_eq!(payload != plain, role == Role::Client && len > 0);
        }
    }
}

#[test]
fn clause_096_a_begun_frame_takes_part_in_the_rules_of_parts() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.begin_frame(&Part::more("a")).unwrap();
        assert_eq!(ws.send("b", &mut out), Err(SendError::MessageUnfinished));
        assert_eq!(ws.begin_frame(&Part::last(b"b")), Err(SendError::PartKind));
        ws.send_part(&Part::last("b"), &mut out).unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x80, &b"b"[..]));
    }
}

#[test]
fn clause_096_what_another_http_stack_negotiated_is_in_use() {
    for role in ROLES {
        let mut negotiated = Negotiated::default();
        negotiated.subprotocol = Some("chat".into());
        let mut ws = Connection::from_negotiated(role, &negotiated, &Default::default(), [1; 32]);
        assert_eq!((ws.role(), ws.subprotocol()), (role, Some("chat")));
        let mut out = Vec::new();
        ws.send("x", &mut out).unwrap();
        assert_eq!(decode(&out)[0].key.is_some(), role == Role::Client);
        assert_eq!(open(role, &Config::default()).subprotocol(), None);
        ws.handle_timeout(at(0), &mut out);
        ws.receive_eof();
        assert_eq!(ws.subprotocol(), Some("chat"), "known to the end");
    }
}
