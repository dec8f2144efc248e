//! What permessage-deflate saves on the wire and costs in memory, and what a bomb comes to.
//!
//! ```text
//! cargo run --release --example compression
//! ```
//!
//! The same orders go over TCP without compression, with an empty window for each message (the
//! default) and with context takeover. Then a client sends ten megabytes of zeros to a server whose
//! limit is one.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use sansock::{
    CloseStatus, Config, DeflateConfig, Role,
    adapter::blocking::{Socket, Stream},
    proto::handshake::ClientRequest,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MESSAGES: u32 = 100;

fn main() -> Result<()> {
    let plain = Config::default().max_message_size(1 << 20);
    let empty = DeflateConfig::new();
    let taken = empty
        .server_no_context_takeover(false)
        .client_no_context_takeover(false);
    for (name, deflate) in [
        ("none", None),
        ("no takeover", Some(empty)),
        ("takeover", Some(taken)),
    ] {
        send_orders(name, plain.clone().deflate(deflate))?;
    }
    let status = send_bomb(plain.deflate(Some(empty)))?;
    println!("a bomb of 10 MiB: closed with {}", status.code());
    Ok(())
}

/// Sends the orders to a server, and prints what that took.
fn send_orders(name: &str, config: Config) -> Result<()> {
    let config = Arc::new(config);
    let (mut client, server) = connected(&config)?;
    // The request's head went the same way.
    let before = client.get_ref().written;
    let mut length = 0;
    for number in 0..MESSAGES {
        let order = order(number)?;
        length += order.len();
        client.send(order)?;
    }
    client.flush()?;
    let written = client.get_ref().written - before;
    let agreed = client.deflate();
    let ceiling = config.memory_ceiling(Role::Client, agreed);
    println!(
        "{name}: {length} bytes as {written}, codecs hold at most {} KiB, {}",
        (ceiling.compressor + ceiling.inflater) >> 10,
        agreed.map_or_else(|| "no extension".into(), |agreed| agreed.to_string())
    );
    client.end()?;
    server.join().map_err(|_| "the server panicked")??;
    Ok(())
}

/// Sends what is short on the wire and long behind it.
fn send_bomb(config: Config) -> Result<CloseStatus> {
    let (mut client, server) = connected(&Arc::new(config))?;
    client.send(vec![0; 10 << 20])?;
    let ended = client.recv();
    let status = client.close_status().cloned();
    let limit = server.join().map_err(|_| "the server panicked")?;
    println!("the server: {}", limit.err().ok_or("it took the bomb")?);
    ended?;
    Ok(status.ok_or("still open")?)
}

fn order(number: u32) -> std::result::Result<String, std::fmt::Error> {
    let mut order = String::new();
    write!(
        order,
        "{{\"type\":\"orders\",\"sequence\":{number},\"orders\":["
    )?;
    for line in 0..8 {
        let price = (number * 37 + line * 101) % 9973;
        write!(
            order,
            "{{\"side\":\"buy\",\"symbol\":\"ACME\",\"price\":{price},\"size\":{line}}},"
        )?;
    }
    order.push_str("{}]}");
    Ok(order)
}

type Server = thread::JoinHandle<std::result::Result<(), sansock::adapter::Error>>;

/// A client and a server that reads all.
fn connected(config: &Arc<Config>) -> Result<(Socket<Counted>, Server)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(config);
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let mut socket = Socket::accept(stream, &shared)?;
        while socket.recv()?.is_some() {}
        Ok(())
    });
    let request = ClientRequest::new(&address.to_string(), "/orders")?;
    let stream = Counted {
        stream: TcpStream::connect(address)?,
        written: 0,
    };
    let (client, _) = Socket::connect(stream, &request, config)?;
    Ok((client, server))
}

/// A stream that counts what is written.
struct Counted {
    stream: TcpStream,
    written: usize,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.written += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Counted {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}
