//! What a receiver holds only while something is unfinished.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

#[cfg(feature = "deflate")]
use super::deflate::Inflater;
use super::{
    assembly::{Assembly, Frame},
    counters::Traffic,
    frame::FrameHeader,
    time::Instant,
};

/// What exists only while a frame or a message is unfinished.
#[derive(Default)]
pub(super) struct Unfinished {
    /// The first bytes of a header that a read cut.
    pub(super) header: [u8; FrameHeader::MAX_LEN],
    pub(super) header_len: u8,
    /// A frame whose header came and whose payload has not, or not all of it.
    pub(super) frame: Option<Frame>,
    /// The payload of a control frame that a read cut.
    pub(super) control: Vec<u8>,
    pub(super) message: Option<Assembly>,
    /// What inflates the message, and the peer's next if that keeps its window.
    #[cfg(feature = "deflate")]
    pub(super) inflater: Option<Box<Inflater>>,
    /// Bytes of payload that came since `since`.
    pub(super) bytes: u64,
    /// When the clock was first asked while this was unfinished.
    pub(super) since: Option<Instant>,
    /// A buffer to use for the next message that does not come whole.
    pub(super) spare: Option<Vec<u8>>,
    /// Whether the spare buffer has been lying unused since the clock was last asked.
    pub(super) spare_is_old: bool,
    /// What came in, where that is counted.
    pub(super) counted: Option<Box<Traffic>>,
}

impl Unfinished {
    /// Whether there is something to keep for later messages.
    pub(super) const fn keeps_something(&self) -> bool {
        #[cfg(feature = "deflate")]
        if self.inflater.is_some() {
            return true;
        }
        self.spare.is_some() || self.counted.is_some()
    }

    /// Whether nothing is unfinished: only what later messages use may be here.
    pub(super) const fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }
}

impl fmt::Debug for Unfinished {
    /// Says how much has come, never what: payloads and masking keys do not belong into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("header_len", &self.header_len)
            .field("frame", &self.frame.as_ref().map(|frame| frame.opcode))
            .field(
                "frame_lacks",
                &self.frame.as_ref().map(|frame| frame.remaining),
            )
            .field(
                "message_frames",
                &self.message.as_ref().map(|message| message.frames),
            )
            .field("bytes", &self.bytes)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}
