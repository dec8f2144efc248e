//! A client and a server joined by two byte queues and a made-up clock, driven by a script.
//!
//! What one end sent arrives whole and in order; each end says exactly one last thing, last; the
//! amount buffered is what was sent less what was written; no byte breaks a rule; both agree on
//! how it ended.

mod end;
mod step;

use std::{sync::Arc, time::Duration};

use sansock::{
    Config, Endpoint, Role, State,
    proto::{Budget, Instant, handshake::ClientRequest},
};

use self::{
    end::End,
    step::{Op, Step},
};
use crate::{SEED, payload, random};

pub use self::step::Script;

/// Does what the script says, to the end.
///
/// # Panics
///
/// On a finding.
pub fn run(script: &Script) {
    let mut pair = Pair::new(script);
    for step in &script.steps {
        pair.act(*step);
    }
    pair.finish();
}

struct Pair {
    client: End,
    server: End,
    now: Instant,
    direct: bool,
    tag: u8,
}

impl Pair {
    fn new(script: &Script) -> Self {
        let flags = script.flags;
        let mut config = Config::default().streaming(flags & 1 != 0);
        let mut fragment = 64 << 10;
        if flags & 2 != 0 {
            config = config.high_water_mark(usize::from(script.mark) * 8);
        }
        if flags & 4 != 0 {
            // No fragment counts as tiny, but what it becomes compressed may.
            fragment = 64 + usize::from(script.fragment) * 300;
            config = config.fragment_size(fragment);
            if script.deflate.is_some() {
                let budget = Budget {
                    burst: u32::MAX,
                    per_second: 0,
                };
                config = config.tiny_budget(budget);
            }
        }
        if flags & 8 != 0 {
            config = config.idle_timeout(Some(Duration::from_secs(100)));
        }
        let [for_client, for_server] = match script.deflate {
            Some(choices) => choices.map(|choice| config.clone().deflate(choice.config())),
            None => [config.clone().deflate(None), config.deflate(None)],
        };
        let compresses = script
            .deflate
            .is_some_and(|them| them.iter().all(|it| it.is_on));
        let request = ClientRequest::new("example.com", "/").expect("valid");
        let mut client = End::new(
            Role::Client,
            Endpoint::client(&request, &Arc::new(for_client), SEED),
        );
        let mut server = End::new(Role::Server, Endpoint::server(&Arc::new(for_server)));
        for end in [&mut client, &mut server] {
            end.may_queue = flags & 2 != 0;
            end.small = end.small.min(fragment);
            end.frames.compressed = compresses;
        }
        let mut pair = Self {
            client,
            server,
            now: Instant::ZERO,
            direct: flags & 16 != 0,
            tag: 0,
        };
        pair.tell();
        if flags & 32 == 0 {
            pair.carry();
            pair.server.decide(true);
            pair.carry();
            assert!(pair.client.opened && pair.server.opened);
        }
        pair
    }

    fn act(&mut self, step: Step) {
        let Step { client, noise, op } = step;
        self.tag = self.tag.wrapping_add(1);
        let tag = self.tag;
        let data = |text: bool, len| {
            if noise && !text {
                random(len, tag)
            } else {
                payload(text, len, tag)
            }
        };
        let (end, peer) = if client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        };
        match op {
            Op::Send { way, text, len } => end.send(way, data(text, len)),
            Op::Part {
                unlimited,
                text,
                last,
                len,
            } => end.send_part(unlimited, data(text, len), last),
            Op::Ping { len } => end.ping(len, self.tag),
            Op::Pong { len } => {
                let pong = end.endpoint.pong(payload(false, len, self.tag).as_bytes());
                end.check_control(pong, len);
            }
            Op::Close { code, len } => end.close(code, len),
            Op::Eof => end.receive_eof(),
            Op::Advance { millis } => {
                self.now = self.now + Duration::from_millis(millis);
                self.tell();
            }
            Op::Wait => {
                self.now = self.now.max(end.deadline.unwrap_or(self.now));
                self.tell();
            }
            Op::Write { n } => {
                end.write(n);
            }
            Op::Deliver { n } => {
                end.deliver(peer, n, self.direct);
            }
            Op::Decide { accept } => end.decide(accept),
            Op::Settle => self.carry(),
        }
        self.client.check();
        self.server.check();
    }

    fn tell(&mut self) {
        self.client.tell(self.now);
        self.server.tell(self.now);
    }

    /// Carries all there is; an end that has finished ends the transport.
    fn carry(&mut self) {
        let (client, server) = (&mut self.client, &mut self.server);
        loop {
            let mut moved = client.write(usize::MAX) | server.write(usize::MAX);
            moved |= client.deliver(server, usize::MAX, self.direct);
            moved |= server.deliver(client, usize::MAX, self.direct);
            moved |= client.receive_end_of(server);
            moved |= server.receive_end_of(client);
            if !moved {
                return;
            }
        }
    }

    /// Goes on to the end, which must come.
    fn finish(mut self) {
        self.carry();
        self.server.decide(true);
        self.carry();
        let _ = self.client.endpoint.close(None);
        for _ in 0..20 {
            self.carry();
            self.tell();
            self.carry();
            if self.client.said_all && self.server.said_all {
                break;
            }
            let deadline = self.client.deadline.into_iter().chain(self.server.deadline);
            let Some(deadline) = deadline.min() else {
                panic!("nothing to wait for, and not over");
            };
            self.now = self.now.max(deadline);
            self.tell();
        }
        let Self { client, server, .. } = &mut self;
        for end in [&mut *client, &mut *server] {
            assert!(end.said_all, "no end");
            assert!(end.endpoint.is_finished() && !end.endpoint.wants_read());
            assert!(!end.endpoint.wants_write() && end.frames.is_whole());
            assert_eq!(end.endpoint.buffered_amount(), 0);
            assert_eq!(end.endpoint.state(), State::Closed);
        }
        agree(client, server);
        agree(server, client);
    }
}

/// What `to` got of `from`.
fn agree(from: &End, to: &End) {
    assert!(from.sent.starts_with(&to.received), "not what was sent");
    assert!(from.sent_pings.starts_with(&to.received_pings));
    if to.got_close && !from.may_lack {
        assert_eq!(from.sent.len(), to.received.len(), "a message is lost");
    }
    from.read_frames();
    let (Some(sent), Some(received)) = (from.endpoint.close_status(), to.endpoint.close_status())
    else {
        return;
    };
    assert!(!received.clean || received.error.is_none());
    assert_eq!(received.received.is_some(), to.got_close);
    if to.got_close {
        assert_eq!(sent.sent, Some(received.code()));
        let reason = from.close.as_ref().map_or("", |frame| &frame.reason);
        assert!(received.reason().is_empty() || received.reason() == reason);
    }
    if received.clean {
        assert!(to.got_close && received.sent.is_some());
    }
}
