//! The frame header: reserved bits, opcodes, lengths (RFC 6455 §5.2, §5.7).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{
    ROLES, announce, decode, expect_fail, feed, frame, in_cuts, masked, one_by_one, open_default,
    whole,
};
use sansock::{
    Config, Event, Message, ProtocolError, Role,
    proto::{Connection, FrameHeader, Opcode},
};

/// Feeds `bytes` to a `role` in all cuts; the only event.
fn one_event(role: Role, bytes: &[u8]) -> Event<'static> {
    let mut outcome = in_cuts(role, &Config::default(), bytes);
    assert_eq!(outcome.errors, []);
    assert_eq!(outcome.events.len(), 1, "{:?}", outcome.events);
    outcome.events.remove(0)
}

#[test]
fn clause_071_section_5_7_single_frame_unmasked_text() {
    let hello = Event::Message("Hello".into());
    assert_eq!(
        one_event(Role::Client, &[0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]),
        hello
    );
    let mut out = Vec::new();
    open_default(Role::Server).send("Hello", &mut out).unwrap();
    assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
}

#[test]
fn clause_070_section_5_7_single_frame_masked_text() {
    let bytes = [
        0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(
        one_event(Role::Server, &bytes),
        Event::Message("Hello".into())
    );
    let mut out = Vec::new();
    open_default(Role::Client).send("Hello", &mut out).unwrap();
    assert_eq!(out[..2], [0x81, 0x85]);
    assert_eq!(masked(b"Hello", out[2..6].try_into().unwrap()), out[6..]);
}

#[test]
fn clause_071_section_5_7_fragmented_unmasked_text() {
    let bytes = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F];
    assert_eq!(
        one_event(Role::Client, &bytes),
        Event::Message("Hello".into())
    );
    let bytes = b"\x01\x83\x37\xFA\x21\x3D\x7F\x9F\x4D\x80\x82\x37\xFA\x21\x3D\x5B\x95";
    assert_eq!(
        one_event(Role::Server, bytes),
        Event::Message("Hello".into())
    );
}

#[test]
fn clause_091_section_5_7_ping_and_its_masked_pong() {
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F];
    let outcome = in_cuts(Role::Client, &Config::default(), &ping);
    assert_eq!(outcome.events, [Event::Ping(b"Hello"[..].into())]);
    let [pong] = &decode(&outcome.out)[..] else {
        panic!("one Pong");
    };
    assert_eq!(pong.parts(), (0x8A, &b"Hello"[..]));
    assert!(pong.key.is_some());

    let pong = [
        0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    let outcome = in_cuts(Role::Server, &Config::default(), &pong);
    assert_eq!(outcome.events, [Event::Pong(b"Hello"[..].into())]);
    assert_eq!(outcome.out, []);
}

#[test]
fn clause_066_section_5_7_256_and_65536_bytes_of_binary() {
    for (header, len) in [
        (&[0x82, 0x7E, 0x01, 0x00][..], 256),
        (&[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
    ] {
        let payload: Vec<u8> = (0..=250).cycle().take(len).collect();
        let bytes = [header, &payload].concat();
        assert_eq!(
            one_event(Role::Client, &bytes),
            Event::Message(Message::from(&payload))
        );
        let mut out = Vec::new();
        open_default(Role::Server).send(&payload, &mut out).unwrap();
        assert_eq!(out, bytes);
    }
}

#[test]
fn clause_063_hostile_053_reserved_bits_fail_at_the_first_byte() {
    for role in ROLES {
        for rsv in 1..=7 {
            for low in [0x81, 0x01, 0x82, 0x80, 0x00, 0x88, 0x89, 0x8A] {
                let error = expect_fail(role, &Config::default(), &[low | rsv << 4], 1002);
                assert_eq!(error, ProtocolError::ReservedBits(rsv));
            }
        }
        // On a later frame, and with a payload that never comes.
        for second in [0x80 | 0x40, 0x89 | 0x10] {
            let mut bytes = frame(role, 0x01, b"a");
            bytes.extend(announce(role, second, 100));
            expect_fail(role, &Config::default(), &bytes, 1002);
        }
    }
}

#[test]
fn clause_064_hostile_054_reserved_opcodes_fail_at_the_first_byte() {
    for role in ROLES {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            for fin in [0x80, 0x00] {
                let first = fin | opcode;
                let error = expect_fail(role, &Config::default(), &[first], 1002);
                assert_eq!(error, ProtocolError::ReservedOpcode(opcode));
                let huge = announce(role, first, u64::MAX >> 1);
                let error = expect_fail(role, &Config::default(), &huge, 1002);
                assert_eq!(error, ProtocolError::ReservedOpcode(opcode));
            }
        }
    }
}

#[test]
fn clause_065_hostile_058_a_64_bit_length_with_its_highest_bit_fails() {
    for role in ROLES {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        for high in [0x80, 0xFF] {
            // Nothing after the byte that shows it is waited for.
            let error = expect_fail(role, &Config::default(), &[0x82, mask | 127, high], 1002);
            assert_eq!(error, ProtocolError::LengthOverflow);
        }
        let error = expect_fail(
            role,
            &Config::default(),
            &announce(role, 0x82, u64::MAX),
            1002,
        );
        assert_eq!(error, ProtocolError::LengthOverflow);
    }
}

#[test]
fn hostile_058_the_greatest_lengths_are_too_big_and_reserve_nothing() {
    for role in ROLES {
        for len in [
            u64::MAX >> 1,
            1 << 62,
            1 << 32,
            u64::from(u32::MAX),
            (16 << 20) + 1,
        ] {
            for first in [0x81, 0x82, 0x01, 0x02] {
                let error =
                    expect_fail(role, &Config::default(), &announce(role, first, len), 1009);
                assert_eq!(error, ProtocolError::FrameTooLarge);
            }
        }
        let lifted = Config::default().max_frame_size(u64::MAX);
        let bytes = announce(role, 0x82, u64::MAX >> 1);
        assert_eq!(
            expect_fail(role, &lifted, &bytes, 1009),
            ProtocolError::MessageTooLarge
        );
    }
}

#[test]
fn clause_066_hostile_057_a_length_must_be_in_its_shortest_form() {
    for role in ROLES {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        let key = if role == Role::Server {
            &[1, 2, 3, 4][..]
        } else {
            &[]
        };
        for len in [0_u16, 1, 125] {
            let bytes = [&[0x82, mask | 126][..], &len.to_be_bytes(), key].concat();
            let error = expect_fail(role, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::NonMinimalLength, "{len}");
        }
        for len in [0_u64, 125, 126, 65_535] {
            let bytes = [&[0x82, mask | 127][..], &len.to_be_bytes(), key].concat();
            let error = expect_fail(role, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::NonMinimalLength, "{len}");
        }
    }
}

#[test]
fn clause_066_lengths_are_sent_in_network_order_and_shortest_form() {
    let cases: [(usize, &[u8]); 9] = [
        (0, &[0x82, 0]),
        (1, &[0x82, 1]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0x00, 0x7E]),
        (127, &[0x82, 126, 0x00, 0x7F]),
        (0x1234, &[0x82, 126, 0x12, 0x34]),
        (65_535, &[0x82, 126, 0xFF, 0xFF]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x01_23_45, &[0x82, 127, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45]),
    ];
    for (len, header) in cases {
        let payload = vec![b'x'; len];
        let mut out = Vec::new();
        open_default(Role::Server).send(&payload, &mut out).unwrap();
        assert!(
            out.starts_with(header),
            "{len}: {:x?}",
            &out[..10.min(out.len())]
        );
        assert_eq!(out.len(), header.len() + len);
        let outcome = whole(Role::Client, &Config::default(), &out);
        assert_eq!(outcome.messages(), [&Message::from(&payload)]);
        assert_eq!(one_by_one(Role::Client, &Config::default(), &out), outcome);
    }
}

#[test]
fn clause_067_all_of_the_payload_is_application_data() {
    // Nothing at the front of a payload is taken for data of an extension.
    for role in ROLES {
        let outcome = in_cuts(
            role,
            &Config::default(),
            &frame(role, 0x82, b"\x00\x00\xFF\xFF"),
        );
        assert_eq!(outcome.messages(), [&Message::from(b"\x00\x00\xFF\xFF")]);
    }
}

#[test]
fn clause_062_data_may_come_and_go_from_the_first_byte_on() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send("first", &mut out).unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x81, &b"first"[..]));
        let events = feed(&mut ws, &frame(role, 0x82, b"first"), &mut out).unwrap();
        assert_eq!(events, [Event::Message(b"first".into())]);
    }
}

#[test]
fn hostile_078_a_header_cut_at_every_offset_is_the_same_header() {
    for role in ROLES {
        for (first, len) in [(0x82, 5), (0x82, 300), (0x82, 70_000), (0x89, 125)] {
            let payload = vec![0xA5; len];
            let bytes = frame(role, first, &payload);
            let config = Config::default();
            let expected = whole(role, &config, &bytes);
            assert_eq!(expected.events.len(), 1);
            for one in 0..=14 {
                for other in one..=15 {
                    let outcome = common::run(role, &config, &bytes, &[one, other]);
                    assert_eq!(outcome, expected, "cut at {one} and {other}");
                }
            }
        }
    }
}

#[test]
fn clause_063_064_the_header_alone_can_be_read_and_written() {
    let header = FrameHeader {
        fin: false,
        rsv: 0,
        opcode: Opcode::Binary,
        mask: Some([1, 2, 3, 4]),
        payload_len: 0x0102_0304_0506,
    };
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    assert_eq!(bytes, [0x02, 0xFF, 0, 0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4]);
    assert_eq!(FrameHeader::parse(&bytes), Ok(Some((header, 14))));
    assert_eq!(FrameHeader::parse(&bytes[..13]), Ok(None));
    assert_eq!(
        FrameHeader::parse(&[0xC2]),
        Err(ProtocolError::ReservedBits(4))
    );
    assert_eq!(
        FrameHeader::parse(&[0x8B]),
        Err(ProtocolError::ReservedOpcode(11))
    );
}

#[test]
fn clause_129_bytes_of_http_after_the_handshake_are_frames_and_fail() {
    for request in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"POST /",
    ] {
        for role in ROLES {
            let error = expect_fail(role, &Config::default(), request, 1002);
            assert!(matches!(error, ProtocolError::ReservedBits(_)), "{error:?}");
        }
    }
}

#[test]
fn an_empty_read_changes_nothing() {
    for role in ROLES {
        let mut ws: Connection = open_default(role);
        let mut out = Vec::new();
        assert_eq!(ws.receive(&mut &mut [][..], &mut out), Ok(None));
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        assert_eq!(ws.receive(&mut &mut [][..], &mut out), Ok(None));
        let events = feed(&mut ws, &frame(role, 0x80, b"b"), &mut out).unwrap();
        assert_eq!(events, [Event::Message("ab".into())]);
        assert_eq!(out, []);
    }
}
