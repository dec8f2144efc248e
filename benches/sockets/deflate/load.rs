//! A child that serves, and the load on it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{self, Stdio},
    thread,
    time::Duration,
};

use in_memory::deflate::Messages;
use zlib_rs::{Inflate, InflateFlush};

use crate::child::command;

/// How many connections there are.
pub(crate) const CONNECTIONS: usize = 64;

/// How many messages of a connection are under way.
pub(crate) const BURST: usize = 16;

/// How many bursts make a round.
const BURSTS: usize = 4;

/// A server in a process of its own, and connections to it.
pub(crate) struct Child {
    process: process::Child,
    connections: Vec<Connection>,
    messages: Messages,
    /// Which message comes next, the same for all connections.
    next: usize,
}

/// One connection.
struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    /// Reads what the first one gets, to see that it is what was sent.
    inflate: Option<Inflate>,
    frames: u64,
    bytes: u64,
}

impl Child {
    /// Starts the server `name`, and connects to it.
    pub(crate) fn start(name: &str, messages: Messages) -> Self {
        let setting = if messages.takeover {
            "takeover"
        } else {
            "none"
        };
        let mut process = command(&["deflate", setting, name])
            .expect("this program is a file")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let output = process.stdout.take().expect("a pipe");
        let mut address = String::new();
        BufReader::new(output)
            .read_line(&mut address)
            .expect("the child prints its address");
        let connections = (0..CONNECTIONS)
            .map(|at| Connection::open(address.trim(), at == 0))
            .collect();
        Self {
            process,
            connections,
            messages,
            next: 0,
        }
    }

    /// Has some bursts echoed; nanoseconds of processor time per message.
    pub(crate) fn round(&mut self, frames: &[Vec<u8>]) -> f64 {
        let before = self.processor_ns();
        for _ in 0..BURSTS {
            let end = self.next + BURST;
            let burst = frames[self.next..end].concat();
            for connection in &mut self.connections {
                connection
                    .stream
                    .write_all(&burst)
                    .expect("the server reads");
            }
            let sent = &self.messages.all[self.next..end];
            for connection in &mut self.connections {
                connection.receive(sent);
            }
            self.next = end % frames.len();
        }
        let spent = self.processor_ns() - before;
        spent as f64 / (CONNECTIONS * BURST * BURSTS) as f64
    }

    /// Bytes of a frame that came back, on average.
    pub(crate) fn bytes_per_message(&self) -> f64 {
        let frames: u64 = self.connections.iter().map(|it| it.frames).sum();
        let bytes: u64 = self.connections.iter().map(|it| it.bytes).sum();
        bytes as f64 / frames as f64
    }

    /// How long the child has run on a processor, its kernel's part included.
    fn processor_ns(&self) -> u64 {
        // What runs is accounted for when it stops: wait until it has nothing left to do.
        let mut last = 0;
        loop {
            let path = format!("/proc/{}/schedstat", self.process.id());
            let text = fs::read_to_string(path).expect("Linux, and the child runs");
            let ns = text.split(' ').next().and_then(|it| it.parse().ok());
            let ns = ns.expect("a number");
            if ns == last {
                return ns;
            }
            last = ns;
            thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Connection {
    fn open(address: &str, looks: bool) -> Self {
        let stream = TcpStream::connect(address).expect("the child listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            unread: Vec::new(),
            inflate: looks.then(|| Inflate::new(false, 15)),
            frames: 0,
            bytes: 0,
        }
    }

    /// Waits for the echo of `sent`.
    fn receive(&mut self, sent: &[String]) {
        let mut left = sent.iter();
        let mut room = [0; 64 << 10];
        let mut taken = 0;
        while let Some(message) = left.as_slice().first() {
            let Some((first, payload, len)) = frame(&self.unread[taken..]) else {
                self.unread.drain(..taken);
                taken = 0;
                let n = self.stream.read(&mut room).expect("the server answers");
                assert!(n > 0, "the server has hung up");
                self.unread.extend_from_slice(&room[..n]);
                continue;
            };
            assert_eq!(first, 0xC1, "not a compressed text message");
            if let Some(inflate) = &mut self.inflate {
                let input = [payload, &[0x00, 0x00, 0xFF, 0xFF]].concat();
                let before = inflate.total_out();
                inflate
                    .decompress(&input, &mut room, InflateFlush::SyncFlush)
                    .expect("valid");
                let written = (inflate.total_out() - before) as usize;
                assert!(room[..written] == *message.as_bytes(), "other bytes");
            }
            taken += len;
            self.frames += 1;
            self.bytes += len as u64;
            left.next();
        }
        self.unread.drain(..taken);
    }
}

/// The first byte, payload and length of a server's frame, if it is whole.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (start, len) = match bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        len => (2, usize::from(*len)),
    };
    Some((bytes[0], bytes.get(start..start + len)?, start + len))
}
