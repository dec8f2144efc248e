//! What an endpoint tells [`tracing`](https://docs.rs/tracing), with the feature of that name.
//!
//! Target `sansock`; nothing above DEBUG: an opening and an end are DEBUG, each message and control
//! frame is TRACE. Sizes, codes and errors are told, never what peers say: no payload, path, header
//! or reason. Without the feature these functions are empty.

#![cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "nothing is told without the feature")
)]

use super::{Endpoint, EndpointEvent};
#[cfg(feature = "tracing")]
use crate::proto::Event;
use crate::proto::Opcode;

#[cfg(feature = "tracing")]
const TARGET: &str = "sansock";

/// Tells of a message that is handed out whole.
#[inline]
pub(super) fn message(opcode: Opcode, len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, ?opcode, len, "message received");
}

/// Tells of a message, or a part of one, that is about to be sent.
#[inline]
pub(super) fn send(opcode: Opcode, len: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: TARGET, ?opcode, len, "send");
}

/// Tells of any other event that `endpoint` hands out.
#[inline]
pub(super) fn event(endpoint: &Endpoint, event: &EndpointEvent<'_>) {
    #[cfg(feature = "tracing")]
    tell(endpoint, event);
}

#[cfg(feature = "tracing")]
fn tell(endpoint: &Endpoint, event: &EndpointEvent<'_>) {
    match event {
        EndpointEvent::Request(_) => tracing::debug!(target: TARGET, "request received"),
        EndpointEvent::Open(_) => {
            let connection = endpoint.connection_ref();
            let role = connection.map(|it| tracing::field::debug(it.role()));
            let deflate = endpoint.deflate().is_some();
            let subprotocol = endpoint.subprotocol().is_some();
            tracing::debug!(target: TARGET, role, subprotocol, deflate, "open");
        }
        EndpointEvent::Refused(refusal) => {
            tracing::debug!(target: TARGET, status = refusal.status(), "refused");
        }
        EndpointEvent::Closed(status) => {
            let received = status.received.as_ref().map(|frame| frame.code.get());
            let sent = status.sent.map(crate::CloseCode::get);
            let error = status.error.as_ref().map(tracing::field::display);
            let clean = status.clean;
            tracing::debug!(target: TARGET, clean, received, sent, error, "closed");
        }
        EndpointEvent::Event(Event::Message(it)) => message(it.opcode(), it.len()),
        EndpointEvent::Event(Event::Part(part)) => {
            let (opcode, len, last) = (part.data.opcode(), part.data.len(), part.last);
            tracing::trace!(target: TARGET, ?opcode, len, last, "part received");
        }
        EndpointEvent::Event(Event::Ping(payload)) => message(Opcode::Ping, payload.len()),
        EndpointEvent::Event(Event::Pong(payload)) => message(Opcode::Pong, payload.len()),
        EndpointEvent::Event(Event::Close(frame)) => {
            let code = frame.as_ref().map(|frame| frame.code.get());
            tracing::trace!(target: TARGET, code, "close received");
        }
    }
}
