//! The system's clock and entropy, for the engine that has neither.

use std::{io, sync::LazyLock, time};

use rand::{TryRng, rngs::SysRng};

use crate::proto::Instant;

/// The start that all our instants count from.
static START: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);

/// The engine's instant for the system's.
pub(super) fn from_system(now: time::Instant) -> Instant {
    Instant::ZERO + now.saturating_duration_since(*START)
}

/// The system's instant for the engine's.
#[cfg(any(feature = "futures", feature = "tokio"))]
pub(super) fn to_system(at: Instant) -> Option<time::Instant> {
    START.checked_add(time::Duration::from_nanos(at.as_nanos()))
}

/// The time now.
pub(super) fn now() -> Instant {
    from_system(time::Instant::now())
}

/// A seed for a client's masking keys, from the system's generator (RFC 6455 §10.3).
pub(super) fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}
