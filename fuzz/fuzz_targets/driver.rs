//! An adapter over a transport that does its worst: short reads and writes, errors, waits, ends
//! and lies at any call.
//!
//! Nothing panics, no call is made for ever, who waits will be woken, exactly one last event
//! comes, last, and what the transport accepts is a prefix of valid frames.
//!
//! ```text
//!  input   flags  mark  calls  ops │ a verdict a call │ an operation each │ bytes of the peer …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use sansock::{
    CloseFrame, Config, EndpointEvent, Part, Prepared, Role, State,
    adapter::{Error, blocking, polled},
    proto::Connection,
};
use sansock_fuzz::{
    SEED, World, payload,
    script::{millis, payload_len},
};

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, mark, calls, ops], rest)) = data.split_first_chunk() else {
        return;
    };
    let (calls, rest) = rest.split_at(usize::from(calls).min(rest.len()));
    let (ops, input) = rest.split_at(usize::from(ops).min(rest.len()));
    let role = if flags & 1 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let handshake = flags & 2 != 0 && role == Role::Server;
    let mut config = Config::default().streaming(flags & 4 != 0);
    if flags & 8 != 0 {
        config = config.high_water_mark(usize::from(mark));
    }
    if flags & 16 != 0 {
        config = config.fragment_size(1_000 + usize::from(mark) * 300);
    }
    let config = Arc::new(config);
    let world = World::new(role, calls, input, flags & 32 != 0, handshake);
    let connection = match role {
        Role::Client => Connection::client(&config, SEED),
        Role::Server => Connection::server(&config),
    };
    match (flags >> 6, handshake) {
        (0 | 1, false) => {
            let socket = polled::Socket::from_connection(world.clone(), connection, Vec::new());
            Polled::new(socket, world, flags).run(ops);
        }
        (0 | 1, true) => {
            let accepting = polled::Socket::accept_over(world.clone(), &config);
            if let Some(Ok(socket)) = patiently(&world, accepting, usize::MAX) {
                Polled::new(socket, world, flags).run(ops);
            }
        }
        (2, false) => {
            let socket = polled::Socket::from_connection(world.clone(), connection, Vec::new());
            split(socket, &world, ops);
        }
        (2, true) => {
            let accepting = polled::Socket::accept_over(world.clone(), &config);
            if let Some(Ok(socket)) = patiently(&world, accepting, usize::MAX) {
                split(socket, &world, ops);
            }
        }
        (_, false) => {
            world.begin(CALLS);
            let stream = world.clone();
            if let Ok(socket) = blocking::Socket::from_parts(stream, connection, Vec::new()) {
                block(socket, &world, ops);
            }
        }
        (_, true) => {
            world.begin(CALLS);
            if let Ok(socket) = blocking::Socket::accept(world.clone(), &config) {
                block(socket, &world, ops);
            }
        }
    }
});

/// The most calls that one operation may make beside those that the script decides: it flushes,
/// reads, asks the time, shuts down, lingers, and writes 200 KB in small fragments.
const CALLS: usize = 2_000;

/// The most polls until the end.
const POLLS: usize = 2_000;

/// Polls `future`, waiting up to `patience` times, then drops it.
fn patiently<F: Future>(world: &World, future: F, patience: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for waits in 0..POLLS {
        world.begin(CALLS);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        if waits >= patience {
            return None;
        }
        world.pass_deadline();
        assert!(world.has_blocked(), "nobody will wake it");
    }
    panic!("no end");
}

/// A socket that tasks poll, and what it said.
struct Polled {
    socket: polled::Socket<World>,
    world: World,
    /// Whether events are read, not messages.
    events: bool,
    closed: usize,
    errors: usize,
    over: bool,
}

impl Polled {
    fn new(socket: polled::Socket<World>, world: World, flags: u8) -> Self {
        Self {
            socket,
            world,
            events: flags & 64 != 0,
            closed: 0,
            errors: 0,
            over: false,
        }
    }

    fn run(mut self, ops: &[u8]) {
        let mut ops = ops.iter().copied();
        while let Some(op) = ops.next() {
            let how = ops.next().unwrap_or(0);
            self.act(op, how);
        }
        for _ in 0..POLLS {
            if self.over {
                break;
            }
            self.receive(usize::MAX, usize::MAX);
        }
        assert!(self.over, "no end");
        assert_eq!(self.socket.state(), State::Closed);
        assert!(self.socket.close_status().is_some());
        if self.events {
            assert_eq!(self.closed, 1, "one last event");
        }
        self.receive(usize::MAX, usize::MAX);
        assert!(self.socket.next_event().is_none());
        assert!(self.errors <= 2, "{} errors", self.errors);
    }

    fn act(&mut self, op: u8, how: u8) {
        let Self { socket, world, .. } = self;
        let patience = usize::from(op >> 6);
        let text = how & 1 == 0;
        let message = payload(text, payload_len(how), op);
        match op & 15 {
            0..4 => self.receive(patience, usize::from(how)),
            4 => drop(patiently(world, socket.send(message), patience)),
            5 => drop(patiently(world, socket.feed(&message), patience)),
            6 => {
                let prepared = Prepared::new(message);
                drop(patiently(world, socket.send_prepared(&prepared), patience));
            }
            7 | 8 => {
                let part = Part {
                    data: message,
                    last: op & 32 != 0,
                };
                drop(patiently(world, socket.send_part(part), patience));
            }
            9 => drop(patiently(world, socket.flush(), patience)),
            10 => drop(patiently(world, socket.ping(&[how; 100]), patience)),
            11 => {
                let frame = CloseFrame::new((1000 + u16::from(how % 16)).into(), "bye");
                let frame = (how < 128).then_some(&frame);
                drop(patiently(world, socket.close(frame), patience));
            }
            12 if !self.events => {
                if let Some(Ok(status)) = patiently(world, socket.end(), patience) {
                    assert_eq!(socket.close_status(), Some(&status));
                }
            }
            13 => socket.recycle(Vec::with_capacity(70_000)),
            _ => world.advance(Duration::from_millis(millis(how))),
        }
    }

    /// Fills once and looks at some events, or receives a message.
    fn receive(&mut self, patience: usize, most: usize) {
        let Self { socket, world, .. } = self;
        if !self.events {
            match patiently(world, socket.recv(), patience) {
                Some(Ok(None)) => self.over = true,
                Some(Ok(Some(_))) => assert!(!self.over, "a message after the end"),
                Some(Err(_)) => {
                    assert!(!self.over, "an error after the end");
                    self.errors += 1;
                }
                None => {}
            }
            return;
        }
        match patiently(world, socket.fill(), patience) {
            Some(Ok(false)) => self.over = true,
            Some(Ok(true)) => assert!(!self.over, "something after the end"),
            Some(Err(_)) => {
                assert!(!self.over, "an error after the end");
                self.errors += 1;
            }
            None => {}
        }
        for _ in 0..most {
            let Some((event, mut reply)) = socket.next_with_reply() else {
                break;
            };
            assert_eq!(self.closed, 0, "{event:?} after the last");
            match event {
                EndpointEvent::Event(sansock::Event::Message(message)) => {
                    let _ = reply.send(message);
                }
                EndpointEvent::Closed(_) => self.closed += 1,
                _ => {}
            }
        }
    }
}

/// Two halves, polled in turns.
fn split(socket: polled::Socket<World>, world: &World, ops: &[u8]) {
    let (mut read, mut write) = socket.into_split();
    let mut over = false;
    let mut ops = ops.iter().copied();
    while let Some(op) = ops.next() {
        let how = ops.next().unwrap_or(0);
        let patience = usize::from(op >> 6);
        let message = payload(how & 1 == 0, payload_len(how), op);
        match op & 15 {
            0..5 => match patiently(world, read.recv(), patience) {
                Some(Ok(None)) => over = true,
                Some(_) => assert!(!over, "something after the end"),
                None => {}
            },
            5 | 6 => drop(patiently(world, write.send(message), patience)),
            7 => drop(patiently(world, write.feed(message), patience)),
            8 => {
                let part = Part {
                    data: message,
                    last: op & 32 != 0,
                };
                drop(patiently(world, write.send_part(part), patience));
            }
            9 => drop(patiently(world, write.flush(), patience)),
            10 => drop(patiently(world, write.ping(&[how; 100]), patience)),
            11 => drop(patiently(world, write.close(None), patience)),
            12 => {
                let Ok(socket) = read.reunite(write) else {
                    panic!("halves of one socket");
                };
                (read, write) = socket.into_split();
            }
            13 => {
                drop(read);
                for _ in 0..POLLS {
                    // What is left of it goes on while it is polled.
                    if write.state() == State::Closed {
                        return;
                    }
                    drop(patiently(world, write.close(None), 1));
                    drop(patiently(world, write.flush(), 1));
                    world.begin(CALLS);
                    world.advance(Duration::from_secs(1));
                }
                return;
            }
            14 => {
                drop(write);
                break_off(world, read, over);
                return;
            }
            _ => world.advance(Duration::from_millis(millis(how))),
        }
    }
    break_off(world, read, over);
}

/// Receives until the end.
fn break_off(world: &World, mut read: polled::ReadHalf<World>, mut over: bool) {
    for _ in 0..POLLS {
        if over {
            assert!(read.close_status().is_some());
            assert!(matches!(
                patiently(world, read.recv(), usize::MAX),
                Some(Ok(None))
            ));
            return;
        }
        over = matches!(patiently(world, read.recv(), usize::MAX), Some(Ok(None)));
    }
    panic!("no end");
}

/// A socket whose calls block, over a stream that never does.
fn block(mut socket: blocking::Socket<World>, world: &World, ops: &[u8]) {
    let mut ops = ops.iter().copied();
    while let Some(op) = ops.next() {
        let how = ops.next().unwrap_or(0);
        let message = payload(how & 1 == 0, payload_len(how), op);
        world.begin(CALLS);
        match op & 15 {
            0..4 => {
                if !matches!(socket.fill(), Ok(false)) {
                    for _ in 0..how {
                        if socket.next_event().is_none() {
                            break;
                        }
                    }
                }
            }
            4 => drop(socket.recv()),
            5 | 6 => drop(socket.send(message)),
            7 => drop(socket.feed(message)),
            8 => drop(socket.send_part(Part {
                data: message,
                last: op & 32 != 0,
            })),
            9 => drop(socket.flush()),
            10 => drop(socket.ping(&[how; 100])),
            11 => drop(socket.close(None)),
            12 => drop(socket.end()),
            _ => socket.recycle(Vec::with_capacity(70_000)),
        }
    }
    for _ in 0..POLLS {
        world.begin(CALLS);
        match socket.recv() {
            Ok(None) => {
                assert!(socket.close_status().is_some());
                assert_eq!(socket.state(), State::Closed);
                world.begin(CALLS);
                assert!(matches!(socket.recv(), Ok(None)));
                return;
            }
            Ok(Some(_)) | Err(Error::Io(_) | Error::Connection(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no end");
}
