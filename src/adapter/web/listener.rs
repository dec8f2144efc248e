//! Callbacks with an identity.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::WebSocket;
use crate::web::Event;

/// A callback that can be added to sockets and removed again: it is known by itself, not by what
/// it does.
///
/// Cheap to clone; clones are the same listener. It is called on the thread that drives the
/// socket, with the socket that the event fired at. It may do anything to that, and none of it
/// blocks.
pub struct Listener<R>(Arc<Mutex<Callback<R>>>);

type Callback<R> = dyn FnMut(&WebSocket<R>, &Event) + Send;

impl<R: 'static> Listener<R> {
    /// A listener that calls `callback`.
    pub fn new(callback: impl FnMut(&WebSocket<R>, &Event) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(callback)))
    }
}

impl<R> Listener<R> {
    pub(super) fn call(&self, socket: &WebSocket<R>, event: &Event) {
        // It may have panicked before; what it left behind is its own.
        let mut callback = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        callback(socket, event);
    }
}

impl<R> Clone for Listener<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> PartialEq for Listener<R> {
    /// Whether it is the very same.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<R> Eq for Listener<R> {}

impl<R> fmt::Debug for Listener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
