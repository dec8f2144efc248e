//! The opening handshake (RFC 6455 §4): two machines, each of which turns into a
//! [`Connection`](super::Connection).
//!
//! ```text
//! ClientRequest ─ ClientHandshake::start ─▶ GET …          101 … ─ receive ─▶ Outcome::Open
//!                                                      200, 401 … ─ receive ─▶ Outcome::Refused
//! GET … ─ ServerHandshake::receive ─▶ Request ─ accept ─▶ 101 …, Connection
//!                                             └ reject ─▶ 403 …, or a page's 200
//! ```
//!
//! Both take bytes cut anywhere, look at each once and leave what follows the blank line in the
//! input. A server whose HTTP is done elsewhere (hyper, HTTP/2, HTTP/3) makes a [`Request`] by
//! [`Request::from_parts`] and answers it by [`Request::answer`]. With feature `http` these types are
//! made from those of the package `http` and become them.
//!
//! With [`Config::plain_requests`](crate::Config::plain_requests) a server is handed requests that
//! ask for no WebSocket as well, and rejects them with a page.
//!
//! Whether an `Origin` is welcome is for the program to say, by an [`OriginPolicy`].
//!
//! Not here: deadlines, redirects, proxies, TLS.

mod answer;
mod client;
mod client_request;
mod error;
mod head;
mod headers;
#[cfg(feature = "http")]
mod http;
mod negotiated;
mod origin;
mod refusal;
mod request;
mod server;
mod syntax;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

pub use answer::{Accept, Reject};
pub use client::{ClientHandshake, Outcome, Response};
pub use client_request::ClientRequest;
pub use error::{AcceptError, EofStage, HandshakeError, RequestError};
pub use headers::Headers;
pub use negotiated::Negotiated;
pub use origin::{OriginError, OriginPolicy};
pub use refusal::Refusal;
pub use request::{HttpVersion, Request};
pub use server::ServerHandshake;
#[cfg(feature = "web")]
pub(crate) use syntax::is_token;
pub(super) use syntax::{ExtensionWord, parse_extensions};

/// The value of `Sec-WebSocket-Accept` that answers this `Sec-WebSocket-Key` (§4.2.2).
///
/// The key enters as it stands in the header, not decoded: "concatenate this with the string
/// 258EAFA5-E914-47DA-95CA-C5AB0DC85B11, obtain the SHA-1 hash, and base64-encode".
///
/// ```
/// use sansock::proto::handshake::accept_key;
///
/// assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    // 20 bytes are 28 characters, so they always fit.
    let written = STANDARD.encode_slice(hash, &mut accept);
    debug_assert_eq!(written, Ok(accept.len()));
    accept
}

/// The "Globally Unique Identifier" of §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
