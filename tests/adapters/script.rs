//! A transport that does what a script says, and counts and remembers what is done to it.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use sansock::adapter::blocking;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a read does.
#[derive(Clone, Debug)]
pub(crate) enum In {
    Data(Vec<u8>),
    /// Would block, and wakes at once.
    Wait,
    Fail(io::ErrorKind),
    /// Claims to have read so much more than it did.
    Lie(usize),
    End,
}

/// What a write does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Out {
    /// Takes at most so many bytes.
    Take(usize),
    /// Would block, and wakes at once.
    Wait,
    /// Would block, and never wakes.
    Block,
    Fail(io::ErrorKind),
}

/// What is to happen, and what did.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Reads to come; behind them nothing comes.
    pub(crate) reads: VecDeque<In>,
    /// Writes to come; behind them all is taken.
    pub(crate) writes: VecDeque<Out>,
    pub(crate) written: Vec<u8>,
    pub(crate) read_calls: usize,
    pub(crate) write_calls: usize,
    pub(crate) flush_calls: usize,
    pub(crate) shutdown_calls: usize,
}

impl Script {
    pub(crate) fn play(reads: impl IntoIterator<Item = In>) -> Io {
        let script = Self {
            reads: reads.into_iter().collect(),
            ..Self::default()
        };
        Io(Rc::new(RefCell::new(script)))
    }
}

/// A handle of a script: the transport, and the test's way to look at it.
#[derive(Clone, Debug)]
pub(crate) struct Io(pub(crate) Rc<RefCell<Script>>);

impl Io {
    pub(crate) fn push(&self, read: In) {
        self.0.borrow_mut().reads.push_back(read);
    }

    pub(crate) fn writes(&self, writes: impl IntoIterator<Item = Out>) {
        self.0.borrow_mut().writes.extend(writes);
    }

    /// What was written since the last call.
    pub(crate) fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().written)
    }

    pub(crate) fn write_calls(&self) -> usize {
        self.0.borrow().write_calls
    }

    pub(crate) fn read_calls(&self) -> usize {
        self.0.borrow().read_calls
    }

    fn read_into(&self, buffer: &mut [u8]) -> Step {
        let mut script = self.0.borrow_mut();
        script.read_calls += 1;
        match script.reads.pop_front() {
            None => Step::Block,
            Some(In::Wait) => Step::Wait,
            Some(In::End) => {
                script.reads.push_front(In::End);
                Step::Done(Ok(0))
            }
            Some(In::Fail(kind)) => Step::Done(Err(kind.into())),
            Some(In::Lie(n)) => Step::Done(Ok(buffer.len() + n)),
            Some(In::Data(mut data)) => {
                let n = data.len().min(buffer.len());
                let rest = data.split_off(n);
                buffer[..n].copy_from_slice(&data);
                if !rest.is_empty() {
                    script.reads.push_front(In::Data(rest));
                }
                Step::Done(Ok(n))
            }
        }
    }

    fn write_from(&self, chunks: &[IoSlice<'_>]) -> Step {
        let mut script = self.0.borrow_mut();
        script.write_calls += 1;
        let mut most = match script.writes.pop_front() {
            None => usize::MAX,
            Some(Out::Take(most)) => most,
            Some(Out::Wait) => return Step::Wait,
            Some(Out::Block) => {
                script.writes.push_front(Out::Block);
                return Step::Block;
            }
            Some(Out::Fail(kind)) => {
                script.writes.push_front(Out::Fail(kind));
                return Step::Done(Err(kind.into()));
            }
        };
        let before = script.written.len();
        for chunk in chunks {
            let n = chunk.len().min(most);
            script.written.extend_from_slice(&chunk[..n]);
            most -= n;
        }
        Step::Done(Ok(script.written.len() - before))
    }
}

enum Step {
    Done(io::Result<usize>),
    Wait,
    Block,
}

impl Step {
    fn poll(self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Done(result) => Poll::Ready(result),
            Self::Wait => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Block => Poll::Pending,
        }
    }

    fn block(self) -> io::Result<usize> {
        match self {
            Self::Done(result) => result,
            Self::Wait | Self::Block => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let step = self.read_into(buffer.initialize_unfilled());
        step.poll(cx).map_ok(|n| buffer.advance(n))
    }
}

impl AsyncWrite for Io {
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

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().flush_calls += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().shutdown_calls += 1;
        Poll::Ready(Ok(()))
    }
}

impl Read for Io {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_into(buffer).block()
    }
}

impl Write for Io {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_from(&[IoSlice::new(bytes)]).block()
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_from(chunks).block()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush_calls += 1;
        Ok(())
    }
}

impl blocking::Stream for Io {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().shutdown_calls += 1;
        Ok(())
    }
}
