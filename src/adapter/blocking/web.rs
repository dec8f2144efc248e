//! The browsers' `WebSocket`, driven by a thread of its own.

use std::{io, net::ToSocketAddrs, sync::Arc, task::Wake, thread, vec::Vec};

use ::mio::{Events as Readiness, Poll, Token, Waker};

use super::{Registrable, Socket};
use crate::{
    adapter::{
        mio,
        web::{self, Builder, Events, Plan, Shared},
    },
    web::{DomError, Event, Protocols},
};

/// The browsers' `WebSocket`, driven by a thread of its own.
///
/// The thread waits for bytes and for what other threads ask for at the same time, so it needs
/// feature `mio` as well.
///
/// A host's name is resolved by the system in that thread, and nothing interrupts it: whoever closes
/// meanwhile has `error` and `close` once it has answered.
///
/// ```no_run
/// # fn run() -> Result<(), sansock::web::DomError> {
/// use sansock::{adapter::blocking::WebSocket, web::Event};
///
/// let socket = WebSocket::new("ws://127.0.0.1:9001/")?;
/// for event in socket.events() {
///     match event {
///         Event::Open(_) => socket.send("hello")?,
///         Event::Message(message) => println!("{:?}", message.data),
///         Event::Error(_) => println!("failed: {:?}", socket.error()),
///         Event::Close(close) => println!("closed with {}", close.code),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub type WebSocket = web::WebSocket<Blocking>;

/// The runtime of [`WebSocket`]: a thread for each.
#[derive(Clone, Copy, Debug)]
pub enum Blocking {}

impl WebSocket {
    /// Connects to `url` and returns at once, in CONNECTING; what goes wrong later is an event.
    /// Events wait until [`start`](web::WebSocket::start).
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL is not one to connect to.
    pub fn new(url: &str) -> Result<Self, DomError> {
        Self::builder(url).connect()
    }

    /// [`new`](Self::new), asking for subprotocols.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] also if one of them is no token, or named twice.
    pub fn with_protocols(url: &str, protocols: impl Into<Protocols>) -> Result<Self, DomError> {
        Self::builder(url).protocols(protocols).connect()
    }

    /// [`with_protocols`](Self::with_protocols), setting listeners before anything can happen; then
    /// it starts.
    ///
    /// # Errors
    ///
    /// As [`with_protocols`](Self::with_protocols).
    pub fn with(
        url: &str,
        protocols: impl Into<Protocols>,
        listen: impl FnOnce(&Self),
    ) -> Result<Self, DomError> {
        Self::builder(url).protocols(protocols).connect_with(listen)
    }

    /// A socket of a connection that is open, such as one that a server accepted: OPEN from the
    /// beginning, so no `open` event follows. Messages wait until [`start`](web::WebSocket::start).
    ///
    /// # Errors
    ///
    /// If the system refuses non-blocking calls.
    pub fn from_socket<S: Registrable>(socket: Socket<S>) -> io::Result<Self> {
        let shared = Shared::accepted(socket.subprotocol(), socket.extensions());
        let (stream, driver) = socket.into_driver();
        stream.set_nonblocking()?;
        let mut socket = mio::Socket::from_driver(stream.into_registered(), driver);
        let handle = Self::attach(&shared);
        spawn(shared, |shared, poll, waker| {
            socket.register(poll.registry(), SOCKET)?;
            mio::Dispatcher::running(shared, socket, poll.registry(), SOCKET, waker)
        });
        Ok(handle)
    }
}

impl Builder<Blocking> {
    /// Connects, as [`WebSocket::new`].
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn connect(self) -> Result<WebSocket, DomError> {
        let (socket, plan) = self.prepare()?;
        drive(&socket, plan);
        Ok(socket)
    }

    /// Connects, setting listeners before, as [`WebSocket::with`].
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(self, listen: impl FnOnce(&WebSocket)) -> Result<WebSocket, DomError> {
        let (socket, plan) = self.prepare()?;
        listen(&socket);
        socket.start();
        drive(&socket, plan);
        Ok(socket)
    }
}

impl Iterator for Events<Blocking> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next_blocking()
    }
}

const WAKER: Token = Token(0);
const SOCKET: Token = Token(1);

/// Spawns the thread that connects and drives the connection.
pub(super) fn drive(socket: &WebSocket, plan: Option<Plan>) {
    let shared = Arc::clone(socket.shared());
    spawn(shared, |shared, poll, waker| {
        let addresses = match &plan {
            // It may take its time: nobody else waits for this thread.
            Some(plan) if !shared.is_aborted() => {
                (plan.location.host(), plan.location.port()).to_socket_addrs()?
            }
            _ => Vec::new().into_iter(),
        };
        let addresses = addresses.collect();
        let registry = poll.registry();
        Ok(mio::web::connect(
            shared, plan, registry, SOCKET, waker, addresses,
        ))
    });
}

/// Spawns a thread that runs a dispatcher to its end.
fn spawn<S: mio::Stream>(
    shared: Arc<Shared<Blocking>>,
    dispatcher: impl FnOnce(
        Arc<Shared<Blocking>>,
        &Poll,
        &Arc<Waker>,
    ) -> io::Result<mio::Dispatcher<S, Blocking>>
    + Send
    + 'static,
) {
    let failed = Arc::clone(&shared);
    let thread = thread::Builder::new().name("sansock".into());
    let spawned = thread.spawn(move || {
        if let Err(error) = run(&shared, dispatcher) {
            shared.fail(error.into());
            finish(&shared);
        }
    });
    if let Err(error) = spawned {
        failed.fail(error.into());
        failed.abandon();
    }
}

fn run<S: mio::Stream>(
    shared: &Arc<Shared<Blocking>>,
    dispatcher: impl FnOnce(
        Arc<Shared<Blocking>>,
        &Poll,
        &Arc<Waker>,
    ) -> io::Result<mio::Dispatcher<S, Blocking>>,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let mut dispatcher = dispatcher(Arc::clone(shared), &poll, &waker)?;
    let mut events = Readiness::with_capacity(4);
    while dispatcher.run().is_pending() {
        match poll.poll(&mut events, dispatcher.timeout()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in events.iter().filter(|event| event.token() == SOCKET) {
            dispatcher.handle_event(event);
        }
    }
    Ok(())
}

/// Says what is due once it may, with nothing left to drive.
fn finish(shared: &Arc<Shared<Blocking>>) {
    shared.register(&Arc::new(Unpark(thread::current())).into());
    while !shared.dispatch() {
        thread::park();
    }
}

/// Wakes a thread that has no `Poll`.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
