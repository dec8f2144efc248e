//! One very large message: what it costs, and how much memory it takes at the most.

use std::{fmt::Write, rc::Rc};

use in_memory::clock::median;

use crate::{
    Choice, Outcome,
    child::Child,
    frames::Burst,
    load::Load,
    servers::{LARGEST, SERVERS, Server},
};

/// Rounds that are measured, in each of which every server echoes one.
const ROUNDS: usize = 7;

/// A server at work.
struct Running {
    server: &'static Server,
    child: Child,
    load: Load,
    /// Memory that it has before the first large message.
    before: u64,
    ms: Vec<f64>,
}

pub(crate) fn measure(choice: &Choice) -> Outcome<String> {
    let small = Rc::new(Burst::new(1, 16, false));
    let large = Rc::new(Burst::new(1, LARGEST, false));
    let mut running = Vec::new();
    for server in SERVERS {
        if server.is_floor() || choice.has_server(server.name) {
            let child = Child::start(&["serve", server.name])?;
            let mut load = Load::open(&child, 1, &small, server.is_floor())?;
            load.round(2)?;
            load.set_burst(&large);
            let before = child.reset_peak()?;
            let ms = Vec::new();
            running.push(Running {
                server,
                child,
                load,
                before,
                ms,
            });
        }
    }
    let mut failed = Vec::new();
    for _ in 0..ROUNDS {
        running.retain_mut(|it| match it.round() {
            Ok(ms) => {
                it.ms.push(ms);
                true
            }
            Err(error) => {
                failed.push((it.server.name, error.to_string()));
                false
            }
        });
    }
    let mut text = format!(
        "Echoed over one connection, {ROUNDS} times in turns: milliseconds of processor time of the \
        server, in parentheses how many times that of the raw echo on the same runtime, which keeps \
        no message; and the most memory that its process had, in MiB more than before the first.\n\n\
        | | ms | MiB |\n|---|---:|---:|\n",
    );
    for it in &running {
        let floor = running
            .iter()
            .find(|floor| floor.server.name == it.server.floor);
        let floor = floor.ok_or("a floor failed")?;
        let ratios = it.ms.iter().zip(&floor.ms).map(|(ms, floor)| ms / floor);
        let ratio = median(&mut ratios.collect::<Vec<_>>());
        let ms = median(&mut it.ms.clone());
        let mib = (it.child.peak()? - it.before) as f64 / f64::from(1 << 20);
        eprintln!("  {} … {ms:.1} ms, {mib:.2} MiB", it.server.name);
        writeln!(
            text,
            "| {} | {ms:.1} ({ratio:.2}) | {mib:.2} |",
            it.server.name
        )?;
    }
    for (name, error) in &failed {
        eprintln!("  {name} … {error}");
        writeln!(text, "| {name} | – | – |")?;
    }
    if !failed.is_empty() {
        text += "\nA dash: it ended the connection.\n";
    }
    Ok(text)
}

impl Running {
    /// Has the message echoed; milliseconds of processor time.
    fn round(&mut self) -> Outcome<f64> {
        let before = self.child.processor_ns()?;
        self.load.round(1)?;
        let spent = self.child.processor_ns()? - before;
        Ok(spent as f64 / 1e6)
    }
}
