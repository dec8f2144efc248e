//! Keep-alive, idle and closing deadlines (RFC 6455 §5.5.2, §7.1.1).
//!
//! The timer never sees a clock: it is told the time together with what happened since it was last
//! told. A clock that goes back only makes deadlines later; nothing underflows.

use super::{config::Config, error::Timeout, receive::Activity, time::Instant};

/// Since when the deadlines run. Three numbers and no more: every connection has one.
#[derive(Debug)]
pub(super) struct Timer {
    /// When something was last heard; `None` until the time was first told.
    heard_at: Option<Instant>,
    /// When a data message last went either way.
    active_at: Instant,
    /// When our Ping, and after it our Close, was sent; `None` if it is not awaited.
    asked_at: Option<Instant>,
}

/// What the time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing(Option<Instant>),
    /// Send a Ping; the deadline is that of its answer.
    Ping(Option<Instant>),
    Missed(Timeout),
}

impl Timer {
    pub(super) const fn new() -> Self {
        Self {
            heard_at: None,
            active_at: Instant::ZERO,
            asked_at: None,
        }
    }

    /// Tells the time while messages go both ways.
    pub(super) fn open(
        &mut self,
        now: Instant,
        received: Activity,
        sent: bool,
        config: &Config,
    ) -> Due {
        let first = self.heard_at.is_none();
        let heard_at = match self.heard_at {
            Some(heard_at) if received == Activity::None => heard_at,
            _ => {
                self.asked_at = None;
                *self.heard_at.insert(now)
            }
        };
        if first || received == Activity::Data || sent {
            self.active_at = now;
        }
        let idle = config.idle_timeout.map(|timeout| self.active_at + timeout);
        if idle.is_some_and(|deadline| now >= deadline) {
            return Due::Missed(Timeout::Idle);
        }
        if let Some(asked_at) = self.asked_at {
            let pong = config.pong_timeout.map(|timeout| asked_at + timeout);
            return match pong {
                Some(deadline) if now >= deadline => Due::Missed(Timeout::Pong),
                _ => Due::Nothing(earliest(idle, pong)),
            };
        }
        let ping = config.ping_interval.map(|interval| heard_at + interval);
        if ping.is_some_and(|at| now >= at) {
            self.asked_at = Some(now);
            let pong = config.pong_timeout.map(|timeout| now + timeout);
            return Due::Ping(earliest(idle, pong));
        }
        Due::Nothing(earliest(idle, ping))
    }

    /// Awaits no answer to a Ping: it could not be written, or our Close was sent and its answer is
    /// awaited instead.
    pub(super) const fn forget_ping(&mut self) {
        self.asked_at = None;
    }

    /// Tells the time once our Close was sent.
    pub(super) fn closing(&mut self, now: Instant, config: &Config) -> Due {
        let asked_at = *self.asked_at.get_or_insert(now);
        match config.close_timeout.map(|timeout| asked_at + timeout) {
            Some(deadline) if now >= deadline => Due::Missed(Timeout::Close),
            deadline => Due::Nothing(deadline),
        }
    }
}

/// The earlier of two deadlines, either of which may not exist.
pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn config() -> Config {
        Config::default()
            .ping_interval(Some(Duration::from_secs(30)))
            .pong_timeout(Some(Duration::from_secs(20)))
    }

    #[test]
    fn a_silence_is_pinged_then_missed() {
        let mut timer = Timer::new();
        let config = config();
        assert_eq!(
            timer.open(at(5), Activity::None, false, &config),
            Due::Nothing(Some(at(35)))
        );
        assert_eq!(
            timer.open(at(35), Activity::None, false, &config),
            Due::Ping(Some(at(55)))
        );
        assert_eq!(
            timer.open(at(54), Activity::None, false, &config),
            Due::Nothing(Some(at(55)))
        );
        assert_eq!(
            timer.open(at(55), Activity::None, false, &config),
            Due::Missed(Timeout::Pong)
        );
    }

    /// hostile 122: an answer at the very deadline counts; a clock that jumps does no harm.
    #[test]
    fn an_answer_at_the_deadline_is_in_time() {
        let mut timer = Timer::new();
        let config = config();
        timer.open(at(0), Activity::None, false, &config);
        assert_eq!(
            timer.open(at(30), Activity::None, false, &config),
            Due::Ping(Some(at(50)))
        );
        assert_eq!(
            timer.open(at(50), Activity::Heard, false, &config),
            Due::Nothing(Some(at(80)))
        );
        assert_eq!(
            timer.open(at(1), Activity::None, false, &config),
            Due::Nothing(Some(at(80))),
            "the clock went back"
        );
        let late = Instant::from_nanos(u64::MAX);
        assert!(matches!(
            timer.open(late, Activity::None, false, &config),
            Due::Ping(_)
        ));
    }

    #[test]
    fn idle_counts_messages_only() {
        let mut timer = Timer::new();
        let config = config()
            .ping_interval(None)
            .idle_timeout(Some(Duration::from_secs(60)));
        timer.open(at(0), Activity::None, false, &config);
        assert_eq!(
            timer.open(at(40), Activity::Heard, false, &config),
            Due::Nothing(Some(at(60)))
        );
        assert_eq!(
            timer.open(at(50), Activity::None, true, &config),
            Due::Nothing(Some(at(110)))
        );
        assert_eq!(
            timer.open(at(110), Activity::None, false, &config),
            Due::Missed(Timeout::Idle)
        );
    }
}
