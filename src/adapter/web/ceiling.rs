//! The most memory that a `WebSocket` can hold, as a function of its settings.

use core::fmt;

use super::{events::MAX_WAITING_BYTES, stream::HIGH_WATER_MARK};
use crate::{
    adapter::buffers::READ_SIZE,
    proto::{self, Config, DeflateParams, Role},
    web::WebSocketCore,
};

/// The most bytes of heap that a `WebSocket` or a `WebSocketStream` can hold at any moment, whatever
/// its peer sends and whoever takes it; made by [`Builder::memory_ceiling`](super::Builder), and for
/// a connection that a server accepted by [`accepted`](Self::accepted).
///
/// Not in it is what is the program's: events and messages that it keeps, listeners, the URL and
/// the headers that it gave, tasks that wait, and of what is written to a stream one message of each
/// writer. Nor is TLS, the thread of the blocking adapter, or the thread's buffers that all its
/// connections share.
///
/// `Display` prints a line for each part, and the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ceiling {
    /// What the connection below can hold: [`Config::memory_ceiling`].
    pub connection: proto::Ceiling,
    /// What was read and not yet received: 256 KiB.
    pub read: u64,
    /// The socket itself: 8 KiB.
    pub state: u64,
    /// The message that listeners are called with, or that a stream has for who reads it:
    /// 2 × [`Config::max_message_size`].
    pub event: u64,
    /// The events that wait for a receiver of [`WebSocket::events`](super::WebSocket::events), with
    /// the one that listeners are called with: 2 × (256 KiB + `max_message_size`) + 16 KiB.
    pub receiver: u64,
    /// What was sent and waits to be written:
    /// 4 × [`max_buffered_amount`](super::Builder::max_buffered_amount) + 96 KiB.
    pub sending: u64,
    /// What was written to a stream and waits: 4 × 256 KiB.
    pub writing: u64,
}

impl Ceiling {
    /// The ceiling of a connection that a server accepted, if `deflate` was agreed on.
    ///
    /// ```
    /// use sansock::{Config, adapter::web::Ceiling};
    ///
    /// let small = Config::default().max_message_size(64 << 10);
    /// let ceiling = Ceiling::accepted(&small, None);
    /// assert_eq!(ceiling.event, 128 << 10);
    /// // What it sends itself may be most of it.
    /// assert_eq!(ceiling.sending, (256 << 20) + (96 << 10));
    /// ```
    #[must_use]
    pub fn accepted(config: &Config, deflate: Option<DeflateParams>) -> Self {
        let sent = WebSocketCore::MAX_BUFFERED_AMOUNT;
        Self::new(config, Role::Server, deflate, sent)
    }

    pub(super) fn new(
        config: &Config,
        role: Role,
        deflate: Option<DeflateParams>,
        max_buffered_amount: u64,
    ) -> Self {
        let message = config.max_message_size;
        let waiting = (MAX_WAITING_BYTES as u64).saturating_add(message);
        Self {
            connection: config.memory_ceiling(role, deflate),
            read: READ_SIZE as u64,
            state: STATE,
            // The buffer that a message was gathered in may be twice as large.
            event: message.saturating_mul(2),
            receiver: waiting.saturating_mul(2).saturating_add(EVENTS),
            // The payload, and one place for each message and each 32 bytes: places double.
            sending: max_buffered_amount.saturating_mul(4).saturating_add(PLACES),
            // Here places count against the mark.
            writing: 4 * HIGH_WATER_MARK,
        }
    }

    /// All that a `WebSocket` can hold, with listeners and a receiver, that sends as much as may wait.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let taken = if self.event > self.receiver {
            self.event
        } else {
            self.receiver
        };
        self.below()
            .saturating_add(taken)
            .saturating_add(self.sending)
    }

    /// All that a `WebSocketStream` can hold.
    #[must_use]
    pub const fn stream_total(&self) -> u64 {
        self.below()
            .saturating_add(self.event)
            .saturating_add(self.writing)
    }

    const fn below(&self) -> u64 {
        let connection = self.connection.total();
        connection
            .saturating_add(self.read)
            .saturating_add(self.state)
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, bytes) in [
            ("connection", self.connection.total()),
            ("read", self.read),
            ("state", self.state),
            ("event", self.event),
            ("receiver", self.receiver),
            ("sending", self.sending),
            ("writing", self.writing),
            ("total", self.total()),
        ] {
            writeln!(f, "{part:<12} {bytes:>12}")?;
        }
        write!(f, "{:<12} {:>12}", "stream total", self.stream_total())
    }
}

/// The socket itself, and an event of no size.
const STATE: u64 = 8 << 10;

/// The places of the events that wait.
const EVENTS: u64 = 16 << 10;

/// The places of the 1024 messages that may wait whatever they hold.
const PLACES: u64 = 96 << 10;
