//! The engine: RFC 6455 as a function of its arguments.
//!
//! No socket, no clock, no thread, no entropy; `no_std` with `alloc`. Bytes and instants come in
//! as arguments, events and bytes go out as results.
//!
//! ```text
//! handshake ─► Connection = Receiver ──Signal──► Sender
//!                            bytes → events      messages → bytes, closing handshake, timers
//! ```
//!
//! The three kinds of fault are three types: the peer's ([`ProtocolError`], [`HandshakeError`]),
//! the program's ([`SendError`], [`handshake::AcceptError`], [`handshake::RequestError`]) and
//! time's ([`Timeout`]); the transport's never gets here.

mod assembly;
mod budget;
mod ceiling;
mod close;
mod config;
mod connection;
mod counters;
mod deflate;
mod error;
mod event;
mod frame;
pub mod handshake;
mod keys;
pub mod mask;
mod opcode;
mod options;
mod prepared;
mod receive;
mod send;
mod signal;
mod split;
mod time;
mod timer;
mod unfinished;
mod utf8;

pub use ceiling::Ceiling;
pub(crate) use ceiling::LARGE;
pub use close::{CloseCode, CloseFrame, CloseStatus};
pub use config::{Budget, Config};
pub use connection::Connection;
pub use counters::{Counters, Traffic};
pub use deflate::{DeflateConfig, DeflateParams};
pub use error::{Error, ProtocolError, SendError, Timeout};
pub use event::{Event, Message, Part};
pub(crate) use frame::RSV1;
pub use frame::{EncodedHeader, FrameHeader, MAX_CONTROL_PAYLOAD};
pub use handshake::HandshakeError;
pub use opcode::{Opcode, Role, State};
pub use options::{Compress, SendOptions};
pub use prepared::Prepared;
pub use signal::{Heard, Signal};
pub use split::{ReceiveHalf, ReuniteError, SendHalf};
pub use time::Instant;
pub(crate) use timer::earliest;
pub(crate) use utf8::validate as validate_utf8;
