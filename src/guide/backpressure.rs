//! Backpressure: what happens when a peer does not read, and when you do not.
//!
//! ```text
//! your task ── send ──► outbox ──► the system's buffers ──► … ──► the peer
//!              waits at the         take some megabytes           reads, or not
//!            high-water mark
//! ```
//!
//! WebSocket has no flow control of its own: TCP's window is all there is, and it is shared by
//! data, Pings and the Close. `examples/backpressure.rs` shows both sides over real sockets.
//!
//! # Sending
//!
//! | call | waits for | then |
//! |---|---|---|
//! | [`send`] | less than `high_water_mark` to wait | queues, writes what the system takes at once |
//! | [`feed`] | the same | queues only; the next call that writes takes it along |
//! | [`flush`] | nothing to wait | the system has all of it, the peer perhaps none |
//! | [`ping`], [`close`] | nothing | queues, writes what the system takes at once |
//! | `Reply::send`, of a lent event | nothing | queues only |
//!
//! [`Config::high_water_mark`] is 256 KiB by default. A message is taken whole if less than that
//! waits, so the mark may be passed by one message. `send` returns when the message is queued: it
//! says nothing about arrival. Use `feed` and one `flush` for a batch.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sansock::{Config, adapter::tokio::Socket, proto::Connection};
//! use tokio::{io::duplex, time::timeout};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = Arc::new(Config::default().high_water_mark(16 << 10));
//!     let (ours, _theirs) = duplex(4 << 10); // a peer that reads nothing, and 4 KiB on the way
//!     let mut socket = Socket::from_parts(ours, Connection::server(&config), Vec::new());
//!
//!     let message = [0; 1000];
//!     while socket.can_send() {
//!         socket.send(&message).await?; // never waits here
//!     }
//!     assert!((16_000..18_000).contains(&socket.buffered_amount()));
//!
//!     // The next one waits. A future that is dropped has sent nothing, nor a part of it.
//!     let late = timeout(Duration::from_millis(1), socket.send(&message)).await;
//!     assert!(late.is_err());
//!     assert!((16_000..18_000).contains(&socket.buffered_amount()));
//!     Ok(())
//! }
//! ```
//!
//! [`can_send`] says whether `send` would wait. [`buffered_amount`] counts application data that is
//! not written, without headers. [`Endpoint::send`] cannot wait and fails with [`SendError::Full`].
//! `Reply::send` is not limited, since one read causes only so many answers: ask [`can_send`]
//! between two reads, and [`flush`] where it says no.
//!
//! # `Sink` and halves
//!
//! A socket is a `Sink`, as is the write half: `poll_ready` waits for the mark, `start_send`
//! queues, `poll_flush` is [`flush`]. Note that `SinkExt::send` of `futures_util` feeds and then
//! flushes, so it waits until the system has all; our own `send` does not.
//!
//! While [`send`], [`feed`] or [`flush`] waits, the socket reads as well, so that two peers that
//! both only send do not stop each other. It answers Pings and keeps one message or end for the
//! next `recv`; behind that it reads nothing. With [`into_split`] the other half reads on: that is
//! the way for a program that sends much and receives much.
//!
//! # A peer that reads nothing
//!
//! - What waits is bounded: the mark, and one message more.
//! - Beyond the mark Pings are not answered one by one; the latest is, once there is room (§5.5.3).
//! - If the system takes not a byte for `write_timeout` (30 s), the connection ends with
//!   [`Timeout::Write`] and code 1008.
//! - A peer that takes a byte now and then lives on. It costs its backlog and no more.
//!
//! ```
//! # use std::sync::Arc;
//! # use tokio::{io::duplex, time::{self, Instant}};
//! use sansock::{Config, Timeout, adapter::{Error, tokio::Socket}, proto::{self, Connection}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # time::pause();
//! # let config = Arc::new(Config::default());
//! # let (ours, _theirs) = duplex(4 << 10);
//! # let mut socket = Socket::from_parts(ours, Connection::server(&config), Vec::new());
//! let start = Instant::now();
//! while socket.send("for nobody").await.is_ok() {}
//! assert_eq!(start.elapsed().as_secs(), 30);
//! // `send` was refused as `NotOpen`; why is what receiving ends with.
//! let why = socket.recv().await.unwrap_err();
//! let unread = proto::Error::Timeout(Timeout::Write);
//! assert!(matches!(why, Error::Connection(error) if error == unread));
//! # }
//! ```
//!
//! # Dropping slow readers
//!
//! Who sends one stream of news to many must not wait for the slowest. Give each connection a
//! bounded queue and a task that writes; put messages in with `try_send`, and drop whose queue is
//! full:
//!
//! ```no_run
//! use sansock::{CloseCode, CloseFrame, adapter::polled::{Io, WriteHalf}, proto::Prepared};
//! use tokio::sync::mpsc;
//!
//! /// Gives the news to all who keep up.
//! fn publish(news: &Prepared, readers: &mut Vec<mpsc::Sender<Prepared>>) {
//!     readers.retain(|reader| reader.try_send(news.clone()).is_ok()); // a frame that all share
//! }
//!
//! /// Writes the news to one, until it is too slow or the news end.
//! async fn write<T: Io>(mut half: WriteHalf<T>, mut news: mpsc::Receiver<Prepared>) {
//!     while let Some(message) = news.recv().await {
//!         if half.send_prepared(&message).await.is_err() {
//!             return; // the reading half has the reason
//!         }
//!     }
//!     let reason = CloseFrame::new(CloseCode::POLICY_VIOLATION, "too slow");
//!     let _ = half.close(Some(&reason)).await;
//! }
//! ```
//!
//! The queue holds what the mark does not: lower `high_water_mark` for such connections, or the
//! news that a slow reader gets are old. The chat of the command does this
//! (`src/bin/sansock/serve/chat.rs`), and cuts a `send` that waits.
//!
//! # When you do not read
//!
//! Nothing is read that you do not ask for. A task that does not call the socket lets TCP's window
//! fill, and the peer waits: that is the whole mechanism. So handle a message before you take the
//! next, or hand messages on through a bounded channel. A task spawned for each message undoes it.
//!
//! A socket that is not called does not live either: it answers no Ping, and the peer may take it
//! for dead, after 50 s if it is one of ours. If handling one message takes that long, let a task
//! of its own do it and keep `recv` going, with a bounded number of tasks.
//!
//! What a peer can make you hold while you read is bounded as well: `max_message_size` (16 MiB),
//! `max_frame_size`, `max_fragments`, budgets for control frames and tiny fragments, and
//! `message_timeout` with `min_message_rate` for messages that trickle. All are on by default;
//! [`Config::memory_ceiling`] adds them up.
//!
//! [`send`]: crate::adapter::polled::Socket::send
//! [`feed`]: crate::adapter::polled::Socket::feed
//! [`flush`]: crate::adapter::polled::Socket::flush
//! [`ping`]: crate::adapter::polled::Socket::ping
//! [`close`]: crate::adapter::polled::Socket::close
//! [`can_send`]: crate::adapter::polled::Socket::can_send
//! [`buffered_amount`]: crate::adapter::polled::Socket::buffered_amount
//! [`into_split`]: crate::adapter::polled::Socket::into_split
//! [`Config::high_water_mark`]: crate::Config::high_water_mark
//! [`Config::memory_ceiling`]: crate::Config::memory_ceiling
//! [`Endpoint::send`]: crate::Endpoint::send
//! [`SendError::Full`]: crate::SendError::Full
//! [`Timeout::Write`]: crate::Timeout::Write
