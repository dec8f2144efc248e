//! A server that sends every message back, over either adapter.
//!
//! ```text
//! cargo run --release --example echo_server -- [--adapter tokio|blocking] [--listen ADDRESS]
//! ```

use std::{
    error::Error,
    io::{self, Write},
    net::{self, SocketAddr},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use sansock::{
    Config,
    adapter::{self, blocking, tokio::Socket},
};
use tokio::{net::TcpListener, runtime, task, time::sleep};

const USAGE: &str = "\
Usage: echo_server [--adapter tokio|blocking] [--listen ADDRESS]

  --adapter NAME    tokio: all connections on one thread (default); blocking: a thread for each
  --listen ADDRESS  where to listen, default 127.0.0.1:9001; port 0 is any free port
  --help            print this";

/// How long to wait after a connection could not be accepted, mostly for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What the command line asks for.
struct Options {
    is_blocking: bool,
    listen: String,
}

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
        is_blocking: false,
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
            (_, "tokio") => options.is_blocking = false,
            (_, "blocking") => options.is_blocking = true,
            _ => return Err(format!("there is no adapter {value:?}")),
        }
    }
    Ok(Some(options))
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let listener = net::TcpListener::bind(&options.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    if options.is_blocking {
        serve_blocking(&listener)
    } else {
        serve_tokio(listener)
    }
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

/// All connections on this thread.
fn serve_tokio(listener: net::TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let config = Arc::clone(&config);
            task::spawn(async move {
                if let Err(error) = echo_tokio(stream, &config).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    })
}

/// Lent events: nothing is copied but from the input to the output, and what one read brought is
/// answered by one write.
async fn echo_tokio(
    stream: tokio::net::TcpStream,
    config: &Arc<Config>,
) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let mut socket = Socket::accept(stream, config).await?;
    while socket.fill().await? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        if !socket.can_send() {
            socket.flush().await?;
        }
    }
    Ok(())
}

/// A thread for each connection.
fn serve_blocking(listener: &net::TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default());
    announce(listener.local_addr()?)?;
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("cannot accept: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        let config = Arc::clone(&config);
        let started = thread::Builder::new().spawn(move || {
            if let Err(error) = echo_blocking(stream, &config) {
                eprintln!("{peer}: {error}");
            }
        });
        if let Err(error) = started {
            eprintln!("{peer}: cannot start a thread: {error}");
        }
    }
}

/// The same loop without the waiting points.
fn echo_blocking(stream: net::TcpStream, config: &Arc<Config>) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let mut socket = blocking::Socket::accept(stream, config)?;
    while socket.fill()? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        if !socket.can_send() {
            socket.flush()?;
        }
    }
    Ok(())
}
