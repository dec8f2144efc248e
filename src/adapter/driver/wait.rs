//! What users wait for: an open connection, a message, room, an empty outbox, the end.

#[cfg(any(feature = "futures", feature = "tokio"))]
use std::ops::ControlFlow;
use std::{boxed::Box, io, task::Poll};

use super::{Driver, Transport};
use crate::{
    adapter::Error,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        self, CloseStatus, Event, Message, State,
        handshake::{Request, Response},
    },
};

/// What an opening handshake comes to.
#[derive(Debug)]
pub(in crate::adapter) enum Opening {
    Request(Box<Request>),
    Open(Option<Box<Response>>),
}

impl Driver {
    /// Waits for the end of the opening handshake, or at a server for a request.
    pub(in crate::adapter) fn poll_open(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<Result<Opening, Error>> {
        loop {
            while let Some((event, _)) = self.next_event() {
                let failure = match event {
                    EndpointEvent::Request(request) => {
                        self.input.park();
                        return Poll::Ready(Ok(Opening::Request(request)));
                    }
                    EndpointEvent::Open(response) => {
                        self.input.park();
                        return Poll::Ready(Ok(Opening::Open(response)));
                    }
                    EndpointEvent::Refused(refusal) => Error::Refused(refusal),
                    EndpointEvent::Closed(status) => {
                        Error::Connection(status.error.unwrap_or(proto::Error::Eof))
                    }
                    EndpointEvent::Event(_) => continue,
                };
                self.fail(failure);
            }
            match self.poll_fill(transport)? {
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    let failure = self.take_failure();
                    return Poll::Ready(Err(failure.unwrap_or(proto::Error::Eof.into())));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for the next whole message; `None` once all is over.
    pub(in crate::adapter) fn poll_recv(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<Result<Option<Message<'static>>, Error>> {
        loop {
            if let Some(message) = self.next_message() {
                return Poll::Ready(Ok(Some(message)));
            }
            match self.poll_fill(transport) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    return Poll::Ready(self.take_failure().map_or(Ok(None), Err));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The next whole message of what was read; what else was read before it is done.
    pub(in crate::adapter) fn next_message(&mut self) -> Option<Message<'static>> {
        while let Some(event) = self.next_ungathered() {
            match event {
                EndpointEvent::Event(Event::Message(message)) => {
                    let message = message.into_owned();
                    self.input.park();
                    return Some(message);
                }
                EndpointEvent::Event(Event::Part(part)) => {
                    let part = part.into_owned();
                    if let Some(message) = part.join(&mut self.extra().parts) {
                        self.input.park();
                        return Some(message);
                    }
                }
                EndpointEvent::Closed(CloseStatus { error, .. }) => {
                    // What was gathered never becomes a message, and nothing follows the end.
                    if let Some(extra) = &mut self.extra {
                        extra.parts = None;
                    }
                    if let Some(error) = error {
                        self.fail(Error::Connection(error));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The next event, but for the parts that were gathered so far.
    #[inline]
    fn next_ungathered(&mut self) -> Option<EndpointEvent<'_>> {
        let stashed = self.extra.as_mut().and_then(|extra| extra.take_event());
        match stashed {
            Some(event) => Some(event),
            None => self.next_received().map(|(event, _)| event),
        }
    }

    /// Gives the data of what was read to `take`, whole messages or parts, until it breaks off or
    /// has had all; what else was read before it is done.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(in crate::adapter) fn next_data(
        &mut self,
        mut take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) {
        while let Some((event, _)) = self.next_event() {
            let data = match event {
                EndpointEvent::Event(Event::Message(message)) => message,
                EndpointEvent::Event(Event::Part(part)) => part.data,
                _ => continue,
            };
            if take(data).is_break() {
                break;
            }
        }
        self.input.park();
    }

    /// Writes until `enough` is satisfied; it is told whether nothing waits any more. While that
    /// would block it reads all the same, until data or the end waits for the user: two peers that
    /// both only send do not stop each other.
    fn poll_write_until(
        &mut self,
        transport: &mut impl Transport,
        enough: impl Fn(&Endpoint, bool) -> bool,
    ) -> Poll<io::Result<()>> {
        loop {
            self.flush(transport);
            if let Some(error) = self.take_write_error() {
                return Poll::Ready(Err(error));
            }
            let is_flushed = !self.endpoint.wants_write() && !self.unflushed;
            if enough(&self.endpoint, is_flushed) || self.endpoint.is_finished() {
                self.give_write();
                return Poll::Ready(Ok(()));
            }
            while !self.has_stashed_data()
                && self.endpoint.wants_read()
                && let Some((event, _)) = self.next_received()
            {
                let event = event.into_owned();
                self.extra().stash(event);
                self.input.park();
            }
            let read = if !self.has_stashed_data() && self.endpoint.wants_read() {
                self.read(transport)?
            } else {
                Poll::Pending
            };
            if read.is_pending() {
                if self.has_stashed_data() {
                    // What is not read cannot be heard: no silence counts.
                    self.deadline = self.endpoint.handle_write_timeout(transport.now());
                } else {
                    self.tell(transport.now());
                }
                if !self.endpoint.is_finished() {
                    self.park();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Closes if that was not done, and goes on to the end, discarding what still comes.
    pub(in crate::adapter) fn poll_end(
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
    pub(in crate::adapter) fn poll_ready(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<io::Result<()>> {
        if self.endpoint.can_send() {
            return Poll::Ready(Ok(()));
        }
        self.poll_write_until(transport, |endpoint, _| {
            endpoint.can_send() || endpoint.state() != State::Open
        })
    }

    /// Waits until nothing waits to be written.
    pub(in crate::adapter) fn poll_flush(
        &mut self,
        transport: &mut impl Transport,
    ) -> Poll<io::Result<()>> {
        self.poll_write_until(transport, |_, is_flushed| is_flushed)
    }

    /// Writes what can be written without waiting.
    pub(in crate::adapter) fn try_flush(
        &mut self,
        transport: &mut impl Transport,
    ) -> io::Result<()> {
        self.flush(transport);
        self.give_write();
        self.take_write_error().map_or(Ok(()), Err)
    }

    /// Whether an event waits behind which nothing is read.
    fn has_stashed_data(&self) -> bool {
        self.extra
            .as_ref()
            .is_some_and(|extra| extra.event.is_some())
    }

    /// Remembers what the connection failed with, unless that follows from what was reported.
    fn fail(&mut self, failure: Error) {
        if !self.is_reported {
            self.extra().failure = Some(failure);
        }
    }

    fn take_failure(&mut self) -> Option<Error> {
        self.extra.as_mut()?.failure.take()
    }

    fn take_write_error(&mut self) -> Option<io::Error> {
        let error = self.extra.as_mut()?.write_error.take()?;
        self.is_reported = true;
        Some(error)
    }
}
