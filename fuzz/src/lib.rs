//! What the fuzz targets share: how an input says which limits hold and where its bytes are cut,
//! and a second hand that reads frames and HTTP.
//!
//! Nothing here uses the crate's own parsers. A helper that panics is a finding.
#![forbid(unsafe_code)]

mod cuts;
mod deflate;
pub mod differential;
pub mod extensions;
mod http;
pub mod inflate;
mod limits;
pub mod pair;
mod payload;
pub mod receive;
mod reference;
pub mod script;
mod wire;
mod world;

pub use self::{
    cuts::Cuts,
    deflate::{DeflateChoice, params},
    http::{Answer, read_answer, read_answer_to_head},
    limits::Limits,
    payload::{payload, random},
    reference::{Reference, compressed},
    wire::{Frame, Frames},
    world::World,
};

/// The seed of every client here.
pub const SEED: [u8; 32] = [7; 32];
