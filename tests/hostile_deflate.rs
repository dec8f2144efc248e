//! What a hostile reader of RFC 7692 would send: cases of our own, behind the end of the list.
#![cfg(feature = "deflate")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::sync::Arc;

use common::{
    Bits, ROLES, agreed, bomb, decode, expect_fail_on, feed, frame, frames, in_cuts_on,
    open_deflate, widest,
};
use sansock::{
    Config, DeflateConfig, Event, Message, ProtocolError, Role,
    proto::{Compress, Connection, SendOptions},
};

/// §7.2.3.1: "Hello".
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";

fn open(role: Role, config: &Config) -> Connection {
    open_deflate(role, &Arc::new(config.clone()), widest())
}

fn refused(role: Role, config: &Config, bytes: &[u8], code: u16) -> ProtocolError {
    expect_fail_on(|| open(role, config), config, |_, _| {}, bytes, code)
}

/// A message that copies `len` bytes from `distance` back.
fn refer(len: usize, distance: usize) -> Vec<u8> {
    Bits::new().fixed(false).copy(len, distance).end().message()
}

#[test]
fn hostile_196_garbage_behind_a_final_block() {
    for role in ROLES {
        for garbage in [
            &b"\x07"[..],
            b"\x06\x00",
            b"\x00\x05\x00\xFF\xFF",
            b"\xFF\xFF\xFF",
        ] {
            let mut bits = Bits::new();
            let last = bits.fixed(true).literals(b"fine").end().bytes();
            let payload = [&last[..], garbage].concat();
            for streaming in [false, true] {
                let config = Config::default().streaming(streaming);
                let error = refused(role, &config, &frame(role, 0xC2, &payload), 1007);
                assert_eq!(error, ProtocolError::InvalidDeflate, "{garbage:x?}");
                // Where it comes in a frame of its own, that one fails.
                let list = [(0x42, &last[..]), (0x89, b""), (0x80, garbage)];
                refused(role, &config, &frames(role, &list), 1007);
            }
        }
    }
}

/// The rules of frames hold for compressed messages as for others.
#[test]
fn hostile_054_to_067_frames_of_compressed_messages() {
    use ProtocolError as E;
    let cases: [(&[(u8, &[u8])], E); 12] = [
        (&[(0xC1, HELLO), (0x83, b"")], E::ReservedOpcode(3)),
        (&[(0x41, &HELLO[..3]), (0x8B, b"")], E::ReservedOpcode(11)),
        (&[(0x41, &HELLO[..3]), (0x09, b"")], E::FragmentedControl),
        (&[(0x41, b""), (0x89, &[0; 126])], E::ControlTooLong),
        (&[(0xC1, HELLO), (0x80, b"")], E::UnexpectedContinuation),
        (
            &[(0x41, HELLO), (0x80, b""), (0x00, b"")],
            E::UnexpectedContinuation,
        ),
        (&[(0x41, HELLO), (0x81, b"in")], E::InterleavedMessage),
        (&[(0x42, HELLO), (0x01, b"in")], E::InterleavedMessage),
        (&[(0x41, HELLO), (0x88, b"\x03")], E::CloseTooShort),
        (
            &[(0x41, HELLO), (0x88, b"\x03\xE8\xFF")],
            E::InvalidCloseReason,
        ),
        (
            &[(0x42, b""), (0x00, b""), (0x00, b""), (0x80, b"\0")],
            E::TooManyFragments,
        ),
        (&[(0xC2, &[0; 101])], E::FrameTooLarge),
    ];
    for role in ROLES {
        for streaming in [false, true] {
            let config = Config::default().max_fragments(3).streaming(streaming);
            let large = config.clone().max_frame_size(100);
            for (case, expected) in cases {
                let (config, code) = match expected {
                    E::InvalidCloseReason => (&config, 1007),
                    E::TooManyFragments => (&config, 1008),
                    E::FrameTooLarge => (&large, 1009),
                    _ => (&config, 1002),
                };
                let error = refused(role, config, &frames(role, case), code);
                assert_eq!(error, expected, "{case:x?}");
            }
            // RSV1 and a second beginning are both wrong.
            for first in [0xC1, 0xC2, 0x41, 0x42] {
                let bytes = frames(role, &[(0x01, b"begun"), (first, HELLO)]);
                refused(role, &config, &bytes, 1002);
            }
            // Lengths in too long a form, or of more than 63 bits.
            let mask = if role == Role::Server { 0x80 } else { 0 };
            for (length, expected) in [
                (&[126, 0, 125][..], E::NonMinimalLength),
                (&[127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], E::NonMinimalLength),
                (&[127, 0x80], E::LengthOverflow),
            ] {
                let bytes = [&[0xC2, mask | length[0]], &length[1..], &[0; 4]].concat();
                let error = refused(role, &config, &bytes, 1002);
                assert_eq!(error, expected, "{length:x?}");
            }
            // The mask of the wrong end, or none.
            let (other, expected) = match role {
                Role::Server => (Role::Client, E::UnmaskedFrame),
                Role::Client => (Role::Server, E::MaskedFrame),
            };
            for payload in [HELLO, b""] {
                let error = refused(role, &config, &frame(other, 0xC1, payload), 1002);
                assert_eq!(error, expected);
            }
            // A Close within a message: it is never seen as a whole.
            let bytes = frames(role, &[(0x41, HELLO), (0x88, b""), (0x80, b"")]);
            let outcome = in_cuts_on(|| open(role, &config), &bytes);
            assert_eq!(outcome.events, [Event::Close(None)]);
            assert_eq!(outcome.errors, []);
        }
    }
}

/// Every place of a character against the end of the 16 KiB that are inflated at once.
#[test]
fn hostile_084_197_a_character_cut_by_what_is_inflated_at_once() {
    const CHUNK: usize = 16 << 10;
    for role in ROLES {
        for streaming in [false, true] {
            let config = Config::default().streaming(streaming);
            for before in CHUNK - 4..=CHUNK {
                for end in ["𝄞", "水", "ß", "\u{1}"] {
                    let text = "x".repeat(before) + end + "and more";
                    let payload = Bits::new().stored(false, text.as_bytes()).message();
                    let mut ws = open(role, &config);
                    let events = feed(&mut ws, &frame(role, 0xC1, &payload), &mut Vec::new());
                    let mut received = String::new();
                    for event in events.unwrap() {
                        match event {
                            Event::Message(message) => received += message.as_text().unwrap(),
                            Event::Part(part) => received += part.data.as_text().unwrap(),
                            other => panic!("{other:?}"),
                        }
                    }
                    assert!(received == text, "{before} {end}");
                }
                // Broken off, cut, half of a pair, overlong, too great.
                for bad in [
                    &b"\xF0\x9D\x84"[..],
                    b"\xE6\xB0A",
                    b"\xED\xA0\x80",
                    b"\xC0\x80",
                    b"\xF5",
                ] {
                    let text = [&vec![b'x'; before][..], bad].concat();
                    let payload = Bits::new().stored(false, &text).message();
                    let bytes = frame(role, 0xC1, &payload);
                    let mut ws = open(role, &config);
                    let mut out = Vec::new();
                    let error = bytes.chunks(5_000).find_map(|piece| {
                        let mut piece = piece.to_vec();
                        let mut input = &mut piece[..];
                        loop {
                            match ws.receive(&mut input, &mut out) {
                                Ok(None) => return None,
                                Ok(Some(_)) => {}
                                Err(error) => return Some(error),
                            }
                        }
                    });
                    assert_eq!(error, Some(ProtocolError::InvalidUtf8), "{before} {bad:x?}");
                    assert_eq!(decode(&out)[0].parts(), (0x88, &b"\x03\xEF"[..]));
                }
            }
        }
    }
}

#[test]
fn hostile_198_a_plain_message_is_not_there_to_refer_to() {
    for role in ROLES {
        let config = Config::default();
        // Five bytes are in the window, whatever else was sent.
        let list = [
            (0xC1, HELLO),
            (0x81, &b"plain text"[..]),
            (0x89, b"and a ping"),
            (0x02, b"and "),
            (0x80, b"parts"),
        ];
        let before = frames(role, &list);
        let bytes = [&before[..], &frame(role, 0xC2, &refer(5, 6))].concat();
        let error = refused(role, &config, &bytes, 1007);
        assert_eq!(error, ProtocolError::InvalidDeflate);
        let bytes = [&before[..], &frame(role, 0xC2, &refer(5, 5))].concat();
        let outcome = in_cuts_on(|| open(role, &config), &bytes);
        assert_eq!(outcome.messages().last(), Some(&&Message::from(b"Hello")));
        // Nor is a message that nobody agreed to compress.
        let plain = [&frame(role, 0x82, &refer(5, 1))[..]].concat();
        let outcome = in_cuts_on(|| open(role, &config), &plain);
        assert_eq!(outcome.messages(), [&Message::from(refer(5, 1))]);
    }
}

#[test]
fn hostile_199_a_frame_counts_as_it_comes_and_a_message_as_it_is_inflated() {
    let noise = common::Random::new(199).bytes(1_000);
    let stored = Bits::new().stored(false, &noise).message();
    let small = bomb(1_000);
    for role in ROLES {
        // One byte too long for a frame: refused at its header, though it would inflate to less.
        let config = Config::default().max_frame_size(stored.len() as u64 - 1);
        let header = frame(role, 0xC2, &stored).len() - stored.len();
        let error = refused(role, &config, &frame(role, 0xC2, &stored)[..header], 1009);
        assert_eq!(error, ProtocolError::FrameTooLarge);
        // In frames that fit it passes: the sum is the message's.
        let (one, other) = stored.split_at(500);
        let bytes = frames(role, &[(0x42, one), (0x80, other)]);
        let outcome = in_cuts_on(|| open(role, &config), &bytes);
        assert_eq!(outcome.messages(), [&Message::from(&noise).into_owned()]);
        // Little on the wire, and a byte too much behind it.
        let config = Config::default().max_message_size(999);
        let error = refused(role, &config, &frame(role, 0xC2, &small), 1009);
        assert_eq!(error, ProtocolError::MessageTooLarge);
        for cut in [1, small.len() / 2, small.len() - 1] {
            let (one, other) = small.split_at(cut);
            let bytes = frames(role, &[(0x42, one), (0x89, b"?"), (0x80, other)]);
            refused(role, &config, &bytes, 1009);
        }
    }
}

#[test]
fn hostile_200_the_pool_carries_nothing_from_one_connection_to_another() {
    let secret = "the password of somebody else is correct horse battery staple";
    for role in ROLES {
        for params in [
            widest(),
            agreed(true, true, 15, 15),
            agreed(true, true, 9, 9),
        ] {
            let deflate = DeflateConfig::new()
                .client_no_context_takeover(false)
                .threshold(0);
            let config = Arc::new(Config::default().deflate(Some(deflate)));
            let always = SendOptions::from(Compress::Always);
            for abandoned in [false, true] {
                // Its window is full of a secret, and it leaves: in order, or in the middle.
                let mut other = open_deflate(role, &config, params);
                let payload = Bits::new().stored(false, secret.as_bytes()).message();
                let mut out = Vec::new();
                let first = if abandoned { 0x41 } else { 0xC1 };
                feed(&mut other, &frame(role, first, &payload), &mut out).unwrap();
                out.clear();
                other.send_with(secret, always, &mut out).unwrap();
                let alone = out.clone();
                if abandoned {
                    other.receive_eof();
                }
                drop(other);
                // Whoever comes next finds nothing to refer to…
                for distance in [1, 5, secret.len()] {
                    let bytes = frame(role, 0xC2, &refer(20, distance));
                    let open = || open_deflate(role, &config, params);
                    let error = expect_fail_on(open, &config, |_, _| {}, &bytes, 1007);
                    assert_eq!(error, ProtocolError::InvalidDeflate, "{distance}");
                }
                // … and what it sends is as long as if nobody had been there.
                let mut next = open_deflate(role, &config, params);
                let mut out = Vec::new();
                next.send_with(secret, always, &mut out).unwrap();
                assert_eq!(out.len(), alone.len(), "{role:?} {params:?}");
            }
        }
    }
}

#[test]
fn hostile_201_codes_that_cannot_be() {
    // Of a block with a code of its own: a repetition of nothing, too many lengths, too few bits
    // in use, no end of block, too many literals, too many distances.
    let head = |literals, distances, lengths| {
        let mut bits = Bits::new();
        bits.push(0, 1).push(2, 2);
        bits.push(literals, 5).push(distances, 5).push(lengths, 4);
        bits
    };
    let mut repetition_of_nothing = head(0, 0, 14);
    for bits_of_code in [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
        repetition_of_nothing.push(bits_of_code, 3);
    }
    repetition_of_nothing.word(1, 1).push(3, 2);
    let mut incomplete = head(0, 0, 0);
    for bits_of_code in [7, 0, 0, 0] {
        incomplete.push(bits_of_code, 3);
    }
    let mut crowded = head(0, 0, 0);
    for bits_of_code in [1, 1, 1, 0] {
        crowded.push(bits_of_code, 3);
    }
    let mut literals = head(30, 0, 0);
    let mut distances = head(0, 31, 0);
    let payloads = [
        repetition_of_nothing.bytes(),
        incomplete.bytes(),
        crowded.bytes(),
        literals.bytes(),
        distances.bytes(),
    ];
    for role in ROLES {
        for payload in &payloads {
            let padded = [&payload[..], &[0; 40]].concat();
            assert!(common::Inflater::new(15, true).message(&padded).is_err());
            let config = Config::default();
            let error = refused(role, &config, &frame(role, 0xC1, &padded), 1007);
            assert_eq!(error, ProtocolError::InvalidDeflate, "{payload:x?}");
            let list = [(0xC1, HELLO), (0x41, &padded[..1]), (0x80, &padded[1..])];
            refused(role, &config, &frames(role, &list), 1007);
        }
    }
}

/// RFC 7692 §8: what is sent by `Compress::Never` is not in the window either, so the length of a
/// guess that follows it tells nothing.
#[test]
fn clause_8_lengths_tell_nothing_of_what_is_never_compressed() {
    let secret = "session=8c1f2e9d77b04a6fa3d5c0b1e2f40917";
    let wrong = "session=000102030405060708090a0b0c0d0e0f";
    for role in ROLES {
        let length = |first: Compress, guess: &str| {
            let deflate = DeflateConfig::new().client_no_context_takeover(false);
            let config = Arc::new(Config::default().deflate(Some(deflate)));
            let mut ws = open_deflate(role, &config, widest());
            let mut out = Vec::new();
            ws.send_with(secret, SendOptions::from(first), &mut out)
                .unwrap();
            let before = out.len();
            let always = SendOptions::from(Compress::Always);
            ws.send_with(guess, always, &mut out).unwrap();
            out.len() - before
        };
        // The attack works where the secret is compressed: the right guess is short.
        assert!(length(Compress::Always, secret) < length(Compress::Always, wrong));
        // And not where it is not: as long as if no secret had been sent.
        let alone = {
            let config = Arc::new(Config::default().deflate(Some(DeflateConfig::new())));
            let mut ws = open_deflate(role, &config, widest());
            let mut out = Vec::new();
            let always = SendOptions::from(Compress::Always);
            ws.send_with(secret, always, &mut out).unwrap();
            out.len()
        };
        assert_eq!(length(Compress::Never, secret), alone);
    }
}
