//! A transport whose every call a script decides, with a made-up clock.
//!
//! One byte of the script says what one call comes to: all, a part, would block, interrupted, an
//! error, the end, or more than is true. Behind the script everything works, and the peer ends.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice, Read, Write},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use mio::{Interest, Registry, Token, event::Source};
use sansock::{
    Role,
    adapter::{blocking::Stream, mio::Stream as MioStream, polled::Io},
    proto::Instant,
};

use crate::{
    Frames,
    script::{Verdict, verdict},
};

/// What a script decides over, shared by a transport and those who look on.
#[derive(Clone, Debug)]
pub struct World(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    script: Vec<u8>,
    at: usize,
    input: Vec<u8>,
    read: usize,
    ended: bool,
    /// Whether the transport may say that it did more than it did.
    lies: bool,
    lied: bool,
    now: Instant,
    /// What was last waited for.
    deadline: Option<Instant>,
    pending: bool,
    calls: usize,
    most_calls: usize,
    /// The handshake's head, until its end.
    head: Option<Vec<u8>>,
    frames: Frames,
    is_shut: bool,
}

impl World {
    /// A transport from which `input` is read; with `head`, a handshake's head is written first.
    #[must_use]
    pub fn new(role: Role, script: &[u8], input: &[u8], lies: bool, head: bool) -> Self {
        Self(Rc::new(RefCell::new(State {
            script: script.to_vec(),
            at: 0,
            input: input.to_vec(),
            read: 0,
            ended: false,
            lies,
            lied: false,
            now: Instant::ZERO,
            deadline: None,
            pending: false,
            calls: 0,
            most_calls: 1,
            head: head.then(Vec::new),
            frames: Frames::new(role),
            is_shut: false,
        })))
    }

    /// Before something is polled: it may make so many calls beside those the script decides.
    pub fn begin(&self, calls: usize) {
        let mut state = self.0.borrow_mut();
        let left = state.script.len() - state.at;
        state.pending = false;
        state.deadline = None;
        state.most_calls = state.calls + 8 * left + calls;
    }

    /// Whether a call since [`begin`](Self::begin) would have blocked: if none did, nobody wakes.
    #[must_use]
    pub fn has_blocked(&self) -> bool {
        self.0.borrow().pending
    }

    /// Lets the time go on.
    pub fn advance(&self, by: Duration) {
        let mut state = self.0.borrow_mut();
        state.now = state.now + by;
    }

    /// Behind the script, lets the time go to the deadline that was last waited for.
    pub fn pass_deadline(&self) {
        let mut state = self.0.borrow_mut();
        if state.at == state.script.len() {
            state.now = state.now.max(state.deadline.unwrap_or(Instant::ZERO));
        }
    }
}

impl State {
    fn call(&mut self) -> Verdict {
        self.count();
        let Some(&byte) = self.script.get(self.at) else {
            return Verdict::All;
        };
        self.at += 1;
        verdict(byte)
    }

    fn count(&mut self) {
        self.calls += 1;
        assert!(self.calls <= self.most_calls, "a busy loop");
    }

    fn block<T>(&mut self) -> Poll<io::Result<T>> {
        self.pending = true;
        Poll::Pending
    }

    /// How much of `room` bytes is read, and how much is said.
    fn read(&mut self, room: usize) -> Poll<io::Result<(usize, usize)>> {
        let left = self.input.len() - self.read;
        let all = room.min(left);
        let (len, said) = match self.call() {
            _ if self.ended => (0, 0),
            Verdict::Pending => return self.block(),
            // An asynchronous stream says `Pending`; `WouldBlock` from one is an error.
            Verdict::Error(kind) => return Poll::Ready(Err(kind.into())),
            Verdict::End => (0, 0),
            Verdict::Some(n) => (all.min(n), all.min(n)),
            Verdict::Lie if self.lies => {
                self.lied = true;
                (all, room + all + 1)
            }
            Verdict::All | Verdict::Lie => (all, all),
        };
        self.ended |= said == 0 && room > 0;
        Poll::Ready(Ok((len, said)))
    }

    fn write(&mut self, chunks: &[&[u8]]) -> Poll<io::Result<usize>> {
        let all: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        assert!(all > 0, "an empty write");
        assert!(!self.is_shut, "a write after the end of writing");
        let len = match self.call() {
            Verdict::Pending => return self.block(),
            Verdict::Error(kind) => return Poll::Ready(Err(kind.into())),
            Verdict::End => 0,
            Verdict::Some(n) => all.min(n),
            Verdict::Lie if self.lies => {
                self.lied = true;
                return Poll::Ready(Ok(all + 7));
            }
            Verdict::All | Verdict::Lie => all,
        };
        let written: Vec<u8> = chunks.concat().drain(..len).collect();
        // Where the transport lied, its peer gets what it deserves.
        if !self.lied {
            self.read_back(&written);
        }
        Poll::Ready(Ok(len))
    }

    fn read_back(&mut self, written: &[u8]) {
        let Some(head) = &mut self.head else {
            self.frames.take(written);
            return;
        };
        head.extend_from_slice(written);
        assert!(head.starts_with(b"HTTP/1.1 ") || b"HTTP/1.1 ".starts_with(head));
        let end = head.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end
            && head.starts_with(b"HTTP/1.1 101 ")
        {
            let frames = head.split_off(end + 4);
            self.head = None;
            self.frames.take(&frames);
        }
    }

    fn other(&mut self) -> Poll<io::Result<()>> {
        match self.call() {
            Verdict::Pending => self.block(),
            Verdict::Error(kind) => Poll::Ready(Err(kind.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Io for World {
    type Stream = Self;

    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        assert!(!buffer.is_empty(), "an empty read");
        state.read(buffer.len()).map_ok(|(len, said)| {
            let at = state.read;
            buffer[..len].copy_from_slice(&state.input[at..at + len]);
            state.read += len;
            said
        })
    }

    fn poll_read_append(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        assert!(limit > 0, "an empty read");
        assert!(buffer.capacity() - buffer.len() >= limit, "no room");
        state.read(limit).map_ok(|(len, said)| {
            let at = state.read;
            buffer.extend_from_slice(&state.input[at..at + len]);
            state.read += len;
            said
        })
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| &**chunk).collect();
        self.0.borrow_mut().write(&chunks)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().other()
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        state.is_shut = true;
        state.other()
    }

    fn now(&self) -> Instant {
        let mut state = self.0.borrow_mut();
        state.count();
        state.now
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        state.count();
        if state.now >= deadline {
            return Poll::Ready(());
        }
        state.deadline = Some(deadline);
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

/// What would block is an error of the system's.
fn blocking<T>(result: Poll<io::Result<T>>) -> io::Result<T> {
    match result {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

impl Read for World {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        blocking(self.poll_read(&mut Context::from_waker(Waker::noop()), buffer))
    }
}

impl Write for World {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocking(self.0.borrow_mut().write(&[bytes]))
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| &**chunk).collect();
        blocking(self.0.borrow_mut().write(&chunks))
    }

    fn flush(&mut self) -> io::Result<()> {
        blocking(self.0.borrow_mut().other())
    }
}

impl Stream for World {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.is_shut = true;
        blocking(state.other())
    }
}

impl Source for World {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl MioStream for World {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Stream::shutdown_write(self)
    }
}
