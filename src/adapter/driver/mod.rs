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

mod finish;
mod input;
mod transport;
mod wait;

use std::{
    boxed::Box,
    io::{self, IoSlice},
    iter, mem,
    sync::Arc,
    task::Poll,
    vec::Vec,
};

use self::input::Input;
#[cfg(feature = "mio")]
pub(super) use self::transport::{read_to_spare, would_block};
pub(super) use self::{
    transport::{Transport, within, would_block_longer},
    wait::Opening,
};
use super::{
    Error, Reply,
    buffers::{self, ReadBuffer},
};
#[cfg(feature = "mio")]
use crate::proto::handshake::{Accept, AcceptError};
use crate::{
    endpoint::{Endpoint, EndpointEvent},
    proto::{Config, Event, Instant, Message, Part},
};

/// A connection being driven.
#[derive(Debug)]
pub(super) struct Driver {
    endpoint: Endpoint,
    config: Arc<Config>,
    input: Input,
    extra: Option<Box<Extra>>,
    /// When to call again although nothing happened; at the end, until when to wait for it.
    deadline: Option<Instant>,
    phase: Phase,
    /// Whether the transport may hold back something that was written to it.
    unflushed: bool,
    /// Whether the time was told since the last read.
    is_told: bool,
    /// Whether the transport's error was reported; what follows from it is not.
    is_reported: bool,
}

/// What a driver has only now and then.
#[derive(Debug, Default)]
struct Extra {
    /// An event that came while the user waited for something else, or past the input buffer.
    event: Option<EndpointEvent<'static>>,
    /// The latest Ping and the latest Pong that came so before it.
    ping: Option<Event<'static>>,
    pong: Option<Event<'static>>,
    /// What the connection failed with, to be told once the last output is written.
    failure: Option<Error>,
    /// The parts so far of a message that [`poll_recv`](Driver::poll_recv) gathers.
    parts: Option<Message<'static>>,
    /// The error that writing ended with; reading goes on, for the peer may have said why.
    write_error: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Over; the rest of the output is being written, until the deadline.
    Flushing,
    /// Writing is being shut down, until the same deadline: nothing may be written any more.
    Shutting,
    /// Writing is shut down; input is discarded until its end, the deadline or so many more bytes.
    Lingering(u16),
    Done,
}

impl Driver {
    /// A driver that is told the time for the first time, so that its deadlines run.
    pub(super) fn new(
        mut endpoint: Endpoint,
        config: &Arc<Config>,
        unread: Vec<u8>,
        now: Instant,
    ) -> Self {
        let deadline = endpoint.handle_timeout(now);
        Self {
            endpoint,
            config: Arc::clone(config),
            input: Input::new(unread),
            extra: None,
            deadline,
            phase: Phase::Running,
            unflushed: false,
            is_told: true,
            is_reported: false,
        }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The endpoint, with a buffer to encode into.
    pub(super) fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.lend_write();
        &mut self.endpoint
    }

    /// Lends the endpoint a buffer to encode into, unless something waits in one.
    fn lend_write(&mut self) {
        let outbox = self.endpoint.outbox();
        if outbox.is_empty() {
            let unused = outbox.lend(buffers::take_write());
            buffers::give_write(unused);
        }
    }

    /// Accepts the request that waits for a decision. That it is open waits to be handed out: no
    /// input need follow that would bring the user to ask.
    #[cfg(feature = "mio")]
    pub(super) fn accept(&mut self, accept: &Accept<'_>) -> Result<(), AcceptError> {
        self.endpoint_mut().accept(accept)?;
        if let Some((event, _)) = self.next_received() {
            let event = event.into_owned();
            self.extra().stash(event);
        }
        Ok(())
    }

    /// When to call again although nothing happened.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Adds bytes that were read elsewhere, behind what is unread.
    pub(super) fn supply(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let unread = [self.input.unread(), bytes].concat();
            self.input.discard();
            self.input.park();
            self.input = Input::new(unread);
        }
    }

    /// The unread input, the events that were kept while something else was waited for, and the
    /// unwritten output.
    pub(super) fn into_rest(mut self) -> (Vec<u8>, Vec<EndpointEvent<'static>>, Vec<u8>) {
        let extra = &mut self.extra;
        let parts = extra.as_mut().and_then(|extra| extra.take_parts());
        let rest = iter::from_fn(|| extra.as_mut()?.take_event());
        let events = parts.into_iter().chain(rest).collect();
        let unread = self.input.unread().to_vec();
        let mut unsent = Vec::new();
        loop {
            let outbox = self.endpoint.outbox();
            let before = unsent.len();
            for chunk in outbox.chunks() {
                unsent.extend_from_slice(chunk);
            }
            if unsent.len() == before {
                return (unread, events, unsent);
            }
            outbox.consume(unsent.len() - before);
        }
    }

    /// The next event of what was read, and a way to answer it; `None` when it is time to
    /// [fill](Self::poll_fill).
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "what a call returns in memory is stored in halves and loaded whole, which stalls"
    )]
    pub(super) fn next_event(&mut self) -> Option<(EndpointEvent<'_>, Reply<'_>)> {
        if self.extra.is_some()
            && let Some(event) = self.next_stashed()
        {
            return Some((event, Reply::new(&mut self.endpoint)));
        }
        self.next_received()
    }

    /// The next event that was kept while something else was waited for; before it, what
    /// [`next_message`](Self::next_message) gathered for somebody who no longer waits.
    #[cold]
    fn next_stashed(&mut self) -> Option<EndpointEvent<'static>> {
        let extra = self.extra.as_mut()?;
        extra.take_parts().or_else(|| extra.take_event())
    }

    /// The next event of what was read, whatever waits to be handed out first.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn next_received(&mut self) -> Option<(EndpointEvent<'_>, Reply<'_>)> {
        let Self {
            endpoint, input, ..
        } = self;
        let mut nowhere = 0;
        let (mut unread, start, end) = match input.parts() {
            Some(ReadBuffer { bytes, start, end }) => {
                let unread = bytes.get_mut(*start..*end).unwrap_or_default();
                (unread, start, *end)
            }
            None => (&mut [][..], &mut nowhere, 0),
        };
        // A message is wrapped here, where it is made, and not moved again.
        let whole = endpoint.receive_whole(&mut unread);
        if let Ok(Some(message)) = whole {
            *start = end - unread.len();
            let event = EndpointEvent::Event(Event::Message(message));
            return Some((event, Reply::new(endpoint)));
        }
        let event = endpoint.receive_other(whole.err(), &mut unread);
        *start = end - unread.len();
        event.map(|event| (event, Reply::new(endpoint)))
    }

    /// [`poll_fill`](Self::poll_fill) for whoever answers events while they are held: into a buffer
    /// that has grown before, which is given back like the one that was read into.
    pub(super) fn poll_batch<T: Transport>(&mut self, transport: &mut T) -> Poll<io::Result<bool>> {
        let filled = self.poll_fill(transport);
        if matches!(filled, Poll::Ready(Ok(true))) {
            self.lend_write();
        }
        filled
    }

    /// Writes what waits, then reads once: `true` if [`next_event`](Self::next_event) may have
    /// something, `false` once all is over.
    pub(super) fn poll_fill<T: Transport>(&mut self, transport: &mut T) -> Poll<io::Result<bool>> {
        loop {
            if self.has_stashed() || (!self.input.is_empty() && self.endpoint.wants_read()) {
                return Poll::Ready(Ok(true));
            }
            if self.phase != Phase::Running {
                return self.poll_finish(transport).map(|()| Ok(false));
            }
            if T::BLOCKS {
                self.tell_before_read(transport.now());
            }
            self.flush(transport);
            if self.endpoint.is_finished() {
                if !self.endpoint.has_said_all() {
                    return Poll::Ready(Ok(true));
                }
                self.deadline = Some(transport.now() + self.finish_timeout());
                self.phase = Phase::Flushing;
                continue;
            }
            match self.read(transport) {
                Poll::Ready(read) => {
                    // A batch that was waited for was told the time before the wait.
                    if !mem::replace(&mut self.is_told, false) {
                        self.deadline = self.endpoint.handle_timeout(transport.now());
                    }
                    return Poll::Ready(read.map(|()| true));
                }
                Poll::Pending => {
                    self.tell(transport.now());
                    if self.endpoint.is_finished() {
                        continue;
                    }
                    // A Ping may be due.
                    self.flush(transport);
                    self.park();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Writes what can be written, and reads nothing: for a user who takes no events for now. Call
    /// again when the transport can be written to, and at the deadline.
    #[cfg(all(
        feature = "web",
        any(feature = "futures", feature = "mio", feature = "tokio")
    ))]
    pub(super) fn pause(&mut self, transport: &mut impl Transport) {
        self.flush(transport);
        if self.phase == Phase::Running {
            // What is not read cannot be heard: no silence counts.
            self.deadline = self.endpoint.handle_write_timeout(transport.now());
        }
        self.park();
    }

    /// What another task that waits for this driver may wait for: how much output waits, whether
    /// an event or input does, and how far the connection has come.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(super) fn progress(&self) -> impl PartialEq + use<> {
        let has_input = !self.input.is_empty();
        let has_stashed = self.has_stashed();
        let state = self.endpoint.state();
        (
            self.endpoint.waiting(),
            has_input,
            has_stashed,
            state,
            self.phase,
        )
    }

    /// Whether an event waits to be handed out first.
    pub(super) fn has_stashed(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.has_event())
    }

    /// Whether something waits to be written that can be, in the transport itself too.
    pub(super) fn output_waits(&self) -> bool {
        (self.unflushed || self.endpoint.wants_write()) && !self.has_write_error()
    }

    /// Whether writing failed, and what that means is still to be read.
    pub(super) fn has_write_error(&self) -> bool {
        self.extra
            .as_ref()
            .is_some_and(|extra| extra.write_error.is_some())
    }

    fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Gives back what was lent, before waiting.
    fn park(&mut self) {
        self.input.park();
        if self.extra.as_ref().is_some_and(|extra| extra.is_empty()) {
            self.extra = None;
        }
        self.give_write();
    }

    /// Gives the write buffer back if nothing in it waits.
    fn give_write(&mut self) {
        if let Some(buffer) = self.endpoint.outbox().reclaim() {
            buffers::give_write(buffer);
        }
    }

    /// Tells the time before a read that waits: what was received or sent since the last one may
    /// have moved the deadline. One that passed while the program did something else is left to
    /// be noticed after the read, which may bring what came in time.
    fn tell_before_read(&mut self, now: Instant) {
        let is_overdue = self.deadline.is_some_and(|deadline| now >= deadline);
        if !(is_overdue && self.is_told) {
            self.tell(now);
        }
    }

    fn tell(&mut self, now: Instant) {
        self.deadline = self.endpoint.handle_timeout(now);
        self.is_told = true;
    }

    /// Reads once, into the input or straight into a large message.
    fn read(&mut self, transport: &mut impl Transport) -> Poll<io::Result<()>> {
        if !self.input.is_empty() || !self.endpoint.wants_read() {
            return Poll::Pending;
        }
        let output_waits = self.output_waits();
        if let Err(error) = transport.limit_read(self.deadline, output_waits) {
            return Poll::Ready(self.transport_ended(Some(error)));
        }
        let read = loop {
            let read = match self.endpoint.direct() {
                Some((buffer, room)) => {
                    let before = buffer.len();
                    let read = transport.read_direct(buffer, room);
                    let read = within(buffer.len().saturating_sub(before), read);
                    if let Poll::Ready(Ok(n @ 1..)) = read {
                        if let Some(event) = self.endpoint.receive_direct(n) {
                            self.extra().stash(event);
                        }
                        return Poll::Ready(Ok(()));
                    }
                    read
                }
                None => {
                    let buffer = self.input.lend();
                    within(buffer.len(), transport.read(buffer))
                }
            };
            match read {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Poll::Ready(Ok(n @ 1..)) => {
                self.input.filled(n);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(end) => Poll::Ready(self.transport_ended(end.err())),
        }
    }

    /// Takes note that the transport has ended. Its error counts unless all was said before, be it
    /// by a server that refuses.
    #[cold]
    fn transport_ended(&mut self, error: Option<io::Error>) -> io::Result<()> {
        if error.is_some() {
            self.endpoint.cut_refusal();
        }
        // A layer that misses its own end, as TLS does `close_notify`: an end all the same, for
        // whether it was in order is told by the closing handshake alone.
        let error = error.filter(|it| it.kind() != io::ErrorKind::UnexpectedEof);
        self.endpoint.receive_eof();
        let status = self.endpoint.close_status();
        let is_said = status.is_some_and(|status| status.clean) || self.endpoint.has_refusal();
        let write_error = self
            .extra
            .as_mut()
            .and_then(|extra| extra.write_error.take());
        match error.or(write_error) {
            Some(error) if !is_said && !self.is_reported => {
                self.is_reported = true;
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Writes until nothing waits or the transport would block; nothing once writing is shut down.
    fn flush(&mut self, transport: &mut impl Transport) {
        if !matches!(self.phase, Phase::Running | Phase::Flushing) {
            return;
        }
        while self.endpoint.wants_write() && !self.has_write_error() {
            let outbox = self.endpoint.outbox();
            let written = match outbox.only_chunk() {
                Some(chunk) => transport.write_vectored(&[IoSlice::new(chunk)]),
                None => {
                    let mut slices = [IoSlice::new(&[]); 4];
                    let mut count = 0;
                    for (slice, chunk) in slices.iter_mut().zip(outbox.chunks()) {
                        *slice = IoSlice::new(chunk);
                        count += 1;
                    }
                    if count == 0 {
                        break;
                    }
                    transport.write_vectored(&slices[..count])
                }
            };
            match written {
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
        // Only behind the last write: some streams forget on a flush who waits for them to write.
        while self.unflushed && !self.endpoint.wants_write() && !self.has_write_error() {
            match transport.flush() {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => self.fail_write(error),
                Poll::Pending => break,
            }
        }
    }

    #[cold]
    fn fail_write(&mut self, error: io::Error) {
        self.extra().write_error = Some(error);
        self.unflushed = false;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.input.discard();
        self.park();
    }
}

impl Extra {
    /// Keeps an event for later.
    ///
    /// Pings and Pongs must not stop the reading: two peers that each sent one and then much data
    /// would wait for each other. The latest of each is enough (RFC 6455 §5.5.3).
    fn stash(&mut self, event: EndpointEvent<'static>) {
        match event {
            EndpointEvent::Event(event @ Event::Ping(_)) => self.ping = Some(event),
            EndpointEvent::Event(event @ Event::Pong(_)) => self.pong = Some(event),
            event => self.event = Some(event),
        }
    }

    /// What was gathered of a message, as its first part.
    fn take_parts(&mut self) -> Option<EndpointEvent<'static>> {
        let part = Part::more(self.parts.take()?);
        Some(EndpointEvent::Event(Event::Part(part)))
    }

    fn take_event(&mut self) -> Option<EndpointEvent<'static>> {
        let control = self.ping.take().or_else(|| self.pong.take());
        control
            .map(EndpointEvent::Event)
            .or_else(|| self.event.take())
    }

    const fn has_event(&self) -> bool {
        self.event.is_some() || self.ping.is_some() || self.pong.is_some()
    }

    const fn is_empty(&self) -> bool {
        !self.has_event()
            && self.failure.is_none()
            && self.parts.is_none()
            && self.write_error.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle connection costs this and its stream.
    #[test]
    fn a_driver_is_small() {
        assert!(size_of::<Driver>() <= 168, "{}", size_of::<Driver>());
    }
}
