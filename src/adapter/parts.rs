//! A socket taken apart.

use std::vec::Vec;

/// What a socket is made of.
#[derive(Debug)]
pub struct Parts<S> {
    /// The stream.
    pub stream: S,
    /// Bytes that were read and not yet received.
    pub unread: Vec<u8>,
    /// Bytes that were sent and not yet written.
    pub unsent: Vec<u8>,
}
