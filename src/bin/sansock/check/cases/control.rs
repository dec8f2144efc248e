//! Ping and Pong (RFC 6455 §5.5.2, §5.5.3).

use crate::check::{
    case::{Case, Judgement},
    wire::{Received, frame},
};

const GROUP: &str = "Ping and Pong";

pub(super) fn cases() -> Vec<Case> {
    let ping = "RFC 6455 §5.5.2";
    let all_bytes: Vec<u8> = (0x83..=0xFF).collect();
    let pings = [
        ("a Ping without a payload", vec![]),
        ("a Ping with a text", b"Hello".to_vec()),
        (
            "a Ping with bytes that are no text",
            b"\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF".to_vec(),
        ),
        ("a Ping of 125 bytes", all_bytes),
    ];
    let mut cases: Vec<Case> = pings
        .into_iter()
        .map(|(name, payload)| {
            let bytes = frame(0x89, &payload);
            Case::answers(GROUP, ping, name, bytes, vec![Received::Pong(payload)])
        })
        .collect();
    cases.extend([many_pings(), unasked(), byte_by_byte()]);
    cases
}

/// "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous
/// Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed
/// Ping frame."
fn many_pings() -> Case {
    let expected = "Pongs in the order of the Pings, the last of them for the last Ping";
    let name = "ten Pings in one packet";
    Case::new(GROUP, "RFC 6455 §5.5.3", name, expected, |server| {
        let mut wire = server.open()?;
        let pings: Vec<Vec<u8>> = (b'0'..=b'9').map(|n| frame(0x89, &[n])).collect();
        wire.send(&pings.concat());
        let mut last = None;
        while last != Some(b'9') {
            let received = wire.receive();
            let next = match &received {
                Received::Pong(payload) => payload.first().copied(),
                _ => None,
            };
            if next.is_none() || next <= last {
                return Err(Judgement::failed(received));
            }
            last = next;
        }
        Ok(Judgement::passed("the last Pong"))
    })
}

fn unasked() -> Case {
    let bytes = [frame(0x8A, b"for nothing"), frame(0x81, b"Hello")].concat();
    let answers = vec![Received::Text(b"Hello".to_vec())];
    let name = "a Pong that nobody asked for, then a text";
    Case::answers(GROUP, "RFC 6455 §5.5.3", name, bytes, answers)
}

fn byte_by_byte() -> Case {
    let answer = Received::Pong(b"Hello".to_vec());
    let expected = answer.to_string();
    Case::new(
        GROUP,
        "RFC 6455 §5.5.2",
        "a Ping byte by byte",
        expected,
        move |server| {
            let mut wire = server.open()?;
            for byte in frame(0x89, b"Hello") {
                wire.send(&[byte]);
            }
            wire.expect(std::slice::from_ref(&answer))
        },
    )
}
