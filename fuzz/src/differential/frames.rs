//! The frames of an input read by a third hand, with all that is wrong with each (RFC 6455 §5).
//!
//! It decides nothing but whether a difference is what a rule takes it for.

use std::str;

use sansock::Role;

use super::Case;

/// A frame of the input.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Where it begins.
    pub(super) start: usize,
    pub(super) first: u8,
    /// The payload's length as its header says.
    pub(super) len: u64,
    /// As much of the payload as there is, unmasked.
    pub(super) payload: Vec<u8>,
    /// Whether all of its header is there.
    pub(super) headed: bool,
    /// Whether all of its payload is.
    pub(super) whole: bool,
    /// Whether it lies inside a message that a frame before it began,
    pub(super) inside: bool,
    /// and whether that one is compressed.
    pub(super) inside_compressed: bool,
    /// Whether it is of a compressed message itself.
    pub(super) compressed: bool,
    /// The payloads before it of the message that it lies inside.
    pub(super) before: u64,
    pub(super) faults: Vec<Fault>,
}

/// A rule of the RFC, or a limit, that a frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Reserved,
    Opcode,
    FragmentedControl,
    LongControl,
    Masking,
    /// A continuation of nothing, or a message inside another.
    Order,
    NotShortest,
    /// The most significant bit of a length of 64 bits.
    LengthBit,
    TooLong,
    NotText,
    CloseOfOneByte,
    CloseCode,
    CloseReason,
}

impl Fault {
    /// The code of the Close that tells it (§7.4.1).
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::NotText | Self::CloseReason => 1007,
            _ => 1002,
        }
    }
}

impl Seen {
    pub(super) const fn opcode(&self) -> u8 {
        self.first & 0x0F
    }

    pub(super) const fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }

    pub(super) const fn is_last(&self) -> bool {
        self.first & 0x80 != 0
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}

/// The frames of a case, to the first whose payload is cut.
pub(super) fn scan(case: &Case) -> Vec<Seen> {
    let mut frames = Vec::new();
    let mut message = Message::default();
    let mut at = 0;
    while at < case.wire.len() {
        let frame = message.next(case, at);
        at = frame.0;
        frames.push(frame.1);
    }
    frames
}

/// What is known of the message under way.
#[derive(Default)]
struct Message {
    open: bool,
    compressed: bool,
    /// Its text so far, if it is one that can be read.
    text: Option<Vec<u8>>,
    len: u64,
}

impl Message {
    /// The frame at `start`, and where the next one begins.
    fn next(&mut self, case: &Case, start: usize) -> (usize, Seen) {
        let rest = &case.wire[start..];
        let (first, second) = (rest[0], rest.get(1).copied());
        let number = |bytes: Option<&[u8]>| {
            bytes.map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            })
        };
        let (len, least, payload_at) = match second.unwrap_or(0) & 0x7F {
            126 => (number(rest.get(2..4)), 126, 4),
            127 => (number(rest.get(2..10)), 1 << 16, 10),
            len => (second.map(|_| u64::from(len)), 0, 2),
        };
        let masked = second.is_some_and(|second| second & 0x80 != 0);
        let key = rest.get(payload_at..payload_at + 4).filter(|_| masked);
        let payload_at = payload_at + if masked { 4 } else { 0 };
        let there = rest.get(payload_at..).unwrap_or_default();
        let end = (len.and_then(|len| usize::try_from(len).ok()))
            .and_then(|len| payload_at.checked_add(len))
            .filter(|end| *end <= rest.len());
        let there = &there[..end.map_or(there.len(), |end| end - payload_at)];
        let payload = match key {
            Some(key) => (there.iter().zip(key.iter().cycle()))
                .map(|(byte, key)| byte ^ key)
                .collect(),
            None => there.to_vec(),
        };
        let mut frame = Seen {
            start,
            first,
            len: len.unwrap_or(0),
            payload,
            headed: len.is_some() && rest.len() >= payload_at,
            whole: end.is_some(),
            inside: self.open,
            inside_compressed: self.open && self.compressed,
            compressed: self.open && self.compressed && first & 0x08 == 0,
            before: if self.open { self.len } else { 0 },
            faults: Vec::new(),
        };
        if len.is_some_and(|len| len < least) {
            frame.faults.push(Fault::NotShortest);
        }
        if frame.len >> 63 != 0 {
            frame.faults.push(Fault::LengthBit);
        }
        if second.is_some() && masked != (case.role == Role::Server) {
            frame.faults.push(Fault::Masking);
        }
        if matches!(frame.opcode(), 3..=7 | 11..=15) {
            frame.faults.push(Fault::Opcode);
        } else if frame.is_control() {
            control(&mut frame);
        } else {
            self.data(case, &mut frame);
        }
        let meaning = if case.deflate.is_some() && matches!(frame.opcode(), 1 | 2) {
            0x40
        } else {
            0
        };
        if first & 0x70 & !meaning != 0 {
            frame.faults.push(Fault::Reserved);
        }
        (start + end.unwrap_or(rest.len()), frame)
    }

    /// Looks at a frame of a message, and goes on behind it.
    fn data(&mut self, case: &Case, frame: &mut Seen) {
        let begins = frame.opcode() != 0;
        if begins == self.open {
            frame.faults.push(Fault::Order);
            // Which message it then belongs to, or whether to any, is nowhere said.
            if self.len.saturating_add(frame.len) > case.max_message {
                frame.faults.push(Fault::TooLong);
            }
        }
        if begins {
            self.compressed = case.deflate.is_some() && frame.first & 0x40 != 0;
            self.text = (frame.opcode() == 1 && !self.compressed).then(Vec::new);
            self.len = 0;
            frame.compressed = self.compressed;
        }
        self.open = !frame.is_last();
        self.len = self.len.saturating_add(frame.len);
        let message = if frame.compressed {
            frame.len
        } else {
            self.len
        };
        if frame.len > case.max_frame || message > case.max_message {
            frame.faults.push(Fault::TooLong);
        }
        if let Some(text) = &mut self.text {
            text.extend_from_slice(&frame.payload);
            let error = str::from_utf8(text).err();
            let ends = frame.whole && frame.is_last();
            if error.is_some_and(|error| ends || error.error_len().is_some()) {
                frame.faults.push(Fault::NotText);
            }
        }
    }
}

fn control(frame: &mut Seen) {
    if !frame.is_last() {
        frame.faults.push(Fault::FragmentedControl);
    }
    if frame.len > 125 {
        frame.faults.push(Fault::LongControl);
    }
    if frame.opcode() != 8 || !frame.whole {
        return;
    }
    match &frame.payload[..] {
        [] => {}
        [_] => frame.faults.push(Fault::CloseOfOneByte),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                frame.faults.push(Fault::CloseCode);
            }
            if str::from_utf8(reason).is_err() {
                frame.faults.push(Fault::CloseReason);
            }
        }
    }
}
