//! Long conversations under permessage-deflate: every kind of message in any order, in both roles
//! and under every agreement, against hands that are not ours.
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::sync::Arc;

use common::{
    Deflater, Inflater, ROLES, Random, agreed, at, decode, feed, frame, open_deflate, widest,
};
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use sansock::{
    Config, DeflateConfig, Event, Message, Part, Role,
    proto::{Compress, Connection, DeflateParams, Prepared, SendOptions},
};

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Plainly,
    With(Compress),
    Prepared,
    InParts,
}

const HOWS: [How; 6] = [
    How::Plainly,
    How::With(Compress::Auto),
    How::With(Compress::Always),
    How::With(Compress::Never),
    How::Prepared,
    How::InParts,
];

/// Takeover each way, and three windows each way.
fn agreements() -> Vec<DeflateParams> {
    let mut all = Vec::new();
    for flags in 0..4 {
        for server in [9, 12, 15] {
            for client in [9, 12, 15] {
                all.push(agreed(flags & 1 == 1, flags & 2 == 2, server, client));
            }
        }
    }
    all
}

/// Whether what `role` sends keeps its window, and the window's bits.
fn sending(role: Role, params: &DeflateParams) -> (bool, u8) {
    match role {
        Role::Server => (
            !params.server_no_context_takeover,
            params.server_max_window_bits,
        ),
        Role::Client => (
            !params.client_no_context_takeover,
            params.client_max_window_bits,
        ),
    }
}

const fn other(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

/// No pings, and compressors that are freed when nothing was sent for ten seconds.
fn config() -> Arc<Config> {
    let deflate = DeflateConfig::new()
        // What was agreed on decides, and nothing that a client said of itself.
        .client_no_context_takeover(false)
        .release_after(Some(std::time::Duration::from_secs(10)));
    Arc::new(Config::default().ping_interval(None).deflate(Some(deflate)))
}

/// Text that is worth compressing, bytes that are not, or nothing.
fn message(random: &mut Random) -> Message<'static> {
    const WORDS: [&str; 8] = [
        "event", "price", "水", "user", "id", "true", "null", "EURUSD",
    ];
    let len = match random.within(0..200) {
        0 => random.within(5_000..40_000),
        1..20 => 0,
        _ => random.within(0..300),
    };
    if random.once_in(3) {
        return random.bytes(len).into();
    }
    let mut text = String::new();
    while text.len() < len {
        let (name, value) = (*random.pick(&WORDS), random.within(0..1_000));
        text.push_str(&format!("{{\"{name}\":{value}}},"));
    }
    if random.once_in(2) {
        text.into()
    } else {
        text.into_bytes().into()
    }
}

/// Sends `message`, in parts cut at random.
fn send(
    ws: &mut Connection,
    message: &Message<'_>,
    how: How,
    prepared: &Prepared,
    random: &mut Random,
    out: &mut Vec<u8>,
) {
    match how {
        How::Plainly => ws.send(message, out).unwrap(),
        How::With(compress) => ws
            .send_with(message, SendOptions::from(compress), out)
            .unwrap(),
        How::Prepared => ws.send_prepared(prepared, out).unwrap(),
        How::InParts => {
            let mut rest = message.as_bytes();
            loop {
                let mut len = random.within(0..rest.len() + 1);
                if let Some(text) = message.as_text() {
                    while !text.is_char_boundary(text.len() - rest.len() + len) {
                        len -= 1;
                    }
                }
                let (piece, after) = rest.split_at(len);
                let data = match message {
                    Message::Text(_) => str::from_utf8(piece).unwrap().into(),
                    Message::Binary(_) => Message::from(piece),
                };
                let last = after.is_empty() && random.once_in(2);
                ws.send_part(&Part { data, last }, out).unwrap();
                rest = after;
                if last {
                    break;
                }
                if random.once_in(4) {
                    ws.ping(b"between", out).unwrap();
                }
            }
        }
    }
}

/// The one message in these frames, read by the second hand, and whether it came compressed.
fn read(bytes: &[u8], inflater: &mut Inflater) -> (Message<'static>, bool) {
    let mut payload = Vec::new();
    let mut first = None;
    let mut ended = false;
    for frame in decode(bytes) {
        match frame.first {
            0x89 => continue,
            0x00 | 0x80 => assert!(first.is_some() && !ended),
            0x41 | 0x42 | 0xC1 | 0xC2 | 0x01 | 0x02 | 0x81 | 0x82 => {
                assert_eq!(first.replace(frame.first), None, "two messages");
            }
            byte => panic!("{byte:#x}: RSV1 where it must not be, or no frame of a message"),
        }
        ended = frame.first & 0x80 != 0;
        payload.extend(frame.payload);
    }
    assert!(ended);
    let first = first.unwrap();
    let compressed = first & 0x40 != 0;
    if compressed {
        assert!(!payload.is_empty(), "§7.2.1: there is at least one octet");
        assert!(
            !payload.ends_with(b"\x00\x00\xFF\xFF"),
            "§7.2.1: the tail is removed"
        );
        payload = inflater.message(&payload).unwrap();
    }
    let message = match first & 0x0F {
        1 => String::from_utf8(payload).unwrap().into(),
        _ => payload.into(),
    };
    (message, compressed)
}

/// Messages to be sent more than once, half of them worth compressing.
fn prepared(random: &mut Random) -> Vec<Prepared> {
    let text = "{\"news\":\"of the world\"},".repeat(20);
    let mut messages: Vec<Prepared> = (0..2).map(|_| Prepared::new(message(random))).collect();
    messages.extend([Prepared::new(&text), Prepared::new(text.as_bytes())]);
    messages
}

/// What we send, read by the second hand.
fn we_send(role: Role, params: DeflateParams, many: u64, seed: u64) {
    let mut random = Random::new(seed);
    let (takeover, bits) = sending(role, &params);
    let mut ws = open_deflate(role, &config(), params);
    let mut inflater = Inflater::new(bits, takeover);
    let prepared = prepared(&mut random);
    let mut compressed = [0_u64; 6];
    for i in 0..many {
        let which = random.within(0..HOWS.len());
        let shared = random.pick(&prepared).clone();
        let message = match HOWS[which] {
            How::Prepared => shared.message().into_owned(),
            _ => message(&mut random),
        };
        let mut out = Vec::new();
        send(
            &mut ws,
            &message,
            HOWS[which],
            &shared,
            &mut random,
            &mut out,
        );
        let (got, was_compressed) = read(&out, &mut inflater);
        assert!(got == message, "{role:?} {params:?} {i} {:?}", HOWS[which]);
        compressed[which] += u64::from(was_compressed);
        if random.once_in(16) {
            // Now and then for so long that the compressor is freed.
            ws.handle_timeout(at(i * 6), &mut Vec::new());
        }
    }
    assert_eq!(compressed[3], 0, "{params:?}: never is never");
    assert!(compressed[2] > 0, "{params:?}: always is always");
    for which in [0, 1, 4, 5].into_iter().filter(|_| many >= 10_000) {
        assert!(compressed[which] > 0, "{params:?} {which}: {compressed:?}");
    }
    assert_eq!(
        inflater.reached > 0,
        takeover,
        "{params:?}: the windows that were agreed"
    );
}

/// A compressor of another library, whose window is 32 KiB.
struct Miniz(Box<CompressorOxide>, bool);

impl Miniz {
    fn new(takeover: bool) -> Self {
        let flags = create_comp_flags_from_zip_params(6, -15, 0);
        Self(Box::new(CompressorOxide::new(flags)), takeover)
    }

    fn message(&mut self, message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        let flush = if self.1 {
            TDEFLFlush::Sync
        } else {
            TDEFLFlush::Full
        };
        compress_to_output(&mut self.0, message, flush, |bytes| {
            payload.extend_from_slice(bytes);
            true
        });
        assert_eq!(payload.split_off(payload.len() - 4), b"\x00\x00\xFF\xFF");
        payload
    }
}

/// What comes in any number of frames, cut anywhere, with Pings between.
fn framed(
    role: Role,
    text: bool,
    payload: &[u8],
    compressed: bool,
    random: &mut Random,
) -> Vec<u8> {
    let mut first = if text { 0x01 } else { 0x02 };
    if compressed {
        first |= 0x40;
    }
    let mut bytes = Vec::new();
    let mut rest = payload;
    while random.once_in(2) {
        let (piece, after) = rest.split_at(random.within(0..rest.len() + 1));
        bytes.extend(frame(role, first, piece));
        if random.once_in(3) {
            bytes.extend(frame(role, 0x8A, b"between"));
        }
        (first, rest) = (0x00, after);
    }
    bytes.extend(frame(role, first | 0x80, rest));
    bytes
}

/// What the second hand sends, or another library, received by us.
fn we_receive(role: Role, params: DeflateParams, many: u64, seed: u64, library: bool) {
    let mut random = Random::new(seed);
    let (takeover, bits) = sending(other(role), &params);
    let mut ws = open_deflate(role, &config(), params);
    let mut second_hand = Deflater::new(bits, takeover, seed);
    let mut miniz = Miniz::new(takeover);
    let mut out = Vec::new();
    for i in 0..many {
        let message = message(&mut random);
        let compressed = !random.once_in(4);
        let bytes = if !compressed {
            message.as_bytes().to_vec()
        } else if library {
            miniz.message(message.as_bytes())
        } else {
            second_hand.message(message.as_bytes())
        };
        let bytes = framed(role, message.is_text(), &bytes, compressed, &mut random);
        let mut events = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let len = random.within(1..rest.len() + 1);
            let (piece, after) = rest.split_at(len);
            rest = after;
            events.extend(feed(&mut ws, piece, &mut out).unwrap());
        }
        events.retain(|event| matches!(event, Event::Message(_)));
        assert!(
            events == [Event::Message(message)],
            "{role:?} {params:?} {i}"
        );
        if random.once_in(16) {
            ws.handle_timeout(at(i * 6), &mut out);
        }
    }
}

/// Our client and our server, each way.
fn we_talk(params: DeflateParams, many: u64, seed: u64) {
    let mut random = Random::new(seed);
    let config = config();
    let mut ends = ROLES.map(|role| open_deflate(role, &config, params));
    let prepared = prepared(&mut random);
    for i in 0..many {
        let from = random.within(0..2);
        let how = *random.pick(&HOWS);
        let shared = random.pick(&prepared).clone();
        let message = match how {
            How::Prepared => shared.message().into_owned(),
            _ => message(&mut random),
        };
        let mut out = Vec::new();
        send(
            &mut ends[from],
            &message,
            how,
            &shared,
            &mut random,
            &mut out,
        );
        let mut pongs = Vec::new();
        let mut events = feed(&mut ends[1 - from], &out, &mut pongs).unwrap();
        events.retain(|event| matches!(event, Event::Message(_)));
        assert!(
            events == [Event::Message(message)],
            "{params:?} {i} {how:?}"
        );
        feed(&mut ends[from], &pongs, &mut Vec::new()).unwrap();
    }
}

#[test]
fn clause_172_hostile_097_we_send_under_every_agreement() {
    for role in ROLES {
        for (params, seed) in agreements().into_iter().zip(1..) {
            we_send(role, params, 250, seed);
        }
    }
}

#[test]
fn clause_175_hostile_097_we_receive_under_every_agreement() {
    for role in ROLES {
        for (params, seed) in agreements().into_iter().zip(100..) {
            we_receive(role, params, 250, seed, false);
            if sending(other(role), &params).1 == 15 {
                we_receive(role, params, 250, seed, true);
            }
        }
    }
}

#[test]
fn hostile_097_we_talk_under_every_agreement() {
    for (params, seed) in agreements().into_iter().zip(200..) {
        we_talk(params, 250, seed);
    }
}

#[test]
fn hostile_097_a_client_sends_ten_thousand_messages() {
    we_send(Role::Client, widest(), 10_000, 301);
}

#[test]
fn hostile_097_a_server_sends_ten_thousand_messages() {
    we_send(Role::Server, agreed(false, false, 9, 9), 10_000, 302);
}

#[test]
fn hostile_097_a_client_receives_ten_thousand_messages() {
    we_receive(Role::Client, agreed(false, false, 9, 9), 10_000, 303, false);
}

#[test]
fn hostile_097_a_server_receives_ten_thousand_messages() {
    we_receive(Role::Server, widest(), 10_000, 304, true);
}

/// A prepared message goes to many connections, whose windows it enters by bytes that their own
/// compressors did not make.
#[test]
fn clause_172_hostile_097_prepared_messages_among_others() {
    let prepared = Prepared::new("one for all, and all for one; ".repeat(10));
    let config = config();
    for params in agreements() {
        for role in ROLES {
            let (takeover, bits) = sending(role, &params);
            let mut ws = open_deflate(role, &config, params);
            let mut inflater = Inflater::new(bits, takeover);
            for i in 0..20 {
                let text = format!("one for all, and all for one; {i} ").repeat(5);
                let mut out = Vec::new();
                ws.send(&text, &mut out).unwrap();
                assert_eq!(read(&out, &mut inflater).0, Message::from(&text));
                out.clear();
                ws.send_prepared(&prepared, &mut out).unwrap();
                let (message, compressed) = read(&out, &mut inflater);
                assert_eq!((message, compressed), (prepared.message(), true));
            }
        }
    }
}
