//! What waits to be written: order, fragments, partial writes, and how much memory it takes.
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

use allocation_counter::measure;
use bytes::Bytes;
use out::{KIB, data, feed, open, shape, write, write_all};
use sansock::{
    CloseCode, CloseFrame, Config, Endpoint, Part, Role, SendError, State, endpoint::MessageKind,
    proto::Prepared,
};
use wire::{BINARY, CLOSE, PING, PONG, Random, TEXT, at, decode, frame, noise};

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

/// An endpoint that agreed on compression.
#[cfg(feature = "deflate")]
fn open_deflate(role: Role, config: &Config) -> Endpoint {
    use sansock::proto::{Connection, DeflateParams, handshake::Negotiated};

    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams::default());
    let config = config.clone().into();
    let connection = Connection::from_negotiated(role, &negotiated, &config, [7; 32]);
    Endpoint::from_connection(connection)
}

/// RFC 7692 §6.1: where messages are compressed, so are those that would be queued as they are.
#[cfg(feature = "deflate")]
#[test]
fn a_big_payload_is_compressed_by_fragments() {
    for role in [Role::Client, Role::Server] {
        let mut endpoint = open_deflate(role, &Config::default().fragment_size(64 * KIB));
        endpoint.send(vec![7; 200_000]).unwrap();
        let written = write_all(&mut endpoint);
        assert_eq!(written[0], 0x42, "{role:?}");
        assert!(written.len() < 4_000, "{role:?} {}", written.len());
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

/// The same for 64 MiB by the default of 1 MiB a fragment, asked again and again.
#[test]
fn hostile_076_each_ping_in_64_mib_is_answered_within_a_fragment() {
    for role in [Role::Client, Role::Server] {
        let header = if role == Role::Client { 14 } else { 10 };
        let mut endpoint = open(role, &Config::default());
        endpoint.send(vec![7; 64 << 20]).unwrap();
        let (mut written, mut asked) = (Vec::with_capacity(65 << 20), Vec::new());
        while endpoint.buffered_amount() > 0 {
            write(&mut endpoint, 700_000, &mut written);
            asked.push(written.len());
            let number = asked.len() as u8;
            feed(&mut endpoint, frame(role == Role::Server, PING, &[number]));
        }
        assert!((96..=128).contains(&asked.len()), "{}", asked.len());
        while write(&mut endpoint, usize::MAX, &mut written) > 0 {}
        let mut pongs = Vec::new();
        let mut left = &written[..];
        while let [first, rest @ ..] = left {
            let len = match rest[0] & 0x7F {
                127 => u64::from_be_bytes(rest[1..9].try_into().unwrap()) as usize + header,
                len => usize::from(len) + header - 8,
            };
            if *first == PONG {
                pongs.push(written.len() - left.len());
            }
            left = &left[len..];
        }
        assert_eq!(pongs.len(), asked.len());
        let most = (1 << 20) + 2 * header + 8;
        for (asked, answered) in asked.iter().zip(pongs) {
            assert!(answered - asked <= most, "{role:?} {asked} {answered}");
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
    let config = Config::default().fragment_size(64 * KIB);
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
    assert_eq!(shared, payload.len().div_ceil(64 * KIB));

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

/// hostile 131: of a thousand that are told the same, one never reads: it alone is full, however
/// much the others are told, and holds no copies.
#[test]
fn hostile_131_one_that_is_stuck_stops_no_other() {
    let config = Config::default().high_water_mark(300_000);
    let mut servers: Vec<_> = (0..1000).map(|_| open(Role::Server, &config)).collect();
    let rounds: Vec<_> = (0..5).map(|_| Prepared::new(noise(100_000))).collect();
    let mut refused = Vec::new();
    let cost = measure(|| {
        for prepared in &rounds {
            for (i, server) in servers.iter_mut().enumerate() {
                match server.send_prepared(prepared) {
                    Ok(()) => {}
                    Err(error) => refused.push((i, error)),
                }
                while i > 0 && server.wants_write() {
                    let outbox = server.outbox();
                    let len = outbox.chunks().map(<[u8]>::len).sum();
                    outbox.consume(len);
                }
            }
        }
    });
    assert_eq!(refused, [(0, SendError::Full); 2]);
    assert_eq!(servers[0].buffered_amount(), 300_000);
    assert!(servers[1..].iter().all(|it| it.buffered_amount() == 0));
    assert!(cost.bytes_max < 100_000, "{cost:?}");
}

/// hostile 131: nor what is neither small nor large, unless one write takes more than it; a client
/// masks it on its way.
#[test]
fn hostile_131_one_write_goes_before_no_copy() {
    let small = Prepared::new(noise(4 * KIB));
    let medium = Prepared::new(noise(4 * KIB + 1));
    let chunks = |endpoint: &mut Endpoint| -> Vec<usize> {
        endpoint.outbox().chunks().map(<[u8]>::len).collect()
    };
    for (role, alone) in [
        (Role::Server, &[4, 4_097][..]),
        (Role::Client, &[8 + 4_097][..]),
    ] {
        let mut endpoint = open(role, &Config::default());
        endpoint.send_prepared(&medium).unwrap();
        assert_eq!(chunks(&mut endpoint), alone, "{role:?}");
        assert_eq!(shape(&write_all(&mut endpoint)), [(0x82, 4_097)]);
    }
    let mut server = open(Role::Server, &Config::default());
    server.send_prepared(&small).unwrap();
    assert_eq!(chunks(&mut server), [4 + 4_096]);
    server.send_prepared(&medium).unwrap();
    server.send("a").unwrap();
    assert_eq!(chunks(&mut server), [4 + 4_096 + 4 + 4_097 + 3]);
    let sent = [(0x82, 4_096), (0x82, 4_097), (0x81, 1)];
    assert_eq!(shape(&write_all(&mut server)), sent);

    server.send_prepared(&medium).unwrap();
    server.send_prepared(&medium).unwrap();
    server.ping(b"").unwrap();
    assert_eq!(chunks(&mut server), [2 * (4 + 4_097) + 2]);
    let sent = [(0x89, 0), (0x82, 4_097), (0x82, 4_097)];
    assert_eq!(shape(&write_all(&mut server)), sent);
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
            let mut lengths = vec![0, 1, 125, 126, 300, 65_537, 4, 127, 66_000, 0, 4_099, 10];
            let (mut given, mut wire, mut written) = (0, Wire::default(), Vec::new());
            loop {
                if random.below(5000) < step
                    && endpoint.can_send()
                    && let Some(len) = lengths.pop()
                {
                    match len % 4 {
                        0 => endpoint.send(noise(len)),
                        1 => endpoint.send_bytes(MessageKind::Binary, noise(len).into()),
                        2 => endpoint.send("x".repeat(len)),
                        _ => endpoint.send_prepared(&Prepared::new(noise(len))),
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

/// What was compressed counts as it was given, until the last byte of what became of it is written.
#[cfg(feature = "deflate")]
#[test]
fn hostile_165_buffered_amount_counts_what_was_compressed_as_it_was() {
    for role in [Role::Client, Role::Server] {
        for step in [1, 3, 7, 40, 1000] {
            let mut endpoint = open_deflate(role, &Config::default());
            let mut ends = Vec::new();
            for len in [5_000, 1_000, 20_000, 300] {
                endpoint.send("x".repeat(len)).unwrap();
                ends.push((endpoint.outbox().len(), len));
            }
            assert!(ends[3].0 < 500, "{ends:?}");
            let mut written = Vec::new();
            loop {
                let left = ends.iter().filter(|(end, _)| *end > written.len());
                let expected: usize = left.map(|(_, len)| len).sum();
                assert_eq!(endpoint.buffered_amount(), expected, "{}", written.len());
                if write(&mut endpoint, step, &mut written) == 0 {
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
