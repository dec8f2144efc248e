//! What permessage-deflate is measured by: messages of JSON, and a client's frames of them.

use zlib_rs::{Deflate, DeflateFlush};

use crate::{json, operations::frame as masked, socket::Wire};

/// Messages to send one after the other, over and over.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// What is sent; each message is another.
    pub all: &'static [String],
    /// Whether each is compressed with those before it in the window.
    pub takeover: bool,
}

impl Messages {
    /// Messages of `len` bytes.
    #[must_use]
    pub fn new(len: usize, takeover: bool) -> Self {
        // As many as are a few times the window, if compressed.
        let count = ((512 << 10) / len).max(32);
        Self {
            all: json::messages(len, count).leak(),
            takeover,
        }
    }

    /// The same as a client's frames, by zlib-rs at level 6; the first begins with an empty window,
    /// so that all may come again and again.
    #[must_use]
    pub fn frames(self) -> Vec<Vec<u8>> {
        let mut deflate = Deflate::new(6, false, 15);
        let mut buffer = vec![0; 64 << 10];
        let frame = |message: &String| {
            if !self.takeover {
                deflate.reset();
            }
            let before = deflate.total_out();
            deflate
                .compress(message.as_bytes(), &mut buffer, DeflateFlush::SyncFlush)
                .expect("there is room");
            let written = (deflate.total_out() - before) as usize;
            // What every message ends in stays away (RFC 7692 §7.2.1).
            masked(0x41, &buffer[..written - 4])
        };
        self.all.iter().map(frame).collect()
    }

    /// A wire that brings them.
    #[must_use]
    pub fn wire(self) -> Wire {
        Wire::frames(self.frames().into_iter())
    }

    /// How many they are.
    #[must_use]
    pub fn count(self) -> u64 {
        self.all.len() as u64
    }
}
