//! The rules of the futures adapter, and of sockets that two tasks share.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/wire.rs"]
mod wire;

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use futures_util::{
    SinkExt, StreamExt,
    io::{AsyncRead, AsyncWrite},
};
use sansock::{
    Config, Timeout,
    adapter::{
        Error, futures,
        polled::{self, Socket},
        tokio as on_tokio,
    },
    proto::{self, Connection},
};
use tokio::task::JoinHandle;
use wire::{CLOSE, PING, PONG, TEXT, decode, frame};

/// A stream as async-net's: who waits to write is forgotten by whatever does not block.
#[derive(Clone, Debug, Default)]
struct Forgetful(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    input: VecDeque<u8>,
    is_ended: bool,
    output: Vec<u8>,
    /// How much may be written.
    room: usize,
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl Forgetful {
    fn push(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.input.extend(bytes);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    fn make_room(&self, room: usize) {
        let mut state = self.0.borrow_mut();
        state.room = room;
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }

    fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().output)
    }
}

impl AsyncRead for Forgetful {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.input.is_empty() && !state.is_ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = state.input.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(state.input.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Forgetful {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = bytes.len().min(state.room);
        state.room -= n;
        state.writer = None;
        state.output.extend(&bytes[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().writer = None;
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().is_ended = true;
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn server(stream: Forgetful, config: Config) -> futures::Socket<Forgetful> {
    let connection = Connection::server(&Arc::new(config));
    futures::Socket::from_parts(stream, connection, Vec::new())
}

fn poll_once<F: Future>(future: F, woken: &Arc<Woken>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(woken));
    pin!(future).poll(&mut Context::from_waker(&waker))
}

/// Without a timer the socket says when to poll it again, and keeps the deadline then.
#[test]
fn no_timer_hands_the_deadline_out() {
    let stream = Forgetful::default();
    stream.make_room(1000);
    let due = Duration::from_millis(30);
    let config = Config::default()
        .ping_interval(Some(due))
        .pong_timeout(Some(due))
        .linger(Duration::ZERO);
    let mut socket = server(stream.clone(), config);
    let (begin, woken) = (Instant::now(), Arc::default());
    assert!(poll_once(socket.recv(), &woken).is_pending());
    let mut error = None;
    while error.is_none() {
        let next = socket.next_deadline().expect("a deadline");
        assert!(next <= Instant::now() + due);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        match poll_once(socket.recv(), &woken) {
            Poll::Ready(result) => error = result.err(),
            Poll::Pending => {}
        }
    }
    assert!(begin.elapsed() >= 2 * due);
    let error = error.unwrap();
    assert!(
        matches!(
            error,
            Error::Connection(proto::Error::Timeout(Timeout::Pong))
        ),
        "{error:?}"
    );
    let kinds: Vec<u8> = decode(&stream.take_output())
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(kinds, [PING, CLOSE]);
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
}

/// hostile 136: a flush that forgets who waits to write strands nobody.
#[test]
fn hostile_136_a_flush_that_forgets_its_writer() {
    let stream = Forgetful::default();
    stream.make_room(10);
    let mut socket = server(stream.clone(), Config::default());
    let woken = Arc::<Woken>::default();
    assert!(poll_once(socket.send("a message"), &woken).is_ready());
    // Each poll writes a bit, and then waits to read or to write.
    for polls in 0.. {
        assert!(polls < 100, "never done");
        if polls < 5 {
            stream.push(&frame(true, PING, b"?"));
        }
        if polls % 2 == 0 {
            assert!(poll_once(socket.recv(), &woken).is_pending());
        } else if poll_once(socket.flush(), &woken).is_ready() {
            break;
        }
        let before = woken.0.load(Ordering::Relaxed);
        stream.make_room(3);
        let after = woken.0.load(Ordering::Relaxed);
        let all = socket.buffered_amount() == 0 && polls >= 5;
        assert!(after > before || all, "nobody waits to write");
    }
    let output = stream.take_output();
    let kinds: Vec<u8> = decode(&output).iter().map(|it| it.0).collect();
    assert_eq!(kinds[0], TEXT);
    assert!(kinds.len() > 1 && kinds[1..].iter().all(|kind| *kind == PONG));
}

const ROUNDS: u32 = 10_000;

/// Both ends, each split into two tasks: one sends, another receives, and neither waits for ever.
async fn shared_by_two_tasks<T, U>(one: Socket<T>, other: Socket<U>)
where
    T: polled::Io + Send + 'static,
    U: polled::Io + Send + 'static,
{
    let tasks = [both_directions(one), both_directions(other)];
    for task in tasks.into_iter().flatten() {
        let joined = tokio::time::timeout(Duration::from_secs(40), task).await;
        joined.expect("waits for ever").unwrap();
    }
}

/// A task that sends and one that receives.
fn both_directions<T: polled::Io + Send + 'static>(socket: Socket<T>) -> [JoinHandle<()>; 2] {
    let (mut sink, mut stream) = StreamExt::split(socket);
    let writer = tokio::spawn(async move {
        for i in 0..ROUNDS {
            let message = i.to_string().repeat(1 + i as usize % 40);
            sink.feed(message.into()).await.unwrap();
            if i % 7 == 0 {
                sink.flush().await.unwrap();
            }
            if i % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        sink.flush().await.unwrap();
    });
    let reader = tokio::spawn(async move {
        for i in 0..ROUNDS {
            let message = stream.next().await.unwrap().unwrap();
            let text = message.as_text().unwrap();
            assert!(text.starts_with(&i.to_string()));
        }
    });
    [writer, reader]
}

fn config() -> Arc<Config> {
    Arc::new(Config::default().high_water_mark(2000))
}

fn connections() -> [Connection; 2] {
    let config = config();
    [
        Connection::client(&config, [7; 32]),
        Connection::server(&config),
    ]
}

/// Strictly in turns: each message waits for the answer to the last, over a tiny pipe.
async fn in_turns<T, U>(one: Socket<T>, other: Socket<U>)
where
    T: polled::Io + Send + 'static,
    U: polled::Io + Send + 'static,
{
    let (mut sink, mut stream) = StreamExt::split(one);
    let (mut back, mut there) = StreamExt::split(other);
    let (to_writer, mut answers) = tokio::sync::mpsc::channel(1);
    let writer = tokio::spawn(async move {
        for i in 0..ROUNDS / 4 {
            sink.send(i.to_string().into()).await.unwrap();
            answers.recv().await.unwrap();
        }
    });
    let reader = tokio::spawn(async move {
        for _ in 0..ROUNDS / 4 {
            stream.next().await.unwrap().unwrap();
            to_writer.send(()).await.unwrap();
        }
    });
    let echo = tokio::spawn(async move {
        for _ in 0..ROUNDS / 4 {
            let message = there.next().await.unwrap().unwrap();
            back.send(message).await.unwrap();
        }
    });
    for task in [writer, reader, echo] {
        let joined = tokio::time::timeout(Duration::from_secs(40), task).await;
        joined.expect("waits for ever").unwrap();
    }
}

/// hostile 142: two tasks share a socket of tokio by `StreamExt::split`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_142_two_tasks_share_a_socket_of_tokio() {
    for size in [64, 4096] {
        let (one, other) = tokio::io::duplex(size);
        let [client, server] = connections();
        let one = on_tokio::Socket::from_parts(one, client, Vec::new());
        let other = on_tokio::Socket::from_parts(other, server, Vec::new());
        shared_by_two_tasks(one, other).await;
        let (one, other) = tokio::io::duplex(size);
        let [client, server] = connections();
        let one = on_tokio::Socket::from_parts(one, client, Vec::new());
        let other = on_tokio::Socket::from_parts(other, server, Vec::new());
        in_turns(one, other).await;
    }
}

/// hostile 142: the same over smol's streams, which forget wakers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_142_two_tasks_share_a_socket_of_smol() {
    let pair = || {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let [client, server] = connections();
        let one = smol::net::unix::UnixStream::try_from(one).unwrap();
        let other = smol::net::unix::UnixStream::try_from(other).unwrap();
        (
            futures::Socket::from_parts(one, client, Vec::new()),
            futures::Socket::from_parts(other, server, Vec::new()),
        )
    };
    let (one, other) = pair();
    shared_by_two_tasks(one, other).await;
    let (one, other) = pair();
    in_turns(one, other).await;
}
