//! The browsers' `WebSocket` over the transport, which goes on by itself.

use std::{
    future::Future,
    io::Write,
    os::unix::net::UnixStream,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mio::Token;
use sansock::{
    adapter::{
        self, Error, futures::WebSocket as FuturesWebSocket, mio::WebSocket as MioWebSocket,
        tokio::WebSocket as TokioWebSocket, web::WebSocket,
    },
    proto::handshake::accept_key,
};

use crate::{
    adapters::{Looped, Way, block_on, config},
    transport::{Faulty, Layer, Wired},
};

/// All events of a socket, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, what: String) {
        self.entries().push(what);
    }

    fn is_closed(&self) -> bool {
        self.entries()
            .iter()
            .any(|entry| entry.starts_with("close"))
    }

    /// Writes down what comes, and sends each message back.
    fn listen<A: 'static>(&self, socket: &WebSocket<A>) {
        let [open, message, error, close] = [(); 4].map(|()| self.clone());
        socket.set_onopen(move |socket, _| open.say(format!("open {:?}", socket.ready_state())));
        socket.set_onmessage(move |socket, event| {
            message.say(format!("{:?}", event.data));
            // Refused only before it is open.
            socket.send(&event.data).unwrap();
        });
        socket.set_onerror(move |socket, _| error.say(format!("error {:?}", socket.ready_state())));
        socket.set_onclose(move |socket, event| {
            let clean = if event.was_clean { "clean" } else { "unclean" };
            let (code, reason) = (event.code, &event.reason);
            let state = socket.ready_state();
            close.say(format!("close {clean} {code} {reason:?} {state:?}"));
        });
    }
}

/// What makes a socket over a transport, and drives it to its end; without a handshake there is
/// none to listen to.
pub(crate) type Run = fn(Faulty, Way, &Log) -> Result<(), Error>;

/// The adapters by name: those that accept a client.
pub(crate) const SERVERS: [(&str, Run); 3] = [
    ("tokio", |io, way, log| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let config = config(way);
            let socket = match way {
                #[cfg(feature = "rustls-ring")]
                Way::Tls => {
                    let io = crate::secure::wrap(io)?;
                    TokioWebSocket::from_socket(adapter::tokio::Socket::accept(io, &config).await?)
                }
                _ => {
                    TokioWebSocket::from_socket(adapter::tokio::Socket::accept(io, &config).await?)
                }
            };
            log.listen(&socket);
            socket.start();
            // No run waits for time to pass.
            for _ in 0..10_000 {
                tokio::task::yield_now().await;
                if log.is_closed() {
                    break;
                }
            }
            // Nothing follows.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }),
    ("futures", |io, way, log| {
        let config = config(way);
        match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let io = crate::secure::wrap(io)?;
                let socket = block_on(adapter::futures::Socket::accept(io, &config))?;
                let (socket, driver) = FuturesWebSocket::from_socket(socket);
                finish(&socket, driver, log);
            }
            _ => {
                let socket = block_on(adapter::futures::Socket::accept(io, &config))?;
                let (socket, driver) = FuturesWebSocket::from_socket(socket);
                finish(&socket, driver, log);
            }
        }
        Ok(())
    }),
    ("mio", |faulty, way, log| {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        let line = mio::net::UnixStream::from_std(near);
        let io = Wired { faulty, line };
        let config = config(way);
        match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let io = crate::secure::wrap(io)?;
                dispatch(Looped::accept(io, far, &config)?, log)?;
            }
            _ => dispatch(Looped::accept(io, far, &config)?, log)?,
        }
        Ok(())
    }),
];

/// Polls the driver only when it is woken.
fn finish<A: 'static>(socket: &WebSocket<A>, driver: impl Future<Output = ()>, log: &Log) {
    log.listen(socket);
    socket.start();
    block_on(pin!(driver));
}

fn dispatch<S: adapter::mio::Stream>(looped: Looped<S>, log: &Log) -> Result<(), Error> {
    let Looped {
        mut socket,
        mut poll,
        mut line,
    } = looped;
    socket.deregister(poll.registry())?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), Token(0))?);
    let made = MioWebSocket::from_socket(socket, poll.registry(), Token(1), &waker);
    let (socket, mut dispatcher) = made?;
    log.listen(&socket);
    socket.start();
    let mut events = mio::Events::with_capacity(4);
    while dispatcher.run().is_pending() {
        line.write_all(b"!")?;
        poll.poll(&mut events, None)?;
        for event in events.iter().filter(|event| event.token() == Token(1)) {
            dispatcher.handle_event(event);
        }
    }
    Ok(())
}

/// A client of the futures adapter, for which opening is a part of the socket's life.
pub(crate) fn connect(io: Faulty, log: &Log) {
    let connecting = FuturesWebSocket::new("ws://server.example.com/chat", |_| async { Ok(io) });
    let (socket, driver) = connecting.unwrap();
    finish(&socket, driver, log);
}

/// A server that answers the handshake, and then says all it has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    request: Vec<u8>,
    frames: Option<Vec<u8>>,
}

impl Answer {
    pub(crate) fn new(frames: Vec<u8>) -> Self {
        Self {
            request: Vec::new(),
            frames: Some(frames),
        }
    }
}

impl Layer for Answer {
    fn take(&mut self, bytes: &[u8], written: &mut Vec<u8>, input: &mut Vec<u8>) {
        written.extend_from_slice(bytes);
        self.request.extend_from_slice(bytes);
        if !self.request.ends_with(b"\r\n\r\n") {
            return;
        }
        let Some(frames) = self.frames.take() else {
            return;
        };
        let request = String::from_utf8_lossy(&self.request).into_owned();
        let line = |line: &&str| line.to_lowercase().starts_with("sec-websocket-key: ");
        let key = request.lines().find(line).unwrap();
        let accept = accept_key(&key.as_bytes()[key.find(' ').unwrap() + 1..]);
        input.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Accept: ",
        );
        input.extend_from_slice(&accept);
        input.extend_from_slice(b"\r\n\r\n");
        input.extend(frames);
    }
}
