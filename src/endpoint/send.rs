//! Sending: at once where it is small and nothing is before it, else by the queue.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    Endpoint, Stage,
    outbox::{Outbox, Payload},
    trace,
};
use crate::proto::{
    CloseFrame, Compress, Connection, LARGE, Message, Opcode, Part, Prepared, SendError,
    SendOptions, State, validate_utf8,
};

/// The kind of a message (§5.6). Complete by the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl Endpoint {
    /// Bytes that wait to be written.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Sends a whole message (§6.1). An owned payload above 64 KiB is moved into the outbox, not
    /// copied, and leaves in fragments of [`Config::fragment_size`](crate::Config::fragment_size).
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], [`SendError::MessageUnfinished`], or [`SendError::Full`]: ask
    /// [`can_send`](Self::can_send) before you give a message away.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        let mark = self.high_water_mark();
        self.send_below(mark, message.into(), Compress::Auto)
    }

    /// [`send`](Self::send) with a say in how.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let mark = self.high_water_mark();
        self.send_below(mark, message.into(), options.compress)
    }

    /// Sends a message that was framed before. A server shares the payload of one above 4 KiB with
    /// all its other receivers, unless it leaves in one write with what waits already; a client
    /// frames and masks it anew (§5.3).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        let mark = self.high_water_mark();
        self.send_prepared_below(mark, message)
    }

    /// Sends a piece of a message as a frame of its own (§5.4).
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], [`SendError::PartKind`] or [`SendError::Full`].
    pub fn send_part(&mut self, part: Part<'_>) -> Result<(), SendError> {
        let mark = self.high_water_mark();
        self.send_part_below(mark, part)
    }

    /// [`send`](Self::send) whatever waits: for answers to what one read brought, which are as
    /// bounded as that. Ask [`can_send`](Self::can_send) before the next read's.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but never [`SendError::Full`].
    #[inline]
    pub fn send_unlimited<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), SendError> {
        self.send_below(usize::MAX, message.into(), Compress::Auto)
    }

    /// [`send_with`](Self::send_with) whatever waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but never [`SendError::Full`].
    pub fn send_with_unlimited<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), SendError> {
        self.send_below(usize::MAX, message.into(), options.compress)
    }

    /// [`send_part`](Self::send_part) whatever waits.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Self::send_part), but never [`SendError::Full`].
    pub fn send_part_unlimited(&mut self, part: Part<'_>) -> Result<(), SendError> {
        self.send_part_below(usize::MAX, part)
    }

    /// [`send_prepared`](Self::send_prepared) whatever waits.
    ///
    /// # Errors
    ///
    /// As [`send_prepared`](Self::send_prepared), but never [`SendError::Full`].
    pub fn send_prepared_unlimited(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.send_prepared_below(usize::MAX, message)
    }

    /// Sends a whole message from a shared buffer; one above 4 KiB is not copied by a server if
    /// nothing else waits to be written, one above 64 KiB never.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); [`SendError::InvalidUtf8`] if a text is not valid UTF-8 (§8.1).
    pub fn send_bytes(&mut self, kind: MessageKind, payload: Bytes) -> Result<(), SendError> {
        let kind = match kind {
            MessageKind::Text if validate_utf8(&payload).is_none() => {
                return Err(SendError::InvalidUtf8);
            }
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        };
        let mark = self.high_water_mark();
        let len = payload.len();
        trace::send(kind, len);
        self.send_payload(kind, len, mark, Compress::Auto, || Payload::Shared(payload))
    }

    /// Sends a Ping of at most 125 bytes (§5.5.2).
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] or [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        trace::send(Opcode::Ping, payload.len());
        self.with_connection(|connection, batch| connection.ping(payload, batch))
    }

    /// Sends a Pong that nobody asked for (§5.5.3).
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] or [`SendError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.check_open()?;
        trace::send(Opcode::Pong, payload.len());
        self.with_connection(|connection, batch| connection.pong(payload, batch))
    }

    /// Starts the closing handshake; our Close leaves after all data that was sent before (§7.1.2).
    ///
    /// # Errors
    ///
    /// As [`Connection::close`].
    pub fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), SendError> {
        if let Some(frame) = frame {
            CloseFrame::check(frame.code, frame.reason.len())?;
        }
        self.check_open()?;
        trace::send(Opcode::Close, frame.map_or(0, |it| 2 + it.reason.len()));
        if self.outbox.is_queueing() {
            self.outbox.push_close(frame);
            return Ok(());
        }
        self.with_connection(|connection, batch| connection.close(frame, batch))
    }

    /// Whether a message may be sent: the connection is open and less than the high-water mark
    /// waits to be written.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.check_open().is_ok() && self.check_room(self.high_water_mark()).is_ok()
    }

    fn with_connection<T>(
        &mut self,
        call: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        let Self { stage, outbox } = self;
        let connection = stage.connection().ok_or(SendError::NotOpen)?;
        call(connection, outbox.batch())
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.state() == State::Open {
            Ok(())
        } else {
            Err(SendError::NotOpen)
        }
    }

    fn check_room(&self, mark: usize) -> Result<(), SendError> {
        if self.outbox.is_empty() || self.outbox.cost() < mark {
            Ok(())
        } else {
            Err(SendError::Full)
        }
    }

    fn high_water_mark(&self) -> usize {
        self.connection_ref()
            .map_or(0, |connection| connection.config().high_water_mark)
    }

    /// The kind of the message in parts that is unfinished behind all that is queued.
    fn unfinished_part(&self) -> Option<Opcode> {
        if self.outbox.is_queueing() {
            self.outbox.queued_part()
        } else {
            self.connection_ref().and_then(Connection::part)
        }
    }

    /// Sends a whole message while less than `mark` waits.
    ///
    /// A part of its callers, so that what they know of the message need not be found out again.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a message that is given to a call is stored in halves and loaded whole"
    )]
    fn send_below(
        &mut self,
        mark: usize,
        message: Message<'_>,
        compress: Compress,
    ) -> Result<(), SendError> {
        let len = message.len();
        trace::send(message.opcode(), len);
        if let Stage::Open(connection) = &mut self.stage
            && len <= LARGE
            && self.outbox.has_room_for_frames(mark)
        {
            let (kind, data) = (message.opcode(), message.as_bytes());
            return encode(connection, &mut self.outbox, kind, data, compress);
        }
        let kind = message.opcode();
        self.send_payload(kind, len, mark, compress, || {
            Payload::Owned(message.into_bytes())
        })
    }

    fn send_prepared_below(&mut self, mark: usize, message: &Prepared) -> Result<(), SendError> {
        let len = message.len();
        trace::send(message.opcode(), len);
        let payload = Payload::Shared(message.payload());
        let mut compress = Compress::Auto;
        if let Stage::Open(connection) = &mut self.stage {
            let is_compressed = connection.will_compress_prepared(message);
            if !is_compressed {
                // Nor by fragments: what is not compressed is shared.
                compress = Compress::Never;
            }
            if (is_compressed || len <= payload.most_copied(connection.role()))
                && self.outbox.has_room_for_frames(mark)
            {
                let batch = self.outbox.batch();
                let at = batch.len();
                let compressed = connection.send_prepared_counted(message, batch)?;
                self.outbox.count_at(at, len, compressed);
                self.outbox.note_pause(self.outbox.grown(at), connection);
                return Ok(());
            }
        }
        let kind = message.opcode();
        self.send_payload(kind, len, mark, compress, || payload)
    }

    fn send_part_below(&mut self, mark: usize, part: Part<'_>) -> Result<(), SendError> {
        let Part { data, last } = part;
        let (kind, len) = (data.opcode(), data.len());
        trace::send(kind, len);
        // What is left of a queue when all is over says nothing about parts.
        self.check_open()?;
        if self.unfinished_part().is_some_and(|begun| begun != kind) {
            return Err(SendError::PartKind);
        }
        self.queue_payload(kind, len, last, mark, Compress::Auto, || {
            Payload::Owned(data.into_bytes())
        })
    }

    /// Sends a whole message that may be queued.
    fn send_payload(
        &mut self,
        kind: Opcode,
        len: usize,
        mark: usize,
        compress: Compress,
        payload: impl FnOnce() -> Payload,
    ) -> Result<(), SendError> {
        if self.check_open().is_ok() && self.unfinished_part().is_some() {
            return Err(SendError::MessageUnfinished);
        }
        self.queue_payload(kind, len, true, mark, compress, payload)
    }

    /// Sends a frame or more: at once if it is small and nothing is before it, else by the queue.
    fn queue_payload(
        &mut self,
        kind: Opcode,
        len: usize,
        last: bool,
        mark: usize,
        compress: Compress,
        payload: impl FnOnce() -> Payload,
    ) -> Result<(), SendError> {
        self.check_open()?;
        self.check_room(mark)?;
        let before = self.outbox.cost();
        let payload = payload();
        let Self { stage, outbox } = self;
        if let Some(connection) = stage.connection() {
            connection.hold_reply();
            // What is small leaves the queue at once, unless something large is before it.
            let is_small = len <= payload.most_copied(connection.role());
            outbox.push(kind, payload, last, compress);
            if is_small {
                outbox.pump(connection);
            }
            outbox.note_pause(outbox.cost().saturating_sub(before), connection);
        }
        Ok(())
    }
}

/// Appends a whole message as a frame.
fn encode(
    connection: &mut Connection,
    outbox: &mut Outbox,
    kind: Opcode,
    data: &[u8],
    compress: Compress,
) -> Result<(), SendError> {
    let batch = outbox.batch();
    let at = batch.len();
    let compressed = connection.send_counted(kind, data, compress, batch)?;
    outbox.count_at(at, data.len(), compressed);
    outbox.note_pause(outbox.grown(at), connection);
    Ok(())
}
