//! The servers: each sends every message back, on one thread unless it says otherwise, from the
//! first byte on; a handshake is not measured here.
//!
//! To add one: a line in [`SERVERS`], and an echo of one connection in a file here.

mod broadcast;
mod on_mio;
mod on_smol;
mod on_threads;
mod on_tokio;
mod peers;
mod raw;
mod sansock;

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
    process, thread,
};

use self::{
    on_mio::serve as on_mio, on_smol::serve as on_smol, on_threads::serve as on_threads,
    on_tokio::serve as on_tokio,
};
use crate::Outcome;

/// Bytes of the largest message that is echoed: everybody's limits allow it.
pub(crate) const LARGEST: usize = 64 << 20;

/// Who serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// Its name in the table; words behind `--` choose by it.
    pub(crate) name: &'static str,
    /// The package whose version stands beside the name.
    pub(crate) package: Option<&'static str>,
    /// The floor that it is compared with: the raw echo on the same runtime.
    pub(crate) floor: &'static str,
    /// What one read brought is one write.
    pub(crate) batches: bool,
    /// It is measured with many connections too.
    pub(crate) many: bool,
    /// It has a thread for each connection: its memory is not measured.
    pub(crate) threads: bool,
    /// How it is set up.
    pub(crate) setup: &'static str,
    serve: fn(TcpListener) -> Outcome,
}

const MIO: Server = Server {
    name: "raw mio",
    package: None,
    floor: "raw mio",
    batches: true,
    many: false,
    threads: false,
    setup: "bytes sent back as they came, without a protocol; one buffer of 256 KiB; a short read \
        is the last",
    serve: on_mio::<raw::Raw>,
};

const TOKIO: Server = Server {
    name: "raw tokio",
    package: None,
    floor: "raw tokio",
    batches: true,
    many: false,
    threads: false,
    setup: "the same in a task for each connection, on tokio's current-thread runtime: `poll_read`, \
        `poll_write`",
    serve: |it| on_tokio(it, raw::echo),
};

const SMOL: Server = Server {
    name: "raw smol",
    floor: "raw smol",
    setup: "the same on smol's `LocalExecutor`",
    serve: |it| on_smol(it, on_smol::raw),
    ..TOKIO
};

const THREADS: Server = Server {
    name: "raw threads",
    floor: "raw threads",
    threads: true,
    setup: "the same in a thread for each connection; a buffer of 256 KiB for each",
    serve: |it| on_threads(&it, on_threads::raw),
    ..TOKIO
};

/// Everybody, in the order of the table; the floors come first.
#[rustfmt::skip]
pub(crate) const SERVERS: &[Server] = &[
    Server { many: true, ..MIO },
    Server { many: true, ..TOKIO },
    SMOL,
    THREADS,
    Server { name: "sansock mio", many: true, package: Some("sansock"), serve: on_mio::<sansock::Socket>, setup: "lent events: `fill`, `next_with_reply`", ..MIO },
    Server { name: "sansock tokio", many: true, package: Some("sansock"), serve: |it| on_tokio(it, sansock::lent), setup: "lent events: `fill`, `next_with_reply`", ..TOKIO },
    Server { name: "sansock tokio recv", package: Some("sansock"), serve: |it| on_tokio(it, sansock::owned), setup: "owned messages: `recv`, `feed`", ..TOKIO },
    Server { name: "sansock tokio Stream", package: Some("sansock"), serve: |it| on_tokio(it, sansock::stream), setup: "owned messages: `Stream`, `Sink`", ..TOKIO },
    Server { name: "sansock futures", package: Some("sansock"), serve: |it| on_smol(it, sansock::futures), setup: "lent events, on smol, with its timer", ..SMOL },
    Server { name: "sansock blocking", package: Some("sansock"), serve: |it| on_threads(&it, sansock::blocking), setup: "lent events, in a thread for each connection", ..THREADS },
    Server { name: "sockudo-ws engine", package: Some("sockudo-ws"), serve: |it| on_tokio(it, peers::sockudo_ws_engine), setup: "`Protocol` driven by hand on tokio: one buffer of 256 KiB for all, the rest of a cut frame in one of its own", ..TOKIO },
    Server { name: "sockudo-ws", package: Some("sockudo-ws"), serve: |it| on_tokio(it, peers::sockudo_ws), setup: "`WebSocketStream`, flushed when nothing is left to read", ..TOKIO },
    Server { name: "yawc", package: Some("yawc"), serve: |it| on_tokio(it, peers::yawc), setup: "simd, text validated; flushed likewise", ..TOKIO },
    Server { name: "tokio-tungstenite", package: Some("tokio-tungstenite"), serve: |it| on_tokio(it, peers::tokio_tungstenite), setup: "16 KiB read buffer; flushed likewise", ..TOKIO },
    Server { name: "tungstenite mio", package: Some("tungstenite"), serve: on_mio::<peers::Tungstenite>, setup: "over non-blocking streams; 16 KiB read buffer; flushed likewise", ..MIO },
    Server { name: "tokio-websockets", package: Some("tokio-websockets"), serve: |it| on_tokio(it, peers::tokio_websockets), setup: "flush threshold of 256 KiB; reads all there are, feeds them, flushes", ..TOKIO },
    Server { name: "fastwebsockets", package: Some("fastwebsockets"), batches: false, serve: |it| on_tokio(it, peers::fastwebsockets), setup: "simd; `read_frame`, `write_frame`, which writes at once", ..TOKIO },
    Server { name: "wtx", package: Some("wtx"), batches: false, serve: |it| on_tokio(it, peers::wtx), setup: "`read_frame`, `write_frame`, which writes at once", ..TOKIO },
];

/// Those that send what one client says to all.
#[rustfmt::skip]
pub(crate) const BROADCASTERS: &[Server] = &[
    Server { name: "broadcast raw mio", serve: on_mio::<broadcast::Raw>, setup: "one write of the frame for each connection", ..MIO },
    Server { name: "broadcast sansock mio", package: Some("sansock"), serve: on_mio::<broadcast::Sansock>, setup: "one `Prepared`, and `send_prepared` for each connection", ..MIO },
];

impl Server {
    /// Whether it is a floor, and so sends the very bytes back.
    pub(crate) fn is_floor(&self) -> bool {
        self.package.is_none()
    }
}

/// Serves as `name` until the standard input ends; prints where.
pub(crate) fn run(name: &str) -> Outcome {
    let all = || SERVERS.iter().chain(BROADCASTERS);
    let server = all()
        .find(|it| it.name == name)
        .ok_or("there is no such server")?;
    // mio lets as many wait to be accepted as the system does, std 128.
    let listener = mio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = TcpListener::from(listener);
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    thread::spawn(|| {
        // Whoever started this has ended, or wants it to.
        let _ = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    (server.serve)(listener)
}
