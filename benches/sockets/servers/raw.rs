//! The floors: bytes sent back as they came.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::poll_fn,
    io::{ErrorKind, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use mio::{event::Event, net::TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::on_mio::{Connection, Turn};
use crate::Outcome;

thread_local! {
    pub(super) static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 << 10]);
}

/// An echo on mio.
#[derive(Debug)]
pub(super) struct Raw {
    stream: TcpStream,
    /// What was read and the system did not take yet; nothing more is read meanwhile.
    unwritten: Vec<u8>,
}

impl Connection for Raw {
    type News = Infallible;

    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unwritten: Vec::new(),
        }
    }

    fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    fn handle(&mut self, event: &Event) -> Outcome<Turn<Infallible>> {
        BUFFER.with_borrow_mut(|buffer| {
            if !self.unwritten.is_empty() {
                let written = write(&mut self.stream, &self.unwritten)?;
                self.unwritten.drain(..written);
            }
            while self.unwritten.is_empty() {
                let n = match self.stream.read(buffer) {
                    Ok(0) => return Ok(Turn::Over),
                    Ok(n) => n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let written = write(&mut self.stream, &buffer[..n])?;
                self.unwritten.extend_from_slice(&buffer[written..n]);
                if n < buffer.len() && !event.is_read_closed() {
                    break;
                }
            }
            Ok(Turn::Waits)
        })
    }
}

/// Writes until the system takes no more; how much it took.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Outcome<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(written)
}

/// An echo on tokio.
pub(super) async fn echo(mut stream: tokio::net::TcpStream) -> Outcome {
    let mut unwritten = Vec::new();
    poll_fn(|cx| {
        BUFFER.with_borrow_mut(|buffer| poll_echo(cx, &mut stream, buffer, &mut unwritten))
    })
    .await
}

fn poll_echo(
    cx: &mut Context<'_>,
    stream: &mut tokio::net::TcpStream,
    buffer: &mut [u8],
    unwritten: &mut Vec<u8>,
) -> Poll<Outcome> {
    loop {
        if !unwritten.is_empty() {
            let written = poll_write(cx, stream, unwritten)?;
            unwritten.drain(..written);
            if !unwritten.is_empty() {
                return Poll::Pending;
            }
        }
        let mut read = ReadBuf::new(buffer);
        match Pin::new(&mut *stream).poll_read(cx, &mut read)? {
            Poll::Ready(()) if read.filled().is_empty() => return Poll::Ready(Ok(())),
            Poll::Ready(()) => {
                let written = poll_write(cx, stream, read.filled())?;
                unwritten.extend_from_slice(&read.filled()[written..]);
            }
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Writes until the system takes no more; how much it took.
pub(super) fn poll_write(
    cx: &mut Context<'_>,
    stream: &mut tokio::net::TcpStream,
    bytes: &[u8],
) -> Outcome<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match Pin::new(&mut *stream).poll_write(cx, &bytes[written..])? {
            Poll::Ready(n) => written += n,
            Poll::Pending => break,
        }
    }
    Ok(written)
}
