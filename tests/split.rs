//! Sockets as two halves, for two tasks or threads.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

#[cfg(unix)]
#[path = "split/threads.rs"]
mod threads;

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use sansock::{
    CloseCode, CloseFrame, Config, Event, Message, State,
    adapter::{
        Error, futures,
        polled::{Io, Socket},
        tokio::Socket as Tokio,
    },
    endpoint::EndpointEvent,
    proto::Connection,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// A stream of tokio as one of futures-io.
struct Other(DuplexStream);

impl futures_util::AsyncRead for Other {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

impl futures_util::AsyncWrite for Other {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn connections() -> (Connection, Connection) {
    connections_with(&Config::default())
}

fn connections_with(config: &Config) -> (Connection, Connection) {
    let config = Arc::new(config.clone());
    (
        Connection::client(&config, [7; 32]),
        Connection::server(&config),
    )
}

type TokioSocket = Tokio<DuplexStream>;
type FuturesSocket = futures::Socket<Other>;

fn tokio_pair(size: usize) -> (TokioSocket, TokioSocket) {
    let (near, far) = tokio::io::duplex(size);
    let (client, server) = connections();
    (
        Tokio::from_parts(near, client, Vec::new()),
        Tokio::from_parts(far, server, Vec::new()),
    )
}

fn futures_pair(size: usize) -> (FuturesSocket, FuturesSocket) {
    let (near, far) = tokio::io::duplex(size);
    let (client, server) = connections();
    (
        futures::Socket::from_parts(Other(near), client, Vec::new()),
        futures::Socket::from_parts(Other(far), server, Vec::new()),
    )
}

/// On two threads; what takes very long waits for ever.
fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(60), test).await };
    runtime.block_on(limited).expect("waits for ever");
}

fn number(message: &Message<'_>) -> usize {
    let Message::Text(text) = message else {
        panic!("{message:?}")
    };
    text.parse().unwrap()
}

/// Both ends send and receive at once, in a task for each half.
async fn talk<T>(ends: [Socket<T>; 2], messages: usize, payload: usize)
where
    T: Io + Send + 'static,
{
    let mut tasks = Vec::new();
    for end in ends {
        let (mut read, mut write) = end.into_split();
        let (all, wait) = tokio::sync::oneshot::channel();
        tasks.push(tokio::spawn(async move {
            for i in 0..messages {
                let message = if payload == 0 {
                    Message::from(i.to_string())
                } else {
                    Message::from(vec![b'x'; payload])
                };
                write.send(message).await.unwrap();
            }
            write.flush().await.unwrap();
            wait.await.unwrap();
            let frame = CloseFrame::new(CloseCode::NORMAL, "");
            // The other end may have closed first.
            let _ = write.close(Some(&frame)).await;
        }));
        tasks.push(tokio::spawn(async move {
            for i in 0..messages {
                let message = read.recv().await.unwrap().unwrap();
                if payload == 0 {
                    assert_eq!(number(&message), i);
                } else {
                    assert_eq!(message.as_bytes().len(), payload);
                }
            }
            all.send(()).unwrap();
            assert!(read.recv().await.unwrap().is_none());
            assert!(read.close_status().unwrap().clean);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn hostile_142_many_messages_both_ways() {
    for size in [1, 64, 100_000] {
        let messages = if size == 1 { 200 } else { 3_000 };
        run(async {
            let (one, other) = tokio_pair(size);
            talk([one, other], messages, 0).await;
            let (one, other) = futures_pair(size);
            talk([one, other], messages, 0).await;
        });
    }
}

#[test]
fn hostile_142_64_mib_both_ways_at_once() {
    run(async {
        let (one, other) = tokio_pair(100_000);
        talk([one, other], 64, 1 << 20).await;
    });
    run(async {
        let (one, other) = futures_pair(100_000);
        talk([one, other], 64, 1 << 20).await;
    });
}

/// Pings and a Close are answered by whichever half is polled.
async fn answered_by_the_reader<T: Io + Send + 'static>(near: Socket<T>, mut far: Socket<T>) {
    let (mut read, write) = near.into_split();
    let reader = tokio::spawn(async move { read.recv().await });
    for payload in [b"one", b"two"] {
        far.ping(payload).await.unwrap();
        pong(&mut far, payload).await;
    }
    assert!(far.end().await.unwrap().clean);
    assert!(reader.await.unwrap().unwrap().is_none());
    assert_eq!(write.state(), State::Closed);
}

/// Waits for a Pong; messages before it are discarded.
async fn pong<T: Io>(socket: &mut Socket<T>, expected: &[u8]) {
    loop {
        while let Some(event) = socket.next_event() {
            match event {
                EndpointEvent::Event(Event::Pong(payload)) => {
                    assert_eq!(&payload[..], expected);
                    return;
                }
                EndpointEvent::Event(Event::Message(_)) => {}
                event => panic!("{event:?}"),
            }
        }
        assert!(socket.fill().await.unwrap());
    }
}

async fn answered_by_the_writer<T: Io + Send + 'static>(near: Socket<T>, mut far: Socket<T>) {
    let (mut read, mut write) = near.into_split();
    let writer = tokio::spawn(async move {
        // More than the pipe holds: it waits until the peer reads.
        write.feed(vec![1; 1_200_000]).await.unwrap();
        let flushed = write.flush().await;
        (write, flushed)
    });
    tokio::task::yield_now().await;
    far.ping(b"heard").await.unwrap();
    pong(&mut far, b"heard").await;
    // The reader is never polled until the writer is done, and the Close is answered all the same.
    let rest = async {
        let (write, flushed) = writer.await.unwrap();
        flushed.unwrap();
        assert_ne!(write.state(), State::Open);
        assert!(read.recv().await.unwrap().is_none());
        assert!(read.close_status().unwrap().clean);
    };
    let (ended, ()) = tokio::join!(far.end(), rest);
    assert!(ended.unwrap().clean);
}

#[test]
fn hostile_142_pings_and_closes_are_answered_while_only_the_reader_is_polled() {
    run(async {
        let (near, far) = tokio_pair(64);
        answered_by_the_reader(near, far).await;
        let (near, far) = futures_pair(64);
        answered_by_the_reader(near, far).await;
    });
}

#[test]
fn hostile_142_145_pings_and_closes_are_answered_while_only_the_writer_is_polled() {
    run(async {
        let (near, far) = tokio_pair(64);
        answered_by_the_writer(near, far).await;
        let (near, far) = futures_pair(64);
        answered_by_the_writer(near, far).await;
    });
}

async fn dropped_writer<T: Io>(near: Socket<T>, mut far: Socket<T>) {
    let (mut read, write) = near.into_split();
    far.send("before").await.unwrap();
    drop(write);
    let received = async {
        assert_eq!(read.recv().await.unwrap(), Some("before".into()));
        assert_eq!(read.recv().await.unwrap(), None);
    };
    let (ended, ()) = tokio::join!(far.recv(), received);
    assert_eq!(ended.unwrap(), None);
    assert!(far.close_status().unwrap().clean);
}

async fn dropped_reader<T: Io>(near: Socket<T>, mut far: Socket<T>) {
    let (read, mut write) = near.into_split();
    drop(read);
    let sending = async {
        for i in 0..50 {
            write.send(vec![i; 40_000]).await.unwrap();
        }
        write.flush().await.unwrap();
        write
    };
    // Both only send for a while; what the half that is left reads is discarded.
    let receiving = async {
        for _ in 0..50 {
            far.send("to nobody").await.unwrap();
        }
        for i in 0..50 {
            let message = far.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), &[i; 40_000][..]);
        }
    };
    let (write, ()) = tokio::join!(sending, receiving);
    drop(write);
    // Nobody drives what both halves have left: the transport ends.
    assert!(matches!(
        far.recv().await,
        Err(Error::Connection(_) | Error::Io(_))
    ));
}

#[test]
fn hostile_143_either_half_may_be_dropped() {
    run(async {
        let (near, far) = tokio_pair(1_000);
        dropped_writer(near, far).await;
        let (near, far) = futures_pair(1_000);
        dropped_writer(near, far).await;
        let (near, far) = tokio_pair(1_000);
        dropped_reader(near, far).await;
        let (near, far) = futures_pair(1_000);
        dropped_reader(near, far).await;
    });
}

async fn reunited<T: Io>(near: Socket<T>, mut far: Socket<T>, stranger: Socket<T>) {
    far.feed("one").await.unwrap();
    far.send("two").await.unwrap();
    let (mut read, write) = near.into_split();
    assert_eq!(read.recv().await.unwrap(), Some("one".into()));
    let (other_read, other_write) = stranger.into_split();
    let error = read.reunite(other_write).unwrap_err();
    assert!(!error.to_string().is_empty());
    let (read, other_write) = (error.0, error.1);
    assert!(other_read.reunite(other_write).is_ok());
    let mut near = read.reunite(write).unwrap();
    assert_eq!(near.recv().await.unwrap(), Some("two".into()));
    near.send("three").await.unwrap();
    assert_eq!(far.recv().await.unwrap(), Some("three".into()));
    let (one, other) = tokio::join!(near.end(), far.end());
    assert!(one.unwrap().clean && other.unwrap().clean);
}

#[test]
fn hostile_143_halves_are_joined_again_but_not_with_strangers() {
    run(async {
        let ((near, far), (stranger, _far)) = (tokio_pair(1_000), tokio_pair(1));
        reunited(near, far, stranger).await;
        let ((near, far), (stranger, _far)) = (futures_pair(1_000), futures_pair(1));
        reunited(near, far, stranger).await;
    });
}

const SENDERS: usize = 100;
const EACH: usize = 1_000;

/// Counts the messages of each sender, which must come in order.
#[derive(Default)]
struct Orders(Vec<usize>);

impl Orders {
    fn take(&mut self, message: &Message<'_>) {
        let number = number(message);
        self.0.resize(SENDERS, 0);
        assert_eq!(number % EACH, self.0[number / EACH], "out of order");
        self.0[number / EACH] += 1;
    }
}

#[test]
fn hostile_144_a_hundred_senders_keep_their_order() {
    run(async {
        let (near, mut far) = tokio_pair(10_000);
        let (mut read, mut write) = near.into_split();
        let (queue, mut queued) = tokio::sync::mpsc::channel::<String>(16);
        for sender in 0..SENDERS {
            let queue = queue.clone();
            tokio::spawn(async move {
                for i in 0..EACH {
                    queue.send((sender * EACH + i).to_string()).await.unwrap();
                }
            });
        }
        drop(queue);
        tokio::spawn(async move {
            while let Some(text) = queued.recv().await {
                write.send(text).await.unwrap();
            }
        });
        let reader = tokio::spawn(async move { read.recv().await });
        let mut orders = Orders::default();
        while let Some(message) = far.recv().await.unwrap() {
            orders.take(&message);
        }
        assert_eq!(orders.0, [EACH; SENDERS]);
        assert!(reader.await.unwrap().unwrap().is_none());
    });
}

/// A waker that owns a half, as one does whose task is kept by nothing else.
struct Owner<H> {
    _half: Mutex<H>,
}

impl<H: Send> Wake for Owner<H> {
    fn wake(self: Arc<Self>) {}
}

fn owner<H: Send + 'static>(half: H) -> Waker {
    let half = Mutex::new(half);
    Waker::from(Arc::new(Owner { _half: half }))
}

fn poll<T>(future: impl Future<Output = T>, waker: &Waker) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Runs on a thread that nothing waits for but this.
fn ends(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    is_done
        .recv_timeout(Duration::from_secs(60))
        .expect("waits for itself");
}

/// The last waker of a task goes where another takes its place, and the half that it owns with it.
#[test]
fn hostile_143_a_waker_may_own_the_other_half() {
    ends(|| {
        let (near, far) = futures_pair(256);
        let (mut read, write) = near.into_split();
        assert!(poll(read.recv(), &owner(write)).is_pending());
        assert!(poll(read.recv(), Waker::noop()).is_pending());
        drop(far);

        let (near, far) = futures_pair(64);
        let (read, mut write) = near.into_split();
        let long = vec![7; 4096];
        assert!(poll(write.send(&long), Waker::noop()).is_ready());
        assert!(poll(write.flush(), &owner(read)).is_pending());
        assert!(poll(write.flush(), Waker::noop()).is_pending());
        drop(far);
    });
}

/// A transport wakes whoever waits at its other end, and that may be the last of it.
#[test]
fn hostile_143_a_transport_may_wake_the_owner_of_a_half() {
    ends(|| {
        for is_writer in [true, false] {
            let (near, mut far) = futures_pair(256);
            let (mut read, mut write) = near.into_split();
            if is_writer {
                assert!(poll(far.ping(b""), Waker::noop()).is_ready());
                assert!(poll(far.recv(), &owner(write)).is_pending());
                // The Pong wakes it; then the Close of the half that went is sent.
                assert!(poll(read.recv(), Waker::noop()).is_pending());
                assert!(poll(read.recv(), Waker::noop()).is_pending());
                let _ = poll(far.recv(), Waker::noop());
                assert_ne!(far.state(), State::Open);
            } else {
                assert!(poll(far.recv(), &owner(read)).is_pending());
                assert!(poll(write.send("hi"), Waker::noop()).is_ready());
            }
        }
    });
}
