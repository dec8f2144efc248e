//! The tokio adapter registers itself: each socket with a runtime of its own.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use sansock::{
    Config, Message,
    adapter::{
        Error, Parts,
        tokio::{Incoming, Socket},
    },
    proto::{
        Connection,
        handshake::{Accept, ClientRequest, Reject, Request, Response},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::{TcpStream, UnixStream},
    runtime::{Builder, Runtime},
};

use crate::driven::{Adapter, Bytes, Driven, Waiting, Wire, drive};

pub(crate) struct Tokio;

struct Open<S> {
    socket: Socket<S>,
    runtime: Runtime,
}

struct Asked<S> {
    incoming: Incoming<S>,
    runtime: Runtime,
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

/// Runs the code for whichever stream it is, within the runtime.
macro_rules! with_stream {
    ($wire:expr, $runtime:ident, $stream:ident => $code:expr) => {{
        let $runtime = runtime();
        let entered = $runtime.enter();
        match $wire {
            Wire::Tcp(stream) => {
                stream.set_nonblocking(true).expect("non-blocking");
                let $stream = TcpStream::from_std(stream).expect("a stream");
                drop(entered);
                $code
            }
            Wire::Unix(stream) => {
                stream.set_nonblocking(true).expect("non-blocking");
                let $stream = UnixStream::from_std(stream).expect("a stream");
                drop(entered);
                $code
            }
            Wire::Duplex($stream) => {
                drop(entered);
                $code
            }
            #[cfg(feature = "rustls-ring")]
            Wire::Tls(stream) => {
                let $stream = stream.map(|stream| {
                    stream.set_nonblocking(true).expect("non-blocking");
                    TcpStream::from_std(stream).expect("a stream")
                });
                drop(entered);
                $code
            }
            Wire::Pipe(_) => panic!("the blocking adapter's own"),
        }
    }};
}

trait IntoWire: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    fn into_wire(self) -> Wire;
}

impl IntoWire for TcpStream {
    fn into_wire(self) -> Wire {
        let stream = self.into_std().expect("a stream");
        stream.set_nonblocking(false).expect("blocking");
        Wire::Tcp(stream)
    }
}

impl IntoWire for UnixStream {
    fn into_wire(self) -> Wire {
        let stream = self.into_std().expect("a stream");
        stream.set_nonblocking(false).expect("blocking");
        Wire::Unix(stream)
    }
}

impl IntoWire for DuplexStream {
    fn into_wire(self) -> Wire {
        Wire::Duplex(self)
    }
}

#[cfg(feature = "rustls-ring")]
impl IntoWire for sansock::adapter::tls::TlsStream<TcpStream> {
    fn into_wire(self) -> Wire {
        Wire::Tls(self.map(|stream| match stream.into_wire() {
            Wire::Tcp(stream) => stream,
            _ => panic!("TCP below"),
        }))
    }
}

fn open<S: IntoWire>(socket: Socket<S>, runtime: Runtime) -> Box<dyn Driven> {
    Box::new(Open { socket, runtime })
}

impl Adapter for Tokio {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn memory(&self) -> Option<(Wire, Wire)> {
        let (one, other) = tokio::io::duplex(64 << 10);
        Some((Wire::Duplex(one), Wire::Duplex(other)))
    }

    fn connect(
        &self,
        wire: Wire,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Box<dyn Driven>, Box<Response>), Error> {
        with_stream!(wire, runtime, stream => {
            let connected = runtime.block_on(Socket::connect(stream, request, config));
            let (socket, response) = connected?;
            Ok((open(socket, runtime), response))
        })
    }

    fn receive(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Waiting>, Error> {
        with_stream!(wire, runtime, stream => {
            let incoming = runtime.block_on(Incoming::receive(stream, config))?;
            Ok(Box::new(Asked { incoming, runtime }))
        })
    }

    fn accept(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Driven>, Error> {
        with_stream!(wire, runtime, stream => {
            let socket = runtime.block_on(Socket::accept(stream, config))?;
            Ok(open(socket, runtime))
        })
    }

    fn join(&self, wire: Wire, connection: Connection, unread: Vec<u8>) -> Box<dyn Driven> {
        with_stream!(wire, runtime, stream => {
            open(Socket::from_parts(stream, connection, unread), runtime)
        })
    }
}

impl<S: IntoWire> Waiting for Asked<S> {
    fn request(&self) -> &Request {
        self.incoming.request()
    }

    fn accept(self: Box<Self>, accept: &Accept<'_>) -> Result<Box<dyn Driven>, Error> {
        let socket = self.runtime.block_on(self.incoming.accept(accept))?;
        Ok(open(socket, self.runtime))
    }

    fn reject(self: Box<Self>, reject: &Reject<'_>) -> Result<(), Error> {
        self.runtime.block_on(self.incoming.reject(reject))
    }
}

macro_rules! call {
    ($open:ident, $($call:tt)*) => { $open.runtime.block_on($open.socket.$($call)*) };
}

impl<S: IntoWire> Driven for Open<S> {
    drive!(call);

    fn into_parts(self: Box<Self>) -> (Wire, Vec<u8>, Vec<u8>) {
        let Self { socket, runtime } = *self;
        let _entered = runtime.enter();
        let Parts {
            stream,
            unread,
            unsent,
            ..
        } = socket.into_parts();
        (stream.into_wire(), unread, unsent)
    }
}

/// A stream in tokio's memory, as a peer that knows nothing of tokio has it.
pub(crate) struct Bridge {
    stream: DuplexStream,
    runtime: Runtime,
}

impl Bridge {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self {
            stream,
            runtime: runtime(),
        }
    }
}

impl Read for Bridge {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.stream.read(buffer))
    }
}

impl Bytes for Bridge {
    fn end_writing(&mut self) {
        self.runtime.block_on(self.stream.shutdown()).unwrap();
    }
}

impl Write for Bridge {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
