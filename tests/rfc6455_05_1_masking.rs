//! Masking: which end must, which must not, and with what (RFC 6455 §5.1, §5.3, §10.3).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::collections::HashSet;

use common::{
    KEY, ROLES, SEED, at, decode, expect_fail, feed, frame, in_cuts, masked, open, open_default,
};
use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, Part, ProtocolError, Role,
    proto::{Connection, Prepared},
};

/// All ways to make a connection of `role` write a frame.
fn everything_it_can_send(role: Role) -> Vec<u8> {
    let mut out = Vec::new();
    let mut ws = open_default(role);
    ws.handle_timeout(at(0), &mut out);
    ws.send("text", &mut out).unwrap();
    ws.send("", &mut out).unwrap();
    ws.send(&[1u8, 2, 3], &mut out).unwrap();
    ws.send_prepared(&Prepared::new("prepared"), &mut out)
        .unwrap();
    ws.send_part(&Part::more("first"), &mut out).unwrap();
    ws.send_part(&Part::last(""), &mut out).unwrap();
    let mut payload = *b"payload";
    let header = ws.begin_frame(&Part::last(&payload)).unwrap();
    header.mask(&mut payload);
    out.extend(header.as_bytes());
    out.extend(payload);
    ws.ping(b"ping", &mut out).unwrap();
    ws.pong(b"", &mut out).unwrap();
    feed(&mut ws, &frame(role, 0x89, b"asked"), &mut out).unwrap();
    ws.handle_timeout(at(30), &mut out);
    ws.handle_timeout(at(31), &mut out);
    ws.handle_timeout(at(61), &mut out);
    ws.close(Some(&CloseFrame::new(CloseCode::NORMAL, "bye")), &mut out)
        .unwrap();

    // Those that end a connection: a reply, a failure, a missed deadline.
    feed(&mut open_default(role), &frame(role, 0x88, b""), &mut out).unwrap();
    feed(&mut open_default(role), &[0x83], &mut out).unwrap_err();
    let mut ws = open_default(role);
    for seconds in [0, 30, 50] {
        ws.handle_timeout(at(seconds), &mut out);
    }
    assert!(ws.is_finished());
    out
}

const ALL: [u8; 16] = [
    0x81, 0x81, 0x82, 0x81, 0x01, 0x80, 0x82, 0x89, 0x8A, 0x8A, 0x89, 0x88, 0x88, 0x88, 0x89, 0x88,
];

#[test]
fn clause_058_068_084_hostile_149_a_client_masks_every_frame_it_sends() {
    let sent = decode(&everything_it_can_send(Role::Client));
    assert_eq!(
        sent.iter().map(|frame| frame.first).collect::<Vec<_>>(),
        ALL
    );
    for frame in &sent {
        assert!(frame.key.is_some(), "{frame:x?}");
    }
}

#[test]
fn clause_060_a_server_masks_no_frame() {
    let sent = decode(&everything_it_can_send(Role::Server));
    assert_eq!(
        sent.iter().map(|frame| frame.first).collect::<Vec<_>>(),
        ALL
    );
    for frame in &sent {
        assert_eq!(frame.key, None, "{frame:x?}");
    }
}

#[test]
fn clause_059_hostile_061_a_server_fails_on_a_frame_without_mask() {
    for first in [0x80, 0x00, 0x81, 0x01, 0x82, 0x02, 0x88, 0x89, 0x8A] {
        for payload in [&b""[..], b"\x03\xE8"] {
            let bytes = frame(Role::Client, first, payload);
            let error = expect_fail(Role::Server, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::UnmaskedFrame, "{bytes:x?}");
        }
    }
    let long = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0; 100]].concat();
    assert_eq!(
        expect_fail(Role::Server, &Config::default(), &long, 1002),
        ProtocolError::UnmaskedFrame
    );
}

#[test]
fn clause_061_hostile_062_a_client_fails_on_a_masked_frame() {
    for first in [0x80, 0x00, 0x81, 0x01, 0x82, 0x02, 0x88, 0x89, 0x8A] {
        for payload in [&b""[..], b"\x03\xE8"] {
            let bytes = frame(Role::Server, first, payload);
            let error = expect_fail(Role::Client, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::MaskedFrame, "{bytes:x?}");
        }
    }
}

#[test]
fn clause_059_a_server_that_took_masked_frames_still_fails_on_one_without() {
    let bytes = [
        frame(Role::Server, 0x01, b"a"),
        frame(Role::Client, 0x80, b"b"),
    ]
    .concat();
    assert_eq!(
        expect_fail(Role::Server, &Config::default(), &bytes, 1002),
        ProtocolError::UnmaskedFrame
    );
}

#[test]
fn clause_070_received_octet_i_is_xored_with_key_octet_i_mod_4() {
    let plain: Vec<u8> = (0..=255).chain(0..80).collect();
    for len in 0..plain.len() {
        let mut ws = open_default(Role::Server);
        let events = feed(
            &mut ws,
            &frame(Role::Server, 0x82, &plain[..len]),
            &mut Vec::new(),
        );
        assert_eq!(
            events.unwrap(),
            [Event::Message(Message::from(&plain[..len]))]
        );
    }
    // The phase goes on over reads and begins anew with each frame.
    let bytes = [
        frame(Role::Server, 0x02, &plain[..7]),
        frame(Role::Server, 0x89, b"x"),
        frame(Role::Server, 0x80, &plain[7..50]),
    ]
    .concat();
    let outcome = in_cuts(Role::Server, &Config::default(), &bytes);
    assert_eq!(outcome.messages(), [&Message::from(&plain[..50])]);
}

#[test]
fn clause_070_sent_octet_i_is_xored_with_key_octet_i_mod_4() {
    let plain: Vec<u8> = (0..=255).chain(0..80).collect();
    let mut ws = open_default(Role::Client);
    for len in 0..plain.len() {
        let mut out = Vec::new();
        ws.send(&plain[..len], &mut out).unwrap();
        let header = if len < 126 { 6 } else { 8 };
        assert_eq!(
            out.len(),
            header + len,
            "masking does not change the length"
        );
        let key = out[header - 4..header].try_into().unwrap();
        assert_eq!(out[header..], masked(&plain[..len], key));
    }
}

#[test]
fn hostile_063_a_key_of_zeros_is_a_key() {
    let outcome = in_cuts(Role::Server, &Config::default(), b"\x81\x85\0\0\0\0Hello");
    assert_eq!(outcome.messages(), [&Message::from("Hello")]);
}

#[test]
fn clause_069_123_hostile_149_keys_are_new_for_each_frame_and_look_random() {
    const KEYS: usize = 1_000_000;
    let mut ws = open_default(Role::Client);
    let ping = Part::last("");
    let mut keys = HashSet::with_capacity(KEYS);
    let mut ones = [0_u32; 32];
    let mut previous = 0;
    let mut differences = HashSet::new();
    for i in 0..KEYS {
        let header = ws.begin_frame(&ping).unwrap();
        let key = u32::from_be_bytes(header.as_bytes()[2..6].try_into().unwrap());
        keys.insert(key);
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += key >> bit & 1;
        }
        if i < 10_000 {
            differences.insert(key.wrapping_sub(previous));
        }
        previous = key;
    }
    // A million of 2³² meet about 116 times.
    assert!(keys.len() > KEYS - 300, "{} different", keys.len());
    assert!(differences.len() > 9_990, "a step from key to key repeats");
    for (bit, count) in ones.into_iter().enumerate() {
        assert!(
            (495_000..505_000).contains(&count),
            "bit {bit} is set {count} times"
        );
    }
}

#[test]
fn clause_069_hostile_149_another_seed_gives_other_keys_and_the_time_gives_none() {
    let keys = |seed: [u8; 32], seconds: u64| -> Vec<_> {
        let mut ws = Connection::client(&Default::default(), seed);
        let mut out = Vec::new();
        ws.handle_timeout(at(seconds), &mut out);
        for _ in 0..100 {
            ws.ping(b"", &mut out).unwrap();
        }
        decode(&out).into_iter().map(|frame| frame.key).collect()
    };
    assert_eq!(keys(SEED, 0), keys(SEED, 1_000));
    let mut near = SEED;
    near[31] ^= 1;
    let near = keys(near, 0);
    assert!(keys(SEED, 0).iter().all(|key| !near.contains(key)));
}

#[test]
fn hostile_155_clause_123_a_payload_that_looks_like_http_is_not_on_the_wire() {
    const GET: &str = "GET /script.js HTTP/1.1\r\nHost: victim.example\r\n\r\n";
    let mut ws = open_default(Role::Client);
    let mut out = Vec::new();
    let large = GET.repeat(2_000);
    for _ in 0..100 {
        ws.send(GET, &mut out).unwrap();
        ws.ping(GET.as_bytes(), &mut out).unwrap();
    }
    ws.send(&large, &mut out).unwrap();
    ws.close(Some(&CloseFrame::new(CloseCode::NORMAL, GET)), &mut out)
        .unwrap();
    for word in [&b"GET "[..], b"HTTP", b"Host", b"\r\n\r\n"] {
        assert!(!out.windows(word.len()).any(|window| window == word));
    }
    let keys: HashSet<_> = decode(&out).into_iter().map(|frame| frame.key).collect();
    assert_eq!(keys.len(), 202);
}

#[test]
fn clause_060_061_each_role_takes_the_frames_of_the_other() {
    assert_eq!(KEY, [0x37, 0xFA, 0x21, 0x3D]);
    for role in ROLES {
        let mut ws = open(role, &Config::default());
        let events = feed(&mut ws, &frame(role, 0x81, b"Hello"), &mut Vec::new()).unwrap();
        assert_eq!(events, [Event::Message("Hello".into())]);
    }
}
