//! How a message is to be sent.

/// How a message is to be sent.
///
/// ```
/// use sansock::proto::{Compress, SendOptions};
///
/// let options = SendOptions::new().compress(Compress::Never);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Whether to compress it, where permessage-deflate is in use.
    pub compress: Compress,
}

/// Whether to compress a message where permessage-deflate is in use (RFC 7692 §6.1). Complete.
///
/// Where it is not in use all three are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compress {
    /// If it is at least [`DeflateConfig::threshold`](super::DeflateConfig::threshold) long, and
    /// becomes shorter by it.
    #[default]
    Auto,
    /// Not: it holds secrets (§8), or is compressed already.
    Never,
    /// In any case.
    Always,
}

impl SendOptions {
    /// The options that `send` has.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            compress: Compress::Auto,
        }
    }

    /// Whether to compress the message.
    #[must_use]
    pub const fn compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }
}

impl From<Compress> for SendOptions {
    fn from(compress: Compress) -> Self {
        Self { compress }
    }
}
