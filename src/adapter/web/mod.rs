//! The browsers' `WebSocket`, native.

mod builder;
mod drive;
mod events;
mod listener;
#[cfg(any(feature = "futures", feature = "tokio"))]
pub(in crate::adapter) mod polled;
mod shared;
mod socket;
mod turn;

pub use self::{builder::Builder, events::Events, listener::Listener, socket::WebSocket};
pub(in crate::adapter) use self::{builder::Plan, shared::Shared};
#[cfg(feature = "mio")]
pub(in crate::adapter) use self::{drive::poll_drive, turn::Turn};
