//! A client's opening handshake (RFC 6455 §4.1).

use alloc::{borrow::Cow, borrow::ToOwned, boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, mem};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    accept_key,
    client_request::{ClientRequest, offered},
    error::{EofStage, HandshakeError},
    head::{Head, Kind, Parsed},
    headers::{Headers, Span},
    negotiated::Negotiated,
    refusal::{Refusal, Refusing},
    syntax::list,
};
use crate::proto::{
    config::Config,
    connection::Connection,
    deflate::{DeflateParams, response_params},
    keys::MaskingKeys,
};

/// A client's end until the response is there; then it becomes a [`Connection`].
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, proto::handshake::{ClientHandshake, ClientRequest, Outcome}};
///
/// let request = ClientRequest::new("server.example.com", "/chat")?;
/// let seed = [0; 32]; // 32 bytes from the system's generator
/// let mut out = Vec::new();
/// let mut handshake =
///     ClientHandshake::start(&request, &Arc::new(Config::default()), seed, &mut out);
/// // … write `out`, then read:
/// let mut input = *b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
/// match handshake.receive(&mut &mut input[..])? {
///     None => {} // read more
///     Some(Outcome::Open(connection, response)) => { /* go on with the connection */ }
///     Some(Outcome::Refused(refusal)) => assert_eq!(refusal.status(), 403),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ClientHandshake {
    config: Arc<Config>,
    /// What the connection will mask with; taken when it opens.
    keys: Option<MaskingKeys>,
    /// The `Sec-WebSocket-Accept` that answers our key.
    accept: [u8; 28],
    /// The subprotocols offered, as [`offered`] reads them.
    subprotocols: Box<str>,
    /// How many responses with a status 1xx came.
    informational: u8,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// A response's head is under way.
    Head(Head),
    /// A refusal's body is under way.
    Body(Box<Refusing>),
    /// It is over; what to say about the end of the transport.
    Finished(HandshakeError),
}

/// How a client's handshake ended. Complete.
#[derive(Debug)]
pub enum Outcome {
    /// The server agreed: "The WebSocket Connection is Established" (§4.1).
    Open(Connection, Response),
    /// The server answered with another status than 101: a redirect, a demand for
    /// authentication, an error.
    Refused(Refusal),
}

/// The most informational responses before the real one; servers send one or two.
const MAX_INFORMATIONAL: u8 = 10;

/// The stage after an outcome.
const FINISHED: Stage = Stage::Finished(HandshakeError::Eof(EofStage::Finished));

impl ClientHandshake {
    /// Appends the whole request to `out`. The nonce and every masking key come from `seed`: 32
    /// bytes from the system's generator, never used twice (§4.1 number 7, §10.3).
    #[must_use]
    pub fn start(
        request: &ClientRequest,
        config: &Arc<Config>,
        seed: [u8; 32],
        out: &mut Vec<u8>,
    ) -> Self {
        let (handshake, key) = Self::new(request, config, seed);
        request.write(&key, config.deflate.as_ref(), out);
        handshake
    }

    /// A client's end, and the `Sec-WebSocket-Key` that its request must have.
    pub(super) fn new(
        request: &ClientRequest,
        config: &Arc<Config>,
        seed: [u8; 32],
    ) -> (Self, [u8; 24]) {
        let mut keys = MaskingKeys::from_seed(seed);
        let mut key = [0; 24];
        // 16 bytes are 24 characters, so they always fit.
        let written = STANDARD.encode_slice(keys.nonce(), &mut key);
        debug_assert_eq!(written, Ok(key.len()));
        let handshake = Self {
            config: Arc::clone(config),
            keys: Some(keys),
            accept: accept_key(&key),
            subprotocols: request.subprotocol_list().into(),
            informational: 0,
            stage: Stage::Head(Head::new(Kind::Response)),
        };
        (handshake, key)
    }

    /// Takes the response's bytes from `input`; the outcome is returned once, when it is known.
    ///
    /// If the connection is open, what follows the response stays in `input`: frames for the
    /// [`Connection`]. After any other end later input is swallowed.
    ///
    /// # Errors
    ///
    /// The rule that the response breaks, once: "the client MUST _Fail the WebSocket Connection_"
    /// (§4.1), that is, end the transport and send nothing.
    pub fn receive(&mut self, input: &mut &mut [u8]) -> Result<Option<Outcome>, HandshakeError> {
        self.advance(input).inspect_err(|error| {
            *input = &mut [];
            self.stage = Stage::Finished(*error);
        })
    }

    /// The transport ended, which is how the body of a refusal may end.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Eof`] if there is no whole head, or if the outcome was handed out before;
    /// after an error, that error.
    pub fn receive_eof(&mut self) -> Result<Outcome, HandshakeError> {
        match mem::replace(&mut self.stage, FINISHED) {
            Stage::Head(head) => {
                let error = head.eof();
                self.stage = Stage::Finished(error);
                Err(error)
            }
            Stage::Body(refusing) => Ok(Outcome::Refused(refusing.finish())),
            Stage::Finished(error) => {
                self.stage = Stage::Finished(error);
                Err(error)
            }
        }
    }

    /// The refusal whose body is under way, as far as it came; nothing more is waited for.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        match mem::replace(&mut self.stage, FINISHED) {
            Stage::Body(refusing) => Some(refusing.cut()),
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    fn advance(&mut self, input: &mut &mut [u8]) -> Result<Option<Outcome>, HandshakeError> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Head(head) => {
                    let Some(parsed) = head.receive(input, &self.config)? else {
                        return Ok(None);
                    };
                    match parsed.start.status {
                        101 => {
                            let Parsed { start, headers } = parsed;
                            let (connection, response) = self.open(start.text, headers)?;
                            return Ok(Some(Outcome::Open(connection, response)));
                        }
                        100..=199 if self.informational == MAX_INFORMATIONAL => {
                            return Err(HandshakeError::TooManyInformational);
                        }
                        100..=199 => {
                            self.informational += 1;
                            Stage::Head(Head::new(Kind::Response))
                        }
                        _ => Stage::Body(Box::new(Refusing::new(parsed, &self.config)?)),
                    }
                }
                Stage::Body(refusing) => {
                    if !refusing.receive(input)? {
                        return Ok(None);
                    }
                    *input = &mut [];
                    return self.receive_eof().map(Some);
                }
                Stage::Finished(_) => {
                    *input = &mut [];
                    return Ok(None);
                }
            };
        }
    }

    /// Checks a 101 by the six rules of §4.1.
    ///
    /// A `Content-Length` or `Transfer-Encoding` has no meaning here: a 1xx response "is always
    /// terminated by the first empty line" (RFC 9112 §6.3), so what follows are frames.
    pub(super) fn open(
        &mut self,
        reason: Span,
        headers: Headers,
    ) -> Result<(Connection, Response), HandshakeError> {
        let upgrade = only(&headers, "upgrade");
        if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::ResponseUpgrade);
        }
        let upgrades = headers
            .get_all("connection")
            .flat_map(list)
            .filter(|token| token.eq_ignore_ascii_case(b"upgrade"));
        if upgrades.count() != 1 {
            return Err(HandshakeError::ResponseConnection);
        }
        if only(&headers, "sec-websocket-accept") != Some(&self.accept) {
            return Err(HandshakeError::ResponseAccept);
        }
        let deflate = self.deflate(&headers)?;
        let negotiated = Negotiated::new(self.subprotocol(&headers)?, deflate);
        self.stage = FINISHED;
        // Without keys it would be a server's end, which does not mask: they are there once.
        let Some(keys) = self.keys.take() else {
            return Err(HandshakeError::Eof(EofStage::Finished));
        };
        let connection = Connection::new(Some(keys), &negotiated, &self.config);
        let response = Response {
            reason,
            headers,
            negotiated,
        };
        Ok((connection, response))
    }

    /// What `headers` agree on for permessage-deflate, the only extension that is ever offered:
    /// the client fails on "an extension that was not present in the client's handshake" (§4.1)
    /// and on what does not answer its offer (RFC 7692 §7.1).
    fn deflate(&self, headers: &Headers) -> Result<Option<DeflateParams>, HandshakeError> {
        const NAME: &str = "sec-websocket-extensions";
        if headers.get(NAME).is_none() {
            return Ok(None);
        }
        only(headers, NAME)
            .zip(self.config.deflate.as_ref())
            .and_then(|(value, config)| response_params(value, config))
            .map(Some)
            .ok_or(HandshakeError::ResponseExtensions)
    }

    /// The subprotocol that `headers` select; `None` is the null value, even if some were offered.
    fn subprotocol(&self, headers: &Headers) -> Result<Option<String>, HandshakeError> {
        if headers.get("sec-websocket-protocol").is_none() {
            return Ok(None);
        }
        only(headers, "sec-websocket-protocol")
            .and_then(|value| {
                offered(&self.subprotocols).find(|offered| offered.as_bytes() == value)
            })
            .map(|name| Some(name.to_owned()))
            .ok_or(HandshakeError::ResponseSubprotocol)
    }
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// The value of a field that stands exactly once.
fn only<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// The response that opened a connection.
#[derive(Clone)]
pub struct Response {
    reason: Span,
    headers: Headers,
    negotiated: Negotiated,
}

impl Response {
    /// The status: 101.
    #[must_use]
    pub const fn status(&self) -> u16 {
        101
    }

    /// The reason phrase, for people.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.reason.of(self.headers.bytes()))
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// What the handshake agreed on.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// *Subprotocol In Use* (§4.1); `None` is the null value.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.negotiated.subprotocol.as_deref()
    }

    /// *Extensions In Use* (§4.1) as the server wrote them; `None` is the null value.
    #[must_use]
    pub fn extensions(&self) -> Option<&str> {
        self.headers.get_str("sec-websocket-extensions")
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("headers", &self.headers)
            .field("negotiated", &self.negotiated)
            .finish_non_exhaustive()
    }
}
