//! A client that reconnects: when, after how long, what to say again, and how to notice the end.
//!
//! The crate does not reconnect by itself: only the program knows what was lost.
//! `examples/reconnect.rs` is this guide as a program, against a server that drops, restarts and
//! refuses.
//!
//! # After how long
//!
//! RFC 6455 §7.2.3: after an abnormal closure wait for a random time first, which may lie between 0
//! and 5 seconds, then back off exponentially. The random part keeps ten thousand clients of one
//! restarted server from coming back in the same moment.
//!
//! ```
//! use std::time::Duration;
//!
//! /// How long to wait before attempt number `failures`, by a random number of 64 bits.
//! fn backoff(failures: u32, random: u64) -> Duration {
//!     const FIRST: u64 = 5_000; // milliseconds
//!     const LONGEST: u64 = 60_000;
//!     let most = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
//!     Duration::from_millis(random % (most + 1))
//! }
//!
//! assert!(backoff(0, u64::MAX) <= Duration::from_secs(5));
//! assert!((0..1_000_000).all(|random| backoff(40, random) <= Duration::from_secs(60)));
//! ```
//!
//! Count failures from the last connection that did its work, not from the last that opened: a
//! server that accepts and closes at once would be asked without a pause.
//!
//! # Whether at all
//!
//! [`recv`] gives `None` after a closing handshake, and then [`close_status`] has the code that the
//! server sent. It gives an [`Error`] if the connection ended otherwise.
//!
//! | code received | meaning | reconnect |
//! |---|---|---|
//! | 1000 | done | no: the server has nothing more to say |
//! | 1001, 1012 | going away, restarting | yes |
//! | 1005 | closed without a code | as the application means it |
//! | 1002, 1003, 1007, 1009, 1010 | what we sent was refused | no: it would be refused again |
//! | 1008 | against the policy | no, unless with other credentials |
//! | 1011, 1013, 1014 | a fault, overload, a bad gateway | yes, late |
//! | 1006 | none came: see the error | yes |
//! | 4000–4999 | the application's | as it says |
//!
//! ```
//! use sansock::{CloseStatus, adapter::Error, proto};
//!
//! /// Whether the same request may succeed later.
//! fn is_worth_it(ended: &Result<CloseStatus, Error>) -> bool {
//!     match ended {
//!         Ok(status) => matches!(status.code().get(), 1001 | 1006 | 1011..=1014),
//!         // The server answered the handshake with another status (§4.1): 408, 429, 5xx.
//!         Err(Error::Refused(answer)) => matches!(answer.status(), 408 | 429 | 500..=599),
//!         // Nothing heard, or cut off.
//!         Err(
//!             Error::Io(_) | Error::Connection(proto::Error::Timeout(_) | proto::Error::Eof),
//!         ) => true,
//!         // The server broke the protocol, or the request is none: that is a bug of somebody.
//!         Err(_) => false,
//!     }
//! }
//! # use sansock::{CloseCode, CloseFrame};
//! # let after = |code| {
//! #     let mut status = CloseStatus::default();
//! #     status.received = Some(CloseFrame::new(CloseCode::new(code), ""));
//! #     is_worth_it(&Ok(status))
//! # };
//! # assert!(after(1012) && !after(1000) && !after(1008) && !after(4001));
//! # assert!(is_worth_it(&Ok(CloseStatus::default())), "1006");
//! # assert!(!is_worth_it(&Err(sansock::SendError::NotOpen.into())));
//! ```
//!
//! An answer may say when to come back: `answer.headers().get("retry-after")`. With feature
//! `rustls` there is [`Error`]`::Tls`; a certificate that is not acceptable is so the next time
//! too.
//!
//! # What to say again
//!
//! A connection has no memory of the one before. Keep what you subscribed to in the program and
//! send it behind each opening. There is no acknowledgement in WebSocket either: `send` returns
//! when the message is on its way, and what was under way at the end may have arrived or not. Where
//! that matters, number messages and let the server say which it has seen.
//!
//! ```no_run
//! # async fn run(config: std::sync::Arc<sansock::Config>) -> Result<(), sansock::adapter::Error> {
//! # let url = "ws://127.0.0.1:9001/";
//! # fn backoff(failures: u32, random: u64) -> std::time::Duration { std::time::Duration::ZERO }
//! # fn is_worth_it(_: &Result<sansock::CloseStatus, sansock::adapter::Error>) -> bool { false }
//! # fn random() -> u64 { 4 }
//! use sansock::{CloseStatus, adapter::{Error, tokio::connect}};
//! use tokio::time::{sleep, timeout};
//!
//! let subscriptions = ["orders", "trades"];
//! let mut last_seen = 0; // the number of the last message that was handled
//! let mut failures = 0;
//! loop {
//!     let ended: Result<CloseStatus, Error> = async {
//!         let (mut socket, _) = connect(url, &config).await?;
//!         for name in subscriptions {
//!             socket.feed(format!("subscribe {name} from {last_seen}")).await?;
//!         }
//!         while let Some(message) = socket.recv().await? {
//!             failures = 0; // it works
//!             last_seen += 1;
//!             println!("{message:?}");
//!         }
//!         Ok(socket.close_status().cloned().unwrap_or_default())
//!     }
//!     .await;
//!     if !is_worth_it(&ended) {
//!         return ended.map(|_| ());
//!     }
//!     sleep(backoff(failures, random())).await;
//!     failures += 1;
//! }
//! # }
//! ```
//!
//! [`connect`] resolves the name and opens TCP without a deadline of its own; the opening handshake
//! has `handshake_timeout`, 10 s. Put a [`timeout`](::tokio::time::timeout) around it for all
//! three.
//!
//! # Notice a dead peer
//!
//! A peer whose machine lost its network sends no end. After `ping_interval` (30 s) of silence the
//! socket sends a Ping (§5.5.2), and after `pong_timeout` (20 s) more it ends the connection: 50 s
//! by default. Any complete frame of the peer counts as life, not only a Pong. This runs while a
//! task waits in a call of the socket or of one of its halves. A `send` that need not wait neither
//! reads nor tells the time: keep one task in `recv`, also where nothing is expected.
//!
//! tokio's clock can be paused, and the socket's is tokio's: a test of this takes no time.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sansock::{Config, Timeout, adapter::{Error, tokio::Socket}};
//! use sansock::proto::{self, handshake::ClientRequest};
//! use tokio::{io::duplex, time::{self, Instant}};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     time::pause();
//!     let config = Config::default()
//!         .ping_interval(Some(Duration::from_secs(10)))
//!         .pong_timeout(Some(Duration::from_secs(5)));
//!     let config = Arc::new(config);
//!     let (ours, theirs) = duplex(4096);
//!     let request = ClientRequest::new("example.com", "/")?;
//!     let (client, server) = tokio::join!(
//!         Socket::connect(ours, &request, &config),
//!         Socket::accept(theirs, &config),
//!     );
//!     let ((mut client, _), _server) = (client?, server?); // which is never polled again
//!
//!     let start = Instant::now();
//!     let error = client.recv().await.unwrap_err();
//!     let lost = proto::Error::Timeout(Timeout::Pong);
//!     assert!(matches!(error, Error::Connection(error) if error == lost));
//!     assert_eq!(start.elapsed().as_secs(), 16); // 10 + 5, and `linger`, a second for its end
//!     Ok(())
//! }
//! ```
//!
//! Choose the interval by how soon you must know, and below the idle timeout of what is between
//! you: common proxies drop a silent connection after 60 s. Turn it off (`ping_interval(None)`)
//! only where the transport notices by itself.
//!
//! [`recv`]: crate::adapter::polled::Socket::recv
//! [`close_status`]: crate::adapter::polled::Socket::close_status
//! [`connect`]: crate::adapter::tokio::connect
//! [`Error`]: crate::adapter::Error
