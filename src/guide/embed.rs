//! Embed the engine in your runtime: a bare loop, mio, no operating system, completions.
//!
//! The engine reads no socket, no clock and no entropy. Whoever embeds it brings four things:
//!
//! | what | where it enters or leaves |
//! |---|---|
//! | bytes of the peer | [`Connection::receive`] takes them, cut anywhere, and gives events |
//! | bytes for the peer | are appended to your `Vec<u8>`, by every call that can cause some |
//! | time | [`Connection::handle_timeout`], as a number that grows |
//! | 32 random bytes | once for each client, for its nonce and masking keys (RFC 6455 §10.3) |
//!
//! # Which object
//!
//! - [`ClientHandshake`] or [`ServerHandshake`], then [`Connection`]: the engine alone. The output
//!   is your `Vec`, without a limit: you decide when it is too long.
//! - [`Endpoint`]: handshake, engine and output queue in one. It moves large payloads instead of
//!   copying them, has a high-water mark, and notices a peer that takes nothing.
//! - `adapter::polled::Io`, a trait of ten methods: for an async runtime of your own. Implement it
//!   and `adapter::polled::Socket` is the same socket as the one of tokio.
//! - `Parts`, from a socket's `into_parts`: to leave an adapter with nothing lost.
//!
//! # The bare loop
//!
//! ```
//! use std::sync::Arc;
//! use sansock::{Config, Event, proto::{Connection, Instant}};
//!
//! /// What a transport must be able to do: wait until the deadline for bytes, and write.
//! trait Transport {
//!     fn now(&self) -> Instant;
//!     /// How many bytes were read; 0 at the end, `None` at the deadline.
//!     fn read(&mut self, buffer: &mut [u8], until: Option<Instant>) -> Option<usize>;
//!     fn write_all(&mut self, bytes: &[u8]);
//!     fn shut_down(&mut self);
//! }
//!
//! fn echo(transport: &mut impl Transport, buffer: &mut [u8]) {
//!     let mut ws = Connection::server(&Arc::new(Config::default())); // behind its handshake
//!     let mut out = Vec::new();
//!     let mut deadline = ws.handle_timeout(transport.now(), &mut out);
//!     while !ws.is_finished() {
//!         let read = transport.read(buffer, deadline);
//!         if read == Some(0) {
//!             ws.receive_eof();
//!         }
//!         let mut input = &mut buffer[..read.unwrap_or(0)];
//!         // `Err` comes once: its Close frame is in `out`, and the connection is finished.
//!         while let Ok(Some(event)) = ws.receive(&mut input, &mut out) {
//!             if let Event::Message(message) = event {
//!                 let _ = ws.send(message, &mut out); // `NotOpen` once we have closed
//!             }
//!         }
//!         deadline = ws.handle_timeout(transport.now(), &mut out);
//!         transport.write_all(&out); // one write for all that one read brought
//!         out.clear();
//!     }
//!     transport.shut_down();
//! }
//!
//! # struct Script { input: std::array::IntoIter<&'static [u8], 3>, written: Vec<u8>, shut: bool }
//! # impl Transport for Script {
//! #     fn now(&self) -> Instant { Instant::ZERO }
//! #     fn read(&mut self, buffer: &mut [u8], _: Option<Instant>) -> Option<usize> {
//! #         let bytes = self.input.next().unwrap_or_default();
//! #         buffer[..bytes.len()].copy_from_slice(bytes);
//! #         Some(bytes.len())
//! #     }
//! #     fn write_all(&mut self, bytes: &[u8]) { self.written.extend_from_slice(bytes); }
//! #     fn shut_down(&mut self) { self.shut = true; }
//! # }
//! // §5.7: a masked "Hello", cut in two reads; then a Close with 1000.
//! let reads: [&[u8]; 3] = [
//!     b"\x81\x85\x37\xFA\x21",
//!     b"\x3D\x7F\x9F\x4D\x51\x58",
//!     b"\x88\x82\x00\x00\x00\x00\x03\xE8",
//! ];
//! # let input = reads.into_iter();
//! # let mut transport = Script { input, written: Vec::new(), shut: false };
//! echo(&mut transport, &mut [0; 64]);
//! assert_eq!(transport.written, b"\x81\x05Hello\x88\x02\x03\xE8");
//! # assert!(transport.shut);
//! ```
//!
//! In front of it stands the opening handshake. It is the same kind of object, and becomes the
//! connection; what is left in its input belongs to the connection. `examples/custom_runtime.rs`
//! has both roles from the first byte, one blocking and one not.
//!
//! # What must not be forgotten
//!
//! 1. Call [`receive`] until it returns `None`, also after [`receive_eof`] and with empty input.
//! 2. Call [`handle_timeout`] after each batch, and at the deadline that it returned. Without it no
//!    timeout, no keep-alive and no budget holds.
//! 3. Write all output before you wait; it holds the Pongs (§5.5.3) and the reply to a Close
//!    (§5.5.1).
//! 4. Go on reading while a write would block, or two peers that both only send stop each other.
//!    But stop when too much waits: a peer that reads nothing gets no more answers.
//! 5. A read of 0 bytes is [`receive_eof`].
//! 6. At [`is_finished`] write what is left, shut down writing, then read and discard until the
//!    peer has ended too, for a second or so: unread input would make the system reset the
//!    connection, and the reset can overtake the Close (§7.1.1).
//! 7. The seed comes from the system's generator. One that is used twice breaks masking (§10.3).
//!
//! # Over mio
//!
//! `adapter::mio` keeps these rules already: `handle_event` takes what mio says, `fill` and
//! `next_event` are called until `fill` says `Pending`, and `timeout` is how long the poll may
//! wait. `examples/mio_echo.rs` is two hundred connections in one loop. In a readiness loop of your
//! own remember that events are edge-triggered: read until `WouldBlock`, and go on writing when the
//! socket is writable again.
//!
//! # Without an operating system
//!
//! With `default-features = false` the crate is `no_std` and needs `alloc`. A serial line has no
//! end of file and a small FIFO, and there is no clock but a tick counter:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sansock::{Config, Event, proto::{Connection, Instant}};
//! # struct Uart { received: &'static [u8], sent: Vec<u8> }
//! # impl Uart {
//! #     fn read(&mut self, buffer: &mut [u8]) -> usize {
//! #         let (now, later) = self.received.split_at(self.received.len().min(buffer.len()));
//! #         buffer[..now.len()].copy_from_slice(now);
//! #         self.received = later;
//! #         now.len()
//! #     }
//! #     fn write(&mut self, bytes: &[u8]) { self.sent.extend_from_slice(bytes); }
//! # }
//! # let received = b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58";
//! # let mut uart = Uart { received, sent: Vec::new() };
//! # let mut ticks = 0..10;
//!
//! let config = Config::default()
//!     .max_message_size(1 << 10)
//!     .max_head_size(1 << 10)
//!     .streaming(true); // what does not come whole comes in parts: no payload is held
//! let mut ws = Connection::server(&Arc::new(config));
//! let (mut chunk, mut out) = ([0; 4], Vec::with_capacity(256));
//! while let Some(milliseconds) = ticks.next() { // counted by the timer's interrupt
//!     let n = uart.read(&mut chunk); // what the FIFO holds; 0 is nothing, and no end
//!     let mut input = &mut chunk[..n];
//!     while let Ok(Some(event)) = ws.receive(&mut input, &mut out) {
//!         match event {
//!             Event::Part(part) => ws.send_part(&part, &mut out).unwrap_or_default(),
//!             Event::Message(whole) => ws.send(whole, &mut out).unwrap_or_default(),
//!             _ => {}
//!         }
//!     }
//!     ws.handle_timeout(Instant::ZERO + Duration::from_millis(milliseconds), &mut out);
//!     uart.write(&out);
//!     out.clear();
//! }
//! # assert!(uart.sent.len() > 7, "in several frames: {:?}", uart.sent);
//! # uart.sent.retain(u8::is_ascii_alphabetic);
//! # assert_eq!(uart.sent, b"Hello");
//! ```
//!
//! `examples/embedded.rs` is the client: handshake, sixteen bytes at a time, ticks, and an output
//! that never grows beyond its first allocation.
//!
//! # Over completions
//!
//! With io_uring or IOCP a buffer belongs to the system from submission to completion. So the engine
//! must not append to what is being written: give the output away whole, and let it go on with
//! another `Vec`. One write is under way at a time, or frames could overtake each other.
//!
//! ```
//! # use std::{mem, sync::Arc};
//! # use sansock::{Config, Event, proto::Connection};
//! # let mut ws = Connection::server(&Arc::new(Config::default()));
//! # let mut completed = b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58".to_vec();
//! let (mut out, mut in_flight) = (Vec::new(), None);
//! // A read of `completed` is done: the buffer is ours until it is submitted again.
//! let mut input = &mut completed[..];
//! while let Some(event) = ws.receive(&mut input, &mut out)? {
//!     if let Event::Message(message) = event {
//!         ws.send(message, &mut out)?;
//!     }
//! }
//! if in_flight.is_none() && !out.is_empty() {
//!     in_flight = Some(mem::take(&mut out)); // submit it, and again from where a short write ended
//! }
//! # assert_eq!(in_flight.as_deref(), Some(&b"\x81\x05Hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With an [`Endpoint`] copy what [`chunks`](crate::endpoint::Outbox::chunks) shows and
//! [`consume`](crate::endpoint::Outbox::consume) as much as the completion says was written: then
//! the high-water mark and `write_timeout` hold. `examples/completion.rs` does that.
//!
//! [`ClientHandshake`]: crate::proto::handshake::ClientHandshake
//! [`ServerHandshake`]: crate::proto::handshake::ServerHandshake
//! [`Connection`]: crate::proto::Connection
//! [`Connection::receive`]: crate::proto::Connection::receive
//! [`Connection::handle_timeout`]: crate::proto::Connection::handle_timeout
//! [`Endpoint`]: crate::Endpoint
//! [`receive`]: crate::proto::Connection::receive
//! [`receive_eof`]: crate::proto::Connection::receive_eof
//! [`handle_timeout`]: crate::proto::Connection::handle_timeout
//! [`is_finished`]: crate::proto::Connection::is_finished
