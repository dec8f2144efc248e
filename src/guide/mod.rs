//! Guides: how to do one thing from its beginning to its end. Documentation only.
//!
//! Every snippet is a test, and each guide names the program of `examples/` that shows the same over
//! real sockets. A guide is here if the features are on that it is about.

#[cfg(feature = "tokio")]
pub mod backpressure;
#[cfg(all(feature = "tokio", feature = "url"))]
pub mod client_with_reconnect;
#[cfg(feature = "tokio")]
pub mod closing;
#[cfg(feature = "deflate")]
pub mod compression_and_memory;
pub mod embed;
#[cfg(all(feature = "tokio", feature = "url"))]
pub mod migrating;
#[cfg(feature = "tokio")]
pub mod server_with_tokio;
