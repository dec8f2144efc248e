//! What must stay unknown: a client's payloads on the wire, the keys to come, and in what is
//! printed all that is nobody else's business (RFC 6455 §5.3, §10.3, §10.5).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use common::{ROLES, SEED, Sent, at, decode, feed, frame, open_default};
use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, Part, Role,
    endpoint::{Endpoint, MessageKind},
    proto::{
        Compress, Connection, FrameHeader, Prepared, SendOptions,
        handshake::{Accept, ClientRequest, HttpVersion, Reject, Request},
    },
};

/// What is sent, again and again: no eight bytes of it may be on the wire.
const SECRET: &str = "correct horse battery staple";

/// Fails if the wire shows any eight bytes of the secret, or an unmasked frame.
fn check_hidden(wire: &[u8]) -> Vec<Sent> {
    for window in wire.windows(8) {
        let shown = SECRET.repeat(2);
        assert!(
            !shown.as_bytes().windows(8).any(|part| part == window),
            "{:?} is on the wire",
            window.escape_ascii().to_string()
        );
    }
    let frames = decode(wire);
    for frame in &frames {
        assert!(frame.key.is_some(), "{frame:x?}");
        let shown = SECRET.repeat(3_000);
        let payload = String::from_utf8_lossy(&frame.payload).into_owned();
        // And the other end reads what was meant, but for a Close's code and what is compressed.
        assert!(
            frame.first & 0x40 != 0
                || payload.is_empty()
                || frame.first == 0x88
                || shown.contains(&payload),
            "{payload:.60}"
        );
    }
    frames
}

/// Every call of a client's engine that writes, and all that it writes by itself.
#[test]
fn clause_058_hostile_149_no_call_of_the_engine_sends_a_payload_unmasked() {
    let long = SECRET.repeat(3_000);
    let mut out = Vec::new();
    let mut ws = open_default(Role::Client);
    ws.handle_timeout(at(0), &mut out);
    for message in [SECRET, &long] {
        ws.send(message, &mut out).unwrap();
        ws.send(message.as_bytes(), &mut out).unwrap();
        for compress in [Compress::Auto, Compress::Never, Compress::Always] {
            ws.send_with(message, SendOptions::from(compress), &mut out)
                .unwrap();
        }
        ws.send_prepared(&Prepared::new(message), &mut out).unwrap();
        ws.send_part(&Part::more(message), &mut out).unwrap();
        ws.ping(SECRET.as_bytes(), &mut out).unwrap();
        ws.send_part(&Part::last(message), &mut out).unwrap();
        let mut payload = message.as_bytes().to_vec();
        let header = ws.begin_frame(&Part::last(&payload)).unwrap();
        header.mask(&mut payload);
        out.extend(header.as_bytes());
        out.extend(&payload);
    }
    assert_eq!(check_hidden(&out).len(), 2 * 10);
    out.clear();
    ws.pong(SECRET.as_bytes(), &mut out).unwrap();
    // An echo by the protocol itself: the Pong, and of a Close nothing but the code.
    feed(
        &mut ws,
        &frame(Role::Client, 0x89, SECRET.as_bytes()),
        &mut out,
    )
    .unwrap();
    ws.handle_timeout(at(29), &mut out);
    ws.handle_timeout(at(60), &mut out);
    let close = CloseFrame::new(CloseCode::NORMAL, SECRET);
    ws.close(Some(&close), &mut out).unwrap();
    assert_eq!(check_hidden(&out).len(), 4);

    // The halves write by themselves as well.
    let mut out = Vec::new();
    let (_, mut half) = open_default(Role::Client).into_split();
    half.send(SECRET, &mut out).unwrap();
    half.send_part(&Part::more(SECRET), &mut out).unwrap();
    half.send_part(&Part::last(SECRET), &mut out).unwrap();
    half.ping(SECRET.as_bytes(), &mut out).unwrap();
    half.pong(SECRET.as_bytes(), &mut out).unwrap();
    half.close(Some(&close), &mut out).unwrap();
    assert_eq!(check_hidden(&out).len(), 6);
}

/// Every call of an endpoint that queues, small and large, borrowed, owned and shared.
#[test]
fn clause_058_hostile_149_no_call_of_an_endpoint_sends_a_payload_unmasked() {
    let long = SECRET.repeat(2_500);
    let config = Arc::new(
        Config::default()
            .fragment_size(10_000)
            .high_water_mark(usize::MAX),
    );
    let mut endpoint = Endpoint::from_connection(Connection::client(&config, SEED));
    for message in [SECRET, &long] {
        let options = SendOptions::from(Compress::Never);
        endpoint.send(message).unwrap();
        endpoint.send(message.to_owned()).unwrap();
        endpoint
            .send_with(message.as_bytes().to_vec(), options)
            .unwrap();
        endpoint.send_prepared(&Prepared::new(message)).unwrap();
        endpoint.send_part(Part::more(message)).unwrap();
        endpoint.ping(SECRET.as_bytes()).unwrap();
        endpoint.send_part(Part::last(message.to_owned())).unwrap();
        endpoint.send_unlimited(message).unwrap();
        endpoint.send_with_unlimited(message, options).unwrap();
        endpoint.send_part_unlimited(Part::last(message)).unwrap();
        endpoint
            .send_prepared_unlimited(&Prepared::new(message))
            .unwrap();
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let shared = Bytes::from(message.to_owned());
            endpoint.send_bytes(kind, shared.clone()).unwrap();
            // What is shared is not masked where it lies.
            assert_eq!(shared, message.as_bytes());
        }
    }
    endpoint.pong(SECRET.as_bytes()).unwrap();
    endpoint
        .close(Some(&CloseFrame::new(CloseCode::NORMAL, SECRET)))
        .unwrap();
    let mut wire = Vec::new();
    while endpoint.wants_write() {
        let chunk = endpoint.outbox().chunks().next().unwrap().to_vec();
        let n = chunk.len().min(7_001);
        wire.extend(&chunk[..n]);
        endpoint.outbox().consume(n);
    }
    let frames = check_hidden(&wire);
    let data = frames.iter().filter(|frame| frame.first & 0x08 == 0);
    let len: usize = data.map(|frame| frame.payload.len()).sum();
    assert_eq!(len, 12 * (SECRET.len() + long.len()));
}

/// Over 2¹⁶ frames, of all kinds by turns: each has a key of its own, and no four keys in a row
/// come twice, as they would if the generator was ever wound back.
#[test]
fn clause_069_hostile_149_the_keys_of_65536_frames() {
    const FRAMES: usize = 1 << 16;
    for seed in [
        [7; 32],
        [0; 32],
        [0xFF; 32],
        std::array::from_fn(|i| i as u8),
    ] {
        let mut ws = Connection::client(&Arc::default(), seed);
        let mut out = Vec::with_capacity(16 * FRAMES);
        for i in 0..FRAMES {
            match i % 6 {
                0 => ws.send("a", &mut out).unwrap(),
                1 => ws.send_prepared(&Prepared::new("b"), &mut out).unwrap(),
                2 => ws.send_part(&Part::more("c"), &mut out).unwrap(),
                3 => ws.send_part(&Part::last(""), &mut out).unwrap(),
                4 => ws.ping(b"", &mut out).unwrap(),
                _ => ws.pong(b"", &mut out).unwrap(),
            }
        }
        let keys: Vec<u32> = decode(&out)
            .into_iter()
            .map(|frame| u32::from_be_bytes(frame.key.unwrap()))
            .collect();
        assert_eq!(keys.len(), FRAMES);
        // By chance one pair of them is the same every other time, and hardly ever five.
        let distinct: HashSet<u32> = keys.iter().copied().collect();
        assert!(distinct.len() > FRAMES - 5, "{} keys", distinct.len());
        let runs: HashSet<&[u32]> = keys.windows(4).collect();
        assert_eq!(runs.len(), FRAMES - 3, "the generator was wound back");
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));

        // Bits: each is set in half of the keys, changes from key to key in half of the cases, and
        // agrees with each other bit in half of them. Six deviations of a fair coin are 768.
        let half = FRAMES as i64 / 2;
        let fair = |count: i64| (count - half).abs() < 768;
        for bit in 0..32 {
            let set = keys.iter().filter(|key| *key >> bit & 1 == 1).count();
            assert!(fair(set as i64), "bit {bit} is set {set} times");
            let changes = keys
                .windows(2)
                .filter(|pair| (pair[0] ^ pair[1]) >> bit & 1 == 1);
            let changes = changes.count();
            assert!(fair(changes as i64), "bit {bit} changes {changes} times");
            for other in 0..bit {
                let equal = keys
                    .iter()
                    .filter(|key| (*key >> bit ^ *key >> other) & 1 == 0);
                let equal = equal.count();
                assert!(fair(equal as i64), "bits {bit} and {other}: {equal}");
            }
        }
        // Bytes: the sum of squares over 256 values has 255 degrees of freedom.
        for place in 0..4 {
            let mut counts = [0_u32; 256];
            for key in &keys {
                counts[key.to_be_bytes()[place] as usize] += 1;
            }
            let expected = FRAMES as f64 / 256.0;
            let deviation: f64 = counts
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum();
            assert!(
                (120.0..420.0).contains(&deviation),
                "byte {place}: {deviation}"
            );
        }
    }
}

/// The nonce of the handshake and the keys come from one seed, and tell nothing of each other.
#[test]
fn clause_017_hostile_150_the_nonce_is_none_of_the_keys() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let request = ClientRequest::new("example.com", "/").unwrap();
    let mut out = Endpoint::client(&request, &Arc::default(), SEED);
    let head: Vec<u8> = out.outbox().chunks().flatten().copied().collect();
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|it| it.strip_prefix("Sec-WebSocket-Key: "));
    let nonce = STANDARD.decode(key.unwrap()).unwrap();
    // Had the connection begun anew with the seed, its first keys would be the nonce.
    let mut anew = open_default(Role::Client);
    let mut wire = Vec::new();
    for _ in 0..4 {
        anew.ping(b"", &mut wire).unwrap();
    }
    let keys = decode(&wire).into_iter().filter_map(|frame| frame.key);
    assert_eq!(keys.collect::<Vec<_>>().concat(), nonce);
    let response = format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        String::from_utf8_lossy(&sansock::proto::handshake::accept_key(
            key.unwrap().as_bytes()
        ))
    );
    let mut response = response.into_bytes();
    let mut input = &mut response[..];
    while out.receive(&mut input).is_some() {}
    let len = head.len();
    out.outbox().consume(len);
    for _ in 0..1_000 {
        out.ping(b"").unwrap();
    }
    let wire: Vec<u8> = out.outbox().chunks().flatten().copied().collect();
    let frames = decode(&wire);
    assert_eq!(frames.len(), 1_000);
    for frame in frames {
        let key = frame.key.unwrap();
        assert!(!nonce.windows(4).any(|part| part == key), "{key:x?}");
    }
}

/// The secret as bytes print: in decimal, in hexadecimal, as text.
fn shows(printed: &str) -> bool {
    let decimal = format!("{:?}", &SECRET.as_bytes()[..4]);
    let hexadecimal: String = SECRET
        .bytes()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    printed.contains("correct")
        || printed.contains("battery")
        || printed.contains(decimal.trim_matches(['[', ']']))
        || printed.to_lowercase().contains(&hexadecimal)
}

/// Nothing that lives long prints what went through it, whatever it holds of it.
#[test]
fn hostile_151_what_holds_payloads_does_not_print_them() {
    assert!(shows(&format!("{:?}", SECRET.as_bytes())) && shows(SECRET));
    for role in ROLES {
        let config = Arc::new(Config::default().high_water_mark(100));
        let peer = |first, payload: &[u8]| frame(role, first, payload);
        let mut endpoint = Endpoint::from_connection(match role {
            Role::Client => Connection::client(&config, SEED),
            Role::Server => Connection::server(&config),
        });
        // A message that is gathered, a Ping that is owed, one that is cut; output of all kinds.
        let pieces = [
            peer(0x01, SECRET.as_bytes()),
            peer(0x89, SECRET.as_bytes()).repeat(9),
            peer(0x89, SECRET.as_bytes())[..20].to_vec(),
        ];
        endpoint.send_unlimited(SECRET).unwrap();
        endpoint.send_unlimited(SECRET.repeat(4_000)).unwrap();
        endpoint
            .send_unlimited(SECRET.repeat(4_000).into_bytes())
            .unwrap();
        let _ = endpoint.outbox();
        for mut piece in pieces {
            let mut input = &mut piece[..];
            while endpoint.receive(&mut input).is_some() {}
        }
        for printed in [format!("{endpoint:?}"), format!("{endpoint:#?}")] {
            assert!(!shows(&printed), "{printed}");
            assert!(printed.len() < 8_000, "{}", printed.len());
        }
        let mut ws = open_default(role);
        let mut out = Vec::new();
        feed(&mut ws, &peer(0x02, SECRET.as_bytes()), &mut out).unwrap();
        let (receive, send) = ws.into_split();
        for printed in [format!("{receive:?}"), format!("{send:?}")] {
            assert!(!shows(&printed), "{printed}");
        }
    }
}

/// A socket that was taken apart says how much it held.
#[test]
fn hostile_151_the_parts_of_a_socket_are_counted_and_not_printed() {
    let parts = sansock::adapter::Parts {
        stream: SECRET,
        unread: SECRET.as_bytes().to_vec(),
        events: Vec::new(),
        unsent: SECRET.as_bytes().to_vec(),
    };
    let printed = format!("{parts:?}");
    assert!(!shows(&printed), "{printed}");
    assert_eq!(printed, "Parts { unread: 28, events: 0, unsent: 28, .. }");
}

/// A header is printed without its masking key; and a control frame's payload is cut as a
/// message's is.
#[test]
fn hostile_151_headers_and_events_print_no_keys_and_little_payload() {
    let key = [0xC0, 0xFF, 0xEE, 0x42];
    let bytes = [&[0x81, 0x85][..], &key, b"Hello"].concat();
    let (header, _) = FrameHeader::parse(&bytes).unwrap().unwrap();
    let printed = format!("{header:?}");
    assert!(
        !printed.contains("192") && !printed.contains("255"),
        "{printed}"
    );
    assert!(printed.contains("masked: true"), "{printed}");
    let mut client = open_default(Role::Client);
    let encoded = client.begin_frame(&Part::last("Hello")).unwrap();
    let key = encoded.as_bytes()[2..6].to_vec();
    let printed = format!("{encoded:?}");
    let decimal = format!("{key:?}");
    assert!(
        !printed.contains(decimal.trim_matches(['[', ']'])),
        "{printed}"
    );
    let payload = [&[b'x'; 64][..], SECRET.as_bytes()].concat();
    for event in [
        Event::Ping(payload.clone().into()),
        Event::Pong(payload.clone().into()),
        Event::Message(Message::from(&payload).into_owned()),
        Event::Part(Part::last(payload.clone())),
    ] {
        let printed = format!("{event:?}");
        assert!(!shows(&printed) && printed.len() < 140, "{printed}");
    }
    let printed = format!("{:?}", Event::Ping(b"\x1B[2J"[..].into()));
    assert_eq!(printed, r"Ping(4 bytes: \x1b[2J)");
}

/// Handshakes, requests and answers print no credentials, whatever the fields are called.
#[test]
fn hostile_151_what_was_asked_and_answered_prints_no_credentials() {
    let names = [
        "Authorization",
        "Cookie",
        "Proxy-Authorization",
        "X-Api-Key",
        "X-Auth-Token",
        "X-Csrf-Token",
        "Session",
        "X-Signature",
        "Password",
    ];
    let base = [
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    for name in names {
        let fields = base.iter().copied().chain([(name, SECRET)]);
        let target = "/?token=correct-battery";
        let request = Request::from_parts("GET", target, HttpVersion::Http11, fields).unwrap();
        let mut asked = ClientRequest::new("example.com", target).unwrap();
        asked = asked.header(name, SECRET).unwrap();
        let client = Endpoint::client(&asked, &Arc::default(), SEED);
        let accept = Accept::new().header(name, SECRET);
        let reject = Reject::new(403).header(name, SECRET).body(SECRET);
        for printed in [
            format!("{request:?}"),
            format!("{asked:?}"),
            format!("{client:?}"),
            format!("{accept:?}"),
            format!("{reject:?}"),
        ] {
            assert!(!shows(&printed), "{name}: {printed}");
            assert!(!printed.contains("dGhlIHNhbXBsZSBub25jZQ"), "{printed}");
        }
    }
}

/// What can be read in an error is ours: a refusal's own text stays in the refusal.
#[test]
fn hostile_152_errors_quote_nothing_of_a_refusal() {
    let request = ClientRequest::new("example.com", "/").unwrap();
    let mut client = Endpoint::client(&request, &Arc::default(), SEED);
    let mut response =
        b"HTTP/1.1 403 \x9B31mNo\r\nX: \x9B31mred\r\nContent-Length: 5\r\n\r\n\x1B[31m".to_vec();
    let mut input = &mut response[..];
    let mut refusals = 0;
    while let Some(event) = client.receive(&mut input) {
        let printed = format!("{event:?}");
        assert!(!printed.contains(['\x1B', '\u{9B}']), "{printed}");
        assert!(printed.len() < 400, "{printed}");
        refusals += 1;
    }
    assert_eq!(refusals, 1);
}
