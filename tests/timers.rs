//! Time: keep-alive, idle, unfinished messages, closing (RFC 6455 §5.5.2, §7.1.1). All made up.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::time::Duration;

use common::{ROLES, Sent, at, decode, feed, frame, frames, ms, open};
use sansock::{
    CloseCode, Config, Role, State, Timeout,
    proto::{Connection, Error, Instant},
};

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// No time at all, but what a test turns on.
fn timeless() -> Config {
    Config::default()
        .ping_interval(None)
        .pong_timeout(None)
        .idle_timeout(None)
        .message_timeout(None)
        .close_timeout(None)
}

fn first_bytes(out: &[u8]) -> Vec<u8> {
    decode(out).into_iter().map(|frame| frame.first).collect()
}

/// It ended by `timeout`, with that timeout's Close as the last thing sent, if it has one.
fn expect_timeout(ws: &Connection, out: &[u8], timeout: Timeout) {
    assert!(ws.is_finished());
    assert_eq!(ws.state(), State::Closed);
    let status = ws.close_status().unwrap();
    assert!(!status.clean);
    assert_eq!(status.code(), CloseCode::ABNORMAL);
    assert_eq!(status.error, Some(Error::Timeout(timeout)));
    let code = match timeout {
        Timeout::Pong => 1011_u16,
        Timeout::Idle => 1001,
        Timeout::Message | Timeout::Write => 1008,
        // Nothing is told but by our own Close before.
        _ => return assert_eq!(timeout.close_code(), None),
    };
    assert_eq!(timeout.close_code(), Some(CloseCode::new(code)));
    assert_eq!(status.sent, Some(CloseCode::new(code)));
    let sent = decode(out);
    let closes: Vec<_> = sent
        .iter()
        .filter(|frame| frame.first == 0x88)
        .map(Sent::parts)
        .collect();
    assert_eq!(closes, [(0x88, &code.to_be_bytes()[..])]);
    assert_eq!(sent.last().unwrap().first, 0x88);
}

#[test]
fn hostile_121_a_silence_is_pinged_and_then_ends_at_the_exact_deadline() {
    for role in ROLES {
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        assert_eq!(ws.handle_timeout(at(100), &mut out), Some(at(130)));
        let before = at(130).as_nanos() - 1;
        assert_eq!(
            ws.handle_timeout(Instant::from_nanos(before), &mut out),
            Some(at(130))
        );
        assert_eq!(out, []);
        assert_eq!(ws.handle_timeout(at(130), &mut out), Some(at(150)));
        assert_eq!(first_bytes(&out), [0x89]);
        let before = at(150).as_nanos() - 1;
        assert_eq!(
            ws.handle_timeout(Instant::from_nanos(before), &mut out),
            Some(at(150))
        );
        assert_eq!(first_bytes(&out), [0x89], "one Ping");
        assert_eq!(ws.handle_timeout(at(150), &mut out), None);
        expect_timeout(&ws, &out, Timeout::Pong);
    }
}

#[test]
fn hostile_121_any_complete_frame_is_life_and_a_piece_of_a_header_is_not() {
    let message = frames(Role::Server, &[(0x02, b"a")]);
    let life: [(&[u8], bool); 7] = [
        // A long frame leaves no place for an answer: its pieces are life as well.
        (&frame(Role::Server, 0x82, b"xyz")[..8], true),
        (&frame(Role::Server, 0x8A, b""), true),
        (&frame(Role::Server, 0x89, b"x"), true),
        (&frame(Role::Server, 0x82, b"x"), true),
        (&message, true),
        (&message[..1], false),
        (&frame(Role::Server, 0x89, b"xyz")[..8], false),
    ];
    for (bytes, alive) in life {
        let config = timeless()
            .ping_interval(seconds(30))
            .pong_timeout(seconds(20));
        let mut ws = open(Role::Server, &config);
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        ws.handle_timeout(at(30), &mut out);
        feed(&mut ws, bytes, &mut out).unwrap();
        let next = ws.handle_timeout(at(49), &mut out);
        assert_eq!(next, Some(at(if alive { 79 } else { 50 })), "{bytes:x?}");
    }
}

/// The contract has `receive` called until `None`, after `handle_timeout` as well.
#[test]
fn hostile_121_a_call_without_input_inside_a_frame_is_no_life() {
    for role in ROLES {
        for streaming in [false, true] {
            for timeout in [Timeout::Pong, Timeout::Idle] {
                let config = match timeout {
                    Timeout::Pong => timeless()
                        .ping_interval(seconds(30))
                        .pong_timeout(seconds(20)),
                    _ => timeless().idle_timeout(seconds(50)),
                };
                let mut ws = open(role, &config.streaming(streaming));
                let mut out = Vec::new();
                // The peer goes inside the payload.
                let mut begun = frame(role, 0x82, b"xyz");
                begun.pop();
                feed(&mut ws, &begun, &mut out).unwrap();
                for second in 0..=50 {
                    ws.handle_timeout(at(second), &mut out);
                    assert_eq!(feed(&mut ws, b"", &mut out), Ok(vec![]));
                    assert_eq!(ws.receive_direct(0), Ok(None));
                }
                expect_timeout(&ws, &out, timeout);
            }
        }
    }
}

#[test]
fn hostile_122_a_pong_within_a_tick_of_the_deadline() {
    let pong = |role| frame(role, 0x8A, b"");
    for role in ROLES {
        for (moment, alive) in [(ms(49_999), true), (at(50), true)] {
            let mut ws = open(role, &Config::default());
            let mut out = Vec::new();
            ws.handle_timeout(at(0), &mut out);
            ws.handle_timeout(at(30), &mut out);
            // What came before the call counts as heard at the call.
            feed(&mut ws, &pong(role), &mut out).unwrap();
            assert_eq!(ws.handle_timeout(moment, &mut out).is_some(), alive);
        }
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        ws.handle_timeout(at(30), &mut out);
        ws.handle_timeout(at(50), &mut out);
        let len = out.len();
        assert_eq!(feed(&mut ws, &pong(role), &mut out), Ok(vec![]), "too late");
        assert_eq!(ws.handle_timeout(ms(50_001), &mut out), None);
        assert_eq!(out.len(), len);
        expect_timeout(&ws, &out, Timeout::Pong);
    }
}

#[test]
fn hostile_122_a_clock_that_jumps_makes_nothing_underflow_or_close_twice() {
    let jumps = [
        5_000,
        0,
        3,
        u64::MAX / 2_000_000,
        1,
        30,
        u64::MAX / 1_000_000,
        0,
        40_000,
        90_000,
    ];
    for role in ROLES {
        for rotation in 0..jumps.len() {
            let config = Config::default().idle_timeout(seconds(60));
            let mut ws = open(role, &config);
            let mut out = Vec::new();
            let mut jumps = jumps;
            jumps.rotate_left(rotation);
            for (i, jump) in jumps.into_iter().enumerate() {
                ws.handle_timeout(ms(jump), &mut out);
                if i % 3 == 0 {
                    feed(&mut ws, &frame(role, 0x01, b"a")[..3], &mut out).unwrap_or_default();
                }
            }
            let closes = first_bytes(&out)
                .into_iter()
                .filter(|first| *first == 0x88)
                .count();
            assert_eq!(closes, usize::from(ws.is_finished()));
        }
        // Back in time, only later; never an end that was not due.
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        assert_eq!(ws.handle_timeout(at(1_000), &mut out), Some(at(1_030)));
        assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(1_030)));
        assert_eq!(ws.handle_timeout(at(1_029), &mut out), Some(at(1_030)));
        assert_eq!((out.len(), ws.state()), (0, State::Open));
    }
}

#[test]
fn hostile_125_late_by_hours_twice_and_never() {
    for role in ROLES {
        // Late by hours: asked first, not dropped unasked.
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        assert_eq!(ws.handle_timeout(at(36_000), &mut out), Some(at(36_020)));
        assert_eq!(first_bytes(&out), [0x89]);
        // Twice: no second Ping.
        assert_eq!(ws.handle_timeout(at(36_000), &mut out), Some(at(36_020)));
        assert_eq!(first_bytes(&out), [0x89]);
        // Hours after the answer was due.
        assert_eq!(ws.handle_timeout(at(90_000), &mut out), None);
        expect_timeout(&ws, &out, Timeout::Pong);
        let len = out.len();
        assert_eq!(ws.handle_timeout(at(90_000), &mut out), None);
        assert_eq!(out.len(), len);
        // Never: everything works but time.
        let mut ws = open(role, &Config::default());
        let bytes = frames(
            role,
            &[(0x81, b"a"), (0x89, b""), (0x01, b"b"), (0x80, b"c")],
        );
        assert_eq!(feed(&mut ws, &bytes, &mut out).unwrap().len(), 3);
        assert_eq!(ws.state(), State::Open);
    }
}

#[test]
fn a_silence_of_hours_in_which_something_came_is_no_silence() {
    for role in ROLES {
        let mut ws = open(role, &Config::default());
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        feed(&mut ws, &frame(role, 0x81, b"x"), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(36_000), &mut out), Some(at(36_030)));
        assert_eq!(out, []);
    }
}

#[test]
fn a_ping_that_found_no_room_is_not_waited_for() {
    let config = timeless()
        .ping_interval(seconds(30))
        .pong_timeout(seconds(20))
        .high_water_mark(100);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        // A long download: the peer reads slowly and has nothing to say.
        ws.send(vec![7; 1_000], &mut out).unwrap();
        out.truncate(100);
        let len = out.len();
        for seconds in [30, 49, 50, 90] {
            let next = ws.handle_timeout(at(seconds), &mut out);
            assert!(
                next > Some(at(seconds)),
                "a deadline to come, at {seconds}: {next:?}"
            );
            assert_eq!((ws.state(), out.len()), (State::Open, len), "at {seconds}");
        }
        // Once there is room, it is asked, and then the answer is due.
        out.clear();
        assert_eq!(ws.handle_timeout(at(91), &mut out), Some(at(111)));
        assert_eq!(first_bytes(&out), [0x89]);
        assert_eq!(ws.handle_timeout(at(111), &mut out), None);
        expect_timeout(&ws, &out, Timeout::Pong);
    }
}

/// However short the interval is: while the peer takes nothing nobody is to be busy.
#[test]
fn hostile_133_a_ping_that_found_no_room_is_not_tried_without_a_pause() {
    let least = Some(Duration::from_nanos(1));
    for (interval, pong) in [(seconds(0), None), (least, None), (seconds(0), least)] {
        let config = timeless()
            .ping_interval(interval)
            .pong_timeout(pong)
            .high_water_mark(1);
        for role in ROLES {
            let mut ws = open(role, &config);
            let mut out = vec![0x82, 0];
            let mut now = at(0);
            let mut calls = 0;
            while now < at(1) {
                now = ws.handle_timeout(now, &mut out).unwrap();
                calls += 1;
                assert!(calls <= 1_002, "still {now:?}");
            }
            assert_eq!(out, [0x82, 0]);
        }
    }
}

/// Data either way, be it a whole message or a fragment of one that is long under way.
#[test]
fn idle_counts_data_either_way_and_nothing_else() {
    for role in ROLES {
        let mut ws = open(role, &timeless().idle_timeout(seconds(60)));
        let mut out = Vec::new();
        assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(60)));
        feed(
            &mut ws,
            &frames(role, &[(0x89, b""), (0x8A, b"")]),
            &mut out,
        )
        .unwrap();
        ws.ping(b"", &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(10), &mut out), Some(at(60)));
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(15), &mut out), Some(at(75)));
        feed(&mut ws, &frame(role, 0x80, b"b"), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(20), &mut out), Some(at(80)));
        ws.send("x", &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(79), &mut out), Some(at(139)));
        out.clear();
        assert_eq!(ws.handle_timeout(at(139), &mut out), None);
        expect_timeout(&ws, &out, Timeout::Idle);
    }
}

#[test]
fn hostile_068_an_unfinished_message_ends_at_its_deadline() {
    let begun: [fn(Role) -> Vec<u8>; 5] = [
        |role| frame(role, 0x01, b"a"),
        |role| frame(role, 0x02, b""),
        |role| frame(role, 0x82, b"abc")[..3].to_vec(),
        |role| frame(role, 0x82, b"abc")[..1].to_vec(),
        |role| frame(role, 0x89, &[7; 9])[..8].to_vec(),
    ];
    for role in ROLES {
        for begun in begun {
            let mut ws = open(role, &timeless().message_timeout(seconds(30)));
            let mut out = Vec::new();
            assert_eq!(ws.handle_timeout(at(0), &mut out), None);
            feed(&mut ws, &begun(role), &mut out).unwrap();
            assert_eq!(ws.handle_timeout(at(5), &mut out), Some(at(35)));
            assert_eq!(ws.handle_timeout(ms(34_999), &mut out), Some(at(35)));
            assert_eq!(ws.handle_timeout(at(35), &mut out), None);
            expect_timeout(&ws, &out, Timeout::Message);
        }
    }
}

#[test]
fn hostile_068_controls_do_not_lengthen_a_message() {
    for role in ROLES {
        let mut ws = open(role, &timeless().message_timeout(seconds(30)));
        let mut out = Vec::new();
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        for second in 0..30 {
            assert_eq!(ws.handle_timeout(at(second), &mut out), Some(at(30)));
            feed(&mut ws, &frame(role, 0x89, b""), &mut out).unwrap();
        }
        ws.handle_timeout(at(30), &mut out);
        expect_timeout(&ws, &out, Timeout::Message);
    }
}

#[test]
fn hostile_123_a_trickle_must_keep_the_least_rate() {
    let config = timeless()
        .message_timeout(seconds(30))
        .min_message_rate(100);
    for role in ROLES {
        for streaming in [false, true] {
            let config = config.clone().streaming(streaming);
            // 100 bytes earn a second, fragments or not.
            let mut ws = open(role, &config);
            let mut out = Vec::new();
            feed(&mut ws, &frame(role, 0x02, &[7; 99]), &mut out).unwrap();
            assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(30)));
            feed(&mut ws, &frame(role, 0x00, &[7; 1]), &mut out).unwrap();
            assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(31)));
            let half = frame(role, 0x00, &[7; 1_000]);
            feed(&mut ws, &half[..half.len() - 500], &mut out).unwrap();
            assert_eq!(ws.handle_timeout(at(2), &mut out), Some(at(36)));
            // One byte a second is not enough.
            let mut second = 3;
            for byte in &half[half.len() - 500..] {
                if ws.handle_timeout(at(second), &mut out).is_none() {
                    break;
                }
                feed(&mut ws, &[*byte], &mut out).unwrap();
                second += 1;
            }
            assert_eq!(second, 36, "30 s, 6 of them earned by 600 bytes");
            expect_timeout(&ws, &out, Timeout::Message);
        }
    }
}

#[test]
fn hostile_123_the_least_rate_kept_a_message_may_take_for_hours() {
    let config = timeless()
        .message_timeout(seconds(30))
        .min_message_rate(100);
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        let bytes = frame(role, 0x82, &[7; 1_000_000]);
        for (second, chunk) in bytes.chunks(100).enumerate() {
            feed(&mut ws, chunk, &mut out).unwrap();
            ws.handle_timeout(at(second as u64), &mut out);
            assert_eq!(ws.state(), State::Open);
        }
        assert_eq!(
            ws.handle_timeout(at(20_000), &mut out),
            None,
            "and it is forgotten"
        );
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        assert_eq!(
            ws.handle_timeout(at(20_000), &mut out),
            Some(at(20_030)),
            "the next begins anew"
        );
    }
}

#[test]
fn a_rate_of_zero_earns_nothing() {
    let config = timeless().message_timeout(seconds(30)).min_message_rate(0);
    let mut ws = open(Role::Server, &config);
    let mut out = Vec::new();
    feed(&mut ws, &frame(Role::Server, 0x02, &[7; 100_000]), &mut out).unwrap();
    assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(30)));
}

#[test]
fn hostile_068_each_unfinished_thing_has_a_time_of_its_own() {
    let config = timeless().message_timeout(seconds(30));
    for role in ROLES {
        for recycled in [false, true] {
            let mut ws = open(role, &config);
            let mut out = Vec::new();
            ws.handle_timeout(at(0), &mut out);
            if recycled {
                ws.recycle(Vec::with_capacity(1 << 16));
            }
            let ping = frame(role, 0x89, b"p");
            feed(&mut ws, &ping[..1], &mut out).unwrap();
            assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(31)));
            // The Ping is whole, and another frame has just begun.
            feed(&mut ws, &[&ping[1..], &ping[..1]].concat(), &mut out).unwrap();
            assert_eq!(
                ws.handle_timeout(at(30), &mut out),
                Some(at(60)),
                "recycled: {recycled}"
            );
        }
    }
}

#[test]
fn hostile_125_the_close_deadline_runs_from_the_first_telling() {
    for role in ROLES {
        let mut ws = open(role, &timeless().close_timeout(seconds(5)));
        let mut out = Vec::new();
        ws.close(None, &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(1_000), &mut out), Some(at(1_005)));
        assert_eq!(
            ws.handle_timeout(at(900), &mut out),
            Some(at(1_005)),
            "back"
        );
        assert_eq!(ws.handle_timeout(at(50_000), &mut out), None, "forward");
        expect_timeout(&ws, &out, Timeout::Close);
        assert_eq!(first_bytes(&out), [0x88]);
    }
}

#[test]
fn hostile_125_a_close_forgets_the_ping_that_was_not_answered() {
    for role in ROLES {
        let mut ws = open(role, &Config::default().close_timeout(seconds(100)));
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        ws.handle_timeout(at(30), &mut out);
        ws.close(None, &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(31), &mut out), Some(at(131)));
        assert_eq!(
            ws.handle_timeout(at(60), &mut out),
            Some(at(131)),
            "no Ping while closing"
        );
        assert_eq!(first_bytes(&out), [0x89, 0x88]);
    }
}

#[test]
fn without_timeouts_there_is_no_deadline_and_no_end() {
    for role in ROLES {
        let mut ws = open(role, &timeless());
        let mut out = Vec::new();
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        for second in [0, 1_000, 1_000_000] {
            assert_eq!(ws.handle_timeout(at(second), &mut out), None);
        }
        ws.close(None, &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(2_000_000), &mut out), None);
        assert_eq!(ws.state(), State::Closing);
    }
}

#[test]
fn the_earliest_deadline_is_the_one_returned() {
    let config = timeless()
        .ping_interval(seconds(30))
        .pong_timeout(seconds(20))
        .idle_timeout(seconds(40))
        .message_timeout(seconds(10));
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        assert_eq!(ws.handle_timeout(at(0), &mut out), Some(at(30)));
        feed(&mut ws, &frame(role, 0x01, b"a"), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(11)));
        feed(&mut ws, &frame(role, 0x80, b"a"), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(2), &mut out), Some(at(32)));
        assert_eq!(
            ws.handle_timeout(at(32), &mut out),
            Some(at(42)),
            "idle before the Pong"
        );
        assert_eq!(ws.handle_timeout(at(42), &mut out), None);
        expect_timeout(&ws, &out, Timeout::Idle);
    }
}
