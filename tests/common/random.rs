//! A generator whose numbers are the same in every run.

use std::ops::Range;

/// SplitMix64: small, and every seed is a good one.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `range`, which is not empty.
    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        let len = (range.end - range.start) as u64;
        range.start + usize::try_from(self.next() % len).unwrap()
    }

    /// `true` once in `n` times.
    pub(crate) const fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.within(0..among.len())]
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// A text of `chars` characters of one to four bytes.
    pub(crate) fn text(&mut self, chars: usize) -> String {
        const AMONG: [char; 8] = ['a', 'Z', ' ', 'ß', '\u{7FF}', '水', '\u{FFFF}', '𝄞'];
        (0..chars).map(|_| *self.pick(&AMONG)).collect()
    }

    /// Ascending places at which `len` bytes are cut.
    pub(crate) fn cuts(&mut self, len: usize) -> Vec<usize> {
        let many = self.within(1..12);
        let mut cuts: Vec<usize> = (0..many).map(|_| self.within(0..len + 1)).collect();
        cuts.sort_unstable();
        cuts
    }
}
