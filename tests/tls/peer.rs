//! A server by rustls's own blocking stream, and what it saw of the client.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use sansock::{
    Config,
    adapter::{
        blocking::{Socket, Stream},
        tls::rustls::{ServerConfig, ServerConnection, StreamOwned},
    },
};

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    running: JoinHandle<Saw>,
}

#[derive(Debug, Default)]
pub(crate) struct Saw {
    /// What its handshake failed with.
    pub(crate) failure: Option<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) protocol: Option<Vec<u8>>,
    pub(crate) certificates: usize,
    /// What the client said although the handshake failed.
    pub(crate) plaintext: Vec<u8>,
}

impl Peer {
    /// Serves one client: echoes until the end, if the handshake of TLS comes to one.
    pub(crate) fn echo(config: ServerConfig) -> Self {
        Self::serve(config, |stream| {
            let mut socket = Socket::accept(stream, &Arc::new(Config::default())).unwrap();
            while let Some(message) = socket.recv().unwrap() {
                socket.send(message).unwrap();
            }
        })
    }

    pub(crate) fn serve(config: ServerConfig, then: impl FnOnce(Theirs) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let running = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            let shaken = connection.complete_io(&mut stream);
            let mut saw = Saw {
                failure: shaken.err().map(|error| error.to_string()),
                server_name: connection.server_name().map(str::to_owned),
                protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
                certificates: connection.peer_certificates().map_or(0, <[_]>::len),
                plaintext: Vec::new(),
            };
            if saw.failure.is_some() {
                let _ = connection.reader().read_to_end(&mut saw.plaintext);
                // What is unread would make a reset of the end, and that could destroy our alert.
                stream
                    .set_read_timeout(Some(Duration::from_secs(10)))
                    .unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let _ = io::copy(&mut stream, &mut io::sink());
            } else {
                then(Theirs(StreamOwned::new(connection, stream)));
            }
            saw
        });
        Self { address, running }
    }

    /// A stream to the server.
    pub(crate) fn stream(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// What the server saw, once it is done.
    pub(crate) fn saw(self) -> Saw {
        self.running.join().unwrap()
    }
}

/// rustls's stream, as the blocking adapter takes it.
pub(crate) struct Theirs(StreamOwned<ServerConnection, TcpStream>);

impl Read for Theirs {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Theirs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Theirs {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.sock.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.sock.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.shutdown(Shutdown::Write)
    }
}
