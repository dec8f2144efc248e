//! A server that sends every message back, over each adapter.
//!
//! ```text
//! cargo run --release --example echo_server -- [--adapter NAME] [--listen ADDRESS]
//! ```

mod blocking;
mod mio;
mod polled;
mod timer;

use std::{
    error::Error,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

const USAGE: &str = "\
Usage: echo_server [--adapter tokio|blocking|futures|mio] [--listen ADDRESS]

  --adapter NAME    tokio: all connections on one thread (default); blocking: a thread for each;
                    futures: smol, all on one thread; mio: a loop of its own, all on one thread
  --listen ADDRESS  where to listen, default 127.0.0.1:9001; port 0 is any free port
  --help            print this";

/// How long to wait after a connection could not be accepted, mostly for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What the command line asks for.
struct Options {
    serve: Serve,
    listen: String,
}

/// Serves on a listener until it is ended.
type Serve = fn(TcpListener) -> Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("echo_server: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = serve(&options) {
        eprintln!("echo_server: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Reads the arguments; `None` if help was asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        serve: polled::serve_tokio,
        listen: "127.0.0.1:9001".into(),
    };
    while let Some(name) = arguments.next() {
        if name == "--help" || name == "-h" {
            return Ok(None);
        }
        if name != "--adapter" && name != "--listen" {
            return Err(format!("unknown argument {name:?}"));
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--listen", _) => options.listen = value,
            (_, "tokio") => options.serve = polled::serve_tokio,
            (_, "blocking") => options.serve = |listener| blocking::serve(&listener),
            (_, "futures") => options.serve = polled::serve_futures,
            (_, "mio") => options.serve = mio::serve,
            _ => return Err(format!("there is no adapter {value:?}")),
        }
    }
    Ok(Some(options))
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(&options.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    announce(listener.local_addr()?)?;
    (options.serve)(listener)
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {address}")?;
    writeln!(
        stdout,
        "try it: cargo run --release --example client -- ws://{address}"
    )?;
    stdout.flush()
}
