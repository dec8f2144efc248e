//! The mio adapter over a transport that does its worst, and events that need not be true.
//!
//! As `driver` for the other adapters: nothing panics, no call is made for ever, who waits was told
//! that it would block, exactly one last event comes, last, and what the transport accepts is a
//! prefix of valid frames. Events are real ones, of a pair of sockets, since none can be made.
//!
//! ```text
//!  input   flags  mark  calls  ops │ a verdict a call │ an operation each │ bytes of the peer …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::{
    os::unix::net::UnixStream as StdStream,
    sync::{Arc, LazyLock},
    task::Poll,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use mio::{Events, Interest, Poll as Selector, Token, event::Event, net::UnixStream};
use sansock::{
    CloseFrame, Config, EndpointEvent, Part, Role, State,
    adapter::mio::Socket,
    proto::{Connection, handshake::Accept},
};
use sansock_fuzz::{SEED, World, payload, script::payload_len};

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
    // Time is the system's here: none may be waited for.
    let mut config = Config::default()
        .streaming(flags & 4 != 0)
        .linger(Duration::ZERO);
    if flags & 8 != 0 {
        config = config.high_water_mark(usize::from(mark));
    }
    if flags & 16 != 0 {
        config = config.fragment_size(1_000 + usize::from(mark) * 300);
    }
    let config = Arc::new(config);
    let world = World::new(role, calls, input, flags & 32 != 0, handshake);
    world.begin(CALLS);
    let socket = match (role, handshake) {
        (_, true) => Socket::accept(world.clone(), &config),
        (Role::Server, false) => {
            Socket::from_parts(world.clone(), Connection::server(&config), Vec::new())
        }
        (Role::Client, false) => {
            Socket::from_parts(world.clone(), Connection::client(&config, SEED), Vec::new())
        }
    };
    let mut subject = Subject {
        socket,
        world,
        accepts: flags & 64 != 0,
        closed: 0,
        errors: 0,
    };
    for op in ops.chunks_exact(2) {
        subject.act(op[0], op[1]);
    }
    subject.finish();
});

/// The most calls that one operation may make beside those that the script decides.
const CALLS: usize = 2_000;

/// The most turns until the end.
const TURNS: usize = 2_000;

/// Both ways; writable alone; both, and the peer has ended.
static EVENTS: LazyLock<[Event; 3]> = LazyLock::new(|| {
    let mut selector = Selector::new().expect("a selector");
    let (ours, theirs) = StdStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("sockets can");
    let mut ours = UnixStream::from_std(ours);
    let both = Interest::READABLE | Interest::WRITABLE;
    (selector.registry().register(&mut ours, Token(0), both)).expect("registered");
    let mut next = || {
        let mut events = Events::with_capacity(1);
        selector.poll(&mut events, None).expect("an event");
        events.iter().next().expect("one").clone()
    };
    let writable = next();
    assert!(writable.is_writable() && !writable.is_readable());
    std::io::Write::write_all(&mut &theirs, b"a").expect("there is room");
    let both = next();
    assert!(both.is_writable() && both.is_readable() && !both.is_read_closed());
    drop(theirs);
    let closed = next();
    assert!(closed.is_read_closed());
    [both, writable, closed]
});

struct Subject {
    socket: Socket<World>,
    world: World,
    /// Whether requests are accepted, or refused.
    accepts: bool,
    closed: usize,
    errors: usize,
}

impl Subject {
    fn act(&mut self, op: u8, how: u8) {
        self.world.begin(CALLS);
        let socket = &mut self.socket;
        let message = payload(how & 1 == 0, payload_len(how), op);
        match op & 15 {
            0..4 => drop(self.turn()),
            4 => drop(socket.send(message)),
            5 | 6 => drop(socket.feed(message)),
            7 | 8 => drop(socket.send_part(Part {
                data: message,
                last: op & 32 != 0,
            })),
            9 => drop(socket.flush()),
            10 => drop(socket.ping(&[how; 100])),
            11 => {
                let frame = CloseFrame::new((1000 + u16::from(how % 16)).into(), "bye");
                drop(socket.close((how < 128).then_some(&frame)));
            }
            12 => socket.recycle(Vec::with_capacity(70_000)),
            _ => socket.handle_event(&EVENTS[usize::from(how) % EVENTS.len()]),
        }
    }

    /// Fills once and takes the events; whether it is over.
    fn turn(&mut self) -> bool {
        self.world.begin(CALLS);
        let over = match self.socket.fill() {
            Poll::Ready(Ok(true)) => false,
            Poll::Ready(Ok(false)) => true,
            Poll::Ready(Err(_)) => {
                self.errors += 1;
                false
            }
            Poll::Pending => {
                assert!(self.socket.timeout().is_some() || self.world.has_blocked());
                self.socket.handle_event(&EVENTS[0]);
                false
            }
        };
        let mut wants_decision = false;
        while let Some(event) = self.socket.next_event() {
            assert_eq!(self.closed, 0, "{event:?} after the last");
            match event {
                EndpointEvent::Closed(_) => self.closed += 1,
                EndpointEvent::Request(_) => wants_decision = true,
                _ => {}
            }
        }
        if wants_decision && self.accepts {
            let _ = self.socket.accept_request(&Accept::new());
        } else if wants_decision {
            let _ = self
                .socket
                .reject(&sansock::proto::handshake::Reject::new(404));
        }
        over
    }

    fn finish(mut self) {
        for _ in 0..TURNS {
            if self.turn() {
                assert_eq!(self.closed, 1, "one last event");
                assert_eq!(self.socket.state(), State::Closed);
                assert!(self.socket.close_status().is_some());
                assert!(self.errors <= 2, "{} errors", self.errors);
                assert!(self.turn(), "something after the end");
                return;
            }
        }
        panic!("no end");
    }
}
