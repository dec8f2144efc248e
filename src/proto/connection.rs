//! The engine: a connection after its opening handshake.

use alloc::sync::Arc;

use super::{config::Config, handshake::Negotiated, keys::MaskingKeys, opcode::Role};

/// A connection after its opening handshake.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    keys: Option<MaskingKeys>,
}

impl Connection {
    /// A client's end of a connection that was agreed on elsewhere.
    #[must_use]
    pub fn client(config: &Arc<Config>, seed: [u8; 32]) -> Self {
        Self::new(
            Some(MaskingKeys::from_seed(seed)),
            &Negotiated::default(),
            config,
        )
    }

    /// A server's end of a connection that was agreed on elsewhere.
    #[must_use]
    pub fn server(config: &Arc<Config>) -> Self {
        Self::new(None, &Negotiated::default(), config)
    }

    /// The end of a connection whose handshake another HTTP stack did.
    #[must_use]
    pub fn from_negotiated(
        role: Role,
        negotiated: &Negotiated,
        config: &Arc<Config>,
        seed: [u8; 32],
    ) -> Self {
        let keys = (role == Role::Client).then(|| MaskingKeys::from_seed(seed));
        Self::new(keys, negotiated, config)
    }

    /// A client's end if there are `keys`, else a server's.
    pub(crate) fn new(
        keys: Option<MaskingKeys>,
        _negotiated: &Negotiated,
        config: &Arc<Config>,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            keys,
        }
    }
}
