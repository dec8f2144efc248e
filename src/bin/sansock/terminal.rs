//! What may go to a terminal: text of a peer with its control characters escaped, and colours.

use std::{
    env,
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write as _},
};

use crate::failure::Failure;

/// Text of a peer in which nothing can drive a terminal or hide: control characters and those
/// that turn the direction of writing are escaped.
///
/// It is one line, whatever it holds.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() || turns(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Whether a character changes the order in which those around it are shown (UAX #9).
const fn turns(character: char) -> bool {
    matches!(
        character,
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes to standard output. Who closed it wanted no more of it, which is no failure.
///
/// # Errors
///
/// If the system fails otherwise.
pub(crate) fn print(what: impl fmt::Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{what}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on standard error. Nobody hears it where that is closed, which must end no server:
/// `eprintln!` panics.
pub(crate) fn tell(what: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// The beginning of a text: at most `max` bytes, whole characters, and whether that is all of it.
pub(crate) fn cut(text: &str, max: usize) -> (&str, bool) {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], end == text.len())
}

/// So many bytes, in words.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} byte{s}", self.0)
    }
}

/// Colours for a stream: none unless it is a terminal, or if `NO_COLOR` is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = stream.is_terminal() && !refused;
        Self { colour }
    }

    pub(crate) fn dim<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("2", text)
    }

    pub(crate) fn red<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("31", text)
    }

    pub(crate) fn green<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("32", text)
    }

    pub(crate) fn yellow<T: fmt::Display>(self, text: T) -> Painted<T> {
        self.paint("33", text)
    }

    fn paint<T: fmt::Display>(self, code: &'static str, text: T) -> Painted<T> {
        let code = self.colour.then_some(code);
        Painted { code, text }
    }
}

/// Something to print, perhaps in colour.
pub(crate) struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1B[{code}m{}\x1B[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        for (text, shown) in [
            ("grüßt 你好 \"'", "grüßt 你好 \"'"),
            ("\x1B[2J\x07", "\\u{1b}[2J\\u{7}"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\u{9B}2J\u{7F}", "\\u{9b}2J\\u{7f}"),
            ("user\u{202E}txt.exe", "user\\u{202e}txt.exe"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn a_cut_leaves_characters_whole() {
        assert_eq!(cut("größer", 3), ("gr", false));
        assert_eq!(cut("größer", 4), ("grö", false));
        assert_eq!(cut("abc", 3), ("abc", true));
    }

    #[test]
    fn colours_are_left_out_where_there_are_none() {
        let plain = Style { colour: false };
        assert_eq!(plain.red("text").to_string(), "text");
        let colour = Style { colour: true };
        assert_eq!(colour.red("text").to_string(), "\x1B[31mtext\x1B[0m");
    }
}
