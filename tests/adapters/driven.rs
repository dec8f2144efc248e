//! What the suite asks of an adapter.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::Arc,
};

use sansock::{
    CloseFrame, CloseStatus, Config, Message, Part, State,
    adapter::{Error, blocking::Stream},
    endpoint::EndpointEvent,
    proto::{
        Connection,
        handshake::{Accept, ClientRequest, Reject, Request, Response},
    },
};

/// An adapter, its calls made from a thread of their own each.
pub(crate) trait Adapter: Sync {
    fn name(&self) -> &'static str;
    /// Both ends of a pipe in memory, as this adapter takes it, if it takes any.
    fn memory(&self) -> Option<(Wire, Wire)>;
    fn connect(
        &self,
        wire: Wire,
        request: &ClientRequest,
        config: &Arc<Config>,
    ) -> Result<(Box<dyn Driven>, Box<Response>), Error>;
    fn receive(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Waiting>, Error>;
    fn accept(&self, wire: Wire, config: &Arc<Config>) -> Result<Box<dyn Driven>, Error>;
    fn join(&self, wire: Wire, connection: Connection, unread: Vec<u8>) -> Box<dyn Driven>;
}

/// A request that waits for a decision.
pub(crate) trait Waiting {
    fn request(&self) -> &Request;
    fn accept(self: Box<Self>, accept: &Accept<'_>) -> Result<Box<dyn Driven>, Error>;
    fn reject(self: Box<Self>, reject: &Reject<'_>) -> Result<(), Error>;
}

/// An open socket.
pub(crate) trait Driven: Send {
    fn fill(&mut self) -> io::Result<bool>;
    fn next_event(&mut self) -> Option<EndpointEvent<'static>>;
    fn recv(&mut self) -> Result<Option<Message<'static>>, Error>;
    fn send(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn feed(&mut self, message: Message<'_>) -> Result<(), Error>;
    fn send_part(&mut self, part: Part<'_>) -> Result<(), Error>;
    fn flush(&mut self) -> io::Result<()>;
    fn ping(&mut self, payload: &[u8]) -> Result<(), Error>;
    fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error>;
    fn end(&mut self) -> Result<CloseStatus, Error>;
    fn state(&self) -> State;
    fn status(&self) -> Option<CloseStatus>;
    fn subprotocol(&self) -> Option<String>;
    fn buffered_amount(&self) -> usize;
    fn can_send(&self) -> bool;
    /// The stream, the unread input and the unwritten output.
    fn into_parts(self: Box<Self>) -> (Wire, Vec<u8>, Vec<u8>);
}

/// A stream, of whichever kind.
pub(crate) trait Bytes: Read + Write + Send {
    /// Ends what is written; what comes can still be read.
    fn end_writing(&mut self);
}

impl<S: Stream + Send> Bytes for S {
    fn end_writing(&mut self) {
        self.shutdown_write().unwrap();
    }
}

/// A transport before an adapter takes it. An adapter with another kind adds it here.
pub(crate) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    Pipe(crate::pipe::Pipe),
    Duplex(tokio::io::DuplexStream),
    #[cfg(feature = "rustls-ring")]
    Tls(sansock::adapter::tls::TlsStream<TcpStream>),
}

impl Wire {
    /// The end of a peer that is no WebSocket: plain bytes.
    pub(crate) fn raw(self) -> Box<dyn Bytes> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
            Self::Pipe(stream) => Box::new(stream),
            Self::Duplex(stream) => Box::new(crate::tokio::Bridge::new(stream)),
            #[cfg(feature = "rustls-ring")]
            Self::Tls(stream) => Box::new(stream),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// The methods that every socket has under the same name; `$wait` makes a call of it.
macro_rules! drive {
    ($wait:ident) => {
        fn fill(&mut self) -> std::io::Result<bool> {
            $wait!(self, fill())
        }

        fn next_event(&mut self) -> Option<sansock::endpoint::EndpointEvent<'static>> {
            let event = self.socket.next_event()?;
            Some(event.into_owned())
        }

        fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
            $wait!(self, recv())
        }

        fn send(&mut self, message: Message<'_>) -> Result<(), Error> {
            $wait!(self, send(message))
        }

        fn feed(&mut self, message: Message<'_>) -> Result<(), Error> {
            $wait!(self, feed(message))
        }

        fn send_part(&mut self, part: sansock::Part<'_>) -> Result<(), Error> {
            $wait!(self, send_part(part))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            $wait!(self, flush())
        }

        fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
            $wait!(self, ping(payload))
        }

        fn close(&mut self, frame: Option<&sansock::CloseFrame<'_>>) -> Result<(), Error> {
            $wait!(self, close(frame))
        }

        fn end(&mut self) -> Result<sansock::CloseStatus, Error> {
            $wait!(self, end())
        }

        fn state(&self) -> sansock::State {
            self.socket.state()
        }

        fn status(&self) -> Option<sansock::CloseStatus> {
            self.socket.close_status().cloned()
        }

        fn subprotocol(&self) -> Option<String> {
            self.socket.subprotocol().map(str::to_owned)
        }

        fn buffered_amount(&self) -> usize {
            self.socket.buffered_amount()
        }

        fn can_send(&self) -> bool {
            self.socket.can_send()
        }
    };
}

pub(crate) use drive;
