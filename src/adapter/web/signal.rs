//! Giving up from elsewhere.

use std::{
    boxed::Box,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    is_aborted: bool,
    algorithms: Vec<Box<dyn FnOnce() + Send>>,
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

    /// Aborts; again is nothing.
    pub fn abort(&self) {
        let mut inner = self.signal.lock();
        inner.is_aborted = true;
        let algorithms = mem::take(&mut inner.algorithms);
        drop(inner);
        for algorithm in algorithms {
            algorithm();
        }
    }
}

impl AbortSignal {
    /// Whether it was aborted.
    #[must_use]
    pub fn aborted(&self) -> bool {
        self.lock().is_aborted
    }

    /// Runs `algorithm` once it is aborted: at once if it is.
    pub(super) fn add(&self, algorithm: impl FnOnce() + Send + 'static) {
        let mut inner = self.lock();
        if !inner.is_aborted {
            inner.algorithms.push(Box::new(algorithm));
            return;
        }
        drop(inner);
        algorithm();
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
