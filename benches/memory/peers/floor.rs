//! What cannot be undercut, and what the peers build on.

use std::hint::black_box;

use super::{NOTHING, Peer, batches, masking, validating};
use crate::{
    Role, Work,
    operations::BATCH,
    socket::{CHUNK, Wire},
    touch,
};

pub(super) const MEMCPY: Peer = Peer {
    name: "memcpy",
    setup: "the floor: decode copies a chunk's bytes to another buffer at once; encode appends a \
        header and the payload to a Vec; mask copies the bytes to another buffer",
    decode: Some(decode),
    encode: Some(encode),
    mask: Some(|bytes| {
        let mut copy = bytes.to_vec();
        masking(bytes, move |bytes, _| {
            copy.copy_from_slice(bytes);
            black_box(&copy[..]);
        })
    }),
    ..NOTHING
};

pub(super) const STD: Peer = Peer {
    name: "std",
    setup: "core::str::from_utf8",
    utf8: Some(|bytes| validating(bytes, |bytes| std::str::from_utf8(bytes).is_ok())),
    ..NOTHING
};

pub(super) const SIMDUTF8: Peer = Peer {
    name: "simdutf8",
    setup: "basic::from_utf8",
    utf8: Some(|bytes| validating(bytes, |bytes| simdutf8::basic::from_utf8(bytes).is_ok())),
    ..NOTHING
};

fn decode(mut wire: Wire) -> Work {
    let mut buffer = vec![0; CHUNK];
    let mut copy = vec![0; CHUNK];
    Work::new(move |times| {
        let mut left = wire.round_len();
        while left > 0 {
            let n = wire.read(&mut buffer);
            copy[..n].copy_from_slice(&buffer[..n]);
            black_box(&copy[..n]);
            left -= n;
        }
        // It knows no frames: the checksum is the case's own.
        times * touch(&[])
    })
}

fn encode(role: Role, payload: &'static [u8]) -> Work {
    let header_len = role.header_len(payload.len());
    let header = [0x82; 8];
    let mut out = Vec::new();
    batches(move || {
        for _ in 0..BATCH {
            out.extend_from_slice(&header[..black_box(header_len)]);
            out.extend_from_slice(black_box(payload));
        }
        let len = black_box(&out).len() as u64;
        out.clear();
        len
    })
}
