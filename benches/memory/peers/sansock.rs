//! This crate: the engine itself, driven as its adapters drive it.

use std::{borrow::Cow, hint::black_box, sync::Arc};

use sansock::{
    Config, Event, Message, Role as Side,
    proto::{
        Connection, DeflateParams, Instant,
        handshake::{Accept, Negotiated, ServerHandshake},
        mask,
    },
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
    name: "sansock",
    setup: "the engine, default configuration; one 256 KiB read buffer, the rest of a longer frame \
        read straight into its message, whose memory is given back",
    decode: Some(decode),
    encode: Some(encode),
    mask: Some(|bytes| {
        masking(bytes, |bytes, key| {
            mask::apply(bytes, key, 0);
        })
    }),
    compress: Some(compress),
    inflate: Some(inflate),
    handshake: Some(handshake),
    ..NOTHING
};

fn decode(wire: Wire) -> Work {
    receiving(Connection::server(&Arc::new(Config::default())), wire)
}

fn receiving(mut ws: Connection, mut wire: Wire) -> Work {
    let mut buffer = vec![0; CHUNK];
    let mut out = Vec::new();
    Work::new(move |messages| {
        let (mut left, mut checksum) = (messages, 0);
        while left > 0 {
            if let Some((rest, room)) = ws.direct() {
                let n = wire.append_to(rest, room);
                let event = ws.receive_direct(n).expect("frames are valid");
                if let Some(Event::Message(Message::Binary(payload))) = event {
                    checksum += touch(&payload);
                    left -= 1;
                    ws.recycle(payload.into_owned());
                }
                continue;
            }
            let n = wire.read(&mut buffer);
            let mut input = &mut buffer[..n];
            while let Some(event) = ws.receive(&mut input, &mut out).expect("frames are valid") {
                if let Event::Message(message) = event {
                    checksum += touch(message.as_bytes());
                    left -= 1;
                    if let Message::Binary(Cow::Owned(payload)) = message {
                        ws.recycle(payload);
                    }
                }
            }
            ws.handle_timeout(Instant::ZERO, &mut out);
        }
        checksum
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let config = Arc::new(Config::default());
    let mut ws = match role {
        Role::Server => Connection::server(&config),
        Role::Client => Connection::client(&config, [7; 32]),
    };
    let mut out = Vec::new();
    batches(move || {
        for _ in 0..BATCH {
            ws.send(black_box(payload), &mut out).expect("it is open");
        }
        let len = black_box(&out).len() as u64;
        out.clear();
        len
    })
}

fn compress(messages: Messages) -> Option<Work> {
    let mut ws = deflating(messages.takeover);
    let mut out = Vec::new();
    Some(sending(
        messages,
        |text| text,
        move |batch| {
            for text in batch {
                ws.send(black_box(*text), &mut out).expect("it is open");
            }
            let len = black_box(&out).len() as u64;
            out.clear();
            len
        },
    ))
}

fn inflate(wire: Wire, takeover: bool) -> Option<Work> {
    Some(receiving(deflating(takeover), wire))
}

/// A server that agreed on permessage-deflate.
fn deflating(takeover: bool) -> Connection {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    let config = Arc::new(Config::default());
    Connection::from_negotiated(Side::Server, &negotiated, &config, [7; 32])
}

fn handshake(mut wire: Wire) -> Work {
    let config = Arc::new(Config::default());
    let mut buffer = vec![0; CHUNK];
    let mut out = Vec::new();
    Work::new(move |times| {
        for _ in 0..times {
            let n = wire.read(&mut buffer);
            let mut input = &mut buffer[..n];
            let mut handshake = ServerHandshake::new(&config);
            let request = handshake.receive(&mut input, &mut out);
            black_box(request.expect("it is valid").expect("it is whole"));
            let accepted = handshake.accept(&Accept::new(), &mut out);
            black_box(accepted.expect("the answer is valid"));
            black_box(&out);
            out.clear();
        }
        times
    })
}
