//! Processor time of the server per message that it sends back.

use std::{
    fmt::Write,
    rc::Rc,
    time::{Duration, Instant},
};

use in_memory::{clock::median, table};

use crate::{
    Choice, Outcome,
    cells::{CELLS, Cell},
    chart,
    child::{Child, OTHER_FILES, file_limit},
    frames::Burst,
    load::Load,
    servers::{SERVERS, Server},
};

/// Rounds that are measured; the servers take turns in each.
const ROUNDS: usize = 15;

/// The same where only a part is looked at.
const QUICK_ROUNDS: usize = 7;

/// Rounds before, in which buffers, caches and branch predictors settle.
const WARM_UP: usize = 2;

/// Cells in a table: what fits a page.
const COLUMNS: usize = 5;

/// A server in a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Nanoseconds per message: the median of all rounds.
    pub(crate) ns: f64,
    /// How many times the floor's, in the same round: the median likewise.
    pub(crate) ratio: f64,
}

/// The figures of a cell, in the order of [`SERVERS`]; `None` for who was not chosen or failed.
pub(crate) type Column = (&'static Cell, Vec<Option<Figure>>);

/// Measures the cells and servers that were chosen.
pub(crate) fn measure(choice: &Choice) -> Outcome<String> {
    let rounds = if choice.is_whole() {
        ROUNDS
    } else {
        QUICK_ROUNDS
    };
    let mut columns: Vec<Column> = Vec::new();
    for cell in CELLS.iter().filter(|it| choice.has_cell(it.name)) {
        let start = Instant::now();
        eprint!("  {} …", cell.name);
        let servers = match cell.few {
            true => 1, // at a time
            false => SERVERS.len(),
        };
        let files = servers * cell.connections + OTHER_FILES;
        if file_limit(files)? < files {
            eprintln!(" left out: the system allows less than {files} open files");
            continue;
        }
        columns.push((cell, measure_cell(cell, rounds, choice)?));
        eprintln!(" {:.1} s", start.elapsed().as_secs_f64());
    }
    if choice.is_whole() {
        chart::store(&columns)?;
    }
    Ok(text(&columns, rounds))
}

/// Keeps a server busy with a cell for some seconds, for a profiler to look at.
pub(crate) fn profile(server: &str, cell: &str, seconds: &str) -> Outcome {
    let server = SERVERS.iter().find(|it| it.name == server);
    let server = server.ok_or("there is no such server")?;
    let cell = CELLS.iter().find(|it| it.name == cell);
    let cell = cell.ok_or("there is no such cell")?;
    let child = Child::start(&["serve", server.name])?;
    eprintln!("{} is process {}", server.name, child.id());
    let burst = Rc::new(Burst::new(cell.burst, cell.bytes, cell.text));
    let mut load = Load::open(&child, cell.connections, &burst, server.is_floor())?;
    let until = Instant::now() + Duration::from_secs(seconds.parse()?);
    while Instant::now() < until {
        load.round(cell.bursts)?;
    }
    drop(child); // first, or it would tell of each connection that ends
    Ok(())
}

/// A server at work in a cell.
struct Running {
    row: usize,
    child: Child,
    burst: Rc<Burst>,
    /// Unless it is opened for each round.
    load: Option<Load>,
    ns: Vec<f64>,
}

fn measure_cell(cell: &Cell, rounds: usize, choice: &Choice) -> Outcome<Vec<Option<Figure>>> {
    let burst = Rc::new(Burst::new(cell.burst, cell.bytes, cell.text));
    let mut running = Vec::new();
    for (row, server) in SERVERS.iter().enumerate() {
        let is_chosen = server.is_floor() || choice.has_server(server.name);
        if is_chosen && (server.many || !cell.few) {
            let child = Child::start(&["serve", server.name])?;
            let mut it = Running {
                row,
                child,
                burst: Rc::clone(&burst),
                load: None,
                ns: Vec::new(),
            };
            if !cell.few {
                it.load = Some(it.open(cell)?);
            }
            running.push(it);
        }
    }
    for round in 0..WARM_UP + rounds {
        // Another server begins each round, so that none always follows the same one.
        let count = running.len();
        running.rotate_left(round % count);
        let mut failed = Vec::new();
        for (at, it) in running.iter_mut().enumerate() {
            match it.round(cell) {
                Ok(ns) if round >= WARM_UP => it.ns.push(ns),
                Ok(_) => {}
                Err(error) => {
                    eprint!(" {}: {error};", SERVERS[it.row].name);
                    failed.push(at);
                }
            }
        }
        for at in failed.into_iter().rev() {
            running.swap_remove(at);
        }
        running.sort_by_key(|it| it.row);
    }
    let mut figures = vec![None; SERVERS.len()];
    for it in &running {
        let floor = running
            .iter()
            .find(|floor| SERVERS[floor.row].name == SERVERS[it.row].floor);
        let floor = floor.ok_or("a floor failed")?;
        let mut ratios: Vec<f64> = it
            .ns
            .iter()
            .zip(&floor.ns)
            .map(|(ns, floor)| ns / floor)
            .collect();
        figures[it.row] = Some(Figure {
            ns: median(&mut it.ns.clone()),
            ratio: median(&mut ratios),
        });
    }
    Ok(figures)
}

impl Running {
    /// Has the cell's bursts echoed; nanoseconds of processor time per message.
    fn round(&mut self, cell: &Cell) -> Outcome<f64> {
        let mut load = match self.load.take() {
            Some(load) => load,
            None => {
                let mut load = self.open(cell)?;
                load.round(1)?;
                load
            }
        };
        let before = self.child.processor_ns()?;
        load.round(cell.bursts)?;
        let spent = self.child.processor_ns()? - before;
        if !cell.few {
            self.load = Some(load);
        }
        Ok(spent as f64 / cell.messages() as f64)
    }

    fn open(&self, cell: &Cell) -> Outcome<Load> {
        let is_floor = SERVERS[self.row].is_floor();
        Load::open(&self.child, cell.connections, &self.burst, is_floor)
    }
}

fn text(columns: &[Column], rounds: usize) -> String {
    let mut text = format!(
        "Nanoseconds of processor time that the server spends for each message that it sends back, \
        the kernel's part included; behind it, in parentheses, how many times that of the raw echo \
        on the same runtime, which knows no protocol. `c64 p16` is 64 connections, each of which \
        sends 16 messages at once, and again when all are back. The medians of {rounds} rounds in \
        which the servers take turns; ratios are taken within a round. What comes back is compared \
        with what was sent; the load never sleeps, so that no server pays for waking it. Who does not send the answers to one read by one write is marked ¹.\n\n",
    );
    for columns in columns.chunks(COLUMNS) {
        text += "|";
        for (cell, _) in columns {
            write!(text, " | {}", cell.name).expect("a string takes it");
        }
        writeln!(text, " |\n|---{}|", "|---:".repeat(columns.len())).expect("a string takes it");
        for (row, server) in SERVERS.iter().enumerate() {
            let figures: Vec<_> = columns.iter().map(|(_, figures)| figures[row]).collect();
            if figures.iter().all(Option::is_none) {
                continue;
            }
            write!(text, "| {}", title(server)).expect("a string takes it");
            for figure in figures {
                match figure {
                    Some(Figure { ns, ratio }) => {
                        write!(text, " | {} ({ratio:.2})", table::grouped(ns))
                    }
                    None => write!(text, " | –"),
                }
                .expect("a string takes it");
            }
            text += " |\n";
        }
        text += "\n";
    }
    for server in SERVERS {
        writeln!(text, "- **{}**: {}.", server.name, server.setup).expect("a string takes it");
    }
    text
}

/// A server's name with its package's version.
fn title(server: &Server) -> String {
    let mark = if server.batches { "" } else { "¹" };
    match server.package {
        Some(package) => {
            let version = table::versioned(package);
            format!("{}{mark}", server.name.replacen(package, &version, 1))
        }
        None => server.name.to_owned(),
    }
}
