//! What happens between two polls: a driver that only the test polls, over a wire of memory.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{
    AsyncReadExt, Sink, TryStreamExt,
    io::{AsyncRead, AsyncWrite},
};
use sansock::{
    Config, Message, Part, SendError, State,
    adapter::{
        Error,
        futures::{Futures, NoTimer, Socket, WebSocket, WebSocketStream},
        web::Opened,
    },
    proto::{Connection, handshake::accept_key},
    web::{CloseInfo, StreamError},
};

use crate::adapter::PATIENCE;

/// A stream whose other end is the test.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<Ends>>);

pub(crate) struct Ends {
    to_read: VecDeque<u8>,
    written: Vec<u8>,
    /// How much may still be written.
    room: usize,
    /// Whether writing fails.
    is_broken: bool,
}

impl Wire {
    fn new() -> Self {
        let ends = Ends {
            to_read: VecDeque::new(),
            written: Vec::new(),
            room: usize::MAX,
            is_broken: false,
        };
        Self(Arc::new(Mutex::new(ends)))
    }

    pub(crate) fn feed(&self, bytes: &[u8]) {
        self.0.lock().unwrap().to_read.extend(bytes);
    }

    pub(crate) fn set_room(&self, room: usize) {
        self.0.lock().unwrap().room = room;
    }

    fn break_writing(&self) {
        self.0.lock().unwrap().is_broken = true;
    }

    /// How much waits to be read, and how much was written.
    pub(crate) fn lens(&self) -> (usize, usize) {
        let ends = self.0.lock().unwrap();
        (ends.to_read.len(), ends.written.len())
    }

    fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap().written)
    }

    /// The unmasked payloads of the short frames that were written, each behind its first byte.
    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let written = self.take_written();
        let mut rest = &written[..];
        let mut frames = Vec::new();
        while let [head, len, key @ ..] = rest {
            let len = usize::from(len & 0x7F);
            assert!(len < 126, "a short frame");
            let (key, payload) = key.split_at(4);
            let pairs = payload[..len].iter().zip(key.iter().cycle());
            frames.push((*head, pairs.map(|(byte, key)| byte ^ key).collect()));
            rest = &payload[len..];
        }
        frames
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.0.lock().unwrap();
        let n = ends.to_read.len().min(buffer.len());
        if n == 0 {
            return Poll::Pending;
        }
        for (to, byte) in buffer.iter_mut().zip(ends.to_read.drain(..n)) {
            *to = byte;
        }
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
        if ends.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = ends.room.min(bytes.len());
        if n == 0 {
            return Poll::Pending;
        }
        ends.room -= n;
        ends.written.extend_from_slice(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Count(pub(crate) AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection's driver.
pub(crate) struct Hand {
    pub(crate) driver: Pin<Box<dyn Future<Output = ()>>>,
    pub(crate) wire: Wire,
    pub(crate) count: Arc<Count>,
}

impl Hand {
    fn new(wire: Wire, driver: impl Future<Output = ()> + 'static) -> Self {
        Self {
            driver: Box::pin(driver),
            wire,
            count: Arc::default(),
        }
    }

    /// Polls until it waits for something.
    fn run(&mut self) -> Poll<()> {
        let waker = Waker::from(Arc::clone(&self.count));
        loop {
            let before = self.count.0.load(Ordering::Relaxed);
            let polled = self.driver.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() || self.count.0.load(Ordering::Relaxed) == before {
                return polled;
            }
        }
    }

    /// Answers the opening handshake, with bytes behind the answer in the same read.
    fn accept(&mut self, behind: &[u8]) {
        assert!(self.run().is_pending());
        let request = String::from_utf8(self.wire.take_written()).unwrap();
        let mut lines = request.lines();
        let key = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            str::from_utf8(&accept).unwrap()
        );
        self.wire.feed(&[answer.as_bytes(), behind].concat());
        assert!(self.run().is_pending());
    }
}

fn stream(config: Config) -> (WebSocketStream, Hand) {
    let wire = Wire::new();
    let stream = wire.clone();
    let builder = WebSocket::builder("ws://h/").config(&Arc::new(config));
    let connected = builder.connect_stream(move |_| async move { Ok(stream) }, NoTimer);
    let (stream, driver) = connected.unwrap();
    (stream, Hand::new(wire, driver))
}

/// A stream that is open; with `behind` read in the same read as the answer.
pub(crate) fn opened(behind: &[u8]) -> (WebSocketStream, Opened<Futures>, Hand) {
    let (stream, mut hand) = stream(Config::default());
    hand.accept(behind);
    let opened = now(stream.opened()).unwrap();
    (stream, opened, hand)
}

/// What a future is ready with at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(std::pin::pin!(future)) {
        Poll::Ready(ready) => ready,
        Poll::Pending => panic!("it waits"),
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn d26_what_was_sent_before_the_end_and_is_written_behind_it_is_not_buffered() {
    let wire = Wire::new();
    let connection = Connection::server(&Arc::default());
    let accepted = Socket::from_parts(wire.clone(), connection, Vec::new());
    let (socket, driver) = WebSocket::from_socket(accepted);
    let mut hand = Hand::new(wire, driver);
    socket.start();
    hand.wire.set_room(0);
    socket.send("hello").unwrap();
    hand.wire.feed(b"\x88\x82\x00\x00\x00\x00\x03\xE8");
    assert!(hand.run().is_pending());
    assert_eq!(
        (socket.ready_state(), socket.buffered_amount()),
        (State::Closed, 5)
    );
    hand.wire.set_room(usize::MAX);
    let _ = hand.run();
    assert_eq!(hand.wire.take_written(), b"\x81\x05hello\x88\x02\x03\xE8");
    assert_eq!(socket.buffered_amount(), 0);
}

#[test]
fn d47_nothing_is_sent_once_closing_has_begun() {
    let (stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(
        Pin::new(&mut writable).poll_ready(&mut cx),
        Poll::Ready(Ok(()))
    );
    stream.close(&CloseInfo::default()).unwrap();
    let sent = Pin::new(&mut writable).start_send(Message::from("lost").into_owned());
    let _ = hand.run();
    assert_eq!(hand.wire.frames(), [(0x88, Vec::new())]);
    assert_eq!(sent, Err(StreamError::InvalidStateError));
}

#[test]
fn d47_d49_closing_wakes_a_write_that_waits_for_room() {
    let (stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    hand.wire.set_room(0);
    assert!(poll(std::pin::pin!(writable.write(vec![0; 1 << 20]))).is_pending());
    let _ = hand.run();
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut writable).poll_ready(&mut cx).is_pending());
    stream.close(&CloseInfo::default()).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let error = Poll::Ready(Err(StreamError::InvalidStateError));
    assert_eq!(Pin::new(&mut writable).poll_ready(&mut cx), error);
}

#[test]
fn d32_d47_the_peers_close_wakes_a_write_that_waits_for_room() {
    let (_stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    hand.wire.set_room(0);
    assert!(poll(std::pin::pin!(writable.write(vec![0; 1 << 20]))).is_pending());
    assert!(hand.run().is_pending());
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut writable).poll_ready(&mut cx).is_pending());
    hand.wire.feed(b"\x88\x00");
    assert!(hand.run().is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let error = Poll::Ready(Err(StreamError::InvalidStateError));
    assert_eq!(Pin::new(&mut writable).poll_ready(&mut cx), error);
}

/// Closing says something to those who wait only when it begins: not to the one that closes, again
/// and again, until the peer has answered.
#[test]
fn d48_closing_as_a_sink_waits_without_waking_itself() {
    let (_stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut writable).poll_close(&mut cx).is_pending());
    assert!(hand.run().is_pending());
    let driven = hand.count.0.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert!(Pin::new(&mut writable).poll_close(&mut cx).is_pending());
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert_eq!(hand.count.0.load(Ordering::Relaxed), driven);
}

/// A message without bytes has a place to wait in, of which there are not more than room for.
#[test]
fn d47_hostile_169_a_write_of_nothing_waits_for_the_peer_too() {
    let (_stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    hand.wire.set_room(0);
    let mut written = 0;
    while written < 100_000 && poll(std::pin::pin!(writable.write(""))).is_ready() {
        let _ = hand.run();
        written += 1;
    }
    assert!((1_000..100_000).contains(&written), "{written}");
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut writable).poll_ready(&mut cx).is_pending());
    assert!(Pin::new(&mut writable).poll_flush(&mut cx).is_pending());
    hand.wire.set_room(usize::MAX);
    let _ = hand.run();
    assert!(count.0.load(Ordering::Relaxed) > 0, "it is told");
    assert_eq!(
        Pin::new(&mut writable).poll_ready(&mut cx),
        Poll::Ready(Ok(()))
    );
    assert_eq!(
        Pin::new(&mut writable).poll_flush(&mut cx),
        Poll::Ready(Ok(()))
    );
    let frames = hand.wire.frames();
    assert!(frames.iter().all(|frame| *frame == (0x81, Vec::new())));
    // The write that had to wait sent its message as well, or not at all.
    assert!([written, written + 1].contains(&frames.len()));
}

#[test]
fn d47_what_has_no_bytes_is_flushed_once_it_is_written() {
    let (_stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    let mut cx = Context::from_waker(Waker::noop());
    hand.wire.set_room(0);
    for run in [false, true] {
        Pin::new(&mut writable).start_send("".into()).unwrap();
        if run {
            let _ = hand.run();
        }
        assert!(Pin::new(&mut writable).poll_flush(&mut cx).is_pending());
    }
    hand.wire.set_room(usize::MAX);
    let _ = hand.run();
    assert_eq!(
        Pin::new(&mut writable).poll_flush(&mut cx),
        Poll::Ready(Ok(()))
    );
}

/// Whoever no longer waits is forgotten at once, and not when something happens next.
#[test]
fn d45_hostile_141_those_that_gave_up_waiting_are_forgotten() {
    let (stream, opened, mut hand) = opened(b"");
    hand.wire.set_room(0);
    let mut writable = opened.writable;
    assert!(poll(std::pin::pin!(writable.write(vec![0; 1 << 20]))).is_pending());
    let _ = hand.run();
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(std::pin::pin!(stream.closed()).poll(&mut cx).is_pending());
        let write = std::pin::pin!(writable.write("more"));
        assert!(write.poll(&mut cx).is_pending());
    }
    assert!(Pin::new(&mut writable).poll_ready(&mut cx).is_pending());
    drop(writable);
    assert_eq!(Arc::strong_count(&count), 2, "this one and its waker");
}

/// A handle may be kept for long behind the end, to look at what became of it.
#[test]
fn d40_a_socket_that_is_over_keeps_nothing_of_its_driver() {
    let (stream, mut hand) = stream(Config::default());
    hand.accept(b"");
    let Hand { driver, count, .. } = hand;
    assert!(Arc::strong_count(&count) > 1, "it wakes its driver");
    drop(driver);
    assert_eq!(Arc::strong_count(&count), 1);
    assert_eq!(stream.socket().ready_state(), State::Closed);
}

/// What the connection cannot send is not lost in silence.
#[test]
fn d24_a_message_inside_an_unfinished_one_fails_the_connection() {
    let wire = Wire::new();
    let connection = Connection::server(&Arc::default());
    let mut accepted = Socket::from_parts(wire.clone(), connection, Vec::new());
    now(accepted.send_part(Part::more("begun"))).unwrap();
    let (socket, driver) = WebSocket::from_socket(accepted);
    let mut hand = Hand::new(wire, driver);
    socket.start();
    socket.send("hello").unwrap();
    assert!(hand.run().is_ready());
    assert_eq!(socket.ready_state(), State::Closed);
    let error = socket.error().unwrap();
    assert!(
        matches!(*error, Error::Send(SendError::MessageUnfinished)),
        "{error:?}"
    );
}

#[test]
fn d46_a_readable_may_be_read_as_bytes() {
    let (_stream, opened, hand) = opened(b"\x81\x02hi");
    let mut bytes = opened.readable.map_err(io::Error::from).into_async_read();
    let mut two = [0; 2];
    now(bytes.read_exact(&mut two)).unwrap();
    assert_eq!(&two, b"hi");
    drop(hand);
    let error = now(bytes.read(&mut two)).unwrap_err();
    let error = error.downcast::<StreamError>().unwrap();
    assert!(matches!(error, StreamError::WebSocket(_)), "{error:?}");
}

#[test]
fn d49_a_code_that_must_not_be_sent_is_no_body() {
    // An end without a Close: its error has 1006, which nobody may send.
    let (failed, opened_then, hand) = opened(b"");
    drop((opened_then, hand));
    let Err(StreamError::WebSocket(error)) = now(failed.closed()) else {
        panic!("it ended well");
    };
    assert_eq!(error.close_code(), Some(1006));
    for end in ["cancel", "abort"] {
        let (_stream, opened, mut hand) = opened(b"");
        match end {
            "cancel" => opened.readable.cancel(Some(&error)),
            _ => opened.writable.abort(Some(&error)),
        }
        let _ = hand.run();
        assert_eq!(hand.wire.frames(), [(0x88, Vec::new())], "{end}");
    }
}

#[test]
fn d47_a_peer_that_takes_nothing_ends_a_stream_that_nobody_reads() {
    let timeout = std::time::Duration::from_millis(20);
    let (stream, mut hand) = stream(Config::default().write_timeout(Some(timeout)));
    hand.accept(b"\x81\x02hi");
    let opened = now(stream.opened()).unwrap();
    let mut writable = opened.writable;
    hand.wire.set_room(0);
    assert!(poll(std::pin::pin!(writable.write(vec![0; 1 << 20]))).is_pending());
    let _ = hand.run();
    let end = std::time::Instant::now() + timeout;
    while std::time::Instant::now() <= end {
        std::thread::yield_now();
    }
    let _ = hand.run();
    let Err(StreamError::WebSocket(error)) = now(stream.closed()) else {
        panic!("it ended well");
    };
    assert_eq!(error.close_code(), Some(1006));
}

/// There is no timer, and nobody reads, which would show the end: nothing else tells the writer.
#[test]
fn d47_a_transport_that_fails_ends_the_writes_of_a_stream_that_nobody_reads() {
    let (stream, opened, mut hand) = opened(b"\x81\x02hi\x88\x02\x03\xE8");
    let (mut readable, mut writable) = (opened.readable, opened.writable);
    hand.wire.set_room(0);
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    let mut write = Box::pin(writable.write(vec![0; 1 << 20]));
    assert!(write.as_mut().poll(&mut cx).is_pending());
    assert!(hand.run().is_pending());
    hand.wire.break_writing();
    assert!(hand.run().is_pending());
    assert!(count.0.load(Ordering::Relaxed) > 0, "it is told");
    assert_eq!(now(write), Err(StreamError::InvalidStateError));
    // What came can be read all the same, and the peer had closed.
    let chunk = now(readable.read()).unwrap().unwrap();
    assert_eq!(chunk.as_text(), Some("hi"));
    let _ = hand.run();
    assert_eq!(stream.socket().ready_state(), State::Closing);
}

/// Nor where the other half of the transport lives on and says nothing.
#[test]
fn d47_a_transport_that_fails_by_half_ends_the_writes_of_a_stream() {
    let (_stream, opened, mut hand) = opened(b"");
    let mut writable = opened.writable;
    hand.wire.set_room(0);
    let mut write = Box::pin(writable.write(vec![0; 1 << 20]));
    assert!(poll(write.as_mut()).is_pending());
    assert!(hand.run().is_pending());
    hand.wire.break_writing();
    assert!(hand.run().is_pending());
    assert_eq!(now(write), Err(StreamError::InvalidStateError));
}

/// Owns a driver, as a task does.
struct Task {
    _driver: Mutex<Driver>,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// A driver that waits for its turn, after the first one.
fn one_by_one(url: &str) -> (WebSocket, Driver) {
    let wire = Wire::new();
    let builder = WebSocket::builder(url).one_connecting_per_host(true);
    let (socket, driver) = builder.connect(move |_| async move { Ok(wire) }).unwrap();
    (socket, Box::pin(driver))
}

#[test]
fn d16_a_waker_may_own_another_one_that_waits() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let ((_a, mut first), (_b, mut second), (_c, mut third)) = (
            one_by_one("ws://waker/"),
            one_by_one("ws://waker/"),
            one_by_one("ws://waker/"),
        );
        for driver in [&mut first, &mut second, &mut third] {
            assert!(poll(driver.as_mut()).is_pending());
        }
        let task = Task {
            _driver: Mutex::new(third),
        };
        let task = Waker::from(Arc::new(task));
        let polled = second.as_mut().poll(&mut Context::from_waker(&task));
        assert!(polled.is_pending());
        drop(task);
        assert!(poll(second.as_mut()).is_pending());
        done.send(()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()));
}

#[test]
fn d16_one_that_gives_up_lets_only_its_own_place_go() {
    let ((_a, mut first), (socket, mut second), (_c, mut third)) = (
        one_by_one("ws://gives.up/"),
        one_by_one("ws://gives.up/"),
        one_by_one("ws://gives.up/"),
    );
    for driver in [&mut first, &mut second] {
        assert!(poll(driver.as_mut()).is_pending());
    }
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    assert!(
        third
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    socket.close(None, "").unwrap();
    socket.start();
    assert!(poll(second.as_mut()).is_ready());
    assert_eq!(
        (socket.ready_state(), count.0.load(Ordering::Relaxed)),
        (State::Closed, 0)
    );
    drop(first);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

/// Something to write to that looks at the socket itself.
struct Curious<'s>(&'s WebSocket, usize);

impl std::fmt::Write for Curious<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        assert_eq!(self.0.buffered_amount(), 0);
        self.1 += text.len();
        Ok(())
    }
}

#[test]
fn a_socket_is_not_locked_while_it_is_described() {
    use std::fmt::Write;

    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (socket, _driver) = one_by_one("ws://gives.up/");
        let mut curious = Curious(&socket, 0);
        write!(curious, "{socket:?}").unwrap();
        done.send(curious.1 > 0).unwrap();
    });
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true));
}
