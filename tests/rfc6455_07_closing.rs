//! The closing handshake, its codes and what is left of it (RFC 6455 §5.5.1, §7).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{
    ROLES, Sent, at, decode, feed, frame, frames, in_cuts, ms, open, open_default, run, whole,
};
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Part, Role, SendError, State, Timeout,
    proto::{Connection, Error, Prepared, SendOptions},
};

const NORMAL: CloseFrame<'static> = CloseFrame {
    code: CloseCode::NORMAL,
    reason: std::borrow::Cow::Borrowed("bye"),
};

fn sent(out: &[u8]) -> Vec<(u8, Vec<u8>)> {
    decode(out)
        .into_iter()
        .map(|Sent { first, payload, .. }| (first, payload))
        .collect()
}

fn status(ws: &Connection) -> &CloseStatus {
    ws.close_status().expect("an ending")
}

#[test]
fn clause_086_the_peers_close_is_answered_with_its_code() {
    for role in ROLES {
        for (body, reply) in [
            (&b""[..], &b""[..]),
            (b"\x03\xE8", b"\x03\xE8"),
            (b"\x03\xE9going", b"\x03\xE9"),
            (b"\x0F\xA0", b"\x0F\xA0"),
        ] {
            let outcome = in_cuts(role, &Config::default(), &frame(role, 0x88, body));
            assert_eq!(sent(&outcome.out), [(0x88, reply.to_vec())]);
        }
    }
}

#[test]
fn clause_085_hostile_112_no_data_goes_after_our_close() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send_part(&Part::more("begun"), &mut out).unwrap();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        let len = out.len();
        assert_eq!(ws.send("x", &mut out), Err(SendError::NotOpen));
        // hostile 120: not even the rest of a message.
        assert_eq!(
            ws.send_part(&Part::last("x"), &mut out),
            Err(SendError::NotOpen)
        );
        assert_eq!(ws.begin_frame(&Part::last("x")), Err(SendError::NotOpen));
        assert_eq!(out.len(), len);
    }
}

/// Nor after theirs, by whichever call.
#[test]
fn clause_085_hostile_112_nothing_goes_after_the_close_of_the_peer() {
    for role in ROLES {
        for begun in [false, true] {
            let mut ws = open_default(role);
            let mut out = Vec::new();
            if begun {
                ws.send_part(&Part::more("begun"), &mut out).unwrap();
            }
            feed(&mut ws, &frame(role, 0x88, b"\x03\xE8"), &mut out).unwrap();
            let len = out.len();
            let part = Part::last("x");
            for refused in [
                ws.send("x", &mut out),
                ws.send_with("x", SendOptions::default(), &mut out),
                ws.send_prepared(&Prepared::new("x"), &mut out),
                ws.send_part(&part, &mut out),
                ws.begin_frame(&part).map(drop),
                ws.ping(b"", &mut out),
                ws.pong(b"", &mut out),
                ws.close(None, &mut out),
            ] {
                assert_eq!(refused, Err(SendError::NotOpen));
            }
            assert_eq!(out.len(), len);
        }
    }
}

#[test]
fn hostile_120_a_close_may_cut_a_message_we_send_in_parts() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.send_part(&Part::more("begun"), &mut out).unwrap();
        ws.close(None, &mut out).unwrap();
        assert_eq!(
            ws.send_part(&Part::last("end"), &mut out),
            Err(SendError::NotOpen)
        );
        assert_eq!(sent(&out), [(0x01, b"begun".to_vec()), (0x88, vec![])]);
    }
}

#[test]
fn clause_101_a_close_sent_or_received_starts_the_closing() {
    for role in ROLES {
        let mut ws = open_default(role);
        assert_eq!(ws.state(), State::Open);
        ws.close(None, &mut Vec::new()).unwrap();
        assert_eq!((ws.state(), ws.is_finished()), (State::Closing, false));
        assert_eq!(ws.close_status(), None);
    }
    let mut client = open_default(Role::Client);
    feed(&mut client, b"\x88\x00", &mut Vec::new()).unwrap();
    assert_eq!(
        (client.state(), client.is_finished()),
        (State::Closing, false)
    );
}

#[test]
fn clause_087_099_100_hostile_109_a_server_is_over_once_both_closes_are_exchanged() {
    let mut ws = open_default(Role::Server);
    let mut out = Vec::new();
    feed(
        &mut ws,
        &frame(Role::Server, 0x88, b"\x03\xE9bye"),
        &mut out,
    )
    .unwrap();
    assert_eq!((ws.state(), ws.is_finished()), (State::Closed, true));
    let end = status(&ws);
    assert!(end.clean);
    assert_eq!(
        end.received,
        Some(CloseFrame::new(CloseCode::GOING_AWAY, "bye"))
    );
    assert_eq!((end.sent, end.error), (Some(CloseCode::GOING_AWAY), None));
}

#[test]
fn clause_087_099_hostile_109_a_client_waits_for_the_server_to_end_the_transport() {
    for (eof, ours) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut ws = open_default(Role::Client);
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        if ours {
            ws.close(Some(&NORMAL), &mut out).unwrap();
        }
        feed(&mut ws, b"\x88\x02\x03\xE8", &mut out).unwrap();
        assert!(!ws.is_finished() && ws.close_status().is_none());
        assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(6)));
        if eof {
            ws.receive_eof();
        } else {
            // The server keeps the transport open: the client ends it.
            assert_eq!(ws.handle_timeout(at(6), &mut out), None);
        }
        assert!(ws.is_finished());
        let end = status(&ws);
        assert!(end.clean, "the closing handshake was complete");
        assert_eq!((end.code(), end.error), (CloseCode::NORMAL, None));
    }
}

#[test]
fn clause_100_102_our_close_answered_is_a_clean_end() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        let len = out.len();
        let events = feed(&mut ws, &frame(role, 0x88, b"\x03\xE8"), &mut out).unwrap();
        assert_eq!(
            events,
            [Event::Close(Some(CloseFrame::new(CloseCode::NORMAL, "")))]
        );
        assert_eq!(out.len(), len, "an answer is not answered");
        assert_eq!(ws.is_finished(), role == Role::Server);
        ws.receive_eof();
        let end = status(&ws);
        assert!(ws.is_finished() && end.clean);
        assert_eq!(
            (end.code().get(), end.reason(), end.sent),
            (1000, "", Some(CloseCode::NORMAL))
        );
    }
}

#[test]
fn clause_088_hostile_107_closes_that_cross_end_cleanly_with_the_code_received() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        feed(&mut ws, &frame(role, 0x88, b"\x0F\xA1theirs"), &mut out).unwrap();
        assert_eq!(sent(&out).len(), 1, "one Close, and no reply");
        ws.receive_eof();
        let end = status(&ws).clone();
        assert!(end.clean);
        assert_eq!(
            (end.code().get(), end.reason(), end.sent),
            (4001, "theirs", Some(CloseCode::NORMAL))
        );
        ws.receive_eof();
        ws.handle_timeout(at(1_000), &mut out);
        assert_eq!(status(&ws), &end, "one ending");
    }
}

#[test]
fn clause_103_104_the_code_is_1005_without_a_body_and_1006_without_a_close() {
    for role in ROLES {
        for ours in [false, true] {
            let mut ws = open_default(role);
            let mut out = Vec::new();
            if ours {
                ws.close(Some(&NORMAL), &mut out).unwrap();
            }
            feed(&mut ws, &frame(role, 0x88, b""), &mut out).unwrap();
            ws.receive_eof();
            let end = status(&ws);
            assert_eq!(
                (end.code(), end.reason(), end.clean),
                (CloseCode::NO_STATUS, "", true)
            );
            let code = if ours {
                CloseCode::NORMAL
            } else {
                CloseCode::NO_STATUS
            };
            assert_eq!(end.sent, Some(code));

            let mut ws = open_default(role);
            if ours {
                ws.close(Some(&NORMAL), &mut out).unwrap();
            }
            ws.receive_eof();
            let end = status(&ws);
            assert_eq!(
                (end.code(), end.reason(), end.clean),
                (CloseCode::ABNORMAL, "", false)
            );
            assert_eq!(end.error, Some(Error::Eof));
        }
    }
}

#[test]
fn clause_103_hostile_079_111_what_follows_a_close_is_discarded() {
    let after: [&[(u8, &[u8])]; 6] = [
        &[(0x88, b"\x03\xE9second")],
        &[(0x81, b"data")],
        &[(0x89, b"ping")],
        &[(0x83, b"garbage")],
        &[(0x88, b"\x00")],
        &[(0x02, &[0; 1000])],
    ];
    for role in ROLES {
        for after in after {
            let close = frame(role, 0x88, b"\x03\xE8first");
            // An answer to ours.
            let mut ws = open_default(role);
            let mut out = Vec::new();
            ws.close(None, &mut out).unwrap();
            let len = out.len();
            feed(&mut ws, &close, &mut out).unwrap();
            let later = frames(role, after);
            assert_eq!(feed(&mut ws, &later, &mut out), Ok(vec![]));
            ws.receive_eof();
            assert_eq!((status(&ws).reason(), status(&ws).clean), ("first", true));
            assert_eq!(out.len(), len);
            // Answered by us.
            let bytes = [close.clone(), frames(role, after)].concat();
            let outcome = in_cuts(role, &Config::default(), &bytes);
            assert_eq!(
                outcome,
                whole(role, &Config::default(), &close),
                "{after:x?}"
            );
        }
    }
}

#[test]
fn hostile_079_110_a_flood_after_the_end_is_not_held() {
    for role in ROLES {
        for close_first in [false, true] {
            let mut ws = open_default(role);
            let mut out = Vec::new();
            if close_first {
                ws.close(None, &mut out).unwrap();
            }
            feed(&mut ws, &frame(role, 0x88, b""), &mut out).unwrap();
            let len = out.len();
            let mut chunk = vec![0x55; 1 << 16];
            let heap = allocation_counter::measure(|| {
                for _ in 0..16_384 {
                    assert_eq!(ws.receive(&mut &mut chunk[..], &mut out), Ok(None));
                }
            });
            assert_eq!((heap.count_total, out.len()), (0, len));
        }
    }
}

#[test]
fn hostile_110_messages_still_come_until_the_peers_close() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        let bytes = frames(
            role,
            &[
                (0x81, b"a"),
                (0x02, b"b"),
                (0x80, b"c"),
                (0x8A, b""),
                (0x88, b""),
            ],
        );
        let events = feed(&mut ws, &bytes, &mut out).unwrap();
        let expected = [
            Event::Message("a".into()),
            Event::Message(b"bc".into()),
            Event::Pong(b""[..].into()),
            Event::Close(None),
        ];
        assert_eq!(events, expected);
    }
}

#[test]
fn hostile_110_messages_we_do_not_keep_cost_nothing_while_closing() {
    let mut ws = open_default(Role::Server);
    let mut out = Vec::new();
    ws.handle_timeout(at(0), &mut out);
    ws.close(None, &mut out).unwrap();
    assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(5)));
    let bytes = frame(Role::Server, 0x82, &[7; 1 << 16]);
    let mut buffer = bytes.clone();
    let heap = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            buffer.copy_from_slice(&bytes);
            let mut input = &mut buffer[..];
            while ws.receive(&mut input, &mut out).unwrap().is_some() {}
        }
    });
    assert_eq!(heap.count_total, 0);
    assert_eq!(
        ws.handle_timeout(at(5), &mut out),
        None,
        "data is no answer"
    );
    assert_eq!(status(&ws).error, Some(Error::Timeout(Timeout::Close)));
}

#[test]
fn hostile_071_a_close_inside_a_message_drops_the_message() {
    for role in ROLES {
        let bytes = frames(
            role,
            &[(0x01, b"never"), (0x88, b"\x03\xE8"), (0x80, b"seen")],
        );
        let outcome = in_cuts(role, &Config::default(), &bytes);
        let close = CloseFrame::new(CloseCode::NORMAL, "");
        assert_eq!(outcome.events, [Event::Close(Some(close))]);
        assert_eq!(outcome.errors, []);
    }
}

#[test]
fn hostile_108_a_close_that_is_not_answered_ends_uncleanly_at_its_deadline() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.handle_timeout(at(10), &mut out);
        ws.close(Some(&NORMAL), &mut out).unwrap();
        let len = out.len();
        assert_eq!(ws.handle_timeout(at(11), &mut out), Some(at(16)));
        assert_eq!(ws.handle_timeout(ms(15_999), &mut out), Some(at(16)));
        assert!(!ws.is_finished());
        assert_eq!(ws.handle_timeout(at(16), &mut out), None);
        assert!(ws.is_finished());
        assert_eq!(out.len(), len, "no second Close");
        let end = status(&ws);
        assert_eq!(
            (end.clean, end.code(), end.sent),
            (false, CloseCode::ABNORMAL, Some(CloseCode::NORMAL))
        );
        assert_eq!(end.error, Some(Error::Timeout(Timeout::Close)));
    }
}

#[test]
fn clause_105_a_fault_after_our_close_sends_no_second_one() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        let len = out.len();
        let error = feed(&mut ws, &[0x83], &mut out).unwrap_err();
        assert_eq!(out.len(), len);
        assert!(ws.is_finished());
        let end = status(&ws);
        assert_eq!(
            (end.clean, end.code().get(), end.sent),
            (false, 1006, Some(CloseCode::NORMAL))
        );
        assert_eq!(end.error, Some(Error::Protocol(error)));
    }
}

#[test]
fn clause_105_107_after_a_failure_not_even_a_close_is_processed() {
    for role in ROLES {
        let bytes = [vec![0x83], frame(role, 0x88, b"\x03\xE8")].concat();
        let outcome = in_cuts(role, &Config::default(), &bytes);
        assert_eq!(outcome.events, []);
        assert_eq!(
            sent(&outcome.out),
            [(0x88, 1002_u16.to_be_bytes().to_vec())]
        );
        assert_eq!(outcome.status.unwrap().received, None);
    }
}

#[test]
fn hostile_113_a_second_close_is_refused_and_writes_nothing() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(None, &mut out).unwrap();
        let len = out.len();
        assert_eq!(ws.close(None, &mut out), Err(SendError::NotOpen));
        assert_eq!(ws.close(Some(&NORMAL), &mut out), Err(SendError::NotOpen));
        assert_eq!(out.len(), len);
    }
}

#[test]
fn clause_102_108_hostile_114_the_end_of_the_transport_at_any_byte_is_1006_once() {
    let config = Config::default();
    for role in ROLES {
        let bytes = frames(
            role,
            &[
                (0x81, b"Hello"),
                (0x01, b"a"),
                (0x89, b"pp"),
                (0x80, b"b"),
                (0x82, &[7; 130]),
                (0x88, b"\x03\xE8bye"),
            ],
        );
        // Up to the last byte of the Close.
        for cut in 0..bytes.len() {
            let mut ws = open(role, &config);
            let mut out = Vec::new();
            feed(&mut ws, &bytes[..cut], &mut out).unwrap();
            let len = out.len();
            ws.receive_eof();
            assert!(ws.is_finished());
            let end = status(&ws).clone();
            assert_eq!(
                (end.code(), end.clean, end.sent),
                (CloseCode::ABNORMAL, false, None)
            );
            assert_eq!(end.error, Some(Error::Eof));
            ws.receive_eof();
            assert_eq!(feed(&mut ws, &bytes[cut..], &mut out), Ok(vec![]));
            assert_eq!(
                ws.handle_timeout(at(1), &mut out),
                None,
                "no deadline, no busy loop"
            );
            assert_eq!((out.len(), status(&ws)), (len, &end));
        }
    }
}

#[test]
fn hostile_115_117_an_end_of_the_transport_after_the_exchange_stays_clean() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        feed(&mut ws, &frame(role, 0x88, b"\x03\xE8"), &mut out).unwrap();
        ws.receive_eof();
        assert!(status(&ws).clean);
        assert_eq!(
            sent(&out),
            [(0x88, vec![0x03, 0xE8])],
            "our reply is there to be written"
        );
    }
}

#[test]
fn hostile_117_an_end_of_the_transport_before_their_close_leaves_ours_to_be_written() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(Some(&NORMAL), &mut out).unwrap();
        ws.receive_eof();
        assert_eq!(sent(&out), [(0x88, b"\x03\xE8bye".to_vec())]);
        assert_eq!((status(&ws).code().get(), status(&ws).clean), (1006, false));
    }
}

#[test]
fn clause_110_either_end_may_start_the_closing_at_any_time() {
    for role in ROLES {
        let config = Config::default();
        let bytes = frames(role, &[(0x01, b"half"), (0x00, b"more")]);
        for cut in 0..bytes.len() {
            let outcome = run(role, &config, &[&bytes[..cut]].concat(), &[]);
            assert_eq!(outcome.state, State::Open);
            let mut ws = open(role, &config);
            feed(&mut ws, &bytes[..cut], &mut Vec::new()).unwrap();
            let mut out = Vec::new();
            ws.close(None, &mut out).unwrap();
            assert_eq!(sent(&out), [(0x88, vec![])]);
        }
    }
}
