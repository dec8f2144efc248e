//! What the fuzz target of the adapters found, as small as it can be.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use sansock::{
    Config,
    adapter::polled::{Io, Socket},
    proto::{Connection, Instant},
};

/// A transport with a made-up clock that a test turns.
#[derive(Default)]
struct Script {
    input: Vec<u8>,
    now: Instant,
    /// Whether writing would block.
    is_full: bool,
    is_shut: bool,
    written_after_shutdown: usize,
}

impl Io for Script {
    type Stream = Self;

    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let len = self.input.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Poll::Ready(Ok(len))
    }

    fn poll_read_append(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let len = self.input.len().min(limit);
        buffer.extend(self.input.drain(..len));
        Poll::Ready(Ok(len))
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_full {
            return Poll::Pending;
        }
        let len = chunks.iter().map(|chunk| chunk.len()).sum();
        if self.is_shut {
            self.written_after_shutdown += len;
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.now >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
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

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A peer that closes and reads nothing: once its time is over and writing is shut down, what
/// still waits is not written, even if it could be by then.
#[test]
fn nothing_is_written_behind_the_end_of_writing() {
    let config = Arc::new(Config::default());
    let io = Script {
        input: b"\x88\x80\0\0\0\0".to_vec(),
        is_full: true,
        ..Script::default()
    };
    let mut socket = Socket::from_connection(io, Connection::server(&config), Vec::new());
    assert!(poll_once(socket.recv()).is_pending(), "the reply waits");
    assert!(!socket.get_ref().is_shut);

    socket.get_mut().now = Instant::ZERO + Duration::from_secs(60);
    assert!(matches!(poll_once(socket.recv()), Poll::Ready(Ok(None))));
    assert!(socket.get_ref().is_shut);

    socket.get_mut().is_full = false;
    assert!(matches!(poll_once(socket.flush()), Poll::Ready(Ok(()))));
    assert_eq!(socket.get_ref().written_after_shutdown, 0);
}
