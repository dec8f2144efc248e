//! Text that comes in pieces: UTF-8 checked as it grows (RFC 6455 §8.1).
//!
//! A fragment or a read may cut a character. The bytes of the cut character, three at most, are
//! carried to the next piece; everything else is checked where it lies, once. A bad byte is found
//! in the piece it comes in, not at the message's end.

use alloc::string::String;
use core::str;

use super::error::ProtocolError;

/// The start of a character whose end has not come yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    /// The character's bytes so far; the one at the end is never filled.
    carry: [u8; 4],
    len: u8,
}

/// A character that was completed by the bytes of a later piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed {
    bytes: [u8; 4],
    len: u8,
}

impl Completed {
    /// The character.
    pub(crate) fn as_str(&self) -> &str {
        // `Utf8::complete` made this from bytes it had just found valid.
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl Utf8 {
    /// Gives the carried character the bytes it lacks from the front of `piece`.
    ///
    /// `None` if no character is carried, or if `piece` does not complete it either; then `piece`
    /// is empty.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] at the first byte that cannot continue the character.
    pub(crate) fn complete(
        &mut self,
        piece: &mut &[u8],
    ) -> Result<Option<Completed>, ProtocolError> {
        while self.len > 0
            && let Some((&byte, rest)) = piece.split_first()
        {
            // At most three bytes are carried: a fourth completes the character or is refused.
            self.carry[usize::from(self.len)] = byte;
            self.len += 1;
            *piece = rest;
            match str::from_utf8(&self.carry[..usize::from(self.len)]) {
                Ok(_) => {
                    let completed = Completed {
                        bytes: self.carry,
                        len: self.len,
                    };
                    self.len = 0;
                    return Ok(Some(completed));
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(ProtocolError::InvalidUtf8),
            }
        }
        Ok(None)
    }

    /// Checks `piece`, which begins on a character boundary, and returns it without the start of a
    /// character that it may end with; that is carried.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] if it contains a byte that no text can have there.
    pub(crate) fn check<'a>(&mut self, piece: &'a [u8]) -> Result<&'a str, ProtocolError> {
        let (text, start) = piece.split_at(piece.len() - cut_character(piece));
        let text = validate(text).ok_or(ProtocolError::InvalidUtf8)?;
        if start.is_empty() {
            return Ok(text);
        }
        match str::from_utf8(start) {
            Err(error) if error.error_len().is_none() => {}
            _ => return Err(ProtocolError::InvalidUtf8),
        }
        self.carry[..start.len()].copy_from_slice(start);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the start of a character: 3 at most"
        )]
        let len = start.len() as u8;
        self.len = len;
        Ok(text)
    }

    /// Appends `piece` to `text`, all but the start of a character that it may end with.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidUtf8`] at the first byte that no text can have there.
    pub(crate) fn push(
        &mut self,
        mut piece: &[u8],
        text: &mut String,
    ) -> Result<(), ProtocolError> {
        if let Some(completed) = self.complete(&mut piece)? {
            text.push_str(completed.as_str());
        }
        text.push_str(self.check(piece)?);
        Ok(())
    }

    /// Whether the text may end here.
    pub(crate) const fn is_complete(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are carried.
    pub(crate) const fn carried(&self) -> usize {
        self.len as usize
    }
}

/// `bytes` as text, if they are UTF-8.
#[inline]
pub(crate) fn validate(bytes: &[u8]) -> Option<&str> {
    // What is short is checked before wider instructions are found, and std is fast with ASCII.
    #[cfg(feature = "simd")]
    if bytes.len() >= 256 || bytes.len() >= 32 && !bytes.is_ascii() {
        return simdutf8::basic::from_utf8(bytes).ok();
    }
    str::from_utf8(bytes).ok()
}

/// How many bytes at the end of `piece` can begin a character whose end is not there; 3 at most.
fn cut_character(piece: &[u8]) -> usize {
    let mut last = piece.iter().rev().zip(1..=3);
    match last.find(|(byte, _)| !matches!(byte, 0x80..=0xBF)) {
        Some((0xC0..=0xDF, len @ 1) | (0xE0..=0xEF, len @ 1..=2) | (0xF0.., len)) => len,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Result<String, usize> {
        let mut text = String::new();
        let mut utf8 = Utf8::default();
        let mut start = 0;
        for &end in cuts.iter().chain([&bytes.len()]) {
            utf8.push(&bytes[start..end], &mut text).map_err(|_| end)?;
            start = end;
        }
        if utf8.is_complete() {
            Ok(text)
        } else {
            Err(bytes.len() + 1)
        }
    }

    #[test]
    fn every_cut_of_valid_text() {
        let text = "aß水𝄞z\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                assert_eq!(
                    in_pieces(text.as_bytes(), &[first, second]).as_deref(),
                    Ok(text)
                );
            }
        }
        let single: alloc::vec::Vec<usize> = (0..text.len()).collect();
        assert_eq!(in_pieces(text.as_bytes(), &single).as_deref(), Ok(text));
    }

    #[test]
    fn long_text_is_judged_as_std_judges_it() {
        let text = "a水".repeat(100) + &"b".repeat(300);
        for len in 0..text.len() {
            let mut bytes = text.as_bytes()[..len].to_vec();
            assert_eq!(validate(&bytes), str::from_utf8(&bytes).ok());
            let whole = str::from_utf8(&bytes).unwrap_or_else(|error| &text[..error.valid_up_to()]);
            let mut utf8 = Utf8::default();
            assert_eq!(utf8.check(&bytes), Ok(whole));
            assert_eq!(utf8.carried(), len - whole.len());
            for bad in [0x80, 0xC0, 0xED, 0xFF] {
                bytes.push(bad);
                let expected = str::from_utf8(&bytes);
                assert_eq!(validate(&bytes), expected.ok());
                let can_go_on = expected.is_err_and(|error| error.error_len().is_none());
                let judged = Utf8::default().check(&bytes);
                assert_eq!(
                    judged.is_ok(),
                    expected.is_ok() || can_go_on,
                    "{len} {bad:x}"
                );
                bytes.pop();
            }
        }
    }

    /// hostile 80, 82, 83: each kind of bad byte is found in the piece that brings it.
    #[test]
    fn a_bad_byte_fails_in_its_piece() {
        // The text, and how many bytes it takes to see that it is bad.
        let cases: [(&[u8], usize); 9] = [
            (b"a\x80", 2),
            (b"\xC0\x80", 1),
            (b"\xC1", 1),
            (b"\xE0\x80\x80", 2),
            (b"\xED\xA0\x80", 2),
            (b"\xF0\x8F\xBF\xBF", 2),
            (b"\xF4\x90\x80\x80", 2),
            (b"\xF5", 1),
            (b"\xE6\xB0\x21", 3),
        ];
        for (bytes, needed) in cases {
            let single: alloc::vec::Vec<usize> = (1..bytes.len()).collect();
            assert_eq!(in_pieces(bytes, &single), Err(needed), "{bytes:x?}");
            for cut in 0..=bytes.len() {
                assert!(in_pieces(bytes, &[cut]).is_err(), "{bytes:x?} cut at {cut}");
            }
        }
        assert_eq!(
            in_pieces(b"\xF0\x9D\x84", &[1]),
            Err(4),
            "unfinished at the end"
        );
    }
}
