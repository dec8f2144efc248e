//! Payloads that tell one message from another.

use sansock::Message;

/// A payload of about `len` bytes that `tag` begins; of a text, as many characters as fit.
#[must_use]
pub fn payload(text: bool, len: usize, tag: u8) -> Message<'static> {
    if !text {
        return (0..len)
            .map(|i| (i.wrapping_mul(31) ^ usize::from(tag)) as u8)
            .collect::<Vec<_>>()
            .into();
    }
    const AMONG: [char; 6] = ['a', 'ß', ' ', '水', '𝄞', '\u{7FF}'];
    let mut string = String::with_capacity(len);
    let mut at = usize::from(tag);
    loop {
        let char = AMONG[at % AMONG.len()];
        if string.len() + char.len_utf8() > len {
            return string.into();
        }
        string.push(char);
        at = at.wrapping_mul(5).wrapping_add(7);
    }
}
