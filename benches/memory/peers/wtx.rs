//! wtx, over its own stream traits.

use std::hint::black_box;

use wtx::{
    collection::Vector,
    rng::{Xorshift64, simple_seed},
    web_socket::{
        Frame, OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer, WebSocketPayloadOrigin,
    },
};

use super::{NOTHING, Peer, batches};
use crate::{
    Role, Work,
    operations::BATCH,
    socket::{CHUNK, Memory, Wire, ready},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "wtx",
    setup: "optimization, crypto-ring; 1.25 MiB network buffer, which it keeps; payloads borrowed \
        from it; each frame written at once, vectored; a client masks the caller's buffer, by keys \
        of Xorshift64; handshake into a used buffer",
    decode: Some(decode),
    encode: Some(encode),
    handshake: Some(handshake),
    ..NOTHING
};

fn rng() -> Xorshift64 {
    Xorshift64::from(simple_seed())
}

fn decode(wire: Wire) -> Work {
    let buffer = WebSocketBuffer::with_capacity(CHUNK + (1 << 20), 0, 0).expect("there is memory");
    let mut ws = WebSocket::<_, _, _, _, false>::new((), false, rng(), Memory::new(wire), buffer);
    let mut fragments = Vector::new();
    Work::new(move |messages| {
        ready(async {
            let mut checksum = 0;
            for _ in 0..messages {
                let origin = WebSocketPayloadOrigin::Adaptive;
                let frame = ws.read_frame(&mut fragments, origin).await;
                checksum += touch(frame.expect("frames are valid").payload());
            }
            checksum
        })
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    match role {
        Role::Server => encode_as::<false>(payload.to_vec()),
        Role::Client => encode_as::<true>(payload.to_vec()),
    }
}

fn encode_as<const IS_CLIENT: bool>(mut payload: Vec<u8>) -> Work {
    let (memory, written) = Memory::sink();
    let buffer = WebSocketBuffer::new();
    let mut ws = WebSocket::<_, _, _, _, IS_CLIENT>::new((), false, rng(), memory, buffer);
    batches(move || {
        ready(async {
            for _ in 0..BATCH {
                let mut frame = Frame::new_fin(OpCode::Binary, black_box(&mut payload[..]));
                ws.write_frame(&mut frame).await.expect("memory takes it");
            }
        });
        written.take()
    })
    .lending()
}

fn handshake(wire: Wire) -> Work {
    let mut buffer = WebSocketBuffer::new();
    let mut memory = Memory::new(wire);
    Work::new(move |times| {
        for _ in 0..times {
            let acceptor = WebSocketAcceptor::default().wsb(&mut buffer);
            let accepted = ready(acceptor.accept(&mut memory));
            black_box(accepted.expect("the request is valid"));
        }
        times
    })
}
