//! What one half of a connection owes the other.

use alloc::borrow::Cow;

use super::{
    close::CloseFrame,
    error::{ProtocolError, Timeout},
    event::Event,
    frame::MAX_CONTROL_PAYLOAD,
    receive::Activity,
};

/// What the receiving half owes the sending half: give each to
/// [`SendHalf::apply`](super::SendHalf::apply), in order.
///
/// `Debug` prints no payload.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal<'a> {
    /// The peer shows signs of life.
    Heard(Heard),
    /// Answer a Ping with this payload (RFC 6455 §5.5.2).
    Pong(Cow<'a, [u8]>),
    /// A Pong came with this payload: what its Ping took may be counted (§5.5.3).
    Answered(Cow<'a, [u8]>),
    /// The peer's Close came (§5.5.1).
    Close(Option<CloseFrame<'a>>),
    /// The peer broke the protocol (§7.1.7).
    Failed(ProtocolError),
    /// A message was not finished in time.
    TimedOut(Timeout),
    /// The transport ended.
    Eof,
}

/// A sign of life, and whether it was a data message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard(pub(super) Activity);

impl<'a> Signal<'a> {
    /// What `received` obliges us to, borrowing from it.
    pub(super) fn of(received: &'a Result<Option<Event<'_>>, ProtocolError>) -> Option<Self> {
        match received {
            Ok(Some(Event::Ping(payload))) => Some(Self::Pong(Cow::Borrowed(payload))),
            Ok(Some(Event::Pong(payload))) => Some(Self::Answered(Cow::Borrowed(payload))),
            Ok(Some(Event::Close(frame))) => {
                Some(Self::Close(frame.as_ref().map(|frame| CloseFrame {
                    code: frame.code,
                    reason: Cow::Borrowed(&frame.reason),
                })))
            }
            Ok(_) => None,
            Err(error) => Some(Self::Failed(*error)),
        }
    }

    /// Whether a frame of a peer can oblige us to this (§5.5): anyone can make a signal.
    pub(super) fn is_possible(&self) -> bool {
        match self {
            Self::Pong(payload) => payload.len() <= MAX_CONTROL_PAYLOAD,
            Self::Close(Some(frame)) => CloseFrame::check(frame.code, frame.reason.len()).is_ok(),
            _ => true,
        }
    }

    /// The same signal with a life of its own.
    pub(super) fn into_owned(self) -> Signal<'static> {
        match self {
            Self::Heard(heard) => Signal::Heard(heard),
            Self::Pong(payload) => Signal::Pong(Cow::Owned(payload.into_owned())),
            Self::Answered(payload) => Signal::Answered(Cow::Owned(payload.into_owned())),
            Self::Close(frame) => Signal::Close(frame.map(CloseFrame::into_owned)),
            Self::Failed(error) => Signal::Failed(error),
            Self::TimedOut(timeout) => Signal::TimedOut(timeout),
            Self::Eof => Signal::Eof,
        }
    }
}

impl core::fmt::Debug for Signal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Heard(_) => f.write_str("Heard"),
            Self::Pong(payload) => write!(f, "Pong({} bytes)", payload.len()),
            Self::Answered(payload) => write!(f, "Answered({} bytes)", payload.len()),
            Self::Close(frame) => write!(f, "Close({:?})", frame.as_ref().map(|it| it.code)),
            Self::Failed(error) => write!(f, "Failed({error:?})"),
            Self::TimedOut(timeout) => write!(f, "TimedOut({timeout:?})"),
            Self::Eof => f.write_str("Eof"),
        }
    }
}
