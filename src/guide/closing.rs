//! Closing: the handshake, who ends TCP, the verbs, the deadlines, and every code.
//!
//! ```text
//! client                             server
//!   │ ── Close 1000 "done" ───────────► │  `recv` gives what came before it
//!   │ ◄──────────────────── Close 1000 ─│  sent for you, behind what was queued
//!   │ ◄─────────────────────────── FIN ─│  the server ends TCP first (§7.1.1)
//!   │ ── FIN ─────────────────────────► │  `recv` gives `None` at both ends
//! ```
//!
//! A connection is closed cleanly once each end has sent a Close and received one (RFC 6455
//! §7.1.4). Either may begin. `examples/closing.rs` goes through all of this over real sockets.
//!
//! # The verbs
//!
//! | verb | sends a Close | messages that still come | waits |
//! |---|---|---|---|
//! | [`close`]`(frame)` | behind all that was sent | go on with [`recv`] until `None` | no |
//! | [`end`]`()` | if none was sent, without a code | are discarded | to the end; gives the status |
//! | `SinkExt::close` | if none was sent, without a code | go on with the stream | until it is written |
//! | dropping the write half | if none was sent, without a code | go on with the read half | no |
//! | dropping the read half | no | are discarded while the write half is used | no |
//! | dropping the socket, or both halves | no | are lost | no |
//!
//! Dropping a socket drops its transport: the peer sees 1006, and what was queued and not written,
//! by [`feed`] for one, is lost. Use it where nothing is to be said any more.
//!
//! ```
//! use std::sync::Arc;
//! use sansock::{CloseCode, CloseFrame, Config, adapter::tokio::Socket};
//! # use sansock::proto::handshake::ClientRequest;
//! use tokio::io::duplex;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let config = Arc::new(Config::default());
//! # let (ours, theirs) = duplex(4096);
//! # let request = ClientRequest::new("example.com", "/")?;
//! # let (client, server) =
//! #     tokio::join!(Socket::connect(ours, &request, &config), Socket::accept(theirs, &config));
//! # let ((mut client, _), mut server) = (client?, server?);
//! client.send("last words").await?;
//! client.close(Some(&CloseFrame::new(CloseCode::NORMAL, "done"))).await?;
//! assert!(client.send("too late").await.is_err()); // `SendError::NotOpen`, nothing was sent
//!
//! assert_eq!(server.recv().await?.ok_or("closed")?.as_text(), Some("last words"));
//! let (none, status) = tokio::join!(server.recv(), client.end());
//! assert_eq!(none?, None); // the Close was answered
//!
//! let status = status?;
//! assert!(status.clean);
//! assert_eq!(status.code(), CloseCode::NORMAL); // what the server answered
//! let status = server.close_status().ok_or("open")?;
//! assert_eq!((status.code(), status.reason()), (CloseCode::NORMAL, "done"));
//! # Ok(()) }
//! ```
//!
//! The peer's Close is answered with the code it came with, and no reason. What a peer sends behind
//! its Close is discarded (§5.5.1); what we queued in front of our answer still leaves.
//!
//! # Who ends TCP
//!
//! The server: once both Closes are exchanged, it shuts down its writing. A client waits for that,
//! so that the server's side holds TIME_WAIT (§7.1.1). Then each reads and discards until the other
//! has ended too, for `linger` (1 s) or 64 KiB at most: closing a socket with unread input would
//! make the system send a reset, which can destroy a Close on its way.
//!
//! # Deadlines
//!
//! | phase | limit |
//! |---|---|
//! | from our Close to the peer's and, at a client, to the server's end of TCP | `close_timeout`, 5 s |
//! | to write what is left and to shut down writing | `close_timeout` again |
//! | to read and discard | `linger`, 1 s |
//!
//! So [`end`] takes 11 s by default against the worst peer. A silent one costs 6 s:
//!
//! ```
//! # use std::sync::Arc;
//! # use sansock::{CloseCode, Config, Timeout, adapter::tokio::Socket, proto::{Connection, Error}};
//! # use tokio::{io::duplex, time::{self, Instant}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # time::pause();
//! # for (room, seconds) in [(1, 11), (4096, 6)] {
//! # let config = Arc::new(Config::default());
//! # let (ours, _theirs) = duplex(room);
//! # let mut socket = Socket::from_parts(ours, Connection::server(&config), Vec::new());
//! # let start = Instant::now();
//! let status = socket.end().await?;
//! assert!(!status.clean);
//! assert_eq!(status.error, Some(Error::Timeout(Timeout::Close)));
//! assert_eq!(status.code(), CloseCode::ABNORMAL); // 1006: none came
//! # assert_eq!(start.elapsed().as_secs(), seconds);
//! # }
//! # Ok(()) }
//! ```
//!
//! # How it ended
//!
//! [`CloseStatus`] is made once: `received` and `sent`, whether it was `clean`, and the `error` if
//! something else than a closing handshake ended the connection. [`recv`] tells that error once,
//! then `None`. Nothing that happens after a complete closing handshake makes it unclean.
//!
//! | `error` | the peer is sent | when |
//! |---|---|---|
//! | `Eof` | nothing | TCP ended without a Close: 1006 |
//! | `Protocol(rule)` | 1002, 1007, 1008, 1009 or 1011, see [`ProtocolError::close_code`] | a rule or a limit was broken |
//! | `Timeout(Pong)` | 1011 | nothing was heard after a keep-alive Ping |
//! | `Timeout(Idle)` | 1001 | no data within `idle_timeout`, if set |
//! | `Timeout(Message)` | 1008 | a message was begun and not finished |
//! | `Timeout(Write)` | 1008 | the peer took nothing of what waits |
//! | `Timeout(Close)` | nothing more | the closing handshake took too long |
//!
//! A failure of the transport itself comes as `adapter::Error::Io`, once.
//!
//! # The codes
//!
//! | code | name | on the wire | meaning (§7.4.1) | this crate sends it |
//! |---|---|---|---|---|
//! | 0–999 | | no | not used (§7.4.2) | |
//! | 1000 | `NORMAL` | yes | the purpose is fulfilled | in answer |
//! | 1001 | `GOING_AWAY` | yes | the server goes down, the page was left | when idle |
//! | 1002 | `PROTOCOL_ERROR` | yes | the peer broke the protocol | yes |
//! | 1003 | `UNSUPPORTED_DATA` | yes | a kind of data that is not accepted | no: your decision |
//! | 1004 | | no | reserved | |
//! | 1005 | `NO_STATUS` | no | the Close had no code | |
//! | 1006 | `ABNORMAL` | no | no Close came | |
//! | 1007 | `INVALID_PAYLOAD` | yes | text that is not UTF-8 | yes, for bad DEFLATE too |
//! | 1008 | `POLICY_VIOLATION` | yes | against the policy | for floods and slow peers |
//! | 1009 | `MESSAGE_TOO_BIG` | yes | too big to process | yes |
//! | 1010 | `MISSING_EXTENSION` | yes | a client needs an extension | no |
//! | 1011 | `INTERNAL_ERROR` | yes | an unexpected condition | for lack of memory, or of a Pong |
//! | 1012 | `SERVICE_RESTART` | yes | restarting (IANA) | no: yours |
//! | 1013 | `TRY_AGAIN_LATER` | yes | overloaded (IANA) | no: yours |
//! | 1014 | `BAD_GATEWAY` | yes | bad answer of an upstream (IANA) | no: yours |
//! | 1015 | `TLS_HANDSHAKE` | no | TLS failed | |
//! | 1016–2999 | | no | reserved for the protocol | |
//! | 3000–3999 | | yes | registered with IANA, by libraries | no |
//! | 4000–4999 | | yes | private: agree on them | no: yours |
//!
//! ```
//! use sansock::{CloseCode, CloseFrame, SendError};
//!
//! assert!(CloseCode::new(4001).is_sendable());
//! # let sendable = |code| CloseCode::new(code).is_sendable();
//! # assert!((1000..=1003).chain(1007..=1014).chain(3000..=4999).all(sendable));
//! # assert!(!(0..=999).chain(1004..=1006).chain(1015..=2999).any(sendable));
//! let refused = CloseFrame::check(CloseCode::ABNORMAL, 0);
//! assert_eq!(refused, Err(SendError::InvalidCloseCode(CloseCode::ABNORMAL)));
//! let too_long = CloseFrame::check(CloseCode::NORMAL, 124); // bytes of the reason
//! assert_eq!(too_long, Err(SendError::CloseReasonTooLong));
//! ```
//!
//! A code that must not be on the wire fails the connection with 1002 if a peer sends it. The
//! reason is for logs, not for users (§5.5.1), and comes from the peer: escape it where you print
//! it.
//!
//! [`close`]: crate::adapter::polled::Socket::close
//! [`end`]: crate::adapter::polled::Socket::end
//! [`recv`]: crate::adapter::polled::Socket::recv
//! [`feed`]: crate::adapter::polled::Socket::feed
//! [`CloseStatus`]: crate::CloseStatus
//! [`ProtocolError::close_code`]: crate::ProtocolError::close_code
