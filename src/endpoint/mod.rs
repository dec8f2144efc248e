//! A connection from its first byte to its last, with its output queue: the handshake and then the
//! engine in one object.
//!
//! Still no I/O: give [`Endpoint::receive`] what you read, write what [`Endpoint::outbox`] shows,
//! tell [`Endpoint::handle_timeout`] the time.

mod event;
mod outbox;
mod receive;
mod send;
mod trace;

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::mem;

use self::event::Terminal;
pub use self::{event::EndpointEvent, outbox::Outbox, send::MessageKind};
use crate::proto::{
    CloseStatus, Config, Connection, Counters, DeflateParams, Error, Instant, State, Timeout,
    earliest,
    handshake::{
        Accept, AcceptError, ClientHandshake, ClientRequest, Outcome, Reject, Response,
        ServerHandshake,
    },
};

/// One end of a connection: handshake, engine and output queue.
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, Event, proto::handshake::{Accept, ClientRequest}};
/// use sansock::endpoint::{Endpoint, EndpointEvent};
///
/// let config = Arc::new(Config::default());
/// let request = ClientRequest::new("example.com", "/chat")?;
/// let mut client = Endpoint::client(&request, &config, [7; 32]);
/// let mut server = Endpoint::server(&config);
///
/// /// Moves what waits at one end to the other, as a transport would.
/// fn carry(from: &mut Endpoint) -> Vec<u8> {
///     let bytes: Vec<u8> = from.outbox().chunks().flatten().copied().collect();
///     from.outbox().consume(bytes.len());
///     bytes
/// }
///
/// let mut bytes = carry(&mut client);
/// let mut input = &mut bytes[..];
/// assert!(matches!(server.receive(&mut input), Some(EndpointEvent::Request(_))));
/// server.accept(&Accept::new())?;
/// server.send("welcome")?;
///
/// let mut bytes = carry(&mut server);
/// let mut input = &mut bytes[..];
/// assert!(matches!(client.receive(&mut input), Some(EndpointEvent::Open(Some(_)))));
/// let Some(EndpointEvent::Event(Event::Message(message))) = client.receive(&mut input) else {
///     panic!("no message");
/// };
/// assert_eq!(message.as_text(), Some("welcome"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Endpoint {
    stage: Stage,
    outbox: Outbox,
}

/// How far an endpoint has come. The connection lies in line, all else is rare and boxed.
#[derive(Debug)]
enum Stage {
    Client(Box<Opening<ClientHandshake>>),
    Server(Box<Opening<ServerHandshake>>),
    /// Open, and not yet said so.
    Opened(Box<(Connection, Option<Box<Response>>)>),
    Open(Connection),
    /// Over, and not yet said so.
    Ending(Box<Terminal>),
    Ended(Box<Ended>),
}

/// What is left of a connection that is over.
#[derive(Debug, Default)]
struct Ended {
    status: CloseStatus,
    counters: Option<Box<Counters>>,
}

/// A handshake that is under way.
#[derive(Debug)]
struct Opening<H> {
    handshake: H,
    config: Arc<Config>,
    since: Option<Instant>,
    /// Whether a request waits for the server's decision.
    undecided: bool,
}

impl Endpoint {
    /// A client; its request is in the outbox. The nonce and the masking keys follow from `seed`,
    /// which must come from a strong source of entropy (RFC 6455 §10.3).
    #[must_use]
    pub fn client(request: &ClientRequest, config: &Arc<Config>, seed: [u8; 32]) -> Self {
        let mut outbox = Outbox::new();
        let handshake = ClientHandshake::start(request, config, seed, outbox.batch());
        Self {
            stage: Stage::Client(Opening::new(handshake, config)),
            outbox,
        }
    }

    /// A server that waits for a request.
    #[must_use]
    pub fn server(config: &Arc<Config>) -> Self {
        let handshake = ServerHandshake::new(config);
        Self {
            stage: Stage::Server(Opening::new(handshake, config)),
            outbox: Outbox::new(),
        }
    }

    /// An endpoint around a connection that is open already.
    #[must_use]
    pub const fn from_connection(connection: Connection) -> Self {
        Self {
            stage: Stage::Open(connection),
            outbox: Outbox::new(),
        }
    }

    /// Takes note that the transport has ended: nothing more will come.
    pub fn receive_eof(&mut self) {
        match &mut self.stage {
            Stage::Client(opening) => match opening.handshake.receive_eof() {
                Ok(Outcome::Refused(refusal)) => {
                    self.stage = Stage::Ending(Box::new(Terminal::Refused(Box::new(refusal))));
                }
                Ok(Outcome::Open(..)) => self.fail(Error::Eof),
                Err(error) => self.fail(error),
            },
            Stage::Server(opening) => {
                let error = opening.handshake.receive_eof();
                self.fail(error);
            }
            Stage::Opened(opened) => opened.0.receive_eof(),
            Stage::Open(connection) => connection.receive_eof(),
            Stage::Ending(_) | Stage::Ended(_) => {}
        }
        if self.is_finished() {
            self.outbox.drop_unbegun();
        }
    }

    /// Where the rest of a large binary frame may be read to; see [`Connection::direct`].
    pub fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        match &mut self.stage {
            Stage::Open(connection) => connection.direct(),
            _ => None,
        }
    }

    /// Takes note that `n` bytes were appended to the buffer of [`direct`](Self::direct).
    pub fn receive_direct(&mut self, n: usize) -> Option<EndpointEvent<'static>> {
        let Stage::Open(connection) = &mut self.stage else {
            return None;
        };
        let event = connection.receive_direct(n).ok().flatten()?;
        let event = EndpointEvent::Event(event);
        trace::event(self, &event);
        Some(event)
    }

    /// Gives an owned payload's memory back; see [`Connection::recycle`].
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if let Some(connection) = self.stage.connection() {
            connection.recycle(buffer);
        }
    }

    /// Accepts the request that waits for a decision: the connection is open from here on.
    ///
    /// # Errors
    ///
    /// [`AcceptError`] if no request waits, or if `accept` is not a valid answer to it; then the
    /// request waits on.
    pub fn accept(&mut self, accept: &Accept<'_>) -> Result<(), AcceptError> {
        let opening = self.take_undecided()?;
        match opening.handshake.accept(accept, self.outbox.batch()) {
            Ok((connection, _)) => {
                self.outbox.skip_head();
                self.stage = Stage::Opened(Box::new((connection, None)));
                Ok(())
            }
            Err((handshake, error)) => {
                self.stage = Stage::Server(Box::new(Opening {
                    handshake,
                    ..*opening
                }));
                Err(error)
            }
        }
    }

    /// Refuses the request that waits for a decision, or answers one that asks for no WebSocket: the
    /// endpoint is finished.
    ///
    /// # Errors
    ///
    /// [`AcceptError`] if no request waits, or if `reject` is not a valid answer to it; then the
    /// request waits on.
    pub fn reject(&mut self, reject: &Reject<'_>) -> Result<(), AcceptError> {
        let opening = self.take_undecided()?;
        match opening.handshake.reject(reject, self.outbox.batch()) {
            Ok(()) => {
                self.fail(Error::Refused(reject.status()));
                Ok(())
            }
            Err((handshake, error)) => {
                self.stage = Stage::Server(Box::new(Opening {
                    handshake,
                    ..*opening
                }));
                Err(error)
            }
        }
    }

    /// What waits to be written: the next chunks of it are ready.
    #[inline]
    pub fn outbox(&mut self) -> &mut Outbox {
        let Self { stage, outbox } = self;
        if let Some(connection) = stage.connection()
            && (outbox.is_queueing() || connection.owes_answer())
        {
            outbox.pump(connection);
        }
        &mut self.outbox
    }

    /// Tells the time: call it after each batch of input, and at the deadline it returned.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Instant> {
        let Self { stage, outbox } = self;
        let (deadline, config) = match stage {
            Stage::Client(opening) => (opening.handle_timeout(now), &opening.config),
            Stage::Server(opening) => (opening.handle_timeout(now), &opening.config),
            Stage::Opened(opened) => {
                let connection = &mut opened.0;
                let deadline = outbox.handle_timeout(now, connection);
                (Ok(deadline), connection.config())
            }
            Stage::Open(connection) => {
                let deadline = outbox.handle_timeout(now, connection);
                (Ok(deadline), connection.config())
            }
            Stage::Ending(_) | Stage::Ended(_) => return None,
        };
        // Behind that: a Ping of now waits as well.
        let write = outbox
            .stalled_since(now)
            .zip(config.write_timeout)
            .map(|(since, timeout)| since + timeout);
        let deadline = match deadline {
            Ok(deadline) => deadline,
            Err(timeout) => {
                self.time_out_opening(timeout);
                return None;
            }
        };
        if write.is_some_and(|deadline| now >= deadline) {
            self.time_out_write();
            return None;
        }
        if self.is_finished() {
            self.outbox.drop_unbegun();
            return None;
        }
        earliest(deadline, write)
    }

    /// [`handle_timeout`](Self::handle_timeout) while the transport is not read: only whether the
    /// peer takes what is written can be judged.
    #[cfg(feature = "std")]
    pub(crate) fn handle_write_timeout(&mut self, now: Instant) -> Option<Instant> {
        let Self { stage, outbox } = self;
        let connection = stage.connection()?;
        if outbox.moves() {
            connection.note_sent();
        }
        let timeout = connection.config().write_timeout?;
        let deadline = outbox.stalled_since(now)? + timeout;
        if now >= deadline {
            self.time_out_write();
            return None;
        }
        Some(deadline)
    }

    /// Whether to read from the transport: `false` only while a request is undecided, and at the
    /// end.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        match &self.stage {
            Stage::Client(_) | Stage::Opened(_) => true,
            Stage::Server(opening) => !opening.undecided,
            Stage::Open(connection) => !connection.is_finished(),
            Stage::Ending(_) | Stage::Ended(_) => false,
        }
    }

    /// Whether something waits to be written.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.outbox.is_empty() || self.connection_ref().is_some_and(Connection::owes_answer)
    }

    /// How far the connection has come (§4.1, §7.1.3, §7.1.4).
    #[must_use]
    pub fn state(&self) -> State {
        match &self.stage {
            Stage::Client(_) | Stage::Server(_) => State::Connecting,
            Stage::Opened(_) | Stage::Open(_) => match self.connection_ref().map(Connection::state)
            {
                Some(State::Open) if self.outbox.is_closing() => State::Closing,
                state => state.unwrap_or(State::Closed),
            },
            Stage::Ending(_) | Stage::Ended(_) => State::Closed,
        }
    }

    /// Whether it is over: write what waits, then end the transport.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.stage {
            Stage::Client(_) | Stage::Server(_) => false,
            Stage::Opened(opened) => opened.0.is_finished(),
            Stage::Open(connection) => connection.is_finished(),
            Stage::Ending(_) | Stage::Ended(_) => true,
        }
    }

    /// Whether `Refused` or `Closed` came: there will be no further event.
    #[must_use]
    pub const fn has_said_all(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// How the connection ended; `None` before, and after a refusal.
    #[must_use]
    pub fn close_status(&self) -> Option<&CloseStatus> {
        match &self.stage {
            Stage::Ended(ended) => Some(&ended.status),
            Stage::Ending(terminal) => match &**terminal {
                Terminal::Closed(status) => Some(status),
                Terminal::Refused(_) => None,
            },
            _ => self.connection_ref()?.close_status(),
        }
    }

    /// *Subprotocol In Use* (§4.1), while the connection lasts.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.connection_ref()?.subprotocol()
    }

    /// What was agreed on for permessage-deflate, while the connection lasts.
    #[must_use]
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.connection_ref()?.deflate()
    }

    /// *Extensions In Use* (§4.1), while the connection lasts; see [`Connection::extensions`].
    #[must_use]
    pub fn extensions(&self) -> Option<String> {
        self.connection_ref()?.extensions()
    }

    /// What went over the connection, if [`Config::counters`] asks for it; at its end too.
    #[must_use]
    pub fn counters(&self) -> Option<Counters> {
        match &self.stage {
            Stage::Ended(ended) => ended.counters.as_deref().copied(),
            _ => self.connection_ref()?.counters(),
        }
    }

    /// Bytes of application data that were sent and are not yet written: no framing, uncompressed,
    /// no control frames.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.outbox.buffered_amount()
    }

    /// Bytes of application data that were sent and never will be written, since the connection
    /// ended before.
    #[must_use]
    pub fn dropped_amount(&self) -> usize {
        self.outbox.dropped_amount()
    }
}

impl Endpoint {
    /// Ends and says so; what a connection counted is for its caller to keep.
    fn end<'b>(&mut self, terminal: Terminal) -> Option<EndpointEvent<'b>> {
        let (status, event) = match terminal {
            Terminal::Refused(refusal) => {
                let error = Some(Error::Refused(refusal.status()));
                let status = CloseStatus {
                    error,
                    ..CloseStatus::default()
                };
                (status, EndpointEvent::Refused(refusal))
            }
            Terminal::Closed(status) => (status.clone(), EndpointEvent::Closed(status)),
        };
        let counters = None;
        self.stage = Stage::Ended(Box::new(Ended { status, counters }));
        Some(event)
    }

    /// Ends without a connection; [`receive`](Self::receive) will say so.
    fn fail(&mut self, error: impl Into<Error>) {
        self.stage = Stage::Ending(Box::new(Terminal::closed(error.into())));
    }

    /// The handshake takes too long. A refusal whose body did not end in time is one all the same.
    #[cold]
    fn time_out_opening(&mut self, timeout: Timeout) {
        if !self.cut_refusal() {
            self.fail(timeout);
        }
    }

    /// Ends with the refusal whose body is under way, as far as it came; whether there is one.
    pub(crate) fn cut_refusal(&mut self) -> bool {
        let refusal = match &mut self.stage {
            Stage::Client(opening) => opening.handshake.take_refusal(),
            _ => None,
        };
        let Some(refusal) = refusal else {
            return false;
        };
        self.stage = Stage::Ending(Box::new(Terminal::Refused(Box::new(refusal))));
        true
    }

    /// Whether a refusal is still to be handed out.
    #[cfg(feature = "std")]
    pub(crate) fn has_refusal(&self) -> bool {
        matches!(&self.stage, Stage::Ending(terminal) if matches!(**terminal, Terminal::Refused(_)))
    }

    /// The peer takes nothing: a Close is written behind what it has begun to take, if anything.
    #[cold]
    fn time_out_write(&mut self) {
        match self.stage.connection() {
            Some(connection) => connection.time_out(Timeout::Write, self.outbox.batch()),
            None => self.fail(Timeout::Write),
        }
        self.outbox.drop_unbegun();
    }

    /// The handshake whose request waits for a decision.
    fn take_undecided(&mut self) -> Result<Box<Opening<ServerHandshake>>, AcceptError> {
        let placeholder = Stage::Ended(Box::default());
        match mem::replace(&mut self.stage, placeholder) {
            Stage::Server(opening) if opening.undecided => Ok(opening),
            stage => {
                self.stage = stage;
                Err(AcceptError::NotUndecided)
            }
        }
    }

    fn connection_ref(&self) -> Option<&Connection> {
        match &self.stage {
            Stage::Opened(opened) => Some(&opened.0),
            Stage::Open(connection) => Some(connection),
            _ => None,
        }
    }
}

impl Stage {
    fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Opened(opened) => Some(&mut opened.0),
            Self::Open(connection) => Some(connection),
            _ => None,
        }
    }
}

impl<H> Opening<H> {
    fn new(handshake: H, config: &Arc<Config>) -> Box<Self> {
        Box::new(Self {
            handshake,
            config: Arc::clone(config),
            since: None,
            undecided: false,
        })
    }

    /// The handshake's deadline; while the server decides there is none.
    fn handle_timeout(&mut self, now: Instant) -> Result<Option<Instant>, Timeout> {
        let since = *self.since.get_or_insert(now);
        match self.config.handshake_timeout.map(|timeout| since + timeout) {
            _ if self.undecided => Ok(None),
            Some(deadline) if now >= deadline => Err(Timeout::Handshake),
            deadline => Ok(deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_small() {
        assert!(size_of::<Endpoint>() <= 128, "{}", size_of::<Endpoint>());
    }
}
