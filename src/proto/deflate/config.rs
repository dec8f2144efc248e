//! What we offer, answer and spend.

use core::time::Duration;

/// How permessage-deflate is negotiated and done (RFC 7692).
///
/// The defaults are for a server with many connections: **no context takeover** either way, so that
/// between two messages a connection holds nothing. Compressors (about 315 KiB each) and inflaters
/// (about 75 KiB) then come from a pool in the [`Config`](crate::Config), which its connections
/// share through their `Arc`. With context takeover similar messages become about half as long as
/// without, and each connection keeps a compressor of its own from its first compressed message
/// until it was idle for [`release_after`](Self::release_after), and an inflater to its end:
///
/// | `server_max_window_bits` / `client_max_window_bits` | compressor (mem level 7) | inflater |
/// |---|---|---|
/// | 15 | 128 KiB hash + 128 KiB window + 56 KiB | 41 KiB + up to 32 KiB of history |
/// | 12 | 128 KiB hash + 16 KiB window + 56 KiB | 41 KiB + up to 4 KiB of history |
/// | 9 | 128 KiB hash + 2 KiB window + 56 KiB | 41 KiB + up to 512 B of history |
///
/// Compressing secrets beside text that an attacker chooses tells him of them by the length
/// (CRIME, §8): send such messages with [`Compress::Never`](crate::proto::Compress::Never).
///
/// ```
/// # #[cfg(feature = "deflate")] {
/// use sansock::{Config, DeflateConfig};
///
/// let deflate = DeflateConfig::new().level(1).server_no_context_takeover(false);
/// let config = Config::default().deflate(Some(deflate));
/// # let _ = config; }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    pub(crate) level: u8,
    pub(crate) mem_level: u8,
    pub(crate) threshold: usize,
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: u8,
    pub(crate) client_max_window_bits: u8,
    pub(crate) fallback_offer: bool,
    pub(crate) release_after: Option<Duration>,
    pub(crate) pool_size: usize,
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl DeflateConfig {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            // On JSON as short as zlib's level 6 and a fifth faster; 4 and below are longer.
            level: 5,
            // As short as 8 up to 20 KiB, and 32 KiB smaller.
            mem_level: 7,
            // What is shorter fits one packet whether compressed or not.
            threshold: 256,
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            fallback_offer: false,
            release_after: Some(Duration::from_secs(30)),
            pool_size: 16,
        }
    }

    /// The compression level, 1 (fast) to 9 (short). Default 5.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = clamp(level, 1, 9);
        self
    }

    /// How much memory a compressor's buffers of symbols and output take, 1 to 9: 896 bytes at 1,
    /// twice that with each step. Default 7, which is 56 KiB.
    #[must_use]
    pub const fn mem_level(mut self, level: u8) -> Self {
        self.mem_level = clamp(level, 1, 9);
        self
    }

    /// The shortest message, in bytes, that is compressed without being told to. Default 256.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Whether the server is to begin each message with an empty window (§7.1.1.1). Default yes.
    #[must_use]
    pub const fn server_no_context_takeover(mut self, yes: bool) -> Self {
        self.server_no_context_takeover = yes;
        self
    }

    /// Whether the client is to begin each message with an empty window (§7.1.1.2). Default yes.
    ///
    /// A client that was told so does, even if the server does not answer its offer in this.
    #[must_use]
    pub const fn client_no_context_takeover(mut self, yes: bool) -> Self {
        self.client_no_context_takeover = yes;
        self
    }

    /// The greatest window of the server, 9 to 15 bits (§7.1.2.1). Default 15.
    #[must_use]
    pub const fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = clamp(bits, 9, 15);
        self
    }

    /// The greatest window of the client, 9 to 15 bits (§7.1.2.2). Default 15.
    ///
    /// A server can say so only to a client that knows the parameter; browsers do. A client that was
    /// told so keeps to it, even if the server does not answer its offer in this.
    #[must_use]
    pub const fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = clamp(bits, 9, 15);
        self
    }

    /// Whether a client that asks for something offers the extension without that as a second choice
    /// (§5.1). Default no.
    #[must_use]
    pub const fn fallback_offer(mut self, yes: bool) -> Self {
        self.fallback_offer = yes;
        self
    }

    /// After how long without a compressed message a connection's compressor is freed; its next
    /// message begins with an empty window, which is always allowed (§7.2.1). Default 30 s; `None`
    /// keeps it to the end.
    #[must_use]
    pub const fn release_after(mut self, idle: Option<Duration>) -> Self {
        self.release_after = idle;
        self
    }

    /// How many compressors, and how many inflaters, the pool keeps for the next message.
    /// Default 16.
    #[must_use]
    pub const fn pool_size(mut self, codecs: usize) -> Self {
        self.pool_size = codecs;
        self
    }
}

const fn clamp(value: u8, least: u8, most: u8) -> u8 {
    if value < least {
        least
    } else if value > most {
        most
    } else {
        value
    }
}
