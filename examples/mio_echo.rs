//! Many connections on mio: an echo server on one thread, its clients on another.
//!
//! ```text
//! cargo run --release --example mio_echo -- [CONNECTIONS [MESSAGES]]
//! ```
//!
//! Both sides are the same loop around mio's `Poll`; they differ in what they do with an event. The
//! clients send MESSAGES each, one at a time, and close; then a summary is printed.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    task::Poll::{Pending, Ready},
    thread,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Message,
    adapter::{Reply, mio::Socket},
    endpoint::EndpointEvent,
    proto::handshake::{Accept, ClientRequest},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "\
Usage: mio_echo [CONNECTIONS [MESSAGES]]

  CONNECTIONS  how many there are at once, default 200; each takes two descriptors
  MESSAGES     how many each sends and gets back, default 100
  --help       print this";

const LISTENER: Token = Token(usize::MAX);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let numbers = arguments.iter().map(|argument| argument.parse().ok());
    let numbers: Option<Vec<usize>> = numbers.map(|n| n.filter(|n| *n > 0)).collect();
    let (connections, messages) = match numbers.as_deref() {
        Some([]) => (200, 100),
        Some([connections]) => (*connections, 100),
        Some([connections, messages]) => (*connections, *messages),
        _ => {
            eprintln!("mio_echo: at most two numbers are taken, above 0\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = run(connections, messages) {
        eprintln!("mio_echo: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(connections: usize, messages: usize) -> Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener, connections));
    // If these fail, nobody waits for the server: the program ends.
    let received = converse(connect(address, connections)?, messages)?;
    let echoed = server.join().map_err(|_| "the server panicked")??;
    println!("server: {connections} connections, {echoed} messages sent back");
    println!("clients: {received} messages received, {connections} connections closed cleanly");
    Ok(())
}

/// Serves as many connections as there will be; how many messages it sent back.
fn serve(mut listener: TcpListener, connections: usize) -> Result<usize> {
    let config = Arc::new(Config::default());
    let mut sockets = Sockets::new()?;
    let registry = sockets.poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut accepted, mut echoed) = (0, 0);
    while accepted < connections || !sockets.open.is_empty() {
        let listening = sockets.turn(|_, event, reply| {
            match event {
                EndpointEvent::Request(_) => reply.accept(&Accept::new())?,
                EndpointEvent::Event(Event::Message(message)) => {
                    reply.send(message)?; // which lies in the input still
                    echoed += 1;
                }
                _ => {}
            }
            Ok(())
        })?;
        // mio tells of a change once: accept until there is none left.
        if listening {
            while let Some(stream) = accept(&listener)? {
                sockets.add(accepted, Socket::accept(stream, &config))?;
                accepted += 1;
            }
        }
    }
    Ok(echoed)
}

/// A connection that waits, if there is one.
fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens all connections as a client, at once: each goes on connecting while others are started.
fn connect(address: SocketAddr, connections: usize) -> Result<Sockets> {
    let config = Arc::new(Config::default());
    let request = ClientRequest::new(&address.to_string(), "/")?;
    let mut sockets = Sockets::new()?;
    for number in 0..connections {
        let stream = TcpStream::connect(address)?;
        sockets.add(number, Socket::connect(stream, &request, &config)?)?;
    }
    Ok(sockets)
}

/// Has each connection send its messages, one when the one before is back; how many came back.
fn converse(mut sockets: Sockets, messages: usize) -> Result<usize> {
    let mut answers = vec![0; sockets.open.len()];
    let text = |number: usize, n: usize| format!("message {n} of connection {number}");
    while !sockets.open.is_empty() {
        sockets.turn(|number, event, reply| {
            match event {
                EndpointEvent::Open(_) => reply.send(text(number, 0))?,
                EndpointEvent::Refused(refusal) => {
                    return Err(format!("refused with {}", refusal.status()).into());
                }
                EndpointEvent::Event(Event::Message(message)) => {
                    let answer = &mut answers[number];
                    if message != Message::from(text(number, *answer)) {
                        return Err(format!("not what was sent: {message:?}").into());
                    }
                    *answer += 1;
                    if *answer < messages {
                        reply.send(text(number, *answer))?;
                    } else {
                        reply.close(Some(&CloseFrame::new(CloseCode::NORMAL, "")))?;
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(answers.iter().sum())
}

/// A `Poll` and the connections in it.
struct Sockets {
    poll: Poll,
    events: Events,
    open: HashMap<Token, Socket<TcpStream>>,
}

impl Sockets {
    fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            open: HashMap::new(),
        })
    }

    /// Once, for reading and writing; both are edges.
    fn add(&mut self, number: usize, mut socket: Socket<TcpStream>) -> io::Result<()> {
        socket.register(self.poll.registry(), Token(number))?;
        self.open.insert(Token(number), socket);
        Ok(())
    }

    /// Waits once and drives the connections that have something to do, with `handle` for what
    /// they bring; whether the listener has something too.
    fn turn(
        &mut self,
        mut handle: impl FnMut(usize, EndpointEvent<'_>, &mut Reply<'_>) -> Result<()>,
    ) -> Result<bool> {
        // 1. Wait for an event, but no longer than until the first deadline.
        let timeout = self.open.values().filter_map(Socket::timeout).min();
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        // 2. Whose turn it is: those whose time has come, and those that an event is for.
        let is_due = |socket: &Socket<_>| socket.timeout().is_some_and(|left| left.is_zero());
        let due = self.open.iter().filter(|(_, socket)| is_due(socket));
        let mut ready: Vec<Token> = due.map(|(token, _)| *token).collect();
        let mut listening = false;
        for event in &self.events {
            listening |= event.token() == LISTENER;
            if let Some(socket) = self.open.get_mut(&event.token()) {
                socket.handle_event(event);
                ready.push(event.token());
            }
        }
        // 3. Drive them until they would have to wait.
        for token in ready {
            let Some(socket) = self.open.get_mut(&token) else {
                continue;
            };
            if let Some(status) = drive(socket, |event, reply| handle(token.0, event, reply))? {
                if !status.clean {
                    return Err(format!("not closed cleanly: {status:?}").into());
                }
                self.open.remove(&token); // which closes the stream
            }
        }
        Ok(listening)
    }
}

/// Does all that can be done without waiting; `Some` once the connection is over.
fn drive(
    socket: &mut Socket<TcpStream>,
    mut handle: impl FnMut(EndpointEvent<'_>, &mut Reply<'_>) -> Result<()>,
) -> Result<Option<CloseStatus>> {
    loop {
        // Who does not read gets no more answers until it does: asked before each read, for the
        // event that brought us here may be of more to read.
        if !socket.can_send() && socket.flush().is_pending() {
            return Ok(None);
        }
        match socket.fill() {
            Pending => return Ok(None),
            Ready(goes_on) => {
                if !goes_on? {
                    let status = socket.close_status().cloned();
                    return status.map(Some).ok_or_else(|| "no handshake".into());
                }
            }
        }
        while let Some((event, mut reply)) = socket.next_with_reply() {
            handle(event, &mut reply)?;
        }
    }
}
