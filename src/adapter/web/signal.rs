//! Giving up from elsewhere.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    vec::Vec,
};

/// Aborts what was given its [`signal`](Self::signal) (DOM §3.1).
#[derive(Clone, Debug, Default)]
pub struct AbortController {
    signal: AbortSignal,
}

/// Tells that something was aborted (DOM §3.2). Cheap to clone.
#[derive(Clone, Default)]
pub struct AbortSignal(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Why it was aborted, once it was.
    reason: Option<Arc<str>>,
    /// Those to abort, some of which may be gone.
    targets: Vec<Weak<dyn Abort>>,
}

/// What a signal may abort.
pub(super) trait Abort: Send + Sync {
    /// Gives up, if it is not too late.
    fn abort(&self, reason: &Arc<str>);
}

impl AbortController {
    /// A controller with a signal of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The signal, to give away.
    #[must_use]
    pub fn signal(&self) -> AbortSignal {
        self.signal.clone()
    }

    /// Aborts without a reason of the program's own; again is nothing.
    pub fn abort(&self) {
        self.abort_with("the signal was aborted");
    }

    /// Aborts for this reason, which is what fails by it tells; again is nothing.
    pub fn abort_with(&self, reason: &str) {
        let mut inner = self.signal.lock();
        let reason = Arc::clone(inner.reason.get_or_insert_with(|| reason.into()));
        let targets = mem::take(&mut inner.targets);
        drop(inner);
        for target in targets.iter().filter_map(Weak::upgrade) {
            target.abort(&reason);
        }
    }
}

impl AbortSignal {
    /// Whether it was aborted.
    #[must_use]
    pub fn aborted(&self) -> bool {
        self.lock().reason.is_some()
    }

    /// Why it was aborted, once it was.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<str>> {
        self.lock().reason.clone()
    }

    /// Aborts `target` once it is aborted: at once if it is.
    pub(super) fn add(&self, target: &Arc<impl Abort + 'static>) {
        let mut inner = self.lock();
        if let Some(reason) = inner.reason.clone() {
            drop(inner);
            target.abort(&reason);
            return;
        }
        if inner.targets.len() == inner.targets.capacity() {
            // A signal may outlive many: who is gone makes room for who comes.
            inner.targets.retain(|target| target.strong_count() > 0);
        }
        let target: Weak<_> = Arc::downgrade(target);
        inner.targets.push(target);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AbortSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortSignal")
            .field("aborted", &self.aborted())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Abort for Nothing {
        fn abort(&self, _: &Arc<str>) {}
    }

    #[test]
    fn a_signal_does_not_gather_those_that_are_gone() {
        let signal = AbortSignal::default();
        for _ in 0..1000 {
            signal.add(&Arc::new(Nothing));
        }
        assert!(signal.lock().targets.len() <= 8);
    }
}
