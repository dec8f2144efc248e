//! Memory of connections on which nothing happens.

use std::{fmt::Write, process::Command, rc::Rc};

use in_memory::table;

use crate::{
    Choice, Outcome,
    child::{Child, OTHER_FILES, fewer, file_limit},
    frames::Burst,
    load::Load,
    servers::{SERVERS, Server},
};

/// How many connections there are, if the system allows it.
const CONNECTIONS: usize = 10_000;

/// Connections before the first look, so that what all share is there.
const BEFORE: usize = 64;

pub(crate) fn measure(choice: &Choice) -> Outcome<String> {
    let others = BEFORE + OTHER_FILES;
    let connections = CONNECTIONS.min(file_limit(CONNECTIONS + others)?.saturating_sub(others));
    let mut text = format!(
        "Bytes of memory of the server's process for each of {} connections: pages that it has \
        written to (`Anonymous` of `/proc/…/smaps_rollup`), less those it had with {BEFORE} other \
        connections that had done the same.{} Idle: each has had 16 bytes echoed. After traffic: \
        and then 16 messages of 1 KiB at once.\n\n| | idle | after traffic |\n|---|---:|---:|\n",
        table::grouped(connections as f64),
        fewer(connections, CONNECTIONS),
    );
    let servers = SERVERS.iter().filter(|it| !it.threads);
    for server in servers.filter(|it| choice.has_server(it.name)) {
        eprint!("  {} …", server.name);
        match measure_server(server, connections) {
            Ok([idle, after]) => {
                eprintln!(" {idle:.0}, {after:.0}");
                let (idle, after) = (table::grouped(idle), table::grouped(after));
                writeln!(text, "| {} | {idle} | {after} |", server.name)?;
            }
            Err(error) => {
                eprintln!(" {error}");
                writeln!(text, "| {} | – | – |", server.name)?;
            }
        }
    }
    // By another program, since its allocator costs time.
    let output = Command::new(env!("CARGO_BIN_EXE_count"))
        .arg("engines")
        .output()?;
    text += "\n";
    text += &String::from_utf8(output.stdout)?;
    Ok(text)
}

fn measure_server(server: &Server, connections: usize) -> Outcome<[f64; 2]> {
    let child = Child::start(&["serve", server.name])?;
    let small = Rc::new(Burst::new(1, 16, false));
    let large = Rc::new(Burst::new(16, 1 << 10, false));
    let mut before = Load::open(&child, BEFORE, &small, server.is_floor())?;
    before.round(2)?;
    before.set_burst(&large);
    before.round(2)?;
    let memory = || -> Outcome<f64> {
        child.processor_ns()?; // which waits until all is done
        Ok(child.memory()? as f64)
    };
    let shared = memory()?;
    let mut load = Load::open(&child, connections, &small, server.is_floor())?;
    load.round(1)?;
    let idle = (memory()? - shared) / connections as f64;
    load.set_burst(&large);
    load.round(1)?;
    let after = (memory()? - shared) / connections as f64;
    drop(child); // first, or it would tell of each connection that ends
    Ok([idle, after])
}
