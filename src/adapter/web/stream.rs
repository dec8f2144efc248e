//! The interface with backpressure.

#[cfg(any(feature = "futures", feature = "tokio"))]
use std::task::Context;
use std::{fmt, io, string::String, task::Poll};

#[cfg(any(feature = "futures", feature = "tokio"))]
use super::waiting::Waiting;
use super::{AbortSignal, Events, WebSocket, events::Receiver, shared::State};
use crate::{
    proto::Message,
    web::{
        CloseInfo, DomError, Event, MessageData, Protocols, StreamCore, StreamError, WebSocketError,
    },
};

/// How much may wait to be written before a write waits: enough to keep a connection busy.
pub(super) const HIGH_WATER_MARK: u64 = 256 << 10;

/// A connection as a pair of streams, with backpressure both ways: a message is read when you ask
/// for it, and a write waits while the peer does not read. Over tokio and futures-io its methods
/// are futures; over std they block.
///
/// What it may hold is [stated](super#memory): of what comes, one message.
///
/// Of [MDN's] interface: `url`, `opened`, `closed`, `close`. Dropping it and both its halves closes
/// the connection, as dropping a [`WebSocket`] does.
///
/// [MDN's]: https://developer.mozilla.org/en-US/docs/Web/API/WebSocketStream
///
/// ```
/// # use sansock::adapter::blocking::Socket;
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// # let url = format!("ws://{}/", listener.local_addr().unwrap());
/// # std::thread::spawn(move || {
/// #     let (stream, _) = listener.accept().unwrap();
/// #     let mut socket = Socket::accept(stream, &Default::default()).unwrap();
/// #     while let Ok(Some(message)) = socket.recv() {
/// #         let _ = socket.send(message);
/// #     }
/// # });
/// use sansock::adapter::{blocking::WebSocketStream, web::StreamOptions};
///
/// let stream = WebSocketStream::new(&url, &StreamOptions::default())?;
/// let mut opened = stream.opened()?;
/// opened.writable.write("Hello")?;
/// let chunk = opened.readable.next().ok_or("it ended")??;
/// assert_eq!(chunk.as_text(), Some("Hello"));
/// opened.writable.close()?;
/// assert_eq!(stream.closed()?.close_code, Some(1005));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebSocketStream<R> {
    socket: WebSocket<R>,
}

/// What a stream is made with besides its URL.
#[derive(Clone, Debug, Default)]
pub struct StreamOptions {
    /// Subprotocols to ask for.
    pub protocols: Protocols,
    /// Aborts the opening handshake; after that it does nothing.
    pub signal: Option<AbortSignal>,
}

/// An open stream: what `opened` comes to.
#[non_exhaustive]
pub struct Opened<R> {
    /// Messages that come.
    pub readable: Readable<R>,
    /// Messages that go.
    pub writable: Writable<R>,
    /// The extensions that are in use.
    pub extensions: String,
    /// The subprotocol that the server chose.
    pub protocol: String,
}

/// Messages that come, one for each time they are asked for: text, or bytes as
/// [`MessageData::ArrayBuffer`]. No more are read than that. Dropping it discards what still comes.
pub struct Readable<R> {
    events: Events<R>,
    has_ended: bool,
}

/// Messages that go.
pub struct Writable<R> {
    socket: WebSocket<R>,
    #[cfg(any(feature = "futures", feature = "tokio"))]
    waiting: Waiting<R>,
}

impl<R: 'static> WebSocketStream<R> {
    /// A stream of a connection that is about to be made.
    pub(in crate::adapter) fn new_of(socket: &WebSocket<R>, signal: Option<&AbortSignal>) -> Self {
        let mut state = socket.shared().lock();
        state.stream = Some(StreamCore::default());
        state.receiver = Some(Receiver::one_by_one(state.take_id()));
        // Whoever writes waits, so this is bounded already: by one message.
        state.core.set_max_buffered_amount(u64::MAX);
        state
            .core
            .set_binary_type(crate::web::BinaryType::ArrayBuffer);
        drop(state);
        socket.start();
        if let Some(signal) = signal {
            signal.add(socket.shared());
        }
        Self {
            socket: socket.clone(),
        }
    }
}

impl<R> WebSocketStream<R> {
    /// The URL, serialised.
    #[must_use]
    pub fn url(&self) -> String {
        self.socket.url()
    }

    /// Closes; `closed` says when that is done. A reason without a code goes with 1000. Messages
    /// that were not read by now are dropped.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&self, info: &CloseInfo) -> Result<(), DomError> {
        self.socket.close(info.code_to_send(), &info.reason)
    }

    /// The socket below, to ask for its [`error`](WebSocket::error), say. Taking its events would
    /// take them from the stream.
    pub const fn socket(&self) -> &WebSocket<R> {
        &self.socket
    }

    pub(in crate::adapter) fn open(&self) -> Opened<R> {
        Opened {
            readable: Readable {
                events: Events::one_by_one(self.socket.clone()),
                has_ended: false,
            },
            writable: Writable {
                socket: self.socket.clone(),
                #[cfg(any(feature = "futures", feature = "tokio"))]
                waiting: Waiting::new(&self.socket),
            },
            extensions: self.socket.extensions(),
            protocol: self.socket.protocol(),
        }
    }
}

impl<R> Readable<R> {
    /// Gives up reading and closes the connection: with the code and reason of `reason`, else with
    /// none.
    pub fn cancel(self, reason: Option<&WebSocketError>) {
        close_with(self.events.socket(), reason);
    }

    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(in crate::adapter) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<MessageData, StreamError>>> {
        loop {
            match self.events.poll_next_event(cx) {
                Poll::Ready(event) => {
                    if let Poll::Ready(chunk) = self.chunk(event) {
                        return Poll::Ready(chunk);
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    #[cfg(feature = "mio")]
    pub(in crate::adapter) fn read_blocking(&mut self) -> Option<Result<MessageData, StreamError>> {
        loop {
            let event = self.events.next_blocking();
            if let Poll::Ready(chunk) = self.chunk(event) {
                return chunk;
            }
        }
    }

    /// What an event is to who reads; `Pending` if nothing.
    fn chunk(&mut self, event: Option<Event>) -> Poll<Option<Result<MessageData, StreamError>>> {
        match event {
            Some(Event::Message(message)) => Poll::Ready(Some(Ok(message.data))),
            Some(Event::Open(_) | Event::Error(_)) => Poll::Pending,
            Some(Event::Close(_)) | None if self.has_ended => Poll::Ready(None),
            Some(Event::Close(_)) | None => {
                self.has_ended = true;
                let state = self.events.socket().shared().lock();
                let closed = state.stream.as_ref().and_then(StreamCore::closed);
                Poll::Ready(closed.and_then(Result::err).map(Err))
            }
        }
    }
}

impl<R> Writable<R> {
    /// Gives up writing and closes the connection: with the code and reason of `reason`, else with
    /// none. What was written still goes out; messages that were not read by now are dropped.
    pub fn abort(self, reason: Option<&WebSocketError>) {
        close_with(&self.socket, reason);
    }

    pub(in crate::adapter) const fn socket(&self) -> &WebSocket<R> {
        &self.socket
    }

    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(super) const fn waiting(&mut self) -> &mut Waiting<R> {
        &mut self.waiting
    }

    /// Sends a message; [`room`] was there before, but it may have closed since.
    pub(in crate::adapter) fn send(&self, message: Message<'_>) -> Result<(), StreamError> {
        let message = message.into_owned();
        let shared = self.socket.shared();
        let mut state = shared.lock();
        if let Some(Err(error)) = room(&mut state) {
            return Err(error);
        }
        let sent = state.core.send(message);
        drop(state);
        shared.wake();
        sent.map_err(|_| StreamError::InvalidStateError)
    }

    pub(in crate::adapter) fn begin_closing(&self) {
        close_with(&self.socket, None);
    }
}

/// Whether a message may be written, or never any more.
pub(in crate::adapter) fn room<R>(state: &mut State<R>) -> Option<Result<(), StreamError>> {
    if let Some(error) = state.stream.as_ref()?.write_error() {
        return Some(Err(error));
    }
    if state.core.ready_state() != crate::State::Open {
        return Some(Err(StreamError::InvalidStateError));
    }
    done(state, state.core.waiting_cost() < HIGH_WATER_MARK)
}

/// Whether all but a little was handed to the network, or never will be.
pub(in crate::adapter) fn handed_over<R>(state: &mut State<R>) -> Option<Result<(), StreamError>> {
    done(state, state.core.waiting_cost() < HIGH_WATER_MARK)
}

/// Whether all was, or never will be.
#[cfg(any(feature = "futures", feature = "tokio"))]
pub(in crate::adapter) fn flushed<R>(state: &mut State<R>) -> Option<Result<(), StreamError>> {
    done(state, state.is_flushed())
}

/// How it ended, once it has.
pub(in crate::adapter) fn ended<R>(state: &mut State<R>) -> Option<Result<(), StreamError>> {
    let closed = state.stream.as_ref()?.closed()?;
    Some(closed.map(drop))
}

fn done<R>(state: &State<R>, is_done: bool) -> Option<Result<(), StreamError>> {
    if is_done {
        return Some(Ok(()));
    }
    let error = state.stream.as_ref()?.write_error();
    let unwritable = state
        .is_unwritable
        .then_some(StreamError::InvalidStateError);
    error.or(unwritable).map(Err)
}

fn close_with<R>(socket: &WebSocket<R>, reason: Option<&WebSocketError>) {
    let (code, reason) = match reason {
        Some(error) => (error.close_code(), error.reason()),
        None => (None, ""),
    };
    // The error of a connection that has ended may have a code that nobody may send.
    if socket.close(code, reason).is_err() {
        // Neither a code nor a reason can be wrong.
        let _ = socket.close(None, "");
    }
}

#[cfg(feature = "mio")]
impl<R> WebSocket<R> {
    /// Waits until `look` finds something.
    pub(in crate::adapter) fn wait_until<T>(&self, look: impl Fn(&mut State<R>) -> Option<T>) -> T {
        let shared = self.shared();
        let mut state = shared.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return found;
            }
            let waited = shared.changed.wait(state);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

impl From<StreamError> for io::Error {
    /// For those who read a stream of messages as bytes.
    fn from(error: StreamError) -> Self {
        Self::other(error)
    }
}

impl<R> fmt::Debug for WebSocketStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream")
            .field("socket", &self.socket)
            .finish()
    }
}

impl<R> fmt::Debug for Opened<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("extensions", &self.extensions)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Readable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readable")
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Writable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writable")
            .field("socket", &self.socket)
            .finish()
    }
}
