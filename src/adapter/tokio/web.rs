//! The browsers' `WebSocket`, driven by a task.

use std::{
    io,
    pin::Pin,
    string::ToString,
    sync::Arc,
    task::{Context, Poll},
    vec::Vec,
};

use ::tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use futures_core::Stream;

use super::{Io, Socket};
use crate::{
    adapter::{
        Error, MaybeTls,
        web::{self, Builder, Events, Plan, Shared, StreamOptions, polled},
    },
    web::{DomError, Event, Protocols},
};

/// The browsers' `WebSocket`, driven by a task of the runtime that it is made in.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use sansock::adapter::tokio::WebSocket;
///
/// let socket = WebSocket::with("ws://127.0.0.1:9001/", ["chat"], |socket| {
///     socket.set_onopen(|socket, _| socket.send("hello").unwrap());
///     socket.set_onmessage(|_, event| println!("{:?}", event.data));
///     socket.set_onclose(|_, event| println!("closed with {}", event.code));
/// })?;
/// # drop(socket);
/// # Ok(())
/// # }
/// ```
pub type WebSocket = web::WebSocket<Tokio>;

/// The runtime of [`WebSocket`]: tokio.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl WebSocket {
    /// Connects to `url` and returns at once, in CONNECTING; what goes wrong later is an event.
    /// Events wait until [`start`](web::WebSocket::start).
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL is not one to connect to.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(url: &str) -> Result<Self, DomError> {
        Self::builder(url).connect()
    }

    /// [`new`](Self::new), asking for subprotocols.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] also if one of them is no token, or named twice.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn with_protocols(url: &str, protocols: impl Into<Protocols>) -> Result<Self, DomError> {
        Self::builder(url).protocols(protocols).connect()
    }

    /// [`with_protocols`](Self::with_protocols), setting listeners before anything can happen; then
    /// it starts.
    ///
    /// # Errors
    ///
    /// As [`with_protocols`](Self::with_protocols).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
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
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn from_socket<S>(socket: Socket<S>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let shared = Shared::accepted(socket.subprotocol(), socket.extensions());
        let handle = Self::attach(&shared);
        ::tokio::spawn(polled::run(shared, socket));
        handle
    }
}

impl Builder<Tokio> {
    /// Connects, as [`WebSocket::new`].
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
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
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_with(self, listen: impl FnOnce(&WebSocket)) -> Result<WebSocket, DomError> {
        let (socket, plan) = self.prepare()?;
        listen(&socket);
        socket.start();
        drive(&socket, plan);
        Ok(socket)
    }
}

/// The browsers' `WebSocketStream`, driven by a task of the runtime that it is made in.
pub type WebSocketStream = web::WebSocketStream<Tokio>;

impl WebSocketStream {
    /// Connects to `url`, and returns at once.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(url: &str, options: &StreamOptions) -> Result<Self, DomError> {
        let builder = WebSocket::builder(url).protocols(options.protocols.clone());
        let (socket, plan) = builder.prepare()?;
        let stream = Self::new_of(&socket, options.signal.as_ref());
        drive(&socket, plan);
        Ok(stream)
    }
}

impl Builder<Tokio> {
    /// Connects, as [`WebSocketStream::new`]. Of the settings, the greatest `bufferedAmount` and the
    /// type of binary messages mean nothing to a stream.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL or a subprotocol is not what it must be.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn connect_stream(self) -> Result<WebSocketStream, DomError> {
        let (socket, plan) = self.prepare()?;
        let stream = WebSocketStream::new_of(&socket, None);
        drive(&socket, plan);
        Ok(stream)
    }
}

/// Spawns the task that connects and drives the connection.
fn drive(socket: &WebSocket, plan: Option<Plan>) {
    let shared = Arc::clone(socket.shared());
    let request = plan
        .as_ref()
        .map(|plan| (plan.request.clone(), Arc::clone(&plan.config)));
    let connecting = connect(Arc::clone(&shared), plan);
    ::tokio::spawn(polled::connect(shared, request, connecting));
}

/// Resolves the host, and tries each of its addresses.
async fn connect(
    shared: Arc<Shared<Tokio>>,
    plan: Option<Plan>,
) -> Result<Io<MaybeTls<TcpStream>>, Error> {
    let plan = plan.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let location = &plan.location;
    let security = plan.security()?;
    let addresses = lookup_host((location.host(), location.port())).await?;
    let addresses: Vec<_> = addresses.collect();
    if plan.connects_one_by_one
        && let Some(address) = addresses.first()
    {
        polled::wait_for_turn(&shared, address.to_string()).await;
    }
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    Ok(Io::new(security.wrap(stream, &plan.request)?))
}

impl Stream for Events<Tokio> {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_next_event(cx)
    }
}
