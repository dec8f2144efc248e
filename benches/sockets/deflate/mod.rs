//! permessage-deflate: processor time and bytes per echoed message.

mod load;
mod servers;

use std::fmt::Write;

use in_memory::{clock::median, deflate::Messages, table};

use self::{load::Child, servers::SERVERS};
use crate::Outcome;

/// Rounds that are measured; the servers take turns in each.
const ROUNDS: usize = 31;

/// Rounds before, in which windows and buffers fill.
const WARM_UP: usize = 3;

/// Serves as `name`, with context takeover or without.
pub(crate) fn serve(name: &str, takeover: bool) -> Outcome {
    let server = SERVERS.iter().find(|it| it.name == name);
    server.ok_or("there is no such server")?.run(takeover)
}

/// Measures all of them.
pub(crate) fn measure() -> String {
    let settings = [true, false].map(|takeover| Messages::new(1 << 10, takeover));
    let frames = settings.map(Messages::frames);
    let mut children: Vec<(usize, usize, Child, Vec<f64>)> = Vec::new();
    for (row, server) in SERVERS.iter().enumerate() {
        for (column, messages) in settings.iter().enumerate() {
            if server.takes_over || !messages.takeover {
                let child = Child::start(server.name, *messages);
                children.push((row, column, child, Vec::new()));
            }
        }
    }
    let count = children.len();
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..count {
            let (_, column, child, times) = &mut children[(round + turn) % count];
            let ns = child.round(&frames[*column]);
            if round >= WARM_UP {
                times.push(ns);
            }
        }
    }
    let mut cells = vec![[const { String::new() }; 4]; SERVERS.len()];
    for row in &mut cells {
        row.fill("–".to_owned());
    }
    for (row, column, child, mut times) in children {
        let middle = table::grouped(median(&mut times));
        // `median` has sorted them.
        let (low, high) = (
            times[times.len() / 10],
            times[times.len() - 1 - times.len() / 10],
        );
        let range = format!(
            "{middle} ({}–{})",
            table::grouped(low),
            table::grouped(high)
        );
        cells[row][column * 2] = range;
        cells[row][column * 2 + 1] = format!("{:.0}", child.bytes_per_message());
    }
    let mut text = format!(
        "permessage-deflate: nanoseconds of processor time that the server spends, the kernel's part \
        included, for each text message of 1 KiB JSON that it inflates, compresses and sends back; \
        and the bytes of what it sends. {} connections, each with {} messages under way; each server \
        a process of one thread, the load in another; the median of {ROUNDS} rounds in which the \
        servers take turns, and the range without the lowest and highest tenth. All get the same \
        frames, of zlib-rs at level 6.\n\n\
        | | takeover: ns | bytes | no takeover: ns | bytes |\n|---|---:|---:|---:|---:|\n",
        load::CONNECTIONS,
        load::BURST,
    );
    for (server, row) in SERVERS.iter().zip(cells) {
        let name = table::versioned(server.name);
        writeln!(text, "| {name} | {} |", row.join(" | ")).expect("a string takes it");
    }
    text.push('\n');
    for server in SERVERS {
        writeln!(text, "- **{}**: {}.", server.name, server.setup).expect("a string takes it");
    }
    text
}
