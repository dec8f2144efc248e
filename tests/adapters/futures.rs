//! The futures adapter registers itself: on smol, each call blocking its thread.

#[path = "../../autobahn/src/timer.rs"]
#[expect(unreachable_pub, reason = "it is the echo server's")]
mod timer;

use std::{
    future,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::io::{AsyncRead, AsyncWrite};
use sansock::{
    Config, Message,
    adapter::{
        Error, Parts,
        futures::{Incoming, Socket},
    },
    proto::{
        Connection,
        handshake::{Accept, ClientRequest, Reject, Request, Response},
    },
};
use smol::{
    Async,
    net::{TcpStream, unix::UnixStream},
};
use timer::SmolTimer;
use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf};

use crate::driven::{Adapter, Driven, Waiting, Wire, drive};

pub(crate) struct Futures;

struct Open<S> {
    socket: Socket<S, SmolTimer>,
}

struct Asked<S>(Incoming<S, SmolTimer>);

/// Runs the code for whichever stream it is.
macro_rules! with_stream {
    ($wire:expr, $stream:ident => $code:expr) => {
        match $wire {
            Wire::Tcp(stream) => {
                let $stream = TcpStream::try_from(stream).expect("a stream");
                $code
            }
            Wire::Unix(stream) => {
                let $stream = UnixStream::try_from(stream).expect("a stream");
                $code
            }
            Wire::Duplex(stream) => {
                let $stream = Memory(stream);
                $code
            }
            #[cfg(feature = "rustls-ring")]
            Wire::Tls(stream) => {
                let $stream = stream.map(|stream| TcpStream::try_from(stream).expect("a stream"));
                $code
            }
            Wire::Pipe(_) => panic!("the blocking adapter's own"),
        }
    };
}

trait IntoWire: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    fn into_wire(self) -> Wire;
}

impl IntoWire for TcpStream {
    fn into_wire(self) -> Wire {
        let stream: Arc<Async<std::net::TcpStream>> = self.into();
        let stream = Arc::into_inner(stream).expect("the only handle");
        let stream = stream.into_inner().expect("a stream");
        stream.set_nonblocking(false).expect("blocking");
        Wire::Tcp(stream)
    }
}

impl IntoWire for UnixStream {
    fn into_wire(self) -> Wire {
        let stream: Arc<Async<std::os::unix::net::UnixStream>> = self.into();
        let stream = Arc::into_inner(stream).expect("the only handle");
        let stream = stream.into_inner().expect("a stream");
        stream.set_nonblocking(false).expect("blocking");
        Wire::Unix(stream)
    }
}

impl IntoWire for Memory {
    fn into_wire(self) -> Wire {
        Wire::Duplex(self.0)
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

fn open<S: IntoWire>(socket: Socket<S, SmolTimer>) -> Box<dyn Driven> {
    Box::new(Open { socket })
}

impl Adapter for Futures {
    fn name(&self) -> &'static str {
        "futures"
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
        with_stream!(wire, stream => {
            let (timer, connector) = (SmolTimer::default(), future::ready(Ok(stream)));
            let connected = Socket::connect_with_timer(connector, timer, request, config);
            let (socket, response) = smol::block_on(connected)?;
            Ok((open(socket), response))
        })
    }

    fn receive(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Waiting>, Error> {
        with_stream!(wire, stream => {
            let received = Incoming::receive(stream, SmolTimer::default(), config);
            Ok(Box::new(Asked(smol::block_on(received)?)))
        })
    }

    fn accept(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Driven>, Error> {
        with_stream!(wire, stream => {
            let accepted = Socket::accept_with_timer(stream, SmolTimer::default(), config);
            Ok(open(smol::block_on(accepted)?))
        })
    }

    fn join(&self, wire: Wire, connection: Connection, unread: Vec<u8>) -> Box<dyn Driven> {
        with_stream!(wire, stream => {
            let socket = Socket::from_parts(stream, connection, unread);
            open(socket.with_timer(SmolTimer::default()))
        })
    }
}

impl<S: IntoWire> Waiting for Asked<S> {
    fn request(&self) -> &Request {
        self.0.request()
    }

    fn accept(self: Box<Self>, accept: &Accept<'_>) -> Result<Box<dyn Driven>, Error> {
        smol::block_on(self.0.accept(accept)).map(open)
    }

    fn reject(self: Box<Self>, reject: &Reject<'_>) -> Result<(), Error> {
        smol::block_on(self.0.reject(reject))
    }
}

macro_rules! call {
    ($open:ident, $($call:tt)*) => { smol::block_on($open.socket.$($call)*) };
}

impl<S: IntoWire> Driven for Open<S> {
    drive!(call);

    fn into_parts(self: Box<Self>) -> (Wire, Vec<u8>, Vec<u8>) {
        let Parts {
            stream,
            unread,
            unsent,
            ..
        } = self.socket.into_parts();
        (stream.into_wire(), unread, unsent)
    }
}

/// tokio's pipe in memory with the traits of futures-io.
struct Memory(DuplexStream);

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, chunks)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
