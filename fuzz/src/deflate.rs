//! What permessage-deflate is set to.

use sansock::{DeflateConfig, proto::DeflateParams};

/// A configuration that two bytes choose.
#[derive(Clone, Copy, Debug)]
pub struct DeflateChoice {
    /// Whether there is any.
    pub is_on: bool,
    /// What it asks for, or answers.
    pub params: DeflateParams,
    level: u8,
    mem_level: u8,
    fallback_offer: bool,
    threshold: bool,
}

impl DeflateChoice {
    /// `flags` say what is on, `sizes` how large it is.
    #[must_use]
    pub fn new([flags, sizes]: [u8; 2]) -> Self {
        Self {
            is_on: flags & 8 == 0,
            params: params(flags & 3 | sizes << 2),
            level: 1 + (sizes >> 6) * 2,
            mem_level: 1 + (flags >> 5),
            fallback_offer: flags & 4 != 0,
            threshold: flags & 16 != 0,
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config(self) -> Option<DeflateConfig> {
        let config = DeflateConfig::new()
            .level(self.level)
            .mem_level(self.mem_level)
            .threshold(if self.threshold { 64 } else { 0 })
            .server_no_context_takeover(self.params.server_no_context_takeover)
            .client_no_context_takeover(self.params.client_no_context_takeover)
            .server_max_window_bits(self.params.server_max_window_bits)
            .client_max_window_bits(self.params.client_max_window_bits)
            .fallback_offer(self.fallback_offer);
        self.is_on.then_some(config)
    }
}

/// An agreement that a byte chooses: two flags, and three bits for each window.
#[must_use]
pub fn params(byte: u8) -> DeflateParams {
    let bits = |bits: u8| 15 - (bits & 7).min(6);
    DeflateParams {
        server_no_context_takeover: byte & 1 != 0,
        client_no_context_takeover: byte & 2 != 0,
        server_max_window_bits: bits(byte >> 2),
        client_max_window_bits: bits(byte >> 5),
    }
}
