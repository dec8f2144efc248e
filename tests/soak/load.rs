//! All clients, in one loop.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::{common::Random, honest::Honest, hostile::Hostile, kinds::Kind};

/// What a wave is to be.
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// How many clients there are at once: for each that ends another one comes.
    pub(crate) clients: usize,
    /// For how long others come, once all places are taken.
    pub(crate) conversation: Duration,
    /// What the server's deadlines are.
    pub(crate) patience: Duration,
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Wave {
    pub(crate) ended: BTreeMap<String, u64>,
    pub(crate) connected: usize,
    pub(crate) most: usize,
    pub(crate) echoed: u64,
    /// Whatever must not be.
    pub(crate) failures: Vec<String>,
}

enum Client {
    Honest(Box<Honest>),
    Hostile(Box<Hostile>),
}

struct Load<'a> {
    plan: &'a Plan,
    poll: Poll,
    clients: Vec<Option<(Kind, Client)>>,
    alive: usize,
    random: Random,
    /// From which large messages are cut.
    noise: Vec<u8>,
    /// To read into.
    buffer: Vec<u8>,
    wave: Wave,
}

/// How often those are looked at that wait for a time.
const SWEEP: Duration = Duration::from_millis(25);

/// How long it may take until all places are taken.
const FILLING: Duration = Duration::from_secs(60);

/// How many connect at once: the server's backlog has room for more.
const BATCH: usize = 500;

pub(crate) fn run(plan: &Plan) -> Wave {
    let mut random = Random::new(plan.seed);
    let noise = random.bytes(1 << 20);
    let mut load = Load {
        plan,
        poll: Poll::new().unwrap(),
        clients: (0..plan.clients).map(|_| None).collect(),
        alive: 0,
        random,
        noise,
        buffer: vec![0; 16 << 10],
        wave: Wave::default(),
    };
    let start = Instant::now();
    let mut swept = start;
    let mut events = Events::with_capacity(1024);
    let mut end = None;
    let mut is_over = false;
    loop {
        let now = Instant::now();
        if !is_over {
            load.connect(now);
            let is_full = load.alive == plan.clients || now >= start + FILLING;
            if end.is_none() && is_full {
                end = Some(now + plan.conversation);
            }
            is_over = end.is_some_and(|end| now >= end);
            if is_over {
                load.leave(now);
            }
        }
        // Longer than all deadlines of the server together: who is left then is forgotten by it.
        let rest = 6 * plan.patience + Duration::from_secs(20);
        if is_over && end.is_some_and(|end| now >= end + rest) {
            load.abandon();
        }
        if is_over && load.alive == 0 {
            return load.wave;
        }
        load.poll.poll(&mut events, Some(SWEEP)).unwrap();
        for event in &events {
            let Token(at) = event.token();
            if let Some(Some((_, Client::Honest(honest)))) = load.clients.get_mut(at) {
                honest.handle_event(event);
            }
            load.drive(at);
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            for at in 0..load.clients.len() {
                if load.clients[at]
                    .as_ref()
                    .is_some_and(|(_, it)| it.is_due(now))
                {
                    load.drive(at);
                }
            }
        }
    }
}

impl Client {
    /// Whether there is something to do although nothing happened.
    fn is_due(&self, now: Instant) -> bool {
        match self {
            Self::Honest(honest) => honest.is_due(now),
            Self::Hostile(hostile) => hostile.is_due(now),
        }
    }
}

impl Load<'_> {
    /// Puts clients in empty places.
    fn connect(&mut self, now: Instant) {
        let mut batch = BATCH.min(self.clients.len() - self.alive);
        let mut at = 0;
        while batch > 0 {
            while self.clients[at].is_some() {
                at += 1;
            }
            let kind = Kind::nth(self.wave.connected, &mut self.random);
            let mut stream = match connect(self.plan.address, kind) {
                Ok(stream) => stream,
                // So many ports as that are not free again yet.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => return,
                Err(error) => panic!("cannot connect: {error}"),
            };
            let registry = self.poll.registry();
            let both = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut stream, Token(at), both).unwrap();
            let client = if kind.is_honest() {
                let pause = (self.plan.conversation / 4).min(Duration::from_secs(4));
                let pause = pause.mul_f64(self.random.within(0..100) as f64 / 100.0);
                // Most of them stay to the end.
                let share = self.random.within(0..400) as f64 / 100.0;
                let leave_at = now + self.plan.conversation.mul_f64(share);
                Client::Honest(Box::new(Honest::new(kind, stream, pause, leave_at)))
            } else {
                let patience = self.plan.patience;
                let random = &mut self.random;
                Client::Hostile(Box::new(Hostile::new(kind, stream, patience, random)))
            };
            self.clients[at] = Some((kind, client));
            self.alive += 1;
            self.wave.connected += 1;
            batch -= 1;
        }
        self.wave.most = self.wave.most.max(self.alive);
    }

    fn drive(&mut self, at: usize) {
        let Some((kind, client)) = &mut self.clients[at] else {
            return;
        };
        let kind = *kind;
        let now = Instant::now();
        let ending = match client {
            Client::Honest(honest) => honest.drive(now, &mut self.random, &self.noise),
            Client::Hostile(hostile) => Ok(hostile.drive(now, &mut self.buffer)),
        };
        match ending {
            Ok(None) => return,
            Ok(Some(ending)) => {
                if !kind.endings().contains(&ending) {
                    self.wave
                        .failures
                        .push(format!("{kind:?} ended with {ending:?}"));
                }
                *self.wave.ended.entry(format!("{kind:?}")).or_default() += 1;
            }
            Err(failure) => self.wave.failures.push(format!("{kind:?}: {failure}")),
        }
        if let Some((_, Client::Honest(honest))) = self.clients[at].take() {
            self.wave.echoed += honest.echoed;
        }
        self.alive -= 1;
    }

    /// Has all that are honest say goodbye.
    fn leave(&mut self, now: Instant) {
        for (_, client) in self.clients.iter_mut().flatten() {
            if let Client::Honest(honest) = client {
                honest.leave_at = now;
                honest.speak_at = now;
            }
        }
    }

    /// Takes note of those that were not ended.
    fn abandon(&mut self) {
        self.alive = 0;
        for (kind, client) in self.clients.drain(..).flatten() {
            let state = match client {
                Client::Honest(honest) => format!("{honest:?}"),
                Client::Hostile(hostile) => format!("{hostile:?}"),
            };
            let state = state.chars().take(400).collect::<String>();
            self.wave
                .failures
                .push(format!("{kind:?} was not ended: {state}"));
        }
    }
}

/// A stream that is connecting; of who never reads, the system takes little either.
fn connect(address: SocketAddr, kind: Kind) -> std::io::Result<mio::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    if kind == Kind::NeverReads {
        socket.set_recv_buffer_size(8 << 10)?;
    }
    match socket.connect(&address.into()) {
        // EINPROGRESS, for which there is no kind.
        Err(error) if error.kind() != ErrorKind::AddrNotAvailable => {
            assert!(error.raw_os_error().is_some(), "{error}");
        }
        connected => connected?,
    }
    Ok(mio::net::TcpStream::from_std(socket.into()))
}
