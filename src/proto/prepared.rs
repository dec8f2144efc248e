//! A message framed once and sent to many.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;
#[cfg(feature = "deflate")]
use std::sync::OnceLock;

#[cfg(feature = "deflate")]
use super::{config::Config, send::deflate::compress_frame};

use super::{event::Message, frame::FrameHeader, opcode::Opcode};

/// A message whose frame is made once, for any number of connections: cheap to clone.
///
/// A server sends the same bytes to all, and the `Endpoint` writes more than 4 KiB from where they
/// lie. A client must mask every frame with a key of its own (RFC 6455 §5.3), so there it is an
/// ordinary message.
///
/// Where permessage-deflate is in use, the message is compressed once for each size of window, and
/// always with an empty one.
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, proto::{Connection, Prepared}};
///
/// let message = Prepared::new("news");
/// let mut out = Vec::new();
/// Connection::server(&Arc::new(Config::default())).send_prepared(&message, &mut out)?;
/// assert_eq!(out, b"\x81\x04news");
/// # Ok::<(), sansock::SendError>(())
/// ```
#[derive(Clone)]
pub struct Prepared(Arc<Framed>);

struct Framed {
    /// Header and payload as a server sends them.
    frame: Bytes,
    header_len: usize,
    text: bool,
    /// The compressed frames for windows of 9 to 15 bits, or `None` where that is not shorter.
    #[cfg(feature = "deflate")]
    compressed: [OnceLock<Option<Bytes>>; 7],
}

impl Prepared {
    /// Frames `message`.
    #[must_use]
    pub fn new<'m>(message: impl Into<Message<'m>>) -> Self {
        let message = message.into();
        let header = FrameHeader {
            fin: true,
            rsv: 0,
            opcode: message.opcode(),
            mask: None,
            payload_len: message.len() as u64,
        };
        let mut frame = Vec::with_capacity(FrameHeader::MAX_LEN + message.len());
        header.encode(&mut frame);
        let header_len = frame.len();
        frame.extend_from_slice(message.as_bytes());
        let text = message.opcode() == Opcode::Text;
        Self(Arc::new(Framed {
            frame: frame.into(),
            header_len,
            text,
            #[cfg(feature = "deflate")]
            compressed: Default::default(),
        }))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let payload = &self.0.frame[self.0.header_len..];
        match core::str::from_utf8(payload) {
            Ok(text) if self.0.text => Message::from(text),
            _ => Message::from(payload),
        }
    }

    /// The payload's length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.frame.len() - self.0.header_len
    }

    /// The payload, shared.
    pub(crate) fn payload(&self) -> Bytes {
        self.0.frame.slice(self.0.header_len..)
    }

    /// The whole frame, compressed with an empty window of so many bits: made when first asked
    /// for. `None` if that is not shorter, or not possible.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed(&self, window_bits: u8, config: &Config) -> Option<&Bytes> {
        let form = self
            .0
            .compressed
            .get(usize::from(window_bits.checked_sub(9)?))?;
        form.get_or_init(|| {
            compress_frame(self.opcode(), &self.payload(), window_bits, config).map(Bytes::from)
        })
        .as_ref()
    }

    pub(crate) fn opcode(&self) -> Opcode {
        if self.0.text {
            Opcode::Text
        } else {
            Opcode::Binary
        }
    }

    /// The whole frame as a server sends it.
    pub(crate) fn frame(&self) -> &Bytes {
        &self.0.frame
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.message()).finish()
    }
}
