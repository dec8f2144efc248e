//! Counts the allocations of every operation: one line "operation, case, peer, allocations" each.
//!
//! The arguments name the operations; none means all. `engines` alone is the memory of engines that
//! nothing happens on, which the bench of sockets asks for.

use std::{hint::black_box, sync::Arc};

use allocation_counter::measure;
use in_memory::{OPERATIONS, PEERS, table::grouped};
use sansock::{Config, Endpoint, proto::Connection};

/// Rounds before the count, in which buffers grow to the size they keep.
const WARM_UP: usize = 3;

/// How many engines there are.
const ENGINES: usize = 100_000;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted == ["engines"] {
        println!("{}", engines());
        return;
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    for operation in OPERATIONS.iter().filter(|it| is_wanted(it.name)) {
        for case in (operation.cases)() {
            for peer in &PEERS {
                let Some(mut work) = case.start(peer) else {
                    continue;
                };
                for _ in 0..WARM_UP {
                    work.run(case.times);
                }
                let heap = measure(|| {
                    work.run(case.times);
                });
                let each = heap.count_total as f64 / case.times as f64;
                println!("{}\t{}\t{}\t{each}", operation.name, case.name, peer.name);
            }
        }
    }
}

/// What engines and endpoints without a socket cost, in Markdown.
fn engines() -> String {
    let config = Arc::new(Config::default());
    let server = each(|| Connection::server(&config));
    let client = each(|| Connection::client(&config, [7; 32]));
    let endpoint = each(|| Endpoint::from_connection(Connection::server(&config)));
    format!(
        "{} engines in a `Vec`, without sockets, by a counting allocator: {server:.1} bytes for \
        each `Connection` of a server, {client:.1} for one of a client, {endpoint:.1} for each \
        `Endpoint` of a server's open connection.",
        grouped(ENGINES as f64),
    )
}

/// Bytes of memory for each of what `make` makes.
fn each<T>(make: impl Fn() -> T) -> f64 {
    let heap = measure(|| {
        let mut all = Vec::with_capacity(ENGINES);
        all.extend((0..ENGINES).map(|_| make()));
        black_box(&all);
    });
    heap.bytes_max as f64 / ENGINES as f64
}
