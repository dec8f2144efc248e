//! The table, as Markdown.

use std::{fmt, fs, process::Command};

use crate::{Operation, PEERS, Peer};

/// One operation: a row for each peer, a column for each case.
pub struct Table {
    title: &'static str,
    about: &'static str,
    columns: Vec<(String, Vec<Option<Cell>>)>,
}

/// What one peer needs for one case.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Nanoseconds per operation: the median of all rounds.
    pub ns: f64,
    /// Allocations per operation.
    pub allocations: f64,
    /// Bytes written per operation, if it is they that differ.
    pub bytes: Option<f64>,
    /// Whether the payload was handed on without a copy.
    pub lends: bool,
}

impl Table {
    /// A table without columns.
    #[must_use]
    pub fn new(operation: &Operation) -> Self {
        Self {
            title: operation.title,
            about: operation.about,
            columns: Vec::new(),
        }
    }

    /// Adds the column `name`: a cell for each of [`PEERS`], in that order.
    pub fn push(&mut self, name: String, cells: Vec<Option<Cell>>) {
        self.columns.push((name, cells));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "## {}\n\n{}\n\n|", self.title, self.about)?;
        for (name, _) in &self.columns {
            write!(f, " | {name}")?;
        }
        write!(f, " |\n|---{}|\n", "|---:".repeat(self.columns.len()))?;
        for (row, peer) in PEERS.iter().enumerate() {
            if self.columns.iter().all(|(_, cells)| cells[row].is_none()) {
                continue;
            }
            write!(f, "| {}", title(peer))?;
            for (_, cells) in &self.columns {
                match &cells[row] {
                    Some(cell) => write!(f, " | {cell}")?,
                    None => write!(f, " | –")?,
                }
            }
            writeln!(f, " |")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ns {
            ns if ns < 100.0 => write!(f, "{ns:.1}")?,
            ns => write!(f, "{}", grouped(ns))?,
        }
        if self.lends {
            write!(f, "ᵇ")?;
        }
        if let Some(bytes) = self.bytes {
            write!(f, " → {} B", grouped(bytes))?;
        }
        // A few per round are a few thousandths per operation: still not none.
        match self.allocations {
            0.0 => Ok(()),
            some if some.fract() == 0.0 => write!(f, " ({some})"),
            some if some < 0.01 => write!(f, " (<0.01)"),
            some => write!(f, " ({some:.2})"),
        }
    }
}

/// The first line of what is measured in memory.
pub const MEMORY: &str = "# In memory, beside the peers";

/// Writes a part of `RESULTS.md`, which begins with the line `title`, and leaves the others as they
/// are; one that is new comes last.
///
/// # Panics
///
/// If the file cannot be written.
pub fn store(title: &str, part: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");
    let before = fs::read_to_string(path).unwrap_or_default();
    let start = before
        .match_indices(title)
        .map(|(at, _)| at)
        .find(|at| before[at + title.len()..].starts_with('\n'))
        .unwrap_or(before.len());
    let rest = &before[start..];
    // Up to the next heading of the same kind.
    let end = rest.find("\n# ").map_or("", |at| &rest[at + 1..]);
    let all = format!(
        "{}\n\n{}\n\n{end}",
        before[..start].trim_end(),
        part.trim_end()
    );
    let all = all.trim();
    fs::write(path, format!("{all}\n")).expect("the results can be written");
}

/// What stands above the tables: how to read them, where and when they were made.
#[must_use]
pub fn head() -> String {
    let machine = machine();
    format!(
        "{MEMORY}\n\n\
        `cargo bench --manifest-path benches/Cargo.toml --bench memory` on {machine}.\n\n\
        Nanoseconds per operation, the median of many rounds in which the peers take turns; behind \
        it, in parentheses, allocations per operation where there are any. All get the same bytes by \
        the same copy out of memory, in chunks of whole frames of at most 256 KiB (or one frame); \
        that copy, which a kernel would make, is not timed for anybody. So whoever reads little at a \
        time finds it in a nearer cache, and does not pay here for its further system calls. What \
        they write is counted and discarded. How each is set up stands below.\n\n"
    )
}

/// When, where and how this was built.
#[must_use]
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|it| it.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, name)| name);
    // All of them, also where this process is kept to one.
    let cores = cpu.lines().filter(|it| it.starts_with("processor")).count();
    let kernel = output("uname", &["-sr"]);
    let rustc = output("rustc", &["--version"]);
    let date = output("date", &["-u", "+%F"]);
    format!("{date}: {model}, {cores} cores, {kernel}, {rustc}, fat LTO, no `target-cpu`")
}

/// What stands below the tables: who was measured, and how it was set up.
#[must_use]
pub fn legend(peers: &[Peer]) -> String {
    let mut text = String::from("## Who, and how\n\n");
    for peer in peers {
        text += &format!("- **{}**: {}.\n", title(peer), peer.setup);
    }
    text
}

/// The peer's name and version.
fn title(peer: &Peer) -> String {
    versioned(peer.name)
}

/// A package's name and version.
#[must_use]
pub fn versioned(package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let version = include_str!("../Cargo.lock")
        .lines()
        .skip_while(|line| *line != name)
        .nth(1)
        .and_then(|line| line.split('"').nth(1));
    match version {
        Some(version) => format!("{package} {version}"),
        None => package.to_owned(),
    }
}

/// A whole number with a comma before each three digits.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a program prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("unknown {program}"))
}
