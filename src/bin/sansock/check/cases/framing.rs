//! Frames that no client may send: each must fail the connection (RFC 6455 §5.1 to §5.4, §7.1.7).

use crate::check::{
    case::{Case, Judgement, failure},
    wire::{End, Received, close, frame, masked},
};

const GROUP: &str = "frames that break the protocol";

/// What a server says of them.
const CODES: &[u16] = &[1002];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        fails(
            "RFC 6455 §5.1",
            "a frame that is not masked",
            b"\x81\x05Hello".to_vec(),
        ),
        fails(
            "RFC 6455 §5.1",
            "a Ping that is not masked",
            b"\x89\x00".to_vec(),
        ),
        fails(
            "RFC 6455 §5.2",
            "RSV1 without an extension",
            frame(0xC1, b"Hello"),
        ),
        fails("RFC 6455 §5.2", "RSV2", frame(0xA1, b"Hello")),
        fails("RFC 6455 §5.2", "RSV3", frame(0x91, b"Hello")),
        fails("RFC 6455 §5.2", "RSV1 in a Ping", frame(0xC9, b"Hello")),
    ];
    for opcode in [0x3, 0x7, 0xB, 0xF] {
        let name = format!("reserved opcode {opcode:#X}");
        cases.push(fails("RFC 6455 §5.2", name, frame(0x80 | opcode, b"")));
    }
    cases.extend([
        fails(
            "RFC 6455 §5.2",
            "a length of 5 in 16 bits",
            with_length(b"\x81\xFE\x00\x05"),
        ),
        fails(
            "RFC 6455 §5.2",
            "a length of 5 in 64 bits",
            with_length(b"\x81\xFF\x00\x00\x00\x00\x00\x00\x00\x05"),
        ),
        endless(),
        fails(
            "RFC 6455 §5.4",
            "a continuation with nothing to continue",
            frame(0x80, b"Hello"),
        ),
        fails(
            "RFC 6455 §5.4",
            "a continuation behind a whole message",
            // Of an empty message there is no echo that could come before the failure.
            [frame(0x00, b""), frame(0x80, b"")].concat(),
        ),
        fails(
            "RFC 6455 §5.4",
            "a message inside another",
            [frame(0x01, b"Hel"), frame(0x81, b"lo")].concat(),
        ),
        fails(
            "RFC 6455 §5.4",
            "a binary message inside a text",
            [frame(0x01, b"Hel"), frame(0x02, b"lo")].concat(),
        ),
        fails(
            "RFC 6455 §5.5",
            "a Ping of 126 bytes",
            frame(0x89, &[0; 126]),
        ),
        fails(
            "RFC 6455 §5.5",
            "a Pong of 126 bytes",
            frame(0x8A, &[0; 126]),
        ),
        fails(
            "RFC 6455 §5.5",
            "a Close of 126 bytes",
            frame(0x88, &close(1000, &[b'x'; 124])),
        ),
        fails(
            "RFC 6455 §5.5",
            "a Ping in two frames",
            [frame(0x09, b"Hel"), frame(0x80, b"lo")].concat(),
        ),
        fails(
            "RFC 6455 §5.5",
            "a Close in two frames",
            [frame(0x08, &close(1000, b"")), frame(0x80, b"bye")].concat(),
        ),
    ]);
    cases
}

fn fails(
    section: &'static str,
    name: impl Into<std::borrow::Cow<'static, str>>,
    bytes: Vec<u8>,
) -> Case {
    let name = name.into();
    let is_length = name.starts_with("a length");
    let case = Case::fails(GROUP, section, name, bytes, CODES);
    match is_length {
        true => case.remark(
            "§5.2: \"the minimal number of bytes MUST be used to encode the length\". Many servers \
             do not look at it, which is harmless.",
        ),
        false => case,
    }
}

/// This header, a key and "Hello".
fn with_length(header: &[u8]) -> Vec<u8> {
    let key = masked(&[0; 4]).collect();
    let payload = masked(b"Hello").collect();
    [header.to_vec(), key, payload].concat()
}

fn endless() -> Case {
    let codes = &[1002, 1009];
    let name = "a length with its highest bit set";
    Case::new(GROUP, "RFC 6455 §5.2", name, failure(codes), |server| {
        let mut wire = server.open()?;
        wire.send(&with_length(b"\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x05"));
        match wire.receive() {
            Received::End(End::Silence) => Ok(Judgement::inconclusive(End::Silence)),
            Received::Close(body) if body.starts_with(&1009_u16.to_be_bytes()) => {
                Ok(Judgement::passed(Received::Close(body)))
            }
            Received::Close(body) if body.starts_with(&1002_u16.to_be_bytes()) => {
                Ok(Judgement::passed(Received::Close(body)))
            }
            Received::End(End::Dropped) => Ok(Judgement::passed(End::Dropped)),
            received => Err(Judgement::failed(received)),
        }
    })
    .remark("The server waits for a payload that can never come whole.")
}
