//! The same bytes of a peer to the engine and to another implementation, and what each makes of
//! them.
//!
//! Both tell it in the same words: [`Said`]. Where they first say different things, a
//! [`Rule`] must explain it; its entry in `fuzz/DIFFERENCES.md` says who is right and why. What
//! comes behind a difference is not compared, for one of the two has failed the connection there,
//! or both go on from different states.
//!
//! ```text
//!  input   flags  sizes │ most  seed │ bytes of the peer …                           (RAW)
//!                       │ Cuts       │ first  how  len  payload … │ first  how  len … │ …
//!  flags   1 a client │ 2 RAW │ 4 compression, 8 and 16 without takeover, from 32 on its window
//!  sizes   the limit of a frame, of a message: how many bits it has
//!  how     1 compressed here │ 2, 4 a length form that is longer │ 8 the other masking
//!          16, 32 a payload repeated │ 64, 128 how well it is compressed
//! ```

mod engine;
mod frames;
#[path = "../../../tests/common/inflate.rs"]
mod inflate;
mod opening;
mod stream;
mod tungstenite;
mod websockets;

#[cfg(test)]
mod tests;

use std::fmt;

use sansock::{ProtocolError, Role, proto::DeflateParams};

use self::{
    engine::Engine,
    frames::{Seen, scan},
};
pub use self::{
    opening::{tungstenite as opening, websockets as opening_websockets},
    tungstenite::run as tungstenite,
    websockets::run as websockets,
};
use crate::{
    Cuts, compressed, params,
    wire::{KEY, write_frame},
};

/// What an end says of what it received.
#[derive(Clone, PartialEq, Eq)]
enum Said {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A Close, and the code and reason in it.
    Close(Option<(u16, Vec<u8>)>),
    /// That it fails the connection with this code.
    Fail(u16),
}

/// All that an end made of its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Log {
    /// The last is a `Close` or a `Fail`, or there is none and it waits for more.
    said: Vec<Said>,
    /// The payloads of the Pongs that it wrote.
    pongs: Vec<Vec<u8>>,
    /// The code in the Close that it wrote: 1005 if there was none in it.
    closed: Option<u16>,
}

/// What both are given.
#[derive(Clone, Debug)]
struct Case {
    role: Role,
    deflate: Option<DeflateParams>,
    max_frame: u64,
    max_message: u64,
    wire: Vec<u8>,
    cuts: Cuts,
}

impl Case {
    /// What an input means; `None` if it is too short. Compression only where the other has it.
    fn new(data: &[u8], deflate: bool) -> Option<Self> {
        let (&[flags, sizes, most, seed], rest) = data.split_first_chunk()?;
        let role = if flags & CLIENT == 0 {
            Role::Server
        } else {
            Role::Client
        };
        let wire = if flags & RAW == 0 {
            framed(role, rest)
        } else {
            rest.to_vec()
        };
        let deflate = (deflate && flags & DEFLATE != 0).then(|| {
            let (takeover, window) = (flags >> 3 & 3, flags >> 5);
            params(takeover | window << 2 | window << 5)
        });
        Some(Self {
            role,
            deflate,
            max_frame: limit(sizes & 15),
            max_message: limit(sizes >> 4),
            wire,
            cuts: Cuts::new([most, seed]),
        })
    }
}

const CLIENT: u8 = 1;
const RAW: u8 = 2;
const DEFLATE: u8 = 4;

/// 1, 3, … 32,767, or what no input reaches.
fn limit(nibble: u8) -> u64 {
    match nibble {
        0 => NO_LIMIT,
        bits => (1 << bits) - 1,
    }
}

/// More than any input becomes, but for one that inflates.
const NO_LIMIT: u64 = 1 << 20;

/// Enough to be written.
const MOST: usize = 16 << 10;

/// Frames whose headers are right but for what the input asks otherwise.
fn framed(role: Role, mut rest: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    while let Some((&[first, how, len], after)) = rest.split_first_chunk()
        && wire.len() < MOST
    {
        let (payload, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let mut payload = payload.repeat(1 << (2 * (how >> 4 & 3)));
        if how & 1 != 0 {
            payload = compressed(&payload, how >> 6);
        }
        let masked = (role == Role::Server) != (how & 8 != 0);
        write_frame(
            &mut wire,
            first,
            &payload,
            masked.then_some(KEY),
            how >> 1 & 3,
        );
    }
    wire
}

/// Where an end and the engine first say different things.
struct Difference<'a> {
    case: &'a Case,
    ours: Option<&'a Said>,
    theirs: Option<&'a Said>,
    /// The fault that the engine found, if it failed here.
    error: Option<ProtocolError>,
    /// All frames of the input, as far as their headers can be read.
    frames: &'a [Seen],
    /// The one in which the engine said it; where it waits, the last.
    frame: &'a Seen,
    /// Where what both said before ended.
    from: usize,
}

/// A difference that is known and right to be.
struct Rule {
    /// Its heading in `fuzz/DIFFERENCES.md`.
    entry: &'static str,
    explains: fn(&Difference<'_>) -> bool,
    /// An input that shows it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that each is met"))]
    example: &'static [u8],
}

/// Compares what the engine says with what the other does; the rules that explain it.
///
/// # Panics
///
/// If they differ and no rule explains it.
fn compare(case: &Case, engine: &Engine, theirs: &Log, rules: &[Rule]) -> Option<&'static str> {
    let ours = &engine.log;
    let common = (ours.said.iter().zip(&theirs.said))
        .take_while(|(ours, theirs)| ours == theirs)
        .count();
    let pings = (ours.said[..common].iter())
        .filter(|said| matches!(said, Said::Ping(_)))
        .count();
    assert_eq!(
        ours.pongs.get(..pings),
        theirs.pongs.get(..pings),
        "Pongs to {case:?}"
    );
    if common == ours.said.len() && common == theirs.said.len() {
        if let Some(Said::Close(_)) = ours.said.last() {
            assert_eq!(
                ours.closed, theirs.closed,
                "answers to the Close of {case:?}"
            );
        }
        return None;
    }
    let frames = scan(case);
    let at = engine.ends.get(common).copied().unwrap_or(case.wire.len());
    let frame =
        (frames.iter().rfind(|frame| frame.start < at)).expect("something came of no frame at all");
    let difference = Difference {
        case,
        ours: ours.said.get(common),
        theirs: theirs.said.get(common),
        error: engine.error.filter(|_| common + 1 == ours.said.len()),
        frames: &frames,
        frame,
        from: common.checked_sub(1).map_or(0, |last| engine.ends[last]),
    };
    let Some(rule) = rules.iter().find(|rule| (rule.explains)(&difference)) else {
        panic!("{difference:?}\nours {ours:?}\ntheirs {theirs:?}");
    };
    Some(rule.entry)
}

impl Difference<'_> {
    /// What the others come to when they know of a fault only once its frame is whole.
    fn is_later(&self) -> bool {
        matches!(self.ours, Some(Said::Fail(_))) && self.theirs.is_none() && !self.frame.whole
    }

    /// Whether `what` holds of a frame since what both said: theirs may be an earlier one than ours.
    fn of_any_frame(&self, what: impl Fn(&Self) -> bool) -> bool {
        (self.frames.iter())
            .filter(|frame| (self.from..=self.frame.start).contains(&frame.start))
            .any(|frame| what(&Self { frame, ..*self }))
    }

    /// Whether one frame has several faults, and each end names another of them.
    fn is_other_fault(&self) -> bool {
        let has = |said: Option<&Said>| {
            matches!(said, Some(Said::Fail(code))
                if self.frame.faults.iter().any(|fault| fault.code() == *code))
        };
        has(self.ours) && has(self.theirs)
    }
}

impl fmt::Debug for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("case", &self.case)
            .field("ours", &self.ours)
            .field("theirs", &self.theirs)
            .field("error", &self.error)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = match self {
            Self::Text(bytes) => ("Text", bytes),
            Self::Binary(bytes) => ("Binary", bytes),
            Self::Ping(bytes) => ("Ping", bytes),
            Self::Pong(bytes) => ("Pong", bytes),
            Self::Close(None) => return f.write_str("Close"),
            Self::Close(Some((code, reason))) => {
                return write!(f, "Close {code} {}", reason.escape_ascii());
            }
            Self::Fail(code) => return write!(f, "Fail {code}"),
        };
        let shown = &bytes[..bytes.len().min(64)];
        write!(
            f,
            "{name} of {} bytes: {}",
            bytes.len(),
            shown.escape_ascii()
        )
    }
}
