//! Runs a behaviour for every adapter over every transport, and compares what came of it.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    panic,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use sansock::{CloseStatus, Config, Role, adapter::Error, proto::handshake::ClientRequest};

use crate::{
    ADAPTERS,
    driven::{Adapter, Bytes, Driven, Wire},
};

/// How long one behaviour may take: what takes longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
    Memory,
    #[cfg(feature = "rustls-ring")]
    Tls,
}

const TRANSPORTS: &[Transport] = &[
    Transport::Tcp,
    Transport::Unix,
    Transport::Memory,
    #[cfg(feature = "rustls-ring")]
    Transport::Tls,
];

/// Who meets whom, over what.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) client: &'static dyn Adapter,
    pub(crate) server: &'static dyn Adapter,
    pub(crate) transport: Transport,
}

/// What happened, in words.
pub(crate) type Log = Vec<String>;

/// Every adapter with itself over every transport, and with each other over the system's.
pub(crate) fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for &transport in TRANSPORTS {
        for client in ADAPTERS {
            for server in ADAPTERS {
                let is_met = match transport {
                    Transport::Memory => {
                        client.name() == server.name() && client.memory().is_some()
                    }
                    _ => true,
                };
                if is_met {
                    setups.push(Setup {
                        client,
                        server,
                        transport,
                    });
                }
            }
        }
    }
    setups
}

/// Runs `behaviour` for every setup; the same must come of it.
pub(crate) fn everywhere(behaviour: fn(&Setup) -> Log) {
    same(setups(), behaviour);
}

/// Runs `behaviour` for some setups; the same must come of it.
pub(crate) fn same(setups: Vec<Setup>, behaviour: fn(&Setup) -> Log) {
    let mut first: Option<(String, Log)> = None;
    for setup in setups {
        let name = setup.name();
        let (done, wait) = mpsc::channel();
        let runner = thread::spawn(move || {
            let log = behaviour(&setup);
            // Nobody waits any more if that took too long.
            let _ = done.send(());
            log
        });
        if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            panic!("{name} waits for ever");
        }
        let log = runner.join().unwrap_or_else(|panicked| {
            eprintln!("it was {name}");
            panic::resume_unwind(panicked)
        });
        match &first {
            None => first = Some((name, log)),
            Some((other, expected)) => assert_eq!(&log, expected, "{name} and {other} differ"),
        }
    }
}

impl Setup {
    pub(crate) fn name(&self) -> String {
        let (client, server) = (self.client.name(), self.server.name());
        format!("{client} to {server} over {:?}", self.transport)
    }

    /// The client's and the server's end.
    pub(crate) fn wires(&self) -> (Wire, Wire) {
        match self.transport {
            Transport::Tcp => {
                let (client, server) = tcp();
                (Wire::Tcp(client), Wire::Tcp(server))
            }
            #[cfg(feature = "rustls-ring")]
            Transport::Tls => {
                let (client, server) = tcp();
                let (client, server) = crate::tls::shake_hands(client, server);
                (Wire::Tls(client), Wire::Tls(server))
            }
            Transport::Unix => {
                let (client, server) = UnixStream::pair().unwrap();
                (Wire::Unix(client), Wire::Unix(server))
            }
            Transport::Memory => self.client.memory().expect("else it is no setup"),
        }
    }

    /// Opens a connection; both ends then do as they are told, at the same time.
    pub(crate) fn both(
        &self,
        config: &Config,
        client: impl FnOnce(Box<dyn Driven>, &mut Log) + Send,
        server: impl FnOnce(Box<dyn Driven>, &mut Log) + Send,
    ) -> Log {
        let (near, far) = self.wires();
        let config = Arc::new(config.clone());
        let mut log = Log::new();
        thread::scope(|scope| {
            let running = scope.spawn(|| {
                let mut log = Log::new();
                server(self.server.accept(far, &config).unwrap(), &mut log);
                log
            });
            let (socket, _) = self.client.connect(near, &request(), &config).unwrap();
            client(socket, &mut log);
            log.push("server".into());
            log.extend(running.join().unwrap());
        });
        log
    }

    /// An open connection of a `role`, and its peer, which knows nothing of WebSockets.
    pub(crate) fn raw(&self, role: Role, config: &Config) -> (Box<dyn Driven>, Box<dyn Bytes>) {
        let (client, server) = self.wires();
        let config = Arc::new(config.clone());
        match role {
            Role::Client => {
                let connection = sansock::proto::Connection::client(&config, [7; 32]);
                (
                    self.client.join(client, connection, Vec::new()),
                    server.raw(),
                )
            }
            Role::Server => {
                let connection = sansock::proto::Connection::server(&config);
                (
                    self.server.join(server, connection, Vec::new()),
                    client.raw(),
                )
            }
        }
    }
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    (client, server)
}

pub(crate) fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat").unwrap()
}

/// How it ended, in words.
pub(crate) fn ended(status: Option<&CloseStatus>) -> String {
    let Some(status) = status else {
        return "not ended".into();
    };
    format!(
        "{} {:?} sent {:?} clean {} error {:?}",
        status.code(),
        status.reason(),
        status.sent,
        status.clean,
        status.error
    )
}

/// An error in words; what the system calls a broken transport differs.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::Io(_) => "transport failed".into(),
        Error::Connection(error) => format!("connection: {error:?}"),
        other => format!("{other:?}"),
    }
}

/// Receives to the end, and a bit further; writes down what came.
pub(crate) fn recv_all(socket: &mut dyn Driven, log: &mut Log) {
    loop {
        match socket.recv() {
            Ok(Some(message)) => log.push(format!("{message:?}")),
            Ok(None) => break,
            Err(error) => log.push(told(&error)),
        }
    }
    assert!(socket.recv().unwrap().is_none());
    assert!(!socket.fill().unwrap());
    assert!(socket.next_event().is_none());
    log.push(ended(socket.status().as_ref()));
}

/// The same by `fill` and `next_event`.
pub(crate) fn fill_all(socket: &mut dyn Driven, log: &mut Log) {
    let mut terminals = 0;
    loop {
        match socket.fill() {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => log.push("transport failed".into()),
        }
        while let Some(event) = socket.next_event() {
            assert_eq!(terminals, 0, "after the end: {event:?}");
            match event {
                sansock::endpoint::EndpointEvent::Closed(status) => {
                    terminals += 1;
                    log.push(ended(Some(&status)));
                }
                event => log.push(format!("{event:?}")),
            }
        }
    }
    assert_eq!(terminals, 1);
    assert!(!socket.fill().unwrap());
}
