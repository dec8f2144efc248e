//! The browsers' `WebSocket`, driven by a future that you poll or spawn.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use super::{Io, NoTimer, Socket, Timer};
use crate::{
    adapter::{
        Error,
        web::{self, Builder, Events, Plan, Shared, StreamOptions, polled},
    },
    web::{DomError, Event, Location},
};

/// The browsers' `WebSocket`, driven by a future that comes with it: poll it or spawn it.
///
/// futures-io knows streams but not how to make one, so a connector is given: a closure from the
/// host, port and kind of transport to a future of a stream. For a `wss:` URL, where
/// [`Location::is_secure`], that must be one with TLS. Its deadlines hold only with a
/// [`Timer`].
///
/// ```no_run
/// # fn run() -> Result<(), sansock::web::DomError> {
/// use sansock::adapter::futures::WebSocket;
/// use smol::net::TcpStream;
///
/// let (socket, driver) = WebSocket::new("ws://127.0.0.1:9001/", |location| async move {
///     TcpStream::connect((location.host(), location.port())).await
/// })?;
/// // Nothing happens before the future is polled, so nothing is missed.
/// socket.set_onopen(|socket, _| socket.send("hello").unwrap());
/// socket.set_onmessage(|_, event| println!("{:?}", event.data));
/// smol::spawn(driver).detach();
/// # drop(socket);
/// # Ok(())
/// # }
/// ```
pub type WebSocket = web::WebSocket<Futures>;

/// The runtime of [`WebSocket`]: whichever polls its future.
#[derive(Clone, Copy, Debug)]
pub enum Futures {}

impl WebSocket {
    /// Connects to `url` once the future is polled, over the stream that `connector` comes to.
    /// The socket is CONNECTING; what goes wrong later is an event. Events wait until
    /// [`start`](web::WebSocket::start).
    ///
    /// Dropping the future fails the connection.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL is not one to connect to.
    pub fn new<S, F, C>(
        url: &str,
        connector: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<S, F, C>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
    {
        Self::builder(url).connect(connector)
    }

    /// [`new`](Self::new), asking for subprotocols.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] also if one of them is no token, or named twice.
    pub fn with_protocols<S, F, C>(
        url: &str,
        protocols: &[&str],
        connector: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<S, F, C>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
    {
        Self::builder(url).protocols(protocols).connect(connector)
    }

    /// A socket of a connection that is open, such as one that a server accepted: OPEN from the
    /// beginning, so no `open` event follows. Messages wait until [`start`](web::WebSocket::start).
    pub fn from_socket<S, T>(socket: Socket<S, T>) -> (Self, impl Future<Output = ()>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: Timer,
    {
        let shared = Shared::accepted(socket.subprotocol(), socket.extensions());
        (Self::attach(&shared), polled::run(shared, socket))
    }
}

impl Builder<Futures> {
    /// Connects, as [`WebSocket::new`].
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn connect<S, F, C>(
        self,
        connector: C,
    ) -> Result<(WebSocket, impl Future<Output = ()>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
    {
        self.connect_with_timer(connector, NoTimer)
    }

    /// [`connect`](Self::connect) with a timer, so that deadlines and keep-alive hold.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with_timer<S, F, T, C>(
        self,
        connector: C,
        timer: T,
    ) -> Result<(WebSocket, impl Future<Output = ()>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
        T: Timer,
    {
        let (socket, plan) = self.prepare()?;
        let shared = Arc::clone(socket.shared());
        let request = plan
            .as_ref()
            .map(|plan| (plan.request.clone(), Arc::clone(&plan.config)));
        let connecting = open(Arc::clone(&shared), plan, connector, timer);
        Ok((socket, polled::connect(shared, request, connecting)))
    }
}

/// The browsers' `WebSocketStream`, driven by a future that comes with it: poll it or spawn it.
pub type WebSocketStream = web::WebSocketStream<Futures>;

impl WebSocketStream {
    /// Connects to `url` once the future is polled, over the stream that `connector` comes to.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn new<S, F, C>(
        url: &str,
        options: &StreamOptions,
        connector: C,
    ) -> Result<(Self, impl Future<Output = ()> + use<S, F, C>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
    {
        let builder = WebSocket::builder(url).protocols(options.protocols.clone());
        let (socket, driver) = builder.connect(connector)?;
        Ok((Self::new_of(&socket, options.signal.as_ref()), driver))
    }
}

impl Builder<Futures> {
    /// Connects, as [`WebSocketStream::new`]; with a timer, so that deadlines and keep-alive hold.
    /// Of the settings, the greatest `bufferedAmount` and the type of binary messages mean nothing
    /// to a stream.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    pub fn connect_stream<S, F, T, C>(
        self,
        connector: C,
        timer: T,
    ) -> Result<(WebSocketStream, impl Future<Output = ()>), DomError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = io::Result<S>>,
        C: FnOnce(Location) -> F,
        T: Timer,
    {
        let (socket, driver) = self.connect_with_timer(connector, timer)?;
        Ok((WebSocketStream::new_of(&socket, None), driver))
    }
}

/// Waits for the turn, and for the connector.
async fn open<S, F, T, C>(
    shared: Arc<Shared<Futures>>,
    plan: Option<Plan>,
    connector: C,
    timer: T,
) -> Result<Io<S, T>, Error>
where
    F: Future<Output = io::Result<S>>,
    C: FnOnce(Location) -> F,
{
    let plan = plan.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let location = plan.location;
    if plan.connects_one_by_one {
        let host = std::format!("{}:{}", location.host(), location.port());
        polled::wait_for_turn(&shared, host).await;
    }
    let stream = connector(location).await?;
    Ok(Io { stream, timer })
}

impl Stream for Events<Futures> {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_next_event(cx)
    }
}
