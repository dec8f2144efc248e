//! The loop that moves bytes for a `WebSocket`, over any adapter's transport.

use std::{sync::Arc, task::Poll};

use super::shared::Shared;
use crate::{
    adapter::{
        Error,
        driver::{Driver, Transport},
    },
    proto::SendError,
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
        if let Err(error) = send(shared, driver) {
            // No event of a browser's tells of that: what the program began before it gave the
            // connection away is still unfinished.
            shared.fail(error.into());
            return Poll::Ready(());
        }
        if !shared.wants_events() && !driver.endpoint().is_finished() {
            driver.pause(transport);
            set_unwritten(shared, driver);
            // What was written may have made room for more, or the peer may have taken too long.
            if driver.endpoint().is_finished() || has_more(shared, driver) {
                continue;
            }
            fail_writes(shared, driver);
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
            Poll::Pending if has_more(shared, driver) => continue,
            Poll::Pending => {
                fail_writes(shared, driver);
                return Poll::Pending;
            }
        }
        reads += 1;
        if reads == READS {
            shared.wake();
            return Poll::Pending;
        }
    }
}

/// Hands over what the program asked for, as much as there is room.
fn send<R>(shared: &Shared<R>, driver: &mut Driver) -> Result<(), SendError> {
    while let Some(outgoing) = shared.next_outgoing(driver.endpoint().can_send()) {
        let endpoint = driver.endpoint_mut();
        match outgoing {
            Outgoing::Message(message) => endpoint.send(message)?,
            Outgoing::Close(frame) => {
                // Refused only where one was sent already.
                let _ = endpoint.close(frame.as_ref());
            }
        }
    }
    Ok(())
}

/// Whether there is room again for what the program asked for.
fn has_more<R>(shared: &Shared<R>, driver: &Driver) -> bool {
    driver.endpoint().can_send() && shared.has_outgoing()
}

/// Tells that nothing will be written any more, where reading does not tell more than that.
fn fail_writes<R>(shared: &Shared<R>, driver: &Driver) {
    if driver.has_write_error() {
        shared.fail_writes();
    }
}

/// What the endpoint drops at its end was not written, and goes on counting.
fn set_unwritten<R>(shared: &Shared<R>, driver: &Driver) {
    let endpoint = driver.endpoint();
    let unwritten = endpoint.buffered_amount() + endpoint.dropped_amount();
    shared.set_unwritten(unwritten, endpoint.wants_write());
}
