//! DEFLATE written by a second hand (RFC 1951, RFC 7692 §7.2.1), block by block where a test wants
//! it so.

use std::collections::HashMap;

use super::{
    Random,
    inflate::{DISTANCES, LENGTHS},
};

/// Bits in the order of DEFLATE: the first is the lowest of its byte (§3.1.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are not used.
    free: u32,
}

impl Bits {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Appends the `many` lowest bits of `value`, the lowest first.
    pub(crate) fn push(&mut self, value: u32, many: u32) -> &mut Self {
        for i in 0..many {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let bit = u8::try_from(value >> i & 1).unwrap();
            *self.bytes.last_mut().unwrap() |= bit << (8 - self.free);
            self.free -= 1;
        }
        self
    }

    /// Appends a code word, its highest bit first.
    pub(crate) fn word(&mut self, word: u32, many: u32) -> &mut Self {
        for i in (0..many).rev() {
            self.push(word >> i & 1, 1);
        }
        self
    }

    /// Appends so many zeros.
    pub(crate) fn zeros(&mut self, many: usize) -> &mut Self {
        let few = many.min(self.free as usize);
        self.push(0, u32::try_from(few).unwrap());
        let many = many - few;
        self.bytes.resize(self.bytes.len() + many / 8, 0);
        self.push(0, u32::try_from(many % 8).unwrap())
    }

    /// Fills the last byte with zeros.
    pub(crate) fn align(&mut self) -> &mut Self {
        self.free = 0;
        self
    }

    /// A block of the fixed code begins (§3.2.6).
    pub(crate) fn fixed(&mut self, last: bool) -> &mut Self {
        self.push(last.into(), 1).push(1, 2)
    }

    /// A literal byte in the fixed code.
    pub(crate) fn literal(&mut self, byte: u8) -> &mut Self {
        let byte = u32::from(byte);
        if byte < 144 {
            self.word(0x30 + byte, 8)
        } else {
            self.word(0x190 + byte - 144, 9)
        }
    }

    /// Literal bytes in the fixed code.
    pub(crate) fn literals(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.literal(*byte);
        }
        self
    }

    /// A match of 3 to 258 bytes in the fixed code.
    pub(crate) fn copy(&mut self, len: usize, distance: usize) -> &mut Self {
        let at = LENGTHS.iter().rposition(|(base, _)| *base <= len).unwrap();
        let (base, extra) = LENGTHS[at];
        let symbol = u32::try_from(at).unwrap() + 257;
        if symbol < 280 {
            self.word(symbol - 256, 7);
        } else {
            self.word(0xC0 + symbol - 280, 8);
        }
        self.push(u32::try_from(len - base).unwrap(), extra);
        let at = DISTANCES.iter().rposition(|(base, _)| *base <= distance);
        let (base, extra) = DISTANCES[at.unwrap()];
        self.word(u32::try_from(at.unwrap()).unwrap(), 5);
        self.push(u32::try_from(distance - base).unwrap(), extra)
    }

    /// A block of the fixed or of its own code ends here, if that is `0000000`.
    pub(crate) fn end(&mut self) -> &mut Self {
        self.push(0, 7)
    }

    /// A stored block (§3.2.4).
    pub(crate) fn stored(&mut self, last: bool, bytes: &[u8]) -> &mut Self {
        let len = u32::try_from(bytes.len()).unwrap();
        self.push(last.into(), 1).push(0, 2).align();
        self.push(len, 16).push(!len & 0xFFFF, 16);
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The payload of a message that ends here: an empty stored block without its last four bytes
    /// (RFC 7692 §7.2.1).
    pub(crate) fn message(&mut self) -> Vec<u8> {
        self.push(0, 3).align();
        std::mem::take(self).bytes
    }

    /// The bytes so far.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        std::mem::take(self.align()).bytes
    }
}

/// A message of `len` zeros in less than a thousandth of its size: a block whose code spends two
/// bits on 258 bytes.
pub(crate) fn bomb(len: usize) -> Vec<u8> {
    let mut bits = Bits::new();
    bits.push(0, 1).push(2, 2);
    // 286 literal and length codes, 1 distance code, 18 code length codes.
    bits.push(29, 5).push(0, 5).push(14, 4);
    // In their order: 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1.
    for bits_of_code in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] {
        bits.push(bits_of_code, 3);
    }
    // `0` is 18, zeros; `10` is 1 and `11` is 2. Literal 0: 2 bits; 255 zeros; the end: 2 bits;
    // 28 zeros; length 258: 1 bit; distance 1: 1 bit.
    bits.word(0b11, 2).word(0, 1).push(127, 7).word(0, 1);
    bits.push(106, 7).word(0b11, 2).word(0, 1).push(17, 7);
    bits.word(0b10, 2).word(0b10, 2);
    // A zero, then matches of one distance, then what is left over.
    bits.word(0b10, 2).zeros(2 * ((len - 1) / 258));
    for _ in 0..(len - 1) % 258 {
        bits.word(0b10, 2);
    }
    bits.word(0b11, 2).message()
}

/// The sending end of one direction: it keeps to its window and mixes all kinds of blocks.
#[derive(Clone, Debug)]
pub(crate) struct Deflater {
    window: usize,
    takeover: bool,
    random: Random,
    /// What the receiver may be referred to.
    data: Vec<u8>,
    /// Where in `data` three bytes were last seen.
    seen: HashMap<[u8; 3], usize>,
}

impl Deflater {
    pub(crate) fn new(window_bits: u8, takeover: bool, seed: u64) -> Self {
        Self {
            window: 1 << window_bits,
            takeover,
            random: Random::new(seed),
            data: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// The compressed payload of this message.
    pub(crate) fn message(&mut self, message: &[u8]) -> Vec<u8> {
        // A window is at most 32 KiB; what lies farther back is forgotten now and then.
        if !self.takeover || self.data.len() > 1 << 17 {
            let keep = if self.takeover { self.window } else { 0 };
            self.data.drain(..self.data.len() - keep);
            self.seen.clear();
        }
        let mut bits = Bits::new();
        let mut rest = message;
        while !rest.is_empty() {
            let len = if self.random.once_in(3) {
                self.random.within(1..rest.len() + 1)
            } else {
                rest.len()
            };
            let (block, after) = rest.split_at(len.min(0xFFFF));
            rest = after;
            // RFC 7692 §7.2.1: the final bit of a block may be set, and another may follow.
            let last = self.random.once_in(8);
            if self.random.once_in(4) {
                bits.stored(last, block);
                self.data.extend_from_slice(block);
            } else {
                bits.fixed(last);
                self.fixed(block, &mut bits);
                bits.end();
            }
            if last {
                bits.align();
            }
            if self.random.once_in(8) {
                bits.stored(false, b"");
            }
        }
        bits.message()
    }

    fn fixed(&mut self, block: &[u8], bits: &mut Bits) {
        let start = self.data.len();
        self.data.extend_from_slice(block);
        let mut at = start;
        while at < self.data.len() {
            let next = self.data.get(at..at + 3).map(|it| [it[0], it[1], it[2]]);
            let from = next.and_then(|next| self.seen.insert(next, at));
            let from = from.filter(|from| at - from <= self.window);
            if let Some(from) = from {
                let len = (at..self.data.len())
                    .take(258)
                    .take_while(|i| self.data[*i] == self.data[from + i - at])
                    .count();
                bits.copy(len, at - from);
                at += len;
            } else {
                bits.literal(self.data[at]);
                at += 1;
            }
        }
    }
}
