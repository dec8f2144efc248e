//! A chat: every line that a guest sends goes to all.
//!
//! ```text
//! cargo run --release --example chat -- [--listen ADDRESS] [--origin ORIGIN]
//! ```
//!
//! Each connection is split: one task reads, another writes what the room says. A line is framed
//! once and shared by all who get it. Nobody waits for a guest who does not read: whoever is
//! [`QUEUE`] lines behind has left the room. With `--origin` only pages of that site may join, and
//! programs, which have no origin.

use std::{
    collections::HashMap,
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sansock::{
    CloseCode, CloseFrame, Config,
    adapter::{self, polled::WriteHalf, tokio::Incoming, tokio::Io},
    proto::{
        Prepared,
        handshake::{Accept, OriginPolicy},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, select,
    sync::{mpsc, oneshot},
    task,
    time::sleep,
};

const USAGE: &str = "\
Usage: chat [--listen ADDRESS] [--origin ORIGIN]

  --listen ADDRESS  where to listen, default 127.0.0.1:9001; port 0 is any free port
  --origin ORIGIN   whose pages may join, such as https://example.com; default all
  --help            print this";

/// How many lines a guest may be behind, besides those that the system has taken to send.
const QUEUE: usize = 64;

/// Where to listen unless it is said.
const LISTEN: &str = "127.0.0.1:9001";

/// How long to wait after a connection could not be accepted, mostly for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (listen, origin) = match arguments[..] {
        [] => (LISTEN, None),
        ["--listen", address] => (address, None),
        ["--origin", origin] => (LISTEN, Some(origin)),
        ["--listen", address, "--origin", origin] => (address, Some(origin)),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!(
                "chat: at most --listen and --origin are taken, each with a value\n\n{USAGE}"
            );
            return ExitCode::from(2);
        }
    };
    if let Err(error) = serve(listen, origin) {
        eprintln!("chat: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn serve(listen: &str, origin: Option<&str>) -> Result<(), Box<dyn Error>> {
    let policy = match origin {
        None => OriginPolicy::any(),
        Some(origin) => OriginPolicy::list([origin])
            .map_err(|error| format!("{origin:?}: {error}"))?
            .allow_missing(true),
    };
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        announce(&listener)?;
        // A line is short; and behind whom nothing more is kept than what the queue holds.
        let config = Config::default()
            .max_message_size(16 << 10)
            .high_water_mark(16 << 10);
        let (config, room) = (Arc::new(config), Arc::new(Room::default()));
        let policy = Arc::new(policy);
        for guest in 1.. {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let (config, room) = (Arc::clone(&config), Arc::clone(&room));
            let policy = Arc::clone(&policy);
            task::spawn(async move {
                if let Err(error) = receive(stream, &config, &policy, &room, guest).await {
                    eprintln!("guest {guest}: {error}");
                }
            });
        }
        Ok(())
    })
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {address}")?;
    writeln!(
        stdout,
        "try it, twice: cargo run --release --example client -- ws://{address}"
    )?;
    stdout.flush()
}

/// All who are here.
#[derive(Default)]
struct Room(Mutex<HashMap<u64, Guest>>);

/// How a guest is reached.
struct Guest {
    lines: mpsc::Sender<Prepared>,
    too_slow: oneshot::Sender<()>,
}

/// What the task that writes to a guest waits for.
struct Inbox {
    lines: mpsc::Receiver<Prepared>,
    too_slow: oneshot::Receiver<()>,
}

impl Room {
    fn enter(&self, guest: u64) -> Inbox {
        let (lines, queue) = mpsc::channel(QUEUE);
        let (too_slow, told) = oneshot::channel();
        self.guests().insert(guest, Guest { lines, too_slow });
        self.say(&format!("* guest {guest} is here"));
        Inbox {
            lines: queue,
            too_slow: told,
        }
    }

    fn leave(&self, guest: u64) {
        let left = self.guests().remove(&guest);
        if left.is_some() {
            self.say(&format!("* guest {guest} has left"));
        }
    }

    /// Gives a line to all, without waiting for anybody: whose queue is full is dropped, and why is
    /// said to the others.
    fn say(&self, line: &str) {
        let mut news = vec![line.to_owned()];
        while let Some(line) = news.pop() {
            let line = Prepared::new(line); // one frame, shared
            let mut guests = self.guests();
            let slow = guests.extract_if(|_, guest| guest.lines.try_send(line.clone()).is_err());
            for (number, guest) in slow {
                // An error means that its connection has just ended.
                if guest.too_slow.send(()).is_ok() {
                    println!("guest {number} is too slow");
                    news.push(format!("* guest {number} was too slow"));
                }
            }
        }
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<u64, Guest>> {
        // A panic elsewhere leaves the map as good as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a guest says until its connection ends.
async fn receive(
    stream: TcpStream,
    config: &Arc<Config>,
    policy: &OriginPolicy,
    room: &Room,
    guest: u64,
) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let incoming = Incoming::receive(stream, config).await?;
    if let Err(error) = incoming.request().check_origin(policy) {
        println!("guest {guest}: {error}");
        return incoming.reject(&error.reject()).await;
    }
    let socket = incoming.accept(&Accept::new()).await?;
    let (mut read, write) = socket.into_split();
    let writing = task::spawn(send(write, room.enter(guest)));
    let ended = loop {
        match read.recv().await {
            Ok(Some(message)) => {
                // What is no text is nothing that people say.
                if let Some(line) = message.as_text() {
                    room.say(&format!("guest {guest}: {line}"));
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    room.leave(guest);
    // It has nothing to wait for any more: the room has closed its queue, or the connection is over.
    writing.await.map_err(io::Error::other)?;
    ended
}

/// Writes what the room says until the guest has left.
async fn send(mut write: WriteHalf<Io<TcpStream>>, mut inbox: Inbox) {
    let writing = async {
        while let Some(line) = inbox.lines.recv().await {
            if write.send_prepared(&line).await.is_err() {
                break; // why is what receiving ends with
            }
        }
    };
    select! {
        () = writing => return,
        Ok(()) = inbox.too_slow => {}
    }
    // The message that waited was dropped whole. The Close stands behind what was sent before, and
    // the reading half sees the end of it: by the guest's answer or by a timeout.
    let reason = CloseFrame::new(CloseCode::POLICY_VIOLATION, "too slow");
    let _ = write.close(Some(&reason)).await;
}
