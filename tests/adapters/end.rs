//! An endpoint with what it said, and the way to it.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::{collections::VecDeque, sync::Arc};

use sansock::{
    CloseStatus, Config, Event, Role, SendError, State,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        Connection, Instant,
        handshake::{Accept, AcceptError, ClientRequest},
    },
};

use super::wire::{TEXT, at, frame, noise};

/// An endpoint, what it said, and the way to it.
pub(crate) struct End {
    pub(crate) endpoint: Endpoint,
    /// On the wire to this end.
    pub(crate) wire: VecDeque<u8>,
    pub(crate) said: Vec<String>,
    pub(crate) terminal: Option<Result<CloseStatus, u16>>,
}

impl End {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            wire: VecDeque::new(),
            said: Vec::new(),
            terminal: None,
        }
    }

    pub(crate) fn client() -> Self {
        let request = ClientRequest::new("server.example.com", "/chat").unwrap();
        Self::new(Endpoint::client(&request, &Arc::default(), [7; 32]))
    }

    pub(crate) fn server() -> Self {
        Self::new(Endpoint::server(&Arc::default()))
    }

    pub(crate) fn open(role: Role, config: &Config) -> Self {
        let config = Arc::new(config.clone());
        Self::new(Endpoint::from_connection(match role {
            Role::Client => Connection::client(&config, [7; 32]),
            Role::Server => Connection::server(&config),
        }))
    }

    /// Receives `bytes`, accepting a request at once; returns what must wait.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.endpoint.receive(&mut input) {
            assert!(self.terminal.is_none(), "after the end: {event:?}");
            self.said.push(match event {
                EndpointEvent::Request(request) => {
                    self.endpoint.accept(&Accept::new()).unwrap();
                    format!("request {}", request.target())
                }
                EndpointEvent::Open(response) => format!("open {}", response.is_some()),
                EndpointEvent::Event(Event::Message(message)) => format!("{message:?}"),
                EndpointEvent::Event(event) => format!("{event:?}"),
                EndpointEvent::Refused(refusal) => {
                    self.terminal = Some(Err(refusal.status()));
                    format!("refused {}", refusal.body().escape_ascii())
                }
                EndpointEvent::Closed(status) => {
                    assert_eq!(self.endpoint.close_status(), Some(&status));
                    self.terminal = Some(Ok(status));
                    "closed".into()
                }
            });
        }
        input.to_vec()
    }

    pub(crate) fn eof(&mut self) {
        self.endpoint.receive_eof();
        self.receive(b"");
    }

    pub(crate) fn tell(&mut self, now: Instant) -> Option<Instant> {
        let deadline = self.endpoint.handle_timeout(now);
        self.receive(b"");
        deadline
    }

    pub(crate) fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        loop {
            let outbox = self.endpoint.outbox();
            let before = written.len();
            outbox.chunks().for_each(|chunk| written.extend(chunk));
            let len = written.len() - before;
            outbox.consume(len);
            if len == 0 {
                return written;
            }
        }
    }

    pub(crate) fn status(&self) -> &CloseStatus {
        match &self.terminal {
            Some(Ok(status)) => status,
            other => panic!("no end but {other:?} after {:?}", self.said),
        }
    }

    /// Ends with this, if it did not, and goes on trying: nothing may change any more.
    pub(crate) fn ended(&mut self) {
        assert!(self.terminal.is_some(), "{:?}", self.said);
        assert!(self.endpoint.is_finished() && self.endpoint.has_said_all());
        assert_eq!(self.endpoint.state(), State::Closed);
        assert!(!self.endpoint.wants_read());
        self.written();
        let said = self.said.len();
        assert!(self.receive(&frame(true, TEXT, b"more")).is_empty());
        self.eof();
        assert_eq!(self.tell(at(1 << 30)), None);
        assert_eq!(self.endpoint.send("no"), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.send(noise(70_000)), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.ping(b""), Err(SendError::NotOpen));
        assert_eq!(self.endpoint.close(None), Err(SendError::NotOpen));
        assert_eq!(
            self.endpoint.accept(&Accept::new()),
            Err(AcceptError::NotUndecided)
        );
        assert!(!self.endpoint.can_send());
        assert!(self.endpoint.direct().is_none());
        assert!(self.endpoint.receive_direct(7).is_none());
        self.endpoint.recycle(vec![0; 100_000]);
        assert_eq!(self.said.len(), said, "after the end: {:?}", self.said);
        assert_eq!(self.written(), b"");
        assert!(!self.endpoint.wants_write());
        assert_eq!(self.endpoint.buffered_amount(), 0);
    }
}

/// Carries what waits to both sides, at most `most` bytes at once, until nothing moves.
pub(crate) fn exchange(one: &mut End, other: &mut End, mut most: impl FnMut() -> usize) {
    loop {
        let mut moved = false;
        for _ in 0..2 {
            other.wire.extend(one.written());
            std::mem::swap(one, other);
        }
        for end in [&mut *one, &mut *other] {
            let n = most().clamp(1, end.wire.len().max(1)).min(end.wire.len());
            let bytes: Vec<u8> = end.wire.drain(..n).collect();
            moved |= n > 0;
            let rest = end.receive(&bytes);
            for byte in rest.into_iter().rev() {
                end.wire.push_front(byte);
            }
        }
        if !moved && !one.endpoint.wants_write() && !other.endpoint.wants_write() {
            return;
        }
    }
}
