//! The browsers' `WebSocket` over the transport, which goes on by itself.

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use mio::Token;
use sansock::{
    adapter::{
        self, Error,
        blocking::{self, WebSocket as BlockingWebSocket},
        futures::WebSocket as FuturesWebSocket,
        mio::WebSocket as MioWebSocket,
        tokio::WebSocket as TokioWebSocket,
        web::{Listener, WebSocket},
    },
    proto::handshake::accept_key,
    web::EventType,
};

use crate::{
    adapters::{Looped, Way, block_on, config},
    transport::{Faulty, Layer, Wired},
};

/// All events of a socket, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<String>>>,
    /// The thread on which `close` was told, where the system shows threads.
    thread: Arc<OnceLock<PathBuf>>,
    /// How many messages it is given up behind.
    closes_behind: Option<usize>,
}

impl Log {
    /// Gives the socket up behind so many messages: closes it, or lets go of it behind none.
    pub(crate) fn closing_behind(messages: usize) -> Self {
        Self {
            closes_behind: Some(messages),
            ..Self::default()
        }
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<String>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, what: String) {
        self.entries().push(what);
    }

    fn is_closed(&self) -> bool {
        self.entries()
            .iter()
            .any(|entry| entry.starts_with("close"))
    }

    /// Whether the thread is still there.
    fn has_thread(&self) -> bool {
        let thread = self.thread.get();
        assert_eq!(thread.is_some(), cfg!(target_os = "linux"), "{self:?}");
        thread.is_some_and(|thread| thread.exists())
    }

    /// Writes down what comes, and sends each message back; the socket, if it is not given up.
    fn listen<A: 'static>(&self, socket: WebSocket<A>) -> Option<WebSocket<A>> {
        let [open, message, error, close] = [(); 4].map(|()| self.clone());
        socket.set_onopen(move |socket, _| open.say(format!("open {:?}", socket.ready_state())));
        socket.set_onerror(move |socket, _| error.say(format!("error {:?}", socket.ready_state())));
        socket.set_onclose(move |socket, event| {
            let clean = if event.was_clean { "clean" } else { "unclean" };
            let (code, reason) = (event.code, &event.reason);
            let state = socket.ready_state();
            if let Ok(thread) = fs::read_link("/proc/thread-self") {
                let _ = close.thread.set(Path::new("/proc").join(thread));
            }
            close.say(format!("close {clean} {code} {reason:?} {state:?}"));
        });
        if self.closes_behind == Some(0) {
            return None;
        }
        let mut heard = 0;
        // The last one: it starts, and a thread is there already.
        socket.set_onmessage(move |socket, event| {
            message.say(format!("{:?}", event.data));
            // Refused only before it is open.
            socket.send(&event.data).unwrap();
            heard += 1;
            if message.closes_behind == Some(heard) {
                socket.close(None, "").unwrap();
            }
        });
        Some(socket)
    }
}

/// What makes a socket over a transport, and drives it to its end; without a handshake there is
/// none to listen to.
pub(crate) type Run = fn(Faulty, Way, &Log) -> Result<(), Error>;

/// The adapters by name: those that accept a client.
pub(crate) const SERVERS: [(&str, Run); 4] = [
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
            let _kept = log.listen(socket);
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
                finish(socket, driver, log);
            }
            _ => {
                let socket = block_on(adapter::futures::Socket::accept(io, &config))?;
                let (socket, driver) = FuturesWebSocket::from_socket(socket);
                finish(socket, driver, log);
            }
        }
        Ok(())
    }),
    ("blocking", |faulty, way, log| {
        let config = config(way);
        let io = Wired::new(faulty.clone())?;
        let socket = match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => BlockingWebSocket::from_socket(blocking::Socket::accept(
                crate::secure::wrap(io)?,
                &config,
            )?)?,
            _ => BlockingWebSocket::from_socket(blocking::Socket::accept(io, &config)?)?,
        };
        wait(socket, log);
        // One is the suite's, one is here.
        until("the end of the transport", || faulty.holders() == 2);
        Ok(())
    }),
    ("mio", |faulty, way, log| {
        let io = Wired::new(faulty)?;
        let config = config(way);
        match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let io = crate::secure::wrap(io)?;
                dispatch(Looped::accept(io, &config)?, log)?;
            }
            _ => dispatch(Looped::accept(io, &config)?, log)?,
        }
        Ok(())
    }),
];

/// Waits for the thread of a socket: until all was told, and it ended.
fn wait<A: 'static>(socket: WebSocket<A>, log: &Log) {
    let (owned, told) = mpsc::channel::<()>();
    let owner = Listener::new(move |_, _| {
        let _owned = &owned;
    });
    socket.add_event_listener(EventType::Close, &owner);
    drop(owner);
    let _kept = log.listen(socket);
    // What listeners own is let go behind the last of them.
    assert_eq!(
        told.recv_timeout(PATIENCE),
        Err(RecvTimeoutError::Disconnected)
    );
    until("the end of the thread", || !log.has_thread());
}

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waits for {what}");
        thread::yield_now();
    }
}

/// Polls the driver only when it is woken.
fn finish<A: 'static>(socket: WebSocket<A>, driver: impl Future<Output = ()>, log: &Log) {
    let _kept = log.listen(socket);
    block_on(pin!(driver));
}

fn dispatch<S: adapter::mio::Stream>(looped: Looped<S>, log: &Log) -> Result<(), Error> {
    let Looped {
        mut socket,
        mut poll,
    } = looped;
    socket.deregister(poll.registry())?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), Token(0))?);
    let made = MioWebSocket::from_socket(socket, poll.registry(), Token(1), &waker);
    let (socket, mut dispatcher) = made?;
    let _kept = log.listen(socket);
    let mut events = mio::Events::with_capacity(4);
    while dispatcher.run().is_pending() {
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
    finish(socket, driver, log);
}

/// A client over TCP, whose thread connects and opens as well.
pub(crate) fn connect_by_thread(url: &str, log: &Log) {
    wait(BlockingWebSocket::new(url).unwrap(), log);
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
