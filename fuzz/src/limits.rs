//! Which limits hold.

use sansock::{Config, proto::Budget};

/// A configuration chosen by two bytes, and how the connection is driven.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    flags: u8,
    sizes: u8,
}

impl Limits {
    /// `flags` say what is on, `sizes` how small it is.
    #[must_use]
    pub const fn new([flags, sizes]: [u8; 2]) -> Self {
        Self { flags, sizes }
    }

    /// Whether parts are handed out.
    #[must_use]
    pub const fn streaming(self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the rest of a large message is read past the input buffer.
    #[must_use]
    pub const fn direct(self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether owned payloads are given back.
    #[must_use]
    pub const fn recycle(self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether so little output may wait that Pings go unanswered.
    #[must_use]
    pub const fn low_mark(self) -> bool {
        self.flags & 8 != 0
    }

    /// The configuration.
    #[must_use]
    pub fn config(self) -> Config {
        let size = self.size();
        let few = u32::from(self.sizes >> 4);
        let mut config = Config::default().streaming(self.streaming());
        if self.low_mark() {
            config = config.high_water_mark(usize::from(self.sizes));
        }
        if self.flags & 16 != 0 {
            config = config.max_message_size(size);
        }
        if self.flags & 32 != 0 {
            config = config.max_frame_size(size);
        }
        if self.flags & 64 != 0 {
            config = config.max_fragments(few);
        }
        if self.flags & 128 != 0 {
            let budget = Budget {
                burst: few,
                per_second: 0,
            };
            config = config.control_budget(budget).tiny_budget(budget);
        }
        config
    }

    /// The longest message.
    #[must_use]
    pub fn max_message_size(self) -> Option<u64> {
        (self.flags & 16 != 0).then_some(self.size())
    }

    /// 0, 1, 3, … 65,535.
    fn size(self) -> u64 {
        (1_u64 << (self.sizes & 15)) - 1
    }

    /// The configuration of a handshake.
    #[must_use]
    pub fn head_config(self) -> Config {
        let size = (1_usize << (self.sizes & 15)) - 1;
        let few = usize::from(self.sizes >> 4);
        let mut config = Config::default();
        if self.flags & 16 != 0 {
            config = config.max_head_size(size);
        }
        if self.flags & 32 != 0 {
            config = config.max_request_line_size(size);
        }
        if self.flags & 64 != 0 {
            config = config.max_headers(few);
        }
        if self.flags & 128 != 0 {
            config = config.max_refusal_body_size(size);
        }
        config
    }
}
