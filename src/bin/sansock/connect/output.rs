//! What is shown: messages on standard output, all else on standard error.

use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

use sansock::{CloseStatus, Message, proto::handshake::Response};

use crate::{
    target::Target,
    terminal::{Bytes, Escaped, Style},
};

/// Standard output and standard error, which may be gone, with colours or without, and perhaps a prompt.
#[derive(Debug)]
pub(super) struct Output {
    /// Whether a person types, who needs a prompt.
    interactive: bool,
    is_prompting: bool,
    stdout: Style,
    stderr: Style,
}

impl Output {
    pub(super) fn new(interactive: bool) -> Self {
        Self {
            interactive,
            is_prompting: false,
            stdout: Style::of(&io::stdout()),
            stderr: Style::of(&io::stderr()),
        }
    }

    /// Tells what the handshake agreed on.
    pub(super) fn opened(&mut self, target: &Target, response: &Response) {
        self.note(format_args!("connected to {target}"));
        if let Some(subprotocol) = response.subprotocol() {
            self.note(format_args!("subprotocol: {}", Escaped(subprotocol)));
        }
        if let Some(extensions) = response.extensions() {
            self.note(format_args!("extensions: {}", Escaped(extensions)));
        }
        if self.interactive {
            self.note("lines are sent; /help shows the commands, the end of input closes");
        }
    }

    /// Shows a message: text as one line, binary as its length and a dump of its beginning.
    pub(super) fn message(&mut self, message: &Message<'_>) -> io::Result<()> {
        self.clear();
        let mut stdout = io::stdout().lock();
        if self.interactive {
            write!(stdout, "{} ", self.stdout.green('<'))?;
        }
        match message {
            Message::Text(text) => writeln!(stdout, "{}", Escaped(text)),
            Message::Binary(data) => write!(stdout, "{}", Dump(data)),
        }
    }

    /// Tells of a Pong, and after what time it came if it was asked for.
    pub(super) fn pong(&mut self, payload: &[u8], took: Option<Duration>) {
        let payload = payload.escape_ascii();
        match took {
            Some(took) => self.note(format_args!("pong \"{payload}\" after {took:.1?}")),
            None => self.note(format_args!("pong \"{payload}\" that nobody asked for")),
        }
    }

    /// Tells how the connection ended.
    pub(super) fn closed(&mut self, status: &CloseStatus) {
        match (&status.received, &status.error) {
            (_, Some(error)) => self.problem(format_args!("the connection ended: {error}")),
            (None, None) => self.problem("the connection ended without a closing handshake"),
            (Some(frame), None) => {
                let (code, reason) = (frame.code, Escaped(&frame.reason));
                match frame.reason.is_empty() {
                    true => self.note(format_args!("closed with code {code}")),
                    false => self.note(format_args!("closed with code {code}: {reason}")),
                }
            }
        }
    }

    pub(super) fn note(&mut self, note: impl fmt::Display) {
        self.clear();
        let _ = writeln!(io::stderr(), "{}", self.stderr.dim(note));
    }

    pub(super) fn problem(&mut self, problem: impl fmt::Display) {
        self.clear();
        let _ = writeln!(io::stderr(), "{}", self.stderr.red(problem));
    }

    /// Shows a person where to type, unless it stands there.
    pub(super) fn prompt(&mut self) {
        if self.interactive && !self.is_prompting {
            let _ = write!(io::stderr(), "> ");
            self.is_prompting = true;
        }
    }

    /// Takes note that a line was entered: the cursor is below the prompt.
    pub(super) fn entered(&mut self) {
        self.is_prompting = false;
    }

    /// Clears the line of the prompt. What was typed in it is still there for the terminal.
    fn clear(&mut self) {
        if self.is_prompting {
            let _ = write!(io::stderr(), "\r\x1B[K");
            self.is_prompting = false;
        }
    }
}

/// How many bytes a line of a dump shows.
const WIDTH: usize = 16;

/// How many bytes of a message are dumped.
const DUMPED: usize = 128;

/// A binary message for people: its length, and its first bytes in hexadecimal and ASCII.
struct Dump<'a>(&'a [u8]);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(DUMPED)];
        writeln!(f, "binary, {}", Bytes(self.0.len()))?;
        for (at, line) in shown.chunks(WIDTH).enumerate() {
            write!(f, "  {:04x} ", at * WIDTH)?;
            for byte in line {
                write!(f, " {byte:02x}")?;
            }
            write!(f, "{:1$}", "", 3 * (WIDTH - line.len()) + 2)?;
            let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
            for byte in line {
                let shown = if printable(byte) { *byte } else { b'.' };
                write!(f, "{}", char::from(shown))?;
            }
            writeln!(f)?;
        }
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => writeln!(f, "  … {} more", Bytes(more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_shows_bytes_and_ascii_and_is_cut() {
        let dump = Dump(b"\x00\x1B[2Jabc~\x7F\xFF 0123456789").to_string();
        let expected = "binary, 22 bytes\n  \
            0000  00 1b 5b 32 4a 61 62 63 7e 7f ff 20 30 31 32 33  ..[2Jabc~.. 0123\n  \
            0010  34 35 36 37 38 39                                456789\n";
        assert_eq!(dump, expected);
        let dump = Dump(&[b'x'; 1_000]).to_string();
        assert_eq!(dump.lines().count(), 1 + 8 + 1);
        assert!(dump.ends_with("  … 872 bytes more\n"), "{dump}");
        assert_eq!(Dump(b"").to_string(), "binary, 0 bytes\n");
    }
}
