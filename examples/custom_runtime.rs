//! The bare engine in a loop of your own: no adapter, no async runtime.
//!
//! ```text
//! cargo run --release --example custom_runtime
//! ```
//!
//! A server thread with a blocking `TcpStream` and a client with a non-blocking one, which a real
//! program would register with its event loop. Both own their buffers and their clock; the engine
//! only turns bytes into events and messages into bytes.

use std::{
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{self, Duration},
};

use rand::{TryRng, rngs::SysRng};
use sansock::{
    CloseCode, CloseFrame, Config, Event,
    proto::{
        Connection, Instant,
        handshake::{Accept, ClientHandshake, ClientRequest, Outcome, ServerHandshake},
    },
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const GREETINGS: [&str; 3] = ["hello", "grüß Gott", "你好"];

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));
    converse(address)?;
    server.join().map_err(|_| "the server panicked")?
}

/// Echoes on one connection, with blocking reads and writes.
fn serve(listener: &TcpListener) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    let start = time::Instant::now();
    let (mut buffer, mut out) = (vec![0; 16 << 10], Vec::new());

    // 1. The opening handshake: read until there is a request, then decide.
    let mut handshake = ServerHandshake::new(&Arc::new(Config::default()));
    let (mut connection, mut unread) = loop {
        let n = stream.read(&mut buffer)?;
        let mut input = &mut buffer[..n];
        match handshake.receive(&mut input, &mut out) {
            Ok(None) if n == 0 => return Err("the client left".into()),
            Ok(None) => {}
            Ok(Some(request)) => {
                println!("server: accepts a connection to {}", request.path());
                let accepted = handshake.accept(&Accept::new(), &mut out);
                let (connection, _) = accepted.map_err(|(_, error)| error)?;
                break (connection, input.to_vec());
            }
            Err(error) => {
                stream.write_all(&out)?; // what is wrong with the request
                return Err(error.into());
            }
        }
    };

    // 2. The connection. What came behind the request is its first input.
    let mut input = &mut unread[..];
    loop {
        while let Ok(Some(event)) = connection.receive(&mut input, &mut out) {
            if let Event::Message(message) = event {
                connection.send(message, &mut out)?; // borrowed from the input still
            }
        }
        connection.handle_timeout(now(start), &mut out);
        stream.write_all(&out)?; // one write for all that one read brought
        out.clear();
        if connection.is_finished() {
            println!("server: {}", ending(&connection));
            return Ok(());
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            connection.receive_eof();
        }
        input = &mut buffer[..n];
    }
}

/// Sends the greetings and closes when all have come back, never blocking in a read or a write.
fn converse(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    let start = time::Instant::now();
    let (mut buffer, mut out) = (vec![0; 16 << 10], Vec::new());

    let request = ClientRequest::new(&address.to_string(), "/greetings")?;
    let config = Arc::new(Config::default());
    let mut handshake = ClientHandshake::start(&request, &config, seed()?, &mut out);
    let mut connection: Option<Connection> = None;
    let mut answers = 0;

    loop {
        // 1. Write what waits, then read once; either may be for another time.
        let written = progress(stream.write(&out))?;
        out.drain(..written.unwrap_or(0));
        let read = progress(stream.read(&mut buffer))?;
        let mut input = &mut buffer[..read.unwrap_or(0)];

        // 2. The handshake, until it has become the connection.
        if connection.is_none() {
            match handshake.receive(&mut input)? {
                None if read == Some(0) => return Err("the server left".into()),
                None => {}
                Some(Outcome::Open(mut open, response)) => {
                    println!("client: open, {} {}", response.status(), response.reason());
                    for greeting in GREETINGS {
                        open.send(greeting, &mut out)?;
                    }
                    connection = Some(open);
                }
                Some(Outcome::Refused(refusal)) => {
                    return Err(format!("refused with {}", refusal.status()).into());
                }
            }
        }

        // 3. The connection takes the rest of what was read.
        let mut deadline = None;
        if let Some(open) = &mut connection {
            if read == Some(0) {
                open.receive_eof();
            }
            while let Some(event) = open.receive(&mut input, &mut out)? {
                let Event::Message(message) = event else {
                    continue;
                };
                println!(
                    "client: received {:?}",
                    message.as_text().unwrap_or_default()
                );
                answers += 1;
                if answers == GREETINGS.len() {
                    let goodbye = CloseFrame::new(CloseCode::NORMAL, "that was all");
                    open.close(Some(&goodbye), &mut out)?;
                }
            }
            deadline = open.handle_timeout(now(start), &mut out);
            if open.is_finished() && out.is_empty() {
                println!("client: {}", ending(open));
                return Ok(());
            }
        }

        // 4. Wait. An event loop would wait for the socket or the deadline, whichever is first.
        if read.is_none() && out.is_empty() {
            let longest = Duration::from_millis(1);
            let until = deadline.map_or(longest, |at| at.saturating_since(now(start)));
            thread::sleep(until.min(longest));
        }
    }
}

/// The engine's time: what has passed since a start of our choice.
fn now(start: time::Instant) -> Instant {
    Instant::ZERO + start.elapsed()
}

/// What a non-blocking call did; `None` if it would have had to wait.
fn progress(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Masking keys must not be predictable (RFC 6455 §10.3): the seed comes from the system.
fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

fn ending(connection: &Connection) -> String {
    match connection.close_status() {
        Some(status) => format!("closed, {} {:?}", status.code(), status.reason()),
        None => "still open".into(),
    }
}
