//! Fragmentation (RFC 6455 §5.4).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use allocation_counter::measure;
use common::{
    ROLES, announce, at, decode, expect_fail, feed, frame, frames, in_cuts, open, open_default,
    whole,
};
use sansock::{
    Config, Event, Message, Part, ProtocolError, SendError,
    proto::{Budget, Connection},
};

/// No budget: what is looked at is another limit.
const ENDLESS: Budget = Budget {
    burst: u32::MAX,
    per_second: 0,
};

/// Feeds a frame from a reused buffer, so that only the engine allocates.
fn again(
    ws: &mut Connection,
    buffer: &mut Vec<u8>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<bool, ProtocolError> {
    buffer.clear();
    buffer.extend_from_slice(bytes);
    ws.receive(&mut &mut buffer[..], out)
        .map(|event| event.is_some())
}

#[test]
fn clause_071_077_073_a_message_in_any_fragments_is_their_payloads_in_order() {
    let cases: [&[(u8, &[u8])]; 7] = [
        &[(0x81, b"Hello")],
        &[(0x01, b"Hel"), (0x80, b"lo")],
        &[
            (0x01, b"H"),
            (0x00, b"e"),
            (0x00, b"l"),
            (0x00, b"l"),
            (0x80, b"o"),
        ],
        &[(0x01, b""), (0x00, b"Hello"), (0x80, b"")],
        &[(0x01, b"Hello"), (0x80, b"")],
        &[(0x01, b""), (0x80, b"Hello")],
        &[(0x01, b"Hell"), (0x00, b""), (0x00, b""), (0x80, b"o")],
    ];
    for role in ROLES {
        for case in cases {
            let outcome = in_cuts(role, &Config::default(), &frames(role, case));
            assert_eq!(
                outcome.events,
                [Event::Message("Hello".into())],
                "{case:x?}"
            );
        }
    }
}

#[test]
fn clause_079_the_first_frame_gives_the_kind_of_the_message() {
    for role in ROLES {
        let text = frames(role, &[(0x01, b"a"), (0x80, b"b")]);
        assert_eq!(
            whole(role, &Config::default(), &text).messages(),
            [&Message::from("ab")]
        );
        let binary = frames(role, &[(0x02, b"a"), (0x80, b"b")]);
        assert_eq!(
            whole(role, &Config::default(), &binary).messages(),
            [&Message::from(b"ab")]
        );
    }
}

#[test]
fn hostile_072_empty_messages_and_fragments_are_messages() {
    let cases: [(&[(u8, &[u8])], Message<'_>); 7] = [
        (&[(0x81, b"")], "".into()),
        (&[(0x82, b"")], b"".into()),
        (&[(0x01, b""), (0x80, b"")], "".into()),
        (&[(0x02, b""), (0x00, b""), (0x80, b"")], b"".into()),
        (&[(0x01, b""), (0x00, b"a"), (0x80, b"")], "a".into()),
        (&[(0x02, b"a"), (0x00, b""), (0x80, b"b")], b"ab".into()),
        (&[(0x02, b"a"), (0x80, b"")], b"a".into()),
    ];
    for role in ROLES {
        for (case, message) in &cases {
            let outcome = in_cuts(role, &Config::default(), &frames(role, case));
            assert_eq!(outcome.messages(), [message], "{case:x?}");
        }
    }
}

#[test]
fn clause_074_hostile_064_a_continuation_needs_a_message() {
    for role in ROLES {
        for first in [0x80, 0x00] {
            let cases: [&[(u8, &[u8])]; 3] = [
                &[(first, b"a")],
                &[(0x81, b"whole"), (first, b"a")],
                &[(0x01, b"a"), (0x80, b"b"), (first, b"")],
            ];
            for case in cases {
                let error = expect_fail(role, &Config::default(), &frames(role, case), 1002);
                assert_eq!(error, ProtocolError::UnexpectedContinuation, "{case:x?}");
            }
        }
    }
}

#[test]
fn clause_074_hostile_065_a_message_inside_a_message_fails() {
    for role in ROLES {
        for begun in [0x01, 0x02] {
            for second in [0x81, 0x82, 0x01, 0x02] {
                let cases: [&[(u8, &[u8])]; 3] = [
                    &[(begun, b"a"), (second, b"b")],
                    &[(begun, b""), (second, b"")],
                    &[(begun, b"a"), (0x00, b"b"), (0x89, b""), (second, b"c")],
                ];
                for case in cases {
                    let error = expect_fail(role, &Config::default(), &frames(role, case), 1002);
                    assert_eq!(error, ProtocolError::InterleavedMessage, "{case:x?}");
                }
            }
        }
    }
}

#[test]
fn clause_072_075_hostile_070_controls_between_fragments_come_in_order() {
    let between: [(u8, &[u8]); 4] = [
        (0x89, b"1"),
        (0x8A, b"2"),
        (0x89, b""),
        (0x8A, &[0xFF; 125]),
    ];
    for role in ROLES {
        let mut exchange: Vec<(u8, &[u8])> = vec![(0x01, b"a")];
        for _ in 0..3 {
            exchange.extend(between);
            exchange.push((0x00, b"b"));
        }
        exchange.extend(between);
        exchange.push((0x80, b"c"));
        let outcome = in_cuts(role, &Config::default(), &frames(role, &exchange));
        let mut expected = Vec::new();
        for _ in 0..4 {
            expected.extend([
                Event::Ping(b"1"[..].into()),
                Event::Pong(b"2"[..].into()),
                Event::Ping(b""[..].into()),
                Event::Pong(vec![0xFF; 125].into()),
            ]);
        }
        expected.push(Event::Message("abbbc".into()));
        assert_eq!(outcome.events, expected);
        let sent = decode(&outcome.out);
        let pongs: Vec<_> = sent.iter().map(common::Sent::parts).collect();
        assert_eq!(pongs, [(0x8A, &b"1"[..]), (0x8A, b"")].repeat(4));
    }
}

#[test]
fn clause_075_080_a_ping_inside_a_message_is_answered_at_once() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        assert_eq!(
            feed(&mut ws, &frame(role, 0x02, &[0; 1000]), &mut out),
            Ok(vec![])
        );
        let events = feed(&mut ws, &frame(role, 0x89, b"now"), &mut out).unwrap();
        assert_eq!(events, [Event::Ping(b"now"[..].into())]);
        assert_eq!(decode(&out)[0].parts(), (0x8A, &b"now"[..]));
    }
}

#[test]
fn clause_076_080_hostile_076_a_pong_goes_between_the_parts_we_send() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let piece = vec![7; 1 << 16];
        for i in 0..64 {
            ws.send_part(
                &if i < 63 {
                    Part::more(&piece)
                } else {
                    Part::last(&piece)
                },
                &mut out,
            )
            .unwrap();
            let start = out.len();
            feed(&mut ws, &frame(role, 0x89, &[i]), &mut out).unwrap();
            assert_eq!(decode(&out[start..])[0].parts(), (0x8A, &[i][..]));
            out.clear();
        }
        ws.send("the next message", &mut out).unwrap();
    }
}

#[test]
fn clause_071_076_096_parts_are_sent_as_fragments() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send_part(&Part::more("Hel"), &mut out).unwrap();
        ws.send_part(&Part::more(""), &mut out).unwrap();
        ws.ping(b"?", &mut out).unwrap();
        ws.send_part(&Part::last("lo"), &mut out).unwrap();
        ws.send_part(&Part::last(b"single"), &mut out).unwrap();
        let sent = decode(&out);
        let sent: Vec<_> = sent.iter().map(common::Sent::parts).collect();
        let expected: [(u8, &[u8]); 5] = [
            (0x01, b"Hel"),
            (0x00, b""),
            (0x89, b"?"),
            (0x80, b"lo"),
            (0x82, b"single"),
        ];
        assert_eq!(sent, expected);
    }
}

#[test]
fn clause_074_079_no_message_can_be_sent_inside_another() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send_part(&Part::more("text"), &mut out).unwrap();
        let len = out.len();
        assert_eq!(
            ws.send("other", &mut out),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            ws.send(b"other", &mut out),
            Err(SendError::MessageUnfinished)
        );
        let prepared = sansock::proto::Prepared::new("other");
        assert_eq!(
            ws.send_prepared(&prepared, &mut out),
            Err(SendError::MessageUnfinished)
        );
        assert_eq!(
            ws.send_part(&Part::last(b"other"), &mut out),
            Err(SendError::PartKind)
        );
        assert_eq!(
            ws.begin_frame(&Part::more(b"other")),
            Err(SendError::PartKind)
        );
        assert_eq!(out.len(), len, "a refused call writes nothing");
        ws.send_part(&Part::last("."), &mut out).unwrap();
        ws.send(b"other", &mut out).unwrap();
        assert_eq!(decode(&out).len(), 3);
    }
}

#[test]
fn hostile_066_empty_fragments_count() {
    let config = Config::default().tiny_budget(ENDLESS);
    for role in ROLES {
        let mut ws = open(role, &config);
        let (mut buffer, mut out) = (Vec::new(), Vec::new());
        ws.handle_timeout(at(0), &mut out);
        let next = frame(role, 0x00, b"");
        let mut error = again(&mut ws, &mut buffer, &frame(role, 0x01, b""), &mut out).err();
        let heap = measure(|| {
            let mut frames = 1;
            while frames < 1_000_000 && error.is_none() {
                error = again(&mut ws, &mut buffer, &next, &mut out).err();
                frames += 1;
            }
            assert_eq!(frames, 131_073);
        });
        assert_eq!(error, Some(ProtocolError::TooManyFragments));
        assert_eq!(decode(&out)[0].payload, 1008_u16.to_be_bytes());
        assert!(heap.bytes_max < 2_048, "{heap:?}");
    }
}

#[test]
fn hostile_066_the_limit_of_fragments_is_exact() {
    for role in ROLES {
        for limit in [1, 2, 5] {
            let config = Config::default().max_fragments(limit);
            let mut exact = vec![(0x01, &b"a"[..])];
            exact.extend(vec![(0x00, &b""[..]); limit as usize - 1]);
            let more = [&exact[..], &[(0x80, b"")]].concat();
            let error = expect_fail(role, &config, &frames(role, &more), 1008);
            assert_eq!(error, ProtocolError::TooManyFragments);
            exact.last_mut().unwrap().0 |= 0x80;
            // The next message counts anew.
            let twice = frames(role, &exact).repeat(2);
            assert_eq!(in_cuts(role, &config, &twice).messages().len(), 2);
        }
        let error = expect_fail(
            role,
            &Config::default().max_fragments(0),
            &frame(role, 0x81, b"a"),
            1008,
        );
        assert_eq!(error, ProtocolError::TooManyFragments);
    }
}

#[test]
fn hostile_067_one_byte_fragments_hold_their_bytes_and_no_more() {
    let config = Config::default().tiny_budget(ENDLESS);
    for role in ROLES {
        let mut ws = open(role, &config);
        let (mut buffer, mut out) = (Vec::with_capacity(64), Vec::with_capacity(64));
        ws.handle_timeout(at(0), &mut out);
        let next = frame(role, 0x00, b"x");
        let mut count = 1;
        let mut error = None;
        let heap = measure(|| {
            error = again(&mut ws, &mut buffer, &frame(role, 0x02, b"x"), &mut out).err();
            while error.is_none() {
                error = again(&mut ws, &mut buffer, &next, &mut out).err();
                count += 1;
            }
        });
        assert_eq!(
            (error, count),
            (Some(ProtocolError::TooManyFragments), 131_073)
        );
        // Twice the payload, and the half of it that is being copied when it grows.
        assert!(heap.bytes_max < 3 * 131_072 + 2_048, "{heap:?}");
        assert!(heap.count_total < 40, "{heap:?}");
    }
}

#[test]
fn hostile_067_the_budget_of_tiny_fragments_ends_a_flood_earlier() {
    let config = Config::default().tiny_budget(Budget {
        burst: 10,
        per_second: 1,
    });
    for role in ROLES {
        // Ten fragments that do not end the message are free; the last of it does not count.
        let mut exchange = vec![(0x01, &b"x"[..])];
        exchange.extend(vec![(0x00, &b"x"[..]); 9]);
        let fine = [&exchange[..], &[(0x80, b"x")]].concat();
        assert_eq!(
            in_cuts(role, &config, &frames(role, &fine))
                .messages()
                .len(),
            1
        );
        exchange.push((0x00, &[0; 31]));
        let error = expect_fail(role, &config, &frames(role, &exchange), 1008);
        assert_eq!(error, ProtocolError::TooManyTinyFrames);
        // 32 bytes are not tiny.
        *exchange.last_mut().unwrap() = (0x00, &[0x61; 32]);
        assert_eq!(in_cuts(role, &config, &frames(role, &exchange)).errors, []);
    }
}

#[test]
fn hostile_069_lengths_of_fragments_are_summed_without_overflow() {
    let config = Config::default().max_frame_size(u64::MAX);
    let lifted = config.clone().max_message_size(u64::MAX);
    for role in ROLES {
        for begun in [&b"a"[..], b"0123456789"] {
            let mut bytes = frame(role, 0x02, begun);
            bytes.extend(announce(role, 0x80, u64::MAX >> 1));
            let error = expect_fail(role, &config, &bytes, 1009);
            assert_eq!(error, ProtocolError::MessageTooLarge);
            // With every limit lifted the sum is awaited, not stored.
            let outcome = whole(role, &lifted, &bytes);
            assert_eq!((outcome.errors, outcome.events), (vec![], vec![]));
        }
        let three = [(16 << 20) - 2, 1, 2];
        let mut ws = open_default(role);
        let first = frame(role, 0x02, &vec![0; three[0]]);
        feed(&mut ws, &first, &mut Vec::new()).unwrap();
        feed(&mut ws, &frame(role, 0x00, b"x"), &mut Vec::new()).unwrap();
        let error = feed(&mut ws, &frame(role, 0x00, b"xy"), &mut Vec::new());
        assert_eq!(error, Err(ProtocolError::MessageTooLarge));
    }
}

#[test]
fn clause_097_the_frame_after_the_last_begins_a_new_message() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (0x01, b"a"),
                (0x80, b"b"),
                (0x02, b"c"),
                (0x80, b"d"),
                (0x81, b"e"),
            ],
        );
        let outcome = in_cuts(role, &Config::default(), &bytes);
        let expected: [Message<'_>; 3] = ["ab".into(), b"cd".into(), "e".into()];
        assert_eq!(outcome.messages(), expected.iter().collect::<Vec<_>>());
    }
}
