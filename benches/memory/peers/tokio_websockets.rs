//! tokio-websockets, over an asynchronous stream that is always ready.

use std::hint::black_box;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder};

use super::{NOTHING, Peer, batches};
use crate::{
    Role, Work,
    operations::BATCH,
    socket::{Memory, Wire, ready},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "tokio-websockets",
    setup: "fastrand, ring; masks by vector instructions found at run time; flush threshold lifted, \
        so that a batch is one vectored write; a client copies the payload to mask it",
    decode: Some(decode),
    encode: Some(encode),
    handshake: Some(handshake),
    ..NOTHING
};

fn decode(wire: Wire) -> Work {
    let mut ws = ServerBuilder::new().serve(Memory::new(wire));
    Work::new(move |messages| {
        ready(async {
            let mut checksum = 0;
            for _ in 0..messages {
                let message = ws.next().await.expect("it is open");
                checksum += touch(message.expect("frames are valid").as_payload());
            }
            checksum
        })
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let config = Config::default().flush_threshold(usize::MAX);
    let (memory, written) = Memory::sink();
    let mut ws = match role {
        Role::Server => ServerBuilder::new().config(config).serve(memory),
        Role::Client => ClientBuilder::new().config(config).take_over(memory),
    };
    let work = batches(move || {
        ready(async {
            for _ in 0..BATCH {
                // Static: no reference counting.
                let message = Message::binary(Bytes::from_static(black_box(payload)));
                ws.feed(message).await.expect("it is open");
            }
            ws.flush().await.expect("memory takes it");
        });
        written.take()
    });
    match role {
        Role::Server => work.lending(),
        Role::Client => work,
    }
}

fn handshake(wire: Wire) -> Work {
    let builder = ServerBuilder::new();
    let mut memory = Memory::new(wire);
    Work::new(move |times| {
        for _ in 0..times {
            let accepted = ready(builder.accept(&mut memory));
            black_box(accepted.expect("the request is valid"));
        }
        times
    })
}
