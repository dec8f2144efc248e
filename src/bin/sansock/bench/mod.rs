//! `sansock bench`: how many messages come back, and after what time.
//!
//! Each thread drives its share of the connections on a runtime of its own. They are all open
//! before any of them sends.

mod load;
mod report;

use std::{
    cell::RefCell,
    process::ExitCode,
    rc::Rc,
    sync::{
        Arc, Barrier, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Args, builder::RangedI64ValueParser, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use sansock::{Config, DeflateConfig, adapter::tls::TlsConnector, proto::handshake::ClientRequest};
use tokio::{
    runtime::{self, Runtime},
    task::LocalSet,
};

use crate::{
    failure::Failure,
    seconds::seconds,
    target::{Asking, Connected, Target, Trust},
    terminal::print,
};
use load::{Load, Payloads, Stats, drive};
use report::Report;

/// Measures how fast an echo server answers
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Where to connect to, such as ws://127.0.0.1:9001
    url: Target,
    /// How many connections are open at once: no more than there are ports
    #[arg(long, short = 'c', value_name = "N", default_value_t = 1)]
    #[arg(value_parser = value_parser!(u32).range(1..=65_535))]
    connections: u32,
    /// How many bytes each message holds
    #[arg(long, short = 's', value_name = "BYTES", default_value_t = 128)]
    size: u32,
    /// How many messages each connection sends before it waits for the first to come back
    #[arg(long, short = 'p', value_name = "N", default_value_t = 1, value_parser = positive())]
    pipeline: u32,
    /// For how long messages are sent
    #[arg(long, short = 'd', value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
    /// End after so many messages over all connections, however long they take
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "duration")]
    messages: Option<u64>,
    /// Fail if nothing comes back for so long
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Send text
    #[arg(long)]
    text: bool,
    /// Send binary data, which is the default
    #[arg(long, conflicts_with = "text")]
    binary: bool,
    /// Offer permessage-deflate
    #[arg(long)]
    deflate: bool,
    /// How many threads drive the connections [default: one for each processor]
    #[arg(long, short = 't', value_name = "N", value_parser = positive())]
    threads: Option<u32>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    trust: Trust,
}

/// A number of at least one.
fn positive() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..)
}

const AFTER_HELP: &str = "\
The server must send every message back: what comes is compared with what was sent. A latency is
the time from handing a message to the connection until its echo was read, so with a pipeline it
counts the messages before it as well. The data is text that compresses well.

Exit codes: 0 all came back, 1 it did not, 2 wrong usage.";

/// What all threads share.
struct Plan {
    target: Target,
    request: ClientRequest,
    tls: Option<TlsConnector>,
    config: Arc<Config>,
    payloads: Payloads,
    pipeline: u64,
    end: End,
    /// After what time without an answer the server is given up.
    patience: Duration,
    /// Where the threads wait until all connections are open.
    opened: Barrier,
    /// When they began: the first of them to go on says it for all.
    start: OnceLock<Instant>,
    /// How many messages came back so far.
    progress: AtomicU64,
    /// Whether something failed: nobody needs to go on.
    stop: AtomicBool,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
enum End {
    After(Duration),
    Messages(u64),
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let connections = options.connections;
    let processors = thread::available_parallelism().map_or(1, |n| n.get().try_into().unwrap_or(1));
    let threads = options.threads.unwrap_or(processors).min(connections);
    let limit = u64::from(options.size).max(1 << 20);
    let config = Config::default()
        .max_message_size(limit)
        .max_frame_size(limit)
        .deflate(options.deflate.then(DeflateConfig::new));
    let plan = Arc::new(Plan {
        target: options.url.clone(),
        request: options.url.request(&options.asking)?,
        tls: options.trust.connector(&options.url)?,
        config: Arc::new(config),
        payloads: Payloads::new(
            options.size as usize,
            options.text,
            options.pipeline as usize,
        ),
        pipeline: options.pipeline.into(),
        end: match options.messages {
            Some(messages) => End::Messages(messages),
            None => End::After(options.duration),
        },
        patience: options.timeout,
        opened: Barrier::new(threads as usize + 1),
        start: OnceLock::new(),
        progress: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });

    let workers = (0..threads)
        .map(|thread| {
            let plan = Arc::clone(&plan);
            // The connections of a thread: every `threads`th.
            let loads = (thread..connections)
                .step_by(threads as usize)
                .map(|connection| plan.load(connection, connections))
                .collect();
            thread::Builder::new().spawn(move || work(&plan, loads))
        })
        // Those that wait for the others end with the program.
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| {
            Failure::new(format!("cannot start a thread: {error}")).hint("Give fewer by --threads.")
        })?;
    plan.opened.wait();
    let start = *plan.start.get_or_init(Instant::now);
    let is_over = || workers.iter().all(thread::JoinHandle::is_finished);
    show_progress(&plan, start, is_over);

    let mut total = Stats::new()?;
    for worker in workers {
        let stats = worker
            .join()
            .map_err(|_| Failure::new("a thread panicked"))?;
        total.add(&stats?)?;
    }
    let elapsed = total
        .last
        .map_or(Duration::ZERO, |last| last.saturating_duration_since(start));
    let report = Report::new(options, threads, &total, elapsed);
    match options.json {
        true => print(report.json())?,
        false => print(&report)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// Shows how far the threads are, if standard error is a terminal, until all is over.
fn show_progress(plan: &Plan, start: Instant, is_over: impl Fn() -> bool) {
    let length = match plan.end {
        End::After(duration) => u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        End::Messages(messages) => messages,
    };
    let template = "{bar:40} {percent:>3} %  {wide_msg}";
    let bar = ProgressBar::new(length)
        .with_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()));
    while !is_over() {
        let (messages, elapsed) = (plan.progress.load(Relaxed), start.elapsed());
        bar.set_position(match plan.end {
            End::After(_) => u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            End::Messages(_) => messages,
        });
        let rate = report::grouped(report::per_second(messages, elapsed));
        bar.set_message(format!("{rate} messages/s"));
        thread::sleep(TICK);
    }
    bar.finish_and_clear();
}

impl Plan {
    /// What one of so many connections has to do.
    fn load(&self, connection: u32, connections: u32) -> Load {
        let (connection, connections) = (u64::from(connection), u64::from(connections));
        match self.end {
            End::After(duration) => Load {
                messages: u64::MAX,
                duration: Some(duration),
            },
            End::Messages(all) => Load {
                messages: all / connections + u64::from(connection < all % connections),
                duration: None,
            },
        }
    }
}

/// Opens a thread's connections, waits for the other threads, and drives them to the end.
fn work(plan: &Arc<Plan>, loads: Vec<Load>) -> Result<Stats, Failure> {
    let opened = open(plan, loads.len());
    if opened.is_err() {
        plan.stop.store(true, Relaxed);
    }
    // Also where it failed: the others wait for this thread.
    plan.opened.wait();
    let (runtime, sockets) = opened?;

    let stats = Rc::new(RefCell::new(Stats::new()?));
    let tasks = LocalSet::new();
    let start = *plan.start.get_or_init(Instant::now);
    let running: Vec<_> = sockets
        .into_iter()
        .zip(loads)
        .map(|(socket, load)| {
            let (plan, stats) = (Arc::clone(plan), Rc::clone(&stats));
            tasks.spawn_local(async move {
                let driven = drive(socket, load, start, &plan, &stats).await;
                plan.stop.fetch_or(driven.is_err(), Relaxed);
                driven
            })
        })
        .collect();
    tasks.block_on(&runtime, async {
        for task in running {
            let driven = task.await;
            driven.map_err(|error| Failure::new(format!("a connection panicked: {error}")))??;
        }
        Ok::<_, Failure>(())
    })?;
    Ok(stats.replace(Stats::new()?))
}

fn open(plan: &Plan, connections: usize) -> Result<(Runtime, Vec<Connected>), Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let sockets = runtime.block_on(async {
        let mut sockets = Vec::with_capacity(connections);
        for _ in 0..connections {
            let (request, tls) = (&plan.request, plan.tls.as_ref());
            sockets.push(plan.target.open(request, tls, &plan.config).await?.0);
        }
        Ok::<_, Failure>(sockets)
    })?;
    Ok((runtime, sockets))
}
