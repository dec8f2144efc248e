//! Connections that send bursts, and compare what comes back.

use std::{
    io::{self, ErrorKind, Read, Write},
    rc::Rc,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    Outcome,
    child::Child,
    frames::{Burst, Echo, Frames},
};

/// How long nothing may happen before a server counts as stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many connections may wait to be accepted, at most: where there are more than the system
/// allows, a client asks again after a second.
const BACKLOG: usize = 100;

/// Connections to one server.
pub(crate) struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    room: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    burst: Rc<Burst>,
    echo: Echo,
    /// How much of the burst is written.
    written: usize,
    /// How many bursts are to be echoed, with the one under way.
    left: usize,
}

impl Load {
    /// Opens as many connections; a floor sends the very bytes back.
    pub(crate) fn open(
        child: &Child,
        count: usize,
        burst: &Rc<Burst>,
        floor: bool,
    ) -> Outcome<Self> {
        let mut load = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(count),
            room: vec![0; 1 << 20],
        };
        for token in 0..count {
            if token % BACKLOG == BACKLOG - 1 {
                child.processor_ns()?; // which waits until it has accepted them
            }
            let stream = std::net::TcpStream::connect(&child.address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            load.poll
                .registry()
                .register(&mut stream, Token(token), interest)?;
            load.connections.push(Connection {
                stream,
                burst: Rc::clone(burst),
                echo: if floor {
                    Echo::Bytes(0)
                } else {
                    Echo::Frames(Frames::default())
                },
                written: 0,
                left: 0,
            });
        }
        Ok(load)
    }

    /// Each connection sends its burst so often, again once it has the echo of the one before.
    pub(crate) fn round(&mut self, bursts: usize) -> Outcome {
        for connection in &mut self.connections {
            connection.left = bursts;
            connection.written = 0;
            connection.write()?;
        }
        self.wait(self.connections.len())
    }

    /// The first connection sends its burst, and all get its echo.
    pub(crate) fn broadcast(&mut self) -> Outcome {
        for connection in &mut self.connections {
            connection.left = 1;
            connection.written = connection.burst.sent.len();
        }
        self.connections[0].written = 0;
        self.connections[0].write()?;
        self.wait(self.connections.len())
    }

    /// What each connection sends from now on.
    pub(crate) fn set_burst(&mut self, burst: &Rc<Burst>) {
        for connection in &mut self.connections {
            connection.burst = Rc::clone(burst);
        }
    }

    /// Goes on until so many connections have all their echoes.
    fn wait(&mut self, mut busy: usize) -> Outcome {
        let mut last = Instant::now();
        while busy > 0 {
            // Never asleep: what wakes a sleeper is paid by the server, and it would be paid by one
            // that is slower than the load only.
            match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if !self.events.is_empty() {
                last = Instant::now();
            } else if last.elapsed() >= PATIENCE {
                return Err(format!("{busy} connections wait for an echo in vain").into());
            }
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                if connection.left > 0 {
                    connection.write()?;
                    connection.read(&mut self.room)?;
                    busy -= usize::from(connection.left == 0);
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn write(&mut self) -> Outcome {
        while self.written < self.burst.sent.len() {
            match self.stream.write(&self.burst.sent[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&mut self, room: &mut [u8]) -> Outcome {
        loop {
            let n = match self.stream.read(room) {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if self.echo.take(&room[..n], &self.burst)? {
                self.left -= 1;
                if self.left > 0 {
                    self.written = 0;
                    self.write()?;
                }
            }
            // The server does not end: less than asked for is all there is.
            if n < room.len() {
                return Ok(());
            }
        }
    }
}
