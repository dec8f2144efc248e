//! A server of ours for clients with the WHATWG interface, over the blocking or the tokio adapter,
//! with a thread for each connection; what it learns of each is recorded.
//!
//! | path | what it does |
//! |---|---|
//! | `/echo` | selects `chat` if it is offered, sends back what comes |
//! | `/close?code=…&reason=…` | closes first, or without a body |
//! | `/refuse` | 403 |
//! | `/burst` | sends 32 MiB, and closes |
//! | `/slow` | reads 32 messages when it is told to, and says how long they were |
//! | `/control` | tells `/slow` to read, says whether `/burst` has sent all |

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, DeflateConfig, DeflateParams, Message,
    adapter::{Error, blocking, tokio as asynchronous},
    proto::handshake::{Accept, Reject, Request},
};
use tokio::runtime::{Builder, Runtime};

/// What became of a connection.
#[derive(Debug)]
pub(crate) struct Record {
    /// What its request asked for.
    pub(crate) target: String,
    pub(crate) origin: Option<String>,
    pub(crate) deflate: Option<DeflateParams>,
    /// How many messages came.
    pub(crate) received: usize,
    pub(crate) end: Result<CloseStatus, String>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: JoinHandle<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    /// Whether `/burst` has written all.
    sent: AtomicBool,
    /// Whether `/slow` may read.
    may_read: Mutex<bool>,
    told: Condvar,
    records: Mutex<Vec<Record>>,
}

impl Server {
    /// Listens on a free port.
    pub(crate) fn start<A: Adapter>() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let of_listener = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            let config = Config::default().deflate(Some(DeflateConfig::new()));
            listen::<A>(&listener, &Arc::new(config), &of_listener)
        });
        Self {
            address,
            shared,
            listener,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What became of all connections; the client must have closed them.
    pub(crate) fn finish(self) -> Vec<Record> {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        for connection in self.listener.join().unwrap() {
            connection.join().unwrap();
        }
        std::mem::take(&mut self.shared.records.lock().unwrap())
    }
}

fn listen<A: Adapter>(
    listener: &TcpListener,
    config: &Arc<Config>,
    shared: &Arc<Shared>,
) -> Vec<JoinHandle<()>> {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        if shared.stopped.load(Ordering::SeqCst) {
            break;
        }
        stream.set_nodelay(true).unwrap();
        let (config, shared) = (Arc::clone(config), Arc::clone(shared));
        connections.push(thread::spawn(move || {
            // A browser opens connections ahead that it may never use.
            if let Ok(incoming) = A::receive(stream, &config) {
                let record = serve::<A>(incoming, &shared);
                shared.records.lock().unwrap().push(record);
            }
        }));
    }
    connections
}

fn serve<A: Adapter>(incoming: A::Incoming, shared: &Shared) -> Record {
    let request = A::request(&incoming);
    let mut record = Record {
        target: request.target().to_owned(),
        origin: request.origin().map(str::to_owned),
        deflate: None,
        received: 0,
        end: Err("refused".to_owned()),
    };
    let path = request.path().to_owned();
    if path == "/refuse" {
        A::refuse(incoming);
        return record;
    }
    let mut accept = Accept::new();
    if request.subprotocols().any(|name| name == "chat") {
        accept = accept.subprotocol("chat");
    }
    if matches!(path.as_str(), "/burst" | "/slow") {
        accept = accept.deflate(None);
    }
    let mut socket = match A::accept(incoming, &accept) {
        Ok(socket) => socket,
        Err(error) => {
            record.end = Err(error.to_string());
            return record;
        }
    };
    record.deflate = socket.deflate();
    let end = converse(&mut socket, &path, &mut record, shared).and_then(|()| socket.end());
    record.end = end.map_err(|error| error.to_string());
    record
}

/// Returns once nothing is left but to close, if that was not done.
fn converse(
    socket: &mut impl Adapter,
    path: &str,
    record: &mut Record,
    shared: &Shared,
) -> Result<(), Error> {
    match path {
        "/close" => {
            let pairs = record
                .target
                .split(['?', '&'])
                .filter_map(|it| it.split_once('='));
            let value = |name| pairs.clone().find(|(key, _)| *key == name);
            let frame = value("code").map(|(_, code)| {
                let reason = value("reason").map_or("", |(_, reason)| reason);
                CloseFrame::new(CloseCode::new(code.parse().unwrap()), reason)
            });
            socket.close(frame.as_ref())?;
        }
        "/burst" => {
            for _ in 0..32 {
                socket.send(vec![0; 1 << 20].into())?;
            }
            socket.flush()?;
            shared.sent.store(true, Ordering::SeqCst);
            socket.close(Some(&CloseFrame::new(CloseCode::NORMAL, "")))?;
        }
        "/slow" => {
            let may_read = shared.may_read.lock().unwrap();
            drop(shared.told.wait_while(may_read, |may| !*may).unwrap());
            let mut len = 0;
            while record.received < 32
                && let Some(message) = socket.recv()?
            {
                record.received += 1;
                len += message.len();
            }
            socket.send(len.to_string().into())?;
            while socket.recv()?.is_some() {}
        }
        "/control" => {
            while let Some(message) = socket.recv()? {
                record.received += 1;
                if message == Message::from("read") {
                    *shared.may_read.lock().unwrap() = true;
                    shared.told.notify_all();
                } else {
                    let sent = shared.sent.load(Ordering::SeqCst);
                    socket.send(if sent { "yes" } else { "no" }.into())?;
                }
            }
        }
        _ => {
            while let Some(message) = socket.recv()? {
                record.received += 1;
                socket.send(message)?;
            }
        }
    }
    Ok(())
}

/// What lies between a client and a server and keeps a copy of the bytes both ways.
#[derive(Debug)]
pub(crate) struct Tap {
    address: SocketAddr,
    copies: JoinHandle<io::Result<(Vec<u8>, Vec<u8>)>>,
}

impl Tap {
    /// Passes one connection on to the server.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let copies = thread::spawn(move || {
            let (client, _) = listener.accept()?;
            let server = TcpStream::connect(server)?;
            let (client_of, server_of) = (client.try_clone()?, server.try_clone()?);
            let back = thread::spawn(move || copy(server_of, client_of));
            let there = copy(client, server)?;
            Ok((there, back.join().unwrap()?))
        });
        Self { address, copies }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the client and what the server wrote behind their heads, once both have ended.
    pub(crate) fn finish(self) -> [Vec<u8>; 2] {
        let (client, server) = self.copies.join().unwrap().unwrap();
        [client, server].map(|bytes| {
            let head = bytes.windows(4).position(|it| it == b"\r\n\r\n");
            bytes[head.unwrap() + 4..].to_vec()
        })
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<Vec<u8>> {
    let mut copied = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        // A reset is an end.
        let n = from.read(&mut buffer).unwrap_or(0);
        if n == 0 {
            let _ = to.shutdown(Shutdown::Write);
            return Ok(copied);
        }
        copied.extend_from_slice(&buffer[..n]);
        to.write_all(&buffer[..n])?;
    }
}

/// A socket of one of our adapters, used one call after the other.
pub(crate) trait Adapter: Sized {
    type Incoming;

    fn receive(stream: TcpStream, config: &Arc<Config>) -> Result<Self::Incoming, Error>;
    fn request(incoming: &Self::Incoming) -> &Request;
    fn refuse(incoming: Self::Incoming);
    fn accept(incoming: Self::Incoming, accept: &Accept<'_>) -> Result<Self, Error>;
    fn deflate(&self) -> Option<DeflateParams>;
    fn recv(&mut self) -> Result<Option<Message<'static>>, Error>;
    fn send(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn flush(&mut self) -> Result<(), Error>;
    fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error>;
    fn end(&mut self) -> Result<CloseStatus, Error>;
}

pub(crate) struct Blocking(blocking::Socket<TcpStream>);

impl Adapter for Blocking {
    type Incoming = blocking::Incoming<TcpStream>;

    fn receive(stream: TcpStream, config: &Arc<Config>) -> Result<Self::Incoming, Error> {
        blocking::Incoming::receive(stream, config)
    }

    fn request(incoming: &Self::Incoming) -> &Request {
        incoming.request()
    }

    fn refuse(incoming: Self::Incoming) {
        incoming.reject(&Reject::new(403)).unwrap();
    }

    fn accept(incoming: Self::Incoming, accept: &Accept<'_>) -> Result<Self, Error> {
        Ok(Self(incoming.accept(accept)?))
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.0.deflate()
    }

    fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.0.recv()
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
        self.0.send(message)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.0.flush()?)
    }

    fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.0.close(frame)
    }

    fn end(&mut self) -> Result<CloseStatus, Error> {
        self.0.end()
    }
}

pub(crate) struct Tokio {
    runtime: Runtime,
    socket: asynchronous::Socket<tokio::net::TcpStream>,
}

impl Adapter for Tokio {
    type Incoming = (Runtime, asynchronous::Incoming<tokio::net::TcpStream>);

    fn receive(stream: TcpStream, config: &Arc<Config>) -> Result<Self::Incoming, Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let incoming = runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let stream = tokio::net::TcpStream::from_std(stream)?;
            asynchronous::Incoming::receive(stream, config).await
        })?;
        Ok((runtime, incoming))
    }

    fn request((_, incoming): &Self::Incoming) -> &Request {
        incoming.request()
    }

    fn refuse((runtime, incoming): Self::Incoming) {
        runtime
            .block_on(incoming.reject(&Reject::new(403)))
            .unwrap();
    }

    fn accept((runtime, incoming): Self::Incoming, accept: &Accept<'_>) -> Result<Self, Error> {
        let socket = runtime.block_on(incoming.accept(accept))?;
        Ok(Self { runtime, socket })
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.socket.deflate()
    }

    fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.runtime.block_on(self.socket.recv())
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
        self.runtime.block_on(self.socket.send(message))
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.runtime.block_on(self.socket.flush())?)
    }

    fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.runtime.block_on(self.socket.close(frame))
    }

    fn end(&mut self) -> Result<CloseStatus, Error> {
        self.runtime.block_on(self.socket.end())
    }
}
