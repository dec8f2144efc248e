//! A client and a server engine joined by two byte queues and a made-up clock.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::{collections::HashSet, sync::Arc, time::Duration};

use common::{Random, decode};
use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, Part, Role, State, Timeout,
    proto::{Connection, Error, Instant},
};

/// One end, what it wrote, and what it received.
struct End {
    ws: Connection,
    /// Written and not yet on the wire.
    out: Vec<u8>,
    /// On the wire to the other end.
    wire: Vec<u8>,
    /// All that ever was on it.
    history: Vec<u8>,
    deadline: Option<Instant>,
    received: Vec<Event<'static>>,
}

impl End {
    fn new(role: Role, config: &Config) -> Self {
        Self {
            ws: common::open(role, config),
            out: Vec::new(),
            wire: Vec::new(),
            history: Vec::new(),
            deadline: None,
            received: Vec::new(),
        }
    }

    fn flush(&mut self) {
        self.history.extend_from_slice(&self.out);
        self.wire.append(&mut self.out);
    }

    fn take(&mut self, bytes: &mut [u8]) {
        let mut input = bytes;
        while let Some(event) = self.ws.receive(&mut input, &mut self.out).unwrap() {
            self.received.push(event.into_owned());
        }
    }

    fn messages(&self) -> Vec<&Message<'static>> {
        let mut messages = Vec::new();
        for event in &self.received {
            if let Event::Message(message) = event {
                messages.push(message);
            }
        }
        messages
    }
}

struct Pair {
    client: End,
    server: End,
    now: Instant,
    random: Random,
    /// Whether the wire still carries anything.
    connected: bool,
}

impl Pair {
    fn new(config: &Config, seed: u64) -> Self {
        let mut pair = Self {
            client: End::new(Role::Client, config),
            server: End::new(Role::Server, config),
            now: Instant::ZERO,
            random: Random::new(seed),
            connected: true,
        };
        pair.tell();
        pair
    }

    fn tell(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            end.deadline = end.ws.handle_timeout(self.now, &mut end.out);
        }
    }

    /// Carries some bytes each way, cut at random; whether there were any.
    fn carry_some(&mut self) -> bool {
        let mut carried = false;
        let (client, server) = (&mut self.client, &mut self.server);
        for from_client in [true, false] {
            let (from, to) = if from_client {
                (&mut *client, &mut *server)
            } else {
                (&mut *server, &mut *client)
            };
            from.flush();
            if !self.connected {
                from.wire.clear();
            }
            let most = *self.random.pick(&[1, 3, 20, 1_000, 100_000]);
            let len = self.random.within(0..most + 1).min(from.wire.len());
            carried |= !from.wire.is_empty();
            let mut bytes: Vec<u8> = from.wire.drain(..len).collect();
            to.take(&mut bytes);
        }
        // The server ends the transport first (§7.1.1).
        if self.server.ws.is_finished() && self.server.wire.is_empty() && self.server.out.is_empty()
        {
            self.client.ws.receive_eof();
        }
        carried
    }

    /// Carries everything there is.
    fn carry(&mut self) {
        while self.carry_some() {}
        self.tell();
        while self.carry_some() {}
    }

    /// Lets the time go to the next deadline.
    fn wait(&mut self) {
        if let Some(next) = self
            .client
            .deadline
            .into_iter()
            .chain(self.server.deadline)
            .min()
        {
            self.now = self.now.max(next);
        }
        self.tell();
        while self.carry_some() {}
        self.tell();
    }

    fn ends(&mut self) -> [&mut End; 2] {
        [&mut self.client, &mut self.server]
    }

    /// Both ended, once, in this way.
    fn expect_clean(&mut self, client: u16, server: u16) {
        for (end, code) in [(&self.client, client), (&self.server, server)] {
            let status = end.ws.close_status().expect("an end");
            assert!(status.clean, "{status:?}");
            assert_eq!((status.code().get(), status.error), (code, None));
            assert_eq!(end.ws.state(), State::Closed);
        }
    }
}

fn sample(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

#[test]
fn messages_of_all_sizes_go_both_ways() {
    let mut pair = Pair::new(&Config::default(), 1);
    let sizes = [
        0,
        1,
        2,
        124,
        125,
        126,
        127,
        128,
        65_534,
        65_535,
        65_536,
        65_537,
        1 << 20,
    ];
    let sent: Vec<Message<'static>> = sizes
        .into_iter()
        .flat_map(|len| [Message::from(sample(len)), Message::from("x".repeat(len))])
        .collect();
    for message in &sent {
        for end in pair.ends() {
            end.ws.send(message, &mut end.out).unwrap();
        }
        pair.carry();
    }
    assert!(pair.client.messages().into_iter().eq(&sent));
    assert!(pair.server.messages().into_iter().eq(&sent));
}

#[test]
fn clause_072_076_fragments_and_pings_mix() {
    let mut pair = Pair::new(&Config::default(), 2);
    for i in 0..50_u8 {
        for end in pair.ends() {
            let part = Part {
                data: Message::from(vec![i; 100]),
                last: i % 10 == 9,
            };
            end.ws.send_part(&part, &mut end.out).unwrap();
            end.ws.ping(&[i], &mut end.out).unwrap();
        }
        if i % 7 == 0 {
            pair.carry();
        }
    }
    pair.carry();
    for end in pair.ends() {
        assert!(end.messages().iter().all(|message| message.len() == 1_000));
        assert_eq!(end.messages().len(), 5);
        let pings: Vec<_> = (0..50).map(|i| Event::Ping(vec![i].into())).collect();
        let pongs: Vec<_> = (0..50).map(|i| Event::Pong(vec![i].into())).collect();
        assert!(
            end.received
                .iter()
                .filter(|event| matches!(event, Event::Ping(_)))
                .eq(&pings)
        );
        assert!(
            end.received
                .iter()
                .filter(|event| matches!(event, Event::Pong(_)))
                .eq(&pongs)
        );
    }
}

#[test]
fn clause_086_087_a_close_from_either_side_ends_both_cleanly() {
    let bye = CloseFrame::new(CloseCode::new(3000), "bye");
    for from_client in [true, false] {
        let mut pair = Pair::new(&Config::default(), 3);
        let [client, server] = pair.ends();
        let (first, second) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        first.ws.send("before", &mut first.out).unwrap();
        first.ws.close(Some(&bye), &mut first.out).unwrap();
        second.ws.send("crossing", &mut second.out).unwrap();
        pair.carry();
        pair.expect_clean(3000, 3000);
        let [client, server] = pair.ends();
        let (first, second) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        assert_eq!(first.messages(), [&Message::from("crossing")]);
        assert_eq!(second.messages(), [&Message::from("before")]);
        assert_eq!(second.ws.close_status().unwrap().reason(), "bye");
        assert_eq!(
            first.ws.close_status().unwrap().reason(),
            "",
            "only the code is echoed"
        );
    }
}

#[test]
fn clause_088_hostile_107_both_close_at_once() {
    for seed in 0..50 {
        let mut pair = Pair::new(&Config::default(), seed);
        for (end, code) in pair.ends().into_iter().zip([4_001, 4_002]) {
            end.ws.send("last", &mut end.out).unwrap();
            end.ws
                .close(
                    Some(&CloseFrame::new(CloseCode::new(code), "")),
                    &mut end.out,
                )
                .unwrap();
        }
        pair.carry();
        pair.expect_clean(4_002, 4_001);
        for end in pair.ends() {
            let closes = decode(&end.history)
                .into_iter()
                .filter(|frame| frame.first == 0x88);
            assert_eq!(closes.count(), 1);
            assert_eq!(end.messages(), [&Message::from("last")]);
        }
    }
}

#[test]
fn hostile_108_121_a_dead_wire_ends_both() {
    for closing in [false, true] {
        let mut pair = Pair::new(&Config::default(), 4);
        pair.client
            .ws
            .send("last words", &mut pair.client.out)
            .unwrap();
        pair.carry();
        pair.connected = false;
        if closing {
            for end in pair.ends() {
                end.ws.close(None, &mut end.out).unwrap();
            }
            pair.tell();
        }
        let start = pair.now;
        for _ in 0..20 {
            pair.wait();
        }
        let elapsed = pair.now.saturating_since(start);
        assert!(elapsed <= Duration::from_secs(51), "{elapsed:?}");
        let timeout = if closing {
            Timeout::Close
        } else {
            Timeout::Pong
        };
        for end in pair.ends() {
            let status = end.ws.close_status().expect("an end");
            assert_eq!((status.clean, status.code().get()), (false, 1006));
            assert_eq!(status.error, Some(Error::Timeout(timeout)));
        }
    }
}

#[test]
fn hostile_121_a_quiet_wire_is_kept_alive_for_hours() {
    let mut pair = Pair::new(&Config::default(), 5);
    for _ in 0..1_000 {
        pair.wait();
    }
    assert!(pair.now > common::at(10_000));
    for end in pair.ends() {
        assert_eq!(end.ws.state(), State::Open);
        assert!(end.messages().is_empty());
    }
}

#[test]
fn clause_058_060_hostile_149_155_on_the_wire_only_the_client_masks() {
    let mut pair = Pair::new(&Config::default(), 6);
    for i in 0..200 {
        let text = format!("GET /{i} HTTP/1.1");
        for end in pair.ends() {
            end.ws.send(text.as_str(), &mut end.out).unwrap();
            end.ws.ping(b"HTTP/1.1", &mut end.out).unwrap();
        }
    }
    pair.carry();
    pair.client.ws.close(None, &mut pair.client.out).unwrap();
    pair.carry();
    assert_eq!(pair.client.messages().len(), 200);
    let sent = decode(&pair.client.history);
    let keys: HashSet<_> = sent
        .iter()
        .map(|frame| frame.key.expect("masked"))
        .collect();
    assert_eq!((sent.len(), keys.len()), (601, 601), "a key for each frame");
    for word in [&b"GET /"[..], b"HTTP/1.1"] {
        assert!(
            !pair
                .client
                .history
                .windows(word.len())
                .any(|window| window == word)
        );
    }
    assert!(
        decode(&pair.server.history)
            .iter()
            .all(|frame| frame.key.is_none())
    );
}

/// What one end did, in the order the other must see it.
fn act(
    end: &mut End,
    random: &mut Random,
    expected: &mut Vec<Message<'static>>,
    open: &mut Option<Message<'static>>,
) {
    let message: Message<'static> = if random.once_in(2) {
        let chars = random.within(0..300);
        random.text(chars).into()
    } else {
        let len = if random.once_in(50) { 70_000 } else { 2_000 };
        let len = random.within(0..len);
        random.bytes(len).into()
    };
    match (random.within(0..5), open.take()) {
        (0, pending) => {
            end.ws
                .ping(&message.as_bytes()[..message.len().min(125)], &mut end.out)
                .unwrap();
            *open = pending;
        }
        (1, None) => {
            end.ws
                .send_part(
                    &Part {
                        data: message.clone(),
                        last: false,
                    },
                    &mut end.out,
                )
                .unwrap();
            *open = Some(message);
        }
        (_, None) => {
            end.ws.send(&message, &mut end.out).unwrap();
            expected.push(message);
        }
        (kind, Some(begun)) => {
            let last = kind > 2;
            let joined: Message<'static> = match (begun, &message) {
                (Message::Text(a), Message::Text(b)) => (a.into_owned() + b).into(),
                (Message::Binary(a), b) => [&a, b.as_bytes()].concat().into(),
                (Message::Text(a), Message::Binary(_)) => a.into_owned().into(),
            };
            let data = match (&joined, message) {
                (Message::Text(_), Message::Binary(_)) => Message::from(""),
                (Message::Binary(_), message) => Message::from(message.into_bytes()),
                (_, message) => message,
            };
            end.ws
                .send_part(&Part { data, last }, &mut end.out)
                .unwrap();
            if last {
                expected.push(joined);
            } else {
                *open = Some(joined);
            }
        }
    }
}

#[test]
fn random_conversations_with_random_cuts_arrive_as_they_were_held() {
    let config = Arc::new(Config::default());
    for seed in 0..400 {
        let mut pair = Pair::new(&config, seed);
        let mut random = Random::new(seed ^ 0xC0FFEE);
        let mut expected = [Vec::new(), Vec::new()];
        let mut begun = [None, None];
        for _ in 0..random.within(5..60) {
            let who = random.within(0..2);
            let [client, server] = pair.ends();
            let end = if who == 0 { client } else { server };
            act(end, &mut random, &mut expected[who], &mut begun[who]);
            if random.once_in(3) {
                pair.carry_some();
            }
            if random.once_in(10) {
                pair.now = pair.now + Duration::from_secs(1);
                pair.tell();
            }
        }
        let closer = random.within(0..2);
        let [client, server] = pair.ends();
        let end = if closer == 0 { client } else { server };
        end.ws
            .close(
                Some(&CloseFrame::new(CloseCode::GOING_AWAY, "enough")),
                &mut end.out,
            )
            .unwrap();
        pair.carry();
        pair.expect_clean(1001, 1001);
        assert!(
            pair.server.messages().into_iter().eq(&expected[0]),
            "seed {seed}"
        );
        assert!(
            pair.client.messages().into_iter().eq(&expected[1]),
            "seed {seed}"
        );
        let keys: HashSet<_> = decode(&pair.client.history)
            .into_iter()
            .map(|it| it.key)
            .collect();
        assert!(!keys.contains(&None), "masked, every one");
    }
}
