//! A socket taken apart.

use std::{fmt, vec::Vec};

use crate::endpoint::EndpointEvent;

/// What a socket is made of.
pub struct Parts<S> {
    /// The stream.
    pub stream: S,
    /// Bytes that were read and not yet received.
    pub unread: Vec<u8>,
    /// Events that came while the socket waited for something else, and were not yet handed out.
    pub events: Vec<EndpointEvent<'static>>,
    /// Bytes that were sent and not yet written.
    pub unsent: Vec<u8>,
}

impl<S> fmt::Debug for Parts<S> {
    /// Says how much there is, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("unread", &self.unread.len())
            .field("events", &self.events.len())
            .field("unsent", &self.unsent.len())
            .finish_non_exhaustive()
    }
}
