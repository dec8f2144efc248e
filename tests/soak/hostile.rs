//! Clients that break rules, each by a script of its own.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    time::{Duration, Instant},
};

use mio::net::TcpStream;
use sansock::Role;
use socket2::SockRef;

use crate::{
    common::{KEY, Random, announce, bomb, frame, masked},
    heard::Heard,
    kinds::{Ending, Kind},
    server::MAX_MESSAGE,
};

/// A step, after the last of which the server must end it.
#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    /// A byte each time.
    Drip(VecDeque<u8>),
    /// The same without end, which it never gets to.
    Flood(Vec<u8>),
    /// Until the server has agreed.
    Open,
    Wait(Duration),
    /// Forgets what was sent and what comes.
    Reset,
    /// Sends no more.
    Finish,
}

#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) stream: TcpStream,
    steps: VecDeque<Step>,
    /// What the present step has not sent yet.
    out: VecDeque<u8>,
    heard: Heard,
    reads: bool,
    /// When the next byte drips, or the waiting is over.
    due: Option<Instant>,
    drip: Duration,
}

impl Hostile {
    pub(crate) fn new(
        kind: Kind,
        stream: TcpStream,
        patience: Duration,
        random: &mut Random,
    ) -> Self {
        let wait = patience.mul_f64(random.within(0..100) as f64 / 100.0);
        Self {
            stream,
            steps: script(kind, wait, random).into(),
            out: VecDeque::new(),
            heard: Heard::default(),
            reads: kind != Kind::NeverReads,
            due: None,
            drip: patience / 20,
        }
    }

    /// Does all that can be done without waiting; how it ended, if it did.
    pub(crate) fn drive(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Ending> {
        while self.reads {
            match self.stream.read(buffer) {
                Ok(0) => return Some(self.ending()),
                Ok(n) => self.heard.take(&buffer[..n]),
                Err(error) if is_waiting(error.kind()) => break,
                Err(_) => return Some(self.ending()),
            }
        }
        loop {
            let (front, _) = self.out.as_slices();
            if !front.is_empty() {
                match self.stream.write(front) {
                    Ok(n) => drop(self.out.drain(..n)),
                    Err(error) if is_waiting(error.kind()) => return None,
                    // What it said before may still come.
                    Err(_) if self.reads => self.give_up(),
                    Err(_) => return Some(Ending::Cut),
                }
                continue;
            }
            if self.due.is_some_and(|due| now < due) {
                return None;
            }
            self.due = None;
            match self.steps.front_mut()? {
                Step::Send(bytes) => self.out = std::mem::take(bytes).into(),
                Step::Flood(bytes) => {
                    self.out.extend(bytes.iter());
                    continue;
                }
                Step::Drip(bytes) => {
                    if let Some(byte) = bytes.pop_front() {
                        self.out.push_back(byte);
                        self.due = Some(now + self.drip);
                        continue;
                    }
                }
                Step::Open if self.reads && !self.heard.is_open() => return None,
                Step::Open => {}
                Step::Wait(time) => {
                    self.due = Some(now + *time);
                }
                Step::Reset => {
                    let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                    return Some(Ending::Left);
                }
                Step::Finish => drop(self.stream.shutdown(Shutdown::Write)),
            }
            self.steps.pop_front();
        }
    }

    /// Whether a step's time has come.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    fn give_up(&mut self) {
        self.out.clear();
        self.steps.clear();
    }

    fn ending(&self) -> Ending {
        match (self.heard.close, self.heard.status) {
            (Some(code), _) => Ending::Close(code),
            (None, None | Some(101)) => Ending::Cut,
            (None, Some(status)) => Ending::Status(status),
        }
    }
}

fn is_waiting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected
    )
}

fn head(kind: Kind) -> Vec<u8> {
    let path = kind.path();
    let padding = "x".repeat(100);
    // Echoes that are compressed would hardly fill what nobody reads.
    let extensions = match kind {
        Kind::Bomb => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        _ => "",
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nX-Padding: {padding}\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n{extensions}\r\n"
    )
    .into_bytes()
}

/// What a client of this kind does; some wait before their deed.
fn script(kind: Kind, wait: Duration, random: &mut Random) -> Vec<Step> {
    let head = head(kind);
    let sent = |bytes| {
        vec![
            Step::Send(head.clone()),
            Step::Open,
            Step::Wait(wait),
            bytes,
        ]
    };
    let text = |len| frame(Role::Server, 0x81, &vec![b'x'; len]);
    match kind {
        Kind::Silence => vec![],
        Kind::HalfHead => vec![Step::Send(head[..random.within(1..head.len())].to_vec())],
        Kind::SlowHead => vec![Step::Drip(head.into())],
        Kind::Noise => {
            let len = random.within(100..3_000);
            // A byte that begins no request.
            let noise = [vec![0x16], random.bytes(len)].concat();
            vec![Step::Wait(wait / 4), Step::Send(noise)]
        }
        Kind::SlowFrame => {
            let frame = [announce(Role::Server, 0x82, 1_000), vec![0; 900]].concat();
            // At once: a longer silence would be another's fault.
            vec![Step::Send(head), Step::Open, Step::Drip(frame.into())]
        }
        Kind::PingFlood => sent(Step::Send(frame(Role::Server, 0x89, b"").repeat(4_000))),
        Kind::NeverReads => sent(Step::Flood(text(20_000))),
        Kind::Bomb => sent(Step::Send(frame(Role::Server, 0xC2, &bomb(16 << 20)))),
        Kind::ReservedBits => {
            let first = *random.pick(&[0x90, 0xA1, 0xB2, 0xC9, 0xF0, 0x83, 0x8B]);
            let len = random.within(0..100);
            sent(Step::Send(frame(Role::Server, first, &random.bytes(len))))
        }
        Kind::Unmasked => sent(Step::Send(frame(Role::Client, 0x81, b"Hello"))),
        Kind::TooLarge => {
            let frame = [
                announce(Role::Server, 0x82, MAX_MESSAGE + 1),
                vec![0; 1_000],
            ]
            .concat();
            sent(Step::Send(frame))
        }
        Kind::InvalidText => sent(Step::Send(frame(Role::Server, 0x81, b"caf\xE9 au lait"))),
        Kind::Mute => vec![Step::Send(head), Step::Open],
        // Before a deadline ends it.
        Kind::Gone => gone(&head, wait / 4, random),
        Kind::Echo | Kind::Compressed | Kind::Over => unreachable!("{kind:?} is honest"),
    }
}

/// Leaves at some point, in one of two ways.
fn gone(head: &[u8], wait: Duration, random: &mut Random) -> Vec<Step> {
    let len = random.within(100..5_000);
    let whole = frame(Role::Server, 0x82, &random.bytes(len));
    let announced = masked(&random.bytes(len), KEY);
    let cut = [announce(Role::Server, 0x82, 1 << 19), announced].concat();
    let mut steps = match random.within(0..5) {
        0 => vec![],
        1 => vec![Step::Send(head[..random.within(1..head.len())].to_vec())],
        2 => vec![Step::Send(head.to_vec())],
        3 => vec![Step::Send(head.to_vec()), Step::Open, Step::Send(whole)],
        _ => vec![Step::Send(head.to_vec()), Step::Open, Step::Send(cut)],
    };
    if random.once_in(2) {
        steps.push(Step::Wait(wait));
    }
    steps.push(if random.once_in(2) {
        Step::Reset
    } else {
        Step::Finish
    });
    steps
}
