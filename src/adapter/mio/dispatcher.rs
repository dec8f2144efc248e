//! What drives a `WebSocket` in the user's loop.

use std::{
    boxed::Box,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Wake, Waker, ready},
    time::Duration,
    vec,
    vec::Vec,
};

use ::mio::{
    Interest, Registry, Token,
    event::{Event, Source},
    net::TcpStream,
};

use super::{Mio, Socket, Stream};
use crate::{
    adapter::{
        Error, MaybeTls, clock,
        security::Security,
        web::{Plan, Shared, Turn, poll_drive},
    },
    endpoint::Endpoint,
    proto::{self, handshake::ClientRequest},
    web::Failure,
};

/// Connects a [`WebSocket`](super::WebSocket), moves its bytes and calls its listeners, whenever it
/// is [run](Self::run) by the loop that it lives in.
///
/// Dropping it fails the connection; then no listener is called.
pub struct Dispatcher<S = MaybeTls<TcpStream>, R = Mio> {
    shared: Arc<Shared<R>>,
    stage: Stage<S>,
    wake: Arc<LoopWaker>,
    waker: Waker,
    registry: Option<Registry>,
    token: Token,
}

enum Stage<S> {
    Connecting(Box<Connecting<S>>),
    Running(Box<Socket<S>>),
    /// The transport is gone.
    Over,
}

/// A connection that is being made.
struct Connecting<S> {
    plan: Plan,
    turn: Option<Turn>,
    addresses: vec::IntoIter<SocketAddr>,
    stream: Option<TcpStream>,
    /// Whether the system said something of the stream.
    has_event: bool,
    error: Option<io::Error>,
    /// What the stream is to be secured with, and how, once it is connected.
    security: Option<Security>,
    wrap: fn(Security, TcpStream, &ClientRequest) -> Result<S, Error>,
}

/// Wakes the user's loop, and remembers for whom.
struct LoopWaker {
    waker: Arc<::mio::Waker>,
    is_woken: AtomicBool,
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Once is enough until it is run.
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            // Fails only where the system has no memory left.
            let _ = self.waker.wake();
        }
    }
}

impl<R> Dispatcher<MaybeTls<TcpStream>, R> {
    pub(super) fn connecting(
        shared: Arc<Shared<R>>,
        plan: Option<Plan>,
        registry: &Registry,
        token: Token,
        waker: &Arc<::mio::Waker>,
        addresses: Vec<SocketAddr>,
        turn: Option<Turn>,
    ) -> Self {
        let stage = plan.map_or(Stage::Over, |plan| {
            Stage::Connecting(Box::new(Connecting {
                plan,
                turn,
                addresses: addresses.into_iter(),
                stream: None,
                has_event: false,
                error: None,
                security: None,
                wrap: Security::wrap,
            }))
        });
        let mut dispatcher = Self::new(shared, stage, waker, token);
        match registry.try_clone() {
            Ok(registry) => dispatcher.registry = Some(registry),
            Err(error) => dispatcher.fail(error.into()),
        }
        dispatcher
    }
}

impl<S: Stream, R> Dispatcher<S, R> {
    pub(in crate::adapter) fn running(
        shared: Arc<Shared<R>>,
        socket: Socket<S>,
        registry: &Registry,
        token: Token,
        waker: &Arc<::mio::Waker>,
    ) -> io::Result<Self> {
        // Before there is a dispatcher, which would fail the socket when it is dropped.
        let registry = registry.try_clone()?;
        let mut dispatcher = Self::new(shared, Stage::Running(Box::new(socket)), waker, token);
        dispatcher.registry = Some(registry);
        Ok(dispatcher)
    }

    /// Takes an event of the socket's token; then [run](Self::run) it.
    pub fn handle_event(&mut self, event: &Event) {
        match &mut self.stage {
            Stage::Connecting(connecting) => connecting.has_event = true,
            Stage::Running(socket) => socket.handle_event(event),
            Stage::Over => {}
        }
    }

    /// Does what there is to do, and calls the listeners of what came. `Pending` until the next
    /// event of the token, until the waker was woken or until [`timeout`](Self::timeout) has
    /// passed; `Ready` once `close` was fired and the transport is gone: drop it.
    pub fn run(&mut self) -> Poll<()> {
        self.wake.is_woken.store(false, Ordering::Release);
        loop {
            match &mut self.stage {
                Stage::Connecting(connecting) => {
                    if self.shared.is_aborted() {
                        self.fail(Error::WebSocket(Failure::ClosedWhileConnecting));
                        continue;
                    }
                    let Some(registry) = &self.registry else {
                        self.stage = Stage::Over;
                        continue;
                    };
                    let turn = connecting.turn.as_ref();
                    if turn.is_some_and(|turn| turn.poll(&self.waker).is_pending()) {
                        return Poll::Pending;
                    }
                    if let Some(turn) = connecting.turn.take() {
                        self.shared.hold_turn(turn);
                    }
                    match ready!(connecting.poll(registry, self.token)) {
                        Ok(socket) => self.stage = Stage::Running(Box::new(socket)),
                        Err(error) => self.fail(error),
                    }
                }
                Stage::Running(socket) => {
                    let shared = &self.shared;
                    ready!(socket.drive(|driver, io| poll_drive(shared, driver, io)));
                    self.fail(proto::Error::Eof.into());
                }
                Stage::Over => {
                    return if self.shared.dispatch() {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    };
                }
            }
        }
    }

    /// Whether the waker was woken for it since it was last run.
    #[must_use]
    pub fn wants_run(&self) -> bool {
        self.wake.is_woken.load(Ordering::Acquire)
    }

    /// How long `Poll::poll` may wait at most.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Running(socket) => socket.timeout(),
            Stage::Connecting(_) | Stage::Over => None,
        }
    }

    /// The token that its stream is registered under.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }
}

impl<S, R> Dispatcher<S, R> {
    fn new(
        shared: Arc<Shared<R>>,
        stage: Stage<S>,
        waker: &Arc<::mio::Waker>,
        token: Token,
    ) -> Self {
        let wake = Arc::new(LoopWaker {
            waker: Arc::clone(waker),
            is_woken: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&wake));
        shared.register(&waker);
        Self {
            shared,
            stage,
            wake,
            waker,
            registry: None,
            token,
        }
    }
}

impl<S: Stream, R> Dispatcher<S, R> {
    /// Lets the transport go; the connection has failed unless it is over already.
    fn fail(&mut self, error: Error) {
        self.shared.fail(error);
        if let Some(registry) = &self.registry {
            // What is dropped needs no more events, whether the system agrees or not.
            let _ = match &mut self.stage {
                Stage::Connecting(connecting) => match &mut connecting.stream {
                    Some(stream) => registry.deregister(stream),
                    None => Ok(()),
                },
                Stage::Running(socket) => socket.deregister(registry),
                Stage::Over => Ok(()),
            };
        }
        self.stage = Stage::Over;
    }
}

impl<S: Stream> Connecting<S> {
    /// Tries one address after the other, and begins the opening handshake.
    fn poll(&mut self, registry: &Registry, token: Token) -> Poll<Result<Socket<S>, Error>> {
        loop {
            if let Some(stream) = &mut self.stream {
                if !std::mem::take(&mut self.has_event) {
                    return Poll::Pending;
                }
                match is_connected(stream) {
                    Ok(false) => return Poll::Pending,
                    Ok(true) => {}
                    Err(error) => {
                        let _ = registry.deregister(stream);
                        self.error = Some(error);
                        self.stream = None;
                    }
                }
            }
            if let Some(stream) = self.stream.take() {
                return Poll::Ready(self.open(stream));
            }
            if self.security.is_none() {
                self.security = Some(self.plan.security()?);
            }
            let Some(address) = self.addresses.next() else {
                let none = io::ErrorKind::AddrNotAvailable.into();
                return Poll::Ready(Err(self.error.take().unwrap_or(none).into()));
            };
            match connect(address, registry, token) {
                Ok(stream) => self.stream = Some(stream),
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn open(&mut self, stream: TcpStream) -> Result<Socket<S>, Error> {
        stream.set_nodelay(true)?;
        let security = self
            .security
            .take()
            .map_or_else(|| self.plan.security(), Ok)?;
        let stream = (self.wrap)(security, stream, &self.plan.request)?;
        let config = &self.plan.config;
        let endpoint = Endpoint::client(&self.plan.request, config, clock::seed()?);
        // That it is connected was told by an event that does not come again.
        Ok(Socket::new(stream, endpoint, config, Vec::new()))
    }
}

impl<S, R> Drop for Dispatcher<S, R> {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl<S, R> fmt::Debug for Dispatcher<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn connect(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    let interests = Interest::READABLE | Interest::WRITABLE;
    stream.register(registry, token, interests)?;
    Ok(stream)
}

/// Whether a stream that the system said something of is connected, or why it never will be.
fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
