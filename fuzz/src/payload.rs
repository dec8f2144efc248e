//! Payloads that tell one message from another.

use sansock::Message;

/// A payload of about `len` bytes that `tag` begins; of a text, as many characters as fit.
#[must_use]
pub fn payload(text: bool, len: usize, tag: u8) -> Message<'static> {
    if !text {
        let bytes = [0, 31, 62, 93, 124, 155, 186, 217, 248, 23, 54].map(|byte: u8| byte ^ tag);
        let mut data = bytes.repeat(len.div_ceil(bytes.len()));
        data.truncate(len);
        return data.into();
    }
    let mut string = TEXTS[usize::from(tag) % TEXTS.len()].repeat(len / 3 + 1);
    let mut end = len.min(string.len());
    while !string.is_char_boundary(end) {
        end -= 1;
    }
    string.truncate(end);
    string.into()
}

/// Bytes that cannot be compressed.
#[must_use]
pub fn random(len: usize, tag: u8) -> Message<'static> {
    let mut state = u64::from(tag) + 1;
    let mut data = Vec::with_capacity(len + 8);
    while data.len() < len {
        // Xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend(state.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    }
    data.truncate(len);
    data.into()
}

/// Each of at least three bytes.
const TEXTS: [&str; 5] = ["aß ", "水a𝄞", "\u{7FF}Z\u{FFFF}", "𝄞", "plain ASCII "];
