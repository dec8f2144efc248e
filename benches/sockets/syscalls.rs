//! System calls of the server per message that it sends back.

use std::{
    env,
    fmt::Write,
    fs,
    io::{BufRead, BufReader},
    process::{self, Command, Stdio},
    rc::Rc,
};

use crate::{
    Choice, Outcome,
    cells::{CELLS, Cell},
    child::Child,
    frames::Burst,
    load::Load,
    servers::{SERVERS, Server},
};

/// The cells that are looked at.
const WHERE: [&str; 5] = [
    "16 B c64 p1",
    "16 B c64 p16",
    "16 KiB c64 p16",
    "256 KiB c16 p1",
    "1 MiB c8 p1",
];

pub(crate) fn measure(choice: &Choice) -> Outcome<String> {
    let is_there = Command::new("strace").arg("-V").output();
    if !is_there.is_ok_and(|it| it.status.success()) {
        return Ok("Not counted: there is no `strace`.\n".to_owned());
    }
    let cells = CELLS
        .iter()
        .filter(|it| WHERE.contains(&it.name) && choice.has_cell(it.name));
    let cells: Vec<_> = cells.collect();
    let mut text = String::from(
        "Reads + writes + waits of the server for each message that it sends back, by `strace -c`, \
        which slows everybody down: so more may come by one read than otherwise.\n\n|",
    );
    for cell in &cells {
        write!(text, " | {}", cell.name)?;
    }
    writeln!(text, " |\n|---{}|", "|---:".repeat(cells.len()))?;
    for server in SERVERS.iter().filter(|it| choice.has_server(it.name)) {
        eprintln!("  {} …", server.name);
        write!(text, "| {}", server.name)?;
        for cell in &cells {
            match count(server, cell) {
                Ok(calls) => write!(text, " | {calls}")?,
                Err(error) => {
                    eprintln!("  {}: {error}", cell.name);
                    write!(text, " | –")?;
                }
            }
        }
        text += " |\n";
    }
    Ok(text)
}

/// Reads, writes and waits per message.
fn count(server: &Server, cell: &Cell) -> Outcome<String> {
    let path = env::temp_dir().join(format!("syscalls-{}", process::id()));
    let file = path.to_str().ok_or("a path that is text")?;
    let child = Child::start(&["serve", server.name])?;
    let burst = Rc::new(Burst::new(cell.burst, cell.bytes, cell.text));
    let mut load = Load::open(&child, cell.connections, &burst, server.is_floor())?;
    load.round(1)?; // what is done once is not counted
    let mut tracer = Command::new("strace")
        .args(["-f", "-c", "-U", "calls,name", "-o", file, "-p"])
        .arg(child.id().to_string())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut attached = String::new();
    let output = tracer.stderr.take().ok_or("a pipe")?;
    let mut output = BufReader::new(output);
    output.read_line(&mut attached)?;
    if !attached.contains("attached") {
        return Err(attached.into());
    }
    load.round(cell.bursts)?;
    drop(child); // with which the tracer ends
    tracer.wait()?;
    let summary = fs::read_to_string(&path)?;
    fs::remove_file(&path)?;
    let (mut reads, mut writes, mut waits) = (0, 0, 0);
    for line in summary.lines() {
        let mut words = line.split_whitespace();
        let (Some(Ok(calls)), Some(name)) = (words.next().map(str::parse::<u64>), words.next())
        else {
            continue;
        };
        match name {
            "read" | "readv" | "recvfrom" | "recvmsg" => reads += calls,
            "write" | "writev" | "sendto" | "sendmsg" => writes += calls,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => waits += calls,
            _ => {}
        }
    }
    let per = |calls: u64| calls as f64 / cell.messages() as f64;
    Ok(format!(
        "{:.3} + {:.3} + {:.3}",
        per(reads),
        per(writes),
        per(waits)
    ))
}
