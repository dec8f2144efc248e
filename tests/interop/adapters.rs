//! Our side of a conversation, over each adapter.

use std::{net::TcpStream, sync::Arc};

use sansock::{
    CloseCode, CloseFrame, Config, Message, Part,
    adapter::{MaybeTls, blocking, tokio as asynchronous},
    proto::{Compress, DeflateParams},
};
use tokio::runtime::{Builder, Runtime};

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

pub(crate) struct Tokio {
    runtime: Runtime,
    socket: asynchronous::Socket<MaybeTls<tokio::net::TcpStream>>,
}

impl Adapter for Tokio {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let socket = runtime.block_on(async {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let stream = MaybeTls::Plain(stream);
            asynchronous::Socket::accept(stream, config).await.unwrap()
        });
        Self { runtime, socket }
    }

    fn connect(url: &str, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let (socket, _) = runtime
            .block_on(asynchronous::connect(url, config))
            .unwrap();
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
