//! wtx, over its own stream traits.

use std::hint::black_box;

use wtx::{
    collection::Vector,
    rng::{Xorshift64, simple_seed},
    web_socket::{
        Compression, DeflateConfig, Frame, OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer,
        WebSocketPayloadOrigin,
        compression::{Flate2, NegotiatedFlate2, WindowBits},
    },
};

use super::{NOTHING, Peer, batches, extension, sending};
use crate::{
    Role, Work,
    deflate::Messages,
    operations::BATCH,
    socket::{CHUNK, Memory, Wire, ready},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "wtx",
    setup: "optimization, crypto-ring; 1.25 MiB network buffer, which it keeps; payloads borrowed \
        from it; each frame written at once, vectored; a client masks the caller's buffer, by keys \
        of Xorshift64; handshake into a used buffer; deflate at level 5, never with takeover",
    decode: Some(decode),
    encode: Some(encode),
    compress: Some(compress),
    inflate: Some(inflate),
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

fn compress(messages: Messages) -> Option<Work> {
    if messages.takeover {
        return None;
    }
    let (memory, written) = Memory::sink();
    let buffer = WebSocketBuffer::new();
    let mut ws = WebSocket::<_, _, _, _, false>::new(deflating(), false, rng(), memory, buffer);
    let make = |text: &str| text.as_bytes().to_vec();
    Some(sending(messages, make, move |batch| {
        ready(async {
            for payload in batch {
                let mut frame = Frame::new_fin(OpCode::Text, black_box(&mut payload[..]));
                ws.write_frame(&mut frame).await.expect("memory takes it");
            }
        });
        written.take()
    }))
}

fn inflate(wire: Wire, takeover: bool) -> Option<Work> {
    if takeover {
        return None;
    }
    let buffer = WebSocketBuffer::with_capacity(CHUNK + (1 << 20), 0, 0).expect("there is memory");
    let memory = Memory::new(wire);
    let mut ws = WebSocket::<_, _, _, _, false>::new(deflating(), false, rng(), memory, buffer);
    let mut fragments = Vector::new();
    Some(Work::new(move |messages| {
        ready(async {
            let mut checksum = 0;
            for _ in 0..messages {
                let origin = WebSocketPayloadOrigin::Adaptive;
                let frame = ws.read_frame(&mut fragments, origin).await;
                checksum += touch(frame.expect("frames are valid").payload());
            }
            checksum
        })
    }))
}

fn deflating() -> Option<NegotiatedFlate2> {
    let config = DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        server_max_window_bits: WindowBits::Fifteen,
        ..DeflateConfig::default()
    };
    let field: [&[u8]; 2] = [b"sec-websocket-extensions", extension(false).as_bytes()];
    let negotiated = Compression::<false>::negotiate(Flate2::from(config), [field].into_iter());
    negotiated.expect("the offer is valid")
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
