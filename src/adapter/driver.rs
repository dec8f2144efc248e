//! The one drive loop, over any transport that can say "would block".
//!
//! ```text
//!            ┌──────────── fill ────────────┐
//!  outbox ──►│ flush ─► read ─► tell the time│──► input ──► next_event ──► user
//!            └──────────────────────────────┘
//!  after the end: flush ─► shut down writing ─► read and discard ─► done
//! ```
//!
//! All state is here and in the endpoint, none in a caller's future: a call that returned
//! `Pending` may be made again or never, and nothing is lost.

use std::{
    boxed::Box,
    io::{self, IoSlice},
    mem,
    sync::Arc,
    task::Poll,
    time::Duration,
    vec::Vec,
};

use super::{Error, buffers};
use crate::{
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        self, CloseStatus, Config, Event, Instant, Message, Part, State,
        handshake::{Request, Response},
    },
};

/// How many bytes are discarded after the end, at most.
const LINGER_LIMIT: usize = 64 << 10;

/// What the driver moves bytes over. `Pending` is "would block".
pub(super) trait Transport {
    /// Reads into `buffer`; 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Appends at most `limit` bytes to `buffer`, which has room for them; 0 is the end.
    fn read_direct(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Poll<io::Result<usize>>;
    /// Writes from the front of `chunks`.
    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;
    /// Passes on what the transport itself may hold back.
    fn flush(&mut self) -> Poll<io::Result<()>>;
    /// Ends writing; reading goes on.
    fn shutdown(&mut self) -> Poll<io::Result<()>>;
    /// The time now.
    fn now(&self) -> Instant;
}

/// A connection being driven.
#[derive(Debug)]
pub(super) struct Driver {
    endpoint: Endpoint,
    config: Arc<Config>,
    input: Input,
    /// An event that came while the user waited for something else, or past the input buffer.
    stash: Option<Box<EndpointEvent<'static>>>,
    /// What the connection failed with, to be told once the last output is written.
    failure: Option<Box<Error>>,
    /// The parts so far of a message that [`poll_recv`](Self::poll_recv) gathers.
    parts: Option<Box<Message<'static>>>,
    /// The error that writing ended with; reading goes on, for the peer may have said why.
    write_error: Option<Box<io::Error>>,
    deadline: Option<Instant>,
    phase: Phase,
    /// Whether the transport may hold back something that was written to it.
    unflushed: bool,
    /// Whether the time was told since the last read.
    told: bool,
}

/// What an opening handshake comes to.
#[derive(Debug)]
pub(super) enum Opening {
    Request(Box<Request>),
    Open(Option<Box<Response>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Over; the rest of the output is being written, until a deadline.
    Flushing(Instant),
    /// Writing is shut down; input is discarded until its end, the deadline or the limit.
    Lingering {
        until: Instant,
        discarded: usize,
    },
    Done,
}

/// Bytes that were read and not yet received.
#[derive(Debug, Default)]
struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Driver {
    pub(super) fn new(endpoint: Endpoint, config: &Arc<Config>, unread: Vec<u8>) -> Self {
        let end = unread.len();
        Self {
            endpoint,
            config: Arc::clone(config),
            input: Input {
                buffer: unread,
                start: 0,
                end,
            },
            stash: None,
            failure: None,
            parts: None,
            write_error: None,
            deadline: None,
            phase: Phase::Running,
            unflushed: false,
            told: false,
        }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The endpoint, with a buffer to encode into.
    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        let outbox = self.endpoint.outbox();
        if outbox.is_empty() {
            let unused = outbox.lend(buffers::take_write());
            buffers::give_write(unused);
        }
        &mut self.endpoint
    }

    /// Whether something waits to be written.
    pub(super) fn wants_write(&self) -> bool {
        self.endpoint.wants_write() && self.write_error.is_none()
    }

    /// When to call again although nothing happened.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The unread input and the unwritten output.
    pub(super) fn into_rest(mut self) -> (Vec<u8>, Vec<u8>) {
        let unread = self.input.unread_mut().to_vec();
        let mut unsent = Vec::new();
        loop {
            let outbox = self.endpoint.outbox();
            for chunk in outbox.chunks() {
                unsent.extend_from_slice(chunk);
            }
            let len: usize = outbox.chunks().map(<[u8]>::len).sum();
            if len == 0 {
                return (unread, unsent);
            }
            outbox.consume(len);
        }
    }

    /// The next event of what was read, and the endpoint to answer by; `None` when it is time to
    /// [fill](Self::poll_fill).
    pub(super) fn next_event(&mut self) -> Option<(EndpointEvent<'_>, &mut Endpoint)> {
        if let Some(event) = self.stash.take() {
            return Some((*event, &mut self.endpoint));
        }
        let Self {
            endpoint,
            input: Input { buffer, start, end },
            ..
        } = self;
        let mut unread = buffer.get_mut(*start..*end).unwrap_or_default();
        let event = endpoint.receive(&mut unread);
        *start = *end - unread.len();
        event.map(|event| (event, endpoint))
    }

    /// Writes what waits, then reads once: `true` if [`next_event`](Self::next_event) may have
    /// something, `false` once all is over.
    pub(super) fn poll_fill(&mut self, transport: &mut impl Transport) -> Poll<io::Result<bool>> {
        loop {
            if self.stash.is_some() || (!self.input.is_empty() && self.endpoint.wants_read()) {
                return Poll::Ready(Ok(true));
            }
            if self.phase != Phase::Running {
                return self.poll_finish(transport).map(|()| Ok(false));
            }
            self.flush(transport);
            if self.endpoint.is_finished() {
                if !self.endpoint.has_said_all() {
                    return Poll::Ready(Ok(true));
                }
                self.phase = Phase::Flushing(transport.now() + self.finish_timeout());
                continue;
            }
            match self.read(transport) {
                Poll::Ready(Ok(())) => {
                    if !mem::replace(&mut self.told, false) {
                        self.tell(transport.now());
                        self.told = false;
                    }
                    return Poll::Ready(Ok(true));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.tell(transport.now());
                    if self.endpoint.is_finished() {
                        continue;
                    }
                    self.flush(transport);
                    self.park();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Waits for the end of the opening handshake, or at a server for a request.
    pub(super) fn poll_open(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<Result<Opening, Error>> {
        loop {
            while let Some((event, _)) = self.next_event() {
                let failure = match event {
                    EndpointEvent::Request(request) => {
                        self.move_rest();
                        return Poll::Ready(Ok(Opening::Request(request)));
                    }
                    EndpointEvent::Open(response) => {
                        self.move_rest();
                        return Poll::Ready(Ok(Opening::Open(response)));
                    }
                    EndpointEvent::Refused(refusal) => Error::Refused(refusal),
                    EndpointEvent::Closed(status) => {
                        Error::Connection(status.error.unwrap_or(proto::Error::Eof))
                    }
                    EndpointEvent::Event(_) => continue,
                };
                self.failure = Some(Box::new(failure));
            }
            match self.poll_fill(transport)? {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    let failure = self.failure.take().map(|failure| *failure);
                    return Poll::Ready(Err(failure.unwrap_or(proto::Error::Eof.into())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for the next whole message; `None` once all is over.
    pub(super) fn poll_recv(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<Result<Option<Message<'static>>, Error>> {
        loop {
            while let Some((event, _)) = self.next_event() {
                match event {
                    EndpointEvent::Event(Event::Message(message)) => {
                        let message = message.into_owned();
                        self.move_rest();
                        return Poll::Ready(Ok(Some(message)));
                    }
                    EndpointEvent::Event(Event::Part(part)) => {
                        let part = part.into_owned();
                        if let Some(message) = self.join(part) {
                            self.move_rest();
                            return Poll::Ready(Ok(Some(message)));
                        }
                    }
                    EndpointEvent::Closed(CloseStatus {
                        error: Some(error), ..
                    }) => {
                        self.failure = Some(Box::new(Error::Connection(error)));
                    }
                    _ => {}
                }
            }
            match self.poll_fill(transport) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    return Poll::Ready(match self.failure.take() {
                        Some(failure) => Err(*failure),
                        None => Ok(None),
                    });
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::Io(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes until `enough` is satisfied; it is told whether nothing waits any more. While that would block it reads all the same, until an
    /// event waits for the user: two peers that both only send do not stop each other.
    fn poll_write_until(
        &mut self,
        transport: &mut impl Transport,
        enough: impl Fn(&Endpoint, bool) -> bool,
    ) -> Poll<io::Result<()>> {
        loop {
            self.flush(transport);
            if let Some(error) = self.write_error.take() {
                return Poll::Ready(Err(*error));
            }
            let is_flushed = !self.endpoint.wants_write() && !self.unflushed;
            if enough(&self.endpoint, is_flushed) || self.endpoint.is_finished() {
                return Poll::Ready(Ok(()));
            }
            if self.stash.is_none() && self.endpoint.wants_read() {
                while let Some((event, _)) = self.next_event() {
                    self.stash = Some(Box::new(event.into_owned()));
                    self.move_rest();
                    break;
                }
            }
            let read = if self.stash.is_none() && self.endpoint.wants_read() {
                self.read(transport)?
            } else {
                Poll::Pending
            };
            if read.is_pending() {
                self.tell(transport.now());
                if !self.endpoint.is_finished() {
                    self.park();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Closes if that was not done, and goes on to the end, discarding what still comes.
    pub(super) fn poll_end(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<Result<CloseStatus, Error>> {
        // Refused only where a Close was sent already, or none can be.
        let _ = self.endpoint_mut().close(None);
        loop {
            while self.next_event().is_some() {}
            match self.poll_fill(transport)? {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    let status = self.endpoint.close_status().cloned();
                    return Poll::Ready(Ok(status.unwrap_or_default()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits until a message may be sent, or none ever.
    pub(super) fn poll_ready(&mut self, transport: &mut impl Transport) -> Poll<io::Result<()>> {
        if self.endpoint.can_send() {
            return Poll::Ready(Ok(()));
        }
        self.poll_write_until(transport, |endpoint, _| {
            endpoint.can_send() || endpoint.state() != State::Open
        })
    }

    /// Waits until nothing waits to be written.
    pub(super) fn poll_flush(&mut self, transport: &mut impl Transport) -> Poll<io::Result<()>> {
        self.poll_write_until(transport, |_, is_flushed| is_flushed)
    }

    /// Writes what can be written without waiting.
    pub(super) fn try_flush(&mut self, transport: &mut impl Transport) -> io::Result<()> {
        self.flush(transport);
        self.write_error.take().map_or(Ok(()), |error| Err(*error))
    }

    /// Makes a lent buffer free for others: what is unread moves into a right-sized one.
    pub(super) fn move_rest(&mut self) {
        if self.input.buffer.len() == buffers::READ_SIZE {
            let rest = self.input.unread_mut().to_vec();
            buffers::give_read(mem::take(&mut self.input.buffer));
            self.input = Input {
                start: 0,
                end: rest.len(),
                buffer: rest,
            };
        } else if self.input.is_empty() {
            self.input = Input::default();
        }
    }

    /// Gives back what was lent, before waiting.
    fn park(&mut self) {
        self.move_rest();
        if let Some(buffer) = self.endpoint.outbox().reclaim() {
            buffers::give_write(buffer);
        }
    }

    fn tell(&mut self, now: Instant) {
        self.deadline = self.endpoint.handle_timeout(now);
        self.told = true;
    }

    /// Reads once, into the input or straight into a large message.
    fn read(&mut self, transport: &mut impl Transport) -> Poll<io::Result<()>> {
        if !self.input.is_empty() || !self.endpoint.wants_read() {
            return Poll::Pending;
        }
        let read = loop {
            let read = if let Some((buffer, room)) = self.endpoint.direct() {
                let before = buffer.len();
                let read = transport.read_direct(buffer, room);
                if let Poll::Ready(Ok(n @ 1..)) = read {
                    // A transport that lies about what it read is believed by the buffer only.
                    let n = n.min(buffer.len().saturating_sub(before));
                    if let Some(event) = self.endpoint.receive_direct(n) {
                        self.stash = Some(Box::new(event));
                    }
                    return Poll::Ready(Ok(()));
                }
                read
            } else {
                if self.input.buffer.len() != buffers::READ_SIZE {
                    self.input.buffer = buffers::take_read();
                }
                transport.read(&mut self.input.buffer)
            };
            match read {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => Poll::Ready(self.transport_ended(None)),
            Poll::Ready(Ok(n)) => {
                self.input.start = 0;
                self.input.end = n.min(self.input.buffer.len());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(self.transport_ended(Some(error))),
        }
    }

    /// Takes note that the transport has ended. Its error counts unless all was said before.
    fn transport_ended(&mut self, error: Option<io::Error>) -> io::Result<()> {
        let was_closed = self.endpoint.is_finished();
        self.endpoint.receive_eof();
        let is_clean = self
            .endpoint
            .close_status()
            .is_some_and(|status| status.clean);
        let error = error.or(self.write_error.take().map(|error| *error));
        match error {
            Some(error) if !was_closed && !is_clean => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes until nothing waits or the transport would block.
    fn flush(&mut self, transport: &mut impl Transport) {
        while self.endpoint.wants_write() && self.write_error.is_none() {
            let outbox = self.endpoint.outbox();
            let mut slices = [IoSlice::new(&[]); 4];
            let mut count = 0;
            for (slice, chunk) in slices.iter_mut().zip(outbox.chunks()) {
                *slice = IoSlice::new(chunk);
                count += 1;
            }
            if count == 0 {
                break;
            }
            match transport.write_vectored(&slices[..count]) {
                Poll::Ready(Ok(n @ 1..)) => {
                    outbox.consume(n);
                    self.unflushed = true;
                }
                Poll::Ready(Ok(0)) => self.fail_write(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => self.fail_write(error),
                Poll::Pending => break,
            }
        }
        if self.unflushed && self.write_error.is_none() {
            match transport.flush() {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => self.fail_write(error),
                Poll::Pending => {}
            }
        }
    }

    /// How long the last output may take to be written.
    fn finish_timeout(&self) -> Duration {
        self.config.close_timeout.unwrap_or(self.config.linger)
    }

    fn fail_write(&mut self, error: io::Error) {
        self.write_error = Some(Box::new(error));
        self.unflushed = false;
    }

    /// After the end: flushes, shuts down writing, then reads and discards until the peer has
    /// ended too, so that no reset destroys our Close on its way (RFC 6455 §7.1.1).
    fn poll_finish(&mut self, transport: &mut impl Transport) -> Poll<()> {
        loop {
            match self.phase {
                Phase::Running => return Poll::Ready(()),
                Phase::Flushing(until) => {
                    self.flush(transport);
                    let now = transport.now();
                    let waits = self.endpoint.wants_write() || self.unflushed;
                    if waits && self.write_error.is_none() && now < until {
                        self.deadline = Some(until);
                        self.park();
                        return Poll::Pending;
                    }
                    if transport.shutdown().is_pending() && now < until {
                        self.deadline = Some(until);
                        self.park();
                        return Poll::Pending;
                    }
                    let until = now + self.config.linger;
                    self.phase = Phase::Lingering {
                        until,
                        discarded: 0,
                    };
                }
                Phase::Lingering { until, discarded } => {
                    if self.write_error.is_some()
                        || discarded >= LINGER_LIMIT
                        || transport.now() >= until
                    {
                        self.phase = Phase::Done;
                        continue;
                    }
                    if self.input.buffer.len() != buffers::READ_SIZE {
                        self.input.buffer = buffers::take_read();
                    }
                    match transport.read(&mut self.input.buffer) {
                        Poll::Ready(Ok(n @ 1..)) => {
                            let discarded = discarded.saturating_add(n);
                            self.phase = Phase::Lingering { until, discarded };
                        }
                        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                        Poll::Ready(_) => self.phase = Phase::Done,
                        Poll::Pending => {
                            self.deadline = Some(until);
                            self.park();
                            return Poll::Pending;
                        }
                    }
                }
                Phase::Done => {
                    self.deadline = None;
                    self.input.discard();
                    self.park();
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Joins a part to those before it; the whole message once it is the last.
    fn join(&mut self, part: Part<'static>) -> Option<Message<'static>> {
        let Part { data, last } = part;
        let whole = match (self.parts.take().map(|parts| *parts), data) {
            (Some(Message::Text(mut text)), Message::Text(more)) => {
                text.to_mut().push_str(&more);
                Message::Text(text)
            }
            (Some(Message::Binary(mut data)), Message::Binary(more)) => {
                data.to_mut().extend_from_slice(&more);
                Message::Binary(data)
            }
            (_, data) => data,
        };
        if last {
            return Some(whole);
        }
        self.parts = Some(Box::new(whole));
        None
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.input.discard();
        self.move_rest();
        let outbox = self.endpoint.outbox();
        if let Some(buffer) = outbox.reclaim() {
            buffers::give_write(buffer);
        }
    }
}

impl Input {
    const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn unread_mut(&mut self) -> &mut [u8] {
        self.buffer
            .get_mut(self.start..self.end)
            .unwrap_or_default()
    }

    fn discard(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}
