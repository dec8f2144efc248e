//! Limits and what a peer can make us hold (RFC 6455 §10.4, §10.7).
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::time::Duration;

use allocation_counter::measure;
use common::{
    KEY, ROLES, announce, at, decode, expect_fail, feed, frame, frames, in_cuts, masked, open,
    open_default, whole,
};
use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, Part, ProtocolError, Role, Timeout,
    proto::{Budget, Connection, Error, Instant, Prepared},
};

#[test]
fn clause_124_hostile_060_the_frame_limit_is_exact() {
    for role in ROLES {
        for limit in [0, 1, 125, 126, 300] {
            let config = Config::default().max_frame_size(limit);
            let len = usize::try_from(limit).unwrap();
            for first in [0x81, 0x82] {
                let fits = frame(role, first, &vec![b'x'; len]);
                assert_eq!(in_cuts(role, &config, &fits).messages().len(), 1);
                // At its header: the payload does not come.
                let error = expect_fail(role, &config, &announce(role, first, limit + 1), 1009);
                assert_eq!(error, ProtocolError::FrameTooLarge);
            }
            let twice = frames(role, &[(0x02, &vec![0; len]), (0x80, &vec![0; len])]);
            assert_eq!(
                whole(role, &config, &twice).messages().len(),
                1,
                "the sum may be more"
            );
            let bytes = [frame(role, 0x02, b""), announce(role, 0x80, limit + 1)].concat();
            expect_fail(role, &config, &bytes, 1009);
        }
    }
}

#[test]
fn clause_124_hostile_060_the_message_limit_is_exact() {
    for role in ROLES {
        for limit in [0, 1, 125, 126, 300] {
            let config = Config::default().max_message_size(limit);
            let len = usize::try_from(limit).unwrap();
            let fits = frame(role, 0x82, &vec![0; len]);
            assert_eq!(in_cuts(role, &config, &fits).messages().len(), 1);
            let error = expect_fail(role, &config, &announce(role, 0x82, limit + 1), 1009);
            assert_eq!(error, ProtocolError::MessageTooLarge);
            for cut in [0, len / 2, len] {
                let exact = frames(role, &[(0x02, &vec![0; cut]), (0x80, &vec![0; len - cut])]);
                let outcome = whole(role, &config, &exact.repeat(2));
                assert_eq!(outcome.messages().len(), 2, "each message counts anew");
                let mut more = frame(role, 0x02, &vec![0; cut]);
                more.extend(announce(role, 0x00, limit - cut as u64 + 1));
                let error = expect_fail(role, &config, &more, 1009);
                assert_eq!(error, ProtocolError::MessageTooLarge);
            }
        }
    }
}

#[test]
fn clause_124_there_are_limits_by_default() {
    for role in ROLES {
        let limit = 16 << 20;
        expect_fail(
            role,
            &Config::default(),
            &announce(role, 0x82, limit + 1),
            1009,
        );
        let outcome = whole(role, &Config::default(), &announce(role, 0x82, limit));
        assert_eq!(outcome.errors, []);
        let mut bytes = frame(role, 0x02, b"x");
        bytes.extend(announce(role, 0x80, limit));
        expect_fail(role, &Config::default(), &bytes, 1009);
    }
}

#[test]
fn hostile_059_an_announced_length_reserves_nothing_and_a_silence_ends_it() {
    let config = Config::default()
        .max_frame_size(1 << 30)
        .max_message_size(1 << 30);
    for role in ROLES {
        for (first, direct) in [(0x81, false), (0x82, false), (0x82, true), (0x02, true)] {
            let mut ws = open(role, &config);
            let mut out = Vec::with_capacity(256);
            ws.handle_timeout(at(0), &mut out);
            let mut bytes = announce(role, first, 1 << 30);
            bytes.extend(masked(
                &[0; 10],
                if role == Role::Server { KEY } else { [0; 4] },
            ));
            let heap = measure(|| {
                assert_eq!(ws.receive(&mut &mut bytes[..], &mut out), Ok(None));
                assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(31)));
            });
            assert!(heap.bytes_max < 1_024, "{heap:?}");
            // Reading straight into the message costs one step of growth.
            let heap = measure(|| assert_eq!(direct, direct && ws.direct().is_some()));
            assert!(heap.bytes_max <= (256 << 10) + 64, "{heap:?}");
            ws.handle_timeout(at(31), &mut out);
            assert!(ws.is_finished());
            assert_eq!(
                ws.close_status().unwrap().error,
                Some(Error::Timeout(Timeout::Message))
            );
            assert_eq!(decode(&out).last().unwrap().payload, 1008_u16.to_be_bytes());
        }
    }
}

#[test]
fn clause_127_a_peer_that_breaks_a_rule_is_told_the_code_and_dropped() {
    let cases: [(&[(u8, &[u8])], u16); 6] = [
        (&[(0xC1, b"")], 1002),
        (&[(0x81, b"\xFF")], 1007),
        (&[(0x88, b"\x03\xE8\xFF")], 1007),
        (&[(0x80, b"")], 1002),
        (&[(0x82, &[0; 2_000])], 1009),
        (&[(0x02, b""), (0x00, b""), (0x00, b"")], 1008),
    ];
    let config = Config::default().max_frame_size(1_000).max_fragments(2);
    for role in ROLES {
        for (case, code) in cases {
            expect_fail(role, &config, &frames(role, case), code);
            // Whatever went well before.
            let before = frames(
                role,
                &[(0x81, b"fine"), (0x89, b"?"), (0x02, b""), (0x80, b"")],
            );
            let mut ws = open(role, &config);
            let mut out = Vec::new();
            assert_eq!(feed(&mut ws, &before, &mut out).unwrap().len(), 3);
            feed(&mut ws, &frames(role, case), &mut out).unwrap_err();
            assert_eq!(decode(&out).last().unwrap().payload, code.to_be_bytes());
        }
    }
}

/// Each limit at its least, next to it, and at its greatest.
fn extremes() -> Vec<Config> {
    let mut configs = Vec::new();
    for number in [0, 1, u64::MAX] {
        let small = u32::try_from(number).unwrap_or(u32::MAX);
        let size = usize::try_from(number).unwrap_or(usize::MAX);
        let time = if number == u64::MAX {
            Duration::MAX
        } else {
            Duration::from_nanos(number)
        };
        let budget = Budget {
            burst: small,
            per_second: small,
        };
        let base = Config::default();
        configs.extend([
            base.clone().max_message_size(number),
            base.clone().max_frame_size(number),
            base.clone().max_message_size(number).max_frame_size(number),
            base.clone().max_fragments(small),
            base.clone().control_budget(budget),
            base.clone().tiny_budget(budget),
            base.clone().high_water_mark(size).fragment_size(size),
            base.clone().min_message_rate(small),
            base.clone()
                .ping_interval(Some(time))
                .pong_timeout(Some(time)),
            base.clone().idle_timeout(Some(time)),
            base.clone()
                .message_timeout(Some(time))
                .min_message_rate(small),
            base.clone().close_timeout(Some(time)),
            base.clone()
                .max_head_size(size)
                .max_headers(size)
                .max_request_line_size(size),
        ]);
        configs.push(
            base.max_message_size(number)
                .max_frame_size(number)
                .max_fragments(small)
                .control_budget(budget)
                .tiny_budget(budget)
                .high_water_mark(size)
                .ping_interval(Some(time))
                .pong_timeout(Some(time))
                .idle_timeout(Some(time))
                .message_timeout(Some(time))
                .min_message_rate(small)
                .close_timeout(Some(time)),
        );
    }
    configs
}

#[test]
fn hostile_133_limits_at_their_extremes_do_no_harm() {
    let moments = [0, 1, 2, 1_000_000_000, u64::MAX - 1, u64::MAX, 0, 5];
    for role in ROLES {
        let huge = announce(role, 0x02, u64::MAX >> 1);
        let exchange = [
            frames(
                role,
                &[
                    (0x81, b"a"),
                    (0x89, b"b"),
                    (0x01, b"c"),
                    (0x8A, b"d"),
                    (0x80, b"e"),
                ],
            ),
            huge.clone(),
            vec![0; 40],
        ]
        .concat();
        for config in extremes() {
            for streaming in [false, true] {
                let config = config.clone().streaming(streaming);
                let mut ws = open(role, &config);
                let mut out = Vec::new();
                let mut errors = 0;
                for (chunk, nanos) in exchange.chunks(11).zip(moments.into_iter().cycle()) {
                    errors += usize::from(feed(&mut ws, chunk, &mut out).is_err());
                    let _ = ws.send("x", &mut out);
                    let _ = ws.direct();
                    ws.handle_timeout(Instant::from_nanos(nanos), &mut out);
                }
                let _ = ws.close(None, &mut out);
                for nanos in moments {
                    ws.handle_timeout(Instant::from_nanos(nanos), &mut out);
                }
                ws.receive_eof();
                assert!(errors <= 1 && ws.is_finished());
                decode(&out);
            }
        }
    }
}

#[test]
fn hostile_133_a_limit_of_zero_refuses_and_the_greatest_refuses_nothing() {
    for role in ROLES {
        let none = Config::default().max_message_size(0);
        assert_eq!(
            in_cuts(role, &none, &frame(role, 0x82, b""))
                .messages()
                .len(),
            1
        );
        expect_fail(role, &none, &frame(role, 0x82, b"x"), 1009);
        let all = Config::default()
            .max_message_size(u64::MAX)
            .max_frame_size(u64::MAX)
            .max_fragments(u32::MAX);
        let outcome = in_cuts(role, &all, &frames(role, &[(0x02, b"a"), (0x80, b"b")]));
        assert_eq!(outcome.messages(), [&Message::from(b"ab")]);
        let nobody = Config::default().control_budget(Budget {
            burst: 0,
            per_second: 0,
        });
        expect_fail(role, &nobody, &frame(role, 0x89, b""), 1008);
    }
}

const SECRET: &str = "s3cret";

#[test]
fn hostile_151_nothing_prints_a_long_payload_or_a_key() {
    let long = format!("{}{SECRET}", "x".repeat(100));
    let prepared = Prepared::new(&long);
    let shown = [
        format!("{:?}", Message::from(&long)),
        format!("{:?}", Message::from(long.as_bytes())),
        format!("{:?}", Event::Message(Message::from(&long))),
        format!("{:?}", Part::last(&long)),
        format!("{prepared:?}"),
    ];
    for shown in shown {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.len() < 400, "{shown}");
    }
    let client = Connection::client(&Default::default(), [0xAB; 32]);
    let shown = format!("{client:?}");
    assert!(
        !shown.contains("171, 171") && !shown.contains("abababab"),
        "{shown}"
    );
}

#[test]
fn hostile_151_a_connection_does_not_print_the_message_it_gathers() {
    for role in ROLES {
        for first in [0x01, 0x02] {
            let mut ws = open_default(role);
            let bytes = frame(role, first, SECRET.as_bytes());
            feed(&mut ws, &bytes, &mut Vec::new()).unwrap();
            let shown = format!("{ws:?}");
            assert!(!shown.contains(SECRET), "{shown}");
            assert!(!shown.contains("115, 51, 99"), "{shown}");
        }
        // Nor a header or a control frame that a read cut.
        let mut ws = open_default(role);
        let bytes = frame(role, 0x89, SECRET.as_bytes());
        feed(&mut ws, &bytes[..bytes.len() - 1], &mut Vec::new()).unwrap();
        let shown = format!("{ws:?}");
        assert!(
            !shown.contains("115, 51, 99") && !shown.contains("s3cre"),
            "{shown}"
        );
        let key = "55, 250, 33";
        assert!(role == Role::Client || !shown.contains(key), "{shown}");
    }
}

#[test]
fn hostile_152_errors_carry_little_of_the_peer_and_no_text_of_it() {
    for role in ROLES {
        let bytes = frame(role, 0x88, b"\x03\xED\x1B[31mred");
        let error = whole(role, &Config::default(), &bytes).errors.remove(0);
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(
                shown.len() <= 100 && !shown.contains('\x1B') && !shown.contains("red"),
                "{shown}"
            );
        }
        // A reason, which is the peer's own text, is escaped when it is printed for debugging.
        let bytes = frame(role, 0x88, b"\x03\xE8\x1B[31mred");
        let events = whole(role, &Config::default(), &bytes).events;
        let close = CloseFrame::new(CloseCode::NORMAL, "\x1B[31mred");
        assert_eq!(events, [Event::Close(Some(close))]);
        assert!(!format!("{events:?}").contains('\x1B'));
    }
}

#[test]
fn hostile_151_a_connection_does_not_print_the_ping_it_owes_an_answer() {
    for role in ROLES {
        let mut ws = open(role, &Config::default().high_water_mark(0));
        feed(
            &mut ws,
            &frame(role, 0x89, SECRET.as_bytes()),
            &mut Vec::new(),
        )
        .unwrap();
        let shown = format!("{ws:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(!shown.contains("115, 51, 99"), "{shown}");
    }
}
