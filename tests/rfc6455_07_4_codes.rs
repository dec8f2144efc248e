//! Close codes and reasons on the wire (RFC 6455 §7.4).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{
    ROLES, Sent, close_payload, decode, expect_fail, frame, in_cuts, open_default, whole,
};
use sansock::{CloseCode, CloseFrame, Config, ProtocolError, SendError, State};

fn sent(out: &[u8]) -> Vec<(u8, Vec<u8>)> {
    decode(out)
        .into_iter()
        .map(|Sent { first, payload, .. }| (first, payload))
        .collect()
}

#[test]
fn clause_113_hostile_104_every_code_is_echoed_or_fails() {
    for role in ROLES {
        for code in 0..=u16::MAX {
            let bytes = frame(role, 0x88, &code.to_be_bytes());
            let outcome = whole(role, &Config::default(), &bytes);
            let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let reply = if allowed { code } else { 1002 };
            assert_eq!(outcome.errors.is_empty(), allowed, "{code}");
            assert_eq!(
                sent(&outcome.out),
                [(0x88, reply.to_be_bytes().to_vec())],
                "{code}"
            );
            assert_eq!(CloseCode::new(code).is_sendable(), allowed, "{code}");
        }
    }
}

#[test]
fn clause_111_the_defined_codes_are_sent_where_they_belong() {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999,
    ] {
        for role in ROLES {
            let mut out = Vec::new();
            let close = CloseFrame::new(CloseCode::new(code), "");
            open_default(role).close(Some(&close), &mut out).unwrap();
            assert_eq!(sent(&out), [(0x88, code.to_be_bytes().to_vec())]);
        }
        assert_eq!(u16::from(CloseCode::from(code)), code);
    }
}

#[test]
fn clause_112_hostile_113_we_send_no_code_or_reason_that_must_not_be_sent() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        for code in [
            0,
            999,
            1004,
            1005,
            1006,
            1015,
            1016,
            2000,
            2999,
            5000,
            u16::MAX,
        ] {
            let close = CloseFrame::new(CloseCode::new(code), "");
            let refused = Err(SendError::InvalidCloseCode(CloseCode::new(code)));
            assert_eq!(ws.close(Some(&close), &mut out), refused);
        }
        for reason in ["x".repeat(124), "水".repeat(42), "ß".repeat(62)] {
            let close = CloseFrame::new(CloseCode::NORMAL, reason);
            assert_eq!(
                ws.close(Some(&close), &mut out),
                Err(SendError::CloseReasonTooLong)
            );
        }
        assert_eq!(
            (out.len(), ws.state()),
            (0, State::Open),
            "refused, so nothing happened"
        );
        let close = CloseFrame::new(CloseCode::NORMAL, "水".repeat(41));
        ws.close(Some(&close), &mut out).unwrap();
        assert_eq!(decode(&out)[0].payload.len(), 125);
    }
}

#[test]
fn hostile_105_a_reason_must_be_utf_8_and_fit() {
    for role in ROLES {
        for reason in [
            &b"\xFF"[..],
            b"\xC0\x80",
            b"ok\xED\xA0\x80",
            b"cut\xF0\x9D\x84",
        ] {
            let bytes = frame(role, 0x88, &close_payload(1000, reason));
            let error = expect_fail(role, &Config::default(), &bytes, 1007);
            assert_eq!(error, ProtocolError::InvalidCloseReason);
        }
        let longest = frame(role, 0x88, &close_payload(1000, &[b'x'; 123]));
        assert_eq!(in_cuts(role, &Config::default(), &longest).errors, []);
        let longer = frame(role, 0x88, &close_payload(1000, &[b'x'; 124]));
        expect_fail(role, &Config::default(), &longer, 1002);
    }
}

#[test]
fn clause_113_hostile_104_codes_that_must_not_be_on_the_wire_fail() {
    let bad = [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for role in ROLES {
        for code in bad {
            let bytes = frame(role, 0x88, &close_payload(code, b"why"));
            let error = expect_fail(role, &Config::default(), &bytes, 1002);
            assert_eq!(error, ProtocolError::InvalidCloseCode(CloseCode::new(code)));
        }
    }
}
