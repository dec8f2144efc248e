//! What an endpoint has to say.

use alloc::boxed::Box;

use crate::proto::{
    CloseStatus, Error, Event, Message,
    handshake::{Refusal, Request, Response},
};

/// What an [`Endpoint`](super::Endpoint) has to say.
///
/// Complete: `Request` (at a server) comes first, then `Open`, then events; exactly one of
/// `Refused` and `Closed` comes, and nothing after it.
#[derive(Debug)]
pub enum EndpointEvent<'a> {
    /// A client asks: answer with [`Endpoint::accept`](super::Endpoint::accept) or
    /// [`Endpoint::reject`](super::Endpoint::reject), at any time.
    Request(Box<Request>),
    /// The connection is open; at a client with the server's response.
    Open(Option<Box<Response>>),
    /// What the peer sent.
    Event(Event<'a>),
    /// The server answered the handshake with something else than a connection.
    Refused(Box<Refusal>),
    /// The connection is over.
    Closed(CloseStatus),
}

impl<'a> EndpointEvent<'a> {
    /// The message, if this is one that came whole.
    #[must_use]
    pub fn into_message(self) -> Option<Message<'a>> {
        match self {
            Self::Event(Event::Message(message)) => Some(message),
            _ => None,
        }
    }

    /// The same event with a life of its own; copies only what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> EndpointEvent<'static> {
        match self {
            Self::Request(request) => EndpointEvent::Request(request),
            Self::Open(response) => EndpointEvent::Open(response),
            Self::Event(event) => EndpointEvent::Event(event.into_owned()),
            Self::Refused(refusal) => EndpointEvent::Refused(refusal),
            Self::Closed(status) => EndpointEvent::Closed(status),
        }
    }
}

/// The last thing an endpoint says.
#[derive(Debug)]
pub(super) enum Terminal {
    Refused(Box<Refusal>),
    Closed(CloseStatus),
}

impl Terminal {
    pub(super) fn closed(error: Error) -> Self {
        Self::Closed(CloseStatus {
            error: Some(error),
            ..CloseStatus::default()
        })
    }
}
