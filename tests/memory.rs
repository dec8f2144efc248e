//! The stated ceiling of a connection's memory, reached for by every peer that would like to see it
//! exceeded, and what is left once the peer is done.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use common::{KEY, ROLES, Random, SEED, announce, at, frame, frames, masked};
#[cfg(feature = "deflate")]
use common::{bomb, widest};
use sansock::{
    Config, Event, Role,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        Budget, Connection, DeflateParams,
        handshake::{Accept, ClientRequest, ServerHandshake},
    },
};

const KIB: usize = 1 << 10;

/// Limits that are reached soon, and budgets that are not.
fn small() -> Config {
    let endless = Budget {
        burst: u32::MAX,
        per_second: 0,
    };
    Config::default()
        .max_message_size(256 << 10)
        .max_frame_size(256 << 10)
        .high_water_mark(32 * KIB)
        .fragment_size(16 * KIB)
        .control_budget(endless)
        .tiny_budget(endless)
        .ping_interval(None)
}

fn open(role: Role, config: &Arc<Config>, agreed: Option<DeflateParams>) -> Endpoint {
    let mut negotiated = sansock::proto::handshake::Negotiated::default();
    negotiated.deflate = agreed;
    Endpoint::from_connection(Connection::from_negotiated(role, &negotiated, config, SEED))
}

/// Gives `bytes` in reads of `step`, answers each message and Ping as an echo server does while
/// there is room, and writes nothing.
fn echo(endpoint: &mut Endpoint, bytes: &mut [u8], step: usize) {
    for piece in bytes.chunks_mut(step) {
        let mut input = piece;
        while let Some(event) = endpoint.receive(&mut input) {
            let reply = match event {
                EndpointEvent::Event(Event::Message(message)) => message,
                EndpointEvent::Event(Event::Part(part)) => part.data,
                _ => continue,
            };
            // What is queued as it is, is the program's.
            if reply.len() <= 64 * KIB && endpoint.can_send() {
                endpoint.send(reply).unwrap();
            }
        }
    }
}

fn check(what: &str, heap: AllocationInfo, config: &Config, role: Role, it: Option<DeflateParams>) {
    let stated = config.memory_ceiling(role, it);
    assert!(
        heap.bytes_max <= stated.total(),
        "{what} at a {role:?} with {it:?}: {heap:?}\n{stated}"
    );
}

/// All that a peer may send to make an open connection hold much.
fn hoards(role: Role) -> Vec<(&'static str, Vec<u8>)> {
    let quarter = vec![b'x'; 64 * KIB];
    let most = vec![b'x'; 256 * KIB];
    let fragments = |first, len: usize| -> Vec<u8> {
        let more = frame(role, 0x00, &vec![b'x'; len]).repeat((200 * KIB / len).min(100_000));
        [frame(role, first, b"x"), more].concat()
    };
    let unfinished = |first, len: usize| {
        let mut bytes = announce(role, first, 256 << 10);
        let payload = vec![b'x'; len];
        bytes.extend(match role {
            Role::Server => masked(&payload, KEY),
            Role::Client => payload,
        });
        bytes
    };
    vec![
        ("a text that is cut", unfinished(0x81, 256 * KIB - 1)),
        ("binary that is cut", unfinished(0x82, 256 * KIB - 1)),
        (
            "an unfinished text",
            frames(role, &[(0x01, &most), (0x00, b"")]),
        ),
        (
            "an unfinished message that just filled its buffer",
            frames(role, &[(0x02, &quarter), (0x00, &quarter), (0x00, b"x")]),
        ),
        ("fragments of a byte", fragments(0x01, 1)),
        ("fragments of a few", fragments(0x02, 11)),
        ("fragments of a KiB", fragments(0x01, KIB)),
        (
            "Pings of 125 bytes",
            frame(role, 0x89, &[7; 125]).repeat(5_000),
        ),
        ("empty Pings", frame(role, 0x89, b"").repeat(20_000)),
        ("Pongs", frame(role, 0x8A, &[7; 125]).repeat(5_000)),
        ("empty messages", frame(role, 0x81, b"").repeat(50_000)),
        ("tiny messages", frame(role, 0x82, b"x").repeat(50_000)),
        ("large messages", frame(role, 0x82, &quarter).repeat(10)),
        (
            "a large message, then empty ones",
            [
                frame(role, 0x82, &most),
                frame(role, 0x82, b"").repeat(50_000),
            ]
            .concat(),
        ),
        (
            "a Close inside a message",
            frames(role, &[(0x01, &most), (0x88, &[3, 232])]),
        ),
        (
            "a fault behind much",
            frames(role, &[(0x01, &most), (0x83, b"")]),
        ),
    ]
}

#[test]
fn hostile_172_no_peer_exceeds_the_stated_ceiling() {
    for role in ROLES {
        for streaming in [false, true] {
            let config = Arc::new(small().streaming(streaming));
            for (what, bytes) in hoards(role) {
                for step in [1, 1_000, bytes.len()] {
                    if step == 1 && bytes.len() > 100 * KIB {
                        continue;
                    }
                    let mut endpoint = None;
                    let mut bytes = bytes.clone();
                    let heap = measure(|| {
                        let endpoint = endpoint.insert(open(role, &config, None));
                        endpoint.handle_timeout(at(0));
                        echo(endpoint, &mut bytes, step);
                        endpoint.handle_timeout(at(1));
                    });
                    check(what, heap, &config, role, None);
                }
            }
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn hostile_173_no_peer_that_compresses_exceeds_the_stated_ceiling() {
    let noise = Random::new(173).bytes(60 * KIB);
    let mut stored = common::Bits::new();
    let stored = stored.stored(false, &noise).message();
    let tiny = b"\x4A\x04\x00"; // "a"
    for role in ROLES {
        let hoards: [(&str, Vec<u8>); 6] = [
            ("a bomb", frame(role, 0xC2, &bomb(4 << 20))),
            ("a bomb that fits", frame(role, 0xC2, &bomb(256 << 10))),
            ("an unfinished bomb", frame(role, 0x42, &bomb(255 << 10))),
            ("noise", frame(role, 0xC2, &stored).repeat(5)),
            (
                "unfinished noise",
                frames(role, &[(0x42, &stored), (0x00, &stored)]),
            ),
            ("tiny messages", frame(role, 0xC1, tiny).repeat(300)),
        ];
        for (keeps, bits) in [(true, 15), (false, 15), (true, 9)] {
            let agreed = common::agreed(!keeps, !keeps, bits, bits);
            for streaming in [false, true] {
                let mut deflate = sansock::DeflateConfig::new().threshold(0);
                deflate = deflate.client_no_context_takeover(false).pool_size(0);
                let config = Arc::new(small().streaming(streaming).deflate(Some(deflate)));
                for (what, bytes) in &hoards {
                    for step in [1_000, bytes.len()] {
                        let mut bytes = bytes.clone();
                        let mut endpoint = None;
                        let heap = measure(|| {
                            let endpoint = endpoint.insert(open(role, &config, Some(agreed)));
                            endpoint.handle_timeout(at(0));
                            echo(endpoint, &mut bytes, step);
                        });
                        check(what, heap, &config, role, Some(agreed));
                    }
                }
            }
        }
    }
    assert!(
        widest() == DeflateParams::default(),
        "the worst that can be agreed on"
    );
}

/// Each number of the ceiling's documentation, and no wrap at the greatest limits.
#[test]
fn hostile_172_the_ceiling_follows_its_formula() {
    let config = Config::default();
    let stated = config.memory_ceiling(Role::Server, None);
    assert_eq!(stated.assembly, 32 << 20);
    assert_eq!((stated.inflater, stated.compressor), (0, 0));
    assert_eq!(stated.half_open, (16 << 10) + 1_000);
    assert_eq!(stated.handshake, 26 * (16 << 10) + 48 * 100 + 1_000);
    let piece = (64 << 10) + (1 << 10) + 512;
    assert_eq!(stated.output, 9 * (256 << 10) + 12 * piece);
    // Three times the longest payload of a control frame, and what else is in the box.
    assert!((3 * 125 + 150..1 << 10).contains(&stated.spill), "{stated}");
    assert!((1 << 10..3 << 10).contains(&stated.state), "{stated}");
    let sum = stated.assembly + stated.output + stated.spill + stated.state;
    assert_eq!(stated.total(), sum);
    let client = config.memory_ceiling(Role::Client, None);
    assert_eq!(
        client.handshake,
        2 * (16 << 10) + 48 * 100 + 3 * (64 << 10) + 1_000
    );
    let shown = stated.to_string();
    assert_eq!(shown.lines().count(), 9);
    assert!(shown.starts_with("half open         17384\n"), "{shown}");
    assert!(shown.ends_with(&stated.total().to_string()), "{shown}");

    let streaming = config.clone().streaming(true);
    assert_eq!(streaming.memory_ceiling(Role::Server, None).assembly, 0);
    let endless = config
        .max_message_size(u64::MAX)
        .max_head_size(usize::MAX)
        .max_headers(usize::MAX)
        .max_refusal_body_size(usize::MAX)
        .high_water_mark(usize::MAX)
        .fragment_size(usize::MAX);
    for role in ROLES {
        for agreed in [None, Some(DeflateParams::default())] {
            assert_eq!(endless.memory_ceiling(role, agreed).total(), u64::MAX);
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn hostile_173_the_ceiling_of_codecs_follows_its_formula() {
    let deflate = sansock::DeflateConfig::new();
    let config = Config::default().deflate(Some(deflate));
    for (bits, inflater, compressor) in [
        (15, (42 + 64) << 10, (160 + 128 + 64) << 10),
        (12, (42 + 8) << 10, (160 + 16 + 64) << 10),
        (9, (42 + 1) << 10, (160 + 2 + 64) << 10),
    ] {
        for role in ROLES {
            let agreed = common::agreed(false, false, bits, bits);
            let stated = config.memory_ceiling(role, Some(agreed));
            assert_eq!((stated.inflater, stated.compressor), (inflater, compressor));
        }
    }
    // We do not compress into the least window; and a client keeps to what it said.
    let least = common::agreed(false, false, 8, 8);
    assert_eq!(
        config.memory_ceiling(Role::Server, Some(least)).compressor,
        0
    );
    let said = Config::default().deflate(Some(deflate.client_max_window_bits(9)));
    let stated = said.memory_ceiling(Role::Client, Some(widest()));
    assert_eq!(stated.compressor, (160 + 2 + 64) << 10);
    let stated = said.memory_ceiling(Role::Server, Some(widest()));
    assert_eq!(stated.compressor, (160 + 128 + 64) << 10);
    // A part of a message that streams is inflated at once, but no more than a message may have.
    let streaming = config.clone().streaming(true);
    for (limit, assembly) in [(1 << 20, 3 * 49_408), (50_000, 100_000)] {
        let config = streaming.clone().max_message_size(limit);
        let stated = config.memory_ceiling(Role::Server, Some(widest()));
        assert_eq!(stated.assembly, assembly);
    }
    // A level that does not exist is the nearest that does.
    for (level, symbols) in [(0, 1), (1, 1), (9, 256), (10, 256), (u8::MAX, 256)] {
        let config = Config::default().deflate(Some(deflate.mem_level(level)));
        let stated = config.memory_ceiling(Role::Server, Some(widest()));
        assert_eq!(stated.compressor, (160 + 128 + symbols) << 10, "{level}");
    }
}

/// What is read past the input buffer, and a buffer that the program gave back.
#[test]
fn hostile_172_reading_directly_stays_below_the_stated_ceiling() {
    const LEN: usize = 8 << 20;
    for role in ROLES {
        for recycles in [false, true] {
            let config = Arc::new(Config::default().max_message_size(LEN as u64));
            let stated = config.memory_ceiling(role, None);
            let spare = vec![0; if recycles { LEN } else { 0 }];
            let mut endpoint = open(role, &config, None);
            let mut received = 0;
            let mut header = announce(role, 0x02, LEN as u64 - 1);
            let heap = measure(|| {
                endpoint.recycle(spare);
                assert!(endpoint.receive(&mut &mut header[..]).is_none());
                // A byte begins the message; the rest is appended where it belongs.
                assert!(endpoint.receive(&mut &mut [7][..]).is_none());
                while let Some((buffer, room)) = endpoint.direct() {
                    let n = room.min(100_000);
                    buffer.resize(buffer.len() + n, 7);
                    received += n;
                    assert!(endpoint.receive_direct(n).is_none());
                }
            });
            assert!(received > LEN - (65 << 10), "{received}");
            let most = stated.assembly + stated.spill + stated.state;
            assert!(heap.bytes_max <= most, "{role:?} {recycles}: {heap:?}");
        }
    }
}

/// A server's handshake that waits holds its box and the head that came, and nothing else.
#[cfg(target_pointer_width = "64")]
#[test]
fn hostile_031_ten_thousand_half_open_handshakes_cost_what_is_stated() {
    const MANY: usize = 10_000;
    const BOX: u64 = 120;
    let config = Arc::new(Config::default());
    let head = format!(
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nCookie: {}",
        "x".repeat(200)
    );
    let mut handshakes: Vec<Endpoint> = Vec::with_capacity(MANY);
    let silent = measure(|| handshakes.extend((0..MANY).map(|_| Endpoint::server(&config))));
    assert_eq!(silent.bytes_current, MANY as i64 * BOX as i64);
    assert_eq!(silent.bytes_max, MANY as u64 * BOX);
    let mut bytes = head.clone().into_bytes();
    let half = measure(|| {
        for handshake in &mut handshakes {
            assert!(handshake.receive(&mut &mut bytes[..]).is_none());
            handshake.handle_timeout(at(0));
        }
    });
    assert_eq!(half.bytes_current, (MANY * head.len()) as i64);
    // A byte more doubles what is there.
    let mut byte = *b"x";
    let more = measure(|| {
        for handshake in &mut handshakes {
            assert!(handshake.receive(&mut &mut byte[..]).is_none());
        }
    });
    assert_eq!(more.bytes_current, (MANY * head.len()) as i64);
    let stated = config.memory_ceiling(Role::Server, None);
    assert!(BOX + 2 * head.len() as u64 <= stated.half_open);
    // The deadline takes all of it back, but for a small box that says why.
    let after = measure(|| {
        for handshake in &mut handshakes {
            handshake.handle_timeout(at(10));
            assert!(handshake.is_finished());
            while handshake.receive(&mut &mut [][..]).is_some() {}
        }
    });
    let left = silent.bytes_current + half.bytes_current + more.bytes_current + after.bytes_current;
    assert!(left <= 128 * MANY as i64, "{left}");
}

/// What came of a head lies in a buffer that doubles when it is full, and never passes the limit.
#[test]
fn hostile_031_the_buffer_of_a_head_grows_as_stated() {
    let config = Arc::new(Config::default().max_head_size(420));
    let mut handshake = ServerHandshake::new(&config);
    let head = format!("GET / HTTP/1.1\r\nHost: {}", "a".repeat(400));
    let mut bytes = head.into_bytes();
    let mut rest = &mut bytes[..420];
    let mut held = 0;
    for (read, capacity) in [(100, 100), (100, 200), (50, 400), (150, 400), (20, 420)] {
        let mut input = rest.split_off_mut(..read).unwrap();
        let heap = measure(|| {
            let received = handshake.receive(&mut input, &mut Vec::new());
            assert!(matches!(received, Ok(None)));
        });
        held += heap.bytes_current;
        assert_eq!(held, capacity, "after {read} more");
    }
}

/// Heads that cost the most to look at, for each end, in reads of all sizes.
#[test]
fn hostile_174_no_head_exceeds_the_stated_ceiling() {
    let request = |lines: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
        )
    };
    let fill = |name: &str, element: &dyn Fn(usize) -> String| {
        let mut line = format!("{name}: ");
        let mut i = 0;
        while line.len() < 16_000 {
            line += &element(i);
            line.push(',');
            i += 1;
        }
        line + "\r\n"
    };
    let heads = [
        request(&fill("Sec-WebSocket-Protocol", &|i| format!("{i:x}"))),
        request(&fill("Sec-WebSocket-Protocol", &|_| "a".into())),
        request(&fill("Sec-WebSocket-Extensions", &|_| "a".into())),
        request(&fill("Sec-WebSocket-Extensions", &|_| {
            "permessage-deflate".into()
        })),
        request(&fill("Connection", &|_| "a".into())),
        request(&"a:\r\n".repeat(95)),
        request(&format!("Cookie: {}\r\n", "x".repeat(16_000))),
        format!(
            "HTTP/1.1 101 x\r\n{}\r\n",
            fill("Sec-WebSocket-Extensions", &|_| "a".into())
        ),
        format!("HTTP/1.1 404 x\r\n{}\r\n", "a:\r\n".repeat(100)),
        format!("HTTP/1.1 500 x\r\n\r\n{}", "x".repeat(80_000)),
        "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
            + &"1\r\nx\r\n".repeat(60_000),
        "HTTP/1.1 100 x\r\nCookie: a\r\n\r\n".repeat(12),
        "x".repeat(20_000),
        format!("GET /{}", "x".repeat(20_000)),
    ];
    let config = Arc::new(Config::default().deflate_if_possible());
    for role in ROLES {
        for head in &heads {
            for step in [1, 100, 5_000, head.len()] {
                let mut bytes = head.clone().into_bytes();
                let heap = measure(|| {
                    let mut endpoint = match role {
                        Role::Server => Endpoint::server(&config),
                        Role::Client => {
                            let request = ClientRequest::new("a.example", "/").unwrap();
                            Endpoint::client(&request, &config, SEED)
                        }
                    };
                    for piece in bytes.chunks_mut(step) {
                        let mut input = piece;
                        while let Some(event) = endpoint.receive(&mut input) {
                            drop(event);
                        }
                        if endpoint.state() == sansock::State::Connecting {
                            let _ = endpoint.accept(&Accept::new());
                        }
                    }
                });
                let stated = config.memory_ceiling(role, None);
                assert!(
                    heap.bytes_max <= stated.handshake + (2 << 10),
                    "{:?} in {step}: {heap:?}\n{stated}",
                    &head[..60.min(head.len())]
                );
            }
        }
    }
}

trait DeflateIfPossible {
    fn deflate_if_possible(self) -> Self;
}

impl DeflateIfPossible for Config {
    fn deflate_if_possible(self) -> Self {
        #[cfg(feature = "deflate")]
        return self.deflate(Some(sansock::DeflateConfig::new()));
        #[cfg(not(feature = "deflate"))]
        self
    }
}

/// After a great message each way an open connection is as small as before it.
#[test]
fn hostile_129_buffers_shrink_back_after_large_messages() {
    const LEN: usize = 8 << 20;
    for role in ROLES {
        let config = Arc::new(Config::default());
        let mut endpoint = open(role, &config, None);
        let mut bytes = frames(
            role,
            &[(0x02, &vec![b'x'; LEN / 2]), (0x80, &vec![b'x'; LEN / 2])],
        );
        let payload = vec![7; LEN];
        let mut received = 0;
        let heap = measure(|| {
            for piece in bytes.chunks_mut(100_000) {
                let mut input = piece;
                while let Some(event) = endpoint.receive(&mut input) {
                    received += event.into_message().map_or(0, |message| message.len());
                }
            }
            endpoint.send(&payload).unwrap();
            let mut written = 0;
            while endpoint.wants_write() {
                let n = endpoint
                    .outbox()
                    .chunks()
                    .map(<[u8]>::len)
                    .sum::<usize>()
                    .min(70_001);
                endpoint.outbox().consume(n);
                written += n;
            }
            assert!(written > LEN);
            drop(endpoint.outbox().reclaim());
            endpoint.handle_timeout(at(1));
            endpoint.handle_timeout(at(2));
        });
        assert_eq!(received, LEN);
        assert!(heap.bytes_max > LEN as u64);
        assert_eq!(heap.bytes_current, 0, "{role:?}: {heap:?}");
    }
}
