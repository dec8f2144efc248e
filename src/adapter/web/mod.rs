//! The browsers' `WebSocket`, native: what [MDN] documents, method by method.
//!
//! [MDN]: https://developer.mozilla.org/en-US/docs/Web/API/WebSocket
//!
//! ```
//! use sansock::adapter::blocking::WebSocket;
//!
//! # use sansock::adapter::blocking::Incoming;
//! # use sansock::proto::handshake::Accept;
//! # fn echo_server() -> String {
//! #     let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! #     let url = format!("ws://{}/", listener.local_addr().unwrap());
//! #     std::thread::spawn(move || {
//! #         let (stream, _) = listener.accept().unwrap();
//! #         let incoming = Incoming::receive(stream, &Default::default()).unwrap();
//! #         let accept = Accept::new().subprotocol("chat");
//! #         let mut socket = incoming.accept(&accept).unwrap();
//! #         while let Ok(Some(message)) = socket.recv() {
//! #             let _ = socket.send(message);
//! #         }
//! #     });
//! #     url
//! # }
//! # let url = echo_server();
//! # let (done, closed) = std::sync::mpsc::channel();
//! let socket = WebSocket::with(&url, "chat", |socket| {
//!     socket.set_onopen(|socket, _| socket.send("Hello Server!").unwrap());
//!     socket.set_onmessage(|socket, event| {
//!         println!("Message from server {:?}", event.data);
//!         socket.close(Some(1000), "done").unwrap();
//!     });
//! #   let mut finish = move |code| done.send(code).unwrap();
//!     socket.set_onclose(move |_, event| finish(event.code));
//! })?;
//! # assert_eq!(closed.recv(), Ok(1000));
//! # drop(socket);
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! The handle is the same type everywhere, [`WebSocket<R>`](WebSocket), where `R` says what drives
//! the connection:
//!
//! | type | driven by | made by |
//! |---|---|---|
//! | `adapter::tokio::WebSocket` | a task | `new`, `with_protocols`, `with`, `builder` |
//! | `adapter::blocking::WebSocket` (with feature `mio`) | a thread of its own | the same |
//! | `adapter::futures::WebSocket` | a future that you poll or spawn | `new`, `with_protocols`, `builder`, with a connector |
//! | `adapter::mio::WebSocket` | a dispatcher that your loop runs | `builder` |
//!
//! It is cheap to clone, `Send` and `Sync`, and none of its methods blocks. A server has the same
//! interface: `from_socket` makes one of a connection that was accepted.
//!
//! # Constructor
//!
//! `new(url)` returns at once, CONNECTING. A URL that is none, has another scheme than `ws`, `wss`,
//! `http` or `https`, or has a fragment is a [`SyntaxError`](crate::web::SyntaxError), and so is a
//! subprotocol that is no token or is named twice. All else that can go wrong is an event. What a
//! browser takes from its page is set at the [`Builder`]: base URL, origin, cookies, limits.
//!
//! ```
//! use sansock::{adapter::blocking::WebSocket, web::{DomError, SyntaxError}};
//!
//! let error = WebSocket::new("ws://example.com/#top").unwrap_err();
//! assert_eq!(error, DomError::SyntaxError(SyntaxError::Fragment));
//! let error = WebSocket::with_protocols("ws://example.com/", ["chat", "Chat"]).unwrap_err();
//! assert_eq!(error.name(), "SyntaxError");
//! ```
//!
//! # Start
//!
//! In a browser nothing happens before the script that made the socket is done. A thread has no such
//! moment, so events wait, and reading pauses once the connection is open, until
//! [`start`](WebSocket::start), as at a `MessagePort`. [`set_onmessage`](WebSocket::set_onmessage),
//! a listener for messages and [`events`](WebSocket::events) start as well: set the other handlers
//! before. `with` sets all of them before it connects, and then starts.
//!
//! ```
//! use sansock::{State, adapter::blocking::WebSocket};
//!
//! # let (done, closed) = std::sync::mpsc::channel();
//! let socket = WebSocket::new("ws://127.0.0.1:1/")?; // nobody is there
//! std::thread::sleep(std::time::Duration::from_millis(10));
//! assert_eq!(socket.ready_state(), State::Connecting);
//! socket.set_onclose(move |_, event| done.send(event.code).unwrap());
//! socket.start();
//! assert_eq!(closed.recv(), Ok(1006));
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! # Properties
//!
//! [`url`](WebSocket::url), [`ready_state`](WebSocket::ready_state) (one of
//! [`CONNECTING`](WebSocket::CONNECTING), [`OPEN`](WebSocket::OPEN),
//! [`CLOSING`](WebSocket::CLOSING), [`CLOSED`](WebSocket::CLOSED) as a number),
//! [`buffered_amount`](WebSocket::buffered_amount), [`extensions`](WebSocket::extensions),
//! [`protocol`](WebSocket::protocol) and [`binary_type`](WebSocket::binary_type).
//!
//! ```
//! use sansock::{State, adapter::blocking::WebSocket, web::BinaryType};
//!
//! let socket = WebSocket::new("HTTP://127.0.0.1:80?a b")?;
//! assert_eq!(socket.url(), "ws://127.0.0.1/?a%20b");
//! assert_eq!(socket.ready_state(), State::Connecting);
//! assert_eq!(socket.ready_state() as u16, WebSocket::CONNECTING);
//! assert_eq!((socket.protocol(), socket.buffered_amount()), (String::new(), 0));
//! socket.set_binary_type(BinaryType::ArrayBuffer);
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! `buffered_amount` counts the payload of what was sent and not yet written: no framing, and before
//! compression. It rises in `send`; it falls between two events, never while a listener runs. What
//! is sent once closing has begun counts for ever.
//!
//! # `send` and `close`
//!
//! [`send`](WebSocket::send) takes text, bytes and [`Blob`](crate::web::Blob)s. It only queues, up to
//! [`Builder::max_buffered_amount`]. [`close`](WebSocket::close) takes 1000 or 3000 to 4999, or no
//! code at all.
//!
//! ```
//! use sansock::{CloseCode, State, adapter::blocking::WebSocket, web::DomError};
//!
//! let socket = WebSocket::new("ws://127.0.0.1:1/")?;
//! assert_eq!(socket.send("too early"), Err(DomError::InvalidStateError));
//! let going_away = CloseCode::GOING_AWAY;
//! assert_eq!(socket.close(Some(1001), ""), Err(DomError::InvalidAccessError(going_away)));
//! socket.close(None, "")?;
//! assert_eq!(socket.ready_state(), State::Closing); // `error` and `close` wait for a start
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! # Events
//!
//! | event | handler | when |
//! |---|---|---|
//! | [`OpenEvent`](crate::web::OpenEvent) | [`set_onopen`](WebSocket::set_onopen) | the connection is open |
//! | [`MessageEvent`](crate::web::MessageEvent) | [`set_onmessage`](WebSocket::set_onmessage) | a message came |
//! | [`ErrorEvent`](crate::web::ErrorEvent) | [`set_onerror`](WebSocket::set_onerror) | the connection failed |
//! | [`CloseEvent`](crate::web::CloseEvent) | [`set_onclose`](WebSocket::set_onclose) | it is closed; the last event |
//!
//! First the state changes, then the event fires. A listener gets the socket besides the event, so
//! it need not own a handle; if it does, it is let go behind `close`. Besides the one handler of
//! each event there are [`Listener`]s, which are called in the order in which they were added:
//!
//! ```
//! use sansock::{adapter::{blocking::WebSocket, web::Listener}, web::EventType};
//!
//! # let (done, closed) = std::sync::mpsc::channel();
//! let socket = WebSocket::new("ws://127.0.0.1:1/")?;
//! let listener = Listener::new(move |socket: &WebSocket, event| {
//!     println!("{event:?} in state {:?}", socket.ready_state());
//! #   done.send(event.event_type()).unwrap();
//! });
//! socket.add_event_listener(EventType::Error, &listener);
//! socket.add_event_listener_once(EventType::Close, &listener);
//! socket.start();
//! # assert_eq!([closed.recv(), closed.recv()], [Ok(EventType::Error), Ok(EventType::Close)]);
//! socket.remove_event_listener(EventType::Error, &listener);
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! A panic in a listener is reported by the panic hook, as a browser reports an exception, and ends
//! only that call. An `error` event says nothing, in a browser lest a page scan a network by it; a
//! program asks [`error`](WebSocket::error).
//!
//! In place of listeners there is a receiver: an `Iterator` over std, a `Stream` over tokio and
//! futures-io.
//!
//! ```
//! use sansock::{adapter::{Error, blocking::WebSocket}, web::Event};
//!
//! let socket = WebSocket::new("ws://127.0.0.1:1/")?;
//! for event in socket.events() {
//!     if let Event::Error(_) = event {
//!         assert!(matches!(&*socket.error().unwrap(), Error::Io(_)));
//!     }
//! }
//! # Ok::<(), sansock::web::DomError>(())
//! ```
//!
//! # Backpressure
//!
//! Listeners are called as messages come, and `send` queues. [`WebSocketStream`] reads a message
//! when you ask for it, and its `write` waits for the peer. A receiver of
//! [`events`](WebSocket::events) that does not ask slows the peer down as well. Where messages are
//! but pieces of one run of bytes, `Readable::into_async_read` makes an `AsyncRead` of them.
//!
//! # Memory
//!
//! [`Builder::memory_ceiling`] says how much a socket can hold, whatever the peer sends, and prints it
//! part by part; [`Ceiling::accepted`] says it of one that a server accepted. That is what
//! [`Config::memory_ceiling`](crate::Config::memory_ceiling) says of the connection, 256 KiB at most
//! that were read, and by who takes what comes, where *message* is
//! [`Config::max_message_size`](crate::Config::max_message_size):
//!
//! | who takes what comes | bytes of heap at most |
//! |---|---|
//! | nobody: it is not started | 8 KiB, as in each of these lines |
//! | listeners | 2 × *message*: the one they are called with |
//! | a [`WebSocketStream`] | 2 × *message*: the one to be read next |
//! | a receiver of [`events`](WebSocket::events) | 2 × (256 KiB + *message*) + 16 KiB |
//! | whoever sends, besides | 4 × [`Builder::max_buffered_amount`] + 96 KiB |
//! | whoever writes to a stream, besides | 4 × 256 KiB |
//!
//! Twice a message, since the buffer that it was gathered in may be that large; one that came whole
//! is counted once. At a limit reading pauses and the rest stays with the peer. A refusal that
//! [`error`](WebSocket::error) tells is counted as the handshake, and what a program keeps of an
//! event is its own. A write of a stream waits while 256 KiB wait, where each message counts as 32
//! bytes more; so each writer adds one message of its own.
//!
//! # The end
//!
//! The connection has *failed*, and `error` comes before `close`, if it never opened, if the peer
//! broke the protocol or a deadline passed, or if the transport was lost while it was open. An end
//! of the transport after our Close frame is not a failure, but not clean either.
//!
//! Dropping the last handle is `close(None, "")`: what was sent is still written, messages are
//! dropped, and listeners get the `close` event. While connecting it gives up. A process that ends
//! waits for none of that: wait for the `close` event if it matters.

mod builder;
mod ceiling;
mod drive;
mod events;
mod listener;
#[cfg(any(feature = "futures", feature = "tokio"))]
pub(in crate::adapter) mod polled;
mod shared;
mod signal;
mod socket;
pub(in crate::adapter) mod stream;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod stream_async;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod stream_bytes;
mod turn;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod waiting;

#[cfg(feature = "mio")]
pub(in crate::adapter) use self::shared::State;
pub use self::{
    builder::Builder,
    ceiling::Ceiling,
    events::Events,
    listener::Listener,
    signal::{AbortController, AbortSignal},
    socket::WebSocket,
    stream::{Opened, Readable, StreamOptions, WebSocketStream, Writable},
};
pub(in crate::adapter) use self::{builder::Plan, shared::Shared};
#[cfg(feature = "mio")]
pub(in crate::adapter) use self::{drive::poll_drive, turn::Turn};
#[cfg(any(feature = "futures", feature = "tokio"))]
pub use self::{polled::Asynchronous, stream_bytes::ReadableBytes};
