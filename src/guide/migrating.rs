//! Migrating from tungstenite, tokio-tungstenite or fastwebsockets: names and behaviour side by
//! side.
//!
//! Compared with tungstenite 0.30, tokio-tungstenite 0.30 and fastwebsockets 0.10, by reading
//! them, and the first and the last by running them as well. `examples/stream_and_sink.rs` has the
//! shape of a tokio-tungstenite program.
//!
//! # What behaves differently
//!
//! | | tungstenite, tokio-tungstenite | fastwebsockets | here |
//! |---|---|---|---|
//! | largest message | 64 MiB | 64 MiB for each frame, no limit for what `FragmentCollector` joins | 16 MiB, [`Config::max_message_size`] |
//! | output to a peer that does not read | unlimited, `max_write_buffer_size`; the `Sink` waits | `write_frame` waits | 256 KiB and a message, then `send` waits |
//! | timeouts | none | none | handshake, keep-alive, message, write, close: on |
//! | floods of control frames, of tiny fragments | no limit | no limit | budgets, then 1008 |
//! | Pings of the peer | answered at the next read, write or flush; read as a `Message` | answered in `read_frame`, not shown, or as frames by `set_auto_pong(false)` | answered before the event; not in `recv` |
//! | keep-alive Pings | yours to send | yours to send | after 30 s of silence |
//! | a broken rule | an error from `read`, no Close is sent but for a bad code | an error, no Close but for a bad code | an error from `recv`, and a Close with its code |
//! | a Close of the peer | a `Message`; read on until `ConnectionClosed` | a frame, answered if `set_auto_close` | answered; `recv` gives `None`, [`close_status`] the code |
//! | the answer to it | code and reason | the same payload | the code |
//! | the normal end | `Error::ConnectionClosed`; `None` of the stream | the Close frame | `Ok(None)`; `None` of the stream |
//! | unmasked frames of a client | an error, or taken by `accept_unmasked_frames` | taken | 1002 (§5.1) |
//! | permessage-deflate | no | no | feature `deflate`, once [`Config`] asks for it |
//! | buffers of an idle connection | 128 KiB allocated, `read_buffer_size` | 8 KiB allocated | none |
//! | Nagle's algorithm, when it connects | `connect`: off; `connect_async`: on, see `disable_nagle` | yours | off |
//! | a future of `next`, `recv` or `read_frame` that is dropped | loses nothing | loses the header that it had taken | loses nothing |
//! | redirects | followed by `tungstenite::connect`, up to 3 | no | no: `Error::Refused` with the answer |
//!
//! # tungstenite
//!
//! | there | here |
//! |---|---|
//! | `connect(url)` | [`blocking::connect`]`(url, &config)` |
//! | `client(request, stream)` | [`blocking::Socket::connect`] |
//! | `accept(stream)` | [`blocking::Socket::accept`] |
//! | `accept_hdr(stream, callback)` | [`blocking::Incoming::receive`], look at its `request()`, `accept` or `reject` |
//! | `read()` | `recv()`: `Ok(None)` at the end |
//! | `send(message)` | `send(message)` |
//! | `write(message)`, `flush()` | `feed(message)`, `flush()` |
//! | `close(frame)`, then `read` until an error | `close(frame)`, then `recv` until `None`; or `end()` |
//! | `Error::WriteBufferFull` | `send` waits; `Endpoint::send` fails with `SendError::Full` |
//! | a non-blocking stream and `WouldBlock` | `adapter::mio`, or the engine in your loop: [embed](super::embed) |
//! | `WebSocketConfig`, copied into each socket | [`Config`] behind an `Arc`, for all |
//! | `from_raw_socket`, `from_partially_read` | `Socket::from_parts(stream, Connection, unread)` |
//! | `into_inner` | `into_parts`: the stream, and what was read and not written |
//!
//! ```
//! use std::{net::TcpListener, sync::Arc, thread};
//! use sansock::{Config, adapter::blocking::{Socket, connect}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Arc::new(Config::default().max_message_size(64 << 20)); // as it was
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let url = format!("ws://{}/", listener.local_addr()?);
//! let shared = Arc::clone(&config);
//! let server = thread::spawn(move || -> Result<(), sansock::adapter::Error> {
//!     let (stream, _) = listener.accept()?;
//!     let mut socket = Socket::accept(stream, &shared)?;
//!     while let Some(message) = socket.recv()? {
//!         socket.send(message)?;
//!     }
//!     Ok(())
//! });
//! let (mut socket, _response) = connect(&url, &config)?;
//! socket.send("hello")?;
//! assert_eq!(socket.recv()?.ok_or("closed")?.as_text(), Some("hello"));
//! assert!(socket.end()?.clean);
//! # server.join().map_err(|_| "panicked")??;
//! # Ok(()) }
//! ```
//!
//! # Messages
//!
//! Theirs has six kinds, ours two: [`Message`]`::Text` and `Binary`, of a `Cow`. `send` takes
//! `&str`, `String`, `&[u8]`, `Vec<u8>` and more as they are. The control frames have calls and
//! events of their own:
//!
//! | there | here |
//! |---|---|
//! | `Message::text("a")`, `Message::binary(data)` | `"a"`, `data` |
//! | `into_text()`, which may fail | `as_text()`: text is UTF-8 by type, binary is never text |
//! | `into_data()` | `into_bytes()`, `as_bytes()` |
//! | sending `Message::Ping(payload)` | `ping(payload)` |
//! | receiving `Ping`, `Pong` | [`Event`]`::Ping`, `Pong`, by `fill` and `next_event` |
//! | sending `Message::Close(frame)` | `close(frame)` |
//! | receiving `Message::Close(frame)` | `close_status()`, behind the last message |
//! | `Message::Frame` | `send_part`, for a message in frames of your choice |
//!
//! # tokio-tungstenite
//!
//! | there | here |
//! |---|---|
//! | `connect_async(url)`, or of a request | [`tokio::connect`]`(url, &config)`, or of a `ClientRequest` |
//! | `client_async(request, stream)` | `Socket::connect(stream, &request, &config)` |
//! | `accept_async(stream)` | `Socket::accept(stream, &config)` |
//! | `accept_hdr_async(stream, callback)` | `Incoming::receive(stream, &config)`, then `accept` or `reject`: it may await |
//! | `next()` of `StreamExt` | the same, or `recv()` |
//! | `send(message)` of `SinkExt` | the same, which flushes; our `send` does not wait for the peer |
//! | `split()` of `StreamExt` | the same, or `into_split()`: halves with the calls of a socket |
//! | `MaybeTlsStream` | `adapter::MaybeTls` |
//!
//! A socket's own `send` has the name of `SinkExt`'s, and goes before it. A future of it that is
//! dropped has sent nothing. The sink of `split()` keeps a message back until it is polled again,
//! over any socket: in a `forward` the last one can come too late, behind the answer to a Close.
//! The halves of `into_split()` keep nothing back. All of them take and give
//! [`Message`]`<'static>`:
//!
//! ```
//! use std::sync::Arc;
//! use futures_util::{SinkExt, StreamExt};
//! use sansock::{Config, Message, adapter::tokio::{Socket, connect}};
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Arc::new(Config::default());
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("ws://{}/", listener.local_addr()?);
//! let shared = Arc::clone(&config);
//! let server = tokio::spawn(async move {
//!     let (stream, _) = listener.accept().await?;
//!     let (read, write) = Socket::accept(stream, &shared).await?.into_split();
//!     read.forward(write).await // which closes behind the last message
//! });
//! let (socket, _response) = connect(&url, &config).await?;
//! let (mut sink, mut stream) = socket.split();
//! sink.send(Message::from("hello")).await?;
//! assert_eq!(stream.next().await.ok_or("closed")??.as_text(), Some("hello"));
//! sink.close().await?; // sends a Close
//! assert!(stream.next().await.is_none()); // and its answer came
//! # server.await??;
//! # Ok(()) }
//! ```
//!
//! # fastwebsockets
//!
//! It hands out frames; here are messages, joined and checked. Frames that may be handled as they
//! come are `Config::streaming(true)` and [`Event`]`::Part`.
//!
//! | there | here |
//! |---|---|
//! | `WebSocket::after_handshake(stream, role)` | `Socket::from_parts(stream, Connection, unread)` |
//! | `FragmentCollector::new(socket)` | nothing: messages are whole |
//! | `read_frame()` | `recv()`, which is cancel safe; lent: `fill()`, `next_with_reply()` |
//! | `write_frame(Frame::text(payload))` | `send(text)` |
//! | `write_frame(Frame::close(code, reason))` | `close(Some(&frame))` |
//! | `set_auto_pong`, `set_auto_close` | always |
//! | `set_max_message_size` | [`Config::max_message_size`] |
//! | `split(tokio::io::split)`, feature `unstable-split`, with a function that sends what is owed | `into_split()`: what is owed is sent |
//! | `upgrade::upgrade`, over hyper | `adapter::hyper::upgrade`; over any stream `Socket::accept` |
//! | `handshake::client`, over hyper | `connect`, or `Socket::connect` over any stream |
//!
//! Where another HTTP stack than hyper did the handshake, make the engine by hand.
//! `Request::from_parts` takes the head of any of them, `answer` gives the fields of the response
//! and what it agrees on:
//!
//! ```
//! use std::sync::Arc;
//! use sansock::{Config, Role, adapter::tokio::Socket};
//! use sansock::proto::{Connection, handshake::Negotiated};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (upgraded, mut peer) = duplex(4096);
//! let config = Arc::new(Config::default());
//! let agreed = Negotiated::default(); // from `answer`: no subprotocol, no extension
//! let connection = Connection::from_negotiated(Role::Server, &agreed, &config, [0; 32]);
//! let mut socket = Socket::from_parts(upgraded, connection, Vec::new());
//! # peer.write_all(b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58").await?;
//! let message = socket.recv().await?.ok_or("closed")?;
//! socket.send(message).await?;
//! # let mut echo = [0; 7];
//! # peer.read_exact(&mut echo).await?;
//! # assert_eq!(&echo, b"\x81\x05Hello");
//! # Ok(()) }
//! ```
//!
//! [`blocking::connect`]: crate::adapter::blocking::connect
//! [`blocking::Socket::connect`]: crate::adapter::blocking::Socket::connect
//! [`blocking::Socket::accept`]: crate::adapter::blocking::Socket::accept
//! [`blocking::Incoming::receive`]: crate::adapter::blocking::Incoming::receive
//! [`tokio::connect`]: crate::adapter::tokio::connect
//! [`close_status`]: crate::adapter::polled::Socket::close_status
//! [`Config`]: crate::Config
//! [`Config::max_message_size`]: crate::Config::max_message_size
//! [`Event`]: crate::Event
//! [`Message`]: crate::Message
