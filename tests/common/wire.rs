//! Frames written and read by a second hand: nothing here uses the crate's own encoder.

use sansock::Role;

/// The masking key of the RFC's examples (§5.7), used for all frames of the client at the far end.
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// `payload` masked with `key` by the definition (§5.3).
pub(crate) fn masked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    payload
        .iter()
        .enumerate()
        .map(|(i, byte)| byte ^ key[i % 4])
        .collect()
}

/// A header as the peer of a `role` sends it: `first` byte, then the length in its shortest form.
pub(crate) fn announce(role: Role, first: u8, len: u64) -> Vec<u8> {
    let mask = if role == Role::Server { 0x80 } else { 0 };
    let mut bytes = vec![first];
    if let Ok(len) = u8::try_from(len)
        && len < 126
    {
        bytes.push(mask | len);
    } else if let Ok(len) = u16::try_from(len) {
        bytes.push(mask | 126);
        bytes.extend(len.to_be_bytes());
    } else {
        bytes.push(mask | 127);
        bytes.extend(len.to_be_bytes());
    }
    if role == Role::Server {
        bytes.extend(KEY);
    }
    bytes
}

/// A frame as the peer of a `role` sends it.
pub(crate) fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = announce(role, first, payload.len() as u64);
    match role {
        Role::Server => bytes.extend(masked(payload, KEY)),
        Role::Client => bytes.extend(payload),
    }
    bytes
}

/// Several frames as the peer of a `role` sends them.
pub(crate) fn frames(role: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|(first, payload)| frame(role, *first, payload))
        .collect()
}

/// What a Close frame with this code and reason carries.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// A frame that the engine sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) first: u8,
    pub(crate) key: Option<[u8; 4]>,
    /// Unmasked.
    pub(crate) payload: Vec<u8>,
}

impl Sent {
    /// The first byte and the payload.
    pub(crate) fn parts(&self) -> (u8, &[u8]) {
        (self.first, &self.payload)
    }
}

/// Reads whole frames; anything else is a failed test. Lengths must be in their shortest form.
pub(crate) fn decode(mut bytes: &[u8]) -> Vec<Sent> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let first = take(&mut bytes, 1)[0];
        let second = take(&mut bytes, 1)[0];
        let len = match second & 0x7F {
            126 => {
                let len = u16::from_be_bytes(take(&mut bytes, 2).try_into().unwrap());
                assert!(len >= 126, "length {len} in the 16-bit form");
                usize::from(len)
            }
            127 => {
                let len = u64::from_be_bytes(take(&mut bytes, 8).try_into().unwrap());
                assert!(len > 0xFFFF, "length {len} in the 64-bit form");
                usize::try_from(len).unwrap()
            }
            len => usize::from(len),
        };
        let key = (second & 0x80 != 0).then(|| take(&mut bytes, 4).try_into().unwrap());
        let payload = take(&mut bytes, len);
        frames.push(Sent {
            first,
            key,
            payload: masked(payload, key.unwrap_or_default()),
        });
    }
    frames
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let Some((front, rest)) = bytes.split_at_checked(len) else {
        panic!("the output ends inside a frame: {bytes:x?}");
    };
    *bytes = rest;
    front
}
