//! The servers: each sends every message back, on one thread, with permessage-deflate on from the
//! first byte; a handshake is not measured here.

use std::{io::Write, pin::Pin, rc::Rc, sync::Arc};

use futures_util::StreamExt;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, task,
};

use crate::Outcome;

/// Who serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// The package.
    pub(crate) name: &'static str,
    /// Whether it can take over contexts.
    pub(crate) takes_over: bool,
    /// How it is set up.
    pub(crate) setup: &'static str,
    serve: fn(TcpListener, bool) -> Serving,
}

/// A server at work, until it fails.
type Serving = Pin<Box<dyn Future<Output = Outcome>>>;

/// Everybody, in the order of the table.
pub(crate) const SERVERS: [Server; 4] = [
    Server {
        name: "sansock",
        takes_over: true,
        setup: "tokio adapter, default configuration; what one read brought is one write",
        serve: |listener, takeover| Box::pin(serve(listener, move |it| sansock(it, takeover))),
    },
    Server {
        name: "sockudo-ws",
        takes_over: true,
        setup: "`CompressedWebSocketStream`, forwarded to itself: flushed when nothing is left to \
            read; level 6",
        serve: |listener, takeover| Box::pin(serve(listener, move |it| sockudo_ws(it, takeover))),
    },
    Server {
        name: "wtx",
        takes_over: false,
        setup: "`read_frame`, `write_frame`, which writes at once; level 5, windows of 32 KiB",
        serve: |listener, _| Box::pin(serve(listener, wtx)),
    },
    Server {
        name: "yawc",
        takes_over: true,
        setup: "simd, zlib (zlib-rs); forwarded to itself likewise; text validated; level 6",
        serve: |listener, takeover| Box::pin(serve(listener, move |it| yawc(it, takeover))),
    },
];

impl Server {
    /// Serves until it is ended, and prints where.
    pub(crate) fn run(self, takeover: bool) -> Outcome {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let local = task::LocalSet::new();
        local.block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            println!("{}", listener.local_addr()?);
            std::io::stdout().flush()?;
            (self.serve)(listener, takeover).await
        })
    }
}

async fn serve<F>(listener: TcpListener, echo: impl Fn(TcpStream) -> F + 'static) -> Outcome
where
    F: Future<Output = Outcome> + 'static,
{
    let echo = Rc::new(echo);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let echo = Rc::clone(&echo);
        task::spawn_local(async move {
            if let Err(error) = echo(stream).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn sansock(stream: TcpStream, takeover: bool) -> Outcome {
    use sansock::{
        Config, Role,
        adapter::tokio::Socket,
        proto::{Connection, DeflateParams, handshake::Negotiated},
    };

    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    thread_local! {
        static CONFIG: Arc<Config> = Arc::new(Config::default());
    }
    let config = CONFIG.with(Arc::clone);
    let connection = Connection::from_negotiated(Role::Server, &negotiated, &config, [0; 32]);
    let mut socket = Socket::from_parts(stream, connection, Vec::new());
    while socket.fill().await? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        if !socket.can_send() {
            socket.flush().await?;
        }
    }
    Ok(())
}

async fn sockudo_ws(stream: TcpStream, takeover: bool) -> Outcome {
    use sockudo_ws::{CompressedWebSocketStream, Config, DeflateConfig};

    let deflate = DeflateConfig {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        ..DeflateConfig::default()
    };
    let socket = CompressedWebSocketStream::server(stream, Config::default(), deflate);
    let (sink, stream) = StreamExt::split(socket);
    stream.forward(sink).await?;
    Ok(())
}

async fn wtx(stream: TcpStream) -> Outcome {
    use wtx::{
        collection::Vector,
        rng::{Xorshift64, simple_seed},
        web_socket::{
            Compression, DeflateConfig, OpCode, WebSocket, WebSocketBuffer, WebSocketPayloadOrigin,
            compression::{Flate2, WindowBits},
        },
    };

    let config = DeflateConfig {
        client_max_window_bits: WindowBits::Fifteen,
        server_max_window_bits: WindowBits::Fifteen,
        ..DeflateConfig::default()
    };
    let field: [&[u8]; 2] = [b"sec-websocket-extensions", b"permessage-deflate"];
    let deflate = Compression::<false>::negotiate(Flate2::from(config), [field].into_iter())?;
    let rng = Xorshift64::from(simple_seed());
    let buffer = WebSocketBuffer::new();
    let mut socket = WebSocket::<_, _, _, _, false>::new(deflate, false, rng, stream, buffer);
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

async fn yawc(stream: TcpStream, takeover: bool) -> Outcome {
    use yawc::{DeflateOptions, Options, Role, WebSocket};

    let options = Options {
        compression: Some(DeflateOptions {
            server_no_context_takeover: !takeover,
            client_no_context_takeover: !takeover,
            ..DeflateOptions::default()
        }),
        ..Options::default()
    };
    let extension = if takeover {
        "permessage-deflate"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    };
    let options = options.with_utf8();
    let socket =
        WebSocket::from_stream_with_extensions(stream, Role::Server, Some(extension), options)?;
    let (sink, stream) = StreamExt::split(socket);
    stream.map(Ok).forward(sink).await?;
    Ok(())
}
