//! One waker for two tasks.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use super::sync::{Mutex, lock};

/// Which half of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapter) enum Side {
    Read,
    Write,
}

/// The wakers of both halves' tasks.
///
/// A transport remembers one waker for each direction, the last it was polled with. Both halves
/// read and write: a reader's flush would overwrite the writer's waker. So the transport is only
/// ever polled with this one, which wakes both.
#[derive(Debug, Default)]
pub(in crate::adapter) struct Wakers {
    read: Mutex<Option<Waker>>,
    write: Mutex<Option<Waker>>,
}

impl Wakers {
    /// Remembers the waker of the task that polls this half.
    pub(in crate::adapter) fn register(&self, side: Side, waker: &Waker) {
        let mut slot = lock(self.slot(side));
        let is_known = slot.as_ref().is_some_and(|known| known.will_wake(waker));
        let old = (!is_known).then(|| slot.replace(waker.clone()));
        drop(slot);
        // To drop a waker may be to drop its task, and the other half that it owns.
        drop(old);
    }

    /// Wakes the task that waits for the other half than this, if one does.
    pub(super) fn wake_other(&self, side: Side) {
        self.wake_side(match side {
            Side::Read => Side::Write,
            Side::Write => Side::Read,
        });
    }

    fn wake_side(&self, side: Side) {
        // The lock is free again before the task is woken: it may poll at once.
        let waker = lock(self.slot(side)).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    const fn slot(&self, side: Side) -> &Mutex<Option<Waker>> {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_side(Side::Read);
        self.wake_side(Side::Write);
    }
}
