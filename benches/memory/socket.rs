//! Memory in the place of a socket: always ready, never blocks, discards what is written.

use std::{
    cell::Cell,
    future::Future,
    hint::black_box,
    io::{self, IoSlice, Read, Write},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wtx::stream::{StreamReader, StreamWriter};

use crate::clock::stopped;

/// The most bytes one read brings: the size of a thread's read buffer.
pub const CHUNK: usize = 256 << 10;

/// Bytes of a peer, over and over: each read ends at the latest where a chunk ends.
///
/// A chunk is as many whole frames as fit into [`CHUNK`], but one at least. Whoever reads into less
/// room gets its frames cut, by its own choice.
#[derive(Clone, Debug)]
pub struct Wire {
    chunks: Arc<[Vec<u8>]>,
    next: usize,
    taken: usize,
}

impl Wire {
    /// A wire that brings `frame` over and over, and how many times until it begins anew.
    pub fn repeating(frame: &[u8], at_least: usize) -> (Self, u64) {
        let per_chunk = (CHUNK / frame.len()).max(1);
        let chunk = frame.repeat(per_chunk);
        let count = at_least.div_ceil(chunk.len()).max(1);
        let frames = (per_chunk * count) as u64;
        (Self::of(vec![chunk; count]), frames)
    }

    /// A wire that brings `frames`, and begins anew.
    pub fn frames(frames: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        for frame in frames {
            match chunks.last_mut() {
                Some(chunk) if chunk.len() + frame.len() <= CHUNK => chunk.extend(frame),
                _ => chunks.push(frame),
            }
        }
        Self::of(chunks)
    }

    /// A wire that brings `bytes` by each read.
    pub fn each(bytes: &[u8]) -> Self {
        Self::of(vec![bytes.to_vec()])
    }

    /// A wire on which nothing comes.
    pub fn silent() -> Self {
        Self::of(Vec::new())
    }

    fn of(chunks: Vec<Vec<u8>>) -> Self {
        Self {
            chunks: chunks.into(),
            next: 0,
            taken: 0,
        }
    }

    /// Reads into `room`, off the clock.
    pub fn read(&mut self, room: &mut [u8]) -> usize {
        stopped(|| {
            let bytes = self.take(room.len());
            room[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        })
    }

    /// Appends at most `room` bytes to `buffer`, which has the capacity, off the clock.
    pub fn append_to(&mut self, buffer: &mut Vec<u8>, room: usize) -> usize {
        stopped(|| {
            let bytes = self.take(room);
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    }

    /// Fills the capacity that `buffer` has left, off the clock.
    pub fn fill(&mut self, buffer: &mut BytesMut) {
        stopped(|| buffer.extend_from_slice(self.take(buffer.capacity() - buffer.len())));
    }

    /// How many bytes it brings until it begins anew.
    pub fn round_len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    fn take(&mut self, room: usize) -> &[u8] {
        let chunk = &self.chunks[self.next];
        let start = self.taken;
        let end = chunk.len().min(start + room);
        if end == chunk.len() {
            self.next = (self.next + 1) % self.chunks.len();
            self.taken = 0;
        } else {
            self.taken = end;
        }
        &chunk[start..end]
    }
}

/// A wire to read from, and a place that writes vanish to, for peers that want a stream.
#[derive(Debug)]
pub struct Memory {
    wire: Wire,
    written: Written,
}

/// How many bytes were written to a [`Memory`] that a peer has swallowed.
#[derive(Clone, Debug, Default)]
pub struct Written(Rc<Cell<u64>>);

impl Written {
    /// How many bytes were written since this was last asked.
    pub fn take(&self) -> u64 {
        self.0.take()
    }
}

impl Memory {
    /// A stream that brings what `wire` does.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            written: Written::default(),
        }
    }

    /// A stream that brings nothing, and how much is written to it.
    pub fn sink() -> (Self, Written) {
        let memory = Self::new(Wire::silent());
        let written = memory.written.clone();
        (memory, written)
    }

    fn discard(&self, bytes: &[u8]) -> usize {
        let len = black_box(bytes).len();
        self.written.0.update(|written| written + len as u64);
        len
    }
}

/// The result of a future that has nothing to wait for.
///
/// # Panics
///
/// If it waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("memory is always ready"),
    }
}

impl Read for Memory {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(self.wire.read(room))
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.discard(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut self.get_mut().wire;
        stopped(|| room.put_slice(wire.take(room.remaining())));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().discard(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let memory = self.get_mut();
        Poll::Ready(Ok(slices.iter().map(|it| memory.discard(it)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl StreamReader for Memory {
    async fn read(&mut self, room: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.wire.read(room))
    }
}

impl StreamWriter for Memory {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.discard(bytes);
        Ok(())
    }

    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        for slice in slices {
            self.discard(slice);
        }
        Ok(())
    }
}
