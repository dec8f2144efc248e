//! A client that keeps to the rules, and to which everything must come back.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::Poll::{Pending, Ready},
    time::{Duration, Instant},
};

use mio::{event::Event as Readiness, net::TcpStream};
use sansock::{
    CloseCode, CloseFrame, Config, DeflateConfig, EndpointEvent, Event, Message, Part, State,
    adapter::mio::Socket, proto::handshake::ClientRequest,
};

use crate::{
    common::Random,
    kinds::{Ending, Kind},
};

#[derive(Debug)]
pub(crate) struct Honest {
    pub(crate) socket: Socket<TcpStream>,
    /// What was sent and did not come back yet.
    expected: VecDeque<Message<'static>>,
    /// The Ping that has no Pong yet.
    ping: Option<[u8; 8]>,
    is_small: bool,
    is_closing: bool,
    pause: Duration,
    pub(crate) speak_at: Instant,
    pub(crate) leave_at: Instant,
    pub(crate) echoed: u64,
}

impl Honest {
    pub(crate) fn new(kind: Kind, stream: TcpStream, pause: Duration, leave_at: Instant) -> Self {
        let authority = stream
            .peer_addr()
            .map_or("localhost".to_owned(), |it| it.to_string());
        let request = ClientRequest::new(&authority, &kind.path()).unwrap();
        let is_compressed = kind == Kind::Compressed;
        let config = Config::default()
            .handshake_timeout(None)
            // That thousands close at once is no fault of the server's.
            .close_timeout(None)
            .deflate(is_compressed.then(DeflateConfig::new));
        Self {
            socket: Socket::connect(stream, &request, &Arc::new(config)).unwrap(),
            expected: VecDeque::new(),
            ping: None,
            is_small: is_compressed,
            is_closing: false,
            pause,
            speak_at: Instant::now(),
            leave_at,
            echoed: 0,
        }
    }

    pub(crate) fn handle_event(&mut self, event: &Readiness) {
        self.socket.handle_event(event);
    }

    /// Does all that can be done without waiting; how it ended, if it did.
    pub(crate) fn drive(
        &mut self,
        now: Instant,
        random: &mut Random,
        noise: &[u8],
    ) -> Result<Option<Ending>, String> {
        loop {
            if self.may_speak(now) {
                self.speak(now, random, noise)
                    .map_err(|error| format!("cannot send: {error}"))?;
            }
            match self.socket.fill() {
                Pending => return Ok(None),
                Ready(Err(error)) => return Err(format!("the transport failed: {error}")),
                Ready(Ok(true)) => {}
                Ready(Ok(false)) => return self.end().map(Some),
            }
            while let Some(event) = self.socket.next_event() {
                match event {
                    EndpointEvent::Event(Event::Message(message)) => {
                        let expected = self.expected.pop_front();
                        if expected.as_ref() != Some(&message) {
                            return Err(format!("{message:?} came, sent was {expected:?}"));
                        }
                        self.echoed += 1;
                    }
                    EndpointEvent::Event(Event::Pong(payload)) => {
                        let ping = self.ping.take();
                        if ping.as_ref().map(<[u8; 8]>::as_slice) != Some(&payload) {
                            return Err(format!("Pong {payload:?} to {ping:?}"));
                        }
                    }
                    // A keep-alive is no reason to go on waiting.
                    EndpointEvent::Event(Event::Ping(_)) => continue,
                    _ => {}
                }
                self.speak_at = now + self.pause;
            }
        }
    }

    /// Whether it is time to go on, or a deadline has passed.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let timeout = self.socket.timeout();
        self.may_speak(now) || timeout.is_some_and(|left| left.is_zero())
    }

    /// Whether all is answered, and the pause over.
    fn may_speak(&self, now: Instant) -> bool {
        let is_idle = self.expected.is_empty() && self.ping.is_none() && !self.is_closing;
        is_idle && now >= self.speak_at && self.socket.state() == State::Open
    }

    fn speak(
        &mut self,
        now: Instant,
        random: &mut Random,
        noise: &[u8],
    ) -> Result<(), sansock::adapter::Error> {
        let bytes = |random: &mut Random, most| {
            let len = random.within(0..most);
            let start = random.within(0..noise.len() - len);
            noise[start..start + len].to_vec()
        };
        if now >= self.leave_at {
            self.is_closing = true;
            let frame = CloseFrame::new(CloseCode::NORMAL, "");
            return self.socket.close(Some(&frame));
        }
        match random.within(0..100) {
            0 if !self.is_small => self.send(bytes(random, 400_000).into()),
            1..10 => {
                let payload = random.next().to_le_bytes();
                self.ping = Some(payload);
                self.socket.ping(&payload)
            }
            10..20 => {
                let mut whole = String::new();
                for left in (0..random.within(1..10)).rev() {
                    let text = random.text(random.clone().within(0..50));
                    whole += &text;
                    self.socket.send_part(Part {
                        data: text.into(),
                        last: left == 0,
                    })?;
                }
                self.expected.push_back(whole.into());
                Ok(())
            }
            20..30 => (0..5).try_for_each(|n| {
                let text = random.text(n);
                self.send(text.into())
            }),
            30..60 => self.send(bytes(random, 2_000).into()),
            _ => self.send(random.text(random.clone().within(0..60)).into()),
        }
    }

    fn send(&mut self, message: Message<'static>) -> Result<(), sansock::adapter::Error> {
        self.expected.push_back(message.clone());
        self.socket.send(message)
    }

    fn end(&self) -> Result<Ending, String> {
        let status = self.socket.close_status().ok_or("no handshake")?;
        if !status.clean || status.code() != CloseCode::NORMAL {
            return Err(format!("it ended with {status:?}"));
        }
        if self.expected.is_empty() && self.ping.is_none() {
            Ok(Ending::Clean)
        } else {
            Err(format!("{} messages are lost", self.expected.len()))
        }
    }
}
