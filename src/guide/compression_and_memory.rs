//! Compression and memory: what permessage-deflate costs, and what a connection can hold at most.
//!
//! `examples/compression.rs` measures the same messages over TCP in three ways, and sends a bomb.
//!
//! # Turn it on
//!
//! permessage-deflate (RFC 7692) is off until [`Config::deflate`] asks for it, at both ends. A
//! client then offers it, a server accepts it where it is offered; a peer that does not know it is
//! none the worse. `Accept::deflate` decides for one connection, and a socket's `deflate()` says
//! what was agreed on.
//!
//! ```
//! # use std::sync::Arc;
//! use sansock::{Config, DeflateConfig};
//! # use sansock::{DeflateParams, Role, proto::{Connection, handshake::Negotiated}};
//!
//! # let mut agreed = Negotiated::default();
//! # agreed.deflate = Some(DeflateParams::default()); // what a handshake would say
//! # fn lengths(config: &Config, agreed: &Negotiated) -> [usize; 2] {
//! #     let config = Arc::new(config.clone());
//! #     let mut server = Connection::from_negotiated(Role::Server, agreed, &config, [0; 32]);
//! #     let text = r#"{"id":12345,"price":17.25,"tags":["a","b","c"]}"#.repeat(20);
//! #     [0, 1].map(|_| {
//! #         let mut out = Vec::new();
//! #         server.send(&text, &mut out).unwrap_or_default();
//! #         out.len()
//! #     })
//! # }
//! let deflate = DeflateConfig::new()
//!     .server_no_context_takeover(false)
//!     .client_no_context_takeover(false);
//! let config = Config::default().deflate(Some(deflate));
//! // The same 940 bytes twice, with takeover: the second refers to the first.
//! let [first, second] = lengths(&config, &agreed);
//! assert!(first < 100 && second < 30, "{first} and {second} bytes");
//! ```
//!
//! # The knobs
//!
//! | [`DeflateConfig`] | default | effect |
//! |---|---|---|
//! | `level` | 5 | 1 is fast, 9 is short |
//! | `mem_level` | 7 | the compressor's buffers of symbols and output: 896 bytes at 1, twice that with each step |
//! | `threshold` | 256 bytes | shorter messages are not compressed |
//! | `server_no_context_takeover` | yes | the server begins each message with an empty window (§7.1.1.1) |
//! | `client_no_context_takeover` | yes | the client does (§7.1.1.2) |
//! | `server_max_window_bits` | 15 | the server's window, 2^9 to 2^15 bytes (§7.1.2.1) |
//! | `client_max_window_bits` | 15 | the client's window (§7.1.2.2) |
//! | `fallback_offer` | no | a client offers the extension without parameters as a second choice |
//! | `release_after` | 30 s | an idle connection gives its compressor back |
//! | `pool_size` | 16 | how many codecs of each kind wait for the next message |
//!
//! A message that becomes no shorter is sent as it is. [`Compress`](crate::proto::Compress) says
//! `Never` or `Always` for one message, with `send_with`. Do not compress what is compressed
//! already.
//!
//! # Takeover or not
//!
//! Without takeover a connection holds nothing between two messages: codecs come from a pool in the
//! `Config` and go back, which keeps at most 16 compressors of about 315 KiB and 16 inflaters of
//! about 75 KiB for all connections together. This is the default, for many connections.
//!
//! With takeover small, similar messages become about half as long as without: 1 KiB of JSON takes
//! 231 bytes instead of 456 (`benches/RESULTS.md`). Each connection that sends then has a compressor
//! of its own until it was idle for `release_after`, and an inflater of its own to its end:
//!
//! | window bits | compressor | inflater |
//! |---|---|---|
//! | 15 | 312 KiB | 41 KiB and up to 32 KiB of history |
//! | 12 | 200 KiB | 41 KiB and up to 4 KiB |
//! | 9 | 186 KiB | 41 KiB and up to 512 bytes |
//!
//! Ten thousand connections that all compress with takeover are 3 GB. Choose it for few
//! connections, or with `server_max_window_bits(12)` and a short `release_after`. Keep one
//! `Arc<Config>`: a clone of the `Config` has a pool of its own.
//!
//! # Bombs, and secrets
//!
//! A few kilobytes can inflate to megabytes. `max_message_size` is of what is inflated, and holds
//! while it is: the connection fails with 1009 at the limit. Work that makes next to nothing has a
//! budget, and fails with 1008.
//!
//! ```
//! # use std::sync::Arc;
//! # use sansock::{Config, DeflateConfig, DeflateParams, Role};
//! # use sansock::proto::{Connection, handshake::Negotiated};
//! use sansock::ProtocolError;
//!
//! # let open = |role, config: Config| {
//! #     let mut agreed = Negotiated::default();
//! #     agreed.deflate = Some(DeflateParams::default());
//! #     Connection::from_negotiated(role, &agreed, &Arc::new(config), [7; 32])
//! # };
//! let config = Config::default().deflate(Some(DeflateConfig::new()));
//! let mut client = open(Role::Client, config.clone());
//! let mut server = open(Role::Server, config.max_message_size(1 << 20));
//!
//! let (mut bomb, mut out) = (Vec::new(), Vec::new());
//! client.send(vec![0; 10 << 20], &mut bomb)?;
//! assert!(bomb.len() < 11_000);
//! let failed = server.receive(&mut &mut bomb[..], &mut out);
//! assert_eq!(failed, Err(ProtocolError::MessageTooLarge));
//! assert_eq!(out, b"\x88\x02\x03\xF1"); // Close, 1009
//! # Ok::<(), sansock::SendError>(())
//! ```
//!
//! The length of a compressed message tells of its content. Where a message holds a secret beside
//! text that an attacker chooses, send it with `Compress::Never` (§8).
//!
//! # The ceiling
//!
//! [`Config::memory_ceiling`] is the most heap that one connection can hold, whatever its peer
//! does, part by part; tests hold the crate to it. Multiply by the number of connections that you
//! admit.
//!
//! ```
//! use sansock::{Config, Role};
//!
//! let ceiling = Config::default().memory_ceiling(Role::Server, None);
//! assert_eq!(ceiling.assembly, 32 << 20); // twice `max_message_size`: a buffer that grows
//! assert_eq!(ceiling.half_open, 17_384); // `max_head_size`, and less than 1 KiB
//!
//! let small = Config::default()
//!     .max_message_size(64 << 10)
//!     .high_water_mark(32 << 10)
//!     .max_head_size(8 << 10);
//! assert!(small.memory_ceiling(Role::Server, None).total() < 1_400_000);
//! println!("{}", small.memory_ceiling(Role::Server, None));
//! ```
//!
//! | part | bounded by | to make it small |
//! |---|---|---|
//! | `assembly` | `max_message_size` | lower it, or `streaming(true)`: parts instead of whole messages |
//! | `output` | `high_water_mark` | lower it: 256 KiB by default |
//! | `half_open`, `handshake` | `max_head_size`, `max_headers` | lower them: browsers send under 2 KiB |
//! | `compressor`, `inflater` | windows, `mem_level` | no takeover, smaller windows |
//!
//! Not in it: messages that you hold, payloads that you queued (less than the mark, and one message
//! more), the pool of codecs, TLS, and at most 256 KiB that an adapter has read and not handed out.
//! What a `WebSocket` of `adapter::web` adds is in a ceiling of its own: ask its builder.
//!
//! # Idle connections
//!
//! An announced length reserves nothing, and a connection that waits holds no buffer: read and
//! write buffers belong to the thread, a few for all its connections, while no message is
//! unfinished, nothing waits to be written and you hold no lent event. A server's engine is 88
//! bytes, a client's has a generator of masking keys as well. Measured over sockets, with the task
//! or the stream of the runtime (`benches/RESULTS.md`, ten thousand connections): 191 bytes each on
//! mio, 1,026 on tokio, of which a bare tokio task with its stream is 896.
//!
//! [`Config::deflate`]: crate::Config::deflate
//! [`Config::memory_ceiling`]: crate::Config::memory_ceiling
//! [`DeflateConfig`]: crate::DeflateConfig
