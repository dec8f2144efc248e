//! What browsers take from their environment.

use std::{
    fmt,
    marker::PhantomData,
    string::String,
    sync::{Arc, OnceLock},
    vec::Vec,
};

use super::{Ceiling, WebSocket, shared::Shared};
#[cfg(any(feature = "mio", feature = "tokio"))]
use crate::adapter::security::Security;
#[cfg(feature = "rustls")]
use crate::adapter::tls::TlsConnector;
#[cfg(feature = "deflate")]
use crate::proto::DeflateConfig;
use crate::{
    adapter::Error,
    proto::{
        Config, DeflateParams, Role,
        handshake::{ClientRequest, RequestError},
    },
    web::{BinaryType, DomError, Failure, Location, Protocols, WebSocketCore, is_bad_port},
};

/// A connection to be made, with what browsers take from their environment.
///
/// How it ends depends on the runtime: `connect` and `connect_with` where there is one around.
#[must_use = "it connects to nothing by itself"]
pub struct Builder<R> {
    url: String,
    base_url: Option<String>,
    protocols: Protocols,
    headers: Vec<(String, Vec<u8>)>,
    config: Option<Arc<Config>>,
    blocks_ports: bool,
    connects_one_by_one: bool,
    max_buffered_amount: u64,
    binary_type: BinaryType,
    #[cfg(feature = "rustls")]
    tls: Option<TlsConnector>,
    runtime: PhantomData<fn() -> R>,
}

/// What a connection is to be made of.
#[derive(Debug)]
pub(in crate::adapter) struct Plan {
    pub(in crate::adapter) location: Location,
    pub(in crate::adapter) request: ClientRequest,
    pub(in crate::adapter) config: Arc<Config>,
    pub(in crate::adapter) connects_one_by_one: bool,
    #[cfg(all(feature = "rustls", any(feature = "mio", feature = "tokio")))]
    tls: Option<TlsConnector>,
}

#[cfg(any(feature = "mio", feature = "tokio"))]
impl Plan {
    /// What the stream is to be secured with, to be asked before it is connected.
    pub(in crate::adapter) fn security(&self) -> Result<Security, Error> {
        #[cfg(feature = "rustls")]
        if self.request.is_secure() {
            let tls = self.tls.clone().map_or_else(default_connector, Ok)?;
            return Ok(Security::with_connector(&self.request, &tls));
        }
        Security::for_request(&self.request)
    }
}

/// The connector of those who bring none: the platform's roots are loaded once.
#[cfg(all(feature = "rustls", any(feature = "mio", feature = "tokio")))]
fn default_connector() -> Result<TlsConnector, Error> {
    static DEFAULT: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(tls) = DEFAULT.get() {
        return Ok(tls.clone());
    }
    // One that fails is tried again: the program may install a provider yet.
    let tls = TlsConnector::new()?;
    Ok(DEFAULT.get_or_init(|| tls).clone())
}

impl<R> Builder<R> {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            base_url: None,
            protocols: Protocols::none(),
            headers: Vec::new(),
            config: None,
            blocks_ports: false,
            connects_one_by_one: false,
            max_buffered_amount: WebSocketCore::MAX_BUFFERED_AMOUNT,
            binary_type: BinaryType::Blob,
            #[cfg(feature = "rustls")]
            tls: None,
            runtime: PhantomData,
        }
    }

    /// Asks for subprotocols.
    pub fn protocols(mut self, protocols: impl Into<Protocols>) -> Self {
        self.protocols = protocols.into();
        self
    }

    /// What a relative URL is relative to: a page's address. By default there is none, and a
    /// relative URL is a `SyntaxError`.
    pub fn base_url(mut self, base_url: &str) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the `Origin` header, which browsers always send; some servers insist on it. By default
    /// there is none.
    ///
    /// # Errors
    ///
    /// As [`ClientRequest::origin`].
    pub fn origin(self, origin: &str) -> Result<Self, RequestError> {
        self.header("Origin", origin)
    }

    /// Adds a header, such as a cookie.
    ///
    /// # Errors
    ///
    /// As [`ClientRequest::header`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        // The same checks on a request of no use, so that a fault is told here.
        self.add_headers(ClientRequest::new("localhost", "/")?)?;
        Ok(self)
    }

    /// Limits and timeouts of the engine, and whether messages are compressed. By default those of
    /// [`Config::default`], with the offer that browsers make if there is the feature `deflate`:
    /// `permessage-deflate; client_max_window_bits`.
    pub fn config(mut self, config: &Arc<Config>) -> Self {
        self.config = Some(Arc::clone(config));
        self
    }

    /// Whether to fail on ports that browsers do not connect to, see [`is_bad_port`]. Off by
    /// default: a program may have a reason to.
    pub const fn blocked_ports(mut self, blocked: bool) -> Self {
        self.blocks_ports = blocked;
        self
    }

    /// Whether to wait while another connection of this process that waits likewise is CONNECTING
    /// to the same address and port (RFC 6455 §4.1 number 2). Off by default: it is a page that is
    /// not trusted to open many.
    ///
    /// Over `adapter::futures`, whose connector does not tell addresses, hosts are told apart by
    /// name.
    pub const fn one_connecting_per_host(mut self, one: bool) -> Self {
        self.connects_one_by_one = one;
        self
    }

    /// How many bytes may wait to be written before a further message closes the connection. 64 MiB
    /// by default, four messages of the size that a peer with our own defaults takes. So does one
    /// behind more than 1024 messages and one for each 32 of these bytes, since empty ones have a
    /// cost too. So at most 4 × this and 96 KiB are [held](super#memory).
    pub const fn max_buffered_amount(mut self, bytes: u64) -> Self {
        self.max_buffered_amount = bytes;
        self
    }

    /// With what a `wss:` URL is secured. By default [`TlsConnector::new`], made once for the
    /// process, which needs a [crypto provider](crate::adapter::tls#the-crypto-provider). Over
    /// `adapter::futures` it means nothing: there the connector brings streams as they are to be.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, tls: &TlsConnector) -> Self {
        self.tls = Some(tls.clone());
        self
    }

    /// What binary messages become. [`BinaryType::Blob`] by default.
    pub const fn binary_type(mut self, binary_type: BinaryType) -> Self {
        self.binary_type = binary_type;
        self
    }

    /// Where it would connect to, such as to resolve the host.
    ///
    /// # Errors
    ///
    /// [`DomError::SyntaxError`] if the URL is not one to connect to.
    pub fn location(&self) -> Result<Location, DomError> {
        Ok(Location::parse(&self.url, self.base_url.as_deref())?)
    }

    /// The most memory, in bytes of heap, that a `WebSocket` or a `WebSocketStream` of these settings
    /// can hold; if compression is offered, with the most costly answer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sansock::{Config, adapter::blocking::WebSocket};
    ///
    /// let config = Arc::new(Config::default().max_message_size(64 << 10));
    /// let builder = WebSocket::builder("ws://example.com/").config(&config);
    /// let ceiling = builder.max_buffered_amount(1 << 20).memory_ceiling();
    /// assert_eq!(ceiling.sending, (4 << 20) + (96 << 10));
    /// assert!(ceiling.total() < 9 << 20 && ceiling.stream_total() < 5 << 20);
    /// println!("{ceiling}");
    /// ```
    #[must_use]
    pub fn memory_ceiling(&self) -> Ceiling {
        let config = self.config.clone().unwrap_or_else(default_config);
        let deflate = config.deflate.map(|_| DeflateParams::default());
        Ceiling::new(&config, Role::Client, deflate, self.max_buffered_amount)
    }

    /// What the constructor checks, and a socket in CONNECTING; no plan if that has failed already,
    /// as the events to come will say.
    pub(in crate::adapter) fn prepare(self) -> Result<(WebSocket<R>, Option<Plan>), DomError> {
        let location = self.location()?;
        let mut core = WebSocketCore::new(&location, &self.protocols)?;
        core.set_max_buffered_amount(self.max_buffered_amount);
        core.set_binary_type(self.binary_type);
        let socket = WebSocket::attach(&Shared::new(core));
        let port = location.port();
        if self.blocks_ports && is_bad_port(port) {
            let failure = Failure::BlockedPort(port);
            socket.shared().fail(Error::WebSocket(failure));
            return Ok((socket, None));
        }
        let request = location.request(&self.protocols);
        let request = match request.and_then(|request| self.add_headers(request)) {
            Ok(request) => request,
            Err(error) => {
                socket.shared().fail(Error::Request(error));
                return Ok((socket, None));
            }
        };
        let plan = Plan {
            location,
            request,
            config: self.config.unwrap_or_else(default_config),
            connects_one_by_one: self.connects_one_by_one,
            #[cfg(all(feature = "rustls", any(feature = "mio", feature = "tokio")))]
            tls: self.tls,
        };
        Ok((socket, Some(plan)))
    }

    fn add_headers(&self, request: ClientRequest) -> Result<ClientRequest, RequestError> {
        let mut headers = self.headers.iter();
        headers.try_fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    }
}

/// What a browser has for a config. One for the process, whose connections share its compressors.
fn default_config() -> Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let config = Config::default();
        #[cfg(feature = "deflate")]
        let config = config.deflate(Some(
            DeflateConfig::new()
                .server_no_context_takeover(false)
                .client_no_context_takeover(false),
        ));
        Arc::new(config)
    });
    Arc::clone(config)
}

impl<R> fmt::Debug for Builder<R> {
    /// Leaves out what may be secret: the URL and the headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("protocols", &self.protocols)
            .finish_non_exhaustive()
    }
}
