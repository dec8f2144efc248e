//! WebSockets without the socket.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "std")]
pub mod adapter;
pub mod endpoint;
pub mod proto;

pub use proto::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Message, Part, ProtocolError, Role,
    SendError, State, Timeout,
};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
