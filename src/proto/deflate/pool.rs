//! Codecs that no message needs at the moment.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    codec::{Deflater, Inflater},
    config::DeflateConfig,
};

/// The codecs that the connections of one [`Config`](crate::Config) share: a new compressor costs
/// ten times the message it is for. The lock is held to take one or give one back.
#[derive(Default)]
pub(in crate::proto) struct Pool(Mutex<Idle>);

#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "a connection holds them by a pointer, and moves them here and back"
)]
struct Idle {
    deflaters: Vec<Box<Deflater>>,
    inflaters: Vec<Box<Inflater>>,
}

impl Pool {
    /// An inflater with an empty window.
    pub(in crate::proto) fn inflater(&self, window_bits: u8) -> Box<Inflater> {
        let idle = self.idle().inflaters.pop();
        let mut inflater = idle.unwrap_or_else(|| Box::new(Inflater::new()));
        inflater.reset(window_bits);
        inflater
    }

    /// A compressor with an empty window of so many bits, 9 to 15.
    pub(in crate::proto) fn deflater(
        &self,
        config: &DeflateConfig,
        window_bits: u8,
    ) -> Box<Deflater> {
        let idle = {
            let deflaters = &mut self.idle().deflaters;
            deflaters
                .iter()
                .rposition(|it| it.window_bits() == window_bits)
                .map(|at| deflaters.remove(at))
        };
        idle.unwrap_or_else(|| Box::new(Deflater::new(config, window_bits)))
    }

    /// Takes back an inflater, in whatever state.
    pub(in crate::proto) fn give_inflater(&self, config: &DeflateConfig, inflater: Box<Inflater>) {
        let mut idle = self.idle();
        if idle.inflaters.len() < config.pool_size {
            idle.inflaters.push(inflater);
        }
    }

    /// Takes back a compressor, in whatever state. It takes the place of the one that was longest
    /// unused: peers choose their windows, and must not fill the pool with such as nobody else has.
    pub(in crate::proto) fn give_deflater(
        &self,
        config: &DeflateConfig,
        mut deflater: Box<Deflater>,
    ) {
        if config.pool_size == 0 {
            return;
        }
        deflater.reset();
        let mut idle = self.idle();
        let is_full = idle.deflaters.len() >= config.pool_size;
        let unused = is_full.then(|| idle.deflaters.remove(0));
        idle.deflaters.push(deflater);
        // It is freed behind the lock.
        drop(idle);
        drop(unused);
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Whoever panicked left whole codecs.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Pool {
    /// Another configuration has other codecs.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Pool {
    /// What lies ready makes no difference.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Pool {}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_lies_ready_than_was_asked_for() {
        let config = DeflateConfig::new().pool_size(2);
        let pool = Pool::default();
        for _ in 0..4 {
            pool.give_inflater(&config, Box::new(Inflater::new()));
            pool.give_deflater(&config, Box::new(Deflater::new(&config, 9)));
        }
        {
            let idle = pool.idle();
            assert_eq!((idle.inflaters.len(), idle.deflaters.len()), (2, 2));
        }
        assert_eq!(pool, Pool::default());
    }

    /// Peers choose the windows: those that nobody uses any more must not keep the places.
    #[test]
    fn what_was_used_last_lies_ready() {
        let config = DeflateConfig::new().pool_size(2);
        let pool = Pool::default();
        for bits in [9, 10, 15] {
            pool.give_deflater(&config, Box::new(Deflater::new(&config, bits)));
        }
        let ready = || -> Vec<u8> {
            let idle = pool.idle();
            idle.deflaters.iter().map(|it| it.window_bits()).collect()
        };
        assert_eq!(ready(), [10, 15]);
        let used = pool.deflater(&config, 10);
        pool.give_deflater(&config, used);
        pool.give_deflater(&config, Box::new(Deflater::new(&config, 9)));
        assert_eq!(ready(), [10, 9]);
        pool.give_deflater(&config.pool_size(0), Box::new(Deflater::new(&config, 9)));
        assert_eq!(ready(), [10, 9]);
    }
}
