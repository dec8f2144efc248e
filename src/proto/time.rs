//! Time as the engine sees it: a number the caller brings.
//!
//! The engine owns no clock. An adapter turns its runtime's clock into [`Instant`]s, a test makes
//! them up.

use core::{ops::Add, time::Duration};

/// A point in time: nanoseconds since a start the caller chose.
///
/// Only differences matter, so any start will do as long as one connection keeps to it. 64 bits
/// hold 584 years. All arithmetic saturates: no instant and no duration can make it overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The start itself.
    pub const ZERO: Self = Self(0);

    /// The instant `nanoseconds` after the start.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The instant `duration` later; the last instant there is, if that is too far.
    fn add(self, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let late = Instant::from_nanos(u64::MAX);
        assert_eq!(late + Duration::MAX, late);
        assert_eq!(
            Instant::ZERO + Duration::from_micros(3),
            Instant::from_nanos(3_000)
        );
        assert_eq!(Instant::ZERO.saturating_since(late), Duration::ZERO);
        assert_eq!(
            late.saturating_since(Instant::ZERO),
            Duration::from_nanos(u64::MAX)
        );
    }
}
