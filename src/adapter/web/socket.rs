//! The interface.

use std::{
    fmt,
    marker::PhantomData,
    string::{String, ToString},
    sync::Arc,
};

use super::{Builder, Events, Listener, shared::Shared};
use crate::{
    adapter::Error,
    proto::{Message, State},
    web::{
        BinaryType, CloseEvent, DomError, ErrorEvent, Event, EventType, MessageEvent, OpenEvent,
    },
};

/// A handle to a connection, with the members that MDN documents. `R` is the runtime that drives
/// it; [`web`](super) explains it method by method.
///
/// Cheap to clone, `Send` and `Sync`; no method blocks. Dropping the last handle is
/// [`close`](Self::close) without a code: what was sent is still written.
#[must_use = "dropping the last handle closes the connection"]
pub struct WebSocket<R> {
    shared: Arc<Shared<R>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R> WebSocket<R> {
    /// `CONNECTING`, the numeric value of [`State::Connecting`].
    pub const CONNECTING: u16 = 0;
    /// `OPEN`, the numeric value of [`State::Open`].
    pub const OPEN: u16 = 1;
    /// `CLOSING`, the numeric value of [`State::Closing`].
    pub const CLOSING: u16 = 2;
    /// `CLOSED`, the numeric value of [`State::Closed`].
    pub const CLOSED: u16 = 3;

    /// A connection to `url` with settings of your own.
    pub fn builder(url: &str) -> Builder<R> {
        Builder::new(url)
    }

    /// Lets events be fired and messages be read. [`set_onmessage`](Self::set_onmessage), a
    /// listener for messages, and [`events`](Self::events) do so as well.
    pub fn start(&self) {
        self.shared.start();
    }

    /// Queues a message: text goes as text, bytes and a [`Blob`](crate::web::Blob) as binary.
    ///
    /// Never blocks. Once closing has begun the message is dropped, and still counts into
    /// [`buffered_amount`](Self::buffered_amount). So it does if more than
    /// [`Builder::max_buffered_amount`] would wait; that closes the connection, with an `error`
    /// event before `close`.
    ///
    /// # Errors
    ///
    /// [`DomError::InvalidStateError`] while connecting.
    pub fn send<'m>(&self, data: impl Into<Message<'m>>) -> Result<(), DomError> {
        let message = data.into().into_owned();
        self.shared.lock().core.send(message)?;
        self.shared.wake();
        Ok(())
    }

    /// Closes the connection, behind all that was sent; the `close` event comes once the peer has
    /// answered. With no code the Close frame has no body, whatever the reason.
    ///
    /// Does nothing if closing has begun, and fails the connection if it is not open yet. Never
    /// blocks, and fires nothing by itself.
    ///
    /// # Errors
    ///
    /// [`DomError::InvalidAccessError`] if the code is neither 1000 nor 3000 to 4999; else
    /// [`DomError::SyntaxError`] if the reason is longer than 123 bytes.
    pub fn close(&self, code: Option<u16>, reason: &str) -> Result<(), DomError> {
        self.shared.close(code, reason)
    }

    /// The URL, serialised; empty at a server.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.lock().core.url().to_string()
    }

    /// How far the connection has come, as listeners know it.
    #[must_use]
    pub fn ready_state(&self) -> State {
        self.shared.lock().core.ready_state()
    }

    /// Bytes of payload that were sent and not yet written to the network, and those that were
    /// sent too late; no framing.
    ///
    /// It falls between two events, never while a listener runs: on other threads at any time.
    #[must_use]
    pub fn buffered_amount(&self) -> u64 {
        self.shared.lock().core.buffered_amount()
    }

    /// The extensions that are in use; empty before `open`.
    #[must_use]
    pub fn extensions(&self) -> String {
        self.shared.lock().core.extensions().to_string()
    }

    /// The subprotocol that the server chose; empty before `open`.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.shared.lock().core.protocol().to_string()
    }

    /// What binary messages become.
    #[must_use]
    pub fn binary_type(&self) -> BinaryType {
        self.shared.lock().core.binary_type()
    }

    /// Sets what binary messages become, from the next event on.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.shared.lock().core.set_binary_type(binary_type);
    }

    /// Why the connection failed, from the `error` event on at the latest: what a browser does not
    /// tell. Also what ended it where there is only a `close` event that is not clean.
    #[must_use]
    pub fn error(&self) -> Option<Arc<Error>> {
        self.shared.error()
    }

    /// The events one after the other, in place of listeners or besides; starts. There is one
    /// receiver at a time: another one ends the one before.
    pub fn events(&self) -> Events<R> {
        let events = Events::new(self.clone());
        self.start();
        events
    }

    pub(in crate::adapter) fn attach(shared: &Arc<Shared<R>>) -> Self {
        shared.add_handle();
        Self {
            shared: Arc::clone(shared),
            runtime: PhantomData,
        }
    }

    pub(in crate::adapter) const fn shared(&self) -> &Arc<Shared<R>> {
        &self.shared
    }
}

/// Listeners. All of a socket run one after the other on the thread that drives it, in the order
/// in which they were set or added. A panic in one is reported by the panic hook and ends only
/// that call.
impl<R: 'static> WebSocket<R> {
    /// Sets `onopen`; another one takes its place.
    pub fn set_onopen(&self, mut handler: impl FnMut(&Self, &OpenEvent) + Send + 'static) {
        self.set_handler(EventType::Open, move |socket, event| {
            if let Event::Open(event) = event {
                handler(socket, event);
            }
        });
    }

    /// Sets `onmessage`, and starts: set the others before.
    pub fn set_onmessage(&self, mut handler: impl FnMut(&Self, &MessageEvent) + Send + 'static) {
        self.set_handler(EventType::Message, move |socket, event| {
            if let Event::Message(event) = event {
                handler(socket, event);
            }
        });
        self.start();
    }

    /// Sets `onerror`.
    pub fn set_onerror(&self, mut handler: impl FnMut(&Self, &ErrorEvent) + Send + 'static) {
        self.set_handler(EventType::Error, move |socket, event| {
            if let Event::Error(event) = event {
                handler(socket, event);
            }
        });
    }

    /// Sets `onclose`.
    pub fn set_onclose(&self, mut handler: impl FnMut(&Self, &CloseEvent) + Send + 'static) {
        self.set_handler(EventType::Close, move |socket, event| {
            if let Event::Close(event) = event {
                handler(socket, event);
            }
        });
    }

    /// Sets the `on*` handler of an event back to none; one set later is last in order.
    pub fn clear_handler(&self, event: EventType) {
        let old = self.shared.lock().target.clear_handler(event);
        drop(old);
    }

    /// Adds a listener; one for messages starts. The same one twice for an event is once.
    pub fn add_event_listener(&self, event: EventType, listener: &Listener<R>) {
        self.add(event, listener, false);
    }

    /// Adds a listener that is removed before it is called.
    pub fn add_event_listener_once(&self, event: EventType, listener: &Listener<R>) {
        self.add(event, listener, true);
    }

    /// Removes a listener, also while the event is fired: then it is not called any more.
    pub fn remove_event_listener(&self, event: EventType, listener: &Listener<R>) {
        let removed = self.shared.lock().target.remove(event, listener);
        drop(removed);
    }

    fn add(&self, event: EventType, listener: &Listener<R>, once: bool) {
        let mut state = self.shared.lock();
        // Nothing fires any more, and nobody would let go of it.
        let refused = if state.is_over {
            None
        } else {
            state.target.add(event, listener.clone(), once)
        };
        drop(state);
        drop(refused);
        if event == EventType::Message {
            self.start();
        }
    }

    fn set_handler(&self, event: EventType, handler: impl FnMut(&Self, &Event) + Send + 'static) {
        let listener = Listener::new(handler);
        let mut state = self.shared.lock();
        let old = if state.is_over {
            Some(listener)
        } else {
            state.target.set_handler(event, listener)
        };
        drop(state);
        drop(old);
    }
}

impl<R> Clone for WebSocket<R> {
    fn clone(&self) -> Self {
        Self::attach(&self.shared)
    }
}

impl<R> Drop for WebSocket<R> {
    fn drop(&mut self) {
        self.shared.remove_handle();
    }
}

impl<R> fmt::Debug for WebSocket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not while it is locked: what is written to may be the program's, and use the socket.
        let core = std::format!("{:?}", self.shared.lock().core);
        f.debug_struct("WebSocket")
            .field("core", &format_args!("{core}"))
            .finish_non_exhaustive()
    }
}
