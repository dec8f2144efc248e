//! Time as the engine sees it: a number the caller brings.
//!
//! The engine owns no clock. An adapter turns its runtime's clock into [`Instant`]s, a test makes
//! them up.

use core::{fmt, num::NonZeroU64, ops::Add, time::Duration};

/// A point in time: nanoseconds since a start the caller chose.
///
/// Only differences matter, so any start will do as long as one connection keeps to it. 64 bits
/// hold 584 years. All arithmetic saturates: no instant and no duration can make it overflow. An
/// `Option<Instant>` is no larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    /// One more than the nanoseconds since the start, so that there is a value for "never".
    nanoseconds: NonZeroU64,
}

impl Instant {
    /// The start itself.
    pub const ZERO: Self = Self::from_nanos(0);

    /// The instant `nanoseconds` after the start; the last one there is, if that is too far.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        let nanoseconds = NonZeroU64::MIN.saturating_add(nanoseconds);
        Self { nanoseconds }
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanoseconds.get() - 1
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The instant `duration` later; the last instant there is, if that is too far.
    fn add(self, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let nanoseconds = self.nanoseconds.saturating_add(nanoseconds);
        Self { nanoseconds }
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
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
            Duration::from_nanos(u64::MAX - 1)
        );
    }

    #[test]
    fn never_costs_nothing() {
        assert_eq!(size_of::<Option<Instant>>(), 8);
    }
}
