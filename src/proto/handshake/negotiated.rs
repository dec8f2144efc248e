//! What a handshake agreed on.

use alloc::string::String;

use crate::proto::deflate::DeflateParams;

/// What both ends agreed on in an opening handshake: made by ours, or by you where another HTTP
/// stack did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// *Subprotocol In Use* (RFC 6455 §4.1); `None` is the null value.
    pub subprotocol: Option<String>,
    /// permessage-deflate, if it is in use (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateParams>,
}

impl Negotiated {
    pub(in crate::proto) fn new(
        subprotocol: Option<String>,
        deflate: Option<DeflateParams>,
    ) -> Self {
        #[cfg(not(feature = "deflate"))]
        let _ = deflate;
        Self {
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate,
        }
    }

    /// permessage-deflate, if it is in use.
    pub(in crate::proto) const fn params(&self) -> Option<DeflateParams> {
        #[cfg(feature = "deflate")]
        return self.deflate;
        #[cfg(not(feature = "deflate"))]
        None
    }
}
