//! Long conversations of two endpoints that do whatever they may, over a transport that cuts their
//! bytes anywhere, holds them up and breaks, by a clock that is made up. Every seed is one of them,
//! the same in each run.
//!
//! Both keep to the protocol, so neither may find the other at fault, but for a limit that was set
//! too low; what arrives is what was sent, in order, up to where it ended; there is one end, and
//! nothing behind it; nobody asks to be called again at once.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

mod common;
#[path = "conversations/side.rs"]
mod side;

use std::{sync::Arc, time::Duration};

use common::{ROLES, Random};
use sansock::{
    CloseCode, CloseFrame, Config, Message, ProtocolError, State,
    proto::{Budget, Error, Instant},
};
use side::{Mood, Side};

fn config(random: &mut Random, mood: Mood) -> Config {
    let mut config = Config::default()
        .streaming(random.once_in(2))
        .fragment_size(*random.pick(&[700, 5_000, 64 << 10, usize::MAX]))
        .high_water_mark(*random.pick(&[1, 100, 5_000, 100_000, 256 << 10]));
    #[cfg(feature = "deflate")]
    if random.once_in(2) {
        let bits = |random: &mut Random| random.within(9..16) as u8;
        let deflate = sansock::DeflateConfig::new()
            .level(*random.pick(&[1, 5, 9]))
            .mem_level(*random.pick(&[1, 7, 9]))
            .threshold(*random.pick(&[0, 100, 1_000]))
            .server_no_context_takeover(random.once_in(2))
            .client_no_context_takeover(random.once_in(2))
            .server_max_window_bits(bits(random))
            .client_max_window_bits(bits(random))
            .fallback_offer(random.once_in(2))
            .release_after(random.once_in(2).then_some(Duration::from_millis(300)))
            .pool_size(random.within(0..3));
        config = config.deflate(Some(deflate));
    }
    let endless = Budget {
        burst: u32::MAX,
        per_second: 0,
    };
    config = config.control_budget(endless).tiny_budget(endless);
    if mood == Mood::Calm {
        let never = config.ping_interval(None).message_timeout(None);
        let never = never.close_timeout(None).write_timeout(None);
        return never
            .handshake_timeout(None)
            .max_fragments(u32::MAX)
            .max_message_size(1 << 30)
            .max_frame_size(1 << 30);
    }
    let mut seconds = |most| {
        let some = !random.once_in(3);
        some.then(|| Duration::from_millis(random.within(1..most) as u64))
    };
    config = config
        .ping_interval(seconds(20_000))
        .pong_timeout(seconds(20_000))
        .idle_timeout(seconds(60_000))
        .message_timeout(seconds(30_000))
        .close_timeout(seconds(5_000))
        .write_timeout(seconds(30_000))
        .handshake_timeout(seconds(10_000));
    let budget = |random: &mut Random| Budget {
        burst: *random.pick(&[20, 500, u32::MAX, u32::MAX]),
        per_second: *random.pick(&[0, 10, 1_000]),
    };
    config
        .max_message_size(*random.pick(&[400, 10_000, 200_000, 16 << 20, 16 << 20]))
        .max_frame_size(*random.pick(&[10_000, 200_000, u64::MAX, u64::MAX]))
        .max_fragments(*random.pick(&[5, 200, 131_072, 131_072]))
        .control_budget(budget(random))
        .tiny_budget(budget(random))
        .min_message_rate(*random.pick(&[0, 1_024, u32::MAX]))
}

/// Two ends and what is between them.
struct Conversation {
    sides: [Side; 2],
    random: Random,
    now: Instant,
    mood: Mood,
    /// Whether bytes were lost.
    broken: bool,
}

impl Conversation {
    fn new(seed: u64, mood: Mood) -> Self {
        let mut random = Random::new(seed);
        let sides = ROLES.map(|role| Side::new(role, &Arc::new(config(&mut random, mood)), seed));
        Self {
            sides,
            random,
            now: Instant::ZERO,
            mood,
            broken: false,
        }
    }

    fn step(&mut self) {
        let Self { sides, random, .. } = self;
        let [one, other] = sides;
        let (one, other) = if random.once_in(2) {
            (one, other)
        } else {
            (other, one)
        };
        let most = *random.pick(&[1, 2, 14, 100, 3_000, 100_000]);
        match random.within(0..20) {
            0..=6 => one.act(random, self.mood),
            7..=11 => {
                one.write(most, other);
            }
            12..=16 => {
                one.receive(most);
            }
            17 => one.tell(self.now),
            18 => {
                let millis = *random.pick(&[0, 1, 30, 700]);
                self.now = self.now + Duration::from_millis(millis);
                one.tell(self.now);
            }
            _ if self.mood == Mood::Wild && random.once_in(40) => {
                // To the next deadline of this end, however far that is.
                self.now = self.now.max(one.deadline.unwrap_or(self.now));
                one.tell(self.now);
            }
            _ if self.mood == Mood::Wild && random.once_in(300) => self.break_transport(),
            _ => one.held_up = random.once_in(4),
        }
    }

    /// The transport breaks: of what is on its way each end gets some, and the end.
    fn break_transport(&mut self) {
        self.broken = true;
        for side in &mut self.sides {
            let kept = self.random.within(0..side.wire.len() + 1);
            side.wire.truncate(kept);
            side.ends = true;
        }
    }

    /// Carries everything, and time, until both have ended.
    fn finish(&mut self) {
        for side in &mut self.sides {
            side.held_up = false;
        }
        for _ in 0..100_000 {
            let mut moved = false;
            for turn in 0..2 {
                let [one, other] = &mut self.sides;
                let (one, other) = if turn == 0 {
                    (one, other)
                } else {
                    (other, one)
                };
                if one.undecided {
                    one.accept();
                    moved = true;
                }
                moved |= one.write(usize::MAX, other);
                moved |= other.receive(usize::MAX);
                one.tell(self.now);
            }
            if moved {
                continue;
            }
            if self.sides.iter().all(|side| side.terminal.is_some()) {
                return;
            }
            let chosen = self.random.within(0..2);
            let side = &mut self.sides[chosen];
            if side.endpoint.state() == State::Open {
                let _ = side
                    .endpoint
                    .close(Some(&CloseFrame::new(CloseCode::NORMAL, "")));
                continue;
            }
            let next = self.sides.iter().filter_map(|side| side.deadline).min();
            self.now = self.now.max(next.unwrap_or(self.now));
            let stuck = next.is_none()
                && self
                    .sides
                    .iter()
                    .all(|it| it.endpoint.state() != State::Open);
            assert!(!stuck, "nobody waits for anything, and it is not over");
        }
        panic!("it does not end");
    }

    fn check(&mut self) {
        for turn in 0..2 {
            let [one, other] = &mut self.sides;
            let (one, other) = if turn == 0 {
                (one, other)
            } else {
                (other, one)
            };
            let status = one.terminal.clone().expect("an end");
            let (sent, received) = (&one.sent, &other.received);
            assert!(received.len() <= sent.len());
            for (index, (sent, received)) in sent.iter().zip(received).enumerate() {
                assert!(
                    sent == received,
                    "message {index}: {sent:?} as {received:?}"
                );
            }
            assert!(other.pings_heard <= one.pings_sent);
            match status.error {
                None | Some(Error::Timeout(_) | Error::Eof) => {}
                Some(Error::Protocol(error)) => assert!(
                    matches!(
                        error,
                        ProtocolError::FrameTooLarge
                            | ProtocolError::MessageTooLarge
                            | ProtocolError::TooManyFragments
                            | ProtocolError::TooManyControlFrames
                            | ProtocolError::TooManyTinyFrames
                    ),
                    "a {:?} finds an honest end at fault: {error:?}",
                    one.role
                ),
                // The transport broke, or time was up, before it was open.
                Some(Error::Handshake(_)) => assert!(one.opened == 0 && self.mood == Mood::Wild),
                Some(error) => panic!("{error:?}"),
            }
            if self.mood == Mood::Calm {
                assert!(status.clean, "{:?}: {status:?}", one.role);
                assert_eq!(sent.len(), received.len(), "all arrives");
                assert_eq!(other.pings_heard, one.pings_sent);
                assert_eq!(one.pong_heard, one.pong_heard.min(one.pings_sent));
            } else if status.clean && !self.broken && other.terminal.as_ref().unwrap().clean {
                assert_eq!(
                    sent.len(),
                    received.len(),
                    "both were clean, and all arrives"
                );
            }
            one.check_ended();
        }
    }
}

/// What came of many conversations.
#[derive(Debug, Default)]
struct Tally {
    messages: usize,
    bytes: usize,
    pings: u64,
    clean: usize,
    failed: usize,
    timed_out: usize,
    cut: usize,
}

fn converse(seeds: std::ops::Range<u64>, mood: Mood, steps: usize) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        // The seed is printed with whatever fails.
        println!("seed {seed}");
        let mut conversation = Conversation::new(seed, mood);
        for _ in 0..steps {
            conversation.step();
            if conversation
                .sides
                .iter()
                .all(|side| side.terminal.is_some())
            {
                break;
            }
        }
        conversation.finish();
        conversation.check();
        for side in &conversation.sides {
            tally.messages += side.received.len();
            tally.bytes += side.received.iter().map(Message::len).sum::<usize>();
            tally.pings += side.pings_heard;
            match side.terminal.as_ref().unwrap().error {
                None => tally.clean += 1,
                Some(Error::Protocol(_)) => tally.failed += 1,
                Some(Error::Timeout(_)) => tally.timed_out += 1,
                _ => tally.cut += 1,
            }
        }
    }
    tally
}

#[test]
fn a_calm_conversation_arrives_whole_and_ends_cleanly() {
    let tally = converse(0..24, Mood::Calm, 4_000);
    assert_eq!(
        (tally.clean, tally.failed + tally.timed_out + tally.cut),
        (48, 0)
    );
    assert!(tally.messages > 4_000 && tally.bytes > 1 << 20, "{tally:?}");
    assert!(tally.pings > 2_000, "{tally:?}");
}

#[test]
fn a_wild_conversation_is_true_up_to_its_end() {
    let tally = converse(1_000..1_400, Mood::Wild, 3_000);
    assert!(tally.messages > 4_000 && tally.pings > 1_000, "{tally:?}");
    // Every way to end is among them.
    for many in [tally.clean, tally.failed, tally.timed_out, tally.cut] {
        assert!(many > 20, "{tally:?}");
    }
}
