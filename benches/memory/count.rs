//! Counts the allocations of every operation: one line "operation, case, peer, allocations" each.
//!
//! The arguments name the operations; none means all.

use allocation_counter::measure;
use in_memory::{OPERATIONS, PEERS};

/// Rounds before the count, in which buffers grow to the size they keep.
const WARM_UP: usize = 3;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
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
