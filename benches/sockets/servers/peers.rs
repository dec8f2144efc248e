//! The others, each as fast as it can be set up to be.

use std::{cell::RefCell, convert::Infallible, future::poll_fn, io, pin::pin, task::Poll};

use bytes::BytesMut;
use mio::event::Event;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tungstenite::protocol::{Role, WebSocketConfig};

use super::{
    LARGEST,
    on_mio::{Connection, Turn},
    on_tokio::{forward, forward_batches},
    raw::poll_write,
};
use crate::Outcome;

pub(super) async fn sockudo_ws(stream: TcpStream) -> Outcome {
    use sockudo_ws::{Config, WebSocketStream};

    let config = Config {
        max_message_size: LARGEST,
        max_frame_size: LARGEST,
        ..Config::default()
    };
    forward(WebSocketStream::server(stream, config)).await
}

pub(super) async fn sockudo_ws_engine(mut stream: TcpStream) -> Outcome {
    use sockudo_ws::{Message, Role, protocol::Protocol};

    /// What all connections of the thread share.
    #[derive(Default)]
    struct Shared {
        input: BytesMut,
        output: BytesMut,
        messages: Vec<Message>,
    }
    thread_local! {
        static SHARED: RefCell<Shared> = RefCell::default();
    }
    let mut protocol = Protocol::new(Role::Server, LARGEST, LARGEST);
    // A frame that a read cut, and what the system did not take yet.
    let mut cut = BytesMut::new();
    let mut unwritten = BytesMut::new();
    poll_fn(|cx| {
        SHARED.with_borrow_mut(|shared| {
            loop {
                if !unwritten.is_empty() {
                    let written = poll_write(cx, &mut stream, &unwritten)?;
                    let _ = unwritten.split_to(written);
                    if !unwritten.is_empty() {
                        return Poll::Pending;
                    }
                    unwritten = BytesMut::new();
                }
                let was_cut = !cut.is_empty();
                let input = if was_cut { &mut cut } else { &mut shared.input };
                input.reserve(256 << 10);
                match pin!(stream.read_buf(input)).poll(cx)? {
                    Poll::Ready(0) => return Poll::Ready(Ok(())),
                    Poll::Ready(_) => {}
                    Poll::Pending => return Poll::Pending,
                }
                protocol.process_into(input, &mut shared.messages)?;
                for message in shared.messages.drain(..) {
                    protocol.encode_message(&message, &mut shared.output)?;
                }
                if !was_cut {
                    cut.extend_from_slice(&shared.input);
                    shared.input.clear();
                } else if cut.is_empty() {
                    cut = BytesMut::new();
                }
                let written = poll_write(cx, &mut stream, &shared.output)?;
                unwritten.extend_from_slice(&shared.output[written..]);
                shared.output.clear();
            }
        })
    })
    .await
}

pub(super) async fn yawc(stream: TcpStream) -> Outcome {
    use futures_util::StreamExt;
    use yawc::{Options, Role, WebSocket, WebSocketError};

    let options = Options::default()
        .with_utf8()
        .with_limits(LARGEST, 2 * LARGEST);
    let socket = WebSocket::from_stream_with_extensions(stream, Role::Server, None, options)?;
    forward(socket.map(Ok::<_, WebSocketError>)).await
}

/// A small buffer: it is zeroed for each read.
const TUNGSTENITE_READ: usize = 16 << 10;

fn tungstenite_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(TUNGSTENITE_READ)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST))
}

pub(super) async fn tokio_tungstenite(stream: TcpStream) -> Outcome {
    use tokio_tungstenite::WebSocketStream;

    let config = tungstenite_config();
    forward(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await).await
}

/// tungstenite on mio.
#[derive(Debug)]
pub(super) struct Tungstenite(tungstenite::WebSocket<mio::net::TcpStream>);

impl Connection for Tungstenite {
    type News = Infallible;

    fn new(stream: mio::net::TcpStream) -> Self {
        let config = tungstenite_config();
        Self(tungstenite::WebSocket::from_raw_socket(
            stream,
            Role::Server,
            Some(config),
        ))
    }

    fn stream(&mut self) -> &mut mio::net::TcpStream {
        self.0.get_mut()
    }

    fn handle(&mut self, _event: &Event) -> Outcome<Turn<Infallible>> {
        use tungstenite::Error;

        let waits = |error: Error| match error {
            Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            error => Err(error),
        };
        loop {
            match self.0.read() {
                // What the system does not take now is kept.
                Ok(message) => self.0.write(message).or_else(waits)?,
                Err(Error::ConnectionClosed) => return Ok(Turn::Over),
                Err(error) => {
                    waits(error)?;
                    self.0.flush().or_else(waits)?;
                    return Ok(Turn::Waits);
                }
            }
        }
    }
}

pub(super) async fn tokio_websockets(stream: TcpStream) -> Outcome {
    use tokio_websockets::{Config, ServerBuilder};

    let config = Config::default().flush_threshold(256 << 10);
    forward_batches(ServerBuilder::new().config(config).serve(stream)).await
}

pub(super) async fn fastwebsockets(stream: TcpStream) -> Outcome {
    use fastwebsockets::{Frame, OpCode, Role, WebSocket};

    let mut socket = WebSocket::after_handshake(stream, Role::Server);
    socket.set_max_message_size(LARGEST + 1);
    loop {
        let frame = socket.read_frame().await?;
        if frame.opcode == OpCode::Close {
            return Ok(());
        }
        // Another frame: this one still has the client's masking key.
        let echo = Frame::new(frame.fin, frame.opcode, None, frame.payload);
        socket.write_frame(echo).await?;
    }
}

pub(super) async fn wtx(stream: TcpStream) -> Outcome {
    use wtx::{
        collection::Vector,
        rng::{Xorshift64, simple_seed},
        web_socket::{OpCode, WebSocket, WebSocketBuffer, WebSocketPayloadOrigin},
    };

    let rng = Xorshift64::from(simple_seed());
    let buffer = WebSocketBuffer::new();
    let mut socket = WebSocket::<_, _, _, _, false>::new((), false, rng, stream, buffer);
    socket.set_max_payload_len(LARGEST);
    let (mut common, mut reader, mut writer) = socket.split_mut();
    let mut fragments = Vector::new();
    loop {
        let origin = WebSocketPayloadOrigin::Adaptive;
        let mut frame = reader
            .read_frame(&mut fragments, &mut common, origin)
            .await?;
        if frame.op_code() == OpCode::Close {
            return Ok(());
        }
        writer.write_frame(&mut common, &mut frame).await?;
    }
}
