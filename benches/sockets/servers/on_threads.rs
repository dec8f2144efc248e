//! A thread for each connection, whose calls wait.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::Outcome;

/// Bytes of a thread's stack: no more than it writes to is memory.
const STACK: usize = 1 << 20;

pub(super) fn serve(listener: &TcpListener, echo: fn(TcpStream) -> Outcome) -> Outcome {
    listener.set_nonblocking(false)?;
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::Builder::new().stack_size(STACK).spawn(move || {
            if let Err(error) = echo(stream) {
                eprintln!("{error}");
            }
        })?;
    }
}

/// The floor: bytes sent back as they came.
pub(super) fn raw(mut stream: TcpStream) -> Outcome {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}
