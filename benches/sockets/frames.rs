//! What a client sends, made in advance, and whether what comes back is its echo.

use in_memory::operations;

/// The messages that a connection sends at once.
pub(crate) struct Burst {
    /// All their frames, masked.
    pub(crate) sent: Vec<u8>,
    payloads: Vec<Vec<u8>>,
    opcode: u8,
}

impl Burst {
    /// `count` messages of `bytes` bytes, each another.
    pub(crate) fn new(count: usize, bytes: usize, text: bool) -> Self {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let payloads: Vec<_> = (0..count)
            .map(|_| {
                if text {
                    random.text(bytes)
                } else {
                    random.bytes(bytes)
                }
            })
            .collect();
        let opcode = if text { 0x1 } else { 0x2 };
        Self {
            sent: payloads
                .iter()
                .flat_map(|it| operations::frame(0x80 | opcode, it))
                .collect(),
            payloads,
            opcode,
        }
    }
}

/// How far the echo of a burst has come.
#[derive(Debug)]
pub(crate) enum Echo {
    /// From a floor, which sends the very bytes back: so many came.
    Bytes(usize),
    /// From a server, which sends frames.
    Frames(Frames),
}

/// Where in the frames of a burst's echo.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// How many messages came whole.
    messages: usize,
    /// How much of the next came.
    at: usize,
    /// Whether a frame of it came.
    continues: bool,
    header: [u8; 10],
    header_len: usize,
    /// The frame's payload that is still to come, once its header came.
    left: Option<usize>,
}

impl Echo {
    /// Compares what came; whether the burst's echo is complete, and starts anew then.
    pub(crate) fn take(&mut self, bytes: &[u8], burst: &Burst) -> Result<bool, String> {
        match self {
            Self::Bytes(at) => {
                if burst.sent.get(*at..*at + bytes.len()) != Some(bytes) {
                    return Err("other bytes came back than were sent".to_owned());
                }
                *at = (*at + bytes.len()) % burst.sent.len();
                Ok(*at == 0)
            }
            Self::Frames(frames) => frames.take(bytes, burst),
        }
    }
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8], burst: &Burst) -> Result<bool, String> {
        while !bytes.is_empty() {
            let left = match self.left {
                Some(left) => left,
                None => {
                    self.header[self.header_len] = bytes[0];
                    self.header_len += 1;
                    bytes = &bytes[1..];
                    let Some(len) = payload_len(&self.header[..self.header_len]) else {
                        continue;
                    };
                    self.begin(burst)?;
                    self.left = Some(len);
                    len
                }
            };
            let (now, rest) = bytes.split_at(left.min(bytes.len()));
            let is_control = self.header[0] & 0x08 != 0;
            if !is_control {
                let payload = &burst.payloads[self.messages];
                if payload.get(self.at..self.at + now.len()) != Some(now) {
                    return Err(format!("message {} is not what was sent", self.messages));
                }
                self.at += now.len();
            }
            bytes = rest;
            self.left = Some(left - now.len());
            if self.left == Some(0) {
                self.left = None;
                self.header_len = 0;
                if !is_control {
                    self.end(burst)?;
                }
            }
        }
        let is_complete = self.messages == burst.payloads.len();
        if is_complete {
            self.messages = 0;
        }
        Ok(is_complete)
    }

    /// Looks at a header that came whole.
    fn begin(&self, burst: &Burst) -> Result<(), String> {
        let first = self.header[0];
        // A Ping that falls due between two rounds: to be skipped.
        if first == 0x89 {
            return Ok(());
        }
        if self.messages == burst.payloads.len() {
            return Err(format!("a frame {first:#x} behind all that was sent"));
        }
        let opcode = if self.continues { 0x0 } else { burst.opcode };
        if first & 0x7F == opcode {
            Ok(())
        } else {
            Err(format!("a frame {first:#x} came"))
        }
    }

    /// Takes note that a frame came whole.
    fn end(&mut self, burst: &Burst) -> Result<(), String> {
        self.continues = self.header[0] & 0x80 == 0;
        if self.continues {
            return Ok(());
        }
        if self.at != burst.payloads[self.messages].len() {
            return Err(format!("message {} is cut", self.messages));
        }
        self.messages += 1;
        self.at = 0;
        Ok(())
    }
}

/// The length in a server's header, if that is whole (§5.2).
fn payload_len(header: &[u8]) -> Option<usize> {
    match *header.get(1)? {
        126 => Some(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?).into()),
        127 => usize::try_from(u64::from_be_bytes(header.get(2..10)?.try_into().ok()?)).ok(),
        len => Some(len.into()),
    }
}

/// Xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    /// Characters of one to four bytes, the longer ones often.
    fn text(&mut self, len: usize) -> Vec<u8> {
        const CHARACTERS: [char; 8] = ['a', ' ', 'ü', 'ж', '你', '好', 'क', '🦀'];
        let mut text = String::with_capacity(len + 4);
        while text.len() < len {
            text.push(CHARACTERS[(self.next() >> 32) as usize % CHARACTERS.len()]);
        }
        while text.len() > len {
            text.pop();
        }
        while text.len() < len {
            text.push('.');
        }
        text.into_bytes()
    }
}
