//! A clock that can be stopped, for what belongs to no peer.
//!
//! Everybody gets its input by a copy out of the same memory, as a read from a socket would copy
//! it. That copy is the same for all and is not timed, whether the peer reads by itself or is fed.

use std::{cell::Cell, time::Instant};

thread_local! {
    static STOPPED: Cell<Stopped> = const { Cell::new(Stopped { ns: 0.0, times: 0 }) };
}

#[derive(Clone, Copy)]
struct Stopped {
    ns: f64,
    times: u32,
}

/// What stopping the clock costs: to be asked for once.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    stop_ns: f64,
}

impl Clock {
    /// Measures what a look at the clock costs.
    #[must_use]
    pub fn calibrated() -> Self {
        let mut looks: Vec<f64> = (0..1001)
            .map(|_| {
                let start = Instant::now();
                (0..100).for_each(|_| {
                    std::hint::black_box(Instant::now());
                });
                elapsed_ns(start) / 100.0
            })
            .collect();
        Self {
            stop_ns: median(&mut looks),
        }
    }

    /// Nanoseconds that `run` takes, without what it did [`stopped`].
    pub fn time(self, run: impl FnOnce()) -> f64 {
        STOPPED.set(Stopped { ns: 0.0, times: 0 });
        let start = Instant::now();
        run();
        let all = elapsed_ns(start);
        let stopped = STOPPED.get();
        // Between two looks lies one look's time, and as much lies outside of them.
        all - stopped.ns - f64::from(stopped.times) * self.stop_ns
    }
}

/// Does `run` while the clock stands still.
pub fn stopped<T>(run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let ns = elapsed_ns(start);
    let before = STOPPED.get();
    STOPPED.set(Stopped {
        ns: before.ns + ns,
        times: before.times + 1,
    });
    result
}

/// The middle of `values`, which get sorted.
///
/// # Panics
///
/// If there are none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn elapsed_ns(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9
}
