//! yawc, over an asynchronous stream that is always ready.

use std::hint::black_box;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use yawc::{DeflateOptions, Frame, Options, Role as Side, WebSocket};

use super::{NOTHING, Peer, extension, sending};
use crate::{
    Work,
    deflate::Messages,
    socket::{Memory, Wire, ready},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "yawc",
    setup: "simd, zlib (zlib-rs, as flate2 resolves it here); text validated; deflate at level 6; \
        only measured compressing",
    compress: Some(compress),
    inflate: Some(inflate),
    ..NOTHING
};

fn compress(messages: Messages) -> Option<Work> {
    let (memory, written) = Memory::sink();
    let mut ws = deflating(memory, messages.takeover);
    let make = |text: &'static str| Bytes::from_static(text.as_bytes());
    Some(sending(messages, make, move |batch| {
        ready(async {
            for payload in batch {
                let frame = Frame::text(black_box(payload.clone()));
                ws.feed(frame).await.expect("it is open");
            }
            ws.flush().await.expect("memory takes it");
        });
        written.take()
    }))
}

fn inflate(wire: Wire, takeover: bool) -> Option<Work> {
    let mut ws = deflating(Memory::new(wire), takeover);
    Some(Work::new(move |messages| {
        ready(async {
            let mut checksum = 0;
            for _ in 0..messages {
                checksum += touch(ws.next().await.expect("frames are valid").payload());
            }
            checksum
        })
    }))
}

fn deflating(memory: Memory, takeover: bool) -> WebSocket<Memory> {
    let deflate = DeflateOptions {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        ..DeflateOptions::default()
    };
    let options = Options {
        compression: Some(deflate),
        ..Options::default()
    };
    let extension = Some(extension(takeover));
    WebSocket::from_stream_with_extensions(memory, Side::Server, extension, options.with_utf8())
        .expect("the options are valid")
}
