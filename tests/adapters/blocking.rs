//! The blocking adapter registers itself.

use std::sync::Arc;

use sansock::{
    Config, Message,
    adapter::{
        Error, Parts,
        blocking::{Incoming, Socket, Stream},
    },
    proto::{
        Connection,
        handshake::{Accept, ClientRequest, Reject, Request, Response},
    },
};

use crate::{
    driven::{Adapter, Driven, Waiting, Wire, drive},
    pipe::pipe,
};

pub(crate) struct Blocking;

struct Open<S> {
    socket: Socket<S>,
}

struct Asked<S>(Incoming<S>);

/// Runs the code for whichever stream it is.
macro_rules! with_stream {
    ($wire:expr, $stream:ident => $code:expr) => {
        match $wire {
            Wire::Tcp($stream) => $code,
            Wire::Unix($stream) => $code,
            Wire::Pipe($stream) => $code,
            #[cfg(feature = "rustls-ring")]
            Wire::Tls($stream) => $code,
            Wire::Duplex(_) => panic!("tokio's own"),
        }
    };
}

trait IntoWire: Stream + Send + Sized + 'static {
    fn into_wire(self) -> Wire;
}

impl IntoWire for std::net::TcpStream {
    fn into_wire(self) -> Wire {
        Wire::Tcp(self)
    }
}

impl IntoWire for std::os::unix::net::UnixStream {
    fn into_wire(self) -> Wire {
        Wire::Unix(self)
    }
}

impl IntoWire for crate::pipe::Pipe {
    fn into_wire(self) -> Wire {
        Wire::Pipe(self)
    }
}

#[cfg(feature = "rustls-ring")]
impl IntoWire for sansock::adapter::tls::TlsStream<std::net::TcpStream> {
    fn into_wire(self) -> Wire {
        Wire::Tls(self)
    }
}

fn open<S: IntoWire>(socket: Socket<S>) -> Box<dyn Driven> {
    Box::new(Open { socket })
}

impl Adapter for Blocking {
    fn name(&self) -> &'static str {
        "blocking"
    }

    fn memory(&self) -> Option<(Wire, Wire)> {
        let (one, other) = pipe(64 << 10);
        Some((Wire::Pipe(one), Wire::Pipe(other)))
    }

    fn connect(
        &self,
        wire: Wire,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Box<dyn Driven>, Box<Response>), Error> {
        with_stream!(wire, stream => {
            let (socket, response) = Socket::connect(stream, request, config)?;
            Ok((open(socket), response))
        })
    }

    fn receive(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Waiting>, Error> {
        with_stream!(wire, stream => Ok(Box::new(Asked(Incoming::receive(stream, config)?))))
    }

    fn accept(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Driven>, Error> {
        with_stream!(wire, stream => Ok(open(Socket::accept(stream, config)?)))
    }

    fn join(&self, wire: Wire, connection: Connection, unread: Vec<u8>) -> Box<dyn Driven> {
        with_stream!(wire, stream => {
            open(Socket::from_parts(stream, connection, unread).expect("time limits"))
        })
    }
}

impl<S: IntoWire> Waiting for Asked<S> {
    fn request(&self) -> &Request {
        self.0.request()
    }

    fn accept(self: Box<Self>, accept: &Accept<'_>) -> Result<Box<dyn Driven>, Error> {
        self.0.accept(accept).map(open)
    }

    fn reject(self: Box<Self>, reject: &Reject<'_>) -> Result<(), Error> {
        self.0.reject(reject)
    }
}

macro_rules! call {
    ($open:ident, $($call:tt)*) => { $open.socket.$($call)* };
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
