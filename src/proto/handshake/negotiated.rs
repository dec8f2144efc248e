//! What a handshake agreed on.

use alloc::string::String;

/// What both ends agreed on in an opening handshake: made by ours, or by you where another HTTP
/// stack did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// *Subprotocol In Use* (RFC 6455 §4.1); `None` is the null value.
    pub subprotocol: Option<String>,
}
