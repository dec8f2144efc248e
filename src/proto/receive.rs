//! Bytes to events: the receiving half of the engine (RFC 6455 §5.4, §5.5, §6.2).
//!
//! ```text
//!            whole, unfragmented ──────────────► Event borrowing the input
//!  input ──┤ cut header ──► header spill (≤ 13 bytes)
//!            cut control ─► control buffer ────► Event, owned
//!            all else ────► assembly buffer ───► Event::Message, owned
//!                        or, with streaming, ──► Event::Part per piece, nothing kept
//! ```
//!
//! The payload is unmasked where it lies in the input. What exists only while something is
//! unfinished sits behind one box, so an idle connection pays eight bytes for it.

mod counted;
#[cfg(feature = "deflate")]
mod inflate;
mod stream;
mod whole;

use alloc::{borrow::Cow, boxed::Box, sync::Arc, vec::Vec};
use core::mem;

use super::{
    assembly::{Assembly, Buffer, Frame, whole_message},
    budget::Budgets,
    close::CloseFrame,
    config::Config,
    deflate::DeflateParams,
    error::{ProtocolError, Timeout},
    event::Event,
    frame::{FrameHeader, RSV1},
    opcode::{Opcode, Role},
    time::Instant,
    unfinished::Unfinished,
};

/// The least rest of a frame that is worth reading straight into its message's buffer.
const DIRECT_MIN: u64 = 64 << 10;

/// The least buffer worth keeping for the next message.
const RECYCLE_MIN: usize = 64 << 10;

/// The receiving half of a connection: takes the peer's bytes, hands out events.
#[derive(Debug)]
pub(crate) struct Receiver {
    config: Arc<Config>,
    unfinished: Option<Box<Unfinished>>,
    budgets: Budgets,
    /// Whether the next frame may take the short path: nothing is unfinished, owed or over.
    ready: bool,
    /// Whether the peer's Close came, or the connection failed: later input is discarded.
    ended: bool,
    role: Role,
    activity: Activity,
    deflate: Option<DeflateParams>,
}

/// What came in since the clock was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Activity {
    /// Nothing complete.
    None,
    /// A sign of life: a control frame.
    Heard,
    /// A data message, or a piece of one, within which the peer could not answer.
    Data,
}

/// What became of a frame.
enum Step<'b> {
    Event(Event<'b>),
    /// The frame is finished and says nothing by itself.
    Next,
    /// The input is used up.
    Starved,
}

impl Receiver {
    pub(crate) fn new(role: Role, deflate: Option<DeflateParams>, config: &Arc<Config>) -> Self {
        let mut receiver = Self {
            config: Arc::clone(config),
            unfinished: None,
            budgets: Budgets::new(),
            ready: false,
            ended: false,
            role,
            activity: Activity::None,
            deflate,
        };
        receiver.begin_counting();
        receiver.settle();
        receiver
    }

    /// [`receive`](Self::receive) for all that does not take the short path.
    fn receive_any<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        loop {
            if self.ended {
                *input = &mut [];
                return Ok(None);
            }
            match self.step(input) {
                Ok(Step::Event(event)) => {
                    self.settle();
                    return Ok(Some(event));
                }
                Ok(Step::Next) => {}
                Ok(Step::Starved) => {
                    self.settle();
                    return Ok(None);
                }
                Err(error) => return self.fail(error, input),
            }
        }
    }

    /// Where the rest of a large binary frame may be read to: a buffer to append to, and how many
    /// bytes at the most. The buffer has room for them.
    pub(crate) fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        if self.config.streaming {
            return None;
        }
        let unfinished = self.unfinished.as_mut()?;
        let frame = unfinished
            .frame
            .as_ref()
            .filter(|frame| frame.remaining > DIRECT_MIN)?;
        let message = unfinished.message.as_mut()?;
        if message.work.is_some() {
            return None;
        }
        let to_come = message.lacks(frame, self.config.max_message_size);
        let Buffer::Binary(data) = &mut message.buffer else {
            return None;
        };
        // `admit` found that the message fits a `usize`.
        let lacking = usize::try_from(frame.remaining).ok()?;
        if data.capacity() - data.len() < 4096 {
            // Doubling, since this frame need not be the last that comes so.
            let most = usize::try_from(to_come).unwrap_or(usize::MAX);
            let step = data.len().max(lacking.min(256 << 10)).min(most);
            data.try_reserve_exact(step).ok()?;
        }
        let room = lacking.min(data.capacity() - data.len());
        Some((data, room))
    }

    /// Takes note that `n` bytes were appended to the buffer that [`direct`](Self::direct) lent.
    pub(crate) fn receive_direct(
        &mut self,
        n: usize,
    ) -> Result<Option<Event<'static>>, ProtocolError> {
        let Some(unfinished) = self.unfinished.as_mut() else {
            return Ok(None);
        };
        // A compressed message, or a control frame that a read cut, is no business of a call that
        // nobody asked for.
        let Some(message) = unfinished.message.as_mut().filter(|it| it.work.is_none()) else {
            return Ok(None);
        };
        let Some(mut frame) = unfinished.frame.take_if(|it| !it.opcode.is_control()) else {
            return Ok(None);
        };
        let taken = message.unmask_appended(&mut frame, n);
        unfinished.bytes = unfinished.bytes.saturating_add(taken as u64);
        if let Some(counted) = &mut unfinished.counted {
            counted.pass(taken);
        }
        if taken > 0 {
            self.activity = Activity::Data;
        }
        let event = match self.frame_progress(frame) {
            Ok(Step::Event(event)) => Ok(Some(event)),
            Ok(_) => Ok(None),
            Err(error) => self.fail(error, &mut &mut [][..]),
        };
        self.settle();
        event
    }

    /// Keeps `buffer` for the next message that does not come whole.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        let limit = usize::try_from(self.config.max_message_size).unwrap_or(usize::MAX);
        if self.ended || !(RECYCLE_MIN..=limit.max(RECYCLE_MIN)).contains(&buffer.capacity()) {
            return;
        }
        buffer.clear();
        let unfinished = self.unfinished.get_or_insert_default();
        unfinished.spare = Some(buffer);
        unfinished.spare_is_old = false;
    }

    /// Discards all input from here on.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        #[cfg(feature = "deflate")]
        self.release_inflater(&Arc::clone(&self.config));
        self.keep_counted();
        self.ready = false;
    }

    /// What came in since the last call.
    pub(crate) fn take_activity(&mut self) -> Activity {
        mem::replace(&mut self.activity, Activity::None)
    }

    /// Refills the budgets and gives the deadline of what is unfinished.
    ///
    /// # Errors
    ///
    /// [`Timeout::Message`] if that deadline has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<Option<Instant>, Timeout> {
        self.budgets.refill(now, &self.config);
        if self.ready && self.unfinished.is_none() {
            return Ok(None);
        }
        self.unfinished_deadline(now)
    }

    /// The deadline of what is unfinished; frees what was not used since the last call.
    #[inline(never)]
    fn unfinished_deadline(&mut self, now: Instant) -> Result<Option<Instant>, Timeout> {
        self.release_spare();
        self.settle();
        let Some(unfinished) = self.unfinished.as_mut().filter(|it| !it.is_idle()) else {
            return Ok(None);
        };
        let since = *unfinished.since.get_or_insert(now);
        let Some(timeout) = self.config.message_timeout else {
            return Ok(None);
        };
        let earned = unfinished
            .bytes
            .checked_div(u64::from(self.config.min_message_rate));
        let deadline = since + timeout + core::time::Duration::from_secs(earned.unwrap_or(0));
        if now >= deadline {
            Err(Timeout::Message)
        } else {
            Ok(Some(deadline))
        }
    }

    /// Gives back what [`take_activity`](Self::take_activity) took.
    pub(crate) fn restore_activity(&mut self, activity: Activity) {
        self.activity = self.activity.max(activity);
    }

    /// Whether the peer's Close came, or the connection failed.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// permessage-deflate, if it is in use.
    pub(crate) const fn deflate(&self) -> Option<DeflateParams> {
        self.deflate
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    fn fail<'b>(
        &mut self,
        error: ProtocolError,
        input: &mut &mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        *input = &mut [];
        self.end();
        Err(error)
    }

    /// Frees what is no longer needed and decides whether the next frame may take the short path.
    fn settle(&mut self) {
        if let Some(unfinished) = self.unfinished.as_mut().filter(|it| it.is_idle()) {
            unfinished.since = None;
            unfinished.bytes = 0;
            if !unfinished.keeps_something() {
                self.unfinished = None;
            }
        }
        self.ready = !self.ended
            && !self.counts()
            && self.unfinished.as_ref().is_none_or(|it| it.is_idle())
            && self.budgets.are_full()
            && self.config.max_fragments > 0;
    }

    /// Frees a spare buffer that no message has used since the last call.
    fn release_spare(&mut self) {
        if let Some(unfinished) = &mut self.unfinished
            && unfinished.spare.is_some()
            && mem::replace(&mut unfinished.spare_is_old, true)
        {
            unfinished.spare = None;
        }
    }

    /// Goes on with the frame under way, or with the next one.
    fn step<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Step<'b>, ProtocolError> {
        let frame = match self.unfinished.as_mut().and_then(|it| it.frame.take()) {
            Some(frame) => frame,
            None => match self.header(input)? {
                Some(header) => {
                    if let Some(counted) = self.counted() {
                        counted.frames += 1;
                    }
                    self.admit(&header)?
                }
                None => return Ok(Step::Starved),
            },
        };
        if frame.opcode.is_control() {
            self.control(frame, input)
        } else if frame.is_whole_message() && input.len() as u64 >= frame.remaining {
            let payload = frame.whole_payload(input);
            let message = whole_message(frame.opcode, payload)?;
            self.finished_message();
            Ok(Step::Event(Event::Message(message)))
        } else if self.is_compressed(&frame) {
            #[cfg(feature = "deflate")]
            return self.inflate(frame, input);
            #[cfg(not(feature = "deflate"))]
            Err(ProtocolError::ReservedBits(RSV1))
        } else if self.config.streaming {
            self.stream(frame, input)
        } else {
            self.gather(frame, input)
        }
    }

    /// Whether a frame is of a compressed message (RFC 7692 §6).
    fn is_compressed(&self, frame: &Frame) -> bool {
        frame.compressed
            || self
                .unfinished
                .as_ref()
                .and_then(|it| it.message.as_ref())
                .is_some_and(|message| message.work.is_some())
    }

    /// The reserved bits that have a meaning in a frame that begins with this byte: "Per-Message
    /// Compressed" is only on the first frame of a data message (RFC 7692 §6).
    fn allowed_rsv(&self, first: Option<&u8>) -> u8 {
        match first.and_then(|&first| Opcode::from_bits(first)) {
            Some(Opcode::Text | Opcode::Binary) if self.deflate.is_some() => RSV1,
            _ => 0,
        }
    }

    /// Reads a header, from the input or from what a read cut off before it.
    fn header(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHeader>, ProtocolError> {
        if self.unfinished.as_ref().is_none_or(|it| it.header_len == 0) {
            let allowed = self.allowed_rsv(input.first());
            if let Some((header, len)) = FrameHeader::parse_with(input, allowed)? {
                split_front(input, len);
                return Ok(Some(header));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        let spilled = self.unfinished.as_ref().filter(|it| it.header_len > 0);
        let first = spilled.map_or_else(|| input.first(), |it| it.header.first());
        let allowed = self.allowed_rsv(first);
        let unfinished = self.unfinished.get_or_insert_default();
        loop {
            let Some((byte, rest)) = mem::take(input).split_first_mut() else {
                return Ok(None);
            };
            *input = rest;
            // A header has at most as many bytes as the spill, and parses when they are all there.
            unfinished.header[usize::from(unfinished.header_len)] = *byte;
            unfinished.header_len += 1;
            let spill = &unfinished.header[..usize::from(unfinished.header_len)];
            if let Some((header, _)) = FrameHeader::parse_with(spill, allowed)? {
                unfinished.header_len = 0;
                return Ok(Some(header));
            }
        }
    }

    /// Checks a frame by all that its header can tell, before any payload is looked at.
    fn admit(&mut self, header: &FrameHeader) -> Result<Frame, ProtocolError> {
        // "The server MUST close the connection upon receiving a frame that is not masked."
        // "A client MUST close a connection if it detects a masked frame." (§5.1)
        match self.role {
            Role::Server if header.mask.is_none() => return Err(ProtocolError::UnmaskedFrame),
            Role::Client if header.mask.is_some() => return Err(ProtocolError::MaskedFrame),
            _ => {}
        }
        if header.opcode.is_control() {
            if header.opcode != Opcode::Close {
                self.budgets.spend_control(&self.config)?;
            }
            return Ok(Frame::new(header));
        }

        let message = self.unfinished.as_mut().and_then(|it| it.message.as_mut());
        match (header.opcode, &message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(ProtocolError::InterleavedMessage);
            }
            _ => {}
        }
        let (before, fragments) = message
            .as_ref()
            .map_or((0, 0), |it| (it.announced, it.frames));
        let announced = before.saturating_add(header.payload_len);
        if header.payload_len > self.config.max_frame_size {
            return Err(ProtocolError::FrameTooLarge);
        }
        let compressed = header.rsv != 0 || message.as_ref().is_some_and(|it| it.work.is_some());
        if announced > most_announced(&self.config, compressed)
            || usize::try_from(announced).is_err()
        {
            return Err(ProtocolError::MessageTooLarge);
        }
        if fragments >= self.config.max_fragments {
            return Err(ProtocolError::TooManyFragments);
        }
        if let Some(message) = message {
            message.announced = announced;
            message.frames += 1;
        }
        if !header.fin {
            self.budgets.spend_tiny(header.payload_len, &self.config)?;
        }
        Ok(Frame::new(header))
    }

    fn control<'b>(
        &mut self,
        mut frame: Frame,
        input: &mut &'b mut [u8],
    ) -> Result<Step<'b>, ProtocolError> {
        let collected = self.unfinished.as_ref().map_or(0, |it| it.control.len());
        if collected == 0 && input.len() as u64 >= frame.remaining {
            let payload = frame.whole_payload(input);
            return self
                .control_event(frame.opcode, Cow::Borrowed(payload))
                .map(Step::Event);
        }
        let piece = frame.take(input);
        let unfinished = self.unfinished.get_or_insert_default();
        unfinished.control.extend_from_slice(piece);
        if frame.remaining > 0 {
            unfinished.frame = Some(frame);
            return Ok(Step::Starved);
        }
        let payload = mem::take(&mut unfinished.control);
        self.control_event(frame.opcode, Cow::Owned(payload))
            .map(Step::Event)
    }

    fn control_event<'b>(
        &mut self,
        opcode: Opcode,
        payload: Cow<'b, [u8]>,
    ) -> Result<Event<'b>, ProtocolError> {
        self.activity = self.activity.max(Activity::Heard);
        Ok(match opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => {
                let frame = match payload {
                    Cow::Borrowed(payload) => CloseFrame::parse(payload)?,
                    Cow::Owned(payload) => CloseFrame::parse(&payload)?.map(CloseFrame::into_owned),
                };
                self.end();
                Event::Close(frame)
            }
        })
    }

    /// Appends what came of a frame to its message.
    fn gather<'b>(
        &mut self,
        mut frame: Frame,
        input: &mut &'b mut [u8],
    ) -> Result<Step<'b>, ProtocolError> {
        let unfinished = self.unfinished.get_or_insert_default();
        let message = match &mut unfinished.message {
            Some(message) => message,
            none => none.insert(Assembly::new(&frame, unfinished.spare.take())),
        };
        let lacking = message.lacks(&frame, self.config.max_message_size);
        let piece = frame.take(input);
        message.push(piece, lacking)?;
        unfinished.bytes = unfinished.bytes.saturating_add(piece.len() as u64);
        self.activity = Activity::Data;
        self.frame_progress(frame)
    }

    /// Keeps an unfinished frame; after a finished one, ends its message if it was the last.
    fn frame_progress<'b>(&mut self, frame: Frame) -> Result<Step<'b>, ProtocolError> {
        let Some(unfinished) = self.unfinished.as_mut() else {
            return Ok(Step::Next);
        };
        if frame.remaining > 0 {
            unfinished.frame = Some(frame);
            return Ok(Step::Starved);
        }
        if !frame.fin {
            return Ok(Step::Next);
        }
        let message = unfinished
            .message
            .take()
            .map(Assembly::finish)
            .transpose()?;
        self.finished_message();
        Ok(message.map_or(Step::Next, |message| Step::Event(Event::Message(message))))
    }

    /// Takes note that a data message is complete.
    fn finished_message(&mut self) {
        self.activity = Activity::Data;
        self.budgets.reward_message();
        if let Some(counted) = self.counted() {
            counted.messages += 1;
        }
    }
}

/// The most bytes that the frames of one message may announce.
fn most_announced(config: &Config, compressed: bool) -> u64 {
    #[cfg(feature = "deflate")]
    if compressed {
        return super::assembly::Work::most_compressed(config.max_message_size);
    }
    let _ = compressed;
    config.max_message_size
}

/// The first `len` bytes of `input`, which loses them.
#[inline]
fn split_front<'b>(input: &mut &'b mut [u8], len: usize) -> &'b mut [u8] {
    let (front, rest) = mem::take(input).split_at_mut(len);
    *input = rest;
    front
}
