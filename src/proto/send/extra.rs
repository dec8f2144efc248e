//! What a sender has only now and then.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use super::super::{
    close::{CloseCode, CloseFrame, CloseStatus},
    counters::Sent,
    keys::MaskingKeys,
};
#[cfg(feature = "deflate")]
use super::deflate::Deflation;

/// What a connection has only as a client, under pressure, or at its end.
#[derive(Default)]
pub(in crate::proto) struct Extra {
    pub(super) keys: Option<MaskingKeys>,
    /// The payload of the latest Ping that is not yet answered.
    pub(super) owed_pong: Option<Vec<u8>>,
    pub(super) received: Option<CloseFrame<'static>>,
    pub(super) sent: Option<CloseCode>,
    pub(super) status: Option<CloseStatus>,
    /// *Subprotocol In Use* (§4.1).
    pub(super) subprotocol: Option<Box<str>>,
    pub(super) counted: Option<Box<Sent>>,
    #[cfg(feature = "deflate")]
    pub(super) deflation: Option<Deflation>,
}

impl fmt::Debug for Extra {
    /// Says that a Pong is owed, never with which payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extra")
            .field("keys", &self.keys)
            .field("owes_pong", &self.owed_pong.is_some())
            .field("received", &self.received)
            .field("sent", &self.sent)
            .field("status", &self.status)
            .field("subprotocol", &self.subprotocol)
            .finish()
    }
}
