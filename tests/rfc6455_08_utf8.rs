//! Text is UTF-8 (RFC 6455 §5.6, §8.1).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{
    ROLES, Random, announce, decode, expect_fail, feed, frame, frames, in_cuts, masked, one_by_one,
    open_default, whole,
};
use sansock::{Config, Event, Message, ProtocolError, Role};

/// Texts that are not UTF-8.
const BAD: [&[u8]; 20] = [
    b"\x80",
    b"\xBF",
    b"\xC0\x80",
    b"\xC1\xBF",
    b"\xC2\x41",
    b"\xE0\x80\x80",
    b"\xE0\x9F\xBF",
    b"\xED\xA0\x80",
    b"\xED\xBF\xBF",
    b"\xED\xA0\xB4\xED\xB4\x9E",
    b"\xF0\x80\x80\x80",
    b"\xF0\x8F\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xF5\x80\x80\x80",
    b"\xF8\x88\x80\x80\x80",
    b"\xFC\x84\x80\x80\x80\x80",
    b"\xFE",
    b"\xFF",
    b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited",
    b"\xE6\xB0\xE6\xB0\xB4",
];

/// Texts that end inside a character.
const CUT: [&[u8]; 6] = [
    b"\xC2",
    b"\xE6",
    b"\xE6\xB0",
    b"\xF0",
    b"\xF0\x9D",
    b"\xF0\x9D\x84",
];

const FINE: &str =
    "a\u{7F}\u{80}ß\u{7FF}\u{800}水\u{D7FF}\u{E000}\u{FFFD}\u{FFFF}\u{10000}𝄞\u{10FFFF}";

#[test]
fn clause_114_hostile_080_invalid_text_in_one_frame_fails() {
    for role in ROLES {
        for bad in BAD.iter().chain(&CUT) {
            for prefix in [&b""[..], b"ok ", "水".as_bytes()] {
                let bytes = frame(role, 0x81, &[prefix, bad].concat());
                let error = expect_fail(role, &Config::default(), &bytes, 1007);
                assert_eq!(error, ProtocolError::InvalidUtf8, "{bad:x?}");
            }
        }
    }
}

#[test]
fn clause_114_hostile_080_invalid_text_split_over_fragments_fails() {
    for role in ROLES {
        for bad in BAD.iter().chain(&CUT) {
            let text = [b"ok", *bad].concat();
            for cut in 0..=text.len() {
                let bytes = frames(
                    role,
                    &[(0x01, &text[..cut]), (0x89, b""), (0x80, &text[cut..])],
                );
                let error = expect_fail(role, &Config::default(), &bytes, 1007);
                assert_eq!(error, ProtocolError::InvalidUtf8, "{bad:x?} cut at {cut}");
            }
        }
    }
}

#[test]
fn clause_094_hostile_081_a_character_may_be_split_over_frames() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (0x01, b"\xF0"),
                (0x89, b"1"),
                (0x00, b"\x9D"),
                (0x8A, b""),
                (0x00, b"\x84"),
                (0x89, b"2"),
                (0x80, b"\x9E"),
            ],
        );
        let outcome = in_cuts(role, &Config::default(), &bytes);
        assert_eq!(outcome.messages(), [&Message::from("𝄞")]);
        assert_eq!(outcome.events.len(), 4);
        for one in 0..=FINE.len() {
            let (a, b) = FINE.as_bytes().split_at(one);
            let bytes = frames(role, &[(0x01, a), (0x00, b""), (0x80, b)]);
            let outcome = whole(role, &Config::default(), &bytes);
            assert_eq!(outcome.messages(), [&Message::from(FINE)]);
            assert_eq!(one_by_one(role, &Config::default(), &bytes), outcome);
        }
    }
}

#[test]
fn clause_094_valid_text_is_delivered_in_every_cut() {
    for role in ROLES {
        let outcome = in_cuts(
            role,
            &Config::default(),
            &frame(role, 0x81, FINE.as_bytes()),
        );
        assert_eq!(outcome.messages(), [&Message::from(FINE)]);
    }
}

#[test]
fn hostile_082_a_bad_byte_fails_before_its_message_or_frame_ends() {
    for role in ROLES {
        for bad in BAD {
            // In a fragment that others follow.
            let bytes = frame(role, 0x01, bad);
            expect_fail(role, &Config::default(), &bytes, 1007);
            // In a frame of which the rest never comes.
            let mut bytes = announce(role, 0x81, 1_000);
            match role {
                Role::Server => bytes.extend(masked(bad, common::KEY)),
                Role::Client => bytes.extend(bad),
            }
            expect_fail(role, &Config::default(), &bytes, 1007);
        }
    }
}

#[test]
fn hostile_082_the_very_byte_that_shows_the_fault_fails() {
    // The text, and how many of its bytes it takes.
    let cases: [(&[u8], usize); 7] = [
        (b"ab\x80cd", 3),
        (b"\xC0\x80", 1),
        (b"\xED\xA0\x80", 2),
        (b"\xF4\x90\x80\x80", 2),
        (b"\xF5\x80", 1),
        (b"\xE6\xB0A", 3),
        (b"\xF0\x9D\x84\xC0", 4),
    ];
    for role in ROLES {
        for (text, needed) in cases {
            let bytes = frame(role, 0x01, text);
            let header = bytes.len() - text.len();
            let mut ws = open_default(role);
            for (i, byte) in bytes.iter().enumerate() {
                let result = feed(&mut ws, &[*byte], &mut Vec::new());
                let shown = i + 1 == header + needed;
                assert_eq!(result.is_err(), shown, "{text:x?} at byte {i}");
                if shown {
                    break;
                }
            }
        }
    }
}

#[test]
fn hostile_083_a_character_may_be_unfinished_at_a_fragments_end_but_not_at_the_messages() {
    for role in ROLES {
        for cut in CUT {
            let open = frame(role, 0x01, cut);
            assert_eq!(in_cuts(role, &Config::default(), &open).errors, []);
            for end in [&[(0x80, &b""[..])][..], &[(0x00, b""), (0x80, b"")]] {
                let bytes = [open.clone(), frames(role, end)].concat();
                let error = expect_fail(role, &Config::default(), &bytes, 1007);
                assert_eq!(error, ProtocolError::InvalidUtf8);
            }
        }
    }
}

#[test]
fn clause_094_the_next_message_begins_with_a_clean_slate() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (0x01, b"\xC3"),
                (0x80, b"\x9F"),
                (0x81, b"a"),
                (0x02, b"\xC3"),
                (0x80, b""),
                (0x81, b"b"),
            ],
        );
        let outcome = in_cuts(role, &Config::default(), &bytes);
        let expected: [Message<'_>; 4] = ["ß".into(), "a".into(), b"\xC3".into(), "b".into()];
        assert_eq!(outcome.messages(), expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn clause_115_text_is_sent_as_utf_8() {
    for role in ROLES {
        let mut out = Vec::new();
        open_default(role).send(FINE, &mut out).unwrap();
        let sent = decode(&out);
        assert_eq!(sent[0].payload, FINE.as_bytes());
    }
}

#[test]
fn hostile_085_long_texts_agree_with_the_standard_librarys_check() {
    let mut random = Random::new(85);
    let ascii = "The quick brown fox. ".repeat(15_000);
    let cjk = "水火木金土".repeat(20_000);
    let mix = random.text(100_000);
    for role in ROLES {
        for text in [&ascii, &cjk, &mix] {
            for flaw in [None, Some(0), Some(text.len() / 2), Some(text.len() - 1)] {
                let mut payload = text.clone().into_bytes();
                if let Some(place) = flaw {
                    payload[place] ^= 0x80;
                }
                let bytes = frame(role, 0x81, &payload);
                for size in [1 << 20, 65_536, 1_021] {
                    let cuts: Vec<usize> = (size..bytes.len()).step_by(size).collect();
                    let outcome = common::run(role, &Config::default(), &bytes, &cuts);
                    match std::str::from_utf8(&payload) {
                        Ok(text) => {
                            assert!(outcome.events == [Event::Message(text.into())]);
                        }
                        Err(_) => assert_eq!(outcome.errors, [ProtocolError::InvalidUtf8]),
                    }
                }
            }
        }
    }
}
