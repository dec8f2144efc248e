//! A client's handshake receives any bytes, whole and cut.
//!
//! ```text
//!  input   flags  sizes │ most  seed │ bytes of the server …
//!          Limits       │ Cuts       │
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sansock::{
    Config,
    proto::handshake::{
        ClientHandshake, ClientRequest, HandshakeError, Headers, Outcome, accept_key,
    },
};
use sansock_fuzz::{Cuts, Limits, SEED};

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, sizes, most, seed], bytes)) = data.split_first_chunk() else {
        return;
    };
    let limits = Limits::new([flags, sizes]);
    let config = limits.head_config();
    let offers = flags & 1 != 0;
    let whole = run(&config, offers, &[bytes]);
    let cut = run(&config, offers, &Cuts::new([most, seed]).pieces(bytes));
    assert_eq!(whole, cut);
});

#[derive(Debug, PartialEq, Eq)]
enum End {
    Open(Option<String>, Fields),
    Refused {
        status: u16,
        reason: String,
        fields: Fields,
        body: Vec<u8>,
        is_complete: bool,
    },
    Failed(HandshakeError),
}

type Fields = Vec<(String, Vec<u8>)>;

/// How it ended, after the transport's end if not before, and what was left in the input.
fn run(config: &Config, offers: bool, pieces: &[&[u8]]) -> (End, bool, Vec<u8>) {
    let mut request = ClientRequest::new("server.example.com", "/chat").expect("valid");
    if offers {
        request = request.subprotocol("chat").expect("valid");
        request = request.subprotocol("superchat").expect("valid");
    }
    let mut out = Vec::new();
    let config = Arc::new(config.clone());
    let mut handshake = ClientHandshake::start(&request, &config, SEED, &mut out);
    let mut end = None;
    let mut rest = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        let said = if let Some(End::Open(..)) = end {
            None
        } else {
            handshake.receive(&mut input).transpose()
        };
        if let Some(said) = said {
            let said = said.map_or_else(End::Failed, |outcome| read(outcome, offers, &out));
            assert_eq!(end.replace(said), None, "told twice");
        }
        let is_open = matches!(end, Some(End::Open(..)));
        assert!(is_open || input.is_empty(), "input is left");
        rest.extend_from_slice(input);
    }
    let early = end.is_some();
    let eof = handshake.receive_eof();
    let end = match (end, eof) {
        (None, eof) => eof.map_or_else(End::Failed, |outcome| read(outcome, offers, &out)),
        (Some(End::Failed(error)), eof) => {
            assert_eq!(eof.err(), Some(error));
            End::Failed(error)
        }
        (Some(end), eof) => {
            assert!(matches!(eof, Err(HandshakeError::Eof(_))));
            end
        }
    };
    (end, early, rest)
}

fn read(outcome: Outcome, offers: bool, request: &[u8]) -> End {
    match outcome {
        Outcome::Open(connection, response) => {
            assert_eq!(response.status(), 101);
            let headers = response.headers();
            let text = str::from_utf8(request).expect("text");
            let key = text
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
                .expect("a key");
            assert_eq!(
                headers.get("Sec-WebSocket-Accept"),
                Some(&accept_key(key.as_bytes())[..])
            );
            let subprotocol = response.subprotocol();
            assert!(offers || subprotocol.is_none());
            assert!(matches!(subprotocol, None | Some("chat" | "superchat")));
            assert_eq!(connection.subprotocol(), subprotocol);
            End::Open(subprotocol.map(String::from), fields(headers))
        }
        Outcome::Refused(refusal) => {
            assert!(!matches!(refusal.status(), 0..200), "{}", refusal.status());
            End::Refused {
                status: refusal.status(),
                reason: refusal.reason().into_owned(),
                fields: fields(refusal.headers()),
                is_complete: refusal.is_complete(),
                body: refusal.into_body(),
            }
        }
    }
}

fn fields(headers: &Headers) -> Fields {
    let fields: Fields = headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(fields.len(), headers.len());
    for (name, value) in &fields {
        assert!(headers.get_all(name).any(|found| found == value));
        assert!(!value.contains(&b'\r') && !value.contains(&b'\n') && !value.contains(&0));
    }
    fields
}
