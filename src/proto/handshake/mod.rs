//! The opening handshake (RFC 6455 §4).

mod error;
mod negotiated;

pub use error::HandshakeError;
pub use negotiated::Negotiated;
