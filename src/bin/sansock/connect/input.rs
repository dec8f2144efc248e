//! Lines of standard input and what they ask for.

use std::{
    io::{self, BufRead, Read},
    path::PathBuf,
    thread,
};

use sansock::{CloseCode, CloseFrame, proto::MAX_CONTROL_PAYLOAD};
use tokio::sync::mpsc;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// To send this text.
    Text(String),
    /// To send this file.
    Binary(PathBuf),
    /// To send a Ping, with this payload if there is one.
    Ping(Option<Vec<u8>>),
    /// To close.
    Close(CloseFrame<'static>),
    Help,
}

impl Input {
    /// Reads a line, with its commands or all as text.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and how it would be right.
    pub(super) fn parse(line: &str, commands: bool) -> Result<Self, String> {
        let text = || Ok(Self::Text(line.to_owned()));
        let Some(command) = line.strip_prefix('/').filter(|_| commands) else {
            return text();
        };
        if command.starts_with('/') {
            return Ok(Self::Text(command.to_owned()));
        }
        let (name, rest) = match command.split_once(char::is_whitespace) {
            Some((name, rest)) => (name, rest.trim()),
            None => (command, ""),
        };
        match (name, rest) {
            ("ping", "") => Ok(Self::Ping(None)),
            ("ping", text) if text.len() > MAX_CONTROL_PAYLOAD => Err(format!(
                "a Ping holds at most {MAX_CONTROL_PAYLOAD} bytes, not {}",
                text.len()
            )),
            ("ping", text) => Ok(Self::Ping(Some(text.as_bytes().to_vec()))),
            ("binary", "") => Err("a file is missing: /binary FILE".into()),
            ("binary", file) => Ok(Self::Binary(file.into())),
            ("close", rest) => Self::close(rest),
            ("help", "") => Ok(Self::Help),
            _ => Err(format!(
                "there is no command /{name}: /help shows all; to send the line, begin it with //"
            )),
        }
    }

    /// Reads what stands behind `/close`.
    fn close(rest: &str) -> Result<Self, String> {
        let (code, reason) = match rest.split_once(char::is_whitespace) {
            Some((code, reason)) => (code, reason.trim()),
            None => (rest, ""),
        };
        let code = match code {
            "" => CloseCode::NORMAL,
            digits => digits
                .parse()
                .map(CloseCode::new)
                .map_err(|_| format!("{digits} is no close code: /close [CODE [REASON]]"))?,
        };
        CloseFrame::check(code, reason.len())
            .map_err(|error| format!("{error}; 1000, 1001 and 3000 to 4999 are for programs"))?;
        Ok(Self::Close(CloseFrame::new(code, reason.to_owned())))
    }
}

/// How many lines may wait to be sent.
const QUEUED: usize = 64;

/// The lines of standard input, until its end.
///
/// They are read by a thread of its own, which nothing waits for: a read of a terminal cannot be
/// cancelled.
pub(super) fn lines(commands: bool) -> mpsc::Receiver<Result<Input, String>> {
    let (sender, receiver) = mpsc::channel(QUEUED);
    thread::spawn(move || {
        read_lines(io::stdin().lock(), commands, |input| {
            sender.blocking_send(input).is_ok()
        });
    });
    receiver
}

/// The longest line, in bytes: what a server takes that is configured as ours are.
const MAX_LINE: usize = 16 << 20;

/// Gives `take` the lines of `input` until its end, or until they are not taken. No more is kept of a
/// line than may be sent, and one that is too long is told of before it ends, if it does.
fn read_lines(
    mut input: impl BufRead,
    commands: bool,
    mut take: impl FnMut(Result<Input, String>) -> bool,
) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = MAX_LINE as u64 + 1;
        let read = input.by_ref().take(most).read_until(b'\n', &mut line);
        let is_cut = line.len() > MAX_LINE && !line.ends_with(b"\n");
        let goes_on = match read {
            Ok(0) => return,
            Ok(_) if is_cut => take(Err(format!(
                "a line is longer than {MAX_LINE} bytes: /binary FILE sends a file"
            ))),
            Ok(_) => take(parse_bytes(&line, commands)),
            Err(error) => {
                take(Err(format!("cannot read the input: {error}")));
                return;
            }
        };
        if !goes_on || is_cut && input.skip_until(b'\n').is_err() {
            return;
        }
    }
}

/// Reads a line that may not be text, with the end of line it came with.
fn parse_bytes(line: &[u8], commands: bool) -> Result<Input, String> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match str::from_utf8(line) {
        Ok(line) => Input::parse(line, commands),
        Err(_) => Err("a line is not UTF-8 and no text: /binary FILE sends any bytes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_text_or_a_command() {
        let text = |text: &str| Ok(Input::Text(text.into()));
        let close = |code, reason| {
            let frame = CloseFrame::new(CloseCode::new(code), reason);
            Ok(Input::Close(frame))
        };
        for (line, input) in [
            ("hello", text("hello")),
            ("", text("")),
            (" /ping", text(" /ping")),
            ("//ping", text("/ping")),
            ("//", text("/")),
            ("/ping", Ok(Input::Ping(None))),
            ("/ping a b", Ok(Input::Ping(Some(b"a b".to_vec())))),
            ("/binary a b.png", Ok(Input::Binary("a b.png".into()))),
            ("/close", close(1000, "")),
            ("/close 4000", close(4000, "")),
            ("/close 1001 going  away", close(1001, "going  away")),
            ("/help", Ok(Input::Help)),
        ] {
            assert_eq!(Input::parse(line, true), input, "{line}");
            assert_eq!(Input::parse(line, false), text(line));
        }
    }

    #[test]
    fn what_is_wrong_with_a_command_is_said() {
        for (line, said) in [
            ("/", "no command /:"),
            ("/quit", "no command /quit"),
            ("/help me", "no command /help"),
            ("/binary", "/binary FILE"),
            ("/close now", "now is no close code"),
            ("/close 65536", "65536 is no close code"),
            ("/close 1005", "1005 must not be sent"),
            ("/close 2999", "3000 to 4999"),
        ] {
            let error = Input::parse(line, true).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
        let error = Input::parse(&format!("/ping {}", "x".repeat(126)), true).unwrap_err();
        assert!(error.contains("at most 125 bytes, not 126"), "{error}");
        let error = Input::parse(&format!("/close 1000 {}", "x".repeat(124)), true).unwrap_err();
        assert!(error.contains("longer than 123"), "{error}");
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let longest = io::repeat(b'x').take(MAX_LINE as u64);
        let endless = io::repeat(b'y').take(MAX_LINE as u64 * 2);
        let input = longest
            .chain(&b"\n"[..])
            .chain(endless)
            .chain(&b"\nlast"[..]);
        let mut lines = Vec::new();
        read_lines(io::BufReader::new(input), true, |line| {
            lines.push(line);
            true
        });
        let [
            Ok(Input::Text(longest)),
            Err(problem),
            Ok(Input::Text(last)),
        ] = &lines[..]
        else {
            panic!("{} lines", lines.len());
        };
        assert_eq!((longest.len(), &last[..]), (MAX_LINE, "last"));
        assert!(problem.contains("longer than 16777216 bytes"), "{problem}");

        // It is told of at once: this one has no end.
        let mut told = 0;
        read_lines(io::BufReader::new(io::repeat(b'z')), true, |line| {
            told += usize::from(line.is_err());
            false
        });
        assert_eq!(told, 1);
    }

    #[test]
    fn ends_of_lines_are_no_text() {
        let text = |text: &str| Ok(Input::Text(text.into()));
        assert_eq!(parse_bytes(b"a\n", true), text("a"));
        assert_eq!(parse_bytes(b"a\r\n", true), text("a"));
        assert_eq!(parse_bytes(b"a\r", true), text("a"));
        assert_eq!(parse_bytes(b"\n", true), text(""));
        let error = parse_bytes(b"\xFF\n", true).unwrap_err();
        assert!(error.contains("not UTF-8"), "{error}");
    }
}
