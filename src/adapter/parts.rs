//! A socket taken apart.

use std::vec::Vec;

use crate::endpoint::EndpointEvent;

/// What a socket is made of.
#[derive(Debug)]
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
