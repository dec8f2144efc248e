//! Random frames, random garbage and valid exchanges with a bit flipped, cut at random.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{Outcome, ROLES, Random, frame, one_by_one, run, whole};
use sansock::{Config, Event, Message, Role};

/// Looks at an outcome in several cuts and both ways of receiving; they must agree.
fn check(role: Role, bytes: &[u8], random: &mut Random, times: usize) -> Outcome {
    let config = Config::default();
    let expected = whole(role, &config, bytes);
    assert!(expected.errors.len() <= 1, "{bytes:x?}");
    assert_eq!(expected.finished, expected.status.is_some(), "{bytes:x?}");
    for streaming in [false, true] {
        let config = config.clone().streaming(streaming);
        let mut outcomes = vec![(vec![], one_by_one(role, &config, bytes))];
        for _ in 0..times {
            let cuts = random.cuts(bytes.len());
            outcomes.push((cuts.clone(), run(role, &config, bytes, &cuts)));
        }
        for (cuts, mut found) in outcomes {
            found.unfinished = None;
            assert_eq!(
                found, expected,
                "{bytes:x?} cut at {cuts:?}, streaming {streaming}"
            );
        }
    }
    expected
}

/// A random conversation's one half that breaks no rule, and what must come of it.
fn valid(role: Role, random: &mut Random) -> (Vec<u8>, Vec<Event<'static>>) {
    let mut bytes = Vec::new();
    let mut events = Vec::new();
    for _ in 0..random.within(1..8) {
        let message: Message<'static> = if random.once_in(2) {
            let chars = random.within(0..60);
            random.text(chars).into()
        } else {
            let len = *random.pick(&[0, 1, 5, 125, 126, 127, 300]);
            random.bytes(len).into()
        };
        let mut opcode = if message.is_text() { 0x01 } else { 0x02 };
        let mut payload = message.as_bytes();
        while random.once_in(2) {
            let (piece, rest) = payload.split_at(random.within(0..payload.len() + 1));
            bytes.extend(frame(role, opcode, piece));
            (payload, opcode) = (rest, 0x00);
            if random.once_in(3) {
                let len = *random.pick(&[0, 1, 125]);
                let data = random.bytes(len);
                if random.once_in(2) {
                    bytes.extend(frame(role, 0x89, &data));
                    events.push(Event::Ping(data.into()));
                } else {
                    bytes.extend(frame(role, 0x8A, &data));
                    events.push(Event::Pong(data.into()));
                }
            }
        }
        bytes.extend(frame(role, opcode | 0x80, payload));
        events.push(Event::Message(message));
    }
    (bytes, events)
}

#[test]
fn clause_071_077_random_frames_are_the_messages_they_were_made_of() {
    let mut random = Random::new(1);
    for _ in 0..300 {
        for role in ROLES {
            let (bytes, events) = valid(role, &mut random);
            let outcome = check(role, &bytes, &mut random, 5);
            assert_eq!(outcome.events, events);
            assert_eq!((outcome.errors, outcome.finished), (vec![], false));
        }
    }
}

#[test]
fn hostile_077_random_bytes_do_no_harm() {
    let mut random = Random::new(77);
    for _ in 0..100_000 {
        let role = *random.pick(&ROLES);
        let len = random.within(1..60);
        let bytes = random.bytes(len);
        check(role, &bytes, &mut random, 1);
    }
}

#[test]
fn hostile_077_random_frames_of_plausible_bytes_do_no_harm() {
    const FIRST: [u8; 12] = [
        0x01, 0x02, 0x00, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x89, 0x01, 0xC1,
    ];
    let mut random = Random::new(770);
    let mut failed = 0;
    for _ in 0..20_000 {
        let role = *random.pick(&ROLES);
        let mut bytes = Vec::new();
        for _ in 0..random.within(1..7) {
            let len = random.within(0..5);
            let payload = if random.once_in(2) {
                random.text(len).into()
            } else {
                random.bytes(len)
            };
            bytes.extend(frame(role, *random.pick(&FIRST), &payload));
        }
        let outcome = check(role, &bytes, &mut random, 2);
        failed += usize::from(!outcome.errors.is_empty());
    }
    // Both ways are taken.
    assert!((3_000..19_000).contains(&failed), "{failed} failed");
}

#[test]
fn hostile_077_a_valid_exchange_with_one_bit_flipped_fails_or_is_another() {
    let mut random = Random::new(78);
    for role in ROLES {
        let bytes: Vec<u8> = [
            frame(role, 0x81, b"Hello"),
            frame(role, 0x01, "水".as_bytes()),
            frame(role, 0x89, b"?"),
            frame(role, 0x80, b"!"),
            frame(role, 0x82, &[7; 126]),
            frame(role, 0x88, b"\x03\xE8bye"),
        ]
        .concat();
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << bit;
                check(role, &flipped, &mut random, 1);
            }
        }
    }
}
