//! A server with tokio, as the guide `server_with_tokio` takes it apart.
//!
//! ```text
//! cargo run --release --example tokio_server -- [--listen ADDRESS]
//! ```
//!
//! It echoes at `/echo`, counts a connection's messages at `/count` and refuses all else with 404.
//! At the end of its standard input (Ctrl-D) it accepts no more, tells every client 1001 and waits
//! for their answers.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use sansock::{
    CloseCode, CloseFrame, Config,
    adapter::{
        self,
        tokio::{Incoming, Socket},
    },
    proto::handshake::{Accept, Reject},
};
use tokio::{
    io::{AsyncReadExt, stdin},
    net::{TcpListener, TcpStream},
    runtime, select,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

const USAGE: &str = "\
Usage: tokio_server [--listen ADDRESS]

  --listen ADDRESS  where to listen, default 127.0.0.1:9001; port 0 is any free port
  --help            print this";

/// How many connections there are at once; further clients wait to be accepted.
const CONNECTIONS: usize = 1_000;

/// How long to wait after a connection could not be accepted, mostly for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How long all clients together have to answer the last Close.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let listen = match arguments[..] {
        [] => "127.0.0.1:9001",
        ["--listen", address] => address,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("tokio_server: only --listen is taken, with a value\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = run(listen) {
        eprintln!("tokio_server: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(listen: &str) -> Result<(), Box<dyn Error>> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        announce(&listener)?;
        serve(&listener).await
    })
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {address}")?;
    writeln!(
        stdout,
        "try it: cargo run --release --features cli -- connect ws://{address}/echo"
    )?;
    stdout.flush()
}

/// Accepts until standard input ends, then waits for the connections.
async fn serve(listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default().max_message_size(1 << 20));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let (mut input, mut ignored) = (stdin(), [0; 64]);
    loop {
        let permit = Arc::clone(&room).acquire_owned();
        let accepted = select! {
            // Both are cancel safe: what is dropped has taken nothing.
            accepted = async { Ok::<_, Box<dyn Error>>((permit.await?, listener.accept().await)) } => {
                accepted?
            }
            read = input.read(&mut ignored) => match read? {
                0 => break,
                _ => continue,
            },
            // Ended tasks are taken out as they end.
            Some(_) = connections.join_next() => continue,
        };
        let (permit, stream) = match accepted {
            (permit, Ok((stream, _))) => (permit, stream),
            (_, Err(error)) => {
                eprintln!("cannot accept: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let (config, stopped) = (Arc::clone(&config), stopped.clone());
        connections.spawn(async move {
            if let Err(error) = open(stream, &config, stopped).await {
                eprintln!("{error}");
            }
            drop(permit);
        });
    }
    stop.send_replace(());
    let all = connections.len();
    let ended = timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    println!(
        "stopped: {} of {all} connections ended",
        all - connections.len()
    );
    Ok(ended?)
}

/// Decides about a request, then talks.
async fn open(
    stream: TcpStream,
    config: &Arc<Config>,
    stopped: watch::Receiver<()>,
) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let incoming = Incoming::receive(stream, config).await?;
    let counts = match incoming.request().path() {
        "/echo" => false,
        "/count" => true,
        _ => return incoming.reject(&Reject::new(404)).await,
    };
    let socket = incoming.accept(&Accept::new()).await?;
    talk(socket, counts, stopped).await
}

/// Answers each message until the client closes or the server stops.
async fn talk(
    mut socket: Socket<TcpStream>,
    counts: bool,
    mut stopped: watch::Receiver<()>,
) -> Result<(), adapter::Error> {
    for number in 1.. {
        select! {
            message = socket.recv() => match message? {
                Some(_) if counts => socket.send(number.to_string()).await?,
                Some(message) => socket.send(message).await?,
                None => break,
            },
            // An error means that the server is gone as well.
            _ = stopped.changed() => {
                let goodbye = CloseFrame::new(CloseCode::GOING_AWAY, "the server stops");
                socket.close(Some(&goodbye)).await?;
                socket.end().await?;
                break;
            }
        }
    }
    Ok(())
}
