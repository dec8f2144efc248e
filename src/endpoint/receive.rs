//! From bytes to events.

use alloc::boxed::Box;
use core::mem;

use super::{Endpoint, EndpointEvent, Stage, event::Terminal, trace};
use crate::proto::{Event, Message, ProtocolError, handshake::Outcome};

impl Endpoint {
    /// Takes bytes of the peer, cut anywhere, and returns the next event; `None` once `input` is
    /// used up or, while a request is undecided, once it must wait.
    ///
    /// Call it until `None` after each read, after [`receive_eof`](Self::receive_eof),
    /// [`handle_timeout`](Self::handle_timeout), [`accept`](Self::accept) and
    /// [`reject`](Self::reject): what they caused comes out here.
    #[inline]
    pub fn receive<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<EndpointEvent<'b>> {
        match self.receive_whole(input) {
            Ok(Some(message)) => Some(EndpointEvent::Event(Event::Message(message))),
            other => self.receive_other(other.err(), input),
        }
    }

    /// The short path of [`receive`](Self::receive): a message that lies whole at the front of
    /// `input`. Whoever wraps the event does so where it is made; see the engine's.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see Receiver::receive_whole")]
    pub(crate) fn receive_whole<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Message<'b>>, ProtocolError> {
        let Stage::Open(connection) = &mut self.stage else {
            return Ok(None);
        };
        let received = connection.receive_whole(input);
        if let Ok(Some(message)) = &received {
            trace::message(message.opcode(), message.len());
        }
        received
    }

    /// Goes on where [`receive_whole`](Self::receive_whole) gave no message, or failed.
    pub(crate) fn receive_other<'b>(
        &mut self,
        error: Option<ProtocolError>,
        input: &mut &'b mut [u8],
    ) -> Option<EndpointEvent<'b>> {
        let event = self.receive_untold(error, input);
        if let Some(event) = &event {
            trace::event(self, event);
        }
        event
    }

    #[inline]
    fn receive_untold<'b>(
        &mut self,
        error: Option<ProtocolError>,
        input: &mut &'b mut [u8],
    ) -> Option<EndpointEvent<'b>> {
        if let Stage::Open(connection) = &mut self.stage {
            match connection.receive_other(error, input, self.outbox.batch()) {
                Ok(Some(event)) => return Some(EndpointEvent::Event(event)),
                Ok(None) | Err(_) if connection.is_finished() => {}
                Ok(None) | Err(_) => return None,
            }
        }
        self.receive_slow(input)
    }

    #[cold]
    fn receive_slow<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<EndpointEvent<'b>> {
        match &mut self.stage {
            Stage::Client(opening) => match opening.handshake.receive(input) {
                Ok(None) => None,
                Ok(Some(Outcome::Open(connection, response))) => {
                    self.outbox.skip_head();
                    self.stage = Stage::Open(connection);
                    Some(EndpointEvent::Open(Some(Box::new(response))))
                }
                Ok(Some(Outcome::Refused(refusal))) => {
                    self.end(Terminal::Refused(Box::new(refusal)))
                }
                Err(error) => self.end(Terminal::closed(error.into())),
            },
            Stage::Server(opening) => match opening.handshake.receive(input, self.outbox.batch()) {
                Ok(None) => None,
                Ok(Some(request)) => {
                    opening.undecided = true;
                    Some(EndpointEvent::Request(Box::new(request)))
                }
                Err(error) => self.end(Terminal::closed(error.into())),
            },
            Stage::Opened(_) | Stage::Ending(_) | Stage::Open(_) => self.announce(),
            Stage::Ended(_) => {
                *input = &mut [];
                None
            }
        }
    }

    /// Says that the connection is open, or over.
    fn announce<'b>(&mut self) -> Option<EndpointEvent<'b>> {
        match mem::replace(&mut self.stage, Stage::Ended(Box::default())) {
            Stage::Opened(opened) => {
                let (connection, response) = *opened;
                self.stage = Stage::Open(connection);
                Some(EndpointEvent::Open(response))
            }
            Stage::Ending(terminal) => self.end(*terminal),
            Stage::Open(connection) => {
                self.outbox.drop_unbegun();
                let status = connection.close_status().cloned().unwrap_or_default();
                let event = self.end(Terminal::Closed(status));
                if let Stage::Ended(ended) = &mut self.stage {
                    ended.counters = connection.counters().map(Box::new);
                }
                event
            }
            stage => {
                self.stage = stage;
                None
            }
        }
    }
}
