//! What listeners are told.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::Blob;
use crate::proto::Message;

/// The kinds of events. Complete by the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `"open"`
    Open,
    /// `"message"`
    Message,
    /// `"error"`
    Error,
    /// `"close"`
    Close,
}

/// An event that fires at a `WebSocket`. Complete by the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection is open.
    Open(OpenEvent),
    /// A message came.
    Message(MessageEvent),
    /// The connection failed; `Close` follows.
    Error(ErrorEvent),
    /// The connection is closed: the last event, and always the last.
    Close(CloseEvent),
}

impl Event {
    /// Its kind.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Open(_) => EventType::Open,
            Self::Message(_) => EventType::Message,
            Self::Error(_) => EventType::Error,
            Self::Close(_) => EventType::Close,
        }
    }
}

/// The connection is open. Carries nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OpenEvent;

/// A message came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageEvent {
    /// The message.
    pub data: MessageData,
    /// The origin of the socket's URL, such as `ws://example.com`.
    pub origin: Arc<str>,
}

/// The connection failed. Carries nothing, so that a page cannot scan a network by it; a program
/// asks the socket for its error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ErrorEvent;

/// The connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseEvent {
    /// Whether the closing handshake was completed.
    pub was_clean: bool,
    /// The code in the peer's Close frame; 1005 if it had none, 1006 if no such frame came.
    pub code: u16,
    /// The reason in the peer's Close frame, or nothing.
    pub reason: String,
}

/// A message's data. Complete by the standard.
#[derive(Clone, PartialEq, Eq)]
pub enum MessageData {
    /// Text.
    Text(String),
    /// Bytes, while `binaryType` is [`BinaryType::Blob`].
    Blob(Blob),
    /// Bytes, while `binaryType` is [`BinaryType::ArrayBuffer`].
    ArrayBuffer(Vec<u8>),
}

impl MessageData {
    pub(super) fn new(message: Message<'static>, binary_type: BinaryType) -> Self {
        match (message, binary_type) {
            (Message::Text(text), _) => Self::Text(text.into_owned()),
            (Message::Binary(data), BinaryType::Blob) => Self::Blob(data.into_owned().into()),
            (Message::Binary(data), BinaryType::ArrayBuffer) => {
                Self::ArrayBuffer(data.into_owned())
            }
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Blob(_) | Self::ArrayBuffer(_) => None,
        }
    }

    /// The bytes, whatever it is.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Blob(blob) => blob.as_bytes(),
            Self::ArrayBuffer(data) => data,
        }
    }
}

impl AsRef<[u8]> for MessageData {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<MessageData> for Message<'_> {
    /// To send back what came.
    fn from(data: MessageData) -> Self {
        match data {
            MessageData::Text(text) => text.into(),
            MessageData::Blob(blob) => blob.into(),
            MessageData::ArrayBuffer(data) => data.into(),
        }
    }
}

impl<'a> From<&'a MessageData> for Message<'a> {
    /// To send back what came.
    fn from(data: &'a MessageData) -> Self {
        match data {
            MessageData::Text(text) => text.into(),
            MessageData::Blob(blob) => blob.into(),
            MessageData::ArrayBuffer(data) => data.into(),
        }
    }
}

impl fmt::Debug for MessageData {
    /// As a [`Message`]'s, the length and the first 64 bytes, escaped; of a [`Blob`] the length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(blob) => blob.fmt(f),
            Self::Text(_) | Self::ArrayBuffer(_) => Message::from(self).fmt(f),
        }
    }
}

/// What a binary message becomes: `binaryType`. Complete by the standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BinaryType {
    /// `"blob"`: cheap to clone and to slice.
    #[default]
    Blob,
    /// `"arraybuffer"`: yours to change.
    ArrayBuffer,
}
