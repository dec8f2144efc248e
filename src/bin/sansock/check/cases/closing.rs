//! The closing handshake and its codes (RFC 6455 §5.5.1, §7).

use crate::check::{
    case::{Case, Judgement},
    wire::{End, Received, close, frame},
};

const GROUP: &str = "closing";

/// Codes that may stand in a Close frame: defined, or of libraries and programs (§7.4).
const GOOD: [u16; 13] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
];

/// Codes that must not (§7.4.1, §7.4.2).
const BAD: [u16; 9] = [0, 999, 1004, 1005, 1006, 1015, 1100, 2000, 2999];

/// Codes of which the RFC does not say anything.
const UNDEFINED: [u16; 2] = [5000, 65535];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        answered(
            "a Close without a code",
            "without a code, or a good one",
            vec![],
            |body| {
                let code = body.first_chunk().map(|code| u16::from_be_bytes(*code));
                body.is_empty() || code.is_some_and(|code| GOOD.contains(&code))
            },
        ),
        answered(
            "a Close with a reason",
            "1000",
            close(1000, "grüß Gott".as_bytes()),
            is_normal,
        ),
        answered(
            "a Close with a reason of 123 bytes",
            "1000",
            close(1000, &[b'x'; 123]),
            is_normal,
        ),
    ];
    cases.extend(GOOD.map(good));
    cases.extend(BAD.map(bad));
    cases.extend(UNDEFINED.map(undefined));
    cases.extend([
        Case::fails(
            GROUP,
            "RFC 6455 §5.5.1",
            "a body of one byte",
            frame(0x88, b"\x03"),
            &[1002],
        ),
        Case::fails(
            GROUP,
            "RFC 6455 §5.5.1",
            "a reason that is not UTF-8",
            frame(0x88, &close(1000, b"\xCE\xBA\xE1\xBD\xB9\xED\xA0\x80")),
            &[1007, 1002],
        ),
        answered_then_ends("a text behind the Close", frame(0x81, b"too late")),
        answered_then_ends("a Ping behind the Close", frame(0x89, b"too late")),
        answered_then_ends("a second Close", frame(0x88, &close(1001, b""))),
        ends(),
        inside_a_message(),
        behind_messages(),
    ]);
    cases
}

/// Whether this is the body that answers one with code 1000.
fn is_normal(body: &[u8]) -> bool {
    body.starts_with(&1000_u16.to_be_bytes())
}

/// A Close that must be answered by a Close with a body like this.
fn answered(name: &'static str, answer: &str, body: Vec<u8>, is_right: fn(&[u8]) -> bool) -> Case {
    let expected = format!("Close {answer}");
    Case::new(GROUP, "RFC 6455 §5.5.1", name, expected, move |server| {
        let mut wire = server.open()?;
        wire.send(&frame(0x88, &body));
        match wire.receive() {
            Received::Close(body) if is_right(&body) => {
                Ok(Judgement::passed(Received::Close(body)))
            }
            received => Err(Judgement::failed(received)),
        }
    })
}

fn good(code: u16) -> Case {
    let expected = format!("Close {code}, or 1000");
    let name = format!("code {code}");
    Case::new(GROUP, "RFC 6455 §7.4", name, expected, move |server| {
        let mut wire = server.open()?;
        wire.send(&frame(0x88, &close(code, b"")));
        let received = wire.receive();
        match &received {
            // "the endpoint typically echos the status code it received" (§5.5.1).
            Received::Close(body) if *body == close(code, b"") || is_normal(body) => {
                Ok(Judgement::passed(received))
            }
            Received::Close(body) if body.is_empty() => Ok(Judgement::passed(received)),
            _ => Err(Judgement::failed(received)),
        }
    })
}

fn bad(code: u16) -> Case {
    let name = format!("code {code}, which must not be sent");
    let bytes = frame(0x88, &close(code, b""));
    Case::fails(GROUP, "RFC 6455 §7.4", name, bytes, &[1002])
}

fn undefined(code: u16) -> Case {
    let name = format!("code {code}, which nobody defined");
    let expected = "a Close of any kind, or the end of the connection";
    Case::new(GROUP, "RFC 6455 §7.4.2", name, expected, move |server| {
        let mut wire = server.open()?;
        wire.send(&frame(0x88, &close(code, b"")));
        match wire.receive() {
            received @ (Received::Close(_) | Received::End(End::Dropped)) => {
                Ok(Judgement::passed(received))
            }
            received => Err(Judgement::failed(received)),
        }
    })
}

/// "After sending a control frame indicating the connection should be closed, a peer does not send
/// any further data; after receiving a control frame indicating the connection should be closed, a
/// peer discards any further data received." (§1.4)
fn answered_then_ends(name: &'static str, behind: Vec<u8>) -> Case {
    let expected = "Close 1000, and nothing behind it";
    Case::new(GROUP, "RFC 6455 §5.5.1", name, expected, move |server| {
        let mut wire = server.open()?;
        wire.send(&[frame(0x88, &close(1000, b"")), behind.clone()].concat());
        match wire.receive() {
            Received::Close(body) if is_normal(&body) => {}
            // What it did not read may have reset the connection before its Close was read.
            Received::End(End::Dropped) => return Ok(Judgement::inconclusive(End::Dropped)),
            received => return Err(Judgement::failed(received)),
        }
        match wire.receive() {
            Received::End(End::Dropped | End::Silence) => Ok(Judgement::passed("just this")),
            received => Err(Judgement::failed(format!("{received} behind its Close"))),
        }
    })
}

/// "The server MUST close the underlying TCP connection immediately" (§5.5.1).
fn ends() -> Case {
    let name = "the end of TCP behind both Closes";
    let expected = "Close 1000, then the end of the connection";
    Case::new(GROUP, "RFC 6455 §5.5.1", name, expected, |server| {
        let mut wire = server.open()?;
        wire.send(&frame(0x88, &close(1000, b"")));
        match wire.receive() {
            Received::Close(body) if is_normal(&body) => {}
            received => return Err(Judgement::failed(received)),
        }
        match wire.receive() {
            Received::End(End::Dropped) => Ok(Judgement::passed("just this")),
            received => Err(Judgement::failed(format!("{received} behind its Close"))),
        }
    })
}

fn inside_a_message() -> Case {
    let bytes = [frame(0x01, b"unfinished"), frame(0x88, &close(1000, b""))].concat();
    let name = "a Close inside a message";
    let expected = "a Close, and not the message";
    Case::new(GROUP, "RFC 6455 §5.4", name, expected, move |server| {
        let mut wire = server.open()?;
        wire.send(&bytes);
        match wire.receive() {
            received @ Received::Close(_) => Ok(Judgement::passed(received)),
            received => Err(Judgement::failed(received)),
        }
    })
}

fn behind_messages() -> Case {
    let name = "a Close in one packet behind a text";
    let expected = "the echo, then Close 1000";
    Case::new(GROUP, "RFC 6455 §5.5.1", name, expected, |server| {
        let mut wire = server.open()?;
        wire.send(&[frame(0x81, b"Hello"), frame(0x88, &close(1000, b""))].concat());
        match wire.receive() {
            Received::Text(text) if text == b"Hello" => {}
            // Nothing says that a program must have been asked before the protocol answers.
            received @ Received::Close(_) => return Ok(Judgement::inconclusive(received)),
            received => return Err(Judgement::failed(received)),
        }
        match wire.receive() {
            received @ Received::Close(_) => Ok(Judgement::passed(received)),
            received => Err(Judgement::failed(received)),
        }
    })
    .remark("The server answers a Close before its program has answered the messages before.")
}
