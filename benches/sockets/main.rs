//! Servers beside each other over TCP, each in a process of its own, on one thread.
//!
//! ```text
//!  this process: load                          child: server
//!  connections, bursts of frames ──────TCP───► echo on one thread
//!  compares what comes back      ◄─────TCP────
//!  /proc/<child>: processor time before and after, its kernel's part included; memory
//! ```
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench sockets` measures everything and writes
//! it to `RESULTS.md` and `sockets.svg`. Words behind `--` choose: names of [`PARTS`] measure these
//! alone and write them; any other word is part of a server's or a cell's name, and what it chooses
//! is only printed, after fewer rounds: `… -- echo sansock raw p16`. And `… -- profile SERVER CELL
//! SECONDS` keeps one server busy, for a profiler to look at.

mod big;
mod broadcast;
mod cells;
mod chart;
mod child;
mod deflate;
mod echo;
mod frames;
mod idle;
mod load;
mod servers;
mod syscalls;

use std::{env, process::ExitCode};

use in_memory::table;

use self::{child::pin_load, servers::SERVERS};

/// What goes wrong: it ends the bench, with its reason.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Something to measure, with a heading of its own in `RESULTS.md`.
struct Part {
    /// What to type to measure this one only.
    name: &'static str,
    /// The heading.
    title: &'static str,
    /// Measures what was chosen, and says it in Markdown.
    measure: fn(&Choice) -> Outcome<String>,
}

/// How to repeat it.
const COMMAND: &str = "cargo bench --manifest-path benches/Cargo.toml --bench sockets";

/// Everything, in the order of `RESULTS.md`.
const PARTS: [Part; 6] = [
    Part {
        name: "echo",
        title: "# Over sockets, beside the peers",
        measure: echo::measure,
    },
    Part {
        name: "syscalls",
        title: "# System calls of an echo",
        measure: syscalls::measure,
    },
    Part {
        name: "big",
        title: "# One message of 64 MiB",
        measure: big::measure,
    },
    Part {
        name: "idle",
        title: "# Memory of idle connections",
        measure: idle::measure,
    },
    Part {
        name: "broadcast",
        title: "# One message to all",
        measure: broadcast::measure,
    },
    Part {
        name: "deflate",
        title: "# Over sockets, compressed",
        measure: |_| Ok(deflate::measure()),
    },
];

/// What the words behind `--` chose.
#[derive(Debug)]
struct Choice {
    parts: Vec<String>,
    servers: Vec<String>,
    cells: Vec<String>,
}

impl Choice {
    /// `None` if a word means nothing here.
    fn new(words: &[String]) -> Option<Self> {
        let (mut parts, mut servers, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            if PARTS.iter().any(|it| it.name == word) {
                parts.push(word.clone());
            } else if SERVERS.iter().any(|it| it.name.contains(word.as_str())) {
                servers.push(word.clone());
            } else if cells::CELLS
                .iter()
                .any(|it| it.name.contains(word.as_str()))
            {
                cells.push(word.clone());
            } else {
                return None;
            }
        }
        Some(Self {
            parts,
            servers,
            cells,
        })
    }

    fn has_part(&self, name: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|it| it == name)
    }

    /// Whether the server was chosen.
    fn has_server(&self, name: &str) -> bool {
        self.servers.is_empty() || self.servers.iter().any(|it| name.contains(it.as_str()))
    }

    /// Whether the cell was chosen; each word must be in its name.
    fn has_cell(&self, name: &str) -> bool {
        self.cells.iter().all(|it| name.contains(it.as_str()))
    }

    /// The words, as they were behind the command.
    fn words(&self) -> String {
        let words = [&self.parts[..], &self.servers, &self.cells].concat();
        if words.is_empty() {
            String::new()
        } else {
            format!(" -- {}", words.join(" "))
        }
    }

    /// Whether parts are measured whole, so that they may be written.
    fn is_whole(&self) -> bool {
        self.servers.is_empty() && self.cells.is_empty()
    }
}

fn main() -> ExitCode {
    // Cargo adds options of its own.
    let words: Vec<String> = env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let outcome = match &words[..] {
        [role, name] if role == "serve" => servers::run(name),
        [role, setting, name] if role == "deflate" => deflate::serve(name, setting == "takeover"),
        [role, server, cell, seconds] if role == "profile" => echo::profile(server, cell, seconds),
        words => match Choice::new(words) {
            Some(choice) => measure(&choice),
            None => {
                // It may be an operation of the other bench, and that is started with it.
                eprintln!(
                    "sockets: nothing has such a name; parts: {:?}",
                    PARTS.map(|it| it.name)
                );
                Ok(())
            }
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn measure(choice: &Choice) -> Outcome {
    let pinned = pin_load();
    eprintln!("uWebSockets is not measured: it is C++, and not in the registry");
    for part in PARTS.iter().filter(|it| choice.has_part(it.name)) {
        eprintln!("{} …", part.name);
        let body = (part.measure)(choice)?;
        let text = format!(
            "{}\n\n`{COMMAND}{}` on {}; {}.\n\n{body}",
            part.title,
            choice.words(),
            table::machine(),
            pinned.text(),
        );
        println!("{text}");
        if choice.is_whole() {
            table::store(part.title, &text);
        }
    }
    Ok(())
}
