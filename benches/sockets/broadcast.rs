//! One message to many connections.

use std::{fmt::Write, rc::Rc};

use in_memory::{clock::median, table};

use crate::{
    Choice, Outcome,
    child::{Child, OTHER_FILES, fewer, file_limit},
    frames::Burst,
    load::Load,
    servers::BROADCASTERS,
};

/// How many connections are told, if the system allows it.
const CONNECTIONS: usize = 10_000;

/// Bytes of a message.
const SIZES: [usize; 3] = [125, 1 << 10, 16 << 10];

/// Rounds that are measured; the servers take turns in each.
const ROUNDS: usize = 15;

/// Rounds before.
const WARM_UP: usize = 2;

/// Messages of a round.
const MESSAGES: usize = 3;

pub(crate) fn measure(_: &Choice) -> Outcome<String> {
    let servers = BROADCASTERS.len();
    let files = file_limit(servers * CONNECTIONS + OTHER_FILES)?;
    let connections = CONNECTIONS.min(files.saturating_sub(OTHER_FILES) / servers);
    let mut text = format!(
        "Nanoseconds of processor time of the server for each of {} connections that it sends one \
        and the same message to; in parentheses how many times that of raw writes. The medians of \
        {ROUNDS} rounds in which the servers take turns.{}\n\n|",
        table::grouped(connections as f64),
        fewer(connections, CONNECTIONS),
    );
    for bytes in SIZES {
        write!(text, " | {} B", table::grouped(bytes as f64))?;
    }
    writeln!(text, " |\n|---{}|", "|---:".repeat(SIZES.len()))?;
    let mut columns = Vec::new();
    for bytes in SIZES {
        eprintln!("  {bytes} B …");
        columns.push(measure_size(bytes, connections)?);
    }
    for (row, server) in BROADCASTERS.iter().enumerate() {
        let name = server.name.trim_start_matches("broadcast ");
        write!(text, "| {name}: {}", server.setup)?;
        for column in &columns {
            let floor = &column[0];
            let mut ratios: Vec<f64> = column[row]
                .iter()
                .zip(floor)
                .map(|(it, floor)| it / floor)
                .collect();
            let ns = table::grouped(median(&mut column[row].clone()));
            write!(text, " | {ns} ({:.2})", median(&mut ratios))?;
        }
        text += " |\n";
    }
    Ok(text)
}

/// Nanoseconds per receiver, by server and round.
fn measure_size(bytes: usize, connections: usize) -> Outcome<Vec<Vec<f64>>> {
    let burst = Rc::new(Burst::new(1, bytes, false));
    let mut running = Vec::new();
    for server in BROADCASTERS {
        let child = Child::start(&["serve", server.name])?;
        let load = Load::open(&child, connections, &burst, server.is_floor())?;
        running.push((child, load));
    }
    let mut times = vec![Vec::new(); running.len()];
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..running.len() {
            let row = (round + turn) % running.len();
            let (child, load) = &mut running[row];
            let before = child.processor_ns()?;
            for _ in 0..MESSAGES {
                load.broadcast()?;
            }
            let spent = child.processor_ns()? - before;
            if round >= WARM_UP {
                times[row].push(spent as f64 / (MESSAGES * connections) as f64);
            }
        }
    }
    Ok(times)
}
