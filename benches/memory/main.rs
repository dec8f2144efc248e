//! Times every operation of every peer, side by side, and prints the table.
//!
//! `cargo bench --manifest-path benches/Cargo.toml` also writes it to `RESULTS.md`;
//! `… -- decode mask` runs these two and only prints.

use std::{collections::HashMap, hint::black_box, process::Command};

use in_memory::{
    Case, OPERATIONS, Operation, PEERS, Work,
    clock::{Clock, median},
    table::{self, Cell, Table},
};

/// Rounds that are timed; the peers take turns in each.
const ROUNDS: usize = 901;

/// Rounds before, in which buffers, caches and branch predictors settle.
const WARM_UP: usize = 5;

fn main() {
    // Cargo adds options of its own.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|it| OPERATIONS.iter().all(|op| op.name != **it))
    {
        eprintln!(
            "there is no {unknown}; there is {:?}",
            OPERATIONS.map(|it| it.name)
        );
        std::process::exit(2);
    }
    // glibc keeps freed memory once it has seen a large block come and go, as in any server that has
    // run for a while; before, it may return it after each batch, and fault it in anew for the next.
    drop(black_box(vec![1_u8; 16 << 20]));
    let clock = Clock::calibrated();
    let allocations = allocations(&wanted);
    let mut text = table::head();
    for operation in &OPERATIONS {
        if wanted.is_empty() || wanted.iter().any(|it| it == operation.name) {
            eprintln!("{} …", operation.name);
            text += &measure(operation, clock, &allocations).to_string();
        }
    }
    text += &table::legend(&PEERS);
    println!("{text}");
    if wanted.is_empty() {
        table::store(table::MEMORY, &text);
    }
}

fn measure(operation: &Operation, clock: Clock, allocations: &Allocations) -> Table {
    let mut table = Table::new(operation);
    for case in (operation.cases)() {
        let mut column = vec![None; PEERS.len()];
        for Timed {
            row,
            lends,
            ns,
            bytes,
        } in time(&case, clock)
        {
            let peer = PEERS[row].name;
            let key = [operation.name, &case.name, peer].map(String::from);
            column[row] = Some(Cell {
                ns,
                lends,
                bytes,
                allocations: *allocations.0.get(&key).expect("all cases were counted"),
            });
        }
        table.push(case.name, column);
    }
    table
}

/// A peer that can do a case.
struct Timed {
    row: usize,
    lends: bool,
    /// The median of nanoseconds per operation.
    ns: f64,
    /// What was written per operation, where that differs between the peers.
    bytes: Option<f64>,
}

/// The peers that can do `case`.
fn time(case: &Case, clock: Clock) -> Vec<Timed> {
    let mut works: Vec<(usize, Work, Vec<f64>, u64)> = PEERS
        .iter()
        .enumerate()
        .filter_map(|(row, peer)| Some((row, case.start(peer)?, Vec::with_capacity(ROUNDS), 0)))
        .collect();
    let count = works.len();
    for round in 0..WARM_UP + case.rounds(ROUNDS) {
        // Another peer begins each round, so that none always follows the same one.
        for turn in 0..count {
            let (row, work, times, sum) = &mut works[(round + turn) % count];
            let mut checksum = 0;
            let ns = clock.time(|| checksum = work.run(case.times));
            if let Some(each) = case.checksum {
                let expected = case.times * each;
                assert!(
                    checksum == expected || PEERS[*row].is_floor(),
                    "{} did not do all of {}: {checksum}, not {expected}",
                    PEERS[*row].name,
                    case.name,
                );
            }
            *sum = checksum;
            if round >= WARM_UP {
                times.push(ns / case.times as f64);
            }
        }
    }
    works
        .into_iter()
        .map(|(row, work, mut times, sum)| Timed {
            row,
            lends: work.lends(),
            ns: median(&mut times),
            bytes: case
                .checksum
                .is_none()
                .then(|| sum as f64 / case.times as f64),
        })
        .collect()
}

/// Allocations per operation, by operation, case and peer.
struct Allocations(HashMap<[String; 3], f64>);

/// Has a program that counts allocations do all the operations once.
fn allocations(wanted: &[String]) -> Allocations {
    let output = Command::new(env!("CARGO_BIN_EXE_count"))
        .args(wanted)
        .output()
        .expect("the counter runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).expect("it prints text");
    let parse = |line: &str| {
        let [operation, case, peer, count] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a line of the counter: {line}");
        };
        let key = [operation, case, peer].map(String::from);
        (key, count.parse().expect("a count"))
    };
    Allocations(lines.lines().map(parse).collect())
}
