//! What comes in, counted where the configuration asks for it.
//!
//! It is kept with what is unfinished, so that it costs nothing where it is not: a connection that
//! counts has a box at all times and never takes the short path.

use alloc::boxed::Box;

use super::{
    super::{counters::Traffic, error::ProtocolError, event::Event},
    Receiver,
};

impl Receiver {
    /// Begins to count, if that is asked for.
    pub(super) fn begin_counting(&mut self) {
        if self.config.counters {
            self.unfinished.get_or_insert_default().counted = Some(Box::default());
        }
    }

    /// Drops all that is unfinished but what was counted.
    pub(super) fn keep_counted(&mut self) {
        let counted = self.unfinished.take().and_then(|it| it.counted);
        if counted.is_some() {
            self.unfinished.get_or_insert_default().counted = counted;
        }
    }

    /// Counts the bytes besides.
    #[cold]
    pub(super) fn receive_counted<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let before = if self.ended { 0 } else { input.len() };
        let received = self.receive_any(input);
        if let Some(counted) = self.counted() {
            counted.pass(before.saturating_sub(input.len()));
        }
        received
    }

    /// What came in, if that is counted.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        self.unfinished.as_ref()?.counted.as_deref().copied()
    }

    /// Whether what comes in is counted.
    pub(super) fn counts(&self) -> bool {
        self.config.counters
    }

    pub(super) fn counted(&mut self) -> Option<&mut Traffic> {
        self.unfinished.as_mut()?.counted.as_deref_mut()
    }
}
