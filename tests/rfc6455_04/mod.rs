//! A server's handshake driven with a request whole, byte by byte and cut in two at each place;
//! what comes out must be the same.

use std::sync::Arc;

use sansock::{
    Config,
    proto::handshake::{HandshakeError as E, Request, ServerHandshake},
};

/// §1.2: the request from the client.
pub(crate) const EXAMPLE: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// What a request leads to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) result: Result<Option<Request>, E>,
    pub(crate) handshake: ServerHandshake,
    pub(crate) out: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

pub(crate) fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, config: &Config) -> Run {
    let mut run = Run {
        result: Ok(None),
        handshake: ServerHandshake::new(&Arc::new(config.clone())),
        out: Vec::new(),
        rest: Vec::new(),
    };
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        match run.handshake.receive(&mut input, &mut run.out) {
            Ok(None) => {}
            result => {
                assert!(matches!(run.result, Ok(None)), "told twice");
                run.result = result;
            }
        }
        run.rest.extend_from_slice(input);
    }
    run
}

/// Runs `bytes` cut everywhere and returns the run that had them whole.
pub(crate) fn everywhere_with(bytes: &[u8], config: &Config) -> Run {
    let whole = run([bytes], config);
    let same = |other: Run, cut: &str| {
        let text = |run: &Run| format!("{:?}", run.result);
        assert_eq!(text(&other), text(&whole), "{cut}");
        assert_eq!(other.out, whole.out, "{cut}");
        assert_eq!(other.rest, whole.rest, "{cut}");
    };
    same(run(bytes.chunks(1), config), "byte by byte");
    for at in 0..=bytes.len().min(1_000) {
        let (a, b) = bytes.split_at(at);
        same(run([a, b], config), &format!("cut at {at}"));
    }
    whole
}

pub(crate) fn everywhere(text: &str) -> Run {
    everywhere_with(text.as_bytes(), &Config::default())
}

/// The example with the line of header `name` replaced by `lines`.
pub(crate) fn with(name: &str, lines: &str) -> String {
    let mut found = false;
    let text: String = EXAMPLE
        .split_inclusive("\r\n")
        .map(|line| {
            if line.starts_with(&format!("{name}: ")) {
                found = true;
                lines
            } else {
                line
            }
        })
        .collect();
    assert!(found, "{name}");
    text
}

/// The example with `lines` added.
pub(crate) fn and(lines: &str) -> String {
    EXAMPLE.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n"), 1)
}
