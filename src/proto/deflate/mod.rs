//! permessage-deflate: messages compressed one by one (RFC 7692).
//!
//! ```text
//! offer   what is offered, what is answered            §5, §7.1   always here
//! params  what both ends agreed on
//! config  what we offer, answer and spend
//! codec   Inflater, Deflater                           §7.2       feature `deflate`
//! pool    codecs that no message needs, in the Config
//! ```
//!
//! Only `codec` knows the DEFLATE library, which links std.

#[cfg(feature = "deflate")]
mod codec;
mod config;
mod offer;
mod params;
#[cfg(feature = "deflate")]
mod pool;

#[cfg(feature = "deflate")]
pub(super) use self::{
    codec::{Deflater, Inflater},
    pool::Pool,
};
pub use self::{config::DeflateConfig, params::DeflateParams};
pub(super) use self::{
    offer::{Answer, Offer, answer, offers_of, response_params},
    params::Direction,
};
