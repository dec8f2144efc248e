//! Where bytes are cut.

/// Lengths of pieces, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Cuts {
    state: u64,
    most: u64,
}

impl Cuts {
    /// Pieces that follow from two bytes: the first says how long they are at the most, 0 that
    /// they are one byte each.
    #[must_use]
    pub const fn new([most, seed]: [u8; 2]) -> Self {
        Self {
            state: (most as u64) << 8 | seed as u64,
            // Up to 1 KiB, and mostly much less.
            most: 1 + (most as u64 * most as u64) / 64,
        }
    }

    /// The length of the next piece of `left` bytes. Seldom 0: an empty read must do no harm.
    pub fn next_len(&mut self, left: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let len = if z >> 58 == 0 {
            0
        } else {
            1 + (z & 0xFFFF) % self.most
        };
        usize::try_from(len).map_or(left, |len| len.min(left))
    }

    /// `bytes` in pieces.
    #[must_use]
    pub fn pieces(mut self, bytes: &[u8]) -> Vec<&[u8]> {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.next_len(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
