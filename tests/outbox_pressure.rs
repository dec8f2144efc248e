//! An outbox under pressure: limits, failures, peers that read nothing, and memory.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/out.rs"]
mod out;
#[path = "adapters/wire.rs"]
mod wire;

use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use out::{KIB, data, feed, open, shape, write, write_all};
use sansock::{Config, Part, Role, SendError, endpoint::MessageKind, proto::Prepared};
use wire::{CLOSE, PING, PONG, TEXT, at, decode, decode_some, frame, noise};

/// hostile 126: above the mark nothing is taken, and what was borrowed is still the caller's.
#[test]
fn hostile_126_full_takes_nothing() {
    for mark in [0, 1, 1000, 256 * KIB] {
        let mut endpoint = open(Role::Server, &Config::default().high_water_mark(mark));
        let message = noise(100);
        let mut sent = 0;
        while endpoint.can_send() {
            endpoint.send(&message).unwrap();
            sent += 1;
        }
        assert_eq!(sent, mark.div_ceil(102).max(1));
        let before = (endpoint.outbox().len(), endpoint.buffered_amount());
        assert_eq!(endpoint.send(&message), Err(SendError::Full));
        assert_eq!(endpoint.send(noise(70_000)), Err(SendError::Full));
        let shared = Bytes::from(noise(70_000));
        let refused = endpoint.send_bytes(MessageKind::Binary, shared.clone());
        assert_eq!(refused, Err(SendError::Full));
        assert!(shared.is_unique());
        let prepared = Prepared::new(&message);
        assert_eq!(endpoint.send_prepared(&prepared), Err(SendError::Full));
        assert_eq!(
            endpoint.send_part(Part::more(&message)),
            Err(SendError::Full)
        );
        let after = (endpoint.outbox().len(), endpoint.buffered_amount());
        assert_eq!(before, after);
        // Control frames and the Close are not application data, and pass.
        endpoint.ping(b"").unwrap();
        endpoint.close(None).unwrap();
        let frames = decode(&write_all(&mut endpoint));
        assert_eq!(frames.len(), sent + 2);
    }
}

/// hostile 119: at whatever byte of the queued output the connection fails, the frame under way is
/// finished, nothing after it is begun, and the Close comes last.
#[test]
fn hostile_119_a_failure_drops_whole_frames_only() {
    for role in [Role::Client, Role::Server] {
        let masked = role == Role::Server;
        let header = if role == Role::Client { 8 } else { 4 };
        let payload = Bytes::from(vec![7; 10 << 20]);
        for at in 0..2 * (1000 + header) {
            let config = Config::default().fragment_size(1000);
            let mut endpoint = open(role, &config);
            if role == Role::Server {
                endpoint.send_bytes(MessageKind::Binary, payload.clone())
            } else {
                endpoint.send(vec![7; 70_000])
            }
            .unwrap();
            let mut written = Vec::new();
            while written.len() < at {
                let left = at - written.len();
                write(&mut endpoint, left, &mut written);
            }
            // A reserved opcode.
            feed(&mut endpoint, frame(masked, 0x83, b""));
            assert!(endpoint.is_finished());
            while write(&mut endpoint, 77, &mut written) > 0 {}
            assert!(!endpoint.wants_write());
            assert_eq!(endpoint.buffered_amount(), 0);
            let frames = decode(&written);
            let (last, data) = frames.split_last().unwrap();
            assert_eq!(last, &(CLOSE, vec![0x03, 0xEA]), "{role:?} at {at}");
            let begun = at.div_ceil(1000 + header);
            assert!(data.len() <= begun, "{role:?} at {at}: {}", data.len());
            assert!(data.iter().all(|(_, payload)| payload.len() == 1000));
        }
    }
}

/// hostile 124: a peer that reads nothing is told so, behind what it has begun to take.
#[test]
fn hostile_124_a_write_stall_ends_the_connection() {
    for role in [Role::Client, Role::Server] {
        let config = Config::default()
            .fragment_size(1000)
            .ping_interval(None)
            .write_timeout(Some(Duration::from_secs(30)));
        let mut endpoint = open(role, &config);
        assert_eq!(endpoint.handle_timeout(at(0)), None);
        endpoint.send(noise(70_000)).unwrap();
        assert_eq!(endpoint.handle_timeout(at(1)), Some(at(31)));
        let mut written = Vec::new();
        write(&mut endpoint, 10, &mut written);
        // One byte is life enough.
        assert_eq!(endpoint.handle_timeout(at(20)), Some(at(50)));
        assert_eq!(endpoint.handle_timeout(at(49)), Some(at(50)));
        assert!(!endpoint.is_finished());
        assert_eq!(endpoint.handle_timeout(at(50)), None);
        assert!(endpoint.is_finished());
        while write(&mut endpoint, usize::MAX, &mut written) > 0 {}
        assert_eq!(shape(&written), [(0x02, 1000), (CLOSE, 2)]);
        assert_eq!(decode(&written)[1].1, [0x03, 0xF0]);
    }
}

/// hostile 124: what the telling of the time makes waits to be written as well.
#[test]
fn hostile_124_a_keep_alive_that_is_not_taken_has_a_deadline() {
    for role in [Role::Client, Role::Server] {
        let config = Config::default()
            .ping_interval(Some(Duration::from_secs(30)))
            .pong_timeout(None)
            .write_timeout(Some(Duration::from_secs(10)));
        let mut endpoint = open(role, &config);
        assert_eq!(endpoint.handle_timeout(at(0)), Some(at(30)));
        assert_eq!(endpoint.handle_timeout(at(30)), Some(at(40)));
        assert_eq!(endpoint.handle_timeout(at(39)), Some(at(40)));
        assert_eq!(endpoint.handle_timeout(at(40)), None);
        assert!(endpoint.is_finished());
        let expected = [(PING, 0), (CLOSE, 2)];
        assert_eq!(shape(&write_all(&mut endpoint)), expected, "{role:?}");
    }
    // At the end there is no deadline, whatever still waits.
    let mut endpoint = open(Role::Server, &Config::default());
    endpoint.handle_timeout(at(0));
    assert_eq!(endpoint.handle_timeout(at(30)), Some(at(50)));
    assert_eq!(endpoint.handle_timeout(at(50)), None);
    assert_eq!(endpoint.handle_timeout(at(51)), None);
    assert_eq!(shape(&write_all(&mut endpoint)), [(PING, 0), (CLOSE, 2)]);
}

/// hostile 121: a peer that takes a large message slowly, and has nothing to say meanwhile, is not
/// dead: it is not asked for an answer behind a fragment that takes longer than it may.
#[test]
fn hostile_121_a_slow_reader_of_large_fragments_is_not_dead() {
    let mut endpoint = open(Role::Server, &Config::default());
    endpoint.handle_timeout(at(0));
    endpoint.send(vec![7; 4 << 20]).unwrap();
    let mut written = Vec::new();
    let (mut second, mut asked) = (0, 0);
    while write(&mut endpoint, 14 << 10, &mut written) > 0 {
        second += 1;
        assert!(endpoint.handle_timeout(at(second)).is_some(), "{second}");
        // Where it is asked, it answers.
        if written.ends_with(&[PING, 0]) {
            feed(&mut endpoint, frame(true, PONG, b""));
            asked += 1;
        }
    }
    assert!(second > 290);
    assert!((1..10).contains(&asked), "{asked}");
    assert_eq!(data(&written), vec![7; 4 << 20]);
    // Behind it the silence counts again.
    endpoint.handle_timeout(at(second));
    let next = endpoint.handle_timeout(at(second + 30));
    assert_eq!(next, Some(at(second + 50)));
    assert_eq!(shape(&write_all(&mut endpoint)), [(PING, 0)]);
    assert_eq!(endpoint.handle_timeout(at(second + 50)), None);
}

/// Data that leaves is data either way, as what comes is: a long fragment, or a batch, that is taken
/// slowly is no silence.
#[test]
fn who_takes_what_was_sent_is_not_idle() {
    for len in [1 << 20, 60_000] {
        let config = Config::default()
            .ping_interval(None)
            .idle_timeout(Some(Duration::from_secs(30)));
        let mut endpoint = open(Role::Server, &config);
        endpoint.handle_timeout(at(0));
        endpoint.send(vec![7; len]).unwrap();
        let mut written = Vec::new();
        let mut second = 0;
        while write(&mut endpoint, 1_000, &mut written) > 0 {
            second += 1;
            assert!(endpoint.handle_timeout(at(second)).is_some(), "{second}");
        }
        assert!(second >= len as u64 / 1_000);
        // What is no data is silence, even if it is taken.
        let quiet = second + 30;
        while !endpoint.is_finished() {
            endpoint.ping(b"").unwrap();
            write(&mut endpoint, 1, &mut written);
            second += 1;
            endpoint.handle_timeout(at(second));
        }
        assert!((quiet - 1..=quiet).contains(&second), "{second}");
    }
}

/// hostile 073, 126: a peer that asks and never reads.
#[test]
fn hostile_073_replies_are_bounded_and_the_latest_ping_is_answered() {
    for role in [Role::Client, Role::Server] {
        let mark = 10 * KIB;
        let mut endpoint = open(role, &Config::default().high_water_mark(mark));
        let masked = role == Role::Server;
        let cost = measure(|| {
            for i in 0..20_000u32 {
                feed(
                    &mut endpoint,
                    frame(masked, PING, &i.to_be_bytes().repeat(30)),
                );
            }
        });
        let waiting = endpoint.outbox().len();
        assert!((mark..mark + 139).contains(&waiting), "{role:?} {waiting}");
        assert!(cost.bytes_max < 4 * mark as u64, "{cost:?}");
        let mut written = Vec::new();
        while write(&mut endpoint, 1000, &mut written) > 0 {}
        let pongs = decode(&written);
        assert!(pongs.iter().all(|it| it.0 == PONG));
        let answered: Vec<_> = pongs.iter().map(|it| number(&it.1)).collect();
        let (last, first) = answered.split_last().unwrap();
        assert!(first.iter().copied().eq(0..first.len() as u32));
        assert_eq!(*last, 19_999);
    }
}

/// hostile 073: a Ping that found no room is answered once there is, whatever else is queued: the
/// peer may have nothing more to say, and the clock nothing to tell for long.
#[test]
fn hostile_073_a_remembered_ping_is_answered_as_soon_as_there_is_room() {
    for role in [Role::Client, Role::Server] {
        for behind in [0, 70_000] {
            let mut endpoint = open(role, &Config::default().high_water_mark(100));
            endpoint.send(noise(98)).unwrap();
            feed(&mut endpoint, frame(role == Role::Server, PING, b"1"));
            if behind > 0 {
                endpoint.send_unlimited(noise(behind)).unwrap();
                endpoint.send_unlimited(noise(98)).unwrap();
            }
            let mut written = Vec::new();
            while endpoint.wants_write() {
                assert!(write(&mut endpoint, usize::MAX, &mut written) > 0);
            }
            let mut expected = vec![(0x82, 98), (PONG, 1)];
            if behind > 0 {
                expected.extend([(0x82, behind), (0x82, 98)]);
            }
            let found = shape(&written);
            assert_eq!(found, expected, "{role:?} {behind}");
        }
    }
}

/// hostile 126: a reader that is always a little behind costs what it is behind, however much
/// passes, and its Pings are answered.
#[test]
fn hostile_126_a_reader_that_lags_costs_only_its_lag() {
    for role in [Role::Client, Role::Server] {
        let mark = 16 * KIB;
        let mut endpoint = open(role, &Config::default().high_water_mark(mark));
        let masked = role == Role::Server;
        let mut sink = Vec::with_capacity(8 << 20);
        let message = noise(1000);
        let mut pings = 0;
        let cost = measure(|| {
            for i in 0..4_000 {
                endpoint.send(&message).unwrap();
                if i % 100 == 0 {
                    feed(&mut endpoint, frame(masked, PING, b"are you there"));
                    pings += 1;
                }
                let waiting = endpoint.outbox().len();
                write(&mut endpoint, waiting - 10, &mut sink);
            }
        });
        assert!(cost.bytes_max < 3 * mark as u64, "{role:?} {cost:?}");
        while write(&mut endpoint, usize::MAX, &mut sink) > 0 {}
        assert_eq!(endpoint.buffered_amount(), 0);
        let pongs = decode(&sink).iter().filter(|it| it.0 == PONG).count();
        assert_eq!(pongs, pings, "{role:?}");
        assert_eq!(data(&sink), message.repeat(4_000));
    }
}

#[test]
fn memory_after_draining_returns_to_nothing() {
    for role in [Role::Client, Role::Server] {
        let mut endpoint = open(role, &Config::default());
        let cost = measure(|| {
            endpoint.handle_timeout(at(0));
            for step in [1000, usize::MAX] {
                endpoint.send("small").unwrap();
                endpoint.send(noise(100_000)).unwrap();
                endpoint.send("behind").unwrap();
                endpoint.send_part(Part::more(noise(70_000))).unwrap();
                endpoint.send_part(Part::last(noise(3))).unwrap();
                endpoint.handle_timeout(at(1));
                let mut written = 0;
                while endpoint.wants_write() {
                    let outbox = endpoint.outbox();
                    let len: usize = outbox.chunks().map(<[u8]>::len).sum();
                    outbox.consume(len.min(step));
                    written += len.min(step);
                }
                assert!(written > 170_000);
                endpoint.handle_timeout(at(1));
            }
            drop(endpoint.outbox().reclaim());
        });
        assert_eq!(cost.bytes_current, 0, "{role:?} {cost:?}");
    }
}

/// Where a buffer is lent, it is used, and comes back once nothing in it waits.
#[test]
fn a_lent_buffer_comes_back() {
    let mut endpoint = open(Role::Server, &Config::default());
    let unused = endpoint.outbox().lend(Vec::with_capacity(4096));
    assert_eq!(unused.capacity(), 0);
    let unused = endpoint.outbox().lend(Vec::with_capacity(100));
    assert_eq!(unused.capacity(), 100);
    let cost = measure(|| endpoint.send("hello").unwrap());
    assert_eq!(cost.count_total, 0);
    assert!(endpoint.outbox().reclaim().is_none());
    let mut written = Vec::new();
    write(&mut endpoint, 3, &mut written);
    assert!(endpoint.outbox().reclaim().is_none());
    write(&mut endpoint, 4, &mut written);
    assert_eq!(endpoint.outbox().reclaim().unwrap().capacity(), 4096);
    assert_eq!(decode_some(&written).0, [(TEXT, b"hello".to_vec())]);
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// hostile 171: messages that weigh nothing, or next to it, cost memory where they wait behind a
/// large one, so they wait for room like others. An echo server would hold what its peer likes.
#[test]
fn hostile_171_tiny_messages_behind_a_large_one_have_a_limit() {
    for role in [Role::Client, Role::Server] {
        for len in [0, 1, 10] {
            for mark in [70_000, 256 * KIB] {
                let mut endpoint = open(role, &Config::default().high_water_mark(mark));
                endpoint.send(noise(69_000)).unwrap();
                let message = noise(len);
                let mut sent = 0;
                let heap = measure(|| {
                    while endpoint.can_send() && sent < 1_000_000 {
                        endpoint.send(message.clone()).unwrap();
                        sent += 1;
                    }
                });
                assert_eq!(endpoint.send(""), Err(SendError::Full));
                assert!(sent < mark / 50, "{sent} messages of {len}");
                // Twice what counts, for what doubles, and a copy while it does; and the small
                // payloads, which lie on the heap one by one.
                let most = 4 * mark as u64 + 1_024;
                assert!(heap.bytes_max <= most, "{role:?} {len} {mark}: {heap:?}");
                // All leave, in order, and there is room again.
                let frames = shape(&write_all(&mut endpoint));
                let tiny = frames.iter().filter(|frame| **frame == (0x82, len));
                assert_eq!(tiny.count(), sent);
                assert!(endpoint.can_send());
            }
        }
    }
}
