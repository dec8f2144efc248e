//! Who waits for a change of a `WebSocketStream` over asynchronous runtimes.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    WebSocket,
    shared::{Shared, State},
};

/// A place among those who wait, kept from the first poll that finds nothing until somebody tells of
/// a change, and no longer than this lives: whoever gives up leaves no waker behind.
pub(super) struct Waiting<R> {
    shared: Arc<Shared<R>>,
    id: Option<u64>,
}

impl<R> Waiting<R> {
    pub(super) fn new(socket: &WebSocket<R>) -> Self {
        Self {
            shared: Arc::clone(socket.shared()),
            id: None,
        }
    }

    /// Waits until `look` finds something.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut State<R>) -> Option<T>,
    ) -> Poll<T> {
        let mut state = self.shared.lock();
        if let Some(found) = look(&mut state) {
            return Poll::Ready(found);
        }
        let id = *self.id.get_or_insert_with(|| state.take_id());
        let old = state.waiting.insert(id, cx.waker().clone());
        drop(state);
        // To drop a waker may be to drop its task and all that it owns.
        drop(old);
        Poll::Pending
    }
}

impl<R> Drop for Waiting<R> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let old = self.shared.lock().waiting.remove(&id);
            drop(old);
        }
    }
}

impl<R> WebSocket<R> {
    /// Waits until `look` finds something.
    pub(super) async fn until<T>(&self, look: impl Fn(&mut State<R>) -> Option<T>) -> T {
        let mut waiting = Waiting::new(self);
        poll_fn(|cx| waiting.poll(cx, &look)).await
    }
}
