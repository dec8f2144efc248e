//! The engine driven over real transports. Five rules hold for every adapter:
//!
//! 1. **Flush before waiting.** What was sent is written, all in one go, before the adapter waits;
//!    then it reads all the same, even if writing would block. So a batch is one write, no Pong is
//!    stranded, and two peers that both only send do not stop each other.
//! 2. **All state is in the socket**, none in a future: every async method may be dropped and
//!    called again. Each says so under *Cancel safety*.
//! 3. **The clock is asked once per batch**, the system's entropy once per connection.
//! 4. **Buffers belong to the thread** and are given back before waiting: an idle connection has
//!    none. Only an event that you hold across your own `.await` pins one.
//! 5. **The end is orderly**: flush, shut down writing, read and discard until the peer has ended
//!    too, for at most [`Config::linger`](crate::Config::linger) or 64 KiB. Dropping a socket with
//!    unread input would reset the connection and could destroy our Close on its way
//!    (RFC 6455 §7.1.1). The terminal event comes before that, and nothing after it.
//!
//! Each has the same few verbs: `fill` (flush, then read once) and `next_event` (lent events; call
//! until `None`), `recv` (whole messages, owned), `send` and `feed`, `flush`, `close`.

mod accessors;
#[cfg(feature = "axum")]
pub mod axum;
pub mod blocking;
mod buffers;
mod clock;
mod driver;
mod error;
#[cfg(feature = "futures")]
pub mod futures;
#[cfg(feature = "hyper")]
pub mod hyper;
mod maybe_tls;
#[cfg(feature = "mio")]
pub mod mio;
mod parts;
#[cfg(any(feature = "futures", feature = "tokio"))]
pub mod polled;
mod reply;
#[cfg(feature = "url")]
mod security;
#[cfg(feature = "rustls")]
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(any(feature = "futures", feature = "tokio"))]
mod unread;
#[cfg(all(
    feature = "web",
    any(feature = "futures", feature = "mio", feature = "tokio")
))]
pub mod web;

use self::accessors::accessors;
pub use self::{error::Error, maybe_tls::MaybeTls, parts::Parts, reply::Reply};
