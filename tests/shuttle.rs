//! No interleaving of the halves' two threads loses a wake-up.
//!
//! `RUSTFLAGS="--cfg sansock_shuttle" cargo test --test shuttle`
#![cfg(sansock_shuttle)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, Waker},
};

use sansock::{
    Config, Message,
    adapter::polled::{Io, Socket},
    proto::{Connection, Instant},
};
use shuttle::{
    future::block_on,
    sync::{Arc, Mutex},
    thread,
};

/// One direction of a pipe.
#[derive(Default)]
struct Way {
    bytes: Vec<u8>,
    is_ended: bool,
    /// Whether its reader is gone.
    is_broken: bool,
    /// The one waker that a transport remembers for each direction.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How many bytes a direction holds.
const ROOM: usize = 24;

#[derive(Clone)]
struct Pipe {
    input: Arc<Mutex<Way>>,
    output: Arc<Mutex<Way>>,
}

fn pipe() -> (Pipe, Pipe) {
    let (one, other) = (Arc::<Mutex<Way>>::default(), Arc::<Mutex<Way>>::default());
    let near = Pipe {
        input: Arc::clone(&one),
        output: Arc::clone(&other),
    };
    let far = Pipe {
        input: other,
        output: one,
    };
    (near, far)
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Pipe {
    fn read(&self, cx: &Context<'_>, most: usize) -> Poll<Vec<u8>> {
        let mut way = self.input.lock().unwrap();
        if way.bytes.is_empty() && !way.is_ended {
            way.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = way.bytes.len().min(most);
        let bytes = way.bytes.drain(..n).collect();
        let writer = way.writer.take();
        drop(way);
        wake(writer);
        Poll::Ready(bytes)
    }

    fn end(&self) {
        let mut way = self.output.lock().unwrap();
        way.is_ended = true;
        let reader = way.reader.take();
        drop(way);
        wake(reader);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
            let mut way = self.input.lock().unwrap();
            way.is_broken = true;
            let writer = way.writer.take();
            drop(way);
            wake(writer);
        }
    }
}

impl Io for Pipe {
    type Stream = Self;

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read(cx, buffer.len()).map(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        })
    }

    fn poll_read_append(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.read(cx, limit).map(|bytes| {
            buffer.extend(&bytes);
            Ok(bytes.len())
        })
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut way = self.output.lock().unwrap();
        if way.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = ROOM - way.bytes.len();
        if room == 0 {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = way.bytes.len();
        for chunk in chunks {
            let left = ROOM - way.bytes.len();
            way.bytes.extend(&chunk[..chunk.len().min(left)]);
        }
        let written = way.bytes.len() - before;
        let reader = way.reader.take();
        drop(way);
        wake(reader);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    /// Time stands still: nothing but a wake-up helps.
    fn poll_timer(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<()> {
        Poll::Pending
    }

    fn stream(&self) -> &Self {
        self
    }

    fn stream_mut(&mut self) -> &mut Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }
}

fn sockets() -> (Socket<Pipe>, Socket<Pipe>) {
    let (near, far) = pipe();
    // So little that a message or two reach the mark, and sending must wait.
    let config = Arc::new(Config::default().high_water_mark(16));
    (
        Socket::from_connection(near, Connection::client(&config, [7; 32]), Vec::new()),
        Socket::from_connection(far, Connection::server(&config), Vec::new()),
    )
}

fn check(scenario: fn()) {
    shuttle::check_random(scenario, 2_000);
    shuttle::check_pct(scenario, 1_000, 3);
}

const MESSAGES: u8 = 4;

fn message(i: u8) -> Message<'static> {
    vec![i; 14].into()
}

/// Both halves of one end talk to a peer that echoes.
fn echo() {
    let (near, mut far) = sockets();
    let (mut read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        block_on(async {
            while let Some(message) = far.recv().await.unwrap() {
                far.send(message).await.unwrap();
            }
        });
    });
    let writer = thread::spawn(move || {
        block_on(async {
            for i in 0..MESSAGES {
                write.send(message(i)).await.unwrap();
            }
            write.flush().await.unwrap();
            write
        })
    });
    let reader = thread::spawn(move || {
        block_on(async {
            for i in 0..MESSAGES {
                assert_eq!(read.recv().await.unwrap(), Some(message(i)));
            }
            read
        })
    });
    let (read, write) = (reader.join().unwrap(), writer.join().unwrap());
    let mut near = read.reunite(write).unwrap();
    assert!(block_on(near.end()).unwrap().clean);
    drop(near);
    peer.join().unwrap();
}

/// Both halves of both ends send and receive at once.
fn both_ways() {
    let (near, far) = sockets();
    let mut threads = Vec::new();
    for end in [near, far] {
        let (mut read, mut write) = end.into_split();
        threads.push(thread::spawn(move || {
            block_on(async {
                for i in 0..MESSAGES {
                    write.feed(message(i)).await.unwrap();
                }
                write.flush().await.unwrap();
            });
            // The other end may still read: dropped, it would close.
            std::mem::forget(write);
        }));
        threads.push(thread::spawn(move || {
            block_on(async {
                for i in 0..MESSAGES {
                    assert_eq!(read.recv().await.unwrap(), Some(message(i)));
                }
            });
            std::mem::forget(read);
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The writer is dropped while the reader waits: it sees the end.
fn dropped_writer() {
    let (near, mut far) = sockets();
    let (mut read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        block_on(async {
            far.ping(b"are you there").await.unwrap();
            while far.recv().await.unwrap().is_some() {}
            assert!(far.close_status().unwrap().clean);
        });
    });
    let writer = thread::spawn(move || {
        block_on(write.send(message(0))).unwrap();
    });
    let reader = thread::spawn(move || {
        assert_eq!(block_on(read.recv()).unwrap(), None);
    });
    for thread in [writer, reader, peer] {
        thread.join().unwrap();
    }
}

/// The reader is dropped while the writer waits for a peer that also sends.
fn dropped_reader() {
    let (near, mut far) = sockets();
    let (read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        block_on(async {
            for i in 0..MESSAGES {
                far.feed(message(i)).await.unwrap();
            }
            for i in 0..2 * MESSAGES {
                assert_eq!(far.recv().await.unwrap(), Some(message(i)));
            }
        });
        std::mem::forget(far);
    });
    let writer = thread::spawn(move || {
        block_on(async {
            // More than fits anywhere, so that it waits, and so reads, until the peer receives.
            for i in 0..2 * MESSAGES {
                write.send(message(i)).await.unwrap();
            }
            write.flush().await.unwrap();
        });
        std::mem::forget(write);
    });
    let reader = thread::spawn(move || drop(read));
    reader.join().unwrap();
    writer.join().unwrap();
    peer.join().unwrap();
}

/// The peer closes while the writer waits and the reader receives.
fn closed_by_the_peer() {
    let (near, mut far) = sockets();
    let (mut read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        assert!(block_on(far.end()).unwrap().clean);
    });
    let writer = thread::spawn(move || {
        block_on(async {
            // More than there is room for, until it is refused.
            for _ in 0..4 * MESSAGES {
                if write.send(message(0)).await.is_err() {
                    break;
                }
            }
            // What was sent before was written, or never will be.
            let _ = write.flush().await;
        });
        write
    });
    let reader = thread::spawn(move || {
        block_on(async { while read.recv().await.unwrap().is_some() {} });
        read
    });
    let (write, read) = (writer.join().unwrap(), reader.join().unwrap());
    drop((read, write));
    peer.join().unwrap();
}

/// The writer closes while the reader receives and the peer still sends.
fn closed_by_the_writer() {
    let (near, mut far) = sockets();
    let (mut read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        block_on(async {
            for i in 0..MESSAGES {
                if far.send(message(i)).await.is_err() {
                    break;
                }
            }
            while far.recv().await.unwrap().is_some() {}
            assert!(far.close_status().unwrap().clean);
        });
    });
    let writer = thread::spawn(move || {
        block_on(async {
            write.send(message(0)).await.unwrap();
            write.close(None).await.unwrap();
            assert!(write.send(message(1)).await.is_err());
        });
        write
    });
    let reader = thread::spawn(move || {
        block_on(async {
            let mut heard = 0;
            while let Some(received) = read.recv().await.unwrap() {
                assert_eq!(received, message(heard));
                heard += 1;
            }
        });
        assert!(read.close_status().unwrap().clean);
        read
    });
    let (write, read) = (writer.join().unwrap(), reader.join().unwrap());
    drop((read, write));
    peer.join().unwrap();
}

/// Both halves are dropped at once, while the peer sends and receives: it sees an end.
fn dropped_both() {
    let (near, mut far) = sockets();
    let (read, mut write) = near.into_split();
    let peer = thread::spawn(move || {
        block_on(async {
            for i in 0..MESSAGES {
                if far.send(message(i)).await.is_err() {
                    break;
                }
            }
            while let Ok(Some(received)) = far.recv().await {
                assert_eq!(received, message(0));
            }
            assert!(far.close_status().is_some());
        });
    });
    let writer = thread::spawn(move || {
        // The other half may have closed first.
        let _ = block_on(write.send(message(0)));
    });
    let reader = thread::spawn(move || drop(read));
    for thread in [writer, reader, peer] {
        thread.join().unwrap();
    }
}

#[test]
fn hostile_142_147_a_close_of_the_writer_wakes_the_reader() {
    check(closed_by_the_writer);
}

#[test]
fn hostile_143_147_both_halves_dropped_at_once_end_it() {
    check(dropped_both);
}

#[test]
fn hostile_142_147_an_echo_comes_back() {
    check(echo);
}

#[test]
fn hostile_142_147_both_ways_at_once() {
    check(both_ways);
}

#[test]
fn hostile_143_147_a_dropped_writer_wakes_the_reader() {
    check(dropped_writer);
}

#[test]
fn hostile_143_147_a_dropped_reader_wakes_the_writer() {
    check(dropped_reader);
}

#[test]
fn hostile_142_147_a_close_of_the_peer_wakes_both() {
    check(closed_by_the_peer);
}
