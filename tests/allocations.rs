//! Allocations and sizes, tested like behaviour.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::sync::Arc;

use allocation_counter::measure;
use common::{ROLES, SEED, at, feed, frame, frames, open, open_default};
use rand::rngs::ChaCha12Rng;
use sansock::{
    Config, Event, Message, Role,
    proto::{Connection, FrameHeader},
};

/// Receives `bytes` from a reused buffer and sends every message back.
fn echo(ws: &mut Connection, bytes: &[u8], buffer: &mut [u8], out: &mut Vec<u8>) -> usize {
    buffer.copy_from_slice(bytes);
    out.clear();
    let mut input = &mut buffer[..];
    let mut echoed = 0;
    while let Some(event) = ws.receive(&mut input, out).unwrap() {
        if let Event::Message(message) = event {
            ws.send(message, out).unwrap();
            echoed += 1;
        }
    }
    echoed
}

#[test]
fn an_echo_of_whole_messages_allocates_nothing() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 4_096, 65_535, 65_536, 200_000] {
            for first in [0x81, 0x82] {
                let mut ws = open_default(role);
                let bytes = frame(role, first, &vec![b'x'; len]).repeat(3);
                let mut buffer = bytes.clone();
                let mut out = Vec::with_capacity(2 * bytes.len() + 100);
                let heap = measure(|| {
                    for second in 0..20 {
                        assert_eq!(echo(&mut ws, &bytes, &mut buffer, &mut out), 3);
                        ws.handle_timeout(at(second), &mut out);
                    }
                });
                assert_eq!(heap.count_total, 0, "{role:?} {first:#x} {len}: {heap:?}");
            }
        }
    }
}

#[test]
fn whole_pings_and_pongs_allocate_nothing() {
    for role in ROLES {
        let mut ws = open_default(role);
        let bytes = frames(
            role,
            &[
                (0x89, &[7; 125]),
                (0x8A, b"x"),
                (0x81, b"text"),
                (0x89, b""),
            ],
        );
        let mut buffer = bytes.clone();
        let mut out = Vec::with_capacity(1_000);
        let heap = measure(|| {
            for _ in 0..100 {
                assert_eq!(echo(&mut ws, &bytes, &mut buffer, &mut out), 1);
            }
        });
        assert_eq!(heap.count_total, 0, "{heap:?}");
    }
}

#[test]
fn hostile_128_an_idle_server_has_no_heap_and_a_client_its_generator() {
    let config = Arc::new(Config::default());
    let heap = measure(|| std::mem::forget(Connection::server(&config)));
    assert_eq!((heap.count_total, heap.bytes_current), (0, 0));
    let mut client = None;
    let heap = measure(|| client = Some(Connection::client(&config, SEED)));
    assert_eq!(
        (heap.count_total, heap.count_current),
        (2, 2),
        "the generator, and what holds it"
    );
    let beside = heap.bytes_max - size_of::<ChaCha12Rng>() as u64;
    assert!(beside <= 256, "{beside}");
    let heap = measure(|| drop(client));
    assert_eq!(heap.count_current, -2);
}

#[test]
fn hostile_128_a_server_is_free_of_heap_after_all_that_can_happen_to_it() {
    let all: Vec<(u8, &[u8])> = vec![
        (0x81, b"whole"),
        (0x89, b"ping"),
        (0x8A, b"pong"),
        (0x01, "水".as_bytes()),
        (0x89, &[7; 125]),
        (0x00, b""),
        (0x80, "𝄞".as_bytes()),
        (0x82, &[7; 70_000]),
    ];
    for streaming in [false, true] {
        let config = Config::default().streaming(streaming);
        for step in [1, 2, 3, 5, 1_000, 80_000] {
            let mut ws = open(Role::Server, &config);
            let mut bytes = frames(Role::Server, &all);
            let mut out = Vec::with_capacity(1 << 20);
            let mut events = 0;
            let heap = measure(|| {
                for (i, chunk) in bytes.chunks_mut(step).enumerate() {
                    let mut input = chunk;
                    while ws.receive(&mut input, &mut out).unwrap().is_some() {
                        events += 1;
                    }
                    ws.handle_timeout(at(i as u64 / 10_000), &mut out);
                }
            });
            assert!(events >= 6);
            assert_eq!(
                (heap.count_current, heap.bytes_current),
                (0, 0),
                "cut at {step}: {heap:?}"
            );
        }
    }
}

#[test]
fn hostile_129_after_a_long_message_nothing_of_it_is_kept() {
    const LEN: usize = 64 << 20;
    let limits = Config::default()
        .max_message_size(LEN as u64)
        .max_frame_size(LEN as u64);
    let mut ws = open(Role::Client, &limits);
    let mut out = Vec::new();
    feed(
        &mut ws,
        &common::announce(Role::Client, 0x82, LEN as u64),
        &mut out,
    )
    .unwrap();
    let mut chunk = vec![7; 1 << 20];
    let mut received = 0;
    let heap = measure(|| {
        for _ in 0..64 {
            if let Some(Event::Message(message)) =
                ws.receive(&mut &mut chunk[..], &mut out).unwrap()
            {
                received = message.len();
            }
        }
    });
    assert_eq!(received, LEN);
    assert!(heap.bytes_max < 2 * LEN as u64, "{heap:?}");
    // The box for unfinished things was there before and is gone, too.
    assert!((-512..=0).contains(&heap.bytes_current), "{heap:?}");
}

#[test]
fn hostile_128_a_hundred_thousand_idle_connections() {
    const MANY: usize = 100_000;
    assert!(size_of::<Connection>() <= 96, "{}", size_of::<Connection>());
    let config = Arc::new(Config::default());
    let mut servers = Vec::new();
    let heap = measure(|| {
        servers.reserve_exact(MANY);
        servers.extend((0..MANY).map(|_| Connection::server(&config)));
    });
    assert_eq!(heap.count_current, 1, "the array they lie in");
    assert!(heap.bytes_current <= 96 * MANY as i64);
    // All are pinged, hear a message, a Pong and a cut one, and are told the time.
    let bytes = frames(
        Role::Server,
        &[(0x8A, b""), (0x81, b"hello"), (0x01, b"a"), (0x80, b"b")],
    );
    let mut out = Vec::with_capacity(1_000);
    let mut buffer = bytes.clone();
    let heap = measure(|| {
        for server in &mut servers {
            server.handle_timeout(at(0), &mut out);
            server.handle_timeout(at(30), &mut out);
            buffer.copy_from_slice(&bytes);
            let (one, other) = buffer.split_at_mut(20);
            for mut input in [one, other] {
                while server.receive(&mut input, &mut out).unwrap().is_some() {}
            }
            server.handle_timeout(at(31), &mut out);
            out.clear();
        }
    });
    assert_eq!((heap.count_current, heap.bytes_current), (0, 0), "{heap:?}");
}

#[test]
fn a_gathered_message_is_one_box_and_its_payload() {
    for role in ROLES {
        for first in [0x01, 0x02] {
            let mut ws = open_default(role);
            let mut bytes = frames(role, &[(first, &[b'x'; 10_000]), (0x80, &[b'y'; 10_000])]);
            let mut out = Vec::new();
            let heap = measure(|| {
                let event = ws.receive(&mut &mut bytes[..], &mut out).unwrap();
                let Some(Event::Message(Message::Text(_) | Message::Binary(_))) = event else {
                    panic!("a message");
                };
            });
            // The box, the first piece, and its growth by the second.
            assert_eq!(heap.count_total, 3, "{heap:?}");
            assert!(heap.bytes_total <= 30_000 + 512, "{heap:?}");
        }
    }
}

#[test]
fn an_ending_costs_a_small_box() {
    for bytes in [&[0x83][..], &frame(Role::Server, 0x88, &[])] {
        let mut ws = open_default(Role::Server);
        let mut out = Vec::with_capacity(100);
        let mut bytes = bytes.to_vec();
        let heap = measure(|| {
            let _ = ws.receive(&mut &mut bytes[..], &mut out);
        });
        assert!(ws.is_finished());
        assert!(heap.count_total <= 1 && heap.bytes_max < 512, "{heap:?}");
    }
}

#[test]
fn sending_reserves_for_the_whole_frame_at_once() {
    for role in ROLES {
        let mut ws = open_default(role);
        let mut out = Vec::new();
        let heap = measure(|| ws.send(&[7; 100_000], &mut out).unwrap());
        assert_eq!(heap.count_total, 1, "{heap:?}");
        let size = 100_000 + FrameHeader::MAX_LEN as u64;
        assert!(heap.bytes_total <= size, "{heap:?}");
    }
}
