//! The property that matters most: however the same bytes are cut, what comes of them is the same.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use common::{ROLES, Random, announce, close_payload, frames, one_by_one, run, whole};
use sansock::{
    Config, ProtocolError, Role,
    proto::{Budget, Error},
};

/// Bytes of a peer, and the places where its frames begin.
struct Exchange {
    role: Role,
    config: Config,
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Exchange {
    /// Frames, and after them bytes that may be no frame.
    fn new(role: Role, config: &Config, frame_list: &[(u8, &[u8])], tail: &[u8]) -> Self {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for frame in frame_list {
            starts.push(bytes.len());
            bytes.extend(frames(role, &[*frame]));
        }
        starts.push(bytes.len());
        bytes.extend(tail);
        starts.push(bytes.len());
        Self {
            role,
            config: config.clone(),
            bytes,
            starts,
        }
    }

    /// Runs all of `cuts` with and without streaming. Everything must be as in one piece without
    /// streaming, parts joined; only how much of a message came in parts before a fault depends on
    /// the cuts.
    fn check<'c>(&self, cuts: &(impl Iterator<Item = &'c [usize]> + Clone)) {
        let mut expected = whole(self.role, &self.config, &self.bytes);
        for streaming in [false, true] {
            let config = self.config.clone().streaming(streaming);
            let longest = one_by_one(self.role, &config, &self.bytes).unfinished;
            assert!(streaming || longest.is_none());
            for cuts in cuts.clone() {
                let found = run(self.role, &config, &self.bytes, cuts);
                if found.errors.is_empty() {
                    assert_eq!(
                        found.unfinished, longest,
                        "{:x?} cut at {cuts:?}",
                        self.bytes
                    );
                } else if let (Some(found), Some(longest)) = (&found.unfinished, &longest) {
                    assert!(longest.as_bytes().starts_with(found.as_bytes()));
                    assert_eq!(longest.is_text(), found.is_text());
                }
                expected.unfinished.clone_from(&found.unfinished);
                assert!(
                    found == expected,
                    "{:x?}\ncut at {cuts:?}, streaming {streaming}\nis {found:?}\nnot {expected:?}",
                    self.bytes
                );
            }
        }
    }

    /// One byte at a time, every single cut and every pair of cuts.
    fn check_pairs(&self) {
        let len = self.bytes.len();
        assert!(len <= 256, "{len}");
        let one_by_one: Vec<usize> = (1..len).collect();
        let pairs: Vec<[usize; 2]> = (0..=len)
            .flat_map(|one| (one..=len).map(move |other| [one, other]))
            .collect();
        self.check(
            &[&one_by_one[..]]
                .into_iter()
                .chain(pairs.iter().map(|pair| &pair[..])),
        );
    }

    /// One byte at a time; every single cut; every pair within 16 bytes of a frame's start, and so
    /// many random cuttings.
    fn check_sampled(&self, singles: usize, random: usize) {
        let len = self.bytes.len();
        let mut cuts = vec![(1..len).collect::<Vec<_>>()];
        cuts.extend((0..=len.min(singles)).map(|cut| vec![cut]));
        for &start in &self.starts {
            let near = start.saturating_sub(16)..=(start + 16).min(len);
            cuts.extend(
                near.clone()
                    .flat_map(|one| (one..=*near.end()).map(move |other| vec![one, other])),
            );
        }
        let mut generator = Random::new(len as u64);
        cuts.extend((0..random).map(|_| generator.cuts(len)));
        self.check(&cuts.iter().map(|cuts| &cuts[..]));
    }
}

#[test]
fn valid_exchanges_in_every_pair_of_cuts() {
    let text = "aß水𝄞".as_bytes();
    let cases: [&[(u8, &[u8])]; 12] = [
        &[(0x81, b"Hello")],
        &[(0x81, b""), (0x82, b""), (0x81, b"a")],
        &[(0x01, b"Hel"), (0x80, b"lo")],
        &[
            (0x01, b""),
            (0x00, b""),
            (0x80, b""),
            (0x02, b""),
            (0x80, b"x"),
        ],
        &[
            (0x01, &text[..2]),
            (0x89, b"?"),
            (0x00, &text[2..7]),
            (0x8A, b"!"),
            (0x80, &text[7..]),
        ],
        &[
            (0x01, &text[..8]),
            (0x00, b""),
            (0x00, &text[8..9]),
            (0x80, &text[9..]),
        ],
        &[
            (0x82, b"\xFF\x00"),
            (0x02, b"\xC0"),
            (0x89, b""),
            (0x80, b"\x80"),
            (0x81, text),
        ],
        &[
            (0x89, b"a"),
            (0x89, b""),
            (0x8A, b"bc"),
            (0x88, b"\x03\xE8bye"),
            (0x81, b"late"),
        ],
        &[(0x81, b"a"), (0x88, b""), (0x88, b"\x03"), (0x8F, b"")],
        &[(0x02, b"begun"), (0x88, b"\x0F\xA0"), (0x80, b"never")],
        &[(0x02, b"never"), (0x00, b"ended")],
        &[(0x01, b"never \xF0\x9D")],
    ];
    for role in ROLES {
        for case in cases {
            Exchange::new(role, &Config::default(), case, b"").check_pairs();
        }
    }
}

#[test]
fn valid_exchanges_that_end_inside_a_frame_in_every_pair_of_cuts() {
    for role in ROLES {
        let config = Config::default();
        let all = frames(
            role,
            &[(0x01, b"a"), (0x89, b"pi"), (0x80, b"bc"), (0x82, b"d")],
        );
        for end in 0..all.len() {
            Exchange::new(role, &config, &[], &all[..end]).check_pairs();
        }
    }
}

#[test]
fn about_256_bytes_in_every_pair_of_cuts() {
    for (role, len) in [(Role::Server, 126), (Role::Client, 140)] {
        let payload = vec![b'x'; len];
        Exchange::new(
            role,
            &Config::default(),
            &[
                (0x01, "水".as_bytes()),
                (0x8A, &[7; 60]),
                (0x80, &payload),
                (0x89, b"end"),
            ],
            b"",
        )
        .check_pairs();
    }
}

/// One fault of each kind, with valid frames before it.
fn faults(role: Role) -> Vec<(ProtocolError, Exchange)> {
    let server = role == Role::Server;
    let mask = if server { 0x80 } else { 0 };
    let config = Config::default()
        .max_frame_size(100)
        .max_message_size(150)
        .max_fragments(4);
    let three = Budget {
        burst: 3,
        per_second: 0,
    };
    let strict = config.clone().control_budget(three).tiny_budget(three);
    let wrong_mask = if server {
        [0x81, 0x01, 0x61, 0x61, 0x61]
    } else {
        [0x81, 0x80, 1, 2, 3]
    };
    let wrong_mask = [&wrong_mask[..], &[4]].concat();
    let new = |before: &[(u8, &[u8])], tail: &[u8]| Exchange::new(role, &config, before, tail);
    let good = [(0x81, &b"ok"[..]), (0x01, b"a"), (0x80, b"b")];
    let open = [(0x81, &b"ok"[..]), (0x01, b"a"), (0x89, b"")];
    let many: Vec<(u8, &[u8])> = vec![(0x89, b""), (0x8A, b""), (0x89, b"x"), (0x8A, b"4th")];
    vec![
        (ProtocolError::ReservedBits(2), new(&good, &[0xA1, mask])),
        (ProtocolError::ReservedBits(4), new(&open, &[0xC0, mask])),
        (
            ProtocolError::ReservedOpcode(3),
            new(&good, &[0x83, mask | 127, 0xFF]),
        ),
        (ProtocolError::ReservedOpcode(15), new(&open, &[0x0F])),
        (ProtocolError::FragmentedControl, new(&open, &[0x09, mask])),
        (
            ProtocolError::ControlTooLong,
            new(&open, &[0x8A, mask | 126, 0, 126]),
        ),
        (
            ProtocolError::NonMinimalLength,
            new(&good, &[0x82, mask | 126, 0, 125, 9]),
        ),
        (
            ProtocolError::NonMinimalLength,
            new(&good, &[0x82, mask | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 9]),
        ),
        (
            ProtocolError::LengthOverflow,
            new(&good, &[0x82, mask | 127, 0x80, 0]),
        ),
        (
            if server {
                ProtocolError::UnmaskedFrame
            } else {
                ProtocolError::MaskedFrame
            },
            new(&good, &wrong_mask),
        ),
        (
            ProtocolError::UnexpectedContinuation,
            new(&good, &frames(role, &[(0x80, b"c")])),
        ),
        (
            ProtocolError::InterleavedMessage,
            new(&open, &frames(role, &[(0x82, b"c")])),
        ),
        (
            ProtocolError::InvalidUtf8,
            new(&good, &frames(role, &[(0x81, b"ab\xC0\x80c")])),
        ),
        (
            ProtocolError::InvalidUtf8,
            new(&open, &frames(role, &[(0x00, b"ab\xED\xA0\x80")])),
        ),
        (
            ProtocolError::InvalidUtf8,
            new(&open, &frames(role, &[(0x00, b"\xE6\xB0"), (0x80, b"")])),
        ),
        (
            ProtocolError::InvalidUtf8,
            new(&open, &frames(role, &[(0x00, b"\xE6"), (0x80, b"a")])),
        ),
        (
            ProtocolError::CloseTooShort,
            new(&open, &frames(role, &[(0x88, b"\x03")])),
        ),
        (
            ProtocolError::InvalidCloseCode(1005.into()),
            new(
                &good,
                &frames(role, &[(0x88, &close_payload(1005, b"why"))]),
            ),
        ),
        (
            ProtocolError::InvalidCloseReason,
            new(
                &good,
                &frames(role, &[(0x88, &close_payload(1000, b"\xFF"))]),
            ),
        ),
        (
            ProtocolError::FrameTooLarge,
            new(&good, &announce(role, 0x82, 101)),
        ),
        (
            ProtocolError::MessageTooLarge,
            new(
                &[(0x02, &[7; 60])],
                &[frames(role, &[(0x00, &[7; 10])]), announce(role, 0x80, 81)].concat(),
            ),
        ),
        (
            ProtocolError::TooManyFragments,
            new(
                &[(0x02, b"a"), (0x00, b""), (0x00, b"b"), (0x00, b"")],
                &frames(role, &[(0x80, b"")]),
            ),
        ),
        (
            ProtocolError::TooManyControlFrames,
            Exchange::new(role, &strict, &many, b""),
        ),
        (
            ProtocolError::TooManyTinyFrames,
            Exchange::new(
                role,
                &strict,
                &[(0x02, b"a"), (0x00, b"b"), (0x00, b"c"), (0x00, b"d")],
                b"",
            ),
        ),
    ]
}

#[test]
fn faults_of_every_kind_in_every_pair_of_cuts() {
    for role in ROLES {
        for (error, exchange) in faults(role) {
            let outcome = whole(role, &exchange.config, &exchange.bytes);
            assert_eq!(outcome.errors, [error], "{:x?}", exchange.bytes);
            assert_eq!(outcome.status.unwrap().error, Some(Error::Protocol(error)));
            exchange.check_pairs();
        }
    }
}

#[test]
fn faults_with_more_frames_after_them_in_every_single_cut() {
    for role in ROLES {
        for (_, mut exchange) in faults(role) {
            exchange.bytes.extend(frames(
                role,
                &[(0x81, b"late"), (0x88, b""), (0x89, b"late")],
            ));
            exchange.check_sampled(usize::MAX, 20);
        }
    }
}

#[test]
fn every_single_cut_of_a_few_thousand_bytes() {
    let mut random = Random::new(4);
    let text = random.text(120);
    let (head, tail) = text.as_bytes().split_at(101);
    let binary = random.bytes(300);
    for role in ROLES {
        let exchange = Exchange::new(
            role,
            &Config::default(),
            &[
                (0x81, text.as_bytes()),
                (0x01, head),
                (0x89, &binary[..125]),
                (0x00, b""),
                (0x80, tail),
                (0x82, &binary),
                (0x88, b"\x03\xE8end"),
            ],
            b"late",
        );
        exchange.check_sampled(4_096, 1_000);
    }
}

#[test]
fn long_frames_cut_near_their_starts_and_at_random() {
    let mut random = Random::new(16);
    let binary = random.bytes(66_000);
    let text = random.text(3_000);
    for role in ROLES {
        let exchange = Exchange::new(
            role,
            &Config::default(),
            &[
                (0x02, &binary),
                (0x89, b"?"),
                (0x80, &binary[..127]),
                (0x81, text.as_bytes()),
            ],
            b"",
        );
        exchange.check_sampled(4_096, 200);
    }
}
