//! An echo over each adapter and in each of its modes, for the Autobahn suite to judge.

pub mod arguments;
pub mod blocking;
pub mod mio;
pub mod polled;
pub mod timer;

use std::{io, sync::Arc};

use sansock::{Config, DeflateConfig, Message};

/// How messages are received and sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `fill` and lent events.
    Lent,
    /// `recv` and `send`.
    Recv,
    /// `Stream` and `Sink`.
    Stream,
    /// Two halves, one for each direction.
    Split,
    /// Streaming: parts are echoed as parts.
    Parts,
}

/// The configuration that the suite's largest messages need.
#[must_use]
pub fn config(mode: Mode) -> Arc<Config> {
    let config = Config::default()
        .max_message_size(64 << 20)
        .max_frame_size(64 << 20)
        .deflate(Some(deflate()));
    Arc::new(config.streaming(mode == Mode::Parts))
}

/// All that the suite asks for in its cases on compression, and the context is kept unless the
/// other side asks otherwise. Every message is compressed: the smallest ones are 16 bytes long.
fn deflate() -> DeflateConfig {
    DeflateConfig::new()
        .threshold(0)
        .server_no_context_takeover(false)
        .client_no_context_takeover(false)
}

/// The number of cases that the suite's server announced.
fn count(message: Option<&Message<'_>>) -> io::Result<u32> {
    message
        .and_then(Message::as_text)
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| io::Error::other("the suite's server gave no case count"))
}
