//! The mio adapter registers itself: each socket with a `Poll` of its own.

use std::{io, sync::Arc};

use ::mio::{
    Events, Poll, Token,
    net::{TcpStream, UnixStream},
};
use sansock::{
    Config, EndpointEvent, Message, State,
    adapter::{
        Error, Parts,
        mio::{Socket, Stream},
    },
    proto::{
        self, Connection,
        handshake::{Accept, ClientRequest, Reject, Request, Response},
    },
};

use crate::driven::{Adapter, Driven, Waiting, Wire, drive};

pub(crate) struct Mio;

struct Open<S> {
    socket: Socket<S>,
    poll: Poll,
    events: Events,
}

struct Asked<S> {
    open: Open<S>,
    request: Box<Request>,
}

/// What an opening handshake comes to.
enum Opening {
    Request(Box<Request>),
    Open(Option<Box<Response>>),
}

/// Runs the code for whichever stream it is.
macro_rules! with_stream {
    ($wire:expr, $stream:ident => $code:expr) => {
        match $wire {
            Wire::Tcp(stream) => {
                stream.set_nonblocking(true).expect("non-blocking");
                let $stream = TcpStream::from_std(stream);
                $code
            }
            Wire::Unix(stream) => {
                stream.set_nonblocking(true).expect("non-blocking");
                let $stream = UnixStream::from_std(stream);
                $code
            }
            #[cfg(feature = "rustls-ring")]
            Wire::Tls(stream) => {
                let $stream = stream.map(|stream| {
                    stream.set_nonblocking(true).expect("non-blocking");
                    TcpStream::from_std(stream)
                });
                $code
            }
            Wire::Pipe(_) | Wire::Duplex(_) => panic!("no stream of the system"),
        }
    };
}

trait IntoWire: Stream + Send + Sized + 'static {
    fn into_wire(self) -> Wire;
}

impl IntoWire for TcpStream {
    fn into_wire(self) -> Wire {
        let stream = std::net::TcpStream::from(self);
        stream.set_nonblocking(false).expect("blocking");
        Wire::Tcp(stream)
    }
}

impl IntoWire for UnixStream {
    fn into_wire(self) -> Wire {
        let stream = std::os::unix::net::UnixStream::from(self);
        stream.set_nonblocking(false).expect("blocking");
        Wire::Unix(stream)
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

impl<S: IntoWire> Open<S> {
    fn new(mut socket: Socket<S>) -> Self {
        let poll = Poll::new().expect("a poll");
        let registered = socket.register(poll.registry(), Token(0));
        registered.expect("a registration");
        let events = Events::with_capacity(8);
        Self {
            socket,
            poll,
            events,
        }
    }

    /// Makes the call after each event and at each deadline, until it need not wait.
    fn wait<T>(&mut self, mut call: impl FnMut(&mut Socket<S>) -> std::task::Poll<T>) -> T {
        loop {
            if let std::task::Poll::Ready(result) = call(&mut self.socket) {
                return result;
            }
            let polled = self.poll.poll(&mut self.events, self.socket.timeout());
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.expect("the system polls"),
            }
            for event in &self.events {
                self.socket.handle_event(event);
            }
        }
    }

    /// Waits until a message may be sent, or none ever.
    fn ready(&mut self) -> io::Result<()> {
        self.wait(|socket| {
            if socket.can_send() || socket.state() != State::Open {
                return std::task::Poll::Ready(Ok(()));
            }
            match socket.flush() {
                std::task::Poll::Pending if socket.can_send() => std::task::Poll::Ready(Ok(())),
                flushed => flushed,
            }
        })
    }

    /// Waits for the end of the opening handshake, or at a server for a request.
    fn open(&mut self) -> Result<Opening, Error> {
        let mut failure = Error::Connection(proto::Error::Eof);
        loop {
            while let Some(event) = self.socket.next_event() {
                match event {
                    EndpointEvent::Request(request) => return Ok(Opening::Request(request)),
                    EndpointEvent::Open(response) => return Ok(Opening::Open(response)),
                    EndpointEvent::Refused(refusal) => failure = Error::Refused(refusal),
                    EndpointEvent::Closed(status) => {
                        failure = Error::Connection(status.error.unwrap_or(proto::Error::Eof));
                    }
                    EndpointEvent::Event(_) => {}
                }
            }
            if !self.wait(Socket::fill)? {
                return Err(failure);
            }
        }
    }

    fn receive(mut self) -> Result<Asked<S>, Error> {
        match self.open()? {
            Opening::Request(request) => Ok(Asked {
                open: self,
                request,
            }),
            Opening::Open(_) => Err(proto::Error::Eof.into()),
        }
    }
}

impl Adapter for Mio {
    fn name(&self) -> &'static str {
        "mio"
    }

    /// None: a `Poll` waits for the system.
    fn memory(&self) -> Option<(Wire, Wire)> {
        None
    }

    fn connect(
        &self,
        wire: Wire,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Box<dyn Driven>, Box<Response>), Error> {
        with_stream!(wire, stream => {
            let mut open = Open::new(Socket::connect(stream, request, config)?);
            match open.open()? {
                Opening::Open(Some(response)) => Ok((Box::new(open), response)),
                _ => Err(proto::Error::Eof.into()),
            }
        })
    }

    fn receive(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Waiting>, Error> {
        with_stream!(wire, stream => {
            let open = Open::new(Socket::accept(stream, config));
            Ok(Box::new(open.receive()?))
        })
    }

    fn accept(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Driven>, Error> {
        self.receive(wire, config)?.accept(&Accept::new())
    }

    fn join(&self, wire: Wire, connection: Connection, unread: Vec<u8>) -> Box<dyn Driven> {
        with_stream!(wire, stream => {
            Box::new(Open::new(Socket::from_parts(stream, connection, unread)))
        })
    }
}

impl<S: IntoWire> Waiting for Asked<S> {
    fn request(&self) -> &Request {
        &self.request
    }

    fn accept(self: Box<Self>, accept: &Accept<'_>) -> Result<Box<dyn Driven>, Error> {
        let Self { mut open, .. } = *self;
        if let Err(error) = open.socket.accept_request(accept) {
            open.socket.reject(&Reject::new(500))?;
            open.wait(Socket::end)?;
            return Err(error.into());
        }
        open.open()?;
        Ok(Box::new(open))
    }

    fn reject(self: Box<Self>, reject: &Reject<'_>) -> Result<(), Error> {
        let Self { mut open, .. } = *self;
        let rejected = open.socket.reject(reject);
        if rejected.is_err() {
            open.socket.reject(&Reject::new(500))?;
        }
        open.wait(Socket::end)?;
        Ok(rejected?)
    }
}

/// What may wait is called until it need not; what queues a message waits for room before.
macro_rules! call {
    ($open:ident, ping($payload:ident)) => {
        $open.socket.ping($payload)
    };
    ($open:ident, close($frame:ident)) => {
        $open.socket.close($frame)
    };
    ($open:ident, $waits:ident()) => {
        $open.wait(Socket::$waits)
    };
    ($open:ident, $sends:ident($message:ident)) => {{
        $open.ready()?;
        $open.socket.$sends($message)
    }};
}

impl<S: IntoWire> Driven for Open<S> {
    drive!(call);

    fn into_parts(mut self: Box<Self>) -> (Wire, Vec<u8>, Vec<u8>) {
        let deregistered = self.socket.deregister(self.poll.registry());
        deregistered.expect("it was registered");
        let Parts {
            stream,
            unread,
            unsent,
            ..
        } = self.socket.into_parts();
        (stream.into_wire(), unread, unsent)
    }
}
