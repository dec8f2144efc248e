//! A transport that behaves, but for one call.

use std::{
    fmt,
    io::{self, ErrorKind, IoSlice, Read, Write},
    os::unix::net::UnixStream,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use sansock::adapter::{blocking, mio as mio_adapter};

use crate::common::Random;

/// What the one call does. Where it makes no sense for that call, the call behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Fail(ErrorKind),
    /// Would block once, and is ready at once again.
    Wait,
    /// A read of one byte, or a write of all but one.
    Short,
    /// A write or a read of one byte.
    One,
    /// A write that takes nothing.
    Zero,
    /// The end of the input, for good.
    End,
    /// A read that claims more than there was room for.
    Lie,
    /// Not one call, but half of them would block, and are ready at once again.
    Stutter,
}

impl Fault {
    /// Whether nothing may come of it.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Wait
                | Self::Short
                | Self::One
                | Self::Fail(ErrorKind::Interrupted)
                | Self::Stutter
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Flush,
    Shutdown,
}

#[derive(Debug)]
pub(crate) struct State {
    input: Vec<u8>,
    /// What the peer makes of what is written to it.
    pub(crate) written: Vec<u8>,
    /// What speaks for the peer, if it is not plain.
    layer: Option<Box<dyn Layer>>,
    pub(crate) is_shut_down: bool,
    pub(crate) calls: usize,
    at: usize,
    fault: Fault,
    /// Whether a read gives little.
    in_pieces: bool,
    /// How much of the input was read before the one call.
    pub(crate) read: usize,
}

/// More calls than any run needs: who makes them is in a loop.
const MOST_CALLS: usize = 4_000;

/// The peer's side of what lies between the transport and the conversation.
pub(crate) trait Layer: fmt::Debug + Send {
    /// Takes what was written, adds what it means to the first, and what it answers to the second.
    fn take(&mut self, bytes: &[u8], written: &mut Vec<u8>, input: &mut Vec<u8>);
}

#[derive(Clone, Debug)]
pub(crate) struct Faulty(Arc<Mutex<State>>);

enum Step {
    Done(io::Result<usize>),
    Wait,
}

impl Faulty {
    /// A peer that says `input`, or whatever its layer does.
    pub(crate) fn new(
        input: Vec<u8>,
        layer: Option<Box<dyn Layer>>,
        in_pieces: bool,
        at: usize,
        fault: Fault,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            input,
            written: Vec::new(),
            layer,
            is_shut_down: false,
            calls: 0,
            at,
            fault,
            in_pieces,
            read: 0,
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many have it.
    #[cfg(feature = "web")]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn read_into(&self, buffer: &mut [u8]) -> Step {
        let mut state = self.state();
        let mut most = buffer.len().min(state.piece());
        match state.call(Call::Read) {
            None | Some(Fault::Zero | Fault::Stutter) => {}
            Some(Fault::Fail(kind)) => return Step::Done(Err(kind.into())),
            Some(Fault::Wait) => return Step::Wait,
            Some(Fault::Short | Fault::One) => most = most.min(1),
            Some(Fault::End) => state.input.clear(),
            Some(Fault::Lie) => return Step::Done(Ok(buffer.len() + 7)),
        }
        if state.input.is_empty() && state.fault.is_harmless() && !state.is_answered() {
            return Step::Wait;
        }
        let n = most.min(state.input.len());
        for (to, from) in buffer.iter_mut().zip(state.input.drain(..n)) {
            *to = from;
        }
        if !state.is_hit() {
            state.read += n;
        }
        Step::Done(Ok(n))
    }

    fn write_from(&self, chunks: &[IoSlice<'_>]) -> Step {
        let mut state = self.state();
        let len: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        assert!(len > 0, "a write of nothing");
        assert!(!state.is_shut_down, "a write after the shutdown");
        let mut left = match state.call(Call::Write) {
            Some(Fault::Fail(kind)) => return Step::Done(Err(kind.into())),
            Some(Fault::Wait) => return Step::Wait,
            Some(Fault::Short) => (len - 1).max(1),
            Some(Fault::One) => 1,
            Some(Fault::Zero) => return Step::Done(Ok(0)),
            _ => len,
        };
        let State {
            input,
            written,
            layer,
            ..
        } = &mut *state;
        let mut taken = 0;
        for chunk in chunks {
            let n = chunk.len().min(left);
            match layer {
                Some(layer) => layer.take(&chunk[..n], written, input),
                None => written.extend_from_slice(&chunk[..n]),
            }
            left -= n;
            taken += n;
        }
        Step::Done(Ok(taken))
    }

    fn flush_all(&self) -> Step {
        match self.state().call(Call::Flush) {
            Some(Fault::Fail(kind)) => Step::Done(Err(kind.into())),
            Some(Fault::Wait) => Step::Wait,
            _ => Step::Done(Ok(0)),
        }
    }

    fn shut_down(&self) -> Step {
        let mut state = self.state();
        match state.call(Call::Shutdown) {
            Some(Fault::Fail(kind)) => Step::Done(Err(kind.into())),
            Some(Fault::Wait) => Step::Wait,
            _ => {
                state.is_shut_down = true;
                Step::Done(Ok(0))
            }
        }
    }
}

impl State {
    fn call(&mut self, call: Call) -> Option<Fault> {
        let n = self.calls;
        self.calls += 1;
        assert!(n < MOST_CALLS, "a busy loop of {call:?}");
        if self.fault == Fault::Stutter {
            // Whatever the order of reads and writes is, none is always met by it.
            return Random::new(n as u64).once_in(2).then_some(Fault::Wait);
        }
        (n == self.at).then_some(self.fault)
    }

    /// How much the next read gives at most: little of what is small, much of what is large.
    fn piece(&self) -> usize {
        match self.input.len() {
            left if !self.in_pieces => left,
            left if self.fault == Fault::Stutter => (left / 8).max(40),
            left @ 100..150_000 => (left - 90).min(20_000),
            _ => 13,
        }
    }

    /// Whether the peer has its answering Close, which it waits for before it ends.
    fn is_answered(&self) -> bool {
        let is_masked = |close: &[u8; 8]| close.starts_with(&[0x88, 0x82]);
        // To a Ping behind a Close of our own (RFC 6455 §5.5.2).
        let pong = self.written.strip_suffix(b"\x8A\x04ping");
        let written = pong.unwrap_or(&self.written);
        written.ends_with(b"\x03\xE8bye")
            || written.ends_with(b"\x03\xE8")
            || written.ends_with(b"\x88\x00")
            || written.last_chunk().is_some_and(is_masked)
    }

    /// Whether the one call was made.
    pub(crate) fn is_hit(&self) -> bool {
        self.calls > self.at
    }
}

impl Step {
    fn poll(self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Done(result) => Poll::Ready(result),
            Self::Wait => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn block(self) -> io::Result<usize> {
        match self {
            Self::Done(result) => result,
            Self::Wait => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_into(buffer).block()
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_from(&[IoSlice::new(bytes)]).block()
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_from(chunks).block()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_all().block().map(drop)
    }
}

impl blocking::Stream for Faulty {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shut_down().block().map(drop)
    }
}

impl tokio::io::AsyncRead for Faulty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let step = self.read_into(buffer.initialize_unfilled());
        step.poll(cx).map_ok(|n| buffer.advance(n))
    }
}

impl tokio::io::AsyncWrite for Faulty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_from(&[IoSlice::new(bytes)]).poll(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_from(chunks).poll(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush_all().poll(cx).map_ok(drop)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down().poll(cx).map_ok(drop)
    }
}

impl futures_util::AsyncRead for Faulty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read_into(buffer).poll(cx)
    }
}

impl futures_util::AsyncWrite for Faulty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_from(&[IoSlice::new(bytes)]).poll(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_from(chunks).poll(cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush_all().poll(cx).map_ok(drop)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down().poll(cx).map_ok(drop)
    }
}

/// The same with a line that the system watches, so that mio has events to tell: one for each call
/// that would block.
#[derive(Debug)]
pub(crate) struct Wired {
    faulty: Faulty,
    line: mio::net::UnixStream,
    /// The far end of the line: a byte on it is an event.
    far: UnixStream,
}

impl Wired {
    pub(crate) fn new(faulty: Faulty) -> io::Result<Self> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let line = mio::net::UnixStream::from_std(near);
        Ok(Self { faulty, line, far })
    }

    fn tell<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if (result.as_ref()).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            // The line is never full: the byte before is taken from it.
            let _ = self.line.read(&mut [0; 8]);
            self.far.write_all(b"!")?;
        }
        result
    }
}

impl Read for Wired {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.faulty.read(buffer);
        self.tell(read)
    }
}

impl Write for Wired {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.faulty.write(bytes);
        self.tell(written)
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.faulty.write_vectored(chunks);
        self.tell(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.faulty.flush();
        self.tell(flushed)
    }
}

impl mio::event::Source for Wired {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.line.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.line.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.line.deregister(registry)
    }
}

impl mio_adapter::Stream for Wired {
    fn shutdown_write(&mut self) -> io::Result<()> {
        let shut_down = blocking::Stream::shutdown_write(&mut self.faulty);
        self.tell(shut_down)
    }
}

impl blocking::Stream for Wired {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.faulty.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.faulty.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        mio_adapter::Stream::shutdown_write(self)
    }
}

#[cfg(feature = "web")]
impl blocking::Registrable for Wired {
    type Registered = Self;

    fn set_nonblocking(&self) -> io::Result<()> {
        Ok(())
    }

    fn into_registered(self) -> Self {
        self
    }
}
