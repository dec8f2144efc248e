//! Messages of JSON: what a server of orders would tell its clients. Each differs from the others,
//! and all are the same on every run.

/// `count` messages of `len` bytes each.
#[must_use]
pub fn messages(len: usize, count: usize) -> Vec<String> {
    let mut random = Random(len as u64);
    (0..count).map(|at| message(len, at, &mut random)).collect()
}

/// An envelope with as many orders as fit, and a note that fills the rest.
fn message(len: usize, at: usize, random: &mut Random) -> String {
    let millis = random.below(1000);
    let mut text = format!(
        "{{\"type\":\"orders\",\"channel\":\"market.{}\",\"sequence\":{},\"time\":\"2026-11-{:02}T{:02}:{:02}:{:02}.{millis:03}Z\",\"orders\":[",
        random.of(&SYMBOLS),
        4_194_304 + at,
        1 + random.below(28),
        random.below(24),
        random.below(60),
        random.below(60),
    );
    const NOTE: &str = "],\"note\":\"";
    const END: &str = "\"}";
    loop {
        let order = order(random);
        if text.len() + 1 + order.len() + NOTE.len() + END.len() > len {
            break;
        }
        if !text.ends_with('[') {
            text.push(',');
        }
        text.push_str(&order);
    }
    text.push_str(NOTE);
    while text.len() + END.len() < len {
        text.push_str(random.of(&WORDS));
        text.push(' ');
    }
    text.truncate(len - END.len());
    text + END
}

fn order(random: &mut Random) -> String {
    format!(
        "{{\"id\":\"{:08x}-{:04x}\",\"user\":\"{}.{}\",\"symbol\":\"{}\",\"side\":\"{}\",\"price\":{}.{:02},\"quantity\":{},\"status\":\"{}\",\"maker\":{}}}",
        random.below(1 << 32),
        random.below(1 << 16),
        random.of(&WORDS),
        random.of(&WORDS),
        random.of(&SYMBOLS),
        random.of(&["buy", "sell"]),
        random.below(5000),
        random.below(100),
        1 + random.below(400),
        random.of(&["new", "filled", "partially_filled", "cancelled"]),
        random.of(&["true", "false"]),
    )
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() as usize % all.len()]
    }
}

const SYMBOLS: [&str; 12] = [
    "BTC-USD", "ETH-USD", "SOL-USD", "EUR-USD", "AAPL", "MSFT", "NVDA", "GOOG", "TSLA", "AMZN",
    "SAP", "ASML",
];

const WORDS: [&str; 32] = [
    "anna", "bernd", "carla", "dmitri", "elena", "farid", "grace", "hiro", "ingrid", "jorge",
    "karim", "lucia", "marek", "nadia", "oscar", "priya", "quentin", "rosa", "stefan", "tara",
    "umar", "vera", "wang", "ximena", "yusuf", "zoe", "limit", "market", "settled", "pending",
    "review", "desk",
];
