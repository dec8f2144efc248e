//! The rules of the browsers' `WebSocket` (WHATWG WebSockets Standard), without I/O.
//!
//! ```text
//! program ──► send, close ──► WebSocketCore ──► next_outgoing ──► Endpoint
//! program ◄── next_event ◄─── (tasks) ◄──────── receive ◄──────── Endpoint
//! ```
//!
//! [`WebSocketCore`] is the interface's state: `readyState`, `bufferedAmount`, what may be sent,
//! how it closes, and which event follows from what. [`EventTarget`] keeps the listeners in the
//! DOM's order. [`Location`] and [`Protocols`] are the constructor's checks. Nothing here locks,
//! waits or calls back: whoever holds these asks for what is due.
//!
//! With feature `std` `adapter::web` makes the interface of them, page by page as MDN has it.
//!
//! Not here: HTTP redirects, which the standard does not follow, and what only a page has: cookies,
//! mixed content, the back-forward cache.

mod blob;
mod error;
mod event;
mod location;
mod port;
mod protocols;
mod stream;
mod target;
mod websocket;

pub use self::{
    blob::Blob,
    error::{DomError, Failure, SyntaxError},
    event::{
        BinaryType, CloseEvent, ErrorEvent, Event, EventType, MessageData, MessageEvent, OpenEvent,
    },
    location::Location,
    port::is_bad_port,
    protocols::Protocols,
    stream::{CloseInfo, StreamCore, StreamError, WebSocketError},
    target::{Cursor, EventTarget},
    websocket::{Outgoing, WebSocketCore},
};
