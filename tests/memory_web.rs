//! What a `WebSocket` and a `WebSocketStream` hold beside their connection, whatever the peer sends
//! and whoever takes it.
//!
//! `Builder::memory_ceiling` states it, and the documentation of `adapter::web`; an allocator that
//! counts sees it here, over a transport that is read to its end by the thread that counts.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::{
    cell::Cell,
    fmt,
    future::{Future, ready},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use allocation_counter::{AllocationInfo, measure};
use common::{ROLES, SEED, frame, frames};
use futures_util::io::{AsyncRead, AsyncWrite};
use sansock::{
    Config, Role, State,
    adapter::{
        futures::{Futures, NoTimer, Socket, WebSocket, WebSocketStream},
        web::{Builder, Ceiling},
    },
    proto::{
        Budget, Connection, DeflateParams,
        handshake::{Negotiated, accept_key},
    },
};

const KIB: usize = 1 << 10;

/// The largest message here.
const MESSAGE: usize = 300 * KIB;

fn config() -> Config {
    let endless = Budget {
        burst: u32::MAX,
        per_second: 0,
    };
    Config::default()
        .max_message_size(MESSAGE as u64)
        .max_frame_size(MESSAGE as u64)
        .high_water_mark(32 * KIB)
        .fragment_size(16 * KIB)
        .control_budget(endless)
        .tiny_budget(endless)
        .ping_interval(None)
}

/// A transport that has all its input already.
#[derive(Clone)]
struct Wire(Arc<Mutex<Ends>>);

struct Ends {
    input: Vec<u8>,
    /// How much of it was read.
    at: usize,
    /// How much of it may be.
    ready: usize,
    /// What was written first. It has room already, so that none of it is counted.
    written: Vec<u8>,
    /// Whether more is.
    writes: bool,
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.0.lock().unwrap();
        let rest = &ends.input[ends.at..ends.ready];
        let n = rest.len().min(buffer.len());
        if n == 0 {
            return Poll::Pending;
        }
        buffer[..n].copy_from_slice(&rest[..n]);
        ends.at += n;
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.0.lock().unwrap();
        if !ends.writes {
            return Poll::Pending;
        }
        let room = ends.written.capacity() - ends.written.len();
        ends.written
            .extend_from_slice(&bytes[..room.min(bytes.len())]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Who takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// Nobody started it.
    Nobody,
    /// A receiver that is never asked.
    Receiver,
    /// A listener that drops it.
    Listener,
    /// A listener that sends it back.
    Echo,
    /// A stream that nobody reads.
    Stream,
    /// One that is written to besides, messages of so many bytes.
    Writer(usize),
}

impl Taker {
    /// Those of a connection that a server accepted: it has its own limit of what waits to be
    /// written, and no stream.
    const OF_SERVER: [Self; 3] = [Self::Nobody, Self::Receiver, Self::Listener];
    const OF_CLIENT: [Self; 5] = [
        Self::Nobody,
        Self::Receiver,
        Self::Listener,
        Self::Echo,
        Self::Stream,
    ];

    const fn of(role: Role) -> &'static [Self] {
        match role {
            Role::Server => &Self::OF_SERVER,
            Role::Client => &Self::OF_CLIENT,
        }
    }

    /// What is stated for it.
    const fn stated(self, ceiling: &Ceiling) -> u64 {
        let taken = match self {
            Self::Nobody => 0,
            Self::Receiver => ceiling.receiver,
            Self::Listener | Self::Stream => ceiling.event,
            Self::Echo => ceiling.event + ceiling.sending,
            Self::Writer(own) => ceiling.event + ceiling.writing + own as u64,
        };
        ceiling.read + ceiling.state + taken
    }
}

/// What was read and not yet received.
const READ: u64 = 256 << 10;

/// The socket itself.
const STATE: u64 = 8 << 10;

/// The payload that may wait for a receiver before reading pauses.
const WAITING: u64 = 256 << 10;

/// How much may wait of what [`Taker::Echo`] sends.
const BUFFERED: u64 = 256 << 10;
const _: () = assert!(
    size_of::<sansock::Message<'static>>() <= 32,
    "a place in the queue"
);

/// Bytes of a peer, and how they are received.
struct Flood<'a> {
    role: Role,
    taker: Taker,
    config: &'a Arc<Config>,
    agreed: Option<DeflateParams>,
    bytes: &'a [u8],
    /// Whether the peer reads.
    reads: bool,
}

thread_local! {
    static WARM: Cell<bool> = const { Cell::new(false) };
}

impl Flood<'_> {
    /// What the socket held at most, what was left when it was gone, and how much was read.
    fn heap(&self) -> (AllocationInfo, usize) {
        // The thread's buffers are no connection's: they are there then, as many as it keeps.
        let runs = if WARM.replace(true) { 1 } else { 5 };
        for _ in 0..runs {
            self.run(&self.wire());
        }
        let wire = self.wire();
        let heap = measure(|| self.run(&wire));
        let ends = wire.0.lock().unwrap();
        (heap, ends.input.len() - ends.at)
    }

    fn wire(&self) -> Wire {
        let mut input = match self.role {
            Role::Client => self.answer(),
            Role::Server => Vec::new(),
        };
        let ready = if input.is_empty() {
            self.bytes.len()
        } else {
            0
        };
        input.extend_from_slice(self.bytes);
        Wire(Arc::new(Mutex::new(Ends {
            input,
            at: 0,
            ready,
            written: Vec::with_capacity(4 << 10),
            writes: self.role == Role::Client || self.reads,
        })))
    }

    /// The answer to the opening handshake, in which the `Sec-WebSocket-Accept` comes last.
    fn answer(&self) -> Vec<u8> {
        let deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let extensions = self.agreed.map_or("", |_| deflate);
        let x = "x".repeat(28);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             {extensions}Sec-WebSocket-Accept: {x}\r\n\r\n"
        );
        answer.into_bytes()
    }

    /// Nothing is allocated here but by the socket.
    fn run(&self, wire: &Wire) {
        let stream = wire.clone();
        match self.role {
            Role::Server => {
                let mut negotiated = Negotiated::default();
                negotiated.deflate = self.agreed;
                let connection =
                    Connection::from_negotiated(Role::Server, &negotiated, self.config, SEED);
                let socket = Socket::from_parts(stream, connection, Vec::new());
                let (socket, driver) = WebSocket::from_socket(socket);
                self.take(&socket, pin!(driver), wire);
            }
            Role::Client => {
                let builder = self.builder();
                if let Taker::Stream | Taker::Writer(_) = self.taker {
                    let made = builder.connect_stream(|_| ready(Ok(stream)), NoTimer);
                    let (stream, driver) = made.unwrap();
                    let mut driver = pin!(driver);
                    self.take(stream.socket(), driver.as_mut(), wire);
                    if let Taker::Writer(len) = self.taker {
                        write(&stream, &[7; MESSAGE][..len], driver);
                    }
                } else {
                    let made = builder.connect(|_| ready(Ok(stream)));
                    let (socket, driver) = made.unwrap();
                    self.take(&socket, pin!(driver), wire);
                }
            }
        }
    }

    fn builder(&self) -> Builder<Futures> {
        let builder = WebSocket::builder("ws://h/").config(self.config);
        builder.max_buffered_amount(BUFFERED)
    }

    fn ceiling(&self) -> Ceiling {
        match self.role {
            Role::Server => Ceiling::accepted(self.config, self.agreed),
            Role::Client => self.builder().memory_ceiling(),
        }
    }

    fn take(
        &self,
        socket: &WebSocket,
        mut driver: Pin<&mut impl Future<Output = ()>>,
        wire: &Wire,
    ) {
        let _events = (self.taker == Taker::Receiver).then(|| socket.events());
        match self.taker {
            Taker::Listener => socket.set_onmessage(|_, _| {}),
            Taker::Echo => socket.set_onmessage(|socket, event| socket.send(&event.data).unwrap()),
            _ => {}
        }
        drive(driver.as_mut());
        let mut ends = wire.0.lock().unwrap();
        if self.role == Role::Client {
            let Ends { input, written, .. } = &mut *ends;
            let name = b"Sec-WebSocket-Key: ";
            let at = written.windows(name.len()).position(|it| it == name);
            let key = &written[at.unwrap() + name.len()..][..24];
            let blank = input.windows(4).position(|it| it == b"\r\n\r\n");
            input[blank.unwrap() - 28..][..28].copy_from_slice(&accept_key(key));
            ends.ready = ends.input.len();
            ends.writes = self.reads;
        }
        drop(ends);
        drive(driver);
    }
}

/// Writes until that waits.
fn write(stream: &WebSocketStream, message: &[u8], mut driver: Pin<&mut impl Future<Output = ()>>) {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(mut opened)) = pin!(stream.opened()).poll(&mut cx) else {
        panic!("it is not open");
    };
    for _ in 0..100_000 {
        if pin!(opened.writable.write(message))
            .poll(&mut cx)
            .is_pending()
        {
            return;
        }
        drive(driver.as_mut());
    }
    panic!("no write waits");
}

/// Polls until it waits for something.
fn drive(mut driver: Pin<&mut impl Future<Output = ()>>) {
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    loop {
        let polled = driver.as_mut().poll(&mut cx);
        if polled.is_ready() || !woken.0.swap(false, Ordering::Relaxed) {
            return;
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Flood<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, taker, .. } = self;
        write!(f, "{taker:?} of a {role:?}, reads {}", self.reads)
    }
}

/// Every way to take a flood, with or without a peer that reads.
fn check(what: &str, role: Role, config: &Arc<Config>, agreed: Option<DeflateParams>, it: &[u8]) {
    for &taker in Taker::of(role) {
        for reads in [true, false] {
            let flood = Flood {
                role,
                taker,
                config,
                agreed,
                bytes: it,
                reads,
            };
            let (heap, unread) = flood.heap();
            // Of what was agreed on, and not of the most costly answer.
            let connection = config.memory_ceiling(role, agreed);
            let ceiling = flood.ceiling();
            assert!(connection.total() <= ceiling.connection.total());
            // Nothing waits to be written where nobody sends and no Ping came.
            let is_silent = reads && taker != Taker::Echo && it[0] != 0x89;
            let unused = if is_silent { connection.output } else { 0 };
            let stated = connection.total() - unused + taker.stated(&ceiling);
            assert!(
                heap.bytes_max <= stated,
                "{what} to {flood:?}: {heap:?}, stated {stated}"
            );
            assert_eq!(heap.bytes_current, 0, "{what} to {flood:?}: {heap:?}");
            // Reading pauses where nobody takes what comes, and only there.
            let is_much = it.len() > 2 * (READ + WAITING) as usize;
            match taker {
                Taker::Nobody => assert!(unread > 0 || !is_much, "{what} to {flood:?}"),
                Taker::Listener => assert_eq!(unread, 0, "{what} to {flood:?}"),
                _ => {}
            }
        }
    }
}

fn floods(role: Role) -> Vec<(&'static str, Vec<u8>)> {
    let most = vec![b'x'; MESSAGE];
    let half = &most[..MESSAGE / 2];
    let one = |first, payload: &[u8]| frame(role, first, payload);
    vec![
        ("empty messages", one(0x81, b"").repeat(20_000)),
        ("empty bytes", one(0x82, b"").repeat(20_000)),
        ("tiny messages", one(0x81, b"x").repeat(20_000)),
        ("tiny bytes", one(0x82, b"x").repeat(20_000)),
        ("messages of 4 KiB", one(0x82, &most[..4 * KIB]).repeat(300)),
        ("maximal messages", one(0x81, &most).repeat(9)),
        (
            "fragmented messages",
            frames(role, &[(0x01, half), (0x00, b"x"), (0x80, b"")]).repeat(8),
        ),
        ("Pings", one(0x89, &[7; 125]).repeat(10_000)),
        (
            "Pings between messages",
            frames(role, &[(0x89, b""), (0x81, b"")]).repeat(10_000),
        ),
        (
            "a Close behind much",
            [one(0x81, b"").repeat(60), one(0x88, &[3, 232])].concat(),
        ),
        (
            "a fault behind much",
            [one(0x81, half), one(0x83, b"")].concat(),
        ),
    ]
}

#[test]
fn hostile_205_no_peer_exceeds_what_is_stated_of_a_socket() {
    let config = Arc::new(config());
    for role in ROLES {
        for (what, bytes) in floods(role) {
            check(what, role, &config, None, &bytes);
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn hostile_205_no_peer_that_compresses_exceeds_what_is_stated_of_a_socket() {
    let deflate = sansock::DeflateConfig::new().pool_size(0);
    let deflate = deflate.client_no_context_takeover(false);
    let config = Arc::new(config().deflate(Some(deflate)));
    let tiny = b"\x4A\x04\x00"; // "a"
    for role in ROLES {
        for (what, bytes) in [
            ("tiny messages", frame(role, 0xC1, tiny).repeat(2_000)),
            ("empty ones", frame(role, 0xC1, b"\0").repeat(2_000)),
            (
                "bombs that fit",
                frame(role, 0xC2, &common::bomb(MESSAGE)).repeat(20),
            ),
            ("a bomb", frame(role, 0xC2, &common::bomb(4 * MESSAGE))),
        ] {
            check(what, role, &config, Some(common::widest()), &bytes);
        }
    }
}

/// What waits for a receiver is what is stated, to the message; a message below the limit lets
/// another one come.
#[test]
fn hostile_205_what_is_stated_of_a_receiver_is_reached() {
    let config = Arc::new(config());
    let most = vec![b'x'; MESSAGE];
    for role in ROLES {
        let below = frame(role, 0x82, &most[..WAITING as usize - 1]);
        let bytes = [below, frame(role, 0x82, &most)].concat().repeat(3);
        let flood = Flood {
            role,
            taker: Taker::Receiver,
            config: &config,
            agreed: None,
            bytes: &bytes,
            reads: true,
        };
        let (heap, unread) = flood.heap();
        let waiting = WAITING - 1 + MESSAGE as u64;
        assert!(heap.bytes_max > waiting, "{flood:?}: {heap:?}");
        // Nothing but what waits, and what was read behind it.
        assert!(heap.bytes_max <= waiting + READ + STATE, "{heap:?}");
        assert_eq!(heap.bytes_current, 0, "{heap:?}");
        assert!(unread >= bytes.len() - (waiting + READ) as usize - 100);
    }
}

/// And a stream holds the message that it is to be asked for, however small.
#[test]
fn hostile_205_a_stream_that_is_not_read_holds_one_message() {
    const LEN: usize = 4 * KIB;
    let bytes = frame(Role::Client, 0x82, &[7; LEN]).repeat(200);
    let flood = Flood {
        role: Role::Client,
        taker: Taker::Stream,
        config: &Arc::new(config()),
        agreed: None,
        bytes: &bytes,
        reads: true,
    };
    let (heap, unread) = flood.heap();
    assert!(heap.bytes_max <= LEN as u64 + READ + STATE, "{heap:?}");
    assert_eq!(heap.bytes_current, 0, "{heap:?}");
    assert!(unread >= bytes.len() - READ as usize - LEN, "{unread}");
}

/// Whoever writes to a peer that takes nothing waits before more is held than that: messages of any
/// size, of none too.
#[test]
fn hostile_205_a_stream_that_is_written_to_holds_what_is_stated() {
    let config = Arc::new(config());
    for len in [0, 1, 4 * KIB, MESSAGE] {
        let flood = Flood {
            role: Role::Client,
            taker: Taker::Writer(len),
            config: &config,
            agreed: None,
            bytes: &frame(Role::Client, 0x89, &[7; 125]).repeat(1_000),
            reads: false,
        };
        let (heap, _) = flood.heap();
        let ceiling = flood.ceiling();
        let stated = ceiling.connection.total() + flood.taker.stated(&ceiling);
        assert!(
            heap.bytes_max <= stated,
            "{flood:?}: {heap:?}, stated {stated}"
        );
        assert!(heap.bytes_max >= 256 << 10, "{flood:?}: {heap:?}");
        assert_eq!(heap.bytes_current, 0, "{flood:?}: {heap:?}");
    }
}

/// A handle may live on: what can no more be sent counts, and is not kept.
#[test]
fn hostile_205_what_was_never_sent_is_not_held_behind_the_end() {
    let mut over = None;
    let heap = measure(|| {
        let connection = Connection::server(&Arc::default());
        let socket = Socket::from_parts(smol::io::Cursor::new(Vec::new()), connection, Vec::new());
        let (socket, driver) = WebSocket::from_socket(socket);
        for _ in 0..100 {
            socket.send(&[7; 10_000][..]).unwrap();
        }
        drop(driver);
        over = Some(socket);
    });
    let over = over.unwrap();
    assert_eq!(
        (over.ready_state(), over.buffered_amount()),
        (State::Closed, 1_000_000)
    );
    assert!(heap.bytes_max > 1_000_000, "{heap:?}");
    assert!(heap.bytes_current <= STATE as i64, "{heap:?}");
}

#[test]
fn hostile_205_the_ceiling_of_a_socket_follows_its_formula() {
    let config = Arc::new(Config::default().max_message_size(1 << 20));
    let builder = WebSocket::builder("ws://h/").config(&config);
    let stated = builder.max_buffered_amount(1 << 20).memory_ceiling();
    let connection = config.memory_ceiling(Role::Client, None);
    assert_eq!(stated.connection, connection);
    assert_eq!(
        [stated.read, stated.state, stated.event, stated.receiver],
        [262_144, 8_192, 2_097_152, 2_637_824]
    );
    assert_eq!([stated.sending, stated.writing], [4_292_608, 1_048_576]);
    let below = connection.total() + 262_144 + 8_192;
    assert_eq!(stated.total(), below + 2_637_824 + 4_292_608);
    assert_eq!(stated.stream_total(), below + 2_097_152 + 1_048_576);
    let printed = stated.to_string();
    for bytes in [stated.receiver, stated.total(), stated.stream_total()] {
        assert!(printed.contains(&format!(" {bytes}")), "{printed}");
    }
    assert_eq!(printed.lines().count(), 9, "{printed}");

    let accepted = Ceiling::accepted(&config, None);
    let connection = config.memory_ceiling(Role::Server, None);
    assert_eq!(accepted.connection, connection);
    assert_eq!(accepted.sending, 268_533_760);

    let endless = Arc::new(Config::default().max_message_size(u64::MAX));
    let builder = WebSocket::builder("ws://h/").config(&endless);
    let endless = builder.max_buffered_amount(u64::MAX).memory_ceiling();
    let totals = [endless.total(), endless.stream_total()];
    assert_eq!(totals, [u64::MAX; 2]);
}

/// Whoever sets nothing offers compression, whose most costly answer counts.
#[cfg(feature = "deflate")]
#[test]
fn hostile_205_the_ceiling_of_a_socket_counts_its_offer() {
    let stated = WebSocket::builder("ws://h/").memory_ceiling().connection;
    let agreed = Some(DeflateParams::default());
    let deflate = Some(sansock::DeflateConfig::new());
    let config = Config::default().deflate(deflate);
    assert_eq!(stated, config.memory_ceiling(Role::Client, agreed));
    assert!(stated.compressor > 0 && stated.inflater > 0);
}
