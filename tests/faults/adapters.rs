//! Every adapter, as the suite drives it.

use std::{
    fmt,
    future::Future,
    io::{self, Write},
    os::unix::net::UnixStream,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use sansock::{
    Config, Message,
    adapter::{self, Error, blocking},
    endpoint::EndpointEvent,
    proto::{Error as Failure, handshake::Accept},
};

use crate::transport::{Faulty, Wired};

pub(crate) trait Socket {
    fn fill(&mut self) -> io::Result<bool>;
    fn next_event(&mut self) -> Option<EndpointEvent<'static>>;
    fn recv(&mut self) -> Result<Option<Message<'static>>, Error>;
    fn send(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn flush(&mut self) -> io::Result<()>;
}

pub(crate) type Opened = Result<Box<dyn Socket>, Error>;

/// The adapters by name: each accepts a client over a transport.
pub(crate) const ADAPTERS: [(&str, fn(Faulty) -> Opened); 4] = [
    ("blocking", |io| {
        Ok(Box::new(blocking::Socket::accept(io, &config())?))
    }),
    ("tokio", |io| {
        let config = config();
        let socket = adapter::tokio::Socket::accept(io, &config);
        Ok(Box::new(block_on(socket)?))
    }),
    ("futures", |io| {
        let config = config();
        let socket = adapter::futures::Socket::accept(io, &config);
        Ok(Box::new(block_on(socket)?))
    }),
    ("mio", |io| Ok(Box::new(Looped::accept(io)?))),
];

fn config() -> Arc<Config> {
    Arc::new(Config::default())
}

/// Whether the task was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls again only when woken; nobody else is there to wake it later.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        assert!(woken.0.swap(false, Ordering::Relaxed), "waits for ever");
    }
}

macro_rules! socket {
    ($type:ty, $wait:ident) => {
        impl Socket for $type {
            fn fill(&mut self) -> io::Result<bool> {
                $wait(self.fill())
            }

            fn next_event(&mut self) -> Option<EndpointEvent<'static>> {
                self.next_event().map(EndpointEvent::into_owned)
            }

            fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
                $wait(self.recv())
            }

            fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
                $wait(self.send(message))
            }

            fn flush(&mut self) -> io::Result<()> {
                $wait(self.flush())
            }
        }
    };
}

fn at_once<T>(result: T) -> T {
    result
}

socket!(blocking::Socket<Faulty>, at_once);
socket!(adapter::tokio::Socket<Faulty>, block_on);
socket!(adapter::futures::Socket<Faulty>, block_on);

/// A mio socket, and the loop that it is in.
struct Looped {
    socket: adapter::mio::Socket<Wired>,
    poll: mio::Poll,
    /// The far end of the line: a byte on it is an event.
    line: UnixStream,
}

impl Looped {
    fn accept(faulty: Faulty) -> Result<Self, Error> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let line = mio::net::UnixStream::from_std(near);
        let mut socket = adapter::mio::Socket::accept(Wired { faulty, line }, &config());
        let poll = mio::Poll::new()?;
        socket.register(poll.registry(), mio::Token(0))?;
        let mut this = Self {
            socket,
            poll,
            line: far,
        };
        loop {
            let filled = Socket::fill(&mut this)?;
            while let Some(event) = this.socket.next_event() {
                match event {
                    EndpointEvent::Request(_) => {
                        this.socket.accept_request(&Accept::new()).unwrap();
                        return Ok(this);
                    }
                    EndpointEvent::Closed(_) => {}
                    event => panic!("{event:?} before the request"),
                }
            }
            if !filled {
                return Err(Failure::Eof.into());
            }
        }
    }

    fn wait<T>(&mut self, call: impl Fn(&mut adapter::mio::Socket<Wired>) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(ready) = call(&mut self.socket) {
                return ready;
            }
            self.line.write_all(b"!").unwrap();
            let mut events = mio::Events::with_capacity(4);
            let limit = Some(Duration::from_secs(10));
            self.poll.poll(&mut events, limit).unwrap();
            assert!(!events.is_empty());
            for event in &events {
                self.socket.handle_event(event);
            }
        }
    }
}

impl Socket for Looped {
    fn fill(&mut self) -> io::Result<bool> {
        self.wait(adapter::mio::Socket::fill)
    }

    fn next_event(&mut self) -> Option<EndpointEvent<'static>> {
        self.socket.next_event().map(EndpointEvent::into_owned)
    }

    fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        self.wait(adapter::mio::Socket::recv)
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
        self.socket.send(message)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait(adapter::mio::Socket::flush)
    }
}

impl fmt::Debug for dyn Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
