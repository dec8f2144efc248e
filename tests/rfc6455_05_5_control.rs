//! Control frames: Close, Ping, Pong (RFC 6455 §5.5).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{
    ROLES, announce, at, decode, expect_fail, expect_fail_with, feed, frame, frames, in_cuts, ms,
    open, open_default,
};
use sansock::{
    CloseCode, CloseFrame, Config, Event, ProtocolError, SendError, State,
    proto::{Budget, Connection},
};

const CONTROLS: [u8; 3] = [0x88, 0x89, 0x8A];

#[test]
fn clause_081_hostile_055_a_control_frame_above_125_bytes_fails_at_its_length() {
    for role in ROLES {
        for first in CONTROLS {
            for len in [126, 1_000, 65_536, u64::MAX >> 1] {
                let bytes = &announce(role, first, len)[..2];
                let error = expect_fail(role, &Config::default(), bytes, 1002);
                assert_eq!(error, ProtocolError::ControlTooLong);
            }
        }
        for first in [0x89, 0x8A] {
            let outcome = in_cuts(role, &Config::default(), &frame(role, first, &[b'x'; 125]));
            assert_eq!((outcome.errors, outcome.events.len()), (vec![], 1));
        }
    }
}

#[test]
fn clause_072_081_hostile_056_a_fragmented_control_frame_fails() {
    for role in ROLES {
        for first in [0x08, 0x09, 0x0A] {
            let error = expect_fail(role, &Config::default(), &[first], 1002);
            assert_eq!(error, ProtocolError::FragmentedControl);
            let bytes = [frame(role, 0x01, b"a"), frame(role, first, b"")].concat();
            let error = expect_fail(role, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::FragmentedControl);
        }
    }
}

#[test]
fn clause_081_we_send_no_control_payload_above_125_bytes() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        assert_eq!(ws.ping(&[0; 126], &mut out), Err(SendError::ControlTooLong));
        assert_eq!(ws.pong(&[0; 126], &mut out), Err(SendError::ControlTooLong));
        let long = CloseFrame::new(CloseCode::NORMAL, "x".repeat(124));
        assert_eq!(
            ws.close(Some(&long), &mut out),
            Err(SendError::CloseReasonTooLong)
        );
        assert_eq!(out, []);
        ws.ping(&[1; 125], &mut out).unwrap();
        ws.pong(&[2; 125], &mut out).unwrap();
        let longest = CloseFrame::new(CloseCode::NORMAL, "x".repeat(123));
        ws.close(Some(&longest), &mut out).unwrap();
        assert!(decode(&out).iter().all(|frame| frame.payload.len() == 125));
    }
}

#[test]
fn clause_082_hostile_103_a_close_body_of_one_byte_fails() {
    for role in ROLES {
        for byte in [0x00, 0x03, 0xFF] {
            let error = expect_fail(role, &Config::default(), &frame(role, 0x88, &[byte]), 1002);
            assert_eq!(error, ProtocolError::CloseTooShort);
        }
    }
}

#[test]
fn clause_082_a_close_body_is_a_code_and_a_reason() {
    for role in ROLES {
        let bytes = frame(role, 0x88, b"\x03\xE9going away");
        let outcome = in_cuts(role, &Config::default(), &bytes);
        let close = CloseFrame::new(CloseCode::GOING_AWAY, "going away");
        assert_eq!(outcome.events, [Event::Close(Some(close))]);
        let outcome = in_cuts(role, &Config::default(), &frame(role, 0x88, b""));
        assert_eq!(outcome.events, [Event::Close(None)]);

        let mut out = Vec::new();
        let close = CloseFrame::new(CloseCode::new(4000), "ß");
        open_default(role).close(Some(&close), &mut out).unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x88, &b"\x0F\xA0\xC3\x9F"[..]));
        out.clear();
        open_default(role).close(None, &mut out).unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x88, &b""[..]));
    }
}

#[test]
fn clause_089_091_a_ping_is_answered_with_its_payload() {
    for role in ROLES {
        for payload in [&b""[..], b"a", &[0xFF; 125]] {
            let outcome = in_cuts(role, &Config::default(), &frame(role, 0x89, payload));
            assert_eq!(outcome.events, [Event::Ping(payload.into())]);
            let sent = decode(&outcome.out);
            assert_eq!(
                sent.iter().map(common::Sent::parts).collect::<Vec<_>>(),
                [(0x8A, payload)]
            );
        }
    }
}

#[test]
fn clause_089_no_ping_is_answered_after_a_close_came() {
    for role in ROLES {
        let bytes = frames(role, &[(0x88, b"\x03\xE8"), (0x89, b"late")]);
        let outcome = in_cuts(role, &Config::default(), &bytes);
        assert_eq!(outcome.events.len(), 1);
        let sent = decode(&outcome.out);
        assert_eq!(
            sent.iter().map(common::Sent::parts).collect::<Vec<_>>(),
            [(0x88, &b"\x03\xE8"[..])]
        );
    }
}

#[test]
fn clause_090_a_ping_can_be_sent_at_any_time_while_open() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.ping(b"", &mut out).unwrap();
        ws.ping(b"data", &mut out).unwrap();
        let sent = decode(&out);
        assert_eq!(
            (sent[0].parts(), sent[1].parts()),
            ((0x89, &b""[..]), (0x89, &b"data"[..]))
        );
        ws.close(None, &mut out).unwrap();
        let len = out.len();
        assert_eq!(ws.ping(b"", &mut out), Err(SendError::NotOpen));
        assert_eq!(ws.pong(b"", &mut out), Err(SendError::NotOpen));
        assert_eq!(out.len(), len);
    }
}

#[test]
fn clause_093_an_unsolicited_pong_is_sent_and_received_and_not_answered() {
    for role in ROLES {
        let mut out = Vec::new();
        open_default(role).pong(b"alive", &mut out).unwrap();
        assert_eq!(decode(&out)[0].parts(), (0x8A, &b"alive"[..]));
        let outcome = in_cuts(role, &Config::default(), &frame(role, 0x8A, b"alive"));
        assert_eq!(outcome.events, [Event::Pong(b"alive"[..].into())]);
        assert_eq!((outcome.out, outcome.state), (vec![], State::Open));
    }
}

#[test]
fn clause_092_hostile_073_beyond_the_mark_only_the_latest_ping_is_remembered() {
    const MARK: usize = 1_000;
    let config = Config::default().high_water_mark(MARK);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        for i in 0..=255_u8 {
            feed(&mut ws, &frame(role, 0x89, &[i; 125]), &mut out).unwrap();
            assert!(out.len() < MARK + 131, "{} bytes of replies", out.len());
        }
        let answered = decode(&out);
        for (i, pong) in answered.iter().enumerate() {
            assert_eq!(
                pong.parts(),
                (0x8A, &[u8::try_from(i).unwrap(); 125][..]),
                "in order"
            );
        }
        assert!(answered.len() < 10);
        // Once there is room, the latest is answered, once.
        out.clear();
        assert_eq!(ws.receive(&mut &mut [][..], &mut out), Ok(None));
        assert_eq!(decode(&out)[0].parts(), (0x8A, &[255; 125][..]));
        let len = out.len();
        ws.receive(&mut &mut [][..], &mut out).unwrap();
        ws.handle_timeout(at(0), &mut out);
        assert_eq!(out.len(), len);
    }
}

#[test]
fn clause_089_092_a_remembered_ping_is_answered_by_the_call_that_tells_the_time() {
    let config = Config::default().high_water_mark(10);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = vec![0; 10];
        feed(&mut ws, &frame(role, 0x89, b"wait"), &mut out).unwrap();
        assert_eq!(out.len(), 10);
        out.clear();
        ws.handle_timeout(at(0), &mut out);
        assert_eq!(decode(&out)[0].parts(), (0x8A, &b"wait"[..]));
    }
}

#[test]
fn clause_092_a_newer_ping_answered_at_once_replaces_a_remembered_one() {
    let config = Config::default().high_water_mark(10);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = vec![0; 10];
        feed(&mut ws, &frame(role, 0x89, b"old"), &mut out).unwrap();
        out.clear();
        feed(&mut ws, &frame(role, 0x89, b"new"), &mut out).unwrap();
        ws.handle_timeout(at(0), &mut out);
        let sent = decode(&out);
        assert_eq!(sent.last().unwrap().parts(), (0x8A, &b"new"[..]));
        assert!(sent.iter().filter(|frame| frame.payload == b"new").count() == 1);
    }
}

#[test]
fn clause_089_a_remembered_ping_is_forgotten_once_a_close_came() {
    let config = Config::default().high_water_mark(10);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = vec![0; 10];
        let bytes = frames(role, &[(0x89, b"wait"), (0x88, b"")]);
        feed(&mut ws, &bytes, &mut out).unwrap();
        let sent = decode(&out[10..]);
        assert_eq!(
            sent.iter().map(common::Sent::parts).collect::<Vec<_>>(),
            [(0x88, &b""[..])]
        );
        out.clear();
        ws.handle_timeout(at(0), &mut out);
        assert_eq!(out, []);
    }
}

const TEN: Budget = Budget {
    burst: 10,
    per_second: 2,
};

#[test]
fn hostile_073_074_a_flood_of_pings_or_pongs_fails() {
    let config = Config::default().control_budget(TEN);
    for role in ROLES {
        for first in [0x89, 0x8A] {
            let ten = frame(role, first, b"").repeat(10);
            assert_eq!(in_cuts(role, &config, &ten).events.len(), 10);
            let error = expect_fail(role, &config, &frame(role, first, b"").repeat(11), 1008);
            assert_eq!(error, ProtocolError::TooManyControlFrames);
            // A Close is not a flood.
            let close = [ten, frame(role, 0x88, b"")].concat();
            assert_eq!(in_cuts(role, &config, &close).errors, []);
        }
    }
}

#[test]
fn hostile_073_the_budget_is_refilled_by_time_and_by_messages() {
    let config = Config::default().control_budget(TEN);
    let flood = |role, count| frame(role, 0x8A, b"").repeat(count);
    for role in ROLES {
        let spent = |ws: &mut Connection, out: &mut Vec<u8>| {
            feed(ws, &flood(role, 10), out).unwrap();
            ws.handle_timeout(ms(999), out);
        };
        expect_fail_with(role, &config, spent, &flood(role, 1), 1008);
        let second = |ws: &mut Connection, out: &mut Vec<u8>| {
            spent(ws, out);
            ws.handle_timeout(ms(1_000), out);
            feed(ws, &flood(role, 2), out).unwrap();
        };
        expect_fail_with(role, &config, second, &flood(role, 1), 1008);
        let message = |ws: &mut Connection, out: &mut Vec<u8>| {
            spent(ws, out);
            feed(ws, &frame(role, 0x82, b"x"), out).unwrap();
            feed(ws, &flood(role, 10), out).unwrap();
        };
        expect_fail_with(role, &config, message, &flood(role, 1), 1008);
    }
}

#[test]
fn hostile_073_budgets_need_a_clock() {
    let config = Config::default().control_budget(TEN);
    for role in ROLES {
        let mut ws = open(role, &config);
        let bytes = frame(role, 0x8A, b"").repeat(1_000);
        assert_eq!(feed(&mut ws, &bytes, &mut Vec::new()).unwrap().len(), 1_000);
    }
}

#[test]
fn hostile_073_a_million_pings_to_a_peer_that_does_not_read() {
    let endless = Budget {
        burst: u32::MAX,
        per_second: 0,
    };
    for (role, payload) in [(ROLES[0], &b""[..]), (ROLES[1], &[7; 125])] {
        let mut ws = open(role, &Config::default().control_budget(endless));
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        let batch = frame(role, 0x89, payload).repeat(100);
        let mut buffer = Vec::new();
        for _ in 0..10_000 {
            buffer.clear();
            buffer.extend_from_slice(&batch);
            let mut input = &mut buffer[..];
            while ws.receive(&mut input, &mut out).unwrap().is_some() {}
        }
        assert!(out.len() <= (256 << 10) + 131, "{}", out.len());
        assert!(out.len() >= 256 << 10, "all that fit are answered");
        decode(&out);
    }
}

#[test]
fn clause_089_a_ping_is_answered_after_our_own_close_until_the_peers_close_came() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        ws.close(None, &mut out).unwrap();
        let bytes = frames(
            role,
            &[(0x89, b"still there?"), (0x88, b""), (0x89, b"late")],
        );
        assert_eq!(feed(&mut ws, &bytes, &mut out).unwrap().len(), 2);
        let sent = decode(&out);
        let sent: Vec<_> = sent.iter().map(common::Sent::parts).collect();
        assert_eq!(sent, [(0x88, &b""[..]), (0x8A, b"still there?")]);
    }
}

#[test]
fn clause_089_a_remembered_ping_is_answered_after_our_own_close() {
    for role in ROLES {
        let mut ws = open(role, &Config::default().high_water_mark(10));
        let mut out = vec![0; 10];
        feed(&mut ws, &frame(role, 0x89, b"wait"), &mut out).unwrap();
        ws.close(None, &mut out).unwrap();
        out.clear();
        ws.handle_timeout(at(0), &mut out);
        assert_eq!(decode(&out)[0].parts(), (0x8A, &b"wait"[..]));
    }
}
