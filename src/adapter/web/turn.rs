//! One connection to a host in CONNECTING at a time (RFC 6455 §4.1 number 2).

use std::{
    collections::{BTreeMap, VecDeque},
    string::String,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// Those who wait for each host; the first of them has its turn.
static QUEUES: Mutex<BTreeMap<String, VecDeque<Waiting>>> = Mutex::new(BTreeMap::new());

struct Waiting {
    id: u64,
    waker: Option<Waker>,
}

/// A place in the queue of those who would connect to a host; dropping it lets the next one.
#[derive(Debug)]
pub(in crate::adapter) struct Turn {
    host: String,
    id: u64,
}

impl Turn {
    /// Queues up.
    pub(in crate::adapter) fn queue(host: String) -> Self {
        let mut queues = lock();
        let queue = queues.entry(host.clone()).or_default();
        let id = queue.back().map_or(0, |last| last.id + 1);
        queue.push_back(Waiting { id, waker: None });
        Self { host, id }
    }

    /// Waits until nobody is before this one.
    pub(in crate::adapter) fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut queues = lock();
        let Some(queue) = queues.get_mut(&self.host) else {
            return Poll::Ready(());
        };
        match queue.iter().position(|waiting| waiting.id == self.id) {
            None | Some(0) => Poll::Ready(()),
            Some(at) => {
                let waiting = queue.get_mut(at);
                let old = waiting.and_then(|waiting| waiting.waker.replace(waker.clone()));
                drop(queues);
                // To drop a waker may be to drop its task and a turn that waits in it.
                drop(old);
                Poll::Pending
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = lock();
        let Some(queue) = queues.get_mut(&self.host) else {
            return;
        };
        let at = queue.iter().position(|waiting| waiting.id == self.id);
        let own = at.and_then(|at| queue.remove(at));
        let next = queue.front_mut().and_then(|next| next.waker.take());
        if queue.is_empty() {
            queues.remove(&self.host);
        }
        // A waker may do anything, also when it is dropped.
        drop(queues);
        drop(own);
        if let Some(next) = next {
            next.wake();
        }
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<String, VecDeque<Waiting>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}
