//! Deadlines are all there is to know: an endpoint that is told the time at every moment does what
//! one does that is told it only at the deadlines it named (RFC 6455 §5.5.2, §7.1.1).
#![allow(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{ROLES, Random, SEED, frame, ms};
use sansock::{
    Config, Part, Role,
    endpoint::Endpoint,
    proto::{Connection, Instant},
};

/// Timeouts of a few milliseconds, and some that are none, or nothing at all.
fn config(random: &mut Random) -> Config {
    let mut time = || match random.within(0..6) {
        0 => None,
        1 => Some(Duration::ZERO),
        2 => Some(Duration::MAX),
        _ => Some(Duration::from_millis(random.next() % 40)),
    };
    Config::default()
        .ping_interval(time())
        .pong_timeout(time())
        .idle_timeout(time())
        .message_timeout(time())
        .close_timeout(time())
        .write_timeout(time())
        .min_message_rate(*random.pick(&[0, 1, 1_000, u32::MAX]))
        .high_water_mark(*random.pick(&[1, 50, 1_000, 100_000]))
        .fragment_size(*random.pick(&[10, 1_000, 1 << 20]))
        .streaming(random.once_in(3))
}

/// What peer, program and transport do at a time.
#[derive(Debug)]
enum Act {
    Receive(Vec<u8>),
    Send(usize),
    SendPart(usize, bool),
    Close,
    /// The transport takes so many bytes.
    Write(usize),
    End,
}

fn acts(role: Role, random: &mut Random) -> Vec<(u64, Act)> {
    let mut now = 0;
    let many = random.within(1..14);
    let mut act = || {
        now += random.next() % 30;
        let len = *random.pick(&[0, 60, 5_000, 70_000]);
        let act = match random.within(0..14) {
            0 => Act::Receive(frame(role, 0x89, b"ping")),
            1 => Act::Receive(frame(role, 0x8A, b"")),
            2 => Act::Receive(frame(role, 0x81, b"text")),
            3 => Act::Receive(frame(role, 0x01, b"te")),
            4 | 5 => {
                let first = *random.pick(&[0x80, 0x82]);
                let mut cut = frame(role, first, &[7; 200]);
                cut.truncate(random.within(1..cut.len() + 1));
                Act::Receive(cut)
            }
            6 if random.once_in(3) => Act::Receive(frame(role, 0x88, b"")),
            7 if random.once_in(3) => Act::Close,
            8 if random.once_in(6) => Act::End,
            9 => Act::SendPart(len, random.once_in(2)),
            10 | 11 => Act::Send(len),
            _ => Act::Write(*random.pick(&[1, 10, 1_000, 100_000])),
        };
        (now, act)
    };
    (0..many).map(|_| act()).collect()
}

struct Run {
    endpoint: Endpoint,
    deadline: Option<Instant>,
    /// All that happened, and when.
    log: Vec<(u64, String)>,
}

impl Run {
    fn new(role: Role, config: &Arc<Config>) -> Self {
        let connection = match role {
            Role::Client => Connection::client(config, SEED),
            Role::Server => Connection::server(config),
        };
        let mut run = Self {
            endpoint: Endpoint::from_connection(connection),
            deadline: None,
            log: Vec::new(),
        };
        run.tell(0);
        run
    }

    fn tell(&mut self, now: u64) {
        // What begins to leave is told with what came before.
        self.endpoint.outbox();
        self.deadline = self.endpoint.handle_timeout(ms(now));
        self.receive(now, &mut []);
        let state = self.endpoint.state();
        let said = format!("{state:?}, {} to write", self.endpoint.outbox().len());
        if self.log.last().is_none_or(|(_, last)| *last != said) {
            self.log.push((now, said));
        }
    }

    fn receive(&mut self, now: u64, mut input: &mut [u8]) {
        while let Some(event) = self.endpoint.receive(&mut input) {
            self.log.push((now, format!("{event:?}")));
        }
    }

    fn act(&mut self, now: u64, act: &Act) {
        match act {
            Act::Receive(bytes) => self.receive(now, &mut bytes.clone()),
            // What is refused is refused to both.
            Act::Send(len) => drop(self.endpoint.send(vec![7; *len])),
            Act::SendPart(len, last) => {
                let data = vec![7; *len].into();
                let _ = self.endpoint.send_part(Part { data, last: *last });
            }
            Act::Close => drop(self.endpoint.close(None)),
            Act::Write(most) => {
                let mut left = *most;
                while self.endpoint.wants_write() && left > 0 {
                    let outbox = self.endpoint.outbox();
                    let waiting: usize = outbox.chunks().map(<[u8]>::len).sum();
                    assert!(waiting > 0, "wants to write, and has nothing");
                    let written = waiting.min(left);
                    outbox.consume(written);
                    left -= written;
                }
            }
            Act::End => self.endpoint.receive_eof(),
        }
    }

    /// Lives through `acts` and some time after them.
    fn live(mut self, acts: &[(u64, Act)], at_every_moment: bool) -> Vec<(u64, String)> {
        let mut acts = acts.iter().peekable();
        let end = acts.clone().last().unwrap().0 + 150;
        for now in 0..=end {
            while let Some((_, act)) = acts.next_if(|(at, _)| *at == now) {
                self.act(now, act);
                self.tell(now);
            }
            for calls in 0.. {
                assert!(calls < 4, "no end of deadlines: {:#?}", self.log);
                if self.deadline.is_none_or(|deadline| deadline > ms(now)) {
                    break;
                }
                self.tell(now);
            }
            if at_every_moment {
                self.tell(now);
            }
        }
        self.log
    }
}

#[test]
fn hostile_125_told_at_every_moment_or_only_at_its_deadlines_is_the_same() {
    let mut random = Random::new(125);
    for _ in 0..10_000 {
        let role = *random.pick(&ROLES);
        let config = Arc::new(config(&mut random));
        let acts = acts(role, &mut random);
        let often = Run::new(role, &config).live(&acts, true);
        let seldom = Run::new(role, &config).live(&acts, false);
        assert!(
            often == seldom,
            "{acts:?}\n{often:#?}\n{seldom:#?}\n{config:?}"
        );
    }
}
