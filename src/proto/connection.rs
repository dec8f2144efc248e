//! The engine: a connection after its opening handshake (RFC 6455 §5–§7).

use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use super::{
    close::{CloseFrame, CloseStatus},
    config::Config,
    counters::Counters,
    deflate::DeflateParams,
    error::{ProtocolError, SendError},
    event::{Event, Message, Part},
    frame::EncodedHeader,
    handshake::Negotiated,
    keys::MaskingKeys,
    opcode::{Opcode, Role, State},
    options::{Compress, SendOptions},
    prepared::Prepared,
    receive::Receiver,
    send::Sender,
    signal::Signal,
    time::Instant,
    timer::earliest,
};

/// A connection after its opening handshake: bytes in, events out; messages in, bytes out.
///
/// 1. [`receive`](Self::receive) takes everything: when it returns `None`, the input is empty.
/// 2. Events borrow the input, never the engine: you may send while you hold one.
/// 3. Everything to be written is appended to your `Vec<u8>`: what you send, and the Pongs and
///    Closes that the protocol obliges to. You choose when to write it.
/// 4. Time enters by one call, [`handle_timeout`](Self::handle_timeout).
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, Event, proto::Connection};
///
/// let mut server = Connection::server(&Arc::new(Config::default()));
/// let mut out = Vec::new();
/// // §5.7: a masked "Hello".
/// let mut bytes = *b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58";
/// let mut input = &mut bytes[..];
/// while let Some(event) = server.receive(&mut input, &mut out)? {
///     if let Event::Message(message) = event {
///         server.send(message, &mut out)?;
///     }
/// }
/// assert_eq!(out, b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) receiver: Receiver,
    pub(super) sender: Sender,
}

impl Connection {
    /// A client's end of a connection that is open already. Masking keys follow from `seed`, which
    /// must come from a strong source of entropy (§10.3).
    #[must_use]
    pub fn client(config: &Arc<Config>, seed: [u8; 32]) -> Self {
        Self::from_negotiated(Role::Client, &Negotiated::default(), config, seed)
    }

    /// A server's end of a connection that is open already.
    #[must_use]
    pub fn server(config: &Arc<Config>) -> Self {
        Self::new(None, &Negotiated::default(), config)
    }

    /// The end of a connection whose opening handshake was done by another HTTP stack. A server
    /// makes no use of `seed`.
    #[must_use]
    pub fn from_negotiated(
        role: Role,
        negotiated: &Negotiated,
        config: &Arc<Config>,
        seed: [u8; 32],
    ) -> Self {
        let keys = (role == Role::Client).then(|| MaskingKeys::from_seed(seed));
        Self::new(keys, negotiated, config)
    }

    /// A client's end if there are `keys`, else a server's.
    pub(crate) fn new(
        keys: Option<MaskingKeys>,
        negotiated: &Negotiated,
        config: &Arc<Config>,
    ) -> Self {
        let role = if keys.is_some() {
            Role::Client
        } else {
            Role::Server
        };
        Self {
            receiver: Receiver::new(role, negotiated.params(), config),
            sender: Sender::new(keys, negotiated, config),
        }
    }

    /// Takes bytes of the peer, cut anywhere, and returns the next event; `None` once `input` is
    /// used up.
    ///
    /// A message that lies whole in `input` is unmasked in place and borrowed; any other is owned.
    /// A Ping's Pong and a Close's reply are in `out` before the event is returned. Only while
    /// [`high_water_mark`](Config::high_water_mark) bytes are there, no Pong is: that of the latest
    /// Ping follows with the next call of this or of [`handle_timeout`](Self::handle_timeout) that
    /// finds room. Once the peer's Close came, or the connection failed, input is discarded.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke, once. Its Close frame is in `out`: write it, then end the
    /// transport.
    #[inline]
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.receiver.receive_whole(input) {
            Ok(Some(message)) => Ok(Some(Event::Message(message))),
            other => self.receive_other(other.err(), input, out),
        }
    }

    /// The short path of [`receive`](Self::receive); see [`Receiver::receive_whole`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see Receiver::receive_whole")]
    pub(crate) fn receive_whole<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Message<'b>>, ProtocolError> {
        self.receiver.receive_whole(input)
    }

    /// Goes on where [`receive_whole`](Self::receive_whole) gave no message, or failed.
    pub(crate) fn receive_other<'b>(
        &mut self,
        error: Option<ProtocolError>,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let received = self.receiver.receive_other(error, input);
        if !matches!(received, Ok(Some(Event::Message(_)))) {
            self.react(&received, out);
        }
        received
    }

    /// Takes note that the transport has ended: nothing more will come.
    ///
    /// Unless the closing handshake was complete, the connection was closed abnormally (§7.1.5).
    pub fn receive_eof(&mut self) {
        self.receiver.end();
        self.sender.apply(&Signal::Eof, &mut Vec::new());
    }

    /// Where the rest of a large binary frame may be read to, past the input buffer: append at
    /// most so many bytes of the transport to the buffer, then call
    /// [`receive_direct`](Self::receive_direct).
    ///
    /// Ask once the input is used up: `Some` while a frame of a binary message lacks more than
    /// 64 KiB, but `None` if the message is compressed or [`Config::streaming`] is on. The buffer has
    /// room already; nothing is lost if it is not used.
    pub fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        self.receiver.direct()
    }

    /// Takes note that `n` bytes were appended to the buffer of [`direct`](Self::direct).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), but there is no rule that the rest of a binary frame breaks.
    pub fn receive_direct(&mut self, n: usize) -> Result<Option<Event<'static>>, ProtocolError> {
        self.receiver.receive_direct(n)
    }

    /// Gives an owned payload's memory back, for the next message that does not come whole.
    ///
    /// Buffers below 64 KiB and above the message limit are not worth keeping; one that stays
    /// unused between two calls of [`handle_timeout`](Self::handle_timeout) is freed.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.receiver.recycle(buffer);
    }

    /// Sends a whole message in one frame (§6.1).
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], or [`SendError::MessageUnfinished`] between the parts of another.
    #[inline]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_with(message, SendOptions::new(), out)
    }

    /// [`send`](Self::send) with a say in how.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let message = message.into();
        let (kind, data) = (message.opcode(), message.as_bytes());
        self.send_counted(kind, data, options.compress, out)
            .map(|_| ())
    }

    /// [`send_with`](Self::send_with) that says whether the message was compressed.
    #[inline]
    pub(crate) fn send_counted(
        &mut self,
        kind: Opcode,
        data: &[u8],
        compress: Compress,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.sender.send(kind, data, compress, out)
    }

    /// Sends a message that was framed before; a client frames and masks it anew.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_prepared_counted(message, out).map(|_| ())
    }

    /// [`send_prepared`](Self::send_prepared) that says whether the message was compressed.
    pub(crate) fn send_prepared_counted(
        &mut self,
        message: &Prepared,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.sender.send_prepared(message, out)
    }

    /// Sends a piece of a message as a frame of its own (§5.4). Pings and Pongs may go between.
    ///
    /// Where permessage-deflate is in use, a message whose first part is not its last is
    /// compressed, and the peer can inflate each part when it comes.
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`], or [`SendError::PartKind`] if the parts before were of another kind.
    pub fn send_part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_part_of(part.data.opcode(), part, Compress::Auto, out)
            .map(|_| ())
    }

    /// [`send_part`](Self::send_part) where the bytes of a text may be cut inside a character; says
    /// whether the part was compressed.
    pub(crate) fn send_part_of(
        &mut self,
        kind: Opcode,
        part: &Part<'_>,
        compress: Compress,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.sender.send_part(kind, part, compress, out)
    }

    /// Whether the next frame of a message that begins with `len` bytes, or goes on, is compressed.
    pub(crate) fn will_compress(&self, len: usize, last: bool, compress: Compress) -> bool {
        self.sender.will_compress(len, last, compress)
    }

    /// Whether a prepared message is to be compressed.
    pub(crate) fn will_compress_prepared(&self, message: &Prepared) -> bool {
        self.sender.will_compress_prepared(message)
    }

    /// Begins the frame of a part whose payload you write yourself: first the header's bytes, then
    /// the payload from where it lies, masked by [`EncodedHeader::mask`] if you are a client.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use sansock::{Config, Part, proto::Connection};
    /// let mut server = Connection::server(&Arc::new(Config::default()));
    /// let payload = [7; 1000];
    /// let header = server.begin_frame(&Part::last(&payload))?;
    /// assert_eq!(header.as_bytes(), [0x82, 126, 0x03, 0xE8]);
    /// // Now write `header.as_bytes()` and `payload`, in one vectored write.
    /// # Ok::<(), sansock::SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_part`](Self::send_part); [`SendError::PartCompressed`] in a message that was begun
    /// by that and is compressed.
    pub fn begin_frame(&mut self, part: &Part<'_>) -> Result<EncodedHeader, SendError> {
        self.begin_frame_of(part.data.opcode(), part.data.len(), part.last)
    }

    /// [`begin_frame`](Self::begin_frame) by kind and length.
    pub(crate) fn begin_frame_of(
        &mut self,
        kind: Opcode,
        len: usize,
        last: bool,
    ) -> Result<EncodedHeader, SendError> {
        self.sender.begin_frame(kind, len, last)
    }

    /// Sends a Ping of at most 125 bytes (§5.5.2). Keep-alive Pings need no call of yours.
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] or [`SendError::ControlTooLong`].
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.send_control(Opcode::Ping, payload, out)
    }

    /// Sends a Pong that nobody asked for (§5.5.3). Pings are answered without a call of yours.
    ///
    /// # Errors
    ///
    /// [`SendError::NotOpen`] or [`SendError::ControlTooLong`].
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        self.sender.send_control(Opcode::Pong, payload, out)
    }

    /// Starts the closing handshake (§7.1.2). Messages of the peer still come until its Close.
    ///
    /// # Errors
    ///
    /// [`SendError::InvalidCloseCode`], [`SendError::CloseReasonTooLong`], or
    /// [`SendError::NotOpen`] if a Close was sent before.
    pub fn close(
        &mut self,
        frame: Option<&CloseFrame<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.sender.close(frame, out)
    }

    /// Tells the time: call it after each batch of input, and at the deadline it returned.
    ///
    /// Sends keep-alive Pings, and ends the connection at a deadline that was missed. Calling it
    /// late or twice does no harm; without it no timeout and no budget holds.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        self.handle_timeout_behind(0, now, out)
    }

    /// [`handle_timeout`](Self::handle_timeout) where so many bytes leave before those in `out`.
    pub(crate) fn handle_timeout_behind(
        &mut self,
        ahead: usize,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Instant> {
        self.sender.settle(out);
        let unfinished = match self.receiver.handle_timeout(now) {
            Ok(deadline) => deadline,
            Err(timeout) => {
                self.sender.time_out(timeout, out);
                None
            }
        };
        let received = self.receiver.take_activity();
        let deadline = self.sender.handle_timeout(now, received, ahead, out);
        if self.is_finished() {
            self.receiver.end();
            return None;
        }
        earliest(unfinished, deadline)
    }

    /// How far the connection has come: open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.sender.state()
    }

    /// Whether it is over: write what is in the output, then end the transport.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.sender.is_finished()
    }

    /// How the connection ended; set once, when it [is finished](Self::is_finished).
    #[must_use]
    pub fn close_status(&self) -> Option<&CloseStatus> {
        self.sender.close_status()
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.receiver.role()
    }

    /// *Subprotocol In Use* (§4.1); `None` is the null value.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.sender.subprotocol()
    }

    /// What was agreed on for permessage-deflate, if it is in use (RFC 7692 §7.1).
    #[must_use]
    pub const fn deflate(&self) -> Option<DeflateParams> {
        self.receiver.deflate()
    }

    /// *Extensions In Use* (§4.1) as they stand in the header, those parameters left out that say
    /// what holds anyway; `None` is the null value.
    #[must_use]
    pub fn extensions(&self) -> Option<String> {
        self.deflate().map(|params| params.to_string())
    }

    /// What went over the connection, if [`Config::counters`] asks for it.
    #[must_use]
    pub fn counters(&self) -> Option<Counters> {
        let received = self.receiver.traffic()?;
        let sent = self.sender.counters()?;
        Some(Counters { received, ..sent })
    }

    /// Takes note that the program must wait before it sends more.
    pub(crate) fn count_pause(&mut self) {
        self.sender.count_pause();
    }

    /// Takes note that data leaves that was sent before.
    pub(crate) const fn note_sent(&mut self) {
        self.sender.note_sent();
    }

    /// The kind of the message that is being sent in parts.
    pub(crate) const fn part(&self) -> Option<Opcode> {
        self.sender.part()
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        self.sender.config()
    }

    /// Ends the connection because of a deadline that the layer above keeps.
    pub(crate) fn time_out(&mut self, timeout: super::Timeout, out: &mut Vec<u8>) {
        self.sender.time_out(timeout, out);
        self.receiver.end();
    }

    /// Holds back the reply to a Close of the peer while data waits to be sent before it.
    pub(crate) const fn hold_reply(&mut self) {
        self.sender.hold_reply();
    }

    /// Sends the reply that was held back, if there is one; later ones are sent at once.
    pub(crate) fn release_reply(&mut self, out: &mut Vec<u8>) {
        self.sender.release_reply(out);
    }

    /// Whether an answer is held back: the reply to a Close, or a Pong.
    pub(crate) fn owes_answer(&self) -> bool {
        self.sender.owes_answer()
    }

    /// Answers the latest unanswered Ping if there is room by now.
    pub(crate) fn settle(&mut self, out: &mut Vec<u8>) {
        self.sender.settle(out);
    }

    /// Does what `received` obliges us to.
    fn react(&mut self, received: &Result<Option<Event<'_>>, ProtocolError>, out: &mut Vec<u8>) {
        match Signal::of(received) {
            Some(signal) => self.sender.apply(&signal, out),
            None => self.sender.settle(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Connection>() <= 88, "{}", size_of::<Connection>());
    }
}
