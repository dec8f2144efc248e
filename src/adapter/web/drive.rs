//! The loop that moves bytes for a `WebSocket`, over any adapter's transport.

use std::{sync::Arc, task::Poll};

use super::shared::Shared;
use crate::{
    adapter::{
        Error,
        driver::{Driver, Transport},
    },
    web::{Failure, Outgoing},
};

/// How many reads one call makes at most, so that others of the same thread have their turn.
const READS: usize = 32;

/// Sends what the program asked for, reads, and fires what follows; `Ready` once the transport may
/// be dropped. Whoever is registered at `shared` is woken when there is more to do, and calls this
/// again when the transport is ready or the driver's deadline has passed.
pub(in crate::adapter) fn poll_drive<R>(
    shared: &Arc<Shared<R>>,
    driver: &mut Driver,
    transport: &mut impl Transport,
) -> Poll<()> {
    let mut reads = 0;
    loop {
        shared.dispatch();
        if shared.is_aborted() {
            shared.fail(Error::WebSocket(Failure::ClosedWhileConnecting));
            return Poll::Ready(());
        }
        send(shared, driver);
        if !shared.wants_events() && !driver.endpoint().is_finished() {
            driver.pause(transport);
            set_unwritten(shared, driver);
            // What was written may have made room for more, or the peer may have taken too long.
            if driver.endpoint().is_finished()
                || (driver.endpoint().can_send() && send(shared, driver))
            {
                continue;
            }
            return Poll::Pending;
        }
        if let Some((event, reply)) = driver.next_event() {
            if !shared.receive(event, reply.endpoint()) {
                return Poll::Ready(());
            }
            continue;
        }
        let filled = driver.poll_fill(transport);
        set_unwritten(shared, driver);
        match filled {
            Poll::Ready(Ok(true)) => {}
            Poll::Ready(Ok(false)) => return Poll::Ready(()),
            Poll::Ready(Err(error)) => shared.note_error(error.into()),
            Poll::Pending if driver.endpoint().can_send() && send(shared, driver) => continue,
            Poll::Pending => return Poll::Pending,
        }
        reads += 1;
        if reads == READS {
            shared.wake();
            return Poll::Pending;
        }
    }
}

/// Hands over what the program asked for, as much as there is room; whether there was any.
fn send<R>(shared: &Shared<R>, driver: &mut Driver) -> bool {
    let mut has_sent = false;
    while let Some(outgoing) = shared.next_outgoing(driver.endpoint().can_send()) {
        has_sent = true;
        let endpoint = driver.endpoint_mut();
        // A message was asked after; a Close is refused only where one was sent already.
        let _ = match outgoing {
            Outgoing::Message(message) => endpoint.send(message),
            Outgoing::Close(frame) => endpoint.close(frame.as_ref()),
        };
    }
    has_sent
}

/// What the endpoint drops at its end was not written, and goes on counting.
fn set_unwritten<R>(shared: &Shared<R>, driver: &Driver) {
    let endpoint = driver.endpoint();
    shared.set_unwritten(endpoint.buffered_amount() + endpoint.dropped_amount());
}
