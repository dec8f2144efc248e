//! The little JSON (RFC 8259) that reports are written in.

use std::fmt::{self, Write as _};

/// A text as a JSON string, with its quotes.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                // "All Unicode characters may be placed … except for … the control characters
                // (U+0000 through U+001F)" (§7); U+007F to U+009F would drive a terminal.
                _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8259_7_strings_are_quoted() {
        let quoted = Quoted("a \"b\" \\ \n\x1B\u{9B} ü").to_string();
        assert_eq!(quoted, r#""a \"b\" \\ \u000a\u001b\u009b ü""#);
    }
}
