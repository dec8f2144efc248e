//! permessage-deflate, where the server offers it (RFC 7692).

use std::sync::Arc;

use sansock::{
    Config, Event, Role,
    proto::{Connection, DeflateParams, handshake::Negotiated},
};

use crate::check::{
    case::{Case, Judgement, Server, failure},
    wire::{Received, Wire, frame, unmasked},
};

const GROUP: &str = "permessage-deflate";

const PLAIN: &str = "permessage-deflate";

/// "Hello" by the fixed code (§7.2.3.1).
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";

/// Offers that no server may take (§7.1).
const BAD_OFFERS: [(&str, &str); 8] = [
    (
        "a window of 7 bits",
        "permessage-deflate; server_max_window_bits=7",
    ),
    (
        "a window of 16 bits",
        "permessage-deflate; server_max_window_bits=16",
    ),
    (
        "a window of 010 bits",
        "permessage-deflate; server_max_window_bits=010",
    ),
    (
        "a window without its bits",
        "permessage-deflate; server_max_window_bits",
    ),
    (
        "a client's window of 16 bits",
        "permessage-deflate; client_max_window_bits=16",
    ),
    (
        "a parameter with a value it has not",
        "permessage-deflate; server_no_context_takeover=1",
    ),
    (
        "a parameter twice",
        "permessage-deflate; server_no_context_takeover; \
      server_no_context_takeover",
    ),
    (
        "a parameter that is none",
        "permessage-deflate; sansock_check",
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![agrees()];
    cases.extend(BAD_OFFERS.map(|(name, offer)| declines(name, offer)));
    cases.extend([
        second_offer(),
        asks("server_no_context_takeover", |agreed| {
            agreed.server_no_context_takeover
        }),
        asks("server_max_window_bits=10", |agreed| {
            agreed.server_max_window_bits <= 10
        }),
        unasked_window(),
    ]);
    let hello = || b"Hello".to_vec();
    cases.extend([
        inflates(
            "RFC 7692 §7.2.3.1",
            "the fixed code",
            frame(0xC1, HELLO),
            hello(),
        ),
        inflates(
            "RFC 7692 §7.2.3.1",
            "a compressed message in two frames",
            [
                frame(0x41, b"\xF2\x48\xCD"),
                frame(0x80, b"\xC9\xC9\x07\x00"),
            ]
            .concat(),
            hello(),
        ),
        inflates(
            "RFC 7692 §7.2.3.3",
            "a block that is not compressed",
            frame(0xC1, b"\x00\x05\x00\xFA\xFFHello\x00"),
            hello(),
        ),
        inflates(
            "RFC 7692 §7.2.3.4",
            "a block with its final bit set",
            frame(0xC1, b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00"),
            hello(),
        ),
        inflates(
            "RFC 7692 §7.2.3.5",
            "two blocks in one message",
            frame(
                0xC1,
                b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00",
            ),
            hello(),
        ),
        inflates(
            "RFC 7692 §7.2.3.6",
            "an empty message of one byte",
            frame(0xC1, b"\x00"),
            vec![],
        ),
        inflates(
            "RFC 7692 §6.1",
            "a message that is not compressed",
            frame(0x81, b"Hello"),
            hello(),
        ),
        inflates(
            "RFC 7692 §6.1",
            "a Ping inside a compressed message",
            [
                frame(0x41, b"\xF2\x48\xCD"),
                frame(0x89, b""),
                frame(0x80, b"\xC9\xC9\x07\x00"),
            ]
            .concat(),
            hello(),
        ),
        takeover(),
        fails("RFC 7692 §6.1", "RSV1 in a continuation", &[1002], {
            [
                frame(0x41, b"\xF2\x48\xCD"),
                frame(0xC0, b"\xC9\xC9\x07\x00"),
            ]
            .concat()
        }),
        fails("RFC 7692 §6.1", "RSV1 in a Ping", &[1002], frame(0xC9, b"")),
        fails(
            "RFC 7692 §7.2.2",
            "a block of the kind that is reserved",
            &[1007, 1002],
            frame(0xC1, b"\x06\x00\x00"),
        ),
        fails(
            "RFC 7692 §7.2.2",
            "a reference to before the first byte",
            &[1007, 1002],
            {
                // Length 3, distance 1, in the fixed code, and nothing before it.
                frame(0xC1, b"\x02\x02\x00\x00")
            },
        ),
        fails(
            "RFC 7692 §7.2.2",
            "a compressed text that is not UTF-8",
            &[1007],
            {
                // One stored byte, FF.
                frame(0xC1, b"\x00\x01\x00\xFE\xFF\xFF\x00")
            },
        ),
    ]);
    cases
}

/// Opens a connection with this offer, and says how it was answered.
fn offer(server: &Server, offer: &str) -> Result<(Wire, String), Judgement> {
    let request = server.request().with("Sec-WebSocket-Extensions", offer);
    let (wire, response) = server.open_with(&request)?;
    match response.header("sec-websocket-extensions") {
        Some(answer) => Ok((wire, answer)),
        None => Err(Judgement::inapplicable(
            "the server agrees on no compression",
        )),
    }
}

/// Opens a connection with this offer, and says what was agreed on.
fn open(server: &Server, offered: &str) -> Result<(Wire, DeflateParams), Judgement> {
    let (mut wire, answer) = offer(server, offered)?;
    let agreed =
        agreed(&answer).map_err(|fault| Judgement::failed(format!("{answer:?}: {fault}")))?;
    wire.allow_compressed();
    Ok((wire, agreed))
}

/// Reads what a server agrees on (§7.1).
fn agreed(answer: &str) -> Result<DeflateParams, &'static str> {
    let mut words = answer.split(';').map(str::trim);
    if words.next() != Some(PLAIN) {
        return Err("not permessage-deflate alone");
    }
    let mut agreed = DeflateParams::default();
    let mut seen = Vec::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (word, None),
        };
        if seen.contains(&name) {
            return Err("a parameter twice");
        }
        seen.push(name);
        let bits = value.and_then(|bits| bits.parse().ok());
        let bits = bits.filter(|bits| (8..=15).contains(bits));
        match (name, value, bits) {
            ("server_no_context_takeover", None, _) => agreed.server_no_context_takeover = true,
            ("client_no_context_takeover", None, _) => agreed.client_no_context_takeover = true,
            ("server_max_window_bits", Some(_), Some(bits)) => agreed.server_max_window_bits = bits,
            ("client_max_window_bits", Some(_), Some(bits)) => agreed.client_max_window_bits = bits,
            _ => return Err("a parameter that is none, or without a right value"),
        }
    }
    Ok(agreed)
}

fn agrees() -> Case {
    let expected = "permessage-deflate with parameters of the RFC";
    Case::new(
        GROUP,
        "RFC 7692 §5.1",
        "a plain offer",
        expected,
        |server| {
            let (_, agreed) = open(server, PLAIN)?;
            Ok(Judgement::passed(agreed))
        },
    )
}

fn declines(name: &str, offer: &'static str) -> Case {
    let name = format!("an offer with {name}");
    let expected = "an answer without permessage-deflate";
    Case::new(GROUP, "RFC 7692 §7.1", name, expected, move |server| {
        let request = server.request().with("Sec-WebSocket-Extensions", offer);
        let (_, response) = server.ask(&request)?;
        let got = match response.header("sec-websocket-extensions") {
            Some(extensions) => return Err(Judgement::failed(format!("{extensions:?}"))),
            None => format!("status {} without", response.status),
        };
        // Who never agrees has declined nothing.
        open(server, PLAIN)?;
        Ok(match response.status {
            101 | 400..=499 => Judgement::passed(got),
            _ => Judgement::failed(got),
        })
    })
    .remark("§7.1: a server must decline an offer with a parameter that is not right.")
}

fn second_offer() -> Case {
    let name = "a good offer behind a bad one";
    let expected = "an answer to the good one";
    Case::new(GROUP, "RFC 7692 §5.1", name, expected, |server| {
        open(server, PLAIN)?;
        let offers = "permessage-deflate; sansock_check, permessage-deflate";
        let request = server.request().with("Sec-WebSocket-Extensions", offers);
        let (_, response) = server.ask(&request)?;
        Ok(match response.header("sec-websocket-extensions") {
            Some(answer) => match agreed(&answer) {
                Ok(agreed) => Judgement::passed(agreed),
                Err(fault) => Judgement::failed(format!("{answer:?}: {fault}")),
            },
            None => Judgement::inconclusive(format!("status {} without", response.status)),
        })
    })
}

/// "A server accepts an extension negotiation offer that includes the … extension parameter by
/// including" it in its answer (§7.1.1.1, §7.1.2.1).
fn asks(parameter: &'static str, is_given: fn(&DeflateParams) -> bool) -> Case {
    let name = format!("an offer that asks for {parameter}");
    let expected = "an answer with it, or none";
    Case::new(GROUP, "RFC 7692 §7.1", name, expected, move |server| {
        let (_, agreed) = open(server, &format!("{PLAIN}; {parameter}"))?;
        Ok(match is_given(&agreed) {
            true => Judgement::passed(agreed),
            false => Judgement::failed(agreed),
        })
    })
}

/// "If a received extension negotiation offer doesn't have the "client_max_window_bits" extension
/// parameter, the corresponding extension negotiation response to the offer MUST NOT include" it.
fn unasked_window() -> Case {
    let name = "an offer that does not know client_max_window_bits";
    let expected = "an answer without it";
    Case::new(GROUP, "RFC 7692 §7.1.2.2", name, expected, |server| {
        let (_, answer) = offer(server, PLAIN)?;
        // Also 15, which says nothing: a client that does not know it must fail the connection.
        Ok(match answer.contains("client_max_window_bits") {
            true => Judgement::failed(format!("{answer:?}")),
            false => Judgement::passed(answer),
        })
    })
}

/// Sends `bytes`, which make a text, and inflates the echo.
fn inflates(section: &'static str, name: &'static str, bytes: Vec<u8>, text: Vec<u8>) -> Case {
    let expected = Received::Text(text.clone()).to_string();
    Case::new(GROUP, section, name, expected, move |server| {
        let (mut wire, agreed) = open(server, PLAIN)?;
        wire.send(&bytes);
        Inflating::new(agreed).expect(&mut wire, &text)
    })
}

/// The window is kept from one message to the next unless it was said otherwise (§7.2.3.2).
fn takeover() -> Case {
    let name = "a message that refers to the one before";
    let expected = "both echoes";
    Case::new(GROUP, "RFC 7692 §7.2.3.2", name, expected, |server| {
        let (mut wire, agreed) = open(server, PLAIN)?;
        if agreed.client_no_context_takeover {
            return Ok(Judgement::inapplicable("the server wants none"));
        }
        let mut inflating = Inflating::new(agreed);
        wire.send(&[frame(0xC1, HELLO), frame(0xC1, b"\xF2\x00\x11\x00\x00")].concat());
        inflating.expect(&mut wire, b"Hello")?;
        inflating.expect(&mut wire, b"Hello")
    })
}

/// Sends `bytes`, which must fail the connection.
fn fails(section: &'static str, name: &'static str, codes: &'static [u16], bytes: Vec<u8>) -> Case {
    Case::new(GROUP, section, name, failure(codes), move |server| {
        let (mut wire, _) = open(server, PLAIN)?;
        wire.send(&bytes);
        wire.expect_failure(codes)
    })
}

/// Inflates what the server compresses: a client's end of the engine that is given its frames.
struct Inflating(Connection);

impl Inflating {
    fn new(agreed: DeflateParams) -> Self {
        let mut negotiated = Negotiated::default();
        negotiated.deflate = Some(agreed);
        // It masks nothing that is sent.
        let (config, seed) = (Arc::new(Config::default()), [0; 32]);
        Self(Connection::from_negotiated(
            Role::Client,
            &negotiated,
            &config,
            seed,
        ))
    }

    /// Whether this text comes next, Pongs aside.
    fn expect(&mut self, wire: &mut Wire, text: &[u8]) -> Result<Judgement, Judgement> {
        let received = loop {
            match wire.receive() {
                Received::Pong(_) => {}
                received => break received,
            }
        };
        let how = match received {
            Received::Compressed(..) => "this, compressed",
            _ => "this, uncompressed",
        };
        match self.inflate(received)? {
            Received::Text(echo) if echo == text => Ok(Judgement::passed(how)),
            received => Err(Judgement::failed(received)),
        }
    }

    /// The message that was compressed, or what came as it is.
    fn inflate(&mut self, received: Received) -> Result<Received, Judgement> {
        let Received::Compressed(opcode, payload) = received else {
            return Ok(received);
        };
        let mut bytes = unmasked(0xC0 | opcode, &payload);
        let mut out = Vec::new();
        let message = match self.0.receive(&mut &mut bytes[..], &mut out) {
            Ok(Some(Event::Message(message))) => message,
            Ok(_) => return Err(Judgement::failed("a compressed message that does not end")),
            Err(error) => return Err(Judgement::failed(format!("an echo that is wrong: {error}"))),
        };
        let is_text = message.is_text();
        let payload = message.into_bytes();
        Ok(match is_text {
            true => Received::Text(payload),
            false => Received::Binary(payload),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7692_7_1_an_answer_is_read_strictly() {
        let params =
            agreed("permessage-deflate; server_no_context_takeover; client_max_window_bits=\"10\"")
                .unwrap();
        assert!(params.server_no_context_takeover && !params.client_no_context_takeover);
        assert_eq!(params.client_max_window_bits, 10);
        for answer in [
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; unknown",
        ] {
            assert!(agreed(answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn rfc7692_7_2_3_echoes_are_inflated() {
        let mut inflating = Inflating::new(DeflateParams::default());
        for payload in [HELLO, b"\xF2\x00\x11\x00\x00"] {
            let received = Received::Compressed(1, payload.to_vec());
            let inflated = inflating.inflate(received).unwrap();
            assert_eq!(inflated, Received::Text(b"Hello".to_vec()));
        }
    }
}
