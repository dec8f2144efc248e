//! What the fuzz targets share: how an input says which limits hold and where its bytes are cut,
//! and a second hand that reads frames and HTTP.
//!
//! Nothing here uses the crate's own parsers. A helper that panics is a finding.
#![forbid(unsafe_code)]

mod cuts;
mod http;
mod limits;
pub mod pair;
mod payload;
pub mod receive;
pub mod script;
mod wire;
mod world;

pub use self::{
    cuts::Cuts,
    http::{Answer, read_answer},
    limits::Limits,
    payload::payload,
    wire::{Frame, Frames},
    world::World,
};

/// The seed of every client here.
pub const SEED: [u8; 32] = [7; 32];
