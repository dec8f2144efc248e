//! What a peer may send under permessage-deflate to do us harm.
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use common::{
    Bits, Deflater, Inflater, ROLES, Random, at, bomb, decode, expect_fail_on, feed, frame, frames,
    in_cuts_on, open_deflate, run_on, widest,
};
use sansock::{Config, Event, Message, Part, ProtocolError, Role, proto::Connection};

/// What an inflater may hold: its window, tables and state, and the history that outlives BFINAL.
const INFLATER: u64 = (41 + 32 + 16) << 10;

/// By how much a message may outgrow its limit before that is seen.
const CHUNK: u64 = 16 << 10;

/// §7.2.3.1: "Hello".
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";

fn open(role: Role, config: &Config) -> Connection {
    open_deflate(role, &Arc::new(config.clone()), widest())
}

fn refused(role: Role, config: &Config, bytes: &[u8], code: u16) -> ProtocolError {
    expect_fail_on(|| open(role, config), config, |_, _| {}, bytes, code)
}

/// `payload` as a binary message in fragments of so many bytes.
fn fragments(role: Role, payload: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let many = payload.chunks(len).count();
    for (i, piece) in payload.chunks(len).enumerate() {
        let first = if i == 0 { 0x42 } else { 0x00 };
        let fin = if i + 1 == many { 0x80 } else { 0x00 };
        bytes.extend(frame(role, first | fin, piece));
    }
    bytes
}

/// Compressed bytes earn time as they come, not as they are announced.
#[test]
fn hostile_123_only_what_came_of_a_compressed_frame_earns_time() {
    let config = Config::default()
        .message_timeout(Some(Duration::from_secs(60)))
        .min_message_rate(10)
        .ping_interval(None)
        .idle_timeout(None);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        let payload = Bits::new().stored(false, &[7; 1_000]).message();
        let bytes = frame(role, 0xC2, &payload);
        let header = bytes.len() - payload.len();
        feed(&mut ws, &bytes[..header + 30], &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(60 + 3)));
        feed(&mut ws, &bytes[header + 30..header + 130], &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(60 + 13)));
    }
}

/// While streaming a part ends where 16 KiB are full, even if that is where a piece ends.
#[test]
fn section_7_2_2_a_part_is_full_at_16_kib() {
    for role in ROLES {
        let mut ws = open(role, &Config::default().streaming(true));
        let mut out = Vec::new();
        let payload = Bits::new().stored(false, &[7; 20_000]).message();
        let bytes = frame(role, 0xC2, &payload);
        // The block's header comes first, so that 32 bytes of what follows are as many bytes.
        let (header, rest) = bytes.split_at(bytes.len() - payload.len() + 5);
        assert_eq!(feed(&mut ws, header, &mut out), Ok(vec![]));
        let parts: Vec<usize> = feed(&mut ws, rest, &mut out)
            .unwrap()
            .into_iter()
            .map(|event| match event {
                Event::Part(part) => part.data.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(parts, [16_384, 3_616]);
    }
}

#[test]
fn clause_179_hostile_087_a_bomb_costs_its_limit_and_a_chunk() {
    // 1 GiB.
    let payload = bomb(1 << 30);
    assert!(payload.len() < 1_100_000);
    for role in ROLES {
        for limit in [0, 1, 100, 64 << 10, 1 << 20] {
            let config = Config::default().max_message_size(limit);
            // Of one-byte fragments no more is needed to make 1 MiB.
            for (payload, len) in [
                (&payload[..], payload.len()),
                (&payload, 4_096),
                (&payload[..2_000], 1),
            ] {
                let mut ws = open(role, &config);
                let mut out = Vec::with_capacity(100);
                let mut bytes = fragments(role, payload, len);
                let mut result = Ok(None);
                let heap = measure(|| {
                    let mut input = &mut bytes[..];
                    result = ws.receive(&mut input, &mut out).map(|_| None::<()>);
                });
                assert_eq!(result, Err(ProtocolError::MessageTooLarge));
                assert_eq!(decode(&out)[0].payload, 1009_u16.to_be_bytes());
                // A buffer that grows is counted with what it grows from.
                let most = limit + limit / 2 + INFLATER + CHUNK;
                assert!(heap.bytes_max <= most, "limit {limit}: {heap:?}");
                let stated = config.memory_ceiling(role, Some(widest()));
                let most = stated.assembly + stated.inflater + stated.spill + stated.state;
                assert!(heap.bytes_max <= most, "limit {limit}: {heap:?}\n{stated}");
            }
        }
    }
}

#[test]
fn clause_179_hostile_087_the_limit_is_of_what_is_inflated_and_exact() {
    for role in ROLES {
        for limit in [0, 1, 5, 258, 259, 1_000, 65_536] {
            let config = Config::default().max_message_size(limit as u64);
            let mut messages = Vec::new();
            for len in [1, 7, 4_096] {
                if limit > 0 {
                    messages.extend(fragments(role, &bomb(limit), len));
                }
                let bytes = [&messages[..], &fragments(role, &bomb(limit + 1), len)].concat();
                let mut ws = open(role, &config);
                let mut out = Vec::new();
                if limit > 0 {
                    let events = feed(&mut ws, &messages, &mut out).unwrap();
                    let expected = Event::Message(Message::from(vec![0; limit]));
                    assert_eq!(events.last(), Some(&expected));
                }
                assert_eq!(
                    feed(&mut open(role, &config), &bytes, &mut out),
                    Err(ProtocolError::MessageTooLarge)
                );
            }
        }
        // What is compressed may be longer than what it stands for.
        let config = Config::default().max_message_size(5);
        let bytes = frame(role, 0xC1, HELLO).repeat(2);
        let outcome = in_cuts_on(|| open(role, &config), &bytes);
        assert_eq!(outcome.messages(), [&Message::from("Hello"); 2]);
        let config = Config::default().max_message_size(4);
        let error = refused(role, &config, &bytes, 1009);
        assert_eq!(error, ProtocolError::MessageTooLarge);
        // Frames have their limit as they come.
        let config = Config::default().max_frame_size(7);
        let outcome = in_cuts_on(|| open(role, &config), &frame(role, 0xC1, HELLO));
        assert_eq!(outcome.messages(), [&Message::from("Hello")]);
        let config = Config::default().max_frame_size(6);
        let header = if role == Role::Server { 6 } else { 2 };
        let error = refused(role, &config, &frame(role, 0xC1, HELLO)[..header], 1009);
        assert_eq!(error, ProtocolError::FrameTooLarge);
    }
}

#[test]
fn hostile_087_one_layer_is_taken_off_and_no_more() {
    let inner = bomb(1 << 20);
    let mut bits = Bits::new();
    let outer = bits.stored(false, &inner).message();
    for role in ROLES {
        let config = Config::default().max_message_size(inner.len() as u64);
        let mut ws = open(role, &config);
        let events = feed(&mut ws, &frame(role, 0xC2, &outer), &mut Vec::new()).unwrap();
        assert_eq!(events, [Event::Message(Message::from(&inner).into_owned())]);
    }
}

#[test]
fn hostile_087_a_bomb_in_parts_holds_nothing() {
    const LIMIT: usize = 8 << 20;
    let config = Config::default()
        .streaming(true)
        .max_message_size(LIMIT as u64);
    for role in ROLES {
        for (payload, ends) in [(bomb(LIMIT), true), (bomb(LIMIT + 1), false)] {
            let mut ws = open(role, &config);
            let mut out = Vec::with_capacity(100);
            let mut bytes = frame(role, 0xC2, &payload);
            let (mut received, mut last, mut error) = (0, false, None);
            let heap = measure(|| {
                // In one read: a part that is cut by nothing but our own chunk.
                let mut input = &mut bytes[..];
                loop {
                    match ws.receive(&mut input, &mut out) {
                        Ok(Some(Event::Part(part))) => {
                            received += part.data.len();
                            last |= part.last;
                        }
                        Ok(None) => break,
                        Ok(Some(event)) => panic!("{event:?}"),
                        Err(failed) => error = Some(failed),
                    }
                }
            });
            assert_eq!(last, ends);
            assert_eq!(error, (!ends).then_some(ProtocolError::MessageTooLarge));
            assert!(
                received <= LIMIT && (!ends || received == LIMIT),
                "{received}"
            );
            // A part has at most 49 KiB; its buffer is counted with what it grows from.
            let most = INFLATER + 96 * 1024;
            assert!(heap.bytes_max <= most, "{heap:?}");
            let stated = config.memory_ceiling(role, Some(widest()));
            assert!(heap.bytes_max <= stated.assembly + stated.inflater + stated.spill);
        }
    }
}

#[test]
fn hostile_088_work_that_makes_nothing_has_a_budget() {
    let stored = b"\x00\x00\x00\xFF\xFF".repeat(1 << 20);
    let last = b"\x01\x00\x00\xFF\xFF".repeat(1 << 20);
    // Empty blocks of the fixed code: ten bits each, four of them in five bytes.
    let mut bits = Bits::new();
    for _ in 0..4 {
        bits.fixed(false).end();
    }
    let fixed = bits.bytes();
    assert_eq!(fixed.len(), 5);
    let fixed = fixed.repeat(1 << 20);
    for role in ROLES {
        for streaming in [false, true] {
            let config = Config::default().streaming(streaming);
            for blocks in [&stored, &last, &fixed] {
                for len in [blocks.len(), 100] {
                    let mut ws = open(role, &config);
                    let bytes = fragments(role, blocks, len);
                    let mut fed = 0;
                    let error = bytes.chunks(1_000).find_map(|chunk| {
                        fed += chunk.len();
                        feed(&mut ws, chunk, &mut Vec::new()).err()
                    });
                    assert_eq!(error, Some(ProtocolError::InflateBudget));
                    assert!(fed < 100_000, "{fed} bytes, and all for nothing");
                }
                let whole = frame(role, 0xC2, blocks);
                let mut out = Vec::new();
                let error = feed(&mut open(role, &config), &whole, &mut out);
                assert_eq!(error, Err(ProtocolError::InflateBudget));
                assert_eq!(decode(&out)[0].payload, 1008_u16.to_be_bytes());
            }
        }
    }
}

#[test]
fn hostile_088_clumsy_is_not_hostile() {
    // Each byte in a block of its own, and each message with more blocks than it needs.
    let mut bits = Bits::new();
    for byte in 0..50_000 {
        bits.stored(false, &[byte as u8]);
    }
    let payload = bits.message();
    let expected: Vec<u8> = (0..50_000).map(|byte| byte as u8).collect();
    let empty = [&b"\x00\x00\x00\xFF\xFF".repeat(100)[..], b"\x00"].concat();
    for role in ROLES {
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        let events = feed(&mut ws, &frame(role, 0xC2, &payload), &mut out).unwrap();
        assert!(events == [Event::Message(Message::from(&expected))]);
        for _ in 0..1_000 {
            let events = feed(&mut ws, &frame(role, 0xC2, &empty), &mut out).unwrap();
            assert_eq!(events, [Event::Message(b"".into())]);
        }
    }
}

#[test]
fn clause_137_hostile_089_rsv1_is_for_the_first_frame_of_a_message() {
    let config = Config::default();
    for role in ROLES {
        for first in [0xC8, 0xC9, 0xCA, 0x49, 0xC0, 0x40] {
            let error = refused(role, &config, &[first], 1002);
            assert_eq!(error, ProtocolError::ReservedBits(4), "{first:#x}");
            for begun in [(0x41, &HELLO[..3]), (0x01, &b"abc"[..])] {
                let mut bytes = frames(role, &[begun]);
                bytes.push(first);
                let error = refused(role, &config, &bytes, 1002);
                assert_eq!(error, ProtocolError::ReservedBits(4), "{first:#x}");
            }
        }
        for (first, bits) in [(0xA1, 2), (0x91, 1), (0xE1, 6), (0xF2, 7), (0xD0, 5)] {
            let error = refused(role, &config, &[first], 1002);
            assert_eq!(error, ProtocolError::ReservedBits(bits), "{first:#x}");
        }
        for first in [0xC3, 0xC7, 0xCB, 0xCF] {
            refused(role, &config, &[first], 1002);
        }
        let plain = || common::open(role, &config);
        for first in [0xC1, 0xC2, 0x41, 0x42] {
            let error = expect_fail_on(plain, &config, |_, _| {}, &[first], 1002);
            assert_eq!(error, ProtocolError::ReservedBits(4), "nothing was agreed");
        }
    }
}

#[test]
fn hostile_091_corrupt_data_fails_at_once() {
    // A reserved block type; a stored length that is none; too many literal codes; more code words
    // than there are; a length, a distance that is reserved; a distance with nothing there.
    let fixed = |symbol, many| {
        let mut bits = Bits::new();
        bits.fixed(false)
            .literals(b"abc")
            .word(symbol, many)
            .word(0, 5);
        bits.end().message()
    };
    let distance = |word| {
        let mut bits = Bits::new();
        bits.fixed(false).literals(b"abc").word(1, 7).word(word, 5);
        bits.end().message()
    };
    let payloads = [
        b"\x06\x00".to_vec(),
        b"\x07".to_vec(),
        b"\x00\x05\x00\xFA\xFEHello\x00".to_vec(),
        b"\xFC\x00\x00\x00\x00\x00\x00\x00".to_vec(),
        b"\x04\x00\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(),
        fixed(0xC6, 8),
        fixed(0xC7, 8),
        distance(30),
        distance(31),
    ];
    let config = Config::default();
    for role in ROLES {
        for payload in &payloads {
            assert!(Inflater::new(15, true).message(payload).is_err());
            for before in [&[][..], &[(0x81, &b"fine"[..]), (0xC1, HELLO)]] {
                let bytes = [frames(role, before), frame(role, 0xC1, payload)].concat();
                let error = refused(role, &config, &bytes, 1007);
                assert_eq!(error, ProtocolError::InvalidDeflate, "{payload:x?}");
            }
        }
        let error = refused(role, &config, &frame(role, 0xC2, &distance(3)), 1007);
        assert_eq!(
            error,
            ProtocolError::InvalidDeflate,
            "four bytes back, three are there"
        );
        // Without waiting for the rest.
        let begun = frame(role, 0x41, b"\x06");
        let error = refused(role, &config, &begun, 1007);
        assert_eq!(error, ProtocolError::InvalidDeflate);
    }
}

/// The end of a block may be a zero alone: what shows that none is under way must not end it.
#[test]
fn hostile_091_a_message_that_lacks_the_end_of_its_block_fails() {
    let mut bits = Bits::new();
    bits.stored(false, &[b'-'; 2049]);
    // A code of its own: 282 literals and lengths, 23 distances, 18 lengths of code words.
    bits.push(0, 1).push(2, 2);
    bits.push(25, 5).push(22, 5).push(14, 4);
    // 18 (repeat zero): one bit; 4, 3, 2 and 1: three.
    for len in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0, 3, 0, 3] {
        bits.push(len, 3);
    }
    let zeros = |bits: &mut Bits, many: u32| {
        bits.word(0, 1).push(many - 11, 7);
    };
    // 110: a, 1110: b, 1111: c, 0: the end, 10: a length of 131 and five bits more.
    zeros(&mut bits, 97);
    bits.word(0b110, 3).word(0b111, 3).word(0b111, 3);
    zeros(&mut bits, 138);
    zeros(&mut bits, 18);
    bits.word(0b100, 3);
    zeros(&mut bits, 24);
    bits.word(0b101, 3);
    // 0: a distance of 2049 and ten bits more.
    zeros(&mut bits, 22);
    bits.word(0b100, 3);
    // "aaab", and a length without its distance: the tail becomes that, and "cccc".
    bits.word(0b110_110_110, 9).word(0b1110, 4).word(0b10, 2);
    let payload = bits.bytes();
    assert!(Inflater::new(15, true).message(&payload).is_err());
    for role in ROLES {
        let error = refused(role, &Config::default(), &frame(role, 0xC2, &payload), 1007);
        assert_eq!(error, ProtocolError::InvalidDeflate);
    }
}

#[test]
fn hostile_091_garbled_messages_mean_what_the_second_hand_reads_or_fail() {
    let mut random = Random::new(91);
    let mut verdicts = [0; 2];
    for round in 0..3_000 {
        let text = "hello deflate, hello window ".repeat(random.within(1..20));
        let len = random.within(0..text.len());
        let mut payload = if round % 2 == 0 {
            Deflater::new(15, false, round).message(&text.as_bytes()[..len])
        } else {
            let data = random.bytes(len);
            let mixed = [&text.as_bytes()[..len], &data].concat();
            let mut payload = miniz_oxide::deflate::compress_to_vec(&mixed, 6);
            payload.push(0);
            payload
        };
        for _ in 0..random.within(0..3) {
            let at = random.within(0..payload.len());
            payload[at] ^= 1 << random.within(0..8);
        }
        if random.once_in(8) {
            payload.truncate(random.within(0..payload.len()));
        }
        let role = *random.pick(&ROLES);
        let cuts = random.cuts(payload.len());
        let bytes = frame(role, 0xC2, &payload);
        let outcome = run_on(open(role, &Config::default()), &bytes, &cuts);
        match Inflater::new(15, false).message(&payload) {
            Ok(data) => {
                assert_eq!(outcome.errors, [], "{payload:x?}");
                assert_eq!(outcome.messages(), [&Message::from(data)], "{payload:x?}");
                verdicts[0] += 1;
            }
            Err(why) => {
                assert_eq!(
                    outcome.errors,
                    [ProtocolError::InvalidDeflate],
                    "{why}: {payload:x?}"
                );
                verdicts[1] += 1;
            }
        }
    }
    assert!(verdicts.iter().all(|many| *many > 500), "{verdicts:?}");
}

/// `bytes` in a stored block: all of it can be read.
fn stored(bytes: &[u8]) -> Vec<u8> {
    Bits::new().stored(false, bytes).bytes()
}

#[test]
fn clause_141_hostile_083_text_is_checked_as_it_is_inflated() {
    // Where a fragment is not the last, its message never ends: nobody waits for that.
    let cases: [&[(u8, &[u8])]; 6] = [
        &[(0x41, b"fine"), (0x00, b"also"), (0x80, b"\xFF")],
        &[(0x41, b"fine"), (0x00, b"\xE6\xB0"), (0x80, b"A")],
        &[(0x41, b"\xF0\x9D"), (0x00, b"\x84\x9E\x80")],
        &[(0x41, b"\xED"), (0x00, b"\xA0")],
        &[(0x41, b"ok\xC0")],
        &[(0xC1, b"ab\xE6\xB0")],
    ];
    for role in ROLES {
        for streaming in [false, true] {
            let config = Config::default().streaming(streaming);
            for case in cases {
                let pieces: Vec<(u8, Vec<u8>)> = case
                    .iter()
                    .map(|(first, bytes)| {
                        let mut payload = stored(bytes);
                        if first & 0x80 != 0 {
                            payload.push(0);
                        }
                        (*first, payload)
                    })
                    .collect();
                let list: Vec<(u8, &[u8])> = pieces
                    .iter()
                    .map(|(first, piece)| (*first, &piece[..]))
                    .collect();
                let bytes = frames(role, &list);
                let error = refused(role, &config, &bytes, 1007);
                assert_eq!(error, ProtocolError::InvalidUtf8, "{case:x?}");
            }
        }
    }
}

#[test]
fn clause_141_parts_of_compressed_text_end_on_a_character_boundary() {
    let text = "aß水𝄞b".repeat(50);
    let config = Config::default().streaming(true);
    for role in ROLES {
        for seed in 0..4 {
            let payload = Deflater::new(15, true, seed).message(text.as_bytes());
            let bytes = [
                frame(role, 0xC1, &payload),
                frames(role, &[(0x41, b"\x00"), (0x80, b"")]),
                frame(role, 0x81, text.as_bytes()),
            ]
            .concat();
            let outcome = in_cuts_on(|| open(role, &config), &bytes[..bytes.len().min(512)]);
            assert_eq!(outcome.errors, []);
            for step in [1, 2, 3, 7, 100] {
                let cuts: Vec<usize> = (0..bytes.len()).step_by(step).collect();
                let outcome = run_on(open(role, &config), &bytes, &cuts);
                let expected = [&text[..], "", &text].map(Message::from);
                assert_eq!(outcome.messages(), expected.iter().collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn clause_141_parts_are_told_as_they_come() {
    let config = Config::default().streaming(true);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        let begun = frame(role, 0x41, &stored(b"Hel"));
        let more = Event::Part(Part::more("Hel"));
        assert_eq!(feed(&mut ws, &begun, &mut out), Ok(vec![more]));
        let ended = frame(role, 0x80, &[&stored(b"lo")[..], b"\x00"].concat());
        let events = feed(&mut ws, &ended, &mut out).unwrap();
        let text: String = events
            .iter()
            .map(|event| match event {
                Event::Part(part) => part.data.as_text().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(text, "lo");
        assert!(matches!(events.last(), Some(Event::Part(part)) if part.last));
        // The window knows what was told in parts.
        let again = frame(role, 0xC1, b"\xF2\x00\x11\x00\x00");
        let events = feed(&mut ws, &again, &mut out).unwrap();
        let shown = format!("{events:?}");
        assert!(shown.contains("Hello"), "{shown}");
    }
}
