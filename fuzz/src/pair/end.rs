//! One end of the pair.

use std::borrow::Cow;

use bytes::Bytes;
use sansock::{
    CloseFrame, Endpoint, EndpointEvent, Event, Message, Part, Prepared, Role, SendError, State,
    endpoint::MessageKind,
    proto::{
        Compress, DeflateParams, Error, HandshakeError, Instant,
        handshake::{Accept, Reject},
    },
};

use super::step::Way;
use crate::{Frames, Reference, payload};

/// One end and all that is known of it.
pub(super) struct End {
    role: Role,
    pub(super) endpoint: Endpoint,
    /// Written and not yet delivered.
    wire: Vec<u8>,
    /// The beginning of what was written, until its blank line.
    head: Option<Vec<u8>>,
    pub(super) frames: Frames,
    pub(super) sent: Vec<Message<'static>>,
    /// Which of them must not be compressed.
    plain: Vec<bool>,
    /// What was agreed on.
    deflate: Option<DeflateParams>,
    sent_len: usize,
    pub(super) sent_pings: Vec<Vec<u8>>,
    /// The parts of the message that is being sent.
    sent_part: Option<Message<'static>>,
    pub(super) close: Option<CloseFrame<'static>>,
    pub(super) received: Vec<Message<'static>>,
    pub(super) received_pings: Vec<Vec<u8>>,
    received_part: Option<Message<'static>>,
    /// What is longer may wait unencoded.
    pub(super) small: usize,
    /// Whether something may wait unencoded, to be dropped at the end.
    pub(super) may_queue: bool,
    /// Whether something may have been dropped.
    pub(super) may_lack: bool,
    asked: bool,
    pub(super) opened: bool,
    pub(super) got_close: bool,
    pub(super) said_all: bool,
    eof: bool,
    pub(super) deadline: Option<Instant>,
}

impl End {
    pub(super) fn new(role: Role, endpoint: Endpoint) -> Self {
        Self {
            role,
            endpoint,
            wire: Vec::new(),
            head: Some(Vec::new()),
            frames: Frames::new(role),
            sent: Vec::new(),
            plain: Vec::new(),
            deflate: None,
            sent_len: 0,
            sent_pings: Vec::new(),
            sent_part: None,
            close: None,
            received: Vec::new(),
            received_pings: Vec::new(),
            received_part: None,
            small: 64 << 10,
            may_queue: false,
            may_lack: false,
            asked: false,
            opened: false,
            got_close: false,
            said_all: false,
            eof: false,
            deadline: None,
        }
    }

    /// Does what may end the connection, and takes note of what that may drop.
    fn guard<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> T {
        let was_finished = self.endpoint.is_finished();
        let waited = self.endpoint.wants_write();
        let result = call(self);
        if !was_finished && self.endpoint.is_finished() {
            // What was sent before the reply to a Close still leaves.
            self.may_lack |= waited && self.may_queue && !self.is_clean();
        }
        result
    }

    fn is_clean(&self) -> bool {
        let status = self.endpoint.close_status();
        status.is_some_and(|status| status.clean)
    }

    pub(super) fn send(&mut self, way: Way, message: Message<'static>) {
        let can = self.endpoint.can_send();
        let sent = match way {
            Way::Send => self.endpoint.send(message.clone()),
            Way::With(compress) => self.endpoint.send_with(&message, compress.into()),
            Way::Unlimited => self.endpoint.send_unlimited(&message),
            Way::Prepared => self.endpoint.send_prepared(&Prepared::new(message.clone())),
            Way::Bytes => {
                let kind = if message.is_text() {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                };
                let bytes = Bytes::from(message.clone().into_bytes());
                self.endpoint.send_bytes(kind, bytes)
            }
        };
        match sent {
            Ok(()) => {
                assert!(can || matches!(way, Way::Unlimited));
                assert!(self.sent_part.is_none());
                self.took(message.len());
                self.sent.push(message);
                self.plain.push(matches!(way, Way::With(Compress::Never)));
            }
            Err(SendError::MessageUnfinished) => assert!(self.sent_part.is_some()),
            Err(error) => self.check_refusal(error, can),
        }
    }

    pub(super) fn send_part(&mut self, unlimited: bool, data: Message<'static>, last: bool) {
        let can = self.endpoint.can_send();
        let part = Part {
            data: data.clone(),
            last,
        };
        let sent = if unlimited {
            self.endpoint.send_part_unlimited(part)
        } else {
            self.endpoint.send_part(part)
        };
        match sent {
            Ok(()) => {
                assert!(can || unlimited);
                self.took(data.len());
                let joined = join(self.sent_part.take(), data);
                if last {
                    self.sent.push(joined);
                    self.plain.push(false);
                } else {
                    self.sent_part = Some(joined);
                }
            }
            Err(SendError::PartKind) => {
                let before = self.sent_part.as_ref().expect("parts before");
                assert_ne!(before.is_text(), data.is_text());
            }
            Err(error) => self.check_refusal(error, can),
        }
    }

    fn took(&mut self, len: usize) {
        self.sent_len += len;
        self.may_queue |= len > self.small;
    }

    fn check_refusal(&self, error: SendError, can: bool) {
        assert!(!can, "{error} although it can");
        match error {
            SendError::NotOpen => assert_ne!(self.endpoint.state(), State::Open),
            SendError::Full => assert_eq!(self.endpoint.state(), State::Open),
            error => panic!("{error}"),
        }
    }

    pub(super) fn ping(&mut self, len: usize, tag: u8) {
        let payload = payload(false, len, tag).into_bytes();
        let pinged = self.endpoint.ping(&payload);
        if pinged.is_ok() && len > 0 {
            self.sent_pings.push(payload);
        }
        self.check_control(pinged, len);
    }

    pub(super) fn check_control(&self, sent: Result<(), SendError>, len: usize) {
        match sent {
            Ok(()) => assert!(len <= 125),
            Err(SendError::ControlTooLong) => assert!(len > 125),
            Err(SendError::NotOpen) => assert_ne!(self.endpoint.state(), State::Open),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn close(&mut self, code: u16, len: usize) {
        let frame = (len < 250).then(|| CloseFrame::new(code.into(), "x".repeat(len)));
        let was_open = self.endpoint.state() == State::Open;
        match self.endpoint.close(frame.as_ref()) {
            Ok(()) => {
                assert!(was_open);
                assert_eq!(self.endpoint.state(), State::Closing);
                self.close = frame;
            }
            Err(SendError::NotOpen) => assert!(!was_open),
            Err(SendError::InvalidCloseCode(found)) => {
                assert!(found.get() == code && !found.is_sendable());
            }
            Err(SendError::CloseReasonTooLong) => assert!(len > CloseFrame::MAX_REASON_LEN),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn decide(&mut self, accept: bool) {
        let undecided = self.asked && !self.opened && !self.endpoint.is_finished();
        let decided = if accept {
            self.endpoint.accept(&Accept::new())
        } else {
            self.endpoint.reject(&Reject::new(403).body("no"))
        };
        // Accepted and not yet said so is decided as well.
        assert!(decided.is_err() || undecided);
        if accept && decided.is_ok() {
            self.receive(&mut []);
            assert!(self.opened);
        }
        self.receive(&mut []);
    }

    pub(super) fn tell(&mut self, now: Instant) {
        self.guard(|end| {
            end.deadline = end.endpoint.handle_timeout(now);
            assert!(end.deadline.is_none_or(|deadline| deadline > now));
            end.receive(&mut []);
        });
    }

    pub(super) fn receive_eof(&mut self) {
        self.eof = true;
        self.guard(|end| {
            end.endpoint.receive_eof();
            end.receive(&mut []);
        });
        assert!(self.said_all);
    }

    /// The peer that has finished and written all ends the transport.
    pub(super) fn receive_end_of(&mut self, peer: &Self) -> bool {
        let over = peer.endpoint.is_finished() && !peer.endpoint.wants_write();
        let ends = over && peer.wire.is_empty() && !self.eof;
        if ends {
            self.receive_eof();
        }
        ends
    }

    /// One vectored write of at most `n` bytes; whether there was anything.
    pub(super) fn write(&mut self, n: usize) -> bool {
        let mut written = Vec::new();
        let outbox = self.endpoint.outbox();
        let mut chunks = 0;
        for chunk in outbox.chunks() {
            assert!(!chunk.is_empty());
            chunks += 1;
            written.extend_from_slice(&chunk[..chunk.len().min(n - written.len())]);
        }
        assert!(chunks <= 4);
        assert_eq!(
            outbox.is_empty(),
            chunks == 0,
            "nothing to write of what waits"
        );
        outbox.consume(written.len());
        self.wire.extend_from_slice(&written);
        self.read_back(&written);
        !written.is_empty()
    }

    /// Looks at what was written.
    fn read_back(&mut self, written: &[u8]) {
        let Some(head) = &mut self.head else {
            self.frames.take(written);
            return;
        };
        head.extend_from_slice(written);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = self.head.take().unwrap_or_default();
            // The body of a refusal is no frame.
            if !head.starts_with(b"HTTP/1.1 4") {
                self.frames.take(&head[end + 4..]);
            } else {
                self.head = Some(Vec::new());
            }
        }
    }

    /// At most `n` bytes of the wire; whether there were any.
    pub(super) fn deliver(&mut self, from: &mut Self, n: usize, direct: bool) -> bool {
        if self.eof || from.wire.is_empty() {
            return false;
        }
        if !self.endpoint.wants_read() {
            let discards = self.endpoint.is_finished();
            if discards {
                from.wire.clear();
            }
            return discards;
        }
        let n = n.min(from.wire.len());
        let mut bytes = from.wire[..n].to_vec();
        let left = self.guard(|end| {
            let mut input = &mut bytes[..];
            while direct
                && !input.is_empty()
                && let Some((buffer, room)) = end.endpoint.direct()
            {
                let (front, rest) = input.split_at_mut(room.min(input.len()));
                buffer.extend_from_slice(front);
                let len = front.len();
                input = rest;
                if let Some(event) = end.endpoint.receive_direct(len) {
                    end.take(event);
                }
            }
            end.receive(input)
        });
        let kept = n - left;
        from.wire.drain(..kept);
        kept > 0
    }

    /// Receives until `None`; how much is left, which is only while a request is undecided.
    fn receive(&mut self, bytes: &mut [u8]) -> usize {
        let mut input = bytes;
        while let Some(event) = self.endpoint.receive(&mut input) {
            self.take(event);
        }
        let undecided = self.asked && !self.opened && !self.said_all;
        assert!(input.is_empty() || undecided, "`None`, and input is left");
        input.len()
    }

    fn take(&mut self, event: EndpointEvent<'_>) {
        assert!(!self.said_all, "{event:?} after the last");
        match event {
            EndpointEvent::Request(_) => {
                assert!(!self.asked && !self.opened);
                self.asked = true;
            }
            EndpointEvent::Open(_) => {
                assert!(!self.opened);
                self.opened = true;
                self.deflate = self.endpoint.deflate();
            }
            EndpointEvent::Refused(refusal) => {
                assert_eq!((refusal.status(), refusal.body()), (403, &b"no"[..]));
                self.said_all = true;
            }
            EndpointEvent::Closed(status) => {
                assert_eq!(Some(&status), self.endpoint.close_status());
                match status.error {
                    None => assert!(status.clean),
                    Some(
                        Error::Eof
                        | Error::Timeout(_)
                        | Error::Refused(403)
                        | Error::Handshake(HandshakeError::Eof(_)),
                    ) => assert!(!status.clean),
                    Some(error) => panic!("{error}"),
                }
                self.said_all = true;
            }
            EndpointEvent::Event(event) => {
                assert!(self.opened && !self.got_close);
                self.take_event(event);
            }
        }
    }

    /// Reads what was written as another implementation would.
    pub(super) fn read_frames(&self) {
        let is_server = self.role == Role::Server;
        let (bits, takeover) = match self.deflate {
            Some(it) if is_server => (it.server_max_window_bits, !it.server_no_context_takeover),
            Some(it) => (it.client_max_window_bits, !it.client_no_context_takeover),
            None => (15, false),
        };
        let mut reference = Reference::new(bits, takeover);
        let mut messages = self.sent.iter().zip(&self.plain);
        let mut payload = Vec::new();
        let mut begun = 0;
        for frame in &self.frames.frames {
            match frame.first & 0x0F {
                0 => {}
                1 | 2 => begun = frame.first,
                _ => continue,
            }
            payload.extend_from_slice(&frame.payload);
            if frame.first & 0x80 == 0 {
                continue;
            }
            let (sent, plain) = messages.next().expect("a message that was sent");
            let mut read = std::mem::take(&mut payload);
            if begun & 0x40 != 0 {
                assert!(self.deflate.is_some() && !plain, "compressed");
                read = reference.message(&read, sent.len()).expect("valid");
            }
            assert_eq!(begun & 0x0F, if sent.is_text() { 1 } else { 2 });
            assert!(sent.as_bytes() == read, "other bytes on the wire");
        }
    }

    fn take_event(&mut self, event: Event<'_>) {
        match event {
            Event::Message(message) => self.received.push(message.into_owned()),
            Event::Part(part) => {
                let joined = join(self.received_part.take(), part.data.into_owned());
                if part.last {
                    self.received.push(joined);
                } else {
                    self.received_part = Some(joined);
                }
            }
            Event::Ping(payload) if !payload.is_empty() => {
                self.received_pings.push(payload.into_owned());
            }
            Event::Close(_) => self.got_close = true,
            _ => {}
        }
    }

    /// What holds between any two steps.
    pub(super) fn check(&self) {
        let buffered = self.endpoint.buffered_amount();
        if self.deflate.is_some() {
            // A compressed frame counts in full until it is wholly written.
            assert!(buffered <= self.sent_len, "more than was sent");
            assert!(buffered == 0 || self.endpoint.wants_write(), "{buffered}");
        } else {
            self.check_buffered(buffered, self.sent_len - self.frames.data);
        }
        assert_eq!(self.endpoint.has_said_all(), self.said_all);
        assert!(!self.said_all || self.endpoint.is_finished());
        if self.endpoint.can_send() {
            assert_eq!(self.endpoint.state(), State::Open);
        }
    }

    fn check_buffered(&self, buffered: usize, model: usize) {
        if self.endpoint.is_finished() && !self.is_clean() {
            assert!(buffered <= model, "{buffered} of {model}");
        } else {
            assert_eq!(buffered, model, "the amount buffered");
        }
    }
}

fn join(before: Option<Message<'static>>, data: Message<'static>) -> Message<'static> {
    match (before, data) {
        (None, data) => data,
        (Some(Message::Text(text)), Message::Text(more)) => {
            Message::Text(Cow::Owned(text.into_owned() + &more))
        }
        (Some(Message::Binary(data)), Message::Binary(more)) => {
            let mut data = data.into_owned();
            data.extend_from_slice(&more);
            data.into()
        }
        (Some(_), _) => panic!("a part of another kind than its message"),
    }
}
