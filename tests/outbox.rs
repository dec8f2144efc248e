//! What waits to be written: order, fragments, partial writes, and how much memory it takes.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/wire.rs"]
mod wire;

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use bytes::Bytes;
use sansock::{
    CloseCode, CloseFrame, Config, Part, Role, SendError, State,
    endpoint::{Endpoint, MessageKind},
    proto::{Connection, Prepared},
};
use wire::{BINARY, CLOSE, PING, PONG, Random, TEXT, at, decode, decode_some, frame, noise};

const KIB: usize = 1024;

fn open(role: Role, config: &Config) -> Endpoint {
    let config = Arc::new(config.clone());
    Endpoint::from_connection(match role {
        Role::Client => Connection::client(&config, [7; 32]),
        Role::Server => Connection::server(&config),
    })
}

/// Gives the peer's `bytes` to an endpoint and forgets the events.
fn feed(endpoint: &mut Endpoint, mut bytes: Vec<u8>) {
    let mut input = &mut bytes[..];
    while endpoint.receive(&mut input).is_some() {}
}

/// Writes at most `limit` bytes; none once nothing waits.
fn write(endpoint: &mut Endpoint, limit: usize, written: &mut Vec<u8>) -> usize {
    let outbox = endpoint.outbox();
    let before = written.len();
    for chunk in outbox.chunks() {
        assert!(!chunk.is_empty());
        let room = limit - (written.len() - before);
        written.extend(&chunk[..chunk.len().min(room)]);
    }
    outbox.consume(written.len() - before);
    written.len() - before
}

fn write_all(endpoint: &mut Endpoint) -> Vec<u8> {
    let mut written = Vec::new();
    while write(endpoint, usize::MAX, &mut written) > 0 {}
    assert!(!endpoint.wants_write());
    written
}

/// Kinds and lengths, in order.
fn shape(bytes: &[u8]) -> Vec<(u8, usize)> {
    decode(bytes)
        .into_iter()
        .map(|(first, payload)| (first, payload.len()))
        .collect()
}

/// The payloads of all data frames, joined.
fn data(bytes: &[u8]) -> Vec<u8> {
    decode(bytes)
        .into_iter()
        .filter(|(first, _)| first & 0x08 == 0)
        .flat_map(|(_, payload)| payload)
        .collect()
}

#[test]
fn a_big_payload_leaves_in_fragments() {
    for role in [Role::Client, Role::Server] {
        for fragment_size in [0, 1, 1000, 64 * KIB, 70_000, usize::MAX] {
            let len = if fragment_size < 2 { 65_600 } else { 200_000 };
            let config = Config::default().fragment_size(fragment_size);
            let mut endpoint = open(role, &config);
            let payload = noise(len);
            endpoint.send(payload.clone()).unwrap();
            let written = write_all(&mut endpoint);
            assert_eq!(data(&written), payload, "{role:?} {fragment_size}");
            let frames = shape(&written);
            let size = fragment_size.max(1).min(len);
            assert_eq!(frames.len(), len.div_ceil(size));
            assert_eq!(frames[0].0 & 0x0F, 2);
            assert!(frames[1..].iter().all(|(first, _)| first & 0x0F == 0));
            assert!(frames.iter().all(|(_, len)| *len <= size));
            let fins = frames.iter().filter(|(first, _)| first & 0x80 != 0);
            assert_eq!(fins.count(), 1);
            assert!(frames.last().unwrap().0 & 0x80 != 0);
        }
    }
}

/// A Ping that comes when `n` bytes of a big message are written is answered behind the fragment
/// under way, not behind the message.
#[test]
fn hostile_076_a_pong_leaves_at_the_next_fragment_boundary() {
    for role in [Role::Client, Role::Server] {
        let masked = role == Role::Server;
        let header = if role == Role::Client { 8 } else { 4 };
        let config = Config::default().fragment_size(1000);
        let payload = noise(66_000);
        for at in (0..4 * (1000 + header)).step_by(67) {
            let mut endpoint = open(role, &config);
            endpoint.send(payload.clone()).unwrap();
            let mut written = Vec::new();
            while written.len() < at {
                let left = at - written.len();
                write(&mut endpoint, left, &mut written);
            }
            feed(&mut endpoint, frame(masked, PING, b"now"));
            while write(&mut endpoint, 333, &mut written) > 0 {}
            assert_eq!(data(&written), payload);
            let pong = decode(&written).into_iter().position(|it| it.0 == PONG);
            let begun = at.div_ceil(1000 + header);
            assert!(
                pong.is_some_and(|pong| pong <= begun.max(1)),
                "{role:?} at {at}: {pong:?} after {begun} fragments"
            );
        }
    }
}

#[test]
fn clause_7_1_2_close_leaves_after_all_that_was_sent() {
    for role in [Role::Client, Role::Server] {
        let mut endpoint = open(role, &Config::default().high_water_mark(usize::MAX));
        endpoint.send("first").unwrap();
        endpoint.send(noise(150_000)).unwrap();
        endpoint.send("second").unwrap();
        endpoint.send(noise(70_000)).unwrap();
        endpoint
            .close(Some(&CloseFrame::new(CloseCode::NORMAL, "bye")))
            .unwrap();
        assert_eq!(endpoint.state(), State::Closing);
        assert_eq!(endpoint.send("late"), Err(SendError::NotOpen));
        assert_eq!(endpoint.ping(b"late"), Err(SendError::NotOpen));
        assert_eq!(endpoint.close(None), Err(SendError::NotOpen));
        let frames = decode(&write_all(&mut endpoint));
        let (last, before) = frames.split_last().unwrap();
        assert_eq!(last, &(CLOSE, b"\x03\xE8bye".to_vec()));
        assert!(before.iter().all(|(first, _)| first & 0x08 == 0));
        let sent: usize = before.iter().map(|(_, payload)| payload.len()).sum();
        assert_eq!(sent, 5 + 150_000 + 6 + 70_000);
        assert_eq!(endpoint.state(), State::Closing);
    }
}

/// What has no bytes of payload waits behind a large message like all else, whenever the time is
/// told.
#[test]
fn a_telling_of_the_time_forgets_nothing_that_waits() {
    for (role, fragment_size) in [
        (Role::Client, 64 * KIB),
        (Role::Client, 1 << 20),
        (Role::Server, 64 * KIB),
        (Role::Server, 1 << 20),
    ] {
        let mut endpoint = open(role, &Config::default().fragment_size(fragment_size));
        endpoint.handle_timeout(at(0));
        endpoint.send(noise(70_000)).unwrap();
        endpoint.send("").unwrap();
        endpoint.close(None).unwrap();
        let mut written = Vec::new();
        while endpoint.wants_write() {
            write(&mut endpoint, usize::MAX, &mut written);
            endpoint.handle_timeout(at(1));
        }
        let ends: Vec<_> = shape(&written).into_iter().rev().take(2).collect();
        assert_eq!(ends, [(CLOSE, 0), (TEXT, 0)], "{role:?}");
    }
}

#[test]
fn small_messages_behind_a_large_one_keep_their_order() {
    for role in [Role::Client, Role::Server] {
        for step in [1, 999, usize::MAX] {
            let mut endpoint = open(role, &Config::default().high_water_mark(usize::MAX));
            endpoint.send("a").unwrap();
            endpoint.send(vec![b'b'; 65_537]).unwrap();
            endpoint.send("c").unwrap();
            endpoint.send_part(Part::more("d")).unwrap();
            endpoint.send_part(Part::last("e")).unwrap();
            endpoint.send_prepared(&Prepared::new("f")).unwrap();
            endpoint
                .send_bytes(MessageKind::Binary, vec![b'g'; 65_537].into())
                .unwrap();
            endpoint
                .send_bytes(MessageKind::Text, Bytes::from_static(b"h"))
                .unwrap();
            let mut written = Vec::new();
            while write(&mut endpoint, step, &mut written) > 0 {}
            let mut data = data(&written);
            data.dedup();
            assert_eq!(data, b"abcdefgh", "{role:?}");
        }
    }
}

/// hostile 131: a server shares what it sends to many, and never copies it.
#[test]
fn hostile_131_shared_payloads_are_not_copied() {
    let config = Config::default();
    let payload = Bytes::from(noise(300_000));
    let begin = payload.as_ptr().addr();
    let inside = |chunk: &[u8]| {
        let at = chunk.as_ptr().addr().wrapping_sub(begin);
        at < payload.len() && chunk == &payload[at..at + chunk.len()]
    };
    let mut endpoint = open(Role::Server, &config);
    endpoint
        .send_bytes(MessageKind::Binary, payload.clone())
        .unwrap();
    let mut shared = 0;
    while endpoint.wants_write() {
        let outbox = endpoint.outbox();
        let chunks: Vec<_> = outbox.chunks().collect();
        shared += chunks.iter().filter(|it| inside(it)).count();
        let len = chunks.iter().map(|it| it.len()).sum();
        outbox.consume(len);
    }
    // What is left for the last fragment is small, and copied into the batch.
    assert_eq!(shared, payload.len() / (64 * KIB));

    // A message framed once: a thousand servers that hold it take less than one copy more.
    let prepared = Prepared::new(noise(200_000));
    let mut servers: Vec<_> = (0..1000).map(|_| open(Role::Server, &config)).collect();
    let cost = measure(|| {
        for server in &mut servers {
            server.send_prepared(&prepared).unwrap();
            assert!(server.outbox().chunks().count() > 0);
        }
    });
    assert!(cost.bytes_current < 1000 * 600, "{cost:?}");
    for server in &mut servers {
        assert_eq!(shape(&write_all(server)).len(), 4);
    }
}

/// An owned payload is moved, not copied, by both ends.
#[test]
fn an_owned_payload_is_moved() {
    for role in [Role::Client, Role::Server] {
        let mut endpoint = open(role, &Config::default());
        let payload = noise(4 << 20);
        let cost = measure(|| {
            endpoint.send(payload).unwrap();
            while endpoint.wants_write() {
                let outbox = endpoint.outbox();
                let len = outbox.chunks().map(<[u8]>::len).sum();
                outbox.consume(len);
            }
        });
        // The last fragment is small, and copied into the batch.
        assert!(cost.bytes_max < 68 * KIB as u64, "{role:?} {cost:?}");
    }
}

/// §8.1: bytes that are sent as text must be text.
#[test]
fn clause_8_1_shared_bytes_that_are_no_text_are_refused() {
    let mut endpoint = open(Role::Server, &Config::default());
    for len in [4, 70_000] {
        let mut payload = vec![b'a'; len];
        payload[len - 1] = 0xC3;
        let refused = endpoint.send_bytes(MessageKind::Text, payload.clone().into());
        assert_eq!(refused, Err(SendError::InvalidUtf8));
        assert!(!endpoint.wants_write());
        endpoint
            .send_bytes(MessageKind::Binary, payload.into())
            .unwrap();
        write_all(&mut endpoint);
    }
}

/// The amount is compared with what the bytes on the wire say, after every write of every size.
#[test]
fn clause_buffered_amount_is_exact_under_partial_writes() {
    for role in [Role::Client, Role::Server] {
        for step in [1, 2, 3, 7, 13, 100, 5000] {
            let mut endpoint = open(role, &Config::default().fragment_size(1500));
            let mut random = Random(step as u64);
            let mut lengths = vec![0, 1, 125, 126, 300, 65_537, 4, 66_000, 0, 10];
            let (mut given, mut wire, mut written) = (0, Wire::default(), Vec::new());
            loop {
                if random.below(5000) < step
                    && endpoint.can_send()
                    && let Some(len) = lengths.pop()
                {
                    match len % 3 {
                        0 => endpoint.send(noise(len)),
                        1 => endpoint.send_bytes(MessageKind::Binary, noise(len).into()),
                        _ => endpoint.send("x".repeat(len)),
                    }
                    .unwrap();
                    given += len;
                }
                if random.below(1000) < step && !lengths.is_empty() {
                    endpoint.ping(b"12345").unwrap();
                }
                let begin = written.len();
                let wrote = write(&mut endpoint, step, &mut written);
                wire.carry(&written[begin..]);
                let amount = endpoint.buffered_amount();
                assert_eq!(amount, given - wire.data, "{role:?}, {step} at {begin}");
                if wrote == 0 && lengths.is_empty() {
                    break;
                }
            }
            assert_eq!(endpoint.buffered_amount(), 0);
        }
    }
}

/// Counts the bytes of application data in what is written, by a second hand.
#[derive(Default)]
struct Wire {
    header: Vec<u8>,
    /// Bytes of payload that the frame under way still lacks, and whether they are data.
    lacking: usize,
    is_data: bool,
    data: usize,
}

impl Wire {
    fn carry(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.lacking > 0 {
                self.lacking -= 1;
                self.data += usize::from(self.is_data);
                continue;
            }
            self.header.push(*byte);
            let &[first, second, ref rest @ ..] = &self.header[..] else {
                continue;
            };
            let extended = match second & 0x7F {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let masked = if second & 0x80 == 0 { 0 } else { 4 };
            if rest.len() < extended + masked {
                continue;
            }
            self.lacking = match &rest[..extended] {
                [] => usize::from(second & 0x7F),
                len => len.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
            };
            self.is_data = first & 0x08 == 0;
            self.header.clear();
        }
    }
}

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

/// A refused part is as if it had not been tried: the message is neither begun nor changed.
#[test]
fn a_refused_part_begins_nothing() {
    let mut endpoint = open(Role::Server, &Config::default().high_water_mark(1));
    endpoint.send("x").unwrap();
    assert_eq!(endpoint.send_part(Part::more("a")), Err(SendError::Full));
    write_all(&mut endpoint);
    endpoint.send("whole").unwrap();
    assert_eq!(write_all(&mut endpoint), frame(false, TEXT, b"whole"));
}

/// §5.4: between the parts of a message no other may begin, whether they are queued or written.
#[test]
fn clause_5_4_parts_are_not_interleaved() {
    for role in [Role::Client, Role::Server] {
        for before in [0, 1, 70_000] {
            for len in [0, 5, 70_000] {
                for drained in [false, true] {
                    let mut endpoint = open(role, &Config::default().high_water_mark(usize::MAX));
                    endpoint.send(noise(before)).unwrap();
                    endpoint.send_part(Part::more("y".repeat(len))).unwrap();
                    let mut written = Vec::new();
                    while drained && write(&mut endpoint, 9999, &mut written) > 0 {}
                    assert_eq!(endpoint.send("a"), Err(SendError::MessageUnfinished));
                    assert_eq!(
                        endpoint.send(noise(70_000)),
                        Err(SendError::MessageUnfinished)
                    );
                    assert_eq!(
                        endpoint.send_prepared(&Prepared::new("a")),
                        Err(SendError::MessageUnfinished)
                    );
                    assert_eq!(
                        endpoint.send_part(Part::last(b"a")),
                        Err(SendError::PartKind)
                    );
                    endpoint.ping(b"").unwrap();
                    endpoint.send_part(Part::more("z".repeat(len))).unwrap();
                    endpoint.send_part(Part::last("")).unwrap();
                    endpoint.send(b"next").unwrap();
                    while write(&mut endpoint, 9999, &mut written) > 0 {}
                    let frames = decode(&written);
                    let data: Vec<_> = frames.iter().filter(|it| it.0 & 0x08 == 0).collect();
                    let messages: Vec<Vec<u8>> = data
                        .split_inclusive(|it| it.0 & 0x80 != 0)
                        .map(|it| it.iter().flat_map(|(_, data)| data.clone()).collect())
                        .collect();
                    let parts = ["y".repeat(len), "z".repeat(len)].concat().into_bytes();
                    assert_eq!(messages, [noise(before), parts, b"next".to_vec()]);
                    assert_eq!(frames.last().unwrap().0, BINARY);
                }
            }
        }
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
        endpoint.handle_timeout(at(0));
        while write(&mut endpoint, 1000, &mut written) > 0 {}
        let pongs = decode(&written);
        assert!(pongs.iter().all(|it| it.0 == PONG));
        let answered: Vec<_> = pongs.iter().map(|it| number(&it.1)).collect();
        let (last, first) = answered.split_last().unwrap();
        assert!(first.iter().copied().eq(0..first.len() as u32));
        assert_eq!(*last, 19_999);
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
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
