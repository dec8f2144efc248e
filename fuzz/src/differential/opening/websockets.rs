//! The package `websockets` of Python, whose sans-IO server a child runs: rules WS01 to WS07.

use std::sync::{Mutex, OnceLock, PoisonError};

use sansock::{Role, proto::handshake::HandshakeError as Ours};

use super::{super::websockets::Peer, Case, Rule, Said, Theirs, compare};

/// Fuzzes the engine's server against that of `websockets`.
///
/// # Panics
///
/// On a finding, and if the child does not run.
pub fn run(data: &[u8]) {
    if let Some(case) = Case::new(data).filter(|case| case.role == Role::Server) {
        differ(&case);
    }
}

/// The rule that explains how the two differ, if they do.
pub(in super::super) fn differ(case: &Case) -> Option<&'static str> {
    compare(case, receive, RULES)
}

static PEER: OnceLock<Mutex<Peer>> = OnceLock::new();

/// What it does otherwise, each with the input that shows it.
pub(in super::super) const RULES: &[Rule] = &[
    Rule {
        entry: "WS01",
        explains: |it| it.is_later,
        example: b"\x02\0\0POST / HTTP/1.1\r\n",
    },
    Rule {
        entry: "WS02",
        explains: |it| {
            // A control character ends it before it is looked at as a target.
            let is_stricter = |error| it.is_stricter(error);
            (is_stricter(Ours::RequestTarget) || is_stricter(Ours::MalformedStartLine))
                && !it.head.is_target()
        },
        example: b"\x00\xFF\0\x02\x00\x0EGET * HTTP/1.1",
    },
    Rule {
        entry: "WS03",
        explains: |it| it.is_stricter(Ours::RequestHost) && !it.head.has_host(),
        example: b"\x00\xFF\0\x03\x01\x00",
    },
    Rule {
        entry: "WS04",
        explains: |it| {
            it.is_laxer_than("InvalidUpgrade('Upgrade'") && it.head.lists("upgrade", b"websocket")
        },
        example: b"\x00\xFF\0\x01\x02\x05, h2c",
    },
    Rule {
        entry: "WS05",
        explains: |it| it.is_stricter_field(),
        example: b"\x00\xFF\0\x04\x05\x1BSec-WebSocket-Extensions: =",
    },
    Rule {
        entry: "WS06",
        explains: |it| {
            [
                ("Connection", 1),
                ("Upgrade", 2),
                ("Sec-WebSocket-Protocol", 1),
            ]
            .iter()
            .any(|(name, most)| {
                it.is_laxer_than(&format!("InvalidHeaderFormat('{name}'"))
                    && !it.head.has_tokens(name, *most)
            })
        },
        example: b"\x00\xFF\0\x01\x03\x03, (",
    },
    Rule {
        entry: "WS07",
        explains: |it| {
            it.is_stricter(Ours::RequestKey)
                && matches!(it.head.all("sec-websocket-key")[..], [key] if key.len() == 24)
        },
        example: b"\x00\xFF\0\x00\x04\x18dGhlIHNhbXBsZSBub25jZR==",
    },
];

fn receive(case: &Case) -> Theirs {
    let start = || Mutex::new(Peer::start("src/differential/opening/opening.py"));
    let mut peer = PEER
        .get_or_init(start)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let answer = peer.ask(&case.wire);
    match answer.split_first() {
        Some((b'w', [])) => Said::Waits.into(),
        Some((b'f', error)) => Theirs {
            said: Said::Fails,
            error: String::from_utf8_lossy(error).into_owned(),
        },
        Some((b'a', rest)) => Said::Accepts {
            accept: rest[..28].to_vec(),
            subprotocol: None,
            rest: rest[28..].to_vec(),
        }
        .into(),
        _ => panic!("{answer:?} is no answer"),
    }
}
