//! What became of the connections, as the server counts and tells it.

use std::{collections::BTreeMap, io::BufRead};

use sansock::{
    CloseStatus,
    proto::{self, Timeout},
};

use crate::kinds::Kind;

/// What stands in the place of the kind of a client that sent no whole request.
pub(crate) const UNKNOWN: &str = "unknown";

/// How many connections ended how. It never grows, so that it is no part of what is measured.
pub(crate) struct Tally {
    rows: Vec<(Option<Kind>, &'static str, u64)>,
    pub(crate) accepted: usize,
    /// The most there were at once.
    pub(crate) most: usize,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::with_capacity(256),
            accepted: 0,
            most: 0,
        }
    }

    pub(crate) fn count(&mut self, kind: Option<Kind>, outcome: &'static str) {
        let row = self
            .rows
            .iter_mut()
            .find(|it| (it.0, it.1) == (kind, outcome));
        match row {
            Some((_, _, count)) => *count += 1,
            None => self.rows.push((kind, outcome, 1)),
        }
    }

    /// Tells the parent, and forgets.
    pub(crate) fn tell(&mut self) {
        for (kind, outcome, count) in self.rows.drain(..) {
            let kind = kind.map_or(UNKNOWN.to_owned(), |kind| format!("{kind:?}"));
            println!("soak row {kind} {outcome} {count}");
        }
    }
}

/// The outcome by a name in one word.
pub(crate) fn name(status: &CloseStatus) -> &'static str {
    match status.error {
        Some(error) => name_of_error(error),
        None if status.clean && status.code().get() == 1000 => "clean",
        None => "another-end",
    }
}

pub(crate) fn name_of_error(error: proto::Error) -> &'static str {
    match error {
        proto::Error::Eof => "eof",
        proto::Error::Handshake(error) => match error.status() {
            None => "eof",
            Some(400) => "400",
            Some(_) => "another-status",
        },
        proto::Error::Protocol(error) => match error.close_code().get() {
            1002 => "1002",
            1007 => "1007",
            1008 => "1008",
            1009 => "1009",
            _ => "another-code",
        },
        proto::Error::Timeout(timeout) => match timeout {
            Timeout::Handshake => "handshake-timeout",
            Timeout::Pong => "pong-timeout",
            Timeout::Message => "message-timeout",
            Timeout::Write => "write-timeout",
            Timeout::Close => "close-timeout",
            Timeout::Idle => "idle-timeout",
        },
        _ => "another-error",
    }
}

/// What a server told of a wave.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rows: BTreeMap<(String, String), u64>,
    pub(crate) accepted: usize,
    pub(crate) most: usize,
    /// Blocks of memory, and their bytes, that were allocated in the wave and are not free again.
    pub(crate) blocks_left: i64,
    pub(crate) bytes_left: i64,
    pub(crate) bytes_most: u64,
    /// Open before and after; none where the system does not say.
    pub(crate) descriptors: [usize; 2],
}

impl Report {
    pub(crate) fn read(lines: &mut impl BufRead) -> Self {
        let mut rows = BTreeMap::new();
        loop {
            let words = words(lines);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words[..] {
                ["row", kind, outcome, count] => {
                    let key = (kind.to_owned(), outcome.to_owned());
                    rows.insert(key, count.parse().unwrap());
                }
                [
                    "wave",
                    accepted,
                    most,
                    blocks_left,
                    bytes_left,
                    bytes_most,
                    before,
                    after,
                ] => {
                    return Self {
                        rows,
                        accepted: accepted.parse().unwrap(),
                        most: most.parse().unwrap(),
                        blocks_left: blocks_left.parse().unwrap(),
                        bytes_left: bytes_left.parse().unwrap(),
                        bytes_most: bytes_most.parse().unwrap(),
                        descriptors: [before.parse().unwrap(), after.parse().unwrap()],
                    };
                }
                _ => panic!("the server says {words:?}"),
            }
        }
    }
}

/// The next line that is for the parent; whatever else comes is shown.
pub(crate) fn words(lines: &mut impl BufRead) -> Vec<String> {
    loop {
        let mut line = String::new();
        let read = lines.read_line(&mut line).unwrap();
        assert!(read > 0, "the server is gone");
        // What runs tests may begin the line.
        match line.split_once("soak ") {
            Some((_, line)) => return line.split_whitespace().map(str::to_owned).collect(),
            None => print!("server: {line}"),
        }
    }
}
