//! Frames and handshakes written and read by a second hand: nothing here uses the crate's encoder.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::time::Duration;

use sansock::proto::Instant;

/// The masking key of the RFC's examples (§5.7).
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// First bytes of frames: FIN and opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// A request as a browser sends it (§1.2).
pub(crate) const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The answer to [`REQUEST`] with no subprotocol (§1.3).
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The answer to this client's request, which must lie whole in `request`.
pub(crate) fn response_to(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8(request.to_vec()).expect("a request is text");
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a request has a key");
    let accept = sansock::proto::handshake::accept_key(key.as_bytes());
    let accept = String::from_utf8(accept.to_vec()).expect("base64 is text");
    String::from_utf8(RESPONSE.to_vec())
        .expect("a response is text")
        .replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &accept)
        .into_bytes()
}

/// A frame, masked as a client's if `masked`.
pub(crate) fn frame(masked: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ ..126 => bytes.push(mask | u8::try_from(len).expect("below 126")),
        len @ ..0x1_0000 => {
            bytes.push(mask | 126);
            bytes.extend(u16::try_from(len).expect("below 65,536").to_be_bytes());
        }
        len => {
            bytes.push(mask | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    if masked {
        bytes.extend(KEY);
        bytes.extend(payload.iter().zip(0..).map(|(byte, i)| byte ^ KEY[i % 4]));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// A Close frame.
pub(crate) fn close(masked: bool, code: u16, reason: &str) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame(masked, CLOSE, &payload)
}

/// First byte and unmasked payload of each whole frame, and how many bytes they take.
pub(crate) fn decode_some(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, usize) {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some((first, payload, len)) = decode_one(&bytes[at..]) {
        frames.push((first, payload));
        at += len;
    }
    (frames, at)
}

/// First byte and unmasked payload of each frame; a frame that is cut is a failed test.
pub(crate) fn decode(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (frames, len) = decode_some(bytes);
    assert_eq!(len, bytes.len(), "the last frame is cut");
    frames
}

fn decode_one(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(first & 0x70, 0, "reserved bits");
    let (len, mut at) = match second & 0x7F {
        126 => {
            let len = bytes.get(2..4)?;
            (u64::from(u16::from_be_bytes(len.try_into().ok()?)), 4)
        }
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        len => (u64::from(len), 2),
    };
    let len = usize::try_from(len).expect("a frame of ours");
    let key: [u8; 4] = if second & 0x80 == 0 {
        [0; 4]
    } else {
        at += 4;
        bytes.get(at - 4..at)?.try_into().ok()?
    };
    let payload = bytes.get(at..at + len)?;
    let payload = payload.iter().zip(0..).map(|(byte, i)| byte ^ key[i % 4]);
    Some((first, payload.collect(), at + len))
}

/// What follows the blank line of a head.
pub(crate) fn behind_head(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
    &bytes[end.expect("a head") + 4..]
}

/// So many seconds after the start.
pub(crate) fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

/// A sequence that looks random and is the same in every run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }
}

/// Bytes that are not all the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}
