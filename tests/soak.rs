//! A server that survives thousands of clients at once, most of them honest, the others not.
//!
//! `cargo test` runs a few seconds of it. `SANSOCK_SOAK_SECONDS=60` runs it with 10,000 clients at
//! once, for half of that time against a server over mio and for half against one over tokio, each
//! in a process of its own. For every client that ends another one comes. What must hold:
//!
//! - each honest client gets all of its messages back, byte for byte, and a clean end;
//! - each hostile one is ended as the rule that it breaks demands, and the server knows why;
//! - the server gives back all memory and every descriptor, and lives.
#![cfg(all(unix, feature = "deflate", feature = "mio", feature = "tokio"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a helper that panics is a failed test, and a share of a time needs not be exact"
)]

mod common;
#[path = "soak/heard.rs"]
mod heard;
#[path = "soak/honest.rs"]
mod honest;
#[path = "soak/hostile.rs"]
mod hostile;
#[path = "soak/kinds.rs"]
mod kinds;
#[path = "soak/load.rs"]
mod load;
#[path = "soak/server.rs"]
mod server;
#[path = "soak/tally.rs"]
mod tally;

use std::{
    collections::BTreeMap,
    env,
    io::BufReader,
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use kinds::Kind;
use load::{Plan, Wave};
use sansock::{CloseCode, CloseFrame, Config, adapter::blocking, proto::handshake::ClientRequest};
use tally::{Report, UNKNOWN};

/// Set in the process that is the server.
const SERVER: &str = "SANSOCK_SOAK_SERVER";

/// Set to the server's deadlines in milliseconds there.
const PATIENCE: &str = "SANSOCK_SOAK_PATIENCE";

/// For how long, if it is not to be short.
const SECONDS: &str = "SANSOCK_SOAK_SECONDS";

/// How many clients there are at once if it is long, and if it is short.
const CLIENTS: [usize; 2] = [10_000, 200];

/// Descriptors for all but connections.
const SPARE: usize = 100;

/// The blocks that may stay allocated after a wave, whoever was served: buffers of the thread, and
/// what the runtime frees a little late. And their bytes: a thread keeps up to four buffers of
/// 256 KiB to read into and four of up to 1 MiB to write from, which may have grown.
const BLOCKS_KEPT: i64 = 64;
const BYTES_KEPT: i64 = 5 << 20;

/// What a server may hold at most: for who does not read the high-water mark and what one read
/// adds to it, in a buffer that doubled; for who agreed on it what compresses and inflates; for
/// each connection itself and its share of a large message; and for the thread.
const UNREAD: u64 = 1280 << 10;
const CODECS: u64 = 512 << 10;
const EACH: u64 = 64 << 10;
const THREAD: u64 = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adapter {
    Mio,
    Tokio,
}

#[test]
fn hostile_203_a_server_over_mio_survives_honest_and_hostile_clients() {
    survive(
        Adapter::Mio,
        "hostile_203_a_server_over_mio_survives_honest_and_hostile_clients",
    );
}

#[test]
fn hostile_203_a_server_over_tokio_survives_honest_and_hostile_clients() {
    survive(
        Adapter::Tokio,
        "hostile_203_a_server_over_tokio_survives_honest_and_hostile_clients",
    );
}

/// Is the server if so told, and its clients otherwise.
fn survive(adapter: Adapter, test: &str) {
    if env::var_os(SERVER).is_some() {
        server::run(adapter);
    }
    let seconds: Option<u64> = env::var(SECONDS).ok().map(|it| it.parse().unwrap());
    let wanted = CLIENTS[usize::from(seconds.is_none())];
    let clients = wanted.min(descriptors().saturating_sub(SPARE));
    if clients < wanted {
        println!("{clients} clients and not {wanted}: `ulimit -n` allows no more");
        let is_ci = env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "raise the limit of open files");
    }
    let half = Duration::from_secs(seconds.unwrap_or(15)) / 2;
    let patience = (half / 8).clamp(Duration::from_secs(1), Duration::from_secs(10));
    let seed = 0x5EED;
    println!("seed {seed:#x}");
    let mut served = Server::start(test, patience);
    // The first wave brings what the server keeps: its thread's buffers, its tables.
    for (clients, conversation) in [
        ((clients / 10).max(40), patience / 2),
        (clients, half - 5 * patience),
    ] {
        let plan = Plan {
            address: served.address,
            clients,
            conversation,
            patience,
            seed,
        };
        let wave = load::run(&plan);
        let report = served.end_of_wave();
        check(adapter, &plan, &wave, &report);
    }
}

/// Compares what the clients saw with what the server says, and with what must be.
fn check(adapter: Adapter, plan: &Plan, wave: &Wave, report: &Report) {
    println!(
        "{adapter:?}: {} clients, {} at once, {} messages came back; the server held {} KiB at \
         most, and {} blocks of {} bytes in the end",
        wave.connected,
        wave.most,
        wave.echoed,
        report.bytes_most >> 10,
        report.blocks_left,
        report.bytes_left
    );
    println!("{:?}\n{:?}", wave.ended, report.rows);
    let few = &wave.failures[..wave.failures.len().min(10)];
    assert!(few.is_empty(), "{} failures: {few:#?}", wave.failures.len());
    assert_eq!(wave.most, plan.clients, "at once");
    assert!(wave.echoed > 0);

    // One more: who said that it is over.
    assert_eq!(report.accepted, wave.connected + 1);
    let mut expected = BTreeMap::new();
    for kind in Kind::all() {
        let who = if kind.is_unknown() {
            UNKNOWN.to_owned()
        } else {
            format!("{kind:?}")
        };
        let count = wave.ended.get(&format!("{kind:?}")).copied().unwrap_or(0);
        *expected
            .entry((who, kind.outcome().to_owned()))
            .or_default() += count;
    }
    expected.insert((format!("{:?}", Kind::Over), "clean".to_owned()), 1);
    // Who leaves may do so before it said who it is.
    let mut rows = report.rows.clone();
    let early = rows.remove(&(UNKNOWN.to_owned(), "eof".to_owned()));
    *rows
        .entry((format!("{:?}", Kind::Gone), "eof".to_owned()))
        .or_default() += early.unwrap_or(0);
    assert_eq!(rows, expected);

    let left = (report.blocks_left, report.bytes_left);
    assert!(left.0 <= BLOCKS_KEPT && left.1 <= BYTES_KEPT, "{left:?}");
    let count = |kind: Kind| wave.ended.get(&format!("{kind:?}")).copied().unwrap_or(0);
    let most = [
        (count(Kind::NeverReads), UNREAD),
        (count(Kind::Compressed), CODECS),
        (report.most as u64, EACH),
        (1, THREAD),
    ];
    let most: u64 = most.iter().map(|(many, bytes)| many * bytes).sum();
    assert!(
        report.bytes_most <= most,
        "{} of {most} bytes",
        report.bytes_most
    );
    let [before, after] = report.descriptors;
    assert_eq!(before, after, "descriptors");
    if cfg!(target_os = "linux") {
        assert!(before > 0, "they were counted");
    }
}

/// How many descriptors a process may have.
fn descriptors() -> usize {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n"])
        .output()
        .unwrap();
    let limit = String::from_utf8(output.stdout).unwrap();
    limit.trim().parse().unwrap_or(usize::MAX) // unlimited
}

/// A server in a process of its own.
struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(test: &str, patience: Duration) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(SERVER, "yes")
            .env(PATIENCE, patience.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let words = tally::words(&mut lines);
        let address = words.last().unwrap().parse().unwrap();
        Self {
            child,
            lines,
            address,
        }
    }

    /// Tells the server that nobody else comes, and takes its report.
    fn end_of_wave(&mut self) -> Report {
        let request = ClientRequest::new("localhost", &Kind::Over.path()).unwrap();
        let stream = TcpStream::connect(self.address).unwrap();
        let config = Arc::new(Config::default());
        let (mut socket, _) = blocking::Socket::connect(stream, &request, &config).unwrap();
        let normal = CloseFrame::new(CloseCode::NORMAL, "");
        socket.close(Some(&normal)).unwrap();
        assert_eq!(socket.recv().unwrap(), None);
        Report::read(&mut self.lines)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            assert!(matches!(ended, Ok(None)), "the server ended: {ended:?}");
        }
    }
}
