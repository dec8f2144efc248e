//! The state of a `WebSocket`: what it may send, how it closes, which event follows from what.

use alloc::{borrow::ToOwned, collections::VecDeque, string::String, sync::Arc};
use core::fmt;

use super::{
    BinaryType, CloseEvent, DomError, ErrorEvent, Event, Failure, Location, MessageData,
    MessageEvent, OpenEvent, Protocols, SyntaxError,
};
use crate::{
    endpoint::{Endpoint, EndpointEvent},
    proto::{self, CloseCode, CloseFrame, CloseStatus, Error, Message, Part, State, Timeout},
};

/// A `WebSocket` without its transport and its listeners.
///
/// What the program asks for waits in it until [`next_outgoing`](Self::next_outgoing) hands it to
/// an [`Endpoint`]; what that says is [received](Self::receive) and becomes tasks, each of which
/// [`next_event`](Self::next_event) runs: first the state changes, then the event is there to be
/// fired. So nothing changes while a listener runs but what the listener does.
pub struct WebSocketCore {
    url: String,
    origin: Arc<str>,
    asked_for_protocol: bool,
    state: State,
    protocol: String,
    extensions: String,
    binary_type: BinaryType,
    outgoing: VecDeque<Message<'static>>,
    /// Our Close, behind all that is outgoing.
    close: Option<Option<CloseFrame<'static>>>,
    /// Bytes in `outgoing`, or in what was there at the end.
    queued: u64,
    /// How many messages were.
    #[cfg(any(feature = "futures", feature = "mio", feature = "tokio"))]
    unsent: usize,
    /// Bytes that the endpoint was given and has not written.
    unwritten: u64,
    /// Bytes that were sent too late, and never will be written.
    lost: u64,
    max_buffered_amount: u64,
    is_full: bool,
    tasks: VecDeque<Task>,
    /// The parts so far of a message, from an endpoint that streams.
    parts: Option<Message<'static>>,
    /// Whether the opening handshake is over.
    is_established: bool,
    /// Whether it was closed while connecting.
    is_aborted: bool,
    is_ended: bool,
}

/// Something that was asked for and is the endpoint's to send.
#[derive(Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A message.
    Message(Message<'static>),
    /// Our Close; nothing follows it.
    Close(Option<CloseFrame<'static>>),
}

/// What the standard queues a task for.
enum Task {
    Open {
        protocol: String,
        extensions: String,
    },
    Message(Message<'static>),
    /// The peer has begun the closing handshake.
    Closing,
    End {
        has_failed: bool,
        event: CloseEvent,
    },
}

impl WebSocketCore {
    /// The default of [`set_max_buffered_amount`](Self::set_max_buffered_amount): four of the
    /// largest messages that a peer with our own defaults takes.
    pub const MAX_BUFFERED_AMOUNT: u64 = 64 << 20;

    /// A client's, which connects to `location`.
    ///
    /// # Errors
    ///
    /// As [`Protocols::check`].
    pub fn new(location: &Location, protocols: &Protocols) -> Result<Self, SyntaxError> {
        protocols.check()?;
        let mut core = Self::accepted("", "");
        location.as_str().clone_into(&mut core.url);
        core.origin = location.origin().into();
        core.asked_for_protocol = !protocols.is_empty();
        core.state = State::Connecting;
        core.is_established = false;
        Ok(core)
    }

    /// A server's, or any that is open already: there is no URL, and no `open` event follows.
    #[must_use]
    pub fn accepted(protocol: &str, extensions: &str) -> Self {
        Self {
            url: String::new(),
            origin: "".into(),
            asked_for_protocol: false,
            state: State::Open,
            protocol: protocol.to_owned(),
            extensions: extensions.to_owned(),
            binary_type: BinaryType::Blob,
            outgoing: VecDeque::new(),
            close: None,
            queued: 0,
            #[cfg(any(feature = "futures", feature = "mio", feature = "tokio"))]
            unsent: 0,
            unwritten: 0,
            lost: 0,
            max_buffered_amount: Self::MAX_BUFFERED_AMOUNT,
            is_full: false,
            tasks: VecDeque::new(),
            parts: None,
            is_established: true,
            is_aborted: false,
            is_ended: false,
        }
    }

    /// How many bytes may wait to be written, [`buffered_amount`](Self::buffered_amount) that is:
    /// a message that would be above it is not sent, and closes the connection. So is one behind
    /// more than 1024 messages and one for each 32 of these bytes, since empty ones have a cost too.
    pub const fn set_max_buffered_amount(&mut self, bytes: u64) {
        self.max_buffered_amount = bytes;
    }

    /// Sets what binary messages become from the next event on.
    pub const fn set_binary_type(&mut self, binary_type: BinaryType) {
        self.binary_type = binary_type;
    }

    /// Sends a message, which counts into [`buffered_amount`](Self::buffered_amount) even where it
    /// comes too late to be sent.
    ///
    /// # Errors
    ///
    /// [`DomError::InvalidStateError`] while connecting.
    pub fn send(&mut self, message: Message<'static>) -> Result<(), DomError> {
        let len = message.len() as u64;
        match self.state {
            State::Connecting => return Err(DomError::InvalidStateError),
            State::Open if !self.has_room(len) => {
                // "flag the WebSocket as full and then close the WebSocket connection"
                self.is_full = true;
                self.begin_closing(None);
                self.lost = self.lost.saturating_add(len);
            }
            State::Open => {
                self.queued += len;
                self.outgoing.push_back(message);
            }
            _ => self.lost = self.lost.saturating_add(len),
        }
        Ok(())
    }

    /// Begins to close: behind all that was sent if the connection is open, at once if it is still
    /// connecting. A reason without a code is not sent.
    ///
    /// # Errors
    ///
    /// [`DomError::InvalidAccessError`] for a code other than 1000 and 3000–4999, in any state;
    /// then [`DomError::SyntaxError`] for a reason of more than 123 bytes.
    pub fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), DomError> {
        Self::check_close(code, reason)?;
        match self.state {
            // Whoever connects sees by `is_aborted` that it need not.
            State::Connecting => {
                self.state = State::Closing;
                self.is_aborted = true;
            }
            State::Open => {
                let frame = |code| CloseFrame::new(CloseCode::new(code), reason.to_owned());
                self.begin_closing(code.map(frame));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a program may close with these.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn check_close(code: Option<u16>, reason: &str) -> Result<(), DomError> {
        if let Some(code) = code
            && !matches!(code, 1000 | 3000..=4999)
        {
            return Err(DomError::InvalidAccessError(CloseCode::new(code)));
        }
        if reason.len() > CloseFrame::MAX_REASON_LEN {
            return Err(SyntaxError::ReasonTooLong.into());
        }
        Ok(())
    }

    /// Takes what the endpoint is to send next: a message only if it `can_send` one.
    pub fn next_outgoing(&mut self, can_send: bool) -> Option<Outgoing> {
        if self.is_ended {
            return None;
        }
        match self.outgoing.front() {
            Some(_) if !can_send => None,
            Some(_) => {
                let message = self.outgoing.pop_front()?;
                let len = message.len() as u64;
                self.queued -= len;
                self.unwritten += len;
                Some(Outgoing::Message(message))
            }
            None => self.close.take().map(Outgoing::Close),
        }
    }

    /// Whether [`next_outgoing`](Self::next_outgoing) has something for an endpoint that can send.
    #[cfg(any(feature = "futures", feature = "mio", feature = "tokio"))]
    pub(crate) fn has_outgoing(&self) -> bool {
        !self.is_ended && (!self.outgoing.is_empty() || self.close.is_some())
    }

    /// Takes out the messages that the end kept from being sent. They go on counting.
    #[cfg(any(feature = "futures", feature = "mio", feature = "tokio"))]
    pub(crate) fn take_unsent(&mut self) -> VecDeque<Message<'static>> {
        self.unsent = self.outgoing.len();
        core::mem::take(&mut self.outgoing)
    }

    /// Takes note that the endpoint has this much application data left to write, with what it has
    /// dropped, which never will be: here [`buffered_amount`](Self::buffered_amount) falls, and
    /// nowhere else. Also after the end, as long as what was sent in time is still being written.
    pub const fn set_unwritten(&mut self, bytes: u64) {
        self.unwritten = bytes;
    }

    /// Takes an event of the endpoint.
    ///
    /// # Errors
    ///
    /// [`Failure::NoSubprotocol`] if the server's answer is not one for this interface: then drop
    /// the transport, and call [`fail`](Self::fail).
    pub fn receive(
        &mut self,
        event: EndpointEvent<'_>,
        endpoint: &Endpoint,
    ) -> Result<(), Failure> {
        match event {
            EndpointEvent::Open(_) => {
                let extensions = endpoint.extensions().unwrap_or_default();
                return self.receive_open(endpoint.subprotocol(), extensions);
            }
            EndpointEvent::Event(proto::Event::Message(message)) => self.receive_message(message),
            EndpointEvent::Event(proto::Event::Part(part)) => self.receive_part(part),
            EndpointEvent::Event(proto::Event::Close(_)) => self.receive_closing(),
            EndpointEvent::Event(_) | EndpointEvent::Request(_) => {}
            EndpointEvent::Refused(_) => self.fail(),
            EndpointEvent::Closed(status) => self.receive_closed(&status),
        }
        Ok(())
    }

    /// Takes note that the opening handshake is over.
    ///
    /// # Errors
    ///
    /// [`Failure::NoSubprotocol`] as [`receive`](Self::receive).
    pub fn receive_open(
        &mut self,
        protocol: Option<&str>,
        extensions: String,
    ) -> Result<(), Failure> {
        let protocol = protocol.unwrap_or_default();
        if self.asked_for_protocol && protocol.is_empty() {
            return Err(Failure::NoSubprotocol);
        }
        self.is_established = true;
        self.tasks.push_back(Task::Open {
            protocol: protocol.to_owned(),
            extensions,
        });
        Ok(())
    }

    /// Takes a message. Copies it only if it is borrowed and will not be dropped.
    pub fn receive_message(&mut self, message: Message<'_>) {
        if matches!(self.state, State::Connecting | State::Open) {
            self.tasks.push_back(Task::Message(message.into_owned()));
        }
    }

    /// Takes note of the peer's Close.
    pub fn receive_closing(&mut self) {
        self.tasks.push_back(Task::Closing);
    }

    /// Takes note that the connection is over.
    pub fn receive_closed(&mut self, status: &CloseStatus) {
        let has_failed = match status.error {
            None => false,
            // Not "unexpectedly lost" (RFC 6455 §7.2.1): we were on our way out.
            Some(Error::Eof | Error::Timeout(Timeout::Close)) => status.sent.is_none(),
            Some(_) => true,
        };
        let reason = status.reason().to_owned();
        self.end(has_failed, status.clean, status.code(), reason);
    }

    /// Takes note that the connection failed: `error` and `close` with 1006 follow. Nothing if it
    /// is over already.
    pub fn fail(&mut self) {
        self.end(true, false, CloseCode::ABNORMAL, String::new());
    }

    /// Runs tasks until one fires an event, if one does. The next one fires after all its
    /// listeners were called.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.tasks.pop_front()? {
                Task::Open {
                    protocol,
                    extensions,
                } if self.state == State::Connecting => {
                    self.state = State::Open;
                    self.extensions = extensions;
                    self.protocol = protocol;
                    return Some(Event::Open(OpenEvent));
                }
                Task::Message(message) if self.state == State::Open => {
                    return Some(Event::Message(MessageEvent {
                        data: MessageData::new(message, self.binary_type),
                        origin: Arc::clone(&self.origin),
                    }));
                }
                Task::Open { .. } | Task::Message(_) => {}
                Task::Closing => {
                    if self.state == State::Open {
                        self.state = State::Closing;
                    }
                }
                Task::End { has_failed, event } => {
                    self.state = State::Closed;
                    if !has_failed && !self.is_full {
                        return Some(Event::Close(event));
                    }
                    self.is_full = false;
                    let has_failed = false;
                    self.tasks.push_front(Task::End { has_failed, event });
                    return Some(Event::Error(ErrorEvent));
                }
            }
        }
    }

    /// `url`: the URL, serialised; empty at a server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `readyState`.
    #[must_use]
    pub const fn ready_state(&self) -> State {
        self.state
    }

    /// `bufferedAmount`: bytes of payload that were sent and not yet written to the network, and
    /// those that were sent too late.
    #[must_use]
    pub const fn buffered_amount(&self) -> u64 {
        self.unwritten_amount().saturating_add(self.lost)
    }

    /// Bytes of payload that were sent in time and not yet written.
    #[must_use]
    pub const fn unwritten_amount(&self) -> u64 {
        self.queued.saturating_add(self.unwritten)
    }

    /// What waits here costs: the bytes of payload that are not written, and something for the place
    /// of each message, since else empty ones would have none.
    #[cfg(any(feature = "futures", feature = "mio", feature = "tokio"))]
    pub(crate) fn waiting_cost(&self) -> u64 {
        let messages = (self.outgoing.len() + self.unsent) as u64;
        let places = messages.saturating_mul(MESSAGE_COST);
        self.unwritten_amount().saturating_add(places)
    }

    /// `protocol`: the subprotocol that the server chose; empty before `open`.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// `extensions`: what was agreed on; empty before `open`.
    #[must_use]
    pub fn extensions(&self) -> &str {
        &self.extensions
    }

    /// `binaryType`.
    #[must_use]
    pub const fn binary_type(&self) -> BinaryType {
        self.binary_type
    }

    /// Whether it was closed while connecting: then drop the transport and call
    /// [`fail`](Self::fail).
    #[must_use]
    pub const fn is_aborted(&self) -> bool {
        self.is_aborted && !self.is_ended
    }

    /// Whether the endpoint's events may be taken although nobody asks for events yet: before the
    /// connection is open, and once it is closing, when there is nothing left to miss.
    #[must_use]
    pub const fn takes_events_early(&self) -> bool {
        !self.is_established
            || self.is_ended
            || !matches!(self.state, State::Connecting | State::Open)
    }

    /// Whether more was sent than may wait.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether the connection is over, whatever is still to be fired.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether one more message may wait. Those that count little are bounded by their number.
    fn has_room(&self, len: u64) -> bool {
        let messages = self.outgoing.len() as u64;
        self.buffered_amount().saturating_add(len) <= self.max_buffered_amount
            && messages <= SMALL_MESSAGES + self.max_buffered_amount / MESSAGE_COST
    }

    fn begin_closing(&mut self, frame: Option<CloseFrame<'static>>) {
        self.state = State::Closing;
        self.close = Some(frame);
    }

    fn receive_part(&mut self, part: Part<'_>) {
        if let Some(whole) = part.join(&mut self.parts) {
            self.receive_message(whole);
        }
    }

    fn end(&mut self, has_failed: bool, was_clean: bool, code: CloseCode, reason: String) {
        if self.is_ended {
            return;
        }
        self.is_ended = true;
        let event = CloseEvent {
            was_clean,
            code: code.get(),
            reason,
        };
        self.tasks.push_back(Task::End { has_failed, event });
    }
}

/// How many messages may wait at least, whatever they hold.
const SMALL_MESSAGES: u64 = 1024;

/// What a message that waits costs beside its payload, in bytes.
const MESSAGE_COST: u64 = 32;

impl fmt::Debug for WebSocketCore {
    /// Leaves the query and the credentials of the URL out, and all that waits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketCore")
            .field("origin", &self.origin)
            .field("ready_state", &self.state)
            .field("buffered_amount", &self.buffered_amount())
            .finish_non_exhaustive()
    }
}
