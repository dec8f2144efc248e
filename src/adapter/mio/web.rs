//! The browsers' `WebSocket`, dispatched by a loop of your own.

use std::{io, net::SocketAddr, string::ToString, sync::Arc, vec::Vec};

use ::mio::{Registry, Token, net::TcpStream};

use super::{Dispatcher, Socket, Stream};
use crate::{
    adapter::{
        MaybeTls,
        web::{self, Builder, Plan, Shared, Turn},
    },
    web::DomError,
};

/// The browsers' `WebSocket` in a loop of your own around mio's `Poll`: a [`Dispatcher`] comes with
/// it, which connects, moves bytes and calls the listeners when you run it.
///
/// You resolve the host, since that blocks. The [`Waker`](::mio::Waker) is woken when another
/// thread, or a listener, asks for something: then run those dispatchers that
/// [want to](Dispatcher::wants_run).
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{io::ErrorKind, net::ToSocketAddrs, sync::Arc};
/// use mio::{Events, Poll, Token, Waker};
/// use sansock::adapter::mio::WebSocket;
///
/// let mut poll = Poll::new()?;
/// let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
/// let addresses: Vec<_> = "127.0.0.1:9001".to_socket_addrs()?.collect();
/// let builder = WebSocket::builder("ws://127.0.0.1:9001/").protocols(["chat"]);
/// let (socket, mut dispatcher) = builder.connect(poll.registry(), Token(1), &waker, &addresses)?;
/// socket.set_onopen(|socket, _| socket.send("hello").unwrap());
/// socket.set_onmessage(|_, event| println!("{:?}", event.data));
///
/// let mut events = Events::with_capacity(64);
/// while dispatcher.run().is_pending() {
///     match poll.poll(&mut events, dispatcher.timeout()) {
///         Err(error) if error.kind() == ErrorKind::Interrupted => continue, // by a signal
///         polled => polled?,
///     }
///     for event in events.iter().filter(|event| event.token() == Token(1)) {
///         dispatcher.handle_event(event);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub type WebSocket = web::WebSocket<Mio>;

/// The runtime of [`WebSocket`]: the user's loop around mio's `Poll`.
#[derive(Clone, Copy, Debug)]
pub enum Mio {}

impl WebSocket {
    /// A socket of a connection that is open, such as one that a server accepted: OPEN from the
    /// beginning, so no `open` event follows. Messages wait until [`start`](web::WebSocket::start).
    ///
    /// The stream is registered under `token`; if it was registered before, deregister it first.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn from_socket<S: Stream>(
        mut socket: Socket<S>,
        registry: &Registry,
        token: Token,
        waker: &Arc<::mio::Waker>,
    ) -> io::Result<(Self, Dispatcher<S>)> {
        socket.register(registry, token)?;
        let shared = Shared::accepted(socket.subprotocol(), socket.extensions());
        let handle = Self::attach(&shared);
        let dispatcher = Dispatcher::running(shared, socket, registry, token, waker)?;
        Ok((handle, dispatcher))
    }
}

impl Builder<Mio> {
    /// A socket in CONNECTING, which tries each of `addresses` as its dispatcher is run, and
    /// registers its stream under `token`. What goes wrong later is an event. Events wait until
    /// [`start`](web::WebSocket::start).
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn connect(
        self,
        registry: &Registry,
        token: Token,
        waker: &Arc<::mio::Waker>,
        addresses: &[SocketAddr],
    ) -> Result<(WebSocket, Dispatcher), DomError> {
        let (socket, plan) = self.prepare()?;
        let shared = Arc::clone(socket.shared());
        let dispatcher = connect(shared, plan, registry, token, waker, addresses.to_vec());
        Ok((socket, dispatcher))
    }
}

/// What connects to the first of `addresses` that answers.
pub(in crate::adapter) fn connect<R>(
    shared: Arc<Shared<R>>,
    plan: Option<Plan>,
    registry: &Registry,
    token: Token,
    waker: &Arc<::mio::Waker>,
    addresses: Vec<SocketAddr>,
) -> Dispatcher<MaybeTls<TcpStream>, R> {
    let turn = match (&plan, addresses.first()) {
        (Some(plan), Some(address)) if plan.connects_one_by_one => {
            Some(Turn::queue(address.to_string()))
        }
        _ => None,
    };
    Dispatcher::connecting(shared, plan, registry, token, waker, addresses, turn)
}
