//! What a hostile reader of RFC 6455 would send: cases of our own, behind the end of the list.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use allocation_counter::measure;
use common::{
    KEY, ROLES, announce, at, close_payload, decode, expect_fail, expect_fail_with, feed, frame,
    frames, in_cuts, masked, open, open_default,
};
use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, Part, ProtocolError, Role, SendError,
    proto::{Budget, Error},
};

/// What §5.1, §5.2 and §5.5 say of a frame that begins a connection with these two bytes, then a
/// length and a key of zeros or more: a second reading of the RFC, by a table.
fn verdict(role: Role, first: u8, second: u8, long: u64) -> Option<u16> {
    let (rsv, opcode, fin) = (first & 0x70, first & 0x0F, first & 0x80 != 0);
    let control = opcode >= 8;
    let minimal = match second & 0x7F {
        126 => (126..=0xFFFF).contains(&long),
        127 => (0x1_0000..1 << 63).contains(&long),
        _ => true,
    };
    let known = matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10);
    let short_control = !control || (fin && second & 0x7F < 126);
    let rightly_masked = (second & 0x80 != 0) == (role == Role::Server);
    if rsv != 0 || !known || !short_control || !minimal || !rightly_masked || opcode == 0 {
        Some(1002)
    } else if second & 0x7F == 127 && long > 16 << 20 {
        Some(1009)
    } else if opcode == 8 && second & 0x7F == 1 {
        Some(1002)
    } else {
        None
    }
}

#[test]
fn hostile_177_every_two_first_bytes_of_a_frame() {
    let config = Config::default();
    let mut failed = 0;
    for role in ROLES {
        for first in 0..=255 {
            for len in [0, 1, 2, 125, 126, 127] {
                for mask in [0, 0x80] {
                    for long in [
                        0,
                        125,
                        126,
                        0xFFFF,
                        0x1_0000,
                        1 << 40,
                        u64::MAX >> 1,
                        u64::MAX,
                    ] {
                        if (len < 126 && long > 0) || (len == 126 && long > 0xFFFF) {
                            continue;
                        }
                        let second = len | mask;
                        let mut bytes = vec![first, second];
                        match len {
                            126 => bytes.extend((long as u16).to_be_bytes()),
                            127 => bytes.extend(long.to_be_bytes()),
                            _ => {}
                        }
                        // A key of zeros, and the beginning of a payload.
                        if mask != 0 {
                            bytes.extend([0; 4]);
                        }
                        let payload = if first & 0x0F == 8 {
                            b"\x03\xE8"
                        } else {
                            b"ok"
                        };
                        bytes.extend(&payload[..usize::from(len.min(2))]);
                        match verdict(role, first, second, long) {
                            Some(code) => {
                                expect_fail(role, &config, &bytes, code);
                                failed += 1;
                            }
                            None => assert_eq!(
                                in_cuts(role, &config, &bytes).errors,
                                [],
                                "{role:?} {bytes:x?}"
                            ),
                        }
                    }
                }
            }
        }
    }
    assert!(failed > 10_000, "{failed}");
}

#[test]
fn hostile_178_a_fault_right_behind_whole_messages_of_the_same_read() {
    let faults: [(&[u8], u16); 5] = [
        (&[0xC1], 1002),
        (&[0x83], 1002),
        (&[0x09], 1002),
        (&[0x81, 0xFE, 0, 1], 1002),
        (&[0x82, 0xFF, 0x7F], 1009),
    ];
    for role in ROLES {
        for (fault, code) in faults {
            let mut fault = fault.to_vec();
            if fault.len() == 3 {
                fault.extend([0xFF; 7]);
            }
            if role == Role::Client && fault.len() > 1 {
                fault[1] &= 0x7F;
            } else if fault.len() > 4 {
                fault.extend(KEY);
            }
            let before = frames(role, &[(0x81, b"one"), (0x82, b"two"), (0x89, b"three")]);
            let bytes = [&before[..], &fault].concat();
            expect_fail(role, &Config::default(), &bytes, code);
            let outcome = in_cuts(role, &Config::default(), &bytes);
            let (one, two) = (Message::from("one"), Message::from(b"two"));
            assert_eq!(outcome.messages(), [&one, &two]);
            assert_eq!((outcome.events.len(), outcome.errors.len()), (3, 1));
        }
    }
}

#[test]
fn hostile_179_control_frames_with_lengths_in_the_long_forms() {
    for role in ROLES {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        for first in [0x88, 0x89, 0x8A] {
            for bytes in [
                &[first, mask | 126, 0, 2][..],
                &[first, mask | 126, 0, 125],
                &[first, mask | 126, 0, 126],
                &[first, mask | 127, 0, 0, 0, 0, 0, 0, 0, 0],
                &[first, mask | 127, 0xFF, 0, 0, 0, 0, 0, 0, 0],
            ] {
                let error = expect_fail(role, &Config::default(), bytes, 1002);
                assert_eq!(error, ProtocolError::ControlTooLong, "{bytes:x?}");
            }
        }
    }
}

#[test]
fn hostile_180_lengths_whose_lower_half_is_small() {
    let config = Config::default().max_frame_size(1 << 20);
    for role in ROLES {
        for low in [0, 5, 125, 1 << 20] {
            for high in [1_u64, 2, 1 << 8, 1 << 16, 1 << 30] {
                let mut bytes = announce(role, 0x81, high << 32 | low);
                bytes.extend(match role {
                    Role::Server => masked(b"Hello", KEY),
                    Role::Client => b"Hello".to_vec(),
                });
                let error = expect_fail(role, &config, &bytes, 1009);
                assert_eq!(error, ProtocolError::FrameTooLarge, "{bytes:x?}");
                // Nor is a sum cut: what was announced before counts whole.
                let begun = [
                    frame(role, 0x01, b"abc"),
                    announce(role, 0x80, high << 32 | low),
                ];
                expect_fail(role, &config, &begun.concat(), 1009);
            }
        }
    }
}

#[test]
fn hostile_181_only_what_is_unmasked_is_text() {
    // Bytes that are text on the wire and none behind the mask, and the other way round.
    let key = [0x80, 0x80, 0x80, 0x80];
    let wire = |first: u8, on_wire: &[u8]| {
        let len = 0x80 | u8::try_from(on_wire.len()).unwrap();
        [&[first, len][..], &key, on_wire].concat()
    };
    let config = Config::default();
    let error = expect_fail(Role::Server, &config, &wire(0x81, b"Hello"), 1007);
    assert_eq!(error, ProtocolError::InvalidUtf8);
    let outcome = in_cuts(Role::Server, &config, &wire(0x81, &masked(b"Hello", key)));
    assert_eq!(outcome.messages(), [&Message::from("Hello")]);
    // The same of a Close's reason, and of its code: 1000 on the wire, and something else.
    let close = [&masked(b"\x03\xE8", key)[..], b"bye"].concat();
    let error = expect_fail(Role::Server, &config, &wire(0x88, &close), 1007);
    assert_eq!(error, ProtocolError::InvalidCloseReason);
    let error = expect_fail(Role::Server, &config, &wire(0x88, b"\x03\xE8"), 1002);
    let code = CloseCode::new(0x8368);
    assert_eq!(error, ProtocolError::InvalidCloseCode(code));
}

#[test]
fn hostile_182_another_protocol_inside_an_open_connection() {
    for (bytes, error) in [
        // A second upgrade, a response, HTTP/2, TLS, SSH, a SOCKS greeting, an older draft's frame.
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            ProtocolError::ReservedBits(4),
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            ProtocolError::ReservedBits(4),
        ),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ProtocolError::ReservedBits(5),
        ),
        (b"\x16\x03\x01\x02\x00\x01", ProtocolError::ReservedBits(1)),
        (b"SSH-2.0-x\r\n", ProtocolError::ReservedBits(5)),
        (b"\x05\x01\x00", ProtocolError::ReservedOpcode(5)),
        (b"\xFF\x00", ProtocolError::ReservedBits(7)),
        (b"\r\n", ProtocolError::ReservedOpcode(13)),
    ] {
        for role in ROLES {
            assert_eq!(expect_fail(role, &Config::default(), bytes, 1002), error);
            // And when it comes in the middle of a message.
            let bytes = [&frame(role, 0x01, b"abc")[..], bytes].concat();
            assert_eq!(expect_fail(role, &Config::default(), &bytes, 1002), error);
        }
    }
}

#[test]
fn hostile_183_a_ping_does_not_complete_a_character() {
    // "€" is E2 82 AC, and the last of it comes in something else.
    for role in ROLES {
        for (first, last) in [(0x89, &b"\xAC"[..]), (0x8A, b"\xAC"), (0x89, b"\xAC\xAC")] {
            let list = [(0x01, &b"\xE2\x82"[..]), (first, last), (0x80, b"A")];
            for streaming in [false, true] {
                let config = Config::default().streaming(streaming);
                let error = expect_fail(role, &config, &frames(role, &list), 1007);
                assert_eq!(error, ProtocolError::InvalidUtf8);
            }
            // The message goes on where it was.
            let list = [list[0], list[1], (0x80, b"\xAC")];
            let outcome = in_cuts(role, &Config::default(), &frames(role, &list));
            assert_eq!(outcome.messages(), [&Message::from("€")]);
        }
    }
}

#[test]
fn hostile_184_the_next_message_does_not_complete_a_character() {
    for role in ROLES {
        for list in [
            &[(0x81, &b"\xE2\x82"[..]), (0x81, b"\xAC")][..],
            &[(0x01, b"\xE2"), (0x80, b"\x82"), (0x81, b"\xAC")],
            &[(0x01, b"\xE2\x82"), (0x80, b""), (0x82, b"\xAC")],
            &[(0x82, b"\xE2\x82"), (0x81, b"\xAC")],
        ] {
            let error = expect_fail(role, &Config::default(), &frames(role, list), 1007);
            assert_eq!(error, ProtocolError::InvalidUtf8);
        }
    }
}

#[test]
fn hostile_185_odd_characters_are_text_and_are_not_changed() {
    let texts = [
        "\u{FEFF}marked",
        "\0",
        "a\0b",
        "\u{FFFE}",
        "\u{FFFF}",
        "\u{10FFFF}",
        "\u{D7FF}\u{E000}",
        "\r\n",
        "\u{202E}live",
        "e\u{301}",
        "\u{FFFD}",
        "\u{85}\u{2028}",
        "\x1B[2J",
    ];
    for role in ROLES {
        for text in texts {
            let bytes = frames(role, &[(0x81, text.as_bytes())]);
            let outcome = in_cuts(role, &Config::default(), &bytes);
            assert_eq!(outcome.messages(), [&Message::from(text)], "{text:?}");
            let close = close_payload(1000, text.as_bytes());
            let outcome = in_cuts(role, &Config::default(), &frame(role, 0x88, &close));
            let close = CloseFrame::new(CloseCode::NORMAL, text);
            assert_eq!(outcome.events, [Event::Close(Some(close))]);
        }
    }
}

#[test]
fn hostile_186_reserved_bits_on_control_frames_inside_and_outside_of_messages() {
    for role in ROLES {
        for opcode in [0x08, 0x09, 0x0A] {
            for rsv in 1..8_u8 {
                let bytes = frame(role, 0x80 | rsv << 4 | opcode, b"");
                let error = expect_fail(role, &Config::default(), &bytes, 1002);
                assert_eq!(error, ProtocolError::ReservedBits(rsv));
                let bytes = [frame(role, 0x01, b"abc"), bytes].concat();
                let error = expect_fail(role, &Config::default(), &bytes, 1002);
                assert_eq!(error, ProtocolError::ReservedBits(rsv));
            }
        }
    }
}

#[test]
fn hostile_187_the_last_frame_that_passes_the_limit_frees_the_message() {
    const LIMIT: usize = 100_000;
    let config = Config::default().max_message_size(LIMIT as u64);
    for role in ROLES {
        let mut bytes = frames(
            role,
            &[
                (0x02, &[7; LIMIT / 2]),
                (0x89, b"?"),
                (0x00, &[7; LIMIT / 2]),
                (0x8A, b"!"),
            ],
        );
        bytes.extend(announce(role, 0x80, 1));
        let error = expect_fail(role, &config, &bytes, 1009);
        assert_eq!(error, ProtocolError::MessageTooLarge);
        let mut out = Vec::with_capacity(1_000);
        let mut ws = open(role, &config);
        ws.handle_timeout(at(0), &mut out);
        let heap = measure(|| {
            let mut input = &mut bytes[..];
            while ws
                .receive(&mut input, &mut out)
                .is_ok_and(|it| it.is_some())
            {}
        });
        assert!(ws.is_finished());
        assert!(
            heap.bytes_max >= LIMIT as u64 && heap.bytes_current < 512,
            "{heap:?}"
        );
    }
}

#[test]
fn hostile_188_controls_are_no_fragments() {
    const MOST: u32 = 5;
    let config = Config::default().max_fragments(MOST);
    for role in ROLES {
        let mut list = vec![(0x02, &b"a"[..])];
        for _ in 1..MOST - 1 {
            list.extend([(0x89, &b"?"[..]), (0x8A, b""), (0x00, b"b"), (0x89, b"")]);
        }
        let mut exact = list.clone();
        exact.push((0x80, b"c"));
        let outcome = in_cuts(role, &config, &frames(role, &exact).repeat(2));
        assert_eq!(outcome.messages(), [&Message::from(b"abbbc"); 2]);
        list.extend([(0x00, &b"c"[..]), (0x80, b"d")]);
        let error = expect_fail(role, &config, &frames(role, &list), 1008);
        assert_eq!(error, ProtocolError::TooManyFragments);
    }
}

/// Budgets of so many frames, and none later.
fn budgets(control: u32, tiny: u32) -> Config {
    let budget = |burst| Budget {
        burst,
        per_second: 0,
    };
    Config::default()
        .control_budget(budget(control))
        .tiny_budget(budget(tiny))
}

#[test]
fn hostile_189_a_spent_budget_fails_at_the_header() {
    for role in ROLES {
        for first in [0x89, 0x8A] {
            let config = budgets(7, 7);
            let spent = frame(role, first, b"x").repeat(7);
            assert_eq!(in_cuts(role, &config, &spent).errors, []);
            // The payload has not come, and need not.
            let header = announce(role, first, 125);
            let bytes = [&spent[..], &header].concat();
            let error = expect_fail(role, &config, &bytes, 1008);
            assert_eq!(error, ProtocolError::TooManyControlFrames);
        }
        let config = budgets(7, 7);
        let spent = [
            frame(role, 0x02, b""),
            frame(role, 0x00, &[7; 31]).repeat(6),
        ]
        .concat();
        let enough = [&spent[..], &frame(role, 0x80, b"x")].concat();
        assert_eq!(in_cuts(role, &config, &enough).messages().len(), 1);
        let bytes = [&spent[..], &announce(role, 0x00, 31)].concat();
        let error = expect_fail(role, &config, &bytes, 1008);
        assert_eq!(error, ProtocolError::TooManyTinyFrames);
        // What is not tiny is not counted.
        let bytes = [&spent[..], &frame(role, 0x00, &[7; 32]).repeat(9)].concat();
        assert_eq!(in_cuts(role, &config, &bytes).errors, []);
    }
}

#[test]
fn hostile_190_a_close_is_heard_whatever_is_spent() {
    for role in ROLES {
        let config = budgets(3, 3);
        let spent = frame(role, 0x89, b"x").repeat(3);
        let bytes = [spent, frame(role, 0x88, b"\x03\xE8")].concat();
        let outcome = in_cuts(role, &config, &bytes);
        assert_eq!(outcome.errors, []);
        assert_eq!(outcome.events.len(), 4);
        let sent = decode(&outcome.out);
        assert_eq!(sent.last().unwrap().parts(), (0x88, &b"\x03\xE8"[..]));
        // Even with no budget at all.
        let bytes = frame(role, 0x88, b"\x03\xE8");
        assert_eq!(in_cuts(role, &budgets(0, 0), &bytes).errors, []);
    }
}

#[test]
fn hostile_191_a_fault_while_we_are_inside_a_message_of_our_own() {
    for role in ROLES {
        for (bytes, code) in [
            (frame(role, 0x83, b""), 1002),
            (frame(role, 0x81, b"\xFF"), 1007),
            (announce(role, 0x82, 1 << 40), 1009),
        ] {
            let begin = |ws: &mut sansock::proto::Connection, out: &mut Vec<u8>| {
                ws.send_part(&Part::more("half a mess"), out).unwrap();
            };
            // The harness sends after the end, and must get nothing out.
            expect_fail_with(role, &Config::default(), begin, &bytes, code);
            let mut ws = open_default(role);
            let mut out = Vec::new();
            begin(&mut ws, &mut out);
            feed(&mut ws, &bytes, &mut out).unwrap_err();
            let len = out.len();
            let rest = ws.send_part(&Part::last("age"), &mut out);
            assert_eq!(rest, Err(SendError::NotOpen));
            assert_eq!(
                ws.begin_frame(&Part::last("")).err(),
                Some(SendError::NotOpen)
            );
            assert_eq!(out.len(), len);
            let sent = decode(&out);
            assert_eq!(sent[0].first, 0x01);
            assert_eq!(sent[1].parts(), (0x88, &u16::to_be_bytes(code)[..]));
            assert_eq!(sent.len(), 2);
        }
    }
}

#[test]
fn hostile_192_a_fault_after_our_close_sends_no_second_one() {
    let close = CloseFrame::new(CloseCode::new(3000), "bye");
    for role in ROLES {
        for bytes in [
            frame(role, 0x83, b""),
            frame(role, 0x81, b"\xFF"),
            frame(role, 0x88, b"\x03"),
            frame(role, 0x88, b"\x03\xEE"),
            frame(role, 0x80, b""),
            announce(role, 0x82, 1 << 40),
        ] {
            for cut in 0..=bytes.len() {
                let mut ws = open_default(role);
                let mut out = Vec::new();
                ws.handle_timeout(at(0), &mut out);
                ws.close(Some(&close), &mut out).unwrap();
                let (one, other) = bytes.split_at(cut);
                let results = [feed(&mut ws, one, &mut out), feed(&mut ws, other, &mut out)];
                let errors: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
                assert_eq!(errors.len(), 1, "{bytes:x?} cut at {cut}");
                let status = ws.close_status().unwrap().clone();
                assert_eq!(status.error, Some(Error::Protocol(*errors[0])));
                assert_eq!((status.clean, status.sent), (false, Some(close.code)));
                assert_eq!(status.code(), CloseCode::ABNORMAL);
                ws.receive_eof();
                assert_eq!(ws.handle_timeout(at(99), &mut out), None);
                assert_eq!(ws.close_status(), Some(&status), "a second ending");
                let sent = decode(&out);
                assert_eq!(sent.len(), 1);
                assert_eq!(sent[0].parts(), (0x88, &close_payload(3000, b"bye")[..]));
            }
        }
    }
}

#[test]
fn hostile_193_frames_within_payloads_are_payloads() {
    for role in ROLES {
        let inner = frames(role, &[(0x89, b"ping"), (0x88, b"\x03\xE8"), (0x83, b"")]);
        let list = [
            (0x82, &inner[..]),
            (0x02, &inner[..5]),
            (0x89, &inner),
            (0x80, &inner[5..]),
        ];
        let outcome = in_cuts(role, &Config::default(), &frames(role, &list));
        assert_eq!(outcome.errors, []);
        let message = Event::Message(Message::from(&inner).into_owned());
        let ping = Event::Ping(inner.clone().into());
        assert_eq!(outcome.events, [message.clone(), ping, message]);
        let sent = decode(&outcome.out);
        assert_eq!(sent.len(), 1);
        assert_eq!(
            sent[0].parts(),
            (0x8A, &inner[..]),
            "one Pong, and no Close"
        );
    }
}

#[test]
fn hostile_194_keys_that_make_the_wire_look_like_something() {
    let payload = b"\x88\x82\x88\x82\x88\x82\x88\x82\x00\xFF";
    // All zeros, all ones, the payload itself (zeros on the wire), a GET, a Close.
    for key in [
        [0; 4],
        [0xFF; 4],
        *b"\x88\x82\x88\x82",
        *b"GET ",
        *b"\x88\x80\0\0",
    ] {
        for first in [0x82, 0x02] {
            let mut bytes = vec![first, 0x80 | payload.len() as u8];
            bytes.extend(key);
            bytes.extend(masked(payload, key));
            if first == 0x02 {
                bytes.extend([0x80, 0x80]);
                bytes.extend(key);
            }
            let outcome = in_cuts(Role::Server, &Config::default(), &bytes);
            assert_eq!(outcome.messages(), [&Message::from(payload)], "{key:x?}");
        }
    }
}

#[test]
fn hostile_195_an_empty_first_fragment_decides_the_kind() {
    for role in ROLES {
        let bytes = frames(role, &[(0x01, b""), (0x00, b""), (0x80, b"\xFF")]);
        for streaming in [false, true] {
            let config = Config::default().streaming(streaming);
            let error = expect_fail(role, &config, &bytes, 1007);
            assert_eq!(error, ProtocolError::InvalidUtf8);
        }
        let bytes = frames(role, &[(0x02, b""), (0x00, b""), (0x80, b"\xFF")]);
        let outcome = in_cuts(role, &Config::default(), &bytes);
        assert_eq!(outcome.messages(), [&Message::from(b"\xFF")]);
    }
}
