//! Every adapter, as the suite drives it.

use std::{
    fmt,
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use sansock::{
    Config, DeflateConfig, Message,
    adapter::{self, Error, blocking},
    endpoint::EndpointEvent,
    proto::{Error as Failure, handshake::Accept},
};

#[cfg(feature = "rustls-ring")]
use crate::secure;
use crate::transport::{Faulty, Wired};

pub(crate) trait Socket {
    fn fill(&mut self) -> io::Result<bool>;
    fn next_event(&mut self) -> Option<EndpointEvent<'static>>;
    fn recv(&mut self) -> Result<Option<Message<'static>>, Error>;
    fn send(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn flush(&mut self) -> io::Result<()>;
}

pub(crate) type Opened = Result<Box<dyn Socket>, Error>;

/// What lies between the transport and the conversation, and what is agreed on in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Deflate,
    #[cfg(feature = "rustls-ring")]
    Tls,
}

/// The adapters by name: each accepts a client over a transport.
pub(crate) const ADAPTERS: [(&str, fn(Faulty, Way) -> Opened); 4] = [
    ("blocking", |io, way| {
        let config = config(way);
        Ok(match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => Box::new(blocking::Socket::accept(secure::wrap(io)?, &config)?),
            _ => Box::new(blocking::Socket::accept(io, &config)?),
        })
    }),
    ("tokio", |io, way| {
        let config = config(way);
        Ok(match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let socket = adapter::tokio::Socket::accept(secure::wrap(io)?, &config);
                Box::new(block_on(socket)?)
            }
            _ => Box::new(block_on(adapter::tokio::Socket::accept(io, &config))?),
        })
    }),
    ("futures", |io, way| {
        let config = config(way);
        Ok(match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let socket = adapter::futures::Socket::accept(secure::wrap(io)?, &config);
                Box::new(block_on(socket)?)
            }
            _ => Box::new(block_on(adapter::futures::Socket::accept(io, &config))?),
        })
    }),
    ("mio", |faulty, way| {
        let io = Wired::new(faulty)?;
        let config = config(way);
        Ok(match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => Box::new(Looped::accept(secure::wrap(io)?, &config)?),
            _ => Box::new(Looped::accept(io, &config)?),
        })
    }),
];

pub(crate) fn config(way: Way) -> Arc<Config> {
    let deflate = DeflateConfig::new()
        .threshold(0)
        .server_no_context_takeover(false)
        .client_no_context_takeover(false);
    Arc::new(Config::default().deflate((way == Way::Deflate).then_some(deflate)))
}

/// Whether the task was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls again only when woken; nobody else is there to wake it later.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
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

#[cfg(feature = "rustls-ring")]
mod over_tls {
    use super::*;
    use adapter::tls::TlsStream;

    socket!(blocking::Socket<TlsStream<Faulty>>, at_once);
    socket!(adapter::tokio::Socket<TlsStream<Faulty>>, block_on);
    socket!(adapter::futures::Socket<TlsStream<Faulty>>, block_on);
}

/// A mio socket, and the loop that it is in.
pub(crate) struct Looped<S> {
    pub(crate) socket: adapter::mio::Socket<S>,
    pub(crate) poll: mio::Poll,
}

impl<S: adapter::mio::Stream> Looped<S> {
    pub(crate) fn accept(stream: S, config: &Arc<Config>) -> Result<Self, Error> {
        let mut socket = adapter::mio::Socket::accept(stream, config);
        let poll = mio::Poll::new()?;
        socket.register(poll.registry(), mio::Token(0))?;
        let mut this = Self { socket, poll };
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

    fn wait<T>(&mut self, call: impl Fn(&mut adapter::mio::Socket<S>) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(ready) = call(&mut self.socket) {
                return ready;
            }
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

impl<S: adapter::mio::Stream> Socket for Looped<S> {
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
