//! sockudo-ws: its engine, driven by hand, which is faster than its stream.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use sockudo_ws::{
    DeflateConfig, Message, Role as Side,
    handshake::{build_response, generate_accept_key, parse_request},
    protocol::{CompressedProtocol, Protocol},
    simd::apply_mask,
};

use super::{NOTHING, Peer, batches, masking, sending};
use crate::{
    Role, Work,
    deflate::Messages,
    operations::BATCH,
    socket::{CHUNK, Wire},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "sockudo-ws",
    setup: "its engine (`Protocol`, `parse_request` …) driven by hand: a 256 KiB buffer and the \
        vector of messages are used again; deflate at level 6",
    decode: Some(decode),
    encode: Some(encode),
    mask: Some(|bytes| masking(bytes, apply_mask)),
    compress: Some(compress),
    inflate: Some(inflate),
    handshake: Some(handshake),
    ..NOTHING
};

/// The limits of its `Config::default`.
const MAX_SIZE: usize = 64 << 20;

fn decode(mut wire: Wire) -> Work {
    let mut protocol = Protocol::new(Side::Server, MAX_SIZE, MAX_SIZE);
    let mut buffer = BytesMut::new();
    let mut decoded = Vec::new();
    Work::new(move |messages| {
        let (mut left, mut checksum) = (messages, 0);
        while left > 0 {
            buffer.reserve(CHUNK);
            wire.fill(&mut buffer);
            protocol
                .process_into(&mut buffer, &mut decoded)
                .expect("frames are valid");
            for message in decoded.drain(..) {
                checksum += touch(message.as_bytes());
                left -= 1;
            }
        }
        checksum
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let side = match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    };
    let mut protocol = Protocol::new(side, MAX_SIZE, MAX_SIZE);
    let mut out = BytesMut::new();
    let message = Message::Binary(Bytes::from_static(payload));
    batches(move || {
        for _ in 0..BATCH {
            let message = black_box(&message);
            protocol
                .encode_message(message, &mut out)
                .expect("it is open");
        }
        let len = black_box(&out).len() as u64;
        out.clear();
        len
    })
}

fn compress(messages: Messages) -> Option<Work> {
    let mut protocol = deflating(messages.takeover);
    let mut out = BytesMut::new();
    Some(sending(messages, Message::text, move |batch| {
        for message in batch {
            let message = black_box(message);
            protocol
                .encode_message(message, &mut out)
                .expect("it is open");
        }
        let len = black_box(&out).len() as u64;
        out.clear();
        len
    }))
}

fn inflate(mut wire: Wire, takeover: bool) -> Option<Work> {
    let mut protocol = deflating(takeover);
    let mut buffer = BytesMut::new();
    let mut decoded = Vec::new();
    Some(Work::new(move |messages| {
        let (mut left, mut checksum) = (messages, 0);
        while left > 0 {
            buffer.reserve(CHUNK);
            wire.fill(&mut buffer);
            protocol
                .process_into(&mut buffer, &mut decoded)
                .expect("frames are valid");
            for message in decoded.drain(..) {
                checksum += touch(message.as_bytes());
                left -= 1;
            }
        }
        checksum
    }))
}

fn deflating(takeover: bool) -> CompressedProtocol {
    let config = DeflateConfig {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        ..DeflateConfig::default()
    };
    CompressedProtocol::server(MAX_SIZE, MAX_SIZE, config)
}

fn handshake(mut wire: Wire) -> Work {
    let mut buffer = vec![0; CHUNK];
    Work::new(move |times| {
        for _ in 0..times {
            let n = wire.read(&mut buffer);
            let (request, _) = parse_request(&buffer[..n])
                .expect("it is valid")
                .expect("it is whole");
            let key = generate_accept_key(request.key);
            black_box(build_response(&key, None, None));
            black_box(Protocol::new(Side::Server, MAX_SIZE, MAX_SIZE));
        }
        times
    })
}
