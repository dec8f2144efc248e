//! The engine in a loop around completions, as io_uring and IOCP have them.
//!
//! ```text
//! cargo run --release --example completion
//! ```
//!
//! There nothing says that a socket is ready. A read or a write is submitted with a buffer, which
//! belongs to the system until a completion gives it back. That suits an engine without I/O: it is
//! given the bytes that were read, and what it wants to write is copied to a buffer of the ring.
//!
//! The [`ring`] here is made of threads, so that this runs anywhere; its interface is what counts.

use std::{
    collections::HashMap,
    error::Error,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{self, Duration},
};

use ring::{Completion, Operation, Ring};
use sansock::{
    Config, Endpoint, EndpointEvent, Event, Message, State,
    adapter::blocking,
    proto::{Instant, handshake::Accept},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CLIENTS: usize = 8;
const MESSAGES: usize = 50;

/// How long a peer may take to end the transport after the connection.
const LINGER: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| thread::spawn(move || converse(address, number)))
        .collect();
    let echoed = serve(&listener)?;
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    println!("{CLIENTS} connections, {echoed} messages sent back, all closed cleanly");
    Ok(())
}

/// A connection of the server, and which operations of it are under way.
struct Peer {
    endpoint: Endpoint,
    reading: bool,
    writing: bool,
    /// Once the connection is over: until when the peer may end the transport.
    ends_at: Option<Instant>,
}

/// Echoes on all connections, on this thread; how many messages.
fn serve(listener: &TcpListener) -> Result<usize> {
    let start = time::Instant::now();
    let config = Arc::new(Config::default());
    let mut ring = Ring::new();
    let mut peers = HashMap::new();
    let mut echoed = 0;
    for file in 0..CLIENTS {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        ring.add(file, stream)?;
        peers.insert(file, Peer::new(&config));
    }
    while !peers.is_empty() {
        // 1. Submit what each connection wants, and learn when to call it at the latest.
        let now = Instant::ZERO + start.elapsed();
        let mut deadlines = Vec::new();
        peers.retain(|file, peer| {
            deadlines.extend(peer.endpoint.handle_timeout(now));
            deadlines.extend(peer.ends_at);
            let goes_on = peer.ends_at.is_none_or(|at| now < at) && peer.submit(*file, &mut ring);
            if !goes_on {
                ring.remove(*file);
            }
            goes_on
        });

        // 2. Wait for a completion or the first deadline. A real ring waits for several at once.
        let timeout = deadlines.iter().min().map(|at| at.saturating_since(now));
        let Some(completion) = ring.wait(timeout) else {
            continue;
        };

        // 3. The buffer is ours again, and with it what it holds.
        let file = completion.file;
        if let Some(peer) = peers.get_mut(&file) {
            match peer.complete(completion, &mut ring) {
                Ok(messages) => echoed += messages,
                Err(error) => {
                    eprintln!("connection {file}: {error}");
                    peers.remove(&file);
                    ring.remove(file);
                }
            }
            if let Some(peer) = peers.get_mut(&file)
                && peer.endpoint.is_finished()
                && !peer.endpoint.wants_write()
                && peer.ends_at.is_none()
            {
                // RFC 6455 §7.1.1: end our side, then read what comes until the peer has ended too.
                peer.ends_at = Some(Instant::ZERO + start.elapsed() + LINGER);
                ring.shutdown_write(file)?;
            }
        }
    }
    Ok(echoed)
}

impl Peer {
    fn new(config: &Arc<Config>) -> Self {
        Self {
            endpoint: Endpoint::server(config),
            reading: false,
            writing: false,
            ends_at: None,
        }
    }

    /// Submits at most one read and one write; `false` if neither will ever be needed again.
    fn submit(&mut self, file: usize, ring: &mut Ring) -> bool {
        if !self.writing && self.endpoint.wants_write() {
            let mut buffer = ring.buffer();
            for chunk in self.endpoint.outbox().chunks() {
                let room = buffer.capacity() - buffer.len();
                buffer.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            // It is noted as written when the completion says how much was.
            ring.submit(file, Operation::Write, buffer);
            self.writing = true;
        }
        // Whoever does not read gets no more answers: it is not read from until it does.
        let has_room = self.endpoint.can_send() || self.endpoint.state() != State::Open;
        if !self.reading && has_room {
            let buffer = ring.buffer();
            ring.submit(file, Operation::Read, buffer);
            self.reading = true;
        }
        self.reading || self.writing
    }

    /// Takes the result of an operation; how many messages it brought.
    fn complete(&mut self, completion: Completion, ring: &mut Ring) -> Result<usize> {
        let Completion {
            operation,
            mut buffer,
            result,
            ..
        } = completion;
        let mut messages = 0;
        match operation {
            Operation::Write => {
                self.writing = false;
                self.endpoint.outbox().consume(result?);
            }
            Operation::Read => {
                self.reading = false;
                match result? {
                    0 if self.ends_at.is_some() => self.ends_at = Some(Instant::ZERO),
                    0 => self.endpoint.receive_eof(),
                    n => buffer.truncate(n),
                }
                let mut input = &mut buffer[..];
                while let Some(event) = self.endpoint.receive(&mut input) {
                    match event {
                        EndpointEvent::Request(_) => self.endpoint.accept(&Accept::new())?,
                        EndpointEvent::Event(Event::Message(message)) => {
                            self.endpoint.send(message)?; // it lies in the buffer still
                            messages += 1;
                        }
                        _ => {}
                    }
                }
            }
        }
        ring.give_back(buffer);
        Ok(messages)
    }
}

/// A client with the blocking adapter.
fn converse(address: SocketAddr, number: usize) -> Result<()> {
    let url = format!("ws://{address}/");
    let (mut socket, _) = blocking::connect(&url, &Arc::new(Config::default()))?;
    for n in 0..MESSAGES {
        let text = format!("{number}: ").repeat(n * n);
        socket.send(&text)?;
        if socket.recv()? != Some(Message::from(text)) {
            return Err("something else came back".into());
        }
    }
    if !socket.end()?.clean {
        return Err("not closed cleanly".into());
    }
    Ok(())
}

/// Reads and writes of owned buffers: what io_uring does, by threads.
mod ring {
    use std::{
        collections::HashMap,
        io::{self, Read, Write},
        net::{Shutdown, TcpStream},
        sync::mpsc::{Receiver, Sender, channel},
        thread,
        time::Duration,
    };

    /// The length of a buffer of the ring.
    const BUFFER: usize = 16 << 10;

    #[derive(Clone, Copy)]
    pub(super) enum Operation {
        Read,
        Write,
    }

    /// What became of an operation: its buffer, and how many bytes were read or written.
    pub(super) struct Completion {
        pub(super) file: usize,
        pub(super) operation: Operation,
        pub(super) buffer: Vec<u8>,
        pub(super) result: io::Result<usize>,
    }

    /// The submission queues of all files and their one completion queue.
    pub(super) struct Ring {
        files: HashMap<usize, File>,
        completions: Receiver<Completion>,
        complete: Sender<Completion>,
        /// Buffers that are not under way: as many as there are operations, not connections.
        buffers: Vec<Vec<u8>>,
    }

    struct File {
        stream: TcpStream,
        reads: Sender<Vec<u8>>,
        writes: Sender<Vec<u8>>,
    }

    impl Ring {
        pub(super) fn new() -> Self {
            let (complete, completions) = channel();
            Self {
                files: HashMap::new(),
                completions,
                complete,
                buffers: Vec::new(),
            }
        }

        pub(super) fn add(&mut self, file: usize, stream: TcpStream) -> io::Result<()> {
            let (mut reader, mut writer) = (stream.try_clone()?, stream.try_clone()?);
            let reads = self.run(file, Operation::Read, move |buffer| {
                buffer.resize(BUFFER, 0);
                reader.read(buffer)
            });
            let writes = self.run(file, Operation::Write, move |buffer| writer.write(buffer));
            let submission = File {
                stream,
                reads,
                writes,
            };
            self.files.insert(file, submission);
            Ok(())
        }

        /// Starts a thread that does what is submitted, one by one.
        fn run(
            &self,
            file: usize,
            operation: Operation,
            mut act: impl FnMut(&mut Vec<u8>) -> io::Result<usize> + Send + 'static,
        ) -> Sender<Vec<u8>> {
            let (submit, submitted) = channel::<Vec<u8>>();
            let complete = self.complete.clone();
            thread::spawn(move || {
                for mut buffer in submitted {
                    let result = act(&mut buffer);
                    let completion = Completion {
                        file,
                        operation,
                        buffer,
                        result,
                    };
                    if complete.send(completion).is_err() {
                        break;
                    }
                }
            });
            submit
        }

        pub(super) fn submit(&self, file: usize, operation: Operation, buffer: Vec<u8>) {
            if let Some(file) = self.files.get(&file) {
                let queue = match operation {
                    Operation::Read => &file.reads,
                    Operation::Write => &file.writes,
                };
                // The thread ends only with the ring.
                let _ = queue.send(buffer);
            }
        }

        /// The next completion; `None` if none came in time.
        pub(super) fn wait(&self, timeout: Option<Duration>) -> Option<Completion> {
            match timeout {
                Some(timeout) => self.completions.recv_timeout(timeout).ok(),
                None => self.completions.recv().ok(),
            }
        }

        /// An empty buffer.
        pub(super) fn buffer(&mut self) -> Vec<u8> {
            let buffer = self.buffers.pop();
            buffer.unwrap_or_else(|| Vec::with_capacity(BUFFER))
        }

        pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
            buffer.clear();
            self.buffers.push(buffer);
        }

        pub(super) fn shutdown_write(&self, file: usize) -> io::Result<()> {
            let file = self.files.get(&file);
            file.map_or(Ok(()), |file| file.stream.shutdown(Shutdown::Write))
        }

        /// Closes a file; operations under way complete with an error, which nobody needs.
        pub(super) fn remove(&mut self, file: usize) {
            if let Some(file) = self.files.remove(&file) {
                let _ = file.stream.shutdown(Shutdown::Both);
            }
        }
    }
}
