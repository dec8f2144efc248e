//! What the adapters of asynchronous runtimes share: a socket over any [`Io`].
//!
//! `adapter::tokio` and `adapter::futures` are this with an [`Io`] of their own. For a runtime that
//! has neither's traits, implement [`Io`] yourself; either feature brings this module, and `futures`
//! the fewer packages.

mod bytes;
mod incoming;
mod io;
mod sink;
mod socket;
mod split;
mod sync;
pub(super) mod wakers;

pub use self::{
    bytes::ByteStream,
    incoming::Incoming,
    io::Io,
    socket::Socket,
    split::{ReadHalf, ReuniteError, WriteHalf},
};
