//! fastwebsockets, over an asynchronous stream that is always ready.

use std::hint::black_box;

use fastwebsockets::{Frame, Payload, Role as Side, WebSocket, unmask};

use super::{NOTHING, Peer, batches, masking};
use crate::{
    Role, Work,
    operations::BATCH,
    socket::{Memory, Wire, ready},
    touch,
};

pub(super) const PEER: Peer = Peer {
    name: "fastwebsockets",
    setup: "simd; frames without its FragmentCollector; writes each frame at once, vectored above \
        1 KiB; a client masks the caller's buffer; its handshake needs hyper: left out",
    decode: Some(decode),
    encode: Some(encode),
    mask: Some(|bytes| masking(bytes, unmask)),
    ..NOTHING
};

fn decode(wire: Wire) -> Work {
    let mut ws = WebSocket::after_handshake(Memory::new(wire), Side::Server);
    Work::new(move |messages| {
        ready(async {
            let mut checksum = 0;
            for _ in 0..messages {
                checksum += touch(&ws.read_frame().await.expect("frames are valid").payload);
            }
            checksum
        })
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let side = match role {
        Role::Server => Side::Server,
        Role::Client => Side::Client,
    };
    let (memory, written) = Memory::sink();
    let mut ws = WebSocket::after_handshake(memory, side);
    let mut payload = payload.to_vec();
    let lends = payload.len() > 1024;
    let work = batches(move || {
        ready(async {
            for _ in 0..BATCH {
                // What is borrowed mutably is masked in place: no allocation.
                let frame = Frame::binary(Payload::BorrowedMut(black_box(&mut payload)));
                ws.write_frame(frame).await.expect("memory takes it");
            }
        });
        written.take()
    });
    if lends { work.lending() } else { work }
}
