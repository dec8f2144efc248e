//! What compression costs in memory, tested like behaviour.
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use common::{
    Inflater, ROLES, Random, agreed, at, decode, feed, frame, open, open_deflate, widest,
};
use sansock::{
    Config, DeflateConfig, Endpoint, Event, Message, Part, Role,
    proto::{Compress, Connection, DeflateParams, Prepared, SendOptions},
};

/// "Hello" as in §7.2.3.1.
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";

fn with(deflate: DeflateConfig) -> Arc<Config> {
    Arc::new(Config::default().ping_interval(None).deflate(Some(deflate)))
}

/// A client says nothing of itself: what was agreed on decides.
fn keeping() -> DeflateConfig {
    DeflateConfig::new().client_no_context_takeover(false)
}

fn send(ws: &mut Connection, text: &str, out: &mut Vec<u8>) {
    out.clear();
    let options = SendOptions::from(Compress::Always);
    ws.send_with(text, options, out).unwrap();
    assert_eq!(out[0], 0xC1);
}

/// Receives "Hello" from a buffer that is there already.
fn receive(ws: &mut Connection, buffer: &mut Vec<u8>, out: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(&frame(ws.role(), 0xC1, HELLO));
    let event = ws.receive(&mut &mut buffer[..], out).unwrap();
    assert_eq!(event, Some(Event::Message(Message::from("Hello"))));
}

/// What lies on the heap after `act` that did not before.
fn left(act: impl FnOnce()) -> i64 {
    measure(act).bytes_current
}

/// Puts a compressor and an inflater for these agreements in the config's pool.
fn warm(role: Role, config: &Arc<Config>, params: DeflateParams) {
    let mut ws = open_deflate(role, config, params);
    let mut out = Vec::new();
    send(&mut ws, "Hello", &mut out);
    receive(&mut ws, &mut Vec::new(), &mut out);
}

#[test]
fn hostile_100_an_agreement_alone_costs_nothing() {
    let config = Arc::new(Config::default());
    for role in ROLES {
        let plain = left(|| std::mem::forget(open(role, &Config::default())));
        let plain = plain - left(|| std::mem::forget(Arc::new(Config::default())));
        for params in [widest(), agreed(true, true, 9, 9)] {
            let agreed = left(|| std::mem::forget(open_deflate(role, &config, params)));
            assert_eq!(agreed, plain, "{role:?} {params:?}");
            // Nor do messages that are not compressed.
            let mut ws = open_deflate(role, &config, params);
            let mut out = Vec::with_capacity(1_000);
            let mut bytes = frame(role, 0x81, b"plain");
            let used = measure(|| {
                ws.send_with("plain", SendOptions::from(Compress::Never), &mut out)
                    .unwrap();
                let event = ws.receive(&mut &mut bytes[..], &mut out).unwrap();
                assert_eq!(event, Some(Event::Message(Message::from("plain"))));
            });
            assert_eq!(used.count_total, 0, "{used:?}");
        }
    }
}

#[test]
fn hostile_100_without_takeover_nothing_stays_and_a_warm_pool_is_used() {
    for role in ROLES {
        for bits in [9, 12, 15] {
            let config = with(DeflateConfig::new());
            let params = agreed(true, true, bits, bits);
            warm(role, &config, params);
            let mut ws = open_deflate(role, &config, params);
            let (mut out, mut buffer) = (Vec::with_capacity(1_000), Vec::with_capacity(1_000));
            let text = "compress me, compress me, compress me";
            let heap = measure(|| {
                for _ in 0..100 {
                    send(&mut ws, text, &mut out);
                }
            });
            assert_eq!(
                (heap.count_total, heap.bytes_current),
                (0, 0),
                "{role:?} {bits} {heap:?}"
            );
            let heap = measure(|| {
                for _ in 0..100 {
                    receive(&mut ws, &mut buffer, &mut out);
                }
            });
            // The message itself, the box in which it is gathered, and the test's own frame.
            assert!(heap.count_total <= 100 * 8, "{heap:?}");
            assert!(heap.bytes_total < 100 * 1_024, "{role:?} {bits} {heap:?}");
            assert_eq!(heap.bytes_current, 0, "{role:?} {bits} {heap:?}");
        }
    }
}

#[test]
fn hostile_100_a_message_given_up_makes_no_new_compressor() {
    // What nothing makes shorter.
    let noise = Random::new(1).bytes(6_400);
    for level in 1..=9 {
        for kept in [false, true] {
            let config = with(keeping().level(level));
            let params = agreed(!kept, !kept, 15, 15);
            let mut ws = open_deflate(Role::Server, &config, params);
            let mut out = Vec::with_capacity(20_000);
            send(&mut ws, "Hello", &mut out);
            let heap = measure(|| {
                for _ in 0..10 {
                    out.clear();
                    ws.send(&noise[..], &mut out).unwrap();
                    assert_eq!(out[0], 0x82);
                    send(&mut ws, "Hello", &mut out);
                }
            });
            assert_eq!(heap.count_total, 0, "{level} {kept} {heap:?}");
        }
    }
}

#[test]
fn hostile_100_the_bytes_of_a_kept_window() {
    for role in ROLES {
        for bits in [9, 12, 15] {
            for mem_level in [1, 8, 9] {
                let config = with(keeping().mem_level(mem_level));
                let params = agreed(false, false, bits, bits);
                let mut ws = open_deflate(role, &config, params);
                let (mut out, mut buffer) = (Vec::with_capacity(1_000), Vec::with_capacity(1_000));
                let compressor = left(|| {
                    for _ in 0..100 {
                        send(&mut ws, "compress me, compress me", &mut out);
                    }
                });
                let inflater = left(|| {
                    for _ in 0..100 {
                        receive(&mut ws, &mut buffer, &mut out);
                    }
                });
                println!("{role:?} {bits} {mem_level}: {compressor} and {inflater}");
                let most = (1 << (bits + 2)) + (1 << (mem_level + 9)) + (160 << 10);
                assert!(
                    (1..=most).contains(&compressor),
                    "{bits} {mem_level}: {compressor}"
                );
                assert!(
                    (1..=64 << 10).contains(&inflater),
                    "{bits} {mem_level}: {inflater}"
                );
                // All of it goes with the connection, or to the pool.
                let heap = measure(|| drop(ws));
                assert!(heap.bytes_current <= 0, "{heap:?}");
            }
        }
    }
}

#[test]
fn hostile_100_an_idle_compressor_is_freed() {
    let after = Duration::from_secs(10);
    let config = with(keeping().release_after(Some(after)).pool_size(0));
    for role in ROLES {
        let mut ws = open_deflate(role, &config, widest());
        let mut inflater = Inflater::new(15, true);
        let mut out = Vec::with_capacity(10_000);
        ws.handle_timeout(at(0), &mut out);
        let text = "freed when idle, freed when idle, freed when idle";
        let mut read = |out: &[u8]| inflater.message(&decode(out)[0].payload).unwrap();
        let held = left(|| send(&mut ws, text, &mut out));
        assert!(held > 1_000, "{held}");
        assert_eq!(read(&out), text.as_bytes());
        // Every message begins the time anew.
        let heap = left(|| {
            for second in [1, 9, 18] {
                let deadline = ws.handle_timeout(at(second), &mut Vec::new());
                assert_eq!(deadline, Some(at(second + 10)));
                send(&mut ws, text, &mut out);
            }
            ws.handle_timeout(at(19), &mut Vec::new());
        });
        assert_eq!(heap, 0, "still used");
        assert_eq!(read(&out), text.as_bytes());
        let freed = left(|| {
            ws.handle_timeout(at(29), &mut Vec::new());
        });
        // But for the small box that keeps what a connection has seldom.
        assert!((-held..512 - held).contains(&freed), "{held} {freed}");
        send(&mut ws, text, &mut out);
        assert_eq!(read(&out), text.as_bytes());
    }
}

#[test]
fn hostile_100_ten_thousand_connections_leave_nothing_behind() {
    for params in [widest(), agreed(true, true, 15, 15)] {
        for role in ROLES {
            let config = Arc::new(Config::default());
            warm(role, &config, params);
            warm(role, &config, params);
            let heap = measure(|| {
                let (mut out, mut buffer) = (Vec::new(), Vec::new());
                for i in 0..2_500 {
                    let mut ws = open_deflate(role, &config, params);
                    send(&mut ws, "Hello", &mut out);
                    receive(&mut ws, &mut buffer, &mut out);
                    match i % 3 {
                        // Closed, dropped in the middle of messages each way, just dropped.
                        0 => ws.close(None, &mut out).unwrap(),
                        1 => {
                            ws.send_part(&Part::more("half "), &mut out).unwrap();
                            feed(&mut ws, &frame(role, 0x41, &HELLO[..4]), &mut out).unwrap();
                        }
                        _ => {}
                    }
                }
            });
            assert_eq!(
                (heap.count_current, heap.bytes_current),
                (0, 0),
                "{params:?}: {heap:?}"
            );
        }
    }
}

#[test]
fn hostile_100_the_pool_has_a_size() {
    let config = with(keeping().pool_size(4));
    let params = agreed(true, true, 15, 15);
    let one = {
        let config = with(DeflateConfig::new());
        left(|| warm(Role::Server, &config, params))
    };
    let heap = measure(|| {
        let mut out = Vec::new();
        let mut many: Vec<Connection> = (0..64)
            .map(|_| open_deflate(Role::Server, &config, params))
            .collect();
        for ws in &mut many {
            ws.send_part(&Part::more("a compressor for each"), &mut out)
                .unwrap();
        }
        for ws in &mut many {
            ws.send_part(&Part::last("and back"), &mut out).unwrap();
        }
    });
    assert!(
        heap.bytes_max as i64 > 32 * one / 2,
        "all at once: {heap:?}"
    );
    assert!(
        heap.bytes_current <= 4 * one + 1_024,
        "one has {one}: {heap:?}"
    );
}

/// As where nothing is compressed: a server shares a long payload, whatever waits before it.
#[test]
fn hostile_131_a_prepared_message_that_does_not_become_shorter_is_shared() {
    let config = with(keeping());
    let prepared = Prepared::new(Random::new(131).bytes(200_000));
    let mut servers: Vec<_> = (0..101)
        .map(|_| Endpoint::from_connection(open_deflate(Role::Server, &config, widest())))
        .collect();
    // The first finds out.
    servers[100].send_prepared(&prepared).unwrap();
    let heap = measure(|| {
        for server in &mut servers[..100] {
            server.send_prepared(&prepared).unwrap();
            server.send_prepared_unlimited(&prepared).unwrap();
            assert!(server.outbox().chunks().count() > 0);
        }
    });
    assert!(heap.bytes_current < 100 * 1_000, "{heap:?}");
    for server in &mut servers[..100] {
        let mut written = Vec::new();
        while server.wants_write() {
            let from = written.len();
            server
                .outbox()
                .chunks()
                .for_each(|it| written.extend_from_slice(it));
            server.outbox().consume(written.len() - from);
        }
        let frames = decode(&written);
        assert!(frames.iter().all(|frame| frame.first & 0x40 == 0));
        let sent: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame.payload.clone())
            .collect();
        assert!(sent == prepared.message().as_bytes().repeat(2));
    }
}

/// One that does is compressed once, for all of them.
#[test]
fn hostile_131_a_prepared_message_that_becomes_shorter_is_compressed() {
    let config = with(keeping());
    let prepared = Prepared::new(vec![b'x'; 200_000]);
    let mut frames = Vec::new();
    for _ in 0..3 {
        let connection = open_deflate(Role::Server, &config, widest());
        let mut server = Endpoint::from_connection(connection);
        server.send_prepared(&prepared).unwrap();
        frames.push(server.outbox().chunks().collect::<Vec<_>>().concat());
    }
    assert!(frames[0].len() < 1_000 && frames[0].starts_with(&[0xC2]));
    assert!(frames.iter().all(|frame| *frame == frames[0]));
}
