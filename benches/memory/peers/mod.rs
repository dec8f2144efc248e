//! Who is measured. To add a peer: a file here with its `PEER`, and a line in [`PEERS`].

mod fastwebsockets;
mod floor;
mod sansock;
mod sockudo_ws;
mod tokio_websockets;
mod tungstenite;
mod wtx;
mod yawc;

use std::hint::black_box;

use crate::{Role, Work, deflate::Messages, operations::BATCH, socket::Wire};

/// A crate, or a floor, and how it does each operation; `None` if it cannot.
pub struct Peer {
    /// Its name in the registry.
    pub name: &'static str,
    /// How it is set up, where there was a choice.
    pub setup: &'static str,
    /// Decodes what comes, as a server.
    pub decode: Option<fn(Wire) -> Work>,
    /// Sends this payload over and over, [`BATCH`] messages to a write.
    pub encode: Option<fn(Role, &'static [u8]) -> Work>,
    /// Masks a copy of these bytes in place.
    pub mask: Option<fn(&[u8]) -> Work>,
    /// Validates these bytes.
    pub utf8: Option<fn(&'static [u8]) -> Work>,
    /// Compresses and sends these messages, as a server, [`BATCH`] to a write; `None` if it cannot
    /// take over contexts.
    pub compress: Option<fn(Messages) -> Option<Work>>,
    /// Inflates what comes, as a server, with context takeover or without; `None` likewise.
    pub inflate: Option<fn(Wire, bool) -> Option<Work>>,
    /// Answers the request that comes by each read.
    pub handshake: Option<fn(Wire) -> Work>,
}

impl Peer {
    /// Whether it knows no frames, and so gives no checksum.
    pub fn is_floor(&self) -> bool {
        self.name == floor::MEMCPY.name
    }
}

/// Everybody, in the order of the table.
pub const PEERS: [Peer; 10] = [
    floor::MEMCPY,
    floor::STD,
    floor::SIMDUTF8,
    sansock::PEER,
    tungstenite::PEER,
    fastwebsockets::PEER,
    tokio_websockets::PEER,
    sockudo_ws::PEER,
    wtx::PEER,
    yawc::PEER,
];

/// What can do nothing: to be filled in.
const NOTHING: Peer = Peer {
    name: "",
    setup: "",
    decode: None,
    encode: None,
    mask: None,
    utf8: None,
    compress: None,
    inflate: None,
    handshake: None,
};

/// Work that applies `mask` to a copy of `bytes`.
fn masking(bytes: &[u8], mut mask: impl FnMut(&mut [u8], [u8; 4]) + 'static) -> Work {
    let mut bytes = bytes.to_vec();
    Work::new(move |times| {
        let mut checksum = 0;
        for _ in 0..times {
            mask(black_box(&mut bytes), black_box([0x37, 0xFA, 0x21, 0x3D]));
            checksum += black_box(&bytes).len() as u64;
        }
        checksum
    })
}

/// Work that validates `bytes`.
fn validating(bytes: &'static [u8], is_utf8: impl Fn(&[u8]) -> bool + 'static) -> Work {
    Work::new(move |times| {
        let mut checksum = 0;
        for _ in 0..times {
            let bytes = black_box(bytes);
            checksum += if is_utf8(bytes) {
                bytes.len() as u64
            } else {
                0
            };
        }
        checksum
    })
}

/// Work that sends in batches: `batch` queues and takes [`BATCH`] messages, and returns how many
/// bytes they became.
fn batches(mut batch: impl FnMut() -> u64 + 'static) -> Work {
    Work::new(move |times| (0..times / BATCH).map(|_| batch()).sum())
}

/// Work that sends `messages` in batches: `batch` queues and takes these, and returns how many
/// bytes they became.
fn sending<T: 'static>(
    messages: Messages,
    make: impl Fn(&'static str) -> T,
    mut batch: impl FnMut(&mut [T]) -> u64 + 'static,
) -> Work {
    let mut made: Vec<T> = messages.all.iter().map(|message| make(message)).collect();
    Work::new(move |times| {
        assert_eq!(times, made.len() as u64);
        made.chunks_mut(BATCH as usize).map(&mut batch).sum()
    })
}

/// Both windows of 32 KiB, with context takeover or without.
fn extension(takeover: bool) -> &'static str {
    if takeover {
        "permessage-deflate"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    }
}
