//! Messages to bytes: the sending half of the engine (RFC 6455 §5.1, §5.5, §6.1, §7.1).
//!
//! It holds all that both directions decide together: the closing handshake and the timers. What
//! the receiving half owes it comes as a [`Signal`].

#[cfg(feature = "deflate")]
pub(super) mod deflate;
mod extra;
mod message;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;

pub(super) use self::extra::Extra;
use super::{
    close::{CloseCode, CloseFrame, CloseStatus, remembered},
    config::Config,
    counters::{Counters, Sent, Traffic},
    deflate::Direction,
    error::{Error, SendError, Timeout},
    frame::{EncodedHeader, FrameHeader, MAX_CONTROL_PAYLOAD},
    handshake::Negotiated,
    keys::MaskingKeys,
    mask,
    opcode::{Opcode, Role, State},
    receive::Activity,
    signal::Signal,
    time::Instant,
    timer::{Due, Timer, earliest},
};

/// How long a Ping that found no room waits at least: nobody is to be busy with it.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// The sending half of a connection.
#[derive(Debug)]
pub(crate) struct Sender {
    config: Arc<Config>,
    extra: Option<Box<Extra>>,
    timer: Timer,
    phase: Phase,
    /// The kind of the message that is being sent in parts.
    part: Option<Opcode>,
    /// Whether that message is compressed.
    part_compressed: bool,
    /// How our messages may be compressed.
    #[cfg_attr(
        not(feature = "deflate"),
        expect(dead_code, reason = "nothing is compressed without the feature")
    )]
    deflate: Option<Direction>,
    /// Whether data was sent, or left, since the clock was last asked.
    active: bool,
    /// Whether a Close of the peer is answered only by [`release_reply`](Self::release_reply).
    holds_reply: bool,
    role: Role,
}

/// How far the closing handshake has come, as the sender sees it (§7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// The peer's Close came and its reply is held back behind data that was sent before.
    Replying,
    /// Our Close is sent, the peer's has not come.
    CloseSent,
    /// Both Closes are exchanged; a client waits for the server to end the transport (§7.1.1).
    Exchanged,
    Finished,
}

impl Sender {
    /// A client's half if there are `keys`, else a server's.
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
        let subprotocol = negotiated.subprotocol.as_deref().map(Box::from);
        let counted = config.counters.then(Box::default);
        let needed = keys.is_some() || subprotocol.is_some() || counted.is_some();
        Self {
            config: Arc::clone(config),
            extra: needed.then(|| {
                Box::new(Extra {
                    keys,
                    subprotocol,
                    counted,
                    ..Extra::default()
                })
            }),
            timer: Timer::new(),
            phase: Phase::Open,
            part: None,
            part_compressed: false,
            deflate: negotiated
                .params()
                .map(|agreed| agreed.ours(role, config.deflate.as_ref())),
            active: false,
            holds_reply: false,
            role,
        }
    }

    pub(crate) fn begin_frame(
        &mut self,
        kind: Opcode,
        len: usize,
        last: bool,
    ) -> Result<EncodedHeader, SendError> {
        if self.part_compressed {
            return Err(SendError::PartCompressed);
        }
        let opcode = self.next_part(kind, last)?;
        let header = self.header(last, opcode, len).encoded();
        self.count(last, opcode, header.as_bytes().len() + len);
        Ok(header)
    }

    pub(crate) fn send_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::ControlTooLong);
        }
        self.check_open()?;
        self.frame(true, opcode, payload, out);
        if opcode == Opcode::Ping {
            self.count_ping(payload);
        }
        Ok(())
    }

    pub(crate) fn close(
        &mut self,
        frame: Option<&CloseFrame<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if let Some(frame) = frame {
            CloseFrame::check(frame.code, frame.reason.len())?;
        }
        if self.phase == Phase::Replying {
            self.send_close(frame, out);
            self.exchanged();
            return Ok(());
        }
        self.check_open()?;
        self.send_close(frame, out);
        Ok(())
    }

    /// Holds back the reply to a Close of the peer: data that was sent before is to leave first.
    ///
    /// "An endpoint MAY delay sending a Close frame until its current message is sent" (§5.5.1).
    pub(crate) const fn hold_reply(&mut self) {
        self.holds_reply = true;
    }

    /// Sends the reply that was held back, if there is one; later ones are sent at once.
    pub(crate) fn release_reply(&mut self, out: &mut Vec<u8>) {
        self.holds_reply = false;
        if self.phase == Phase::Replying {
            self.send_reply(out);
            self.exchanged();
        }
    }

    /// Whether an answer is held back: the reply to a Close, or a Pong.
    pub(crate) fn owes_answer(&self) -> bool {
        self.phase == Phase::Replying || self.owes_pong()
    }

    /// Does what the receiving half owes.
    pub(crate) fn apply(&mut self, signal: &Signal<'_>, out: &mut Vec<u8>) {
        match signal {
            Signal::Pong(payload) => self.answer_ping(payload, out),
            Signal::Close(frame) => self.close_received(frame.as_ref(), out),
            Signal::Failed(error) => {
                self.fail(Error::Protocol(*error), Some(error.close_code()), out);
            }
            Signal::TimedOut(timeout) => self.time_out(*timeout, out),
            Signal::Answered(payload) => {
                if let Some(counted) = self.counted() {
                    counted.answered(payload);
                }
                self.settle(out);
            }
            Signal::Eof => self.finish(Some(Error::Eof)),
            Signal::Heard(_) => {}
        }
    }

    /// Answers the latest unanswered Ping if there is room by now.
    #[inline]
    pub(crate) fn settle(&mut self, out: &mut Vec<u8>) {
        if self.owes_pong() && out.len() < self.config.high_water_mark {
            let payload = self.extra.as_mut().and_then(|extra| extra.owed_pong.take());
            self.answer_ping(&payload.unwrap_or_default(), out);
        }
    }

    /// Tells the time and what was received since it was last told; `ahead` bytes leave before those
    /// in `out`.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        received: Activity,
        ahead: usize,
        out: &mut Vec<u8>,
    ) -> Option<Instant> {
        let deadline = self.next_deadline(now, received, ahead, out);
        if let Some(counted) = self.counted() {
            counted.tell(now);
        }
        #[cfg(feature = "deflate")]
        if self.phase != Phase::Finished {
            return earliest(deadline, self.release_idle(now));
        }
        deadline
    }

    fn next_deadline(
        &mut self,
        now: Instant,
        received: Activity,
        ahead: usize,
        out: &mut Vec<u8>,
    ) -> Option<Instant> {
        let sent = core::mem::take(&mut self.active);
        let due = match self.phase {
            Phase::Open => self.timer.open(now, received, sent, &self.config),
            // Whoever queues the data keeps the time in which it must leave.
            Phase::Replying => return None,
            Phase::CloseSent | Phase::Exchanged => self.timer.closing(now, &self.config),
            Phase::Finished => return None,
        };
        match due {
            Due::Nothing(deadline) => deadline,
            Due::Ping(deadline) => self.ask_for_life(now, deadline, ahead, out),
            Due::Missed(timeout) => {
                self.time_out(timeout, out);
                None
            }
        }
    }

    /// Sends the Ping that is due, whose answer is awaited until `deadline`.
    #[cold]
    fn ask_for_life(
        &mut self,
        now: Instant,
        deadline: Option<Instant>,
        ahead: usize,
        out: &mut Vec<u8>,
    ) -> Option<Instant> {
        if out.len().saturating_add(ahead) < self.config.high_water_mark {
            self.frame(true, Opcode::Ping, &[], out);
            self.count_ping(&[]);
            return deadline;
        }
        // A sign of life is asked for only while it can be written, and only what was asked for
        // is awaited: a slow reader with nothing to say is not dead.
        self.timer.forget_ping();
        let again = earliest(deadline, self.config.ping_interval.map(|it| now + it));
        again.map(|at| at.max(now + LEAST_PAUSE))
    }

    /// Ends the connection because a deadline passed.
    #[cold]
    pub(crate) fn time_out(&mut self, timeout: Timeout, out: &mut Vec<u8>) {
        self.fail(Error::Timeout(timeout), timeout.close_code(), out);
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Open => State::Open,
            Phase::Replying | Phase::CloseSent | Phase::Exchanged => State::Closing,
            Phase::Finished => State::Closed,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    pub(crate) fn close_status(&self) -> Option<&CloseStatus> {
        self.extra.as_ref()?.status.as_ref()
    }

    pub(crate) fn subprotocol(&self) -> Option<&str> {
        self.extra.as_ref()?.subprotocol.as_deref()
    }

    /// What was sent and how, if that is counted.
    pub(crate) fn counters(&self) -> Option<Counters> {
        let counted = self.extra.as_ref()?.counted.as_ref()?;
        Some(Counters {
            received: Traffic::default(),
            sent: counted.traffic,
            round_trip: counted.round_trip,
            pauses: counted.pauses,
        })
    }

    /// Takes note that the program must wait before it sends more.
    pub(crate) fn count_pause(&mut self) {
        if let Some(counted) = self.counted() {
            counted.pauses += 1;
        }
    }

    /// Takes note that data leaves that was sent before.
    pub(crate) const fn note_sent(&mut self) {
        self.active = true;
    }

    /// The kind of the message that is being sent in parts.
    pub(crate) const fn part(&self) -> Option<Opcode> {
        self.part
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    #[inline]
    fn owes_pong(&self) -> bool {
        self.extra
            .as_ref()
            .is_some_and(|extra| extra.owed_pong.is_some())
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.phase == Phase::Open {
            Ok(())
        } else {
            Err(SendError::NotOpen)
        }
    }

    fn check_message(&self) -> Result<(), SendError> {
        self.check_open()?;
        if self.part.is_some() {
            Err(SendError::MessageUnfinished)
        } else {
            Ok(())
        }
    }

    /// The opcode of the next part of a message.
    fn next_part(&mut self, kind: Opcode, last: bool) -> Result<Opcode, SendError> {
        if self.phase > Phase::Replying {
            return Err(SendError::NotOpen);
        }
        let opcode = match self.part {
            None => kind,
            Some(begun) if begun == kind => Opcode::Continuation,
            Some(_) => return Err(SendError::PartKind),
        };
        self.part = if last { None } else { Some(kind) };
        self.active = true;
        Ok(opcode)
    }

    /// The header of our next frame, with a fresh masking key if we are a client (§5.3).
    #[inline]
    fn header(&mut self, fin: bool, opcode: Opcode, len: usize) -> FrameHeader {
        let keys = self.extra.as_mut().and_then(|extra| extra.keys.as_mut());
        let mask = keys.map(MaskingKeys::next_key);
        FrameHeader {
            fin,
            rsv: 0,
            opcode,
            mask,
            payload_len: len as u64,
        }
    }

    #[inline]
    fn frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let header = self.header(fin, opcode, payload.len());
        out.reserve(FrameHeader::MAX_LEN + payload.len());
        let begin = out.len();
        header.encode(out);
        match header.mask {
            Some(key) => mask::append(out, payload, key),
            None => out.extend_from_slice(payload),
        }
        self.count(fin, opcode, out.len() - begin);
    }

    /// Counts a frame of `bytes` bytes, if that is asked for.
    #[inline]
    fn count(&mut self, fin: bool, opcode: Opcode, bytes: usize) {
        if self.extra.as_ref().is_some_and(|it| it.counted.is_some()) {
            self.count_frame(fin, opcode, bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_frame(&mut self, fin: bool, opcode: Opcode, bytes: usize) {
        if let Some(counted) = self.counted() {
            counted.traffic.frame(bytes);
            counted.traffic.messages += u64::from(fin && !opcode.is_control());
        }
    }

    fn count_ping(&mut self, payload: &[u8]) {
        if let Some(counted) = self.counted() {
            counted.pinged(payload);
        }
    }

    #[inline]
    fn counted(&mut self) -> Option<&mut Sent> {
        self.extra.as_mut()?.counted.as_deref_mut()
    }

    fn send_close(&mut self, frame: Option<&CloseFrame<'_>>, out: &mut Vec<u8>) {
        let mut payload = [0; MAX_CONTROL_PAYLOAD];
        let len = frame.map_or(0, |frame| {
            let reason = frame.reason.as_bytes();
            let len = 2 + reason.len();
            payload[..2].copy_from_slice(&frame.code.get().to_be_bytes());
            payload[2..len].copy_from_slice(reason);
            len
        });
        self.frame(true, Opcode::Close, &payload[..len], out);
        self.extra().sent = Some(frame.map_or(CloseCode::NO_STATUS, |frame| frame.code));
        // No data may follow (§5.5.1).
        self.part = None;
        self.part_compressed = false;
        self.timer.forget_ping();
        self.phase = Phase::CloseSent;
    }

    /// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it
    /// already received a Close frame" (§5.5.2); of several unanswered ones the latest (§5.5.3).
    fn answer_ping(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if self.phase > Phase::CloseSent {
            return;
        }
        if out.len() < self.config.high_water_mark {
            if let Some(extra) = &mut self.extra {
                extra.owed_pong = None;
            }
            self.frame(true, Opcode::Pong, payload, out);
        } else {
            self.extra().owed_pong = Some(payload.to_vec());
        }
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the
    /// endpoint MUST send a Close frame in response", with the code it received (§5.5.1).
    fn close_received(&mut self, frame: Option<&CloseFrame<'_>>, out: &mut Vec<u8>) {
        if !matches!(self.phase, Phase::Open | Phase::CloseSent) {
            return;
        }
        let extra = self.extra();
        extra.received = Some(remembered(frame));
        extra.owed_pong = None;
        if self.phase == Phase::Open {
            if self.holds_reply {
                self.phase = Phase::Replying;
                return;
            }
            self.send_reply(out);
        }
        self.exchanged();
    }

    /// Answers the peer's Close with the code it came with.
    fn send_reply(&mut self, out: &mut Vec<u8>) {
        let received = self.extra().received.as_ref().map(|frame| frame.code);
        let code = received.filter(|code| *code != CloseCode::NO_STATUS);
        self.send_close(code.map(|code| CloseFrame::new(code, "")).as_ref(), out);
    }

    /// Both Closes are exchanged.
    fn exchanged(&mut self) {
        match self.role {
            // "the server MUST close the underlying TCP connection immediately; the client SHOULD
            // wait for the server to close the connection" (§7.1.1)
            Role::Server => self.finish(None),
            Role::Client => self.phase = Phase::Exchanged,
        }
    }

    /// *Fail the WebSocket connection* (§7.1.7): a Close if none was sent, and the end.
    fn fail(&mut self, error: Error, code: Option<CloseCode>, out: &mut Vec<u8>) {
        if self.phase <= Phase::Replying
            && let Some(code) = code
        {
            self.send_close(Some(&CloseFrame::new(code, "")), out);
        }
        self.finish(Some(error));
    }

    /// The end. After a complete closing handshake nothing can make it unclean.
    fn finish(&mut self, error: Option<Error>) {
        if self.phase == Phase::Finished {
            return;
        }
        let clean = error.is_none() || self.phase == Phase::Exchanged;
        self.phase = Phase::Finished;
        self.part = None;
        self.part_compressed = false;
        #[cfg(feature = "deflate")]
        self.release_deflater();
        let extra = self.extra();
        extra.owed_pong = None;
        extra.status = Some(CloseStatus {
            received: extra.received.take(),
            sent: extra.sent,
            clean,
            error: error.filter(|_| !clean),
        });
    }

    fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}
