//! A server's opening handshake (RFC 6455 §4.2).

use alloc::{string::String, sync::Arc, vec::Vec};

use super::{
    answer::{self, Accept, Reject},
    error::{AcceptError, EofStage, HandshakeError},
    head::{Head, Kind},
    negotiated::Negotiated,
    request::{Purpose, Request},
};
use crate::proto::{config::Config, connection::Connection, deflate::Offer};

/// A server's end until the request is decided; then [`accept`](Self::accept) makes it a
/// [`Connection`].
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, proto::handshake::{Accept, ServerHandshake}};
///
/// let mut input = *b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n\
///     Upgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///     Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// let (mut input, mut out) = (&mut input[..], Vec::new());
/// let mut handshake = ServerHandshake::new(&Arc::new(Config::default()));
/// let request = handshake.receive(&mut input, &mut out)?.expect("it is whole");
/// assert_eq!(request.path(), "/chat");
/// let accept = Accept::new().subprotocol("chat");
/// let (connection, negotiated) = handshake.accept(&accept, &mut out).map_err(|(_, e)| e)?;
/// assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
/// # let _ = connection;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    config: Arc<Config>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The request is under way.
    Head(Head),
    /// The request is with the program.
    Undecided {
        /// What is asked for.
        purpose: Purpose,
        /// The `Sec-WebSocket-Accept` to come.
        key: [u8; 28],
        /// The subprotocols offered, each followed by a comma.
        offered: String,
        /// The offers of permessage-deflate that are valid.
        deflate: Vec<Offer>,
    },
    /// It failed.
    Failed(HandshakeError),
}

impl ServerHandshake {
    /// A server's end of a connection on which nothing has come.
    #[must_use]
    pub fn new(config: &Arc<Config>) -> Self {
        Self {
            config: Arc::clone(config),
            stage: Stage::Head(Head::new(Kind::Request)),
        }
    }

    /// Takes the request's bytes from `input`; the request is returned once, when it is whole.
    ///
    /// What follows the request stays in `input`: frames that the client sent at once. Until the
    /// request is decided nothing more is taken, so stop reading; give those bytes to the
    /// [`Connection`] first.
    ///
    /// # Errors
    ///
    /// The rule that the request breaks, once. Its answer is in `out` already; write it and end
    /// the transport. Later input is swallowed.
    pub fn receive(
        &mut self,
        input: &mut &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Request>, HandshakeError> {
        let head = match &mut self.stage {
            Stage::Head(head) => head,
            Stage::Undecided { .. } => return Ok(None),
            Stage::Failed(_) => {
                *input = &mut [];
                return Ok(None);
            }
        };
        let request = match head.receive(input, &self.config) {
            Ok(None) => return Ok(None),
            Ok(Some(parsed)) => Request::from_head(
                parsed,
                match (self.config.plain_requests, head.is_head()) {
                    (false, _) => Purpose::WebSocket,
                    (true, false) => Purpose::Get,
                    (true, true) => Purpose::Head,
                },
            ),
            Err(error) => Err(error),
        };
        match request {
            Ok(request) => {
                self.stage = Stage::Undecided {
                    purpose: request.purpose(),
                    key: request.accept_key(),
                    offered: offered(&request),
                    deflate: request.deflate_offers(),
                };
                Ok(Some(request))
            }
            Err(error) => {
                *input = &mut [];
                let allow: &[u8] = if self.config.plain_requests {
                    b"GET, HEAD"
                } else {
                    b"GET"
                };
                answer::write_error(error, allow, head.is_head(), out);
                self.stage = Stage::Failed(error);
                Err(error)
            }
        }
    }

    /// The transport ended; returns what that means here. A request that is undecided cannot be
    /// answered any more.
    pub fn receive_eof(&mut self) -> HandshakeError {
        let error = match &self.stage {
            Stage::Head(head) => head.eof(),
            Stage::Undecided { .. } => HandshakeError::Eof(EofStage::Undecided),
            Stage::Failed(error) => *error,
        };
        self.stage = Stage::Failed(error);
        error
    }

    /// Accepts the request: appends the 101 to `out` and becomes the connection (§4.2.2).
    ///
    /// # Errors
    ///
    /// An answer that must not be given; the handshake comes back as it was.
    pub fn accept(
        self,
        accept: &Accept<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(Connection, Negotiated), (Self, AcceptError)> {
        let Stage::Undecided {
            purpose,
            key,
            offered,
            deflate,
        } = &self.stage
        else {
            return Err((self, AcceptError::NotUndecided));
        };
        if *purpose != Purpose::WebSocket {
            return Err((self, AcceptError::NotWebSocket));
        }
        // Names are told apart by the comma that none can hold.
        if let Err(error) = accept.check(|name| offered.split_terminator(',').any(|o| o == name)) {
            return Err((self, error));
        }
        let deflate = accept.answer(deflate, self.config.deflate);
        accept.write(key, deflate.as_ref(), out);
        let negotiated = accept.negotiated(deflate.as_ref());
        let connection = Connection::new(None, &negotiated, &self.config);
        Ok((connection, negotiated))
    }

    /// Refuses the request, or answers one that asks for no WebSocket: appends the response to
    /// `out`. Write it and end the transport.
    ///
    /// # Errors
    ///
    /// An answer that must not be given; the handshake comes back as it was.
    pub fn reject(self, reject: &Reject<'_>, out: &mut Vec<u8>) -> Result<(), (Self, AcceptError)> {
        let Stage::Undecided { purpose, .. } = self.stage else {
            return Err((self, AcceptError::NotUndecided));
        };
        if let Err(error) = reject.check() {
            return Err((self, error));
        }
        reject.write(purpose == Purpose::Head, out);
        Ok(())
    }

    /// Whether a request waits for [`accept`](Self::accept) or [`reject`](Self::reject).
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self.stage, Stage::Undecided { .. })
    }
}

/// The subprotocols of `request`, each followed by a comma; a copy, since the program owns the
/// request.
fn offered(request: &Request) -> String {
    let names = request.subprotocols();
    names.flat_map(|name| [name, ","]).collect()
}
