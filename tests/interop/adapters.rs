//! Our side of a conversation, over each adapter.

use std::{convert::Infallible, future::ready, net::TcpStream, sync::Arc};

use hyper::{client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use sansock::{
    CloseCode, CloseFrame, Config, Message, Part,
    adapter::{
        MaybeTls, blocking,
        hyper::{Upgraded, upgrade},
        tokio as asynchronous,
    },
    proto::{
        Compress, DeflateParams,
        handshake::{Accept, ClientHandshake, ClientRequest},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::{Builder, Runtime},
    sync::mpsc::unbounded_channel,
};

use super::steps::Step;

/// A socket of one of our adapters, used one call after the other.
pub(crate) trait Adapter {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self;
    fn connect(url: &str, config: &Arc<Config>) -> Self;
    fn send_step(&mut self, step: &Step);
    fn recv(&mut self) -> Option<Message<'static>>;
    /// Closes with 1000, which must be answered.
    fn end(self);
    fn deflate(&self) -> Option<DeflateParams>;
    fn extensions(&self) -> Option<String>;
}

pub(crate) struct Blocking(blocking::Socket<MaybeTls<TcpStream>>);

impl Adapter for Blocking {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self {
        stream.set_nodelay(true).unwrap();
        Self(blocking::Socket::accept(MaybeTls::Plain(stream), config).unwrap())
    }

    fn connect(url: &str, config: &Arc<Config>) -> Self {
        Self(blocking::connect(url, config).unwrap().0)
    }

    fn send_step(&mut self, step: &Step) {
        let socket = &mut self.0;
        match step {
            Step::Auto(message) => socket.send(message).unwrap(),
            Step::Always(message) => socket.send_with(message, ALWAYS.into()).unwrap(),
            Step::Never(message) => socket.send_with(message, NEVER.into()).unwrap(),
            Step::Prepared(prepared) => socket.send_prepared(prepared).unwrap(),
            Step::Parts(parts) => {
                for part in split(parts) {
                    socket.send_part(part).unwrap();
                }
            }
        }
    }

    fn recv(&mut self) -> Option<Message<'static>> {
        self.0.recv().unwrap()
    }

    fn end(mut self) {
        self.0
            .close(Some(&CloseFrame::new(CloseCode::NORMAL, "")))
            .unwrap();
        let status = self.0.end().unwrap();
        assert!(
            status.clean && status.code() == CloseCode::NORMAL,
            "{status:?}"
        );
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.0.deflate()
    }

    fn extensions(&self) -> Option<String> {
        self.0.extensions()
    }
}

/// Over tokio, whose stream says how it comes to be.
pub(crate) struct Asynchronous<S> {
    runtime: Runtime,
    socket: asynchronous::Socket<S>,
}

pub(crate) type Tokio = Asynchronous<MaybeTls<tokio::net::TcpStream>>;

/// HTTP is done by hyper, as a server and as a client.
pub(crate) type Hyper = Asynchronous<Upgraded>;

pub(crate) trait Open: AsyncRead + AsyncWrite + Unpin + Sized {
    async fn accept(
        stream: tokio::net::TcpStream,
        config: &Arc<Config>,
    ) -> asynchronous::Socket<Self>;
    async fn connect(url: &str, config: &Arc<Config>) -> asynchronous::Socket<Self>;
}

impl Open for MaybeTls<tokio::net::TcpStream> {
    async fn accept(
        stream: tokio::net::TcpStream,
        config: &Arc<Config>,
    ) -> asynchronous::Socket<Self> {
        let stream = MaybeTls::Plain(stream);
        asynchronous::Socket::accept(stream, config).await.unwrap()
    }

    async fn connect(url: &str, config: &Arc<Config>) -> asynchronous::Socket<Self> {
        asynchronous::connect(url, config).await.unwrap().0
    }
}

impl Open for Upgraded {
    async fn accept(
        stream: tokio::net::TcpStream,
        config: &Arc<Config>,
    ) -> asynchronous::Socket<Self> {
        let (tell, mut told) = unbounded_channel();
        let config = Arc::clone(config);
        let service = service_fn(move |mut request| {
            let (response, socket) = upgrade(&mut request, &Accept::new(), &config).unwrap();
            tell.send(socket).unwrap();
            ready(Ok::<_, Infallible>(response.map(|()| String::new())))
        });
        let connection = server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(connection);
        told.recv().await.unwrap().await.unwrap()
    }

    async fn connect(url: &str, config: &Arc<Config>) -> asynchronous::Socket<Self> {
        let asked = ClientRequest::from_url(url).unwrap();
        let (handshake, request) = ClientHandshake::start_http(&asked, config, [7; 32]).unwrap();
        let stream = tokio::net::TcpStream::connect((asked.host(), asked.port()));
        let stream = TokioIo::new(stream.await.unwrap());
        let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        let request = request.map(|()| String::new());
        let response = sender.send_request(request).await.unwrap();
        let (connection, _) = handshake.receive_http(&response).unwrap().unwrap();
        let upgraded = hyper::upgrade::on(response).await.unwrap();
        asynchronous::Socket::from_parts(upgraded.into(), connection, Vec::new())
    }
}

impl<S: Open> Adapter for Asynchronous<S> {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let socket = runtime.block_on(async {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            S::accept(stream, config).await
        });
        Self { runtime, socket }
    }

    fn connect(url: &str, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let socket = runtime.block_on(S::connect(url, config));
        Self { runtime, socket }
    }

    fn send_step(&mut self, step: &Step) {
        let socket = &mut self.socket;
        self.runtime.block_on(async {
            match step {
                Step::Auto(message) => socket.send(message).await.unwrap(),
                Step::Always(message) => socket.send_with(message, ALWAYS.into()).await.unwrap(),
                Step::Never(message) => socket.send_with(message, NEVER.into()).await.unwrap(),
                Step::Prepared(prepared) => socket.send_prepared(prepared).await.unwrap(),
                Step::Parts(parts) => {
                    for part in split(parts) {
                        socket.send_part(part).await.unwrap();
                    }
                }
            }
        });
    }

    fn recv(&mut self) -> Option<Message<'static>> {
        self.runtime.block_on(self.socket.recv()).unwrap()
    }

    fn end(mut self) {
        let Self { runtime, socket } = &mut self;
        let status = runtime.block_on(async {
            let frame = CloseFrame::new(CloseCode::NORMAL, "");
            socket.close(Some(&frame)).await.unwrap();
            socket.end().await.unwrap()
        });
        assert!(
            status.clean && status.code() == CloseCode::NORMAL,
            "{status:?}"
        );
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.socket.deflate()
    }

    fn extensions(&self) -> Option<String> {
        self.socket.extensions()
    }
}

pub(crate) const ALWAYS: Compress = Compress::Always;
pub(crate) const NEVER: Compress = Compress::Never;

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn split<'a>(parts: &'a [Message<'static>]) -> impl Iterator<Item = Part<'a>> {
    let last = parts.len() - 1;
    parts.iter().enumerate().map(move |(n, message)| {
        if n == last {
            Part::last(message)
        } else {
            Part::more(message)
        }
    })
}

// --- The other side ---------------------------------------------------------------------------
