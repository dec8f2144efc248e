//! What happens, and how bytes say so.

use arbitrary::{Arbitrary, Unstructured};

use sansock::proto::Compress;

use crate::{
    DeflateChoice,
    script::{amount, millis, payload_len},
};

/// The most steps: fewer Pings than the peer's budget allows.
const STEPS: usize = 250;

/// How the pair is set up, and all that happens.
#[derive(Debug)]
pub struct Script {
    pub(super) flags: u8,
    pub(super) mark: u8,
    pub(super) fragment: u8,
    /// The client's and the server's permessage-deflate.
    pub(super) deflate: Option<[DeflateChoice; 2]>,
    pub(super) steps: Vec<Step>,
}

/// What happens at which end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) client: bool,
    /// Whether its binary payload is one that cannot be compressed.
    pub(super) noise: bool,
    pub(super) op: Op,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Send {
        way: Way,
        text: bool,
        len: usize,
    },
    Part {
        unlimited: bool,
        text: bool,
        last: bool,
        len: usize,
    },
    Ping {
        len: usize,
    },
    Pong {
        len: usize,
    },
    Close {
        code: u16,
        len: usize,
    },
    Eof,
    Advance {
        millis: u64,
    },
    /// Goes to this end's next deadline.
    Wait,
    /// Moves bytes from the outbox to the wire.
    Write {
        n: usize,
    },
    /// Moves bytes from the wire to this end.
    Deliver {
        n: usize,
    },
    Decide {
        accept: bool,
    },
    /// Carries everything there is, both ways.
    Settle,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Send,
    Unlimited,
    Prepared,
    Bytes,
    With(Compress),
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (flags, mark, fragment): (u8, u8, u8) = Arbitrary::arbitrary(u)?;
        let deflate = if flags & 64 != 0 {
            let choices: [[u8; 2]; 2] = Arbitrary::arbitrary(u)?;
            Some(choices.map(DeflateChoice::new))
        } else {
            None
        };
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < STEPS {
            steps.push(Step::arbitrary(u)?);
        }
        Ok(Self {
            flags,
            mark,
            fragment,
            deflate,
            steps,
        })
    }
}

/// A byte that says what, and one or two that say how much.
impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let what = u8::arbitrary(u)?;
        let mut byte = || u8::arbitrary(u);
        let text = what & 0x40 != 0;
        let other = what & 0x20 != 0;
        let op = match what & 0x1F {
            way @ 0..6 => Op::Send {
                way: match way {
                    0 | 1 if other => Way::With(Compress::Always),
                    2 if other => Way::With(Compress::Never),
                    0..=2 => Way::Send,
                    3 => Way::Unlimited,
                    4 => Way::Prepared,
                    _ => Way::Bytes,
                },
                text,
                len: payload_len(byte()?),
            },
            way @ 6..11 => Op::Part {
                unlimited: way == 10,
                text,
                last: way & 1 != 0,
                len: payload_len(byte()?),
            },
            11..13 => Op::Ping {
                len: usize::from(byte()?),
            },
            13 => Op::Pong {
                len: usize::from(byte()?),
            },
            14 => Op::Close {
                code: 995 + u16::from(byte()?) % 20 + if text { 2_000 } else { 0 },
                len: usize::from(byte()?),
            },
            15 => Op::Eof,
            16 => Op::Advance {
                millis: millis(byte()?),
            },
            17 => Op::Wait,
            18 => Op::Decide {
                accept: byte()? != 0,
            },
            19..25 => Op::Write { n: amount(byte()?) },
            25..31 => Op::Deliver { n: amount(byte()?) },
            _ => Op::Settle,
        };
        Ok(Self {
            client: what & 0x80 != 0,
            noise: other,
            op,
        })
    }
}
