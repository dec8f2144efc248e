//! tungstenite, over a blocking stream.

use std::hint::black_box;

use tungstenite::{
    Bytes, Message, WebSocket, accept_with_config,
    protocol::{Role as Side, WebSocketConfig},
};

use super::{NOTHING, Peer, batches};
use crate::{
    Role, Work,
    operations::BATCH,
    socket::{Memory, Wire},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "tungstenite",
    setup: "128 KiB read buffer (its default; sizes from 4 to 256 KiB were tried), 512 KiB write \
        buffer, written by `flush`; handshake with 4 KiB buffers",
    decode: Some(decode),
    encode: Some(encode),
    handshake: Some(handshake),
    ..NOTHING
};

fn decode(wire: Wire) -> Work {
    let config = WebSocketConfig::default().read_buffer_size(128 << 10);
    let mut ws = WebSocket::from_raw_socket(Memory::new(wire), Side::Server, Some(config));
    Work::new(move |messages| {
        (0..messages)
            .map(|_| match ws.read().expect("frames are valid") {
                Message::Binary(payload) => touch(&payload),
                Message::Text(text) => touch(text.as_str().as_bytes()),
                _ => 0,
            })
            .sum()
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let side = match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    };
    let config = WebSocketConfig::default().write_buffer_size(512 << 10);
    let (memory, written) = Memory::sink();
    let mut ws = WebSocket::from_raw_socket(memory, side, Some(config));
    batches(move || {
        for _ in 0..BATCH {
            // Static: a clone without reference counting.
            let message = Message::Binary(Bytes::from_static(black_box(payload)));
            ws.write(message).expect("memory takes it");
        }
        ws.flush().expect("memory takes it");
        written.take()
    })
}

fn handshake(wire: Wire) -> Work {
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(4 << 10);
    let mut memory = Memory::new(wire);
    Work::new(move |times| {
        for _ in 0..times {
            black_box(accept_with_config(&mut memory, Some(config)).expect("the request is valid"));
        }
        times
    })
}
