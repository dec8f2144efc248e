//! Reading the rest of a large frame straight into its message.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::time::Duration;

use allocation_counter::measure;
use common::{KEY, ROLES, announce, at, decode, feed, frame, frames, masked, open, open_default};
use sansock::{
    Config, Event, Message, Role,
    proto::{Connection, Instant},
};

/// What the peer of a `role` sends of `plain` from `start` on.
fn wire(role: Role, plain: &[u8], start: usize) -> Vec<u8> {
    match role {
        Role::Client => plain[start..].to_vec(),
        Role::Server => masked(plain, KEY)[start..].to_vec(),
    }
}

/// Appends at most `step` bytes of `rest` at a time until `direct` wants no more.
fn read_direct<'r>(
    ws: &mut Connection,
    mut rest: &'r [u8],
    step: usize,
) -> (&'r [u8], Option<Event<'static>>) {
    while let Some((buffer, room)) = ws.direct() {
        assert!(room > 0 && buffer.capacity() - buffer.len() >= room);
        let (read, after) = rest.split_at(room.min(step).min(rest.len()));
        buffer.extend_from_slice(read);
        rest = after;
        if let Some(event) = ws.receive_direct(read.len()).unwrap() {
            return (rest, Some(event));
        }
    }
    (rest, None)
}

fn plain(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

#[test]
fn the_message_is_the_same_however_much_is_read_directly() {
    let plain = plain(700_001);
    for role in ROLES {
        for before in [0, 1, 2, 3, 1_001, 300_000] {
            for step in [4_099, 65_536, usize::MAX] {
                let mut ws = open_default(role);
                let mut out = Vec::new();
                let mut bytes = announce(role, 0x82, plain.len() as u64);
                bytes.extend(&wire(role, &plain, 0)[..before]);
                assert_eq!(feed(&mut ws, &bytes, &mut out), Ok(vec![]));
                let rest = wire(role, &plain, before);
                let (rest, event) = read_direct(&mut ws, &rest, step);
                // All that `direct` left below its threshold goes the usual way.
                let events = match event {
                    Some(event) => vec![event],
                    None => feed(&mut ws, rest, &mut out).unwrap(),
                };
                assert!(
                    events == [Event::Message(Message::from(&plain))],
                    "{before} {step}"
                );
                assert!(ws.direct().is_none());
            }
        }
    }
}

#[test]
fn a_fragment_may_be_read_directly_and_controls_come_between() {
    let plain = plain(200_000);
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let mut message = b"head".to_vec();
        feed(&mut ws, &frame(role, 0x02, b"head"), &mut out).unwrap();
        for first in [0x00, 0x00, 0x80] {
            feed(&mut ws, &frame(role, 0x89, b"?"), &mut out).unwrap();
            feed(
                &mut ws,
                &announce(role, first, plain.len() as u64),
                &mut out,
            )
            .unwrap();
            message.extend(&plain);
            let bytes = wire(role, &plain, 0);
            let (rest, event) = read_direct(&mut ws, &bytes, usize::MAX);
            let events = feed(&mut ws, rest, &mut out).unwrap();
            let done = event.into_iter().chain(events).next();
            assert_eq!(done.is_some(), first == 0x80);
            if let Some(done) = done {
                assert!(done == Event::Message(Message::from(&message)));
            }
        }
        assert_eq!(decode(&out).len(), 3);
    }
}

#[test]
fn direct_is_only_for_binary_frames_that_lack_more_than_64_kib() {
    let many = 1 << 20;
    for role in ROLES {
        let config = Config::default();
        let begun = |config: &Config, bytes: &[u8]| {
            let mut ws = open(role, config);
            feed(&mut ws, bytes, &mut Vec::new()).unwrap();
            ws.direct().is_some()
        };
        assert!(!begun(&config, b""));
        assert!(!begun(&config, &announce(role, 0x82, 65_536)));
        assert!(begun(&config, &announce(role, 0x82, 65_537)));
        assert!(!begun(&config, &announce(role, 0x81, many)));
        assert!(begun(&config, &announce(role, 0x02, many)));
        assert!(!begun(
            &config.clone().streaming(true),
            &announce(role, 0x82, many)
        ));
        assert!(
            !begun(&config, &announce(role, 0x82, many)[..9]),
            "its header is not whole"
        );
        let ping = [frame(role, 0x02, b"x"), announce(role, 0x89, 100)].concat();
        assert!(!begun(&config, &ping));
    }
}

#[test]
fn hostile_130_the_room_is_what_came_before_or_256_kib() {
    for role in ROLES {
        let mut ws = open_default(role);
        feed(&mut ws, &announce(role, 0x82, 2_000_000), &mut Vec::new()).unwrap();
        for (room, read) in [
            (262_144, 262_144 - 4_096),
            // What is reserved already, down to 4 KiB.
            (4_096, 1),
            (262_144, 262_144),
            (520_193, 520_193),
            // No more than the frame lacks.
            (959_614, 959_613),
        ] {
            let (buffer, offered) = ws.direct().unwrap();
            assert_eq!(offered, room);
            buffer.resize(buffer.len() + read, 7);
            assert_eq!(ws.receive_direct(read), Ok(None));
        }
    }
}

/// Neither than a first frame lacks nor than the message may still become.
#[test]
fn hostile_130_no_more_is_reserved_for_a_fragment_than_can_come() {
    for role in ROLES {
        let mut ws = open(role, &Config::default().max_message_size(180_000));
        for (first, len, capacity) in [(0x02, 100_000, 100_000), (0x00, 70_000, 180_000)] {
            let header = announce(role, first, len as u64);
            assert_eq!(feed(&mut ws, &header, &mut Vec::new()), Ok(vec![]));
            let (buffer, room) = ws.direct().unwrap();
            assert_eq!((room, buffer.capacity()), (len, capacity));
            buffer.resize(buffer.len() + len, 7);
            assert_eq!(ws.receive_direct(len), Ok(None));
        }
    }
}

#[test]
fn an_end_takes_the_buffer_away() {
    for role in ROLES {
        let ends: [fn(&mut Connection); 2] = [Connection::receive_eof, |ws| {
            ws.handle_timeout(Instant::ZERO, &mut Vec::new());
            ws.handle_timeout(at(3_600), &mut Vec::new());
        }];
        for end in ends {
            let mut ws = open_default(role);
            feed(&mut ws, &announce(role, 0x82, 1 << 20), &mut Vec::new()).unwrap();
            assert!(ws.direct().is_some());
            end(&mut ws);
            assert!(ws.direct().is_none());
            assert_eq!(ws.receive_direct(10), Ok(None));
        }
    }
}

#[test]
fn a_wrong_count_loses_bytes_and_nothing_worse() {
    let plain = plain(100_000);
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        feed(&mut ws, &announce(role, 0x82, plain.len() as u64), &mut out).unwrap();
        // More than was appended counts as what was; less drops the rest.
        let bytes = wire(role, &plain, 0);
        ws.direct().unwrap().0.extend_from_slice(&bytes[..1_000]);
        assert_eq!(ws.receive_direct(usize::MAX), Ok(None));
        ws.direct()
            .unwrap()
            .0
            .extend_from_slice(&bytes[1_000..3_000]);
        assert_eq!(ws.receive_direct(500), Ok(None));
        assert_eq!(ws.direct().unwrap().0.len(), 1_500);
        assert_eq!(ws.receive_direct(0), Ok(None));
        // More than there was room for: what is beyond the frame is dropped.
        let mut more = bytes[1_500..].to_vec();
        more.extend([0; 50]);
        ws.direct().unwrap().0.extend_from_slice(&more);
        let event = ws.receive_direct(more.len()).unwrap();
        assert!(event == Some(Event::Message(Message::from(&plain))));
        // A buffer that the caller emptied.
        feed(&mut ws, &announce(role, 0x82, 100_000), &mut out).unwrap();
        feed(&mut ws, &bytes[..10], &mut out).unwrap();
        ws.direct().unwrap().0.clear();
        assert_eq!(ws.receive_direct(10), Ok(None));
    }
}

#[test]
fn a_count_that_nobody_asked_for_changes_nothing() {
    for role in ROLES {
        let ping = frame(role, 0x89, b"hello");
        let text = frame(role, 0x81, b"text");
        // Whatever is under way: nothing, a cut header, a cut control frame, text, parts.
        let cases: [(Vec<u8>, Vec<u8>); 6] = [
            (vec![], frame(role, 0x82, b"x")),
            (ping[..1].to_vec(), ping[1..].to_vec()),
            (
                ping[..ping.len() - 3].to_vec(),
                ping[ping.len() - 3..].to_vec(),
            ),
            (
                [
                    frame(role, 0x02, b"0123456789"),
                    ping[..ping.len() - 3].to_vec(),
                ]
                .concat(),
                [ping[ping.len() - 3..].to_vec(), frame(role, 0x80, b"")].concat(),
            ),
            (
                [frame(role, 0x02, b""), ping[..ping.len() - 3].to_vec()].concat(),
                [ping[ping.len() - 3..].to_vec(), frame(role, 0x80, b"")].concat(),
            ),
            (
                text[..text.len() - 2].to_vec(),
                text[text.len() - 2..].to_vec(),
            ),
        ];
        for (i, (begun, rest)) in cases.into_iter().enumerate() {
            for streaming in [false, true] {
                let config = Config::default().streaming(streaming);
                let finish = |disturbed: bool| {
                    let mut ws = open(role, &config);
                    let mut out = Vec::new();
                    feed(&mut ws, &begun, &mut out).unwrap();
                    if disturbed {
                        for n in [0, 3, usize::MAX] {
                            assert_eq!(ws.receive_direct(n), Ok(None));
                        }
                    }
                    (feed(&mut ws, &rest, &mut out), out)
                };
                assert_eq!(finish(true), finish(false), "case {i}");
            }
        }
    }
}

#[test]
fn hostile_130_growth_copies_each_byte_a_constant_number_of_times() {
    const LEN: usize = 8 << 20;
    let plain = plain(LEN);
    for role in ROLES {
        let bytes = wire(role, &plain, 0);
        // Directly.
        let mut ws = open_default(role);
        let mut out = Vec::new();
        feed(&mut ws, &announce(role, 0x82, LEN as u64), &mut out).unwrap();
        let mut left = 0;
        let heap = measure(|| {
            let (rest, event) = read_direct(&mut ws, &bytes, 50_000);
            assert!(event.is_none());
            left = rest.len();
        });
        assert!(left <= 65_536);
        // Each growth counts the new size whole: as if all of it were copied.
        assert!(heap.bytes_total < 3 * LEN as u64, "{heap:?}");
        assert!(heap.count_total < 12, "{heap:?}");
        assert!(heap.bytes_max < 2 * LEN as u64 + 1_024, "{heap:?}");
    }
}

/// A frame that lacks little is no reason to make little room: many such frames follow.
#[test]
fn hostile_130_growth_by_frames_that_come_directly_is_linear() {
    const LEN: usize = 70_000;
    let plain = plain(LEN);
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let bytes = wire(role, &plain, 0);
        let mut usual = bytes.clone();
        let headers = [0x02, 0x00].map(|first| announce(role, first, LEN as u64));
        let heap = measure(|| {
            for i in 0..200 {
                // A read ends behind each header.
                let mut header = headers[i.min(1)].clone();
                assert_eq!(ws.receive(&mut &mut header[..], &mut out), Ok(None));
                let (rest, event) = read_direct(&mut ws, &bytes, usize::MAX);
                assert_eq!(event, None);
                let usual = &mut usual[..rest.len()];
                usual.copy_from_slice(rest);
                assert_eq!(ws.receive(&mut &mut usual[..], &mut out), Ok(None));
            }
        });
        // Each growth counts the new size whole, as above.
        assert!(heap.bytes_total < 4 * 200 * LEN as u64, "{heap:?}");
        let events = feed(&mut ws, &frame(role, 0x80, b""), &mut out).unwrap();
        let [Event::Message(message)] = &events[..] else {
            panic!("a message");
        };
        assert!(message.as_bytes() == plain.repeat(200));
    }
}

#[test]
fn hostile_130_growth_in_small_reads_is_linear() {
    const LEN: usize = 1 << 20;
    for role in ROLES {
        for first in [0x81, 0x82] {
            for step in [1, 7, 1_000] {
                let mut ws = open_default(role);
                let mut out = Vec::new();
                let mut bytes = frame(role, first, &vec![b'x'; LEN]);
                let last = bytes.pop().unwrap();
                let heap = measure(|| {
                    for chunk in bytes.chunks_mut(step) {
                        let mut input = chunk;
                        assert_eq!(ws.receive(&mut input, &mut out), Ok(None));
                    }
                });
                assert!(heap.count_total < 30, "{heap:?}");
                assert!(heap.bytes_total < 3 * LEN as u64, "{heap:?}");
                assert_eq!(feed(&mut ws, &[last], &mut out).unwrap().len(), 1);
            }
        }
    }
}

#[test]
fn hostile_130_no_more_is_reserved_than_can_still_come() {
    // A character begins in the first read, which leaves a byte of room, and needs two.
    let text = ["x".repeat(99).as_bytes(), b"\xC3\xA9yy"].concat();
    for role in ROLES {
        let cut = |first, payload: &[u8], at: usize| {
            let bytes = frame(role, first, payload);
            let (begin, end) = bytes.split_at(bytes.len() - payload.len() + at);
            vec![begin.to_vec(), end.to_vec()]
        };
        for (reads, capacity) in [
            (cut(0x82, &[7; 130], 100), 130),
            (cut(0x81, &text, 100), 103),
            (cut(0x82, &[7; 250], 100), 250),
            // Another fragment may come, but none that passes the limit of 250.
            (
                vec![
                    frame(role, 0x02, &[7; 200]),
                    frame(role, 0x00, &[7; 20]),
                    frame(role, 0x80, b""),
                ],
                250,
            ),
        ] {
            let mut ws = open(role, &Config::default().max_message_size(250));
            let mut events = Vec::new();
            for read in reads {
                events.extend(feed(&mut ws, &read, &mut Vec::new()).unwrap());
            }
            let Some(Event::Message(message)) = events.pop() else {
                panic!("a message");
            };
            assert_eq!(message.into_bytes().capacity(), capacity, "{role:?}");
        }
    }
}

#[test]
fn a_recycled_buffer_is_used_for_the_next_message() {
    for role in ROLES {
        for first in [0x02, 0x01] {
            let mut ws = open_default(role);
            let mut out = Vec::new();
            let bytes = frames(role, &[(first, &[b'x'; 50_000]), (0x80, &[b'y'; 50_000])]);
            let mut buffer = bytes.clone();
            let mut recycle = |ws: &mut Connection| {
                buffer.copy_from_slice(&bytes);
                let mut input = &mut buffer[..];
                let event = ws.receive(&mut input, &mut out);
                let Ok(Some(Event::Message(message))) = event else {
                    panic!("a message");
                };
                ws.recycle(message.into_bytes());
            };
            recycle(&mut ws);
            let heap = measure(|| {
                for _ in 0..10 {
                    recycle(&mut ws);
                }
            });
            // The small box for unfinished things, and no payload.
            assert_eq!(heap.count_total, 10, "{heap:?}");
            assert!(heap.bytes_total < 2_560, "{heap:?}");
        }
    }
}

#[test]
fn hostile_129_a_recycled_buffer_that_stays_unused_is_freed() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let heap = measure(|| {
            ws.recycle(Vec::with_capacity(1 << 20));
            ws.handle_timeout(Instant::ZERO, &mut out);
            ws.handle_timeout(Instant::ZERO, &mut out);
        });
        assert_eq!((heap.bytes_current, heap.count_current), (0, 0));
    }
}

#[test]
fn a_buffer_not_worth_keeping_is_not_kept() {
    let config = Config::default().max_message_size(1 << 20);
    for role in ROLES {
        for capacity in [0, 100, 65_535, (1 << 20) + 1, 64 << 20] {
            let mut ws = open(role, &config);
            let heap = measure(|| ws.recycle(Vec::with_capacity(capacity)));
            assert_eq!(heap.count_current, 0, "{capacity}");
        }
        let mut ws = open(role, &config);
        ws.receive_eof();
        let heap = measure(|| ws.recycle(Vec::with_capacity(1 << 17)));
        assert_eq!(heap.count_current, 0, "after the end");
    }
}

#[test]
fn hostile_123_bytes_read_directly_earn_time_and_are_life() {
    let config = Config::default()
        .min_message_rate(1_000)
        .ping_interval(Some(Duration::from_secs(25)));
    for role in ROLES {
        let mut ws = open(role, &config);
        let mut out = Vec::new();
        ws.handle_timeout(at(0), &mut out);
        feed(&mut ws, &announce(role, 0x82, 1 << 20), &mut out).unwrap();
        assert_eq!(ws.handle_timeout(at(1), &mut out), Some(at(26)));
        ws.direct().unwrap().0.extend_from_slice(&[0; 5_000]);
        assert_eq!(ws.receive_direct(5_000), Ok(None));
        assert_eq!(
            ws.handle_timeout(at(24), &mut out),
            Some(at(36)),
            "1 + 30 + 5"
        );
        assert_eq!(ws.handle_timeout(at(35), &mut out), Some(at(36)));
        assert_eq!(out, [], "no Ping is due before 24 + 25");
        assert_eq!(ws.handle_timeout(at(36), &mut out), None);
        assert!(ws.is_finished());
    }
}

#[test]
fn a_recycled_buffer_outlives_one_telling_of_the_time() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let mut bytes = frames(role, &[(0x02, &[7; 50_000]), (0x80, b"")]);
        ws.recycle(Vec::with_capacity(1 << 16));
        let heap = measure(|| {
            ws.handle_timeout(at(0), &mut out);
            let event = ws.receive(&mut &mut bytes[..], &mut out);
            assert!(matches!(event, Ok(Some(Event::Message(_)))));
        });
        assert_eq!(heap.count_total, 0, "{heap:?}");
    }
}
