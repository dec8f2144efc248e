//! Token buckets against floods of frames that cost more than they carry (RFC 6455 §10.4).

use core::time::Duration;

use super::{
    config::{Budget, Config},
    error::ProtocolError,
    time::Instant,
};

/// Fragments below this many bytes are tiny.
const TINY: u64 = 32;

/// What a data message gives back to each bucket.
const REWARD: u32 = 16;

/// What the peer has spent of its budgets. Nothing is counted until the clock was first asked.
#[derive(Debug)]
pub(super) struct Budgets {
    /// `None` until the clock was first asked.
    refilled_at: Option<Instant>,
    control_spent: u32,
    tiny_spent: u32,
}

impl Budgets {
    pub(super) const fn new() -> Self {
        Self {
            refilled_at: None,
            control_spent: 0,
            tiny_spent: 0,
        }
    }

    pub(super) fn spend_control(&mut self, config: &Config) -> Result<(), ProtocolError> {
        if self.is_running() && !spend(&mut self.control_spent, config.control_budget) {
            return Err(ProtocolError::TooManyControlFrames);
        }
        Ok(())
    }

    /// Spends for a fragment of `len` bytes, if it is tiny.
    pub(super) fn spend_tiny(&mut self, len: u64, config: &Config) -> Result<(), ProtocolError> {
        if self.is_running() && len < TINY && !spend(&mut self.tiny_spent, config.tiny_budget) {
            return Err(ProtocolError::TooManyTinyFrames);
        }
        Ok(())
    }

    /// Gives back what a data message earns.
    pub(super) const fn reward_message(&mut self) {
        self.control_spent = self.control_spent.saturating_sub(REWARD);
        self.tiny_spent = self.tiny_spent.saturating_sub(REWARD);
    }

    /// Gives back what the whole seconds since the last refill earn.
    pub(super) fn refill(&mut self, now: Instant, config: &Config) {
        let refilled_at = match self.refilled_at {
            Some(refilled_at) if !self.are_full() => refilled_at,
            _ => {
                self.refilled_at = Some(now);
                return;
            }
        };
        let seconds = now.saturating_since(refilled_at).as_secs();
        self.refilled_at = Some(refilled_at + Duration::from_secs(seconds));
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        for (spent, budget) in [
            (&mut self.control_spent, config.control_budget),
            (&mut self.tiny_spent, config.tiny_budget),
        ] {
            *spent = spent.saturating_sub(budget.per_second.saturating_mul(seconds));
        }
    }

    const fn is_running(&self) -> bool {
        self.refilled_at.is_some()
    }

    /// Whether nothing is spent.
    pub(super) const fn are_full(&self) -> bool {
        self.control_spent == 0 && self.tiny_spent == 0
    }
}

/// Takes one token; `false` if none is left.
const fn spend(spent: &mut u32, budget: Budget) -> bool {
    if *spent >= budget.burst {
        return false;
    }
    *spent += 1;
    true
}
