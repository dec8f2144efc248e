//! `sansock serve`: a server to try, for programs and for browsers on the same port.
//!
//! ```text
//!                                  ┌ a page: a Reject with status 200
//! accept ─► MaybeTls ─► Site::answer ┤
//!                                  └ a WebSocket: echo, or the chat room
//! ```
//!
//! The rest is the adapter's: each drives the same sockets in its own way.

mod blocking;
mod certificate;
mod chat;
mod mio;
mod polled;
mod site;
mod stop;
mod timer;

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum};
use sansock::{
    CloseStatus, Config, DeflateConfig,
    adapter::{self, MaybeTls, tls::TlsAcceptor},
    proto::{
        self, Timeout,
        handshake::{EofStage, HandshakeError, OriginPolicy},
    },
};

use self::{chat::Room, site::Site};
use crate::{
    failure::Failure,
    terminal::{print, tell},
};

/// Run a server that sends every message back, with a page for browsers
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9001")]
    listen: String,
    /// What drives the connections
    #[arg(long, value_enum, default_value_t)]
    adapter: Adapter,
    /// Be a room: whatever text one sends goes to all (over tokio)
    #[arg(long, conflicts_with = "adapter")]
    chat: bool,
    /// Speak TLS, with a certificate made for this run unless one is given
    #[arg(long)]
    tls: bool,
    /// The certificate to show, and those that vouch for it, in a PEM file
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    certificate: Option<PathBuf>,
    /// Its private key, in a PEM file
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Where to write the certificate made for this run, for `connect --ca FILE`
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls",
        conflicts_with = "certificate"
    )]
    save_certificate: Option<PathBuf>,
    /// Compress messages (permessage-deflate) for clients that offer it
    #[arg(long)]
    deflate: bool,
    /// Whose pages may connect besides our own, such as https://example.com; may be repeated.
    /// Without it all may. Programs always may
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Adapter {
    /// Tasks on tokio, on all processors
    #[default]
    Tokio,
    /// A thread for each connection; Ctrl-C ends them without a Close
    Blocking,
    /// Tasks on smol, on one thread
    Futures,
    /// A loop around mio's `Poll`
    Mio,
}

/// What all connections share.
#[derive(Debug)]
struct Server {
    config: Arc<Config>,
    tls: Option<TlsAcceptor>,
    site: Site,
    /// Where everybody is, if this is no echo server.
    room: Option<Room>,
}

/// How long to wait after a connection could not be accepted, mostly for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is interrupted or terminated.
///
/// # Errors
///
/// What the system refuses, or a file that cannot be used.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let listener = listen(&options.listen)?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new(format!("cannot tell where this listens: {error}")))?;
    let tls = match (options.tls, &options.certificate, &options.key) {
        (false, ..) => None,
        (true, Some(certificate), Some(key)) => Some(certificate::load(certificate, key)?),
        (true, ..) => Some(certificate::make(
            address.ip(),
            options.save_certificate.as_deref(),
        )?),
    };
    let urls = Urls {
        address,
        is_secure: options.tls,
    };
    let server = Arc::new(Server {
        config: Arc::new(options.config()),
        tls: tls
            .as_ref()
            .map(|(config, _)| TlsAcceptor::from(Arc::clone(config))),
        site: Site::new(options.policy(urls)?, options.chat),
        room: options.chat.then(Room::default),
    });
    announce(options, urls, tls.map(|(_, description)| description))?;
    match options.adapter {
        Adapter::Tokio => polled::serve_tokio(listener, &server),
        Adapter::Blocking => blocking::serve(&listener, &server),
        Adapter::Futures => polled::serve_futures(listener, &server),
        Adapter::Mio => mio::serve(listener, &server),
    }
    .map_err(|error| Failure::new(format!("cannot go on: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {address}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => failure.hint(
                "Another program listens there: end it, or choose another port by --listen; \
                 port 0 is any free one.",
            ),
            io::ErrorKind::AddrNotAvailable => failure.hint(
                "This machine has no such address: 127.0.0.1 is for programs on it alone, \
                 0.0.0.0 for all that can reach it.",
            ),
            io::ErrorKind::PermissionDenied => {
                failure.hint("Ports below 1024 are for the administrator: choose one above.")
            }
            _ => failure.hint("Give a host and a port, such as 127.0.0.1:9001."),
        }
    })
}

impl Options {
    fn config(&self) -> Config {
        let config = Config::default()
            .plain_requests(true)
            .deflate(self.deflate.then(DeflateConfig::default));
        if self.chat {
            // A line is short; and behind whom nothing more is kept than what the queue holds.
            config.max_message_size(16 << 10).high_water_mark(16 << 10)
        } else {
            config
        }
    }

    fn policy(&self, urls: Urls) -> Result<OriginPolicy, Failure> {
        if self.origins.is_empty() {
            return Ok(OriginPolicy::any());
        }
        for origin in &self.origins {
            if let Err(error) = OriginPolicy::list([origin]) {
                return Err(Failure::new(format!("{origin:?}: {error}"))
                    .hint("An origin is a scheme and a host, such as https://example.com:8443."));
            }
        }
        let own = urls.page();
        let own = own.trim_end_matches('/').to_owned();
        let policy = OriginPolicy::list(self.origins.iter().cloned().chain([own]))
            .map_err(|error| Failure::new(error.to_string()))?;
        Ok(policy.allow_missing(true))
    }
}

/// What the server is called by its clients.
#[derive(Clone, Copy)]
struct Urls {
    address: SocketAddr,
    is_secure: bool,
}

impl Urls {
    fn page(self) -> String {
        self.with(if self.is_secure { "https" } else { "http" })
    }

    fn websocket(self) -> String {
        self.with(if self.is_secure { "wss" } else { "ws" })
    }

    fn with(self, scheme: &str) -> String {
        let Self { address, .. } = self;
        if address.ip().is_unspecified() {
            format!("{scheme}://localhost:{}/", address.port())
        } else {
            format!("{scheme}://{address}/")
        }
    }
}

/// Says where to go, if anybody listens.
fn announce(options: &Options, urls: Urls, certificate: Option<String>) -> Result<(), Failure> {
    let what = match (options.chat, options.adapter) {
        (true, _) => "a chat",
        (false, Adapter::Tokio) => "echo over tokio",
        (false, Adapter::Blocking) => "echo over threads",
        (false, Adapter::Futures) => "echo over smol",
        (false, Adapter::Mio) => "echo over mio",
    };
    let ca = options.save_certificate.as_ref();
    let ca = ca.map_or_else(String::new, |file| format!(" --ca {}", file.display()));
    let certificate = certificate.map_or_else(String::new, |certificate| {
        format!("certificate:   {certificate}\n")
    });
    print(format_args!(
        "listening on {}: {what}\n\
         in a browser:  {}\n\
         in a terminal: sansock connect{ca} {}\n\
         {certificate}",
        urls.address,
        urls.page(),
        urls.websocket(),
    ))
}

impl Server {
    /// The stream, below TLS where that is asked for.
    fn wrap<S>(&self, stream: S) -> Result<MaybeTls<S>, adapter::Error> {
        Ok(match &self.tls {
            None => MaybeTls::Plain(stream),
            Some(tls) => MaybeTls::Tls(tls.wrap(stream)?),
        })
    }
}

/// How a connection ended whose events were taken one by one.
fn outcome(status: Option<&CloseStatus>) -> Result<(), adapter::Error> {
    match status.and_then(|status| status.error) {
        // What was answered with a page was refused as a WebSocket.
        None | Some(proto::Error::Refused(_)) => Ok(()),
        Some(error) => Err(error.into()),
    }
}

/// Says how a connection ended, unless in order. Browsers open some ahead and never use them.
fn report(peer: impl fmt::Display, ended: Result<(), adapter::Error>) {
    match ended {
        Ok(())
        | Err(adapter::Error::Connection(
            proto::Error::Handshake(HandshakeError::Eof(EofStage::BeforeHead))
            | proto::Error::Timeout(Timeout::Handshake),
        )) => {}
        Err(error) => tell(format_args!("{peer}: {error}")),
    }
}
