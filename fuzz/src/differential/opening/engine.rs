//! The engine's side.

use std::sync::Arc;

use sansock::{
    Config, Role,
    proto::handshake::{
        Accept, ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerHandshake,
    },
};

use super::{Case, Said};
use crate::{SEED, read_answer};

/// What the engine made of a case.
pub(super) struct Engine {
    pub(super) said: Said,
    /// The rule that was broken, if one was.
    pub(super) error: Option<HandshakeError>,
}

impl Engine {
    pub(super) fn new(case: &Case) -> Self {
        // As many fields as the other takes; what else is limited, no input reaches.
        let config = Arc::new(
            Config::default()
                .max_headers(MAX_HEADERS)
                .max_request_line_size(usize::MAX),
        );
        let said = match case.role {
            Role::Server => serve(case, &config),
            Role::Client => connect(case, &config),
        };
        match said {
            Ok(said) => Self { said, error: None },
            Err(HandshakeError::Eof(_)) => Self {
                said: Said::Waits,
                error: None,
            },
            Err(error) => Self {
                said: Said::Fails,
                error: Some(error),
            },
        }
    }
}

/// tungstenite's limit.
const MAX_HEADERS: usize = 124;

fn serve(case: &Case, config: &Arc<Config>) -> Result<Said, HandshakeError> {
    let mut handshake = ServerHandshake::new(config);
    let mut rest = Vec::new();
    for piece in case.cuts.clone().pieces(&case.wire) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        handshake.receive(&mut input, &mut Vec::new())?;
        rest.extend_from_slice(input);
    }
    if !handshake.is_undecided() {
        return Err(handshake.receive_eof());
    }
    let mut out = Vec::new();
    let accepted = handshake.accept(&Accept::new(), &mut out);
    assert!(accepted.is_ok(), "a plain answer");
    let answer = read_answer(&out);
    assert_eq!(answer.status, 101);
    Ok(Said::Accepts {
        accept: answer.only("sec-websocket-accept").expect("one").to_vec(),
        subprotocol: answer.only("sec-websocket-protocol").map(<[u8]>::to_vec),
        rest,
    })
}

fn connect(case: &Case, config: &Arc<Config>) -> Result<Said, HandshakeError> {
    let mut out = Vec::new();
    let mut handshake = ClientHandshake::start(&request(case), config, SEED, &mut out);
    let mut outcome = None;
    let mut rest = Vec::new();
    for piece in case.cuts.clone().pieces(&case.wire) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        if outcome.is_none() {
            outcome = handshake.receive(&mut input)?;
        }
        rest.extend_from_slice(input);
    }
    // A refusal may have a body that only the transport's end ends.
    let outcome = outcome.map_or_else(|| handshake.receive_eof(), Ok)?;
    Ok(match outcome {
        Outcome::Open(_, response) => Said::Accepts {
            accept: (response.headers().get("sec-websocket-accept"))
                .expect("one")
                .to_vec(),
            subprotocol: response.subprotocol().map(|name| name.as_bytes().to_vec()),
            rest,
        },
        Outcome::Refused(refusal) => Said::Refused(refusal.status()),
    })
}

fn request(case: &Case) -> ClientRequest {
    let request = ClientRequest::new("server.example.com", "/chat").expect("valid");
    if !case.offers {
        return request;
    }
    let request = request.subprotocol("chat").expect("valid");
    request.subprotocol("superchat").expect("valid")
}

/// The request of a client, as it writes it.
pub(super) fn written(case: &Case) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = ClientHandshake::start(&request(case), &Arc::default(), SEED, &mut out);
    out
}
