//! All cases, a file for each group.

mod closing;
mod control;
mod deflate;
mod framing;
mod handshake;
mod messages;
mod utf8;

use super::case::Case;

/// In the order of the RFC.
pub(super) fn all() -> Vec<Case> {
    [
        handshake::cases(),
        messages::cases(),
        framing::cases(),
        control::cases(),
        closing::cases(),
        utf8::cases(),
        deflate::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
