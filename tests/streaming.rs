//! `Config::streaming`: messages in parts as they come, and nothing held.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use allocation_counter::measure;
use common::{KEY, ROLES, Random, announce, at, decode, feed, frame, frames, open, run};
use sansock::{
    Config, Event, Message, Part, ProtocolError, Role,
    proto::{Connection, Error},
};

fn streaming() -> Config {
    Config::default().streaming(true)
}

/// Every event of `bytes` cut at `cuts`, parts as they come.
fn parts(role: Role, bytes: &[u8], cuts: &[usize]) -> Vec<Event<'static>> {
    let mut ws = open(role, &streaming());
    let mut events = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        events.extend(feed(&mut ws, &bytes[start..end], &mut Vec::new()).unwrap());
        start = end;
    }
    events
}

fn more(data: impl Into<Message<'static>>) -> Event<'static> {
    Event::Part(Part::more(data))
}

fn last(data: impl Into<Message<'static>>) -> Event<'static> {
    Event::Part(Part::last(data))
}

#[test]
fn a_message_that_comes_whole_is_whole() {
    for role in ROLES {
        for (first, message) in [(0x81, Message::from("ab")), (0x82, Message::from(b"ab"))] {
            let bytes = frame(role, first, b"ab");
            assert_eq!(parts(role, &bytes, &[]), [Event::Message(message)]);
        }
    }
}

#[test]
fn a_message_in_pieces_is_a_part_for_each_piece() {
    for role in ROLES {
        let bytes = frame(role, 0x82, b"abcdef");
        let header = bytes.len() - 6;
        let expected = [more(b"ab"), more(b"c"), last(b"def")];
        assert_eq!(
            parts(role, &bytes, &[1, header, header + 2, header + 3]),
            expected
        );
        let bytes = frames(
            role,
            &[(0x01, b"ab"), (0x89, b"?"), (0x00, b"cd"), (0x80, b"e")],
        );
        let ping = Event::Ping(b"?"[..].into());
        assert_eq!(
            parts(role, &bytes, &[]),
            [more("ab"), ping, more("cd"), last("e")]
        );
    }
}

#[test]
fn the_last_part_comes_even_if_it_is_empty_and_no_other_empty_one_does() {
    for role in ROLES {
        let bytes = frames(role, &[(0x01, b""), (0x00, b"a"), (0x00, b""), (0x80, b"")]);
        assert_eq!(parts(role, &bytes, &[]), [more("a"), last("")]);
        let every: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(parts(role, &bytes, &every), [more("a"), last("")]);
        let bytes = frames(role, &[(0x02, b""), (0x80, b"")]);
        assert_eq!(parts(role, &bytes, &[1]), [last(b"")]);
        // A whole empty message is one, however its header is cut.
        let bytes = frame(role, 0x81, b"");
        assert_eq!(parts(role, &bytes, &[1]), [Event::Message("".into())]);
    }
}

#[test]
fn clause_094_parts_of_text_end_on_a_character_boundary() {
    let text = "aß水𝄞b";
    for role in ROLES {
        // In one frame that reads cut, and in one fragment for each byte.
        let whole = frame(role, 0x81, text.as_bytes());
        let mut pieces: Vec<(u8, &[u8])> =
            text.as_bytes().chunks(1).map(|byte| (0x00, byte)).collect();
        pieces[0].0 = 0x01;
        pieces[text.len() - 1].0 = 0x80;
        for bytes in [whole, frames(role, &pieces)] {
            let every: Vec<usize> = (1..bytes.len()).collect();
            let expected = [more("a"), more("ß"), more("水"), more("𝄞"), last("b")];
            assert_eq!(parts(role, &bytes, &every), expected);
        }
    }
}

#[test]
fn a_cut_character_comes_as_a_part_of_its_own() {
    for role in ROLES {
        let bytes = frame(role, 0x81, "ab𝄞cd".as_bytes());
        let end = bytes.len();
        for cut in 1..4 {
            let expected = [more("ab"), more("𝄞"), last("cd")];
            assert_eq!(parts(role, &bytes, &[end - 6 + cut]), expected);
        }
        // Also as the message's end.
        let bytes = frame(role, 0x81, "ab𝄞".as_bytes());
        let end = bytes.len();
        assert_eq!(parts(role, &bytes, &[end - 1]), [more("ab"), last("𝄞")]);
    }
}

#[test]
fn clause_073_parts_joined_are_the_message_in_any_cuts() {
    let mut random = Random::new(5);
    for round in 0..100 {
        for role in ROLES {
            let text = random.text(200);
            let binary = random.bytes(400);
            let split = random.within(0..text.len());
            let bytes = frames(
                role,
                &[
                    (0x01, &text.as_bytes()[..split]),
                    (0x80, &text.as_bytes()[split..]),
                    (0x02, &binary[..100]),
                    (0x80, &binary[100..]),
                ],
            );
            let outcome = run(role, &streaming(), &bytes, &random.cuts(bytes.len()));
            let expected = [Message::from(&text), Message::from(&binary)];
            assert_eq!(
                outcome.messages(),
                expected.iter().collect::<Vec<_>>(),
                "{round}"
            );
        }
    }
}

#[test]
fn nothing_is_held_and_nothing_is_copied() {
    for role in ROLES {
        for (first, payload) in [(0x82, vec![0xFF; 1 << 20]), (0x81, vec![b'x'; 1 << 20])] {
            let bytes = frame(role, first, &payload);
            let mut ws = open(role, &streaming());
            let mut out = Vec::new();
            let mut buffer = bytes.clone();
            let mut received = 0;
            let heap = measure(|| {
                for chunk in buffer.chunks_mut(10_000) {
                    let mut input = chunk;
                    while let Some(event) = ws.receive(&mut input, &mut out).unwrap() {
                        let Event::Part(part) = event else {
                            panic!("a part");
                        };
                        received += part.data.len();
                    }
                }
            });
            assert_eq!(received, payload.len());
            assert!(heap.bytes_total < 1_024, "{heap:?}");
            assert_eq!(heap.count_current, 0);
        }
    }
}

#[test]
fn clause_124_the_message_limit_holds_over_all_parts() {
    let config = streaming().max_message_size(10);
    for role in ROLES {
        let bytes = frames(role, &[(0x02, b"12345"), (0x00, b"67890"), (0x80, b"")]);
        let outcome = run(role, &config, &bytes, &[]);
        assert_eq!(outcome.messages(), [&Message::from(b"1234567890")]);
        let bytes = [
            frames(role, &[(0x02, b"12345"), (0x00, b"67890")]),
            announce(role, 0x80, 1),
        ]
        .concat();
        let outcome = run(role, &config, &bytes, &[]);
        assert_eq!(outcome.errors, [ProtocolError::MessageTooLarge]);
    }
}

#[test]
fn clause_114_hostile_083_bad_text_fails_in_the_part_that_brings_it() {
    let cases: [(&[(u8, &[u8])], usize); 5] = [
        (&[(0x01, b"fine"), (0x00, b"also"), (0x80, b"\xFF")], 2),
        (&[(0x01, b"fine"), (0x00, b"\xE6\xB0"), (0x80, b"")], 1),
        (&[(0x01, b"fine"), (0x00, b"\xE6\xB0"), (0x80, b"A")], 1),
        (&[(0x01, b"\xF0\x9D"), (0x00, b"\x84\x9E\x80")], 1),
        (&[(0x01, b"\xED"), (0x00, b"\xA0")], 0),
    ];
    for role in ROLES {
        for (case, before) in cases {
            let mut ws = open(role, &streaming());
            let mut bytes = frames(role, case);
            let mut input = &mut bytes[..];
            let mut out = Vec::new();
            for _ in 0..before {
                assert!(
                    matches!(ws.receive(&mut input, &mut out), Ok(Some(Event::Part(_)))),
                    "{case:x?}"
                );
            }
            assert_eq!(
                ws.receive(&mut input, &mut out),
                Err(ProtocolError::InvalidUtf8),
                "{case:x?}"
            );
            assert!(input.is_empty());
            let error = Error::Protocol(ProtocolError::InvalidUtf8);
            assert_eq!(ws.close_status().unwrap().error, Some(error));
            assert_eq!(decode(&out)[0].payload, 1007_u16.to_be_bytes());
        }
    }
}

#[test]
fn hostile_059_a_cut_character_and_a_huge_length_hold_a_small_box() {
    for role in ROLES {
        let config = streaming()
            .max_frame_size(1 << 40)
            .max_message_size(1 << 40);
        let mut ws: Connection = open(role, &config);
        let mut out = Vec::new();
        let mut bytes = announce(role, 0x81, 1 << 40);
        let cut = if role == Role::Server {
            0xF0 ^ KEY[0]
        } else {
            0xF0
        };
        bytes.push(cut);
        let heap = measure(|| {
            assert_eq!(ws.receive(&mut &mut bytes[..], &mut out), Ok(None));
            assert!(ws.handle_timeout(at(0), &mut out).is_some());
        });
        assert!(heap.bytes_max < 512, "{heap:?}");
        assert!(ws.direct().is_none());
    }
}
