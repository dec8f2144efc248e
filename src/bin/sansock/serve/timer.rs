//! smol's timer for the futures adapter.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use sansock::adapter::futures::Timer;

/// A timer of smol, armed the first time it is asked for.
#[derive(Debug, Default)]
pub(crate) struct SmolTimer(Option<(Instant, smol::Timer)>);

impl Timer for SmolTimer {
    /// One that is armed for an earlier time is left alone until then: deadlines move on with every
    /// message.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let (at, timer) = self
                .0
                .get_or_insert_with(|| (deadline, smol::Timer::at(deadline)));
            if *at > deadline {
                self.0 = None;
                continue;
            }
            match Future::poll(Pin::new(timer), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(now) => {
                    self.0 = None;
                    if now >= deadline {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }
}
