//! A connection as two halves, for two threads or tasks that share nothing.
//!
//! ```text
//!  bytes of the peer ─► ReceiveHalf ─► events
//!                           │ Signal: Pong, Close, Failed, …
//!                           ▼ carried by you, over any channel
//!  messages ──────────► SendHalf ────► bytes for the peer
//! ```
//!
//! Neither half locks anything or waits for the other. The receiving half keeps the limits, the
//! budgets and the deadline of an unfinished message; the sending half keeps the closing handshake
//! and all other deadlines.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::{fmt, mem};

use super::{
    close::{CloseFrame, CloseStatus},
    config::Config,
    connection::Connection,
    counters::{Counters, Traffic},
    error::{ProtocolError, SendError},
    event::{Event, Message, Part},
    frame::EncodedHeader,
    opcode::{Opcode, State},
    options::{Compress, SendOptions},
    prepared::Prepared,
    receive::{Activity, Receiver},
    send::Sender,
    signal::{Heard, Signal},
    time::Instant,
};

/// The receiving half of a [`Connection`]: takes the peer's bytes, hands out events and signals.
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, proto::Connection};
///
/// let (mut receive, mut send) = Connection::server(&Arc::new(Config::default())).into_split();
/// let mut bytes = *b"\x89\x82\0\0\0\0hi"; // a Ping
/// let mut input = &mut bytes[..];
/// while let Some(_event) = receive.receive(&mut input)? {}
/// let mut out = Vec::new();
/// while let Some(signal) = receive.take_signal() {
///     send.apply(&signal, &mut out);
/// }
/// assert_eq!(out, b"\x8A\x02hi");
/// # Ok::<(), sansock::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct ReceiveHalf {
    receiver: Receiver,
    signals: VecDeque<Signal<'static>>,
    /// The same in both halves of one connection, and in no others.
    origin: Arc<()>,
}

/// The sending half of a [`Connection`]: takes messages and signals, makes the bytes.
#[derive(Debug)]
pub struct SendHalf {
    sender: Sender,
    heard: Activity,
    origin: Arc<()>,
}

impl Connection {
    /// Splits the connection into two halves that share nothing: what the receiving half owes the
    /// sending half comes as [`Signal`]s.
    #[must_use]
    pub fn into_split(self) -> (ReceiveHalf, SendHalf) {
        let Self { receiver, sender } = self;
        let origin = Arc::new(());
        let receive = ReceiveHalf {
            receiver,
            signals: VecDeque::new(),
            origin: Arc::clone(&origin),
        };
        let send = SendHalf {
            sender,
            heard: Activity::None,
            origin,
        };
        (receive, send)
    }

    /// Joins the two halves of one connection again. Signals that were not taken are done now.
    ///
    /// # Errors
    ///
    /// The halves, if they are not of one connection.
    #[expect(
        clippy::result_large_err,
        reason = "the halves are given back, and it is rare"
    )]
    pub fn reunite(
        mut receive: ReceiveHalf,
        mut send: SendHalf,
        out: &mut Vec<u8>,
    ) -> Result<Self, ReuniteError> {
        if !Arc::ptr_eq(&receive.origin, &send.origin) {
            return Err(ReuniteError(receive, send));
        }
        while let Some(signal) = receive.take_signal() {
            send.apply(&signal, out);
        }
        receive.receiver.restore_activity(send.heard);
        if send.is_finished() {
            receive.receiver.end();
        }
        Ok(Self {
            receiver: receive.receiver,
            sender: send.sender,
        })
    }
}

/// Two halves that are not of one connection.
#[derive(Debug)]
pub struct ReuniteError(pub ReceiveHalf, pub SendHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different connections")
    }
}

impl core::error::Error for ReuniteError {}

impl ReceiveHalf {
    /// As [`Connection::receive`], but what it obliges to comes by
    /// [`take_signal`](Self::take_signal).
    ///
    /// # Errors
    ///
    /// As [`Connection::receive`].
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let received = self.receiver.receive(input);
        self.signals
            .extend(Signal::of(&received).map(Signal::into_owned));
        received
    }

    /// Takes note that the transport has ended.
    pub fn receive_eof(&mut self) {
        self.receiver.end();
        self.signals.push_back(Signal::Eof);
    }

    /// As [`Connection::direct`].
    pub fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        self.receiver.direct()
    }

    /// As [`Connection::receive_direct`].
    ///
    /// # Errors
    ///
    /// As [`Connection::receive_direct`].
    pub fn receive_direct(&mut self, n: usize) -> Result<Option<Event<'static>>, ProtocolError> {
        let received = self.receiver.receive_direct(n);
        self.signals
            .extend(Signal::of(&received).map(Signal::into_owned));
        received
    }

    /// As [`Connection::recycle`].
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.receiver.recycle(buffer);
    }

    /// The next thing the sending half must be told; call it until `None` after each batch.
    pub fn take_signal(&mut self) -> Option<Signal<'static>> {
        match self.receiver.take_activity() {
            Activity::None => self.signals.pop_front(),
            heard => Some(Signal::Heard(Heard(heard))),
        }
    }

    /// Tells the time: the deadline of an unfinished message; one that was missed is a signal.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.receiver.handle_timeout(now).unwrap_or_else(|timeout| {
            self.receiver.end();
            self.signals.push_back(Signal::TimedOut(timeout));
            None
        })
    }

    /// What came in, if [`Config::counters`] asks for it.
    #[must_use]
    pub fn traffic(&self) -> Option<Traffic> {
        self.receiver.traffic()
    }

    /// Whether nothing more will come: the peer's Close came, the connection failed or the
    /// transport ended.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.receiver.has_ended()
    }
}

impl SendHalf {
    /// Does what the receiving half owes. Nothing is done for what it never does: a Pong beyond what a
    /// control frame holds, or a Close that no peer may send (§5.5, §7.4).
    pub fn apply(&mut self, signal: &Signal<'_>, out: &mut Vec<u8>) {
        if !signal.is_possible() {
            return;
        }
        if let Signal::Heard(Heard(heard)) = signal {
            self.heard = self.heard.max(*heard);
        }
        self.sender.apply(signal, out);
    }

    /// As [`Connection::send`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new(), out)
    }

    /// As [`Connection::send_with`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let message = message.into();
        let (kind, data) = (message.opcode(), message.as_bytes());
        self.sender
            .send(kind, data, options.compress, out)
            .map(|_| ())
    }

    /// As [`Connection::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.sender.send_prepared(message, out).map(|_| ())
    }

    /// As [`Connection::send_part`].
    ///
    /// # Errors
    ///
    /// As [`Connection::send_part`].
    pub fn send_part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender
            .send_part(part.data.opcode(), part, Compress::Auto, out)
            .map(|_| ())
    }

    /// As [`Connection::begin_frame`].
    ///
    /// # Errors
    ///
    /// As [`Connection::begin_frame`].
    pub fn begin_frame(&mut self, part: &Part<'_>) -> Result<EncodedHeader, SendError> {
        self.sender
            .begin_frame(part.data.opcode(), part.data.len(), part.last)
    }

    /// As [`Connection::ping`].
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`].
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.send_control(Opcode::Ping, payload, out)
    }

    /// As [`Connection::pong`].
    ///
    /// # Errors
    ///
    /// As [`Connection::pong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.send_control(Opcode::Pong, payload, out)
    }

    /// As [`Connection::close`].
    ///
    /// # Errors
    ///
    /// As [`Connection::close`].
    pub fn close(
        &mut self,
        frame: Option<&CloseFrame<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.sender.close(frame, out)
    }

    /// Tells the time: keep-alive, idle and closing deadlines.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        self.sender.settle(out);
        let heard = mem::replace(&mut self.heard, Activity::None);
        self.sender.handle_timeout(now, heard, 0, out)
    }

    /// As [`Connection::state`].
    #[must_use]
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// Whether it is over: write what is in the output, then end the transport.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.sender.is_finished()
    }

    /// What was sent and how, if [`Config::counters`] asks for it; what was received is counted by
    /// the other half.
    #[must_use]
    pub fn counters(&self) -> Option<Counters> {
        self.sender.counters()
    }

    /// How the connection ended; set once, when it [is finished](Self::is_finished).
    #[must_use]
    pub fn close_status(&self) -> Option<&CloseStatus> {
        self.sender.close_status()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        self.sender.config()
    }
}
