//! What comes in and what goes out: messages, parts of messages, events.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use super::{close::CloseFrame, opcode::Opcode};

/// A whole data message (RFC 6455 §5.6). Complete by the RFC.
///
/// `Debug` prints at most 64 bytes of the payload.
#[derive(Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message: valid UTF-8, by type.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
}

impl Message<'_> {
    /// The payload's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
        }
    }

    /// The payload's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, which is legal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The text, if this is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload's bytes with a life of their own; copies only what is borrowed.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned().into_bytes(),
            Self::Binary(data) => data.into_owned(),
        }
    }

    /// The same message with a life of its own; copies only what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(Cow::Owned(text.into_owned())),
            Self::Binary(data) => Message::Binary(Cow::Owned(data.into_owned())),
        }
    }

    /// The opcode of the message's first frame.
    pub(crate) const fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(data: &'a [u8]) -> Self {
        Self::Binary(Cow::Borrowed(data))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(data: &'a [u8; N]) -> Self {
        Self::Binary(Cow::Borrowed(data))
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(data: &'a Vec<u8>) -> Self {
        Self::Binary(Cow::Borrowed(data))
    }
}

impl From<Vec<u8>> for Message<'_> {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(Cow::Owned(data))
    }
}

impl<'a> From<Cow<'a, str>> for Message<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Cow<'a, [u8]>> for Message<'a> {
    fn from(data: Cow<'a, [u8]>) -> Self {
        Self::Binary(data)
    }
}

impl<'a> From<&'a Message<'_>> for Message<'a> {
    fn from(message: &'a Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(Cow::Borrowed(text)),
            Message::Binary(data) => Self::Binary(Cow::Borrowed(data)),
        }
    }
}

/// How much of a payload is shown: enough to recognise it, too little to flood a log.
const SHOWN: usize = 64;

impl fmt::Debug for Message<'_> {
    /// Prints the length, and of the payload the first 64 bytes, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => {
                let mut end = text.len().min(SHOWN);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                let shown = &text[..end];
                write!(f, "Text({} bytes: {shown:?})", text.len())
            }
            Self::Binary(data) => {
                let shown = &data[..data.len().min(SHOWN)];
                write!(f, "Binary({} bytes: {})", data.len(), shown.escape_ascii())
            }
        }
    }
}

/// A piece of a message that is sent or received while it is still being made.
///
/// Pieces of text end on a character boundary, so each is a `str` of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The piece; its kind is the message's kind and the same in all its parts.
    pub data: Message<'a>,
    /// Whether the message ends with this part.
    pub last: bool,
}

impl<'a> Part<'a> {
    /// A part that others follow.
    #[must_use]
    pub fn more(data: impl Into<Message<'a>>) -> Self {
        Self {
            data: data.into(),
            last: false,
        }
    }

    /// The part that ends its message.
    #[must_use]
    pub fn last(data: impl Into<Message<'a>>) -> Self {
        Self {
            data: data.into(),
            last: true,
        }
    }

    /// The same part with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Part<'static> {
        Part {
            data: self.data.into_owned(),
            last: self.last,
        }
    }

    /// Joins it to the `parts` before it; the whole message if it is the last.
    #[cfg(any(feature = "std", feature = "web"))]
    pub(crate) fn join(self, parts: &mut Option<Message<'static>>) -> Option<Message<'static>> {
        let whole = match (parts.take(), self.data.into_owned()) {
            (Some(Message::Text(mut text)), Message::Text(more)) => {
                text.to_mut().push_str(&more);
                Message::Text(text)
            }
            (Some(Message::Binary(mut data)), Message::Binary(more)) => {
                data.to_mut().extend_from_slice(&more);
                Message::Binary(data)
            }
            (_, data) => data,
        };
        if self.last {
            return Some(whole);
        }
        *parts = Some(whole);
        None
    }
}

/// What the peer sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole message.
    Message(Message<'a>),
    /// A piece of a message that did not come whole, or was compressed; only with
    /// [`Config::streaming`](super::Config::streaming).
    Part(Part<'a>),
    /// A Ping. Its Pong is already in the output, or follows once there is room (§5.5.2).
    Ping(Cow<'a, [u8]>),
    /// A Pong, asked for or not (§5.5.3).
    Pong(Cow<'a, [u8]>),
    /// The peer's Close frame; ours is already in the output, behind what was sent before (§5.5.1).
    Close(Option<CloseFrame<'a>>),
}

impl Event<'_> {
    /// The same event with a life of its own; copies only what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Message(message) => Event::Message(message.into_owned()),
            Self::Part(part) => Event::Part(part.into_owned()),
            Self::Ping(payload) => Event::Ping(Cow::Owned(payload.into_owned())),
            Self::Pong(payload) => Event::Pong(Cow::Owned(payload.into_owned())),
            Self::Close(frame) => Event::Close(frame.map(CloseFrame::into_owned)),
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut control = |name: &str, payload: &[u8]| {
            let shown = payload.get(..SHOWN).unwrap_or(payload).escape_ascii();
            write!(f, "{name}({} bytes: {shown})", payload.len())
        };
        match self {
            Self::Ping(payload) => control("Ping", payload),
            Self::Pong(payload) => control("Pong", payload),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Part(part) => f.debug_tuple("Part").field(part).finish(),
            Self::Close(frame) => f.debug_tuple("Close").field(frame).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    /// hostile 151: `Message` prints its payload cut at 64 bytes, on a character boundary.
    #[test]
    fn debug_cuts_the_payload() {
        let text = "ü".repeat(100);
        let shown = format!("{:?}", Message::from(&text));
        assert_eq!(shown, format!("Text(200 bytes: {:?})", "ü".repeat(32)));
        let shown = format!("{:?}", Message::from(&[0x1B; 100]));
        assert_eq!(shown, format!("Binary(100 bytes: {})", "\\x1b".repeat(64)));
    }

    #[test]
    fn conversions_keep_the_kind_and_borrow_what_is_borrowed() {
        assert!(matches!(
            Message::from("a"),
            Message::Text(Cow::Borrowed("a"))
        ));
        assert!(matches!(
            Message::from("a".to_string()),
            Message::Text(Cow::Owned(_))
        ));
        assert!(matches!(
            Message::from(&[1u8, 2]),
            Message::Binary(Cow::Borrowed(&[1, 2]))
        ));
        let owned = Message::from(Vec::from([1u8]));
        assert!(matches!(
            Message::from(&owned),
            Message::Binary(Cow::Borrowed(&[1]))
        ));
        assert_eq!(owned.into_bytes(), [1]);
    }

    #[test]
    fn a_message_knows_its_kind_and_length() {
        let (text, binary) = (Message::from("ü"), Message::from(b""));
        assert_eq!(
            (text.is_text(), text.is_empty(), text.len()),
            (true, false, 2)
        );
        assert_eq!(
            (binary.is_text(), binary.is_empty(), binary.len()),
            (false, true, 0)
        );
        assert_eq!((text.as_text(), binary.as_text()), (Some("ü"), None));
    }

    #[cfg(any(feature = "std", feature = "web"))]
    #[test]
    fn parts_join_to_their_message() {
        let mut parts = None;
        assert_eq!(Part::more("one").join(&mut parts), None);
        assert_eq!(Part::more(", ").join(&mut parts), None);
        let whole = Part::last("two").join(&mut parts);
        assert_eq!((whole, &parts), (Some(Message::from("one, two")), &None));
        assert_eq!(Part::more(b"\x01").join(&mut parts), None);
        let whole = Part::last(b"\x02").join(&mut parts);
        assert_eq!((whole, &parts), (Some(Message::from(b"\x01\x02")), &None));
    }
}
