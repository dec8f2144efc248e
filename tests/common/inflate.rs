//! DEFLATE read by a second hand (RFC 1951, RFC 7692 §7.2.2): slow, exact, and strict about the
//! window, which a library is not.

/// The receiving end of one direction.
#[derive(Clone, Debug)]
pub(crate) struct Inflater {
    /// How far back a match may reach.
    window: usize,
    /// Whether the window is kept from one message to the next.
    takeover: bool,
    /// What matches may refer to, and the message under way behind it.
    data: Vec<u8>,
    /// The farthest a match reached back into the messages before its own.
    pub(crate) reached: usize,
    /// The farthest that any match reached.
    pub(crate) farthest: usize,
    /// How long the latest message became.
    made: usize,
    /// Whether a block said that it is the last.
    pub(crate) has_last_block: bool,
}

impl Inflater {
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            window: 1 << window_bits,
            takeover,
            data: Vec::new(),
            reached: 0,
            farthest: 0,
            made: 0,
            has_last_block: false,
        }
    }

    /// The message whose compressed payload this is.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, &'static str> {
        // §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload".
        self.read(&[payload, &[0x00, 0x00, 0xFF, 0xFF]].concat())?;
        Ok(self.data[self.data.len() - self.made..].to_vec())
    }

    /// How long a message has become whose compressed payload begins so.
    pub(crate) fn made_of(&self, payload: &[u8]) -> usize {
        let mut inflater = self.clone();
        // That it ends nowhere is no surprise.
        let _ = inflater.read(payload);
        inflater.made
    }

    fn read(&mut self, input: &[u8]) -> Result<(), &'static str> {
        let start = if self.takeover {
            let start = self.data.len().min(self.window);
            self.data.drain(..self.data.len() - start);
            start
        } else {
            self.data.clear();
            0
        };
        self.made = 0;
        let mut bits = Reader { input, at: 0 };
        // The tail is the end of a block, so the input ends where a block ends.
        while bits.at < 8 * input.len() {
            let read = self.block(&mut bits, start);
            self.made = self.data.len() - start;
            read?;
        }
        Ok(())
    }

    fn block(&mut self, bits: &mut Reader<'_>, start: usize) -> Result<(), &'static str> {
        let last = bits.take(1)?;
        match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let (len, inverse) = (bits.take(16)?, bits.take(16)?);
                if len != !inverse & 0xFFFF {
                    return Err("a stored length that is not its inverse's");
                }
                for _ in 0..len {
                    let byte = u8::try_from(bits.take(8)?).unwrap();
                    self.data.push(byte);
                }
            }
            1 => {
                let mut lengths = [8_u8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                self.codes(
                    bits,
                    start,
                    &Huffman::new(&lengths),
                    &Huffman::new(&[5; 30]),
                )?;
            }
            2 => {
                let (literals, distances) = dynamic(bits)?;
                self.codes(bits, start, &literals, &distances)?;
            }
            _ => return Err("a block of the reserved type"),
        }
        if last == 1 {
            self.has_last_block = true;
            bits.at = bits.at.next_multiple_of(8);
        }
        Ok(())
    }

    fn codes(
        &mut self,
        bits: &mut Reader<'_>,
        start: usize,
        literals: &Huffman,
        distances: &Huffman,
    ) -> Result<(), &'static str> {
        loop {
            let symbol = literals.next(bits)?;
            match symbol {
                0..=255 => self.data.push(u8::try_from(symbol).unwrap()),
                256 => return Ok(()),
                257..=285 => {
                    let (base, extra) = LENGTHS[usize::from(symbol) - 257];
                    let len = base + bits.take(extra)? as usize;
                    let (base, extra) = *DISTANCES
                        .get(usize::from(distances.next(bits)?))
                        .ok_or("a reserved distance code")?;
                    let distance = base + bits.take(extra)? as usize;
                    self.copy(start, len, distance)?;
                }
                _ => return Err("a reserved length code"),
            }
        }
    }

    fn copy(&mut self, start: usize, len: usize, distance: usize) -> Result<(), &'static str> {
        if distance > self.window {
            return Err("a distance beyond the window");
        }
        if distance > self.data.len() {
            return Err("a distance beyond the beginning");
        }
        let from = self.data.len() - distance;
        self.farthest = self.farthest.max(distance);
        self.reached = self.reached.max(start.saturating_sub(from));
        for at in from..from + len {
            self.data.push(self.data[at]);
        }
        Ok(())
    }
}

/// The codes of a block that brings its own (RFC 1951 §3.2.7).
fn dynamic(bits: &mut Reader<'_>) -> Result<(Huffman, Huffman), &'static str> {
    const ORDER: [usize; 19] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ];
    let literals = bits.take(5)? as usize + 257;
    let distances = bits.take(5)? as usize + 1;
    let mut lengths = [0; 19];
    for at in ORDER.into_iter().take(bits.take(4)? as usize + 4) {
        lengths[at] = u8::try_from(bits.take(3)?).unwrap();
    }
    let code = Huffman::new(&lengths).complete(0)?;
    let mut lengths: Vec<u8> = Vec::new();
    while lengths.len() < literals + distances {
        let (len, times) = match code.next(bits)? {
            symbol @ 0..=15 => (u8::try_from(symbol).unwrap(), 1),
            16 => {
                let len = *lengths.last().ok_or("nothing to repeat")?;
                (len, bits.take(2)? + 3)
            }
            17 => (0, bits.take(3)? + 3),
            _ => (0, bits.take(7)? + 11),
        };
        lengths.extend((0..times).map(|_| len));
    }
    if lengths.len() > literals + distances {
        return Err("too many code lengths");
    }
    if lengths[256] == 0 {
        return Err("no code for the end of the block");
    }
    let (literals, distances) = lengths.split_at(literals);
    if literals.len() > 286 || distances.len() > 30 {
        return Err("codes for reserved symbols");
    }
    let literals = Huffman::new(literals).complete(1)?;
    Ok((literals, Huffman::new(distances).complete(1)?))
}

/// The input, bit by bit.
struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bit(&mut self) -> Result<u32, &'static str> {
        let byte = *self.input.get(self.at / 8).ok_or("the end of the input")?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit.into())
    }

    fn take(&mut self, many: u32) -> Result<u32, &'static str> {
        let mut value = 0;
        for i in 0..many {
            value |= self.bit()? << i;
        }
        Ok(value)
    }
}

/// A code as the count of its words of each length, and their symbols in order (§3.2.2).
struct Huffman {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Huffman {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols = Vec::with_capacity(lengths.len());
        for len in 1..16 {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, it)| **it == len) {
                symbols.push(u16::try_from(symbol).unwrap());
                counts[usize::from(len)] += 1;
            }
        }
        Self { counts, symbols }
    }

    /// This, if all its words are used. Up to `few` words of one bit, and none longer, may be less.
    fn complete(self, few: u16) -> Result<Self, &'static str> {
        let mut left = 1_i32;
        for count in &self.counts[1..] {
            left = 2 * left - i32::from(*count);
            if left < 0 {
                return Err("more code words than there are");
            }
        }
        let (short, long) = (self.counts[1], &self.counts[2..]);
        if left > 0 && (few == 0 || short > few || long.iter().any(|count| *count > 0)) {
            return Err("unused code words");
        }
        Ok(self)
    }

    fn next(&self, bits: &mut Reader<'_>) -> Result<u16, &'static str> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            let count = u32::from(*count);
            code |= bits.bit()?;
            if code < first + count {
                return Ok(self.symbols[(index + code - first) as usize]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err("no code word")
    }
}

/// What each length code stands for: its least, and how many bits follow (§3.2.5).
pub(crate) const LENGTHS: [(usize, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The same for distances.
pub(crate) const DISTANCES: [(usize, u32); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1_025, 9),
    (1_537, 9),
    (2_049, 10),
    (3_073, 10),
    (4_097, 11),
    (6_145, 11),
    (8_193, 12),
    (12_289, 12),
    (16_385, 13),
    (24_577, 13),
];
