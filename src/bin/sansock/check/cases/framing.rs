//! Frames that no client may send: each must fail the connection (RFC 6455 §5.1 to §5.4, §7.1.7).

use std::borrow::Cow;

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
        long("a length of 5 in 16 bits", b"\x81\xFE\x00\x05"),
        long(
            "a length of 5 in 64 bits",
            b"\x81\xFF\x00\x00\x00\x00\x00\x00\x00\x05",
        ),
        endless(),
        fails(
            "RFC 6455 §5.4",
            "a continuation with nothing to continue",
            frame(0x80, b"Hello"),
        ),
        continuation_behind(),
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

fn fails(section: &'static str, name: impl Into<Cow<'static, str>>, bytes: Vec<u8>) -> Case {
    Case::fails(GROUP, section, name, bytes, CODES)
}

/// A length of five that is not in its shortest form.
fn long(name: &'static str, header: &'static [u8]) -> Case {
    Case::new(GROUP, "RFC 6455 §5.2", name, failure(CODES), |server| {
        let mut wire = server.open()?;
        wire.send(&with_length(header));
        match wire.receive() {
            Received::Text(text) if text == b"Hello" => Ok(Judgement::inconclusive("the echo")),
            received => received.judge_failure(CODES),
        }
    })
    .remark("§5.2 demands the shortest form of the sender, and tells the receiver nothing.")
}

/// This header, a key and "Hello".
fn with_length(header: &[u8]) -> Vec<u8> {
    let key = masked(&[0; 4]).collect();
    let payload = masked(b"Hello").collect();
    [header.to_vec(), key, payload].concat()
}

fn continuation_behind() -> Case {
    let name = "a continuation behind a whole message";
    Case::new(GROUP, "RFC 6455 §5.4", name, failure(CODES), |server| {
        let mut wire = server.open()?;
        wire.send(&[frame(0x81, b"Hello"), frame(0x80, b"more")].concat());
        match wire.receive() {
            // The message was right, and may be sent back before.
            Received::Text(text) if text == b"Hello" => wire.expect_failure(CODES),
            received => received.judge_failure(CODES),
        }
    })
}

fn endless() -> Case {
    let codes = &[1002, 1009];
    let name = "a length with its highest bit set";
    Case::new(GROUP, "RFC 6455 §5.2", name, failure(codes), |server| {
        let mut wire = server.open()?;
        wire.send(&with_length(b"\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x05"));
        match wire.receive() {
            silence @ Received::End(End::Silence) => Ok(Judgement::inconclusive(silence)),
            received => received.judge_failure(codes),
        }
    })
    .remark("The server waits for a payload that can never come whole.")
}
