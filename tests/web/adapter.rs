//! How each adapter makes a socket that goes on by itself, and how a test looks at one.

use std::{
    future::Future,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    pin::Pin,
    sync::{Arc, LazyLock, mpsc},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use mio::{Token, Waker};
use sansock::{
    Config, State,
    adapter::{
        blocking::{self, Blocking},
        futures::{self, Futures, Timer},
        mio::{self as mio_adapter, Dispatcher, Mio},
        tokio::{self as tokio_adapter, Tokio},
        web::{Builder, Events, WebSocket},
    },
    proto::Connection,
    web::{DomError, Event, MessageData},
};
use tokio::runtime::{self, Runtime};

use crate::layer;

/// How long anything may take: what takes longer waits for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An adapter under test.
pub(crate) trait Adapter: Sized + 'static {
    /// Sets listeners, starts if so told, and lets it go on by itself.
    fn make(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError> {
        Self::build(layer::trusting(builder), start, listen)
    }

    /// The same of a builder that has all it needs.
    fn build(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError>;

    /// A socket around a server's connection that is open.
    fn accepted(stream: TcpStream) -> WebSocket<Self>;

    fn next(events: &mut Events<Self>) -> Option<Event>;

    fn connect(url: &str, listen: impl FnOnce(&WebSocket<Self>)) -> WebSocket<Self> {
        Self::make(WebSocket::builder(url), true, listen).unwrap()
    }

    fn connect_unstarted(url: &str) -> WebSocket<Self> {
        Self::make(WebSocket::builder(url), false, |_| {}).unwrap()
    }
}

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
});

impl Adapter for Tokio {
    fn build(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError> {
        let _entered = RUNTIME.enter();
        if start {
            return builder.connect_with(listen);
        }
        let socket = builder.connect()?;
        listen(&socket);
        Ok(socket)
    }

    fn accepted(stream: TcpStream) -> WebSocket<Self> {
        let _entered = RUNTIME.enter();
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let socket = tokio_adapter::Socket::from_parts(stream, server(), Vec::new());
        tokio_adapter::WebSocket::from_socket(socket)
    }

    fn next(events: &mut Events<Self>) -> Option<Event> {
        RUNTIME
            .block_on(async { tokio::time::timeout(PATIENCE, events.recv()).await })
            .expect("an event in time")
    }
}

impl Adapter for Blocking {
    fn build(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError> {
        if start {
            return builder.connect_with(listen);
        }
        let socket = builder.connect()?;
        listen(&socket);
        Ok(socket)
    }

    fn accepted(stream: TcpStream) -> WebSocket<Self> {
        let socket = blocking::Socket::from_parts(stream, server(), Vec::new()).unwrap();
        blocking::WebSocket::from_socket(socket).unwrap()
    }

    fn next(events: &mut Events<Self>) -> Option<Event> {
        events.next()
    }
}

impl Adapter for Futures {
    fn build(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError> {
        let tls = layer::connector();
        let (socket, driver) = builder.connect_with_timer(
            |location| async move {
                let (host, port) = (location.host(), location.port());
                let stream = smol::net::TcpStream::connect((host, port)).await?;
                layer::wrap(stream, host, tls)
            },
            Alarm(None),
        )?;
        listen(&socket);
        if start {
            socket.start();
        }
        thread::spawn(|| smol::block_on(driver));
        Ok(socket)
    }

    fn accepted(stream: TcpStream) -> WebSocket<Self> {
        let stream = smol::Async::new(stream).unwrap();
        let socket = futures::Socket::from_parts(stream, server(), Vec::new());
        let (socket, driver) = futures::WebSocket::from_socket(socket.with_timer(Alarm(None)));
        thread::spawn(|| smol::block_on(driver));
        socket
    }

    fn next(events: &mut Events<Self>) -> Option<Event> {
        smol::block_on(events.recv())
    }
}

impl Adapter for Mio {
    fn build(
        builder: Builder<Self>,
        start: bool,
        listen: impl FnOnce(&WebSocket<Self>),
    ) -> Result<WebSocket<Self>, DomError> {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let location = builder.location()?;
        let host = (location.host(), location.port()).to_socket_addrs();
        // A host that is not found has no addresses.
        let addresses: Vec<SocketAddr> = host.map(Iterator::collect).unwrap_or_default();
        let connected = builder.connect(poll.registry(), Token(1), &waker, &addresses);
        let (socket, dispatcher) = connected?;
        listen(&socket);
        if start {
            socket.start();
        }
        thread::spawn(|| run(poll, dispatcher));
        Ok(socket)
    }

    fn accepted(stream: TcpStream) -> WebSocket<Self> {
        stream.set_nonblocking(true).unwrap();
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let stream = mio::net::TcpStream::from_std(stream);
        let socket = mio_adapter::Socket::from_parts(stream, server(), Vec::new());
        let made = mio_adapter::WebSocket::from_socket(socket, poll.registry(), Token(1), &waker);
        let (socket, dispatcher) = made.unwrap();
        thread::spawn(|| run(poll, dispatcher));
        socket
    }

    fn next(events: &mut Events<Self>) -> Option<Event> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Poll::Ready(event) = events.try_next() {
                return event;
            }
            assert!(Instant::now() < end, "no event in time");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn run<S: mio_adapter::Stream>(mut poll: mio::Poll, mut dispatcher: Dispatcher<S>) {
    let mut events = mio::Events::with_capacity(4);
    while dispatcher.run().is_pending() {
        poll.poll(&mut events, dispatcher.timeout()).unwrap();
        for event in events.iter().filter(|event| event.token() == Token(1)) {
            dispatcher.handle_event(event);
        }
    }
}

fn server() -> Connection {
    Connection::server(&Arc::new(Config::default()))
}

/// The timer of smol.
struct Alarm(Option<(Instant, smol::Timer)>);

impl Timer for Alarm {
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let (_, timer) = match &mut self.0 {
            Some(armed) if armed.0 == deadline => armed,
            unarmed => unarmed.insert((deadline, smol::Timer::at(deadline))),
        };
        Pin::new(timer).poll(cx).map(drop)
    }
}

/// What happened at a socket, in words and in order.
pub(crate) struct Log {
    said: mpsc::Receiver<String>,
}

/// Writes a log.
#[derive(Clone)]
pub(crate) struct Say(mpsc::Sender<String>);

impl Say {
    pub(crate) fn say(&self, what: impl Into<String>) {
        // A test that ended does not listen.
        let _ = self.0.send(what.into());
    }
}

impl Log {
    pub(crate) fn new() -> (Self, Say) {
        let (say, said) = mpsc::channel();
        (Self { said }, Say(say))
    }

    /// The next thing that happens.
    pub(crate) fn next(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("something in time")
    }

    /// All up to the close event and what follows it until nobody can say more.
    pub(crate) fn to_close(&self) -> Vec<String> {
        let mut all = Vec::new();
        while !all
            .last()
            .is_some_and(|last: &String| last.starts_with("close "))
        {
            all.push(self.next());
        }
        // Listeners are let go behind close: then nothing can follow.
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(more) => all.push(more),
                Err(mpsc::RecvTimeoutError::Disconnected) => return all,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("listeners are kept: {all:?}"),
            }
        }
    }
}

/// Sets all four handlers to write down what comes.
pub(crate) fn write_down<A: Adapter>(socket: &WebSocket<A>, say: &Say) {
    let open = say.clone();
    socket.set_onopen(move |socket, _| open.say(format!("open {}", state(socket))));
    let error = say.clone();
    socket.set_onerror(move |socket, _| error.say(format!("error {}", state(socket))));
    let close = say.clone();
    socket.set_onclose(move |socket, event| {
        let clean = if event.was_clean { "clean" } else { "unclean" };
        let (code, reason) = (event.code, &event.reason);
        close.say(format!("close {clean} {code} {reason:?} {}", state(socket)));
    });
    let message = say.clone();
    socket.set_onmessage(move |_, event| {
        message.say(match &event.data {
            MessageData::Text(text) if text.len() > 64 => format!("text of {}", text.len()),
            MessageData::Text(text) => format!("text {text:?}"),
            MessageData::Blob(blob) => format!("blob {:?}", blob.as_bytes()),
            MessageData::ArrayBuffer(data) => format!("array buffer {data:?}"),
        });
    });
}

pub(crate) fn state<A>(socket: &WebSocket<A>) -> u16 {
    match socket.ready_state() {
        State::Connecting => WebSocket::<A>::CONNECTING,
        State::Open => WebSocket::<A>::OPEN,
        State::Closing => WebSocket::<A>::CLOSING,
        State::Closed => WebSocket::<A>::CLOSED,
    }
}

/// Waits until something holds that no event tells of.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waits for ever");
        thread::sleep(Duration::from_millis(1));
    }
}
