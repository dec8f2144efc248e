//! The servers: each echoes what it is sent, on one thread, whose memory is counted.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    task::Poll::{Pending, Ready},
    time::{Duration, Instant},
};

use allocation_counter::measure;
use mio::{Events, Interest, Poll, Token};
use sansock::{
    CloseStatus, Config, DeflateConfig, EndpointEvent, Event,
    adapter::{Error, Reply, mio as mio_adapter, tokio as tokio_adapter},
    proto::handshake::Accept,
};
use socket2::{Domain, Socket, Type};
use tokio::task::JoinSet;

use crate::{
    Adapter, PATIENCE,
    kinds::Kind,
    tally::{self, Tally},
};

/// The longest message a server takes.
pub(crate) const MAX_MESSAGE: u64 = 1 << 20;

/// What all servers hold their clients to.
pub(crate) fn config(patience: Duration) -> Config {
    // What is kept for the next connection would be counted as left behind by the last.
    let deflate = DeflateConfig::new().pool_size(0);
    Config::default()
        .max_message_size(MAX_MESSAGE)
        .deflate(Some(deflate))
        .handshake_timeout(Some(patience))
        .ping_interval(Some(patience))
        .pong_timeout(Some(patience))
        .message_timeout(Some(patience))
        .write_timeout(Some(patience))
        .close_timeout(Some(patience / 2))
}

/// Serves wave after wave in this process, until it is ended.
pub(crate) fn run(adapter: Adapter) -> ! {
    let patience = env::var(PATIENCE).unwrap().parse().unwrap();
    let config = Arc::new(config(Duration::from_millis(patience)));
    let listener = listen();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    println!("soak listening {address}");
    let listener = std::net::TcpListener::from(listener);
    match adapter {
        Adapter::Mio => {
            let mut listener = mio::net::TcpListener::from_std(listener);
            let mut poll = Poll::new().unwrap();
            let registry = poll.registry();
            let registered = registry.register(&mut listener, LISTENER, Interest::READABLE);
            registered.unwrap();
            waves(|tally| mio_wave(&mut poll, &listener, &config, tally))
        }
        Adapter::Tokio => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().unwrap();
            let listener = {
                let _entered = runtime.enter();
                tokio::net::TcpListener::from_std(listener).unwrap()
            };
            waves(|tally| runtime.block_on(tokio_wave(&listener, &config, tally)))
        }
    }
}

/// A listener with room for thousands that connect at once, whose connections have small buffers
/// in the system: what a peer does not read must soon be ours to hold.
fn listen() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(64 << 10).unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(4096).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn waves(mut serve: impl FnMut(&mut Tally)) -> ! {
    loop {
        let mut tally = Tally::new();
        let before = descriptors();
        let heap = measure(|| serve(&mut tally));
        let after = descriptors();
        tally.tell();
        println!(
            "soak wave {} {} {} {} {} {before} {after}",
            tally.accepted, tally.most, heap.count_current, heap.bytes_current, heap.bytes_max
        );
    }
}

/// How many descriptors this process has open, where the system says.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn answer(event: EndpointEvent<'_>, reply: &mut Reply<'_>) {
    if let EndpointEvent::Event(Event::Message(message)) = event {
        // Refused only if the peer has sent its Close.
        let _ = reply.send(message);
    }
}

const LISTENER: Token = Token(usize::MAX);

/// How late a deadline may be noticed.
const SWEEP: Duration = Duration::from_millis(50);

struct Served {
    socket: mio_adapter::Socket<mio::net::TcpStream>,
    kind: Option<Kind>,
}

fn mio_wave(
    poll: &mut Poll,
    listener: &mio::net::TcpListener,
    config: &Arc<Config>,
    tally: &mut Tally,
) {
    // All that has come is seen before a deadline is judged.
    let mut events = Events::with_capacity(32 << 10);
    let mut served: Vec<Option<Served>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut due: Vec<usize> = Vec::new();
    let mut swept = Instant::now();
    let mut is_over = false;
    while !is_over || free.len() < served.len() {
        poll.poll(&mut events, Some(SWEEP)).unwrap();
        due.clear();
        let mut is_called = false;
        for event in &events {
            let Token(at) = event.token();
            is_called |= event.token() == LISTENER;
            if let Some(Some(connection)) = served.get_mut(at) {
                connection.socket.handle_event(event);
                due.push(at);
            }
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            let is_due = |it: &Served| it.socket.timeout().is_some_and(|left| left.is_zero());
            let all = served.iter().enumerate();
            due.extend(
                all.filter(|(_, it)| it.as_ref().is_some_and(is_due))
                    .map(|it| it.0),
            );
        }
        for &at in &due {
            // A connection may be due twice, and gone the second time.
            let Some(Some(connection)) = served.get_mut(at) else {
                continue;
            };
            if let Some(status) = connection.drive() {
                is_over |= connection.kind == Some(Kind::Over);
                tally.count(connection.kind, tally::name(&status));
                served[at] = None;
                free.push(at);
            }
        }
        while is_called && let Ok((stream, _)) = listener.accept() {
            let mut socket = mio_adapter::Socket::accept(stream, config);
            let at = free.pop().unwrap_or(served.len());
            socket.register(poll.registry(), Token(at)).unwrap();
            if at == served.len() {
                served.push(None);
            }
            served[at] = Some(Served { socket, kind: None });
            tally.accepted += 1;
        }
        tally.most = tally.most.max(served.len() - free.len());
    }
}

impl Served {
    /// Does all that can be done without waiting; how it ended, if it did.
    fn drive(&mut self) -> Option<CloseStatus> {
        let Self { socket, kind } = self;
        loop {
            // Who does not read gets no more answers until it does.
            if !socket.can_send() && socket.flush().is_pending() {
                return None;
            }
            match socket.fill() {
                Pending => return None,
                // What follows from a reset: the end.
                Ready(Ok(true) | Err(_)) => {}
                Ready(Ok(false)) => return socket.close_status().cloned(),
            }
            while let Some((event, mut reply)) = socket.next_with_reply() {
                if let EndpointEvent::Request(request) = &event {
                    *kind = Kind::from_path(request.path());
                    reply.accept(&Accept::new()).unwrap();
                } else {
                    answer(event, &mut reply);
                }
            }
        }
    }
}

async fn tokio_wave(listener: &tokio::net::TcpListener, config: &Arc<Config>, tally: &mut Tally) {
    let mut tasks = JoinSet::new();
    let mut is_over = false;
    while !is_over || !tasks.is_empty() {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                tasks.spawn(serve(stream, Arc::clone(config)));
                tally.accepted += 1;
                tally.most = tally.most.max(tasks.len());
            }
            Some(ended) = tasks.join_next() => {
                let (kind, outcome) = ended.unwrap();
                is_over |= kind == Some(Kind::Over);
                tally.count(kind, outcome);
            }
        }
    }
}

async fn serve(stream: tokio::net::TcpStream, config: Arc<Config>) -> (Option<Kind>, &'static str) {
    let mut kind = None;
    let outcome = match echo(stream, &config, &mut kind).await {
        Ok(status) => tally::name(&status),
        Err(Error::Connection(error)) => tally::name_of_error(error),
        Err(Error::Io(_)) => "eof",
        Err(_) => "another-error",
    };
    (kind, outcome)
}

async fn echo(
    stream: tokio::net::TcpStream,
    config: &Arc<Config>,
    kind: &mut Option<Kind>,
) -> Result<CloseStatus, Error> {
    let incoming = tokio_adapter::Incoming::receive(stream, config).await?;
    *kind = Kind::from_path(incoming.request().path());
    let mut socket = incoming.accept(&Accept::new()).await?;
    // After an error comes the end, which says what it was.
    while socket.fill().await.unwrap_or(true) {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            answer(event, &mut reply);
        }
        if !socket.can_send() {
            let _ = socket.flush().await;
        }
    }
    Ok(socket.close_status().cloned().unwrap_or_default())
}
