//! A server with tokio: accept, decide, talk, limit, shut down.
//!
//! `examples/tokio_server.rs` is this guide as one program; `src/bin/sansock/serve/chat.rs`, the
//! command's chat, is a server whose connections talk to each other.
//!
//! # A task for each connection
//!
//! One [`Config`] behind an `Arc` serves all connections. [`Socket`] works over any `AsyncRead +
//! AsyncWrite`, so a test needs no port:
//!
//! ```
//! use std::sync::Arc;
//! use sansock::{Config, adapter::{Error, tokio::Socket}, proto::handshake::ClientRequest};
//! use tokio::io::{AsyncRead, AsyncWrite, duplex};
//!
//! async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
//!     stream: S,
//!     config: &Arc<Config>,
//! ) -> Result<(), Error> {
//!     let mut socket = Socket::accept(stream, config).await?;
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?; // waits while the client takes too little
//!     }
//!     Ok(()) // closed by a closing handshake
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Arc::new(Config::default());
//! let (ours, theirs) = duplex(4096);
//! let shared = Arc::clone(&config);
//! let server = tokio::spawn(async move { talk(theirs, &shared).await });
//!
//! let request = ClientRequest::new("example.com", "/")?;
//! let (mut client, _) = Socket::connect(ours, &request, &config).await?;
//! client.send("hello").await?;
//! assert_eq!(client.recv().await?.ok_or("closed")?.as_text(), Some("hello"));
//! assert!(client.end().await?.clean);
//! server.await??;
//! # Ok(()) }
//! ```
//!
//! Pings are answered, keep-alive Pings sent and deadlines kept while the task waits in any call of
//! the socket. They need a runtime with its time driver (`enable_time` or `enable_all`).
//!
//! # The accept loop
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use sansock::Config;
//! use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
//! # type Ended = Result<(), sansock::adapter::Error>;
//! # async fn talk(_: tokio::net::TcpStream, _: &Arc<Config>) -> Ended { Ok(()) }
//!
//! async fn serve(listener: TcpListener) {
//!     let config = Arc::new(Config::default().max_message_size(64 << 10));
//!     let room = Arc::new(Semaphore::new(10_000));
//!     loop {
//!         let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
//!         let stream = match listener.accept().await {
//!             Ok((stream, _)) => stream,
//!             Err(error) => {
//!                 // Mostly for lack of descriptors: the next call would fail at once.
//!                 eprintln!("cannot accept: {error}");
//!                 sleep(Duration::from_millis(100)).await;
//!                 continue;
//!             }
//!         };
//!         let _ = stream.set_nodelay(true); // a small answer is not held back for the next
//!         let config = Arc::clone(&config);
//!         tokio::spawn(async move {
//!             if let Err(error) = talk(stream, &config).await {
//!                 eprintln!("{error}");
//!             }
//!             drop(permit);
//!         });
//!     }
//! }
//! ```
//!
//! The crate bounds what one connection costs; how many there are is yours to bound.
//! [`Config::memory_ceiling`] is the factor between the two.
//!
//! # Decide about a request
//!
//! [`Socket::accept`] takes every valid request. [`Incoming::receive`] stops in front of the
//! decision:
//!
//! ```no_run
//! use std::sync::Arc;
//! use sansock::{Config, adapter::{Error, tokio::{Incoming, Socket}}};
//! use sansock::proto::handshake::{Accept, OriginPolicy, Reject};
//! use tokio::net::TcpStream;
//!
//! async fn open(
//!     stream: TcpStream,
//!     config: &Arc<Config>,
//!     pages: &OriginPolicy,
//! ) -> Result<Option<Socket<TcpStream>>, Error> {
//!     let incoming = Incoming::receive(stream, config).await?;
//!     let request = incoming.request();
//!     if let Err(error) = request.check_origin(pages) {
//!         incoming.reject(&error.reject()).await?; // 403
//!         return Ok(None);
//!     }
//!     if request.path() != "/chat" {
//!         incoming.reject(&Reject::new(404)).await?;
//!         return Ok(None);
//!     }
//!     let mut accept = Accept::new();
//!     if request.subprotocols().any(|name| name == "chat.v2") {
//!         accept = accept.subprotocol("chat.v2"); // only one that was offered
//!     }
//!     Ok(Some(incoming.accept(&accept).await?))
//! }
//! ```
//!
//! - A browser sends cookies with a request from any site's page, and says in `Origin` whose page
//!   it is (RFC 6455 §10.2). A server that trusts cookies must check it.
//! - `handshake_timeout` (10 s) ends a client that dawdles over its request. Your decision has no
//!   deadline: put a [`timeout`](::tokio::time::timeout) around a slow one.
//! - A malformed request is answered before you see it, with a 4xx or 505. A page on the same port
//!   is `Config::plain_requests`, shown by `examples/http_and_websocket.rs`.
//!
//! # Faster: lent events
//!
//! [`recv`] gives owned messages. [`fill`] reads once and [`next_with_reply`] lends what came,
//! without a copy; all answers to one read leave in one write. The module
//! [`adapter::tokio`](crate::adapter::tokio) begins with that loop.
//!
//! # One task reads, another writes
//!
//! [`into_split`] makes two halves. A message for many is framed once as [`Prepared`]. For clients
//! that do not read see [backpressure](super::backpressure).
//!
//! # TLS
//!
//! With feature `rustls`, `adapter::tls::TlsAcceptor` makes of the stream one that speaks TLS.
//!
//! # Shut down
//!
//! Stop accepting, tell every client 1001, wait for the ends. [`recv`] is cancel safe, so it can
//! stand in a `select!`:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sansock::{CloseCode, CloseFrame, adapter::{Error, tokio::Socket}};
//! use tokio::{io::{AsyncRead, AsyncWrite}, select, sync::watch};
//!
//! async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
//!     mut socket: Socket<S>,
//!     mut stop: watch::Receiver<()>,
//! ) -> Result<(), Error> {
//!     loop {
//!         select! {
//!             message = socket.recv() => match message? {
//!                 Some(message) => socket.send(message).await?,
//!                 None => return Ok(()),
//!             },
//!             _ = stop.changed() => {
//!                 let goodbye = CloseFrame::new(CloseCode::GOING_AWAY, "restarting");
//!                 socket.close(Some(&goodbye)).await?;
//!                 socket.end().await?; // at most `close_timeout` and a bit: 5 s
//!                 return Ok(());
//!             }
//!         }
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use sansock::proto::handshake::ClientRequest;
//! # let config = Arc::new(sansock::Config::default());
//! # let (ours, theirs) = tokio::io::duplex(4096);
//! # let (tell, stop) = watch::channel(());
//! # let server = tokio::spawn(async move {
//! #     talk(Socket::accept(theirs, &Arc::default()).await?, stop).await
//! # });
//! # let request = ClientRequest::new("example.com", "/")?;
//! # let (mut client, _) = Socket::connect(ours, &request, &config).await?;
//! # tell.send(())?;
//! # assert_eq!(client.recv().await?, None);
//! # let status = client.close_status().ok_or("open")?;
//! # assert_eq!((status.code().get(), status.reason()), (1001, "restarting"));
//! # server.await??;
//! # Ok(()) }
//! ```
//!
//! A task that waits in `send` for a client that takes nothing sees the signal after
//! `write_timeout` (30 s) at the latest. Wait for all with a deadline, and abort the rest.
//!
//! [`Config`]: crate::Config
//! [`Config::memory_ceiling`]: crate::Config::memory_ceiling
//! [`Socket`]: crate::adapter::tokio::Socket
//! [`Socket::accept`]: crate::adapter::polled::Socket::accept
//! [`Incoming::receive`]: crate::adapter::polled::Incoming::receive
//! [`Prepared`]: crate::Prepared
//! [`recv`]: crate::adapter::polled::Socket::recv
//! [`fill`]: crate::adapter::polled::Socket::fill
//! [`next_with_reply`]: crate::adapter::polled::Socket::next_with_reply
//! [`into_split`]: crate::adapter::polled::Socket::into_split
