//! Who comes, and what must become of each.

use crate::common::Random;

/// A client of the soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Honest: messages of all sizes and in fragments, Pings, a Close.
    Echo,
    /// The same with permessage-deflate.
    Compressed,
    /// Connects and says nothing.
    Silence,
    /// Stops within the head.
    HalfHead,
    /// A byte of the head now and then.
    SlowHead,
    /// Random bytes where the head should be.
    Noise,
    /// A byte of a frame now and then.
    SlowFrame,
    PingFlood,
    /// Sends messages to be echoed for as long as it is let, and reads none.
    NeverReads,
    Bomb,
    ReservedBits,
    Unmasked,
    TooLarge,
    InvalidText,
    /// Answers no Ping.
    Mute,
    /// Resets or ends the transport at some point.
    Gone,
    /// The suite's own: whoever else was here has left.
    Over,
}

/// How a client's connection ended, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every message came back, and both Closes said 1000.
    Clean,
    /// The server answered with this status, and ended.
    Status(u16),
    /// The server sent a Close with this code, and ended.
    Close(u16),
    /// The server ended without a word, or by a reset.
    Cut,
    /// The client left first.
    Left,
}

/// Of a hundred and some clients, how many are of each kind.
const SHARES: [(Kind, usize); 16] = [
    (Kind::Echo, 60),
    (Kind::Compressed, 5),
    (Kind::Silence, 3),
    (Kind::HalfHead, 3),
    (Kind::SlowHead, 3),
    (Kind::Noise, 3),
    (Kind::SlowFrame, 3),
    (Kind::PingFlood, 3),
    (Kind::NeverReads, 2),
    (Kind::Bomb, 2),
    (Kind::ReservedBits, 3),
    (Kind::Unmasked, 3),
    (Kind::TooLarge, 3),
    (Kind::InvalidText, 3),
    (Kind::Mute, 2),
    (Kind::Gone, 8),
];

impl Kind {
    /// One of each for a start, then as the shares have it.
    pub(crate) fn nth(n: usize, random: &mut Random) -> Self {
        if let Some((kind, _)) = SHARES.get(n) {
            return *kind;
        }
        let all = SHARES.iter().map(|(_, share)| share).sum();
        let mut at = random.within(0..all);
        for (kind, share) in SHARES {
            match at.checked_sub(share) {
                Some(rest) => at = rest,
                None => return kind,
            }
        }
        Self::Echo
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        SHARES.iter().map(|(kind, _)| *kind)
    }

    pub(crate) fn is_honest(self) -> bool {
        matches!(self, Self::Echo | Self::Compressed)
    }

    /// Whether the server never learns who it is, for want of a request.
    pub(crate) fn is_unknown(self) -> bool {
        matches!(
            self,
            Self::Silence | Self::HalfHead | Self::SlowHead | Self::Noise
        )
    }

    /// What it asks for, by which the server knows it.
    pub(crate) fn path(self) -> String {
        format!("/{self:?}")
    }

    pub(crate) fn from_path(path: &str) -> Option<Self> {
        Self::all()
            .chain([Self::Over])
            .find(|kind| kind.path() == path)
    }

    /// How it must end for the client.
    pub(crate) fn endings(self) -> &'static [Ending] {
        match self {
            Self::Echo | Self::Compressed | Self::Over => &[Ending::Clean],
            Self::Silence | Self::HalfHead | Self::SlowHead | Self::NeverReads => &[Ending::Cut],
            Self::Noise => &[Ending::Status(400)],
            Self::SlowFrame | Self::PingFlood => &[Ending::Close(1008)],
            Self::Bomb | Self::TooLarge => &[Ending::Close(1009)],
            Self::ReservedBits | Self::Unmasked => &[Ending::Close(1002)],
            Self::InvalidText => &[Ending::Close(1007)],
            Self::Mute => &[Ending::Close(1011)],
            Self::Gone => &[Ending::Left, Ending::Cut],
        }
    }

    /// What the server must say of it: see [`tally::name`](crate::tally::name).
    pub(crate) fn outcome(self) -> &'static str {
        match self {
            Self::Echo | Self::Compressed | Self::Over => "clean",
            Self::Silence | Self::HalfHead | Self::SlowHead => "handshake-timeout",
            Self::Noise => "400",
            Self::SlowFrame => "message-timeout",
            Self::PingFlood => "1008",
            Self::NeverReads => "write-timeout",
            Self::Bomb | Self::TooLarge => "1009",
            Self::ReservedBits | Self::Unmasked => "1002",
            Self::InvalidText => "1007",
            Self::Mute => "pong-timeout",
            Self::Gone => "eof",
        }
    }
}
