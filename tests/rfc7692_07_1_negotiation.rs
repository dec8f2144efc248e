//! What is offered, answered and agreed on (RFC 7692 §5, §7.1).
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;
mod rfc7692_07_1;

use std::sync::Arc;

use common::{agreed, widest};
use rfc7692_07_1::{
    answer, answer_of, answer_with, keeping, offer, reply, reply_lines, start, with,
};
use sansock::{
    Config, DeflateConfig,
    proto::{
        Compress, DeflateParams, SendOptions,
        handshake::{Accept, HandshakeError},
    },
};

#[test]
fn clause_144_to_157_the_parameters_are_answered() {
    let cases: [(&str, Option<&str>); 10] = [
        ("permessage-deflate", Some("permessage-deflate")),
        // §7.1.1.1: accepted by being included.
        (
            "permessage-deflate; server_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        // §7.1.2.1: with the same or a smaller value.
        (
            "permessage-deflate; server_max_window_bits=10",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        // §7.1.2.2: it says only that the server may name one.
        (
            "permessage-deflate; client_max_window_bits",
            Some("permessage-deflate"),
        ),
        // §7.1.3: the examples.
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        // Other extensions are not known, and one is enough.
        ("x-webkit-deflate-frame", None),
        (
            "permessage-bzip2, permessage-deflate, permessage-deflate; x",
            Some("permessage-deflate"),
        ),
        ("permessage-deflate-2", None),
        (",, permessage-deflate ,", Some("permessage-deflate")),
    ];
    for (offer, expected) in cases {
        assert_eq!(answer(offer).as_deref(), expected, "{offer}");
    }
}

#[test]
fn clause_145_hostile_023_024_a_bad_offer_is_declined_and_the_next_one_is_tried() {
    const BAD_VALUES: [&str; 15] = [
        "\"10\"",
        "7",
        "16",
        "0",
        "08",
        "010",
        "-1",
        "+9",
        "1e1",
        "256",
        "264",
        "4294967304",
        "x",
        "\"16\"",
        "9.0",
    ];
    let mut bad: Vec<String> = BAD_VALUES
        .iter()
        .flat_map(|value| {
            [
                format!("server_max_window_bits={value}"),
                format!("client_max_window_bits={value}"),
            ]
        })
        .collect();
    bad.extend(
        [
            // A value is needed, or must not be there.
            "server_max_window_bits",
            "server_no_context_takeover=1",
            "server_no_context_takeover=true",
            "client_no_context_takeover=15",
            // Not defined.
            "x",
            "x=1",
            "no_context_takeover",
            "max_window_bits=10",
            // Names have case, as with everybody else.
            "Server_no_context_takeover",
            "server_max_Window_bits=10",
            // Twice.
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits=10; client_max_window_bits",
            // A window that zlib's descendants cannot keep to (hostile 24).
            "server_max_window_bits=8",
        ]
        .map(str::to_owned),
    );
    for bad in bad {
        let alone = format!("permessage-deflate; {bad}");
        assert_eq!(answer(&alone), None, "{alone}");
        let mixed = format!("permessage-deflate; client_max_window_bits=9; {bad}");
        assert_eq!(answer(&mixed), None, "{mixed}");
        let next = format!("{alone}, permessage-deflate; server_max_window_bits=11");
        let expected = "permessage-deflate; server_max_window_bits=11";
        assert_eq!(answer(&next).as_deref(), Some(expected), "{next}");
        let lines = format!(
            "Sec-WebSocket-Extensions: {alone}\r\nX: y\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        );
        let answer = answer_with(&lines, &with(keeping()), &Accept::new()).0;
        assert_eq!(answer.as_deref(), Some("permessage-deflate"), "{lines}");
    }
}

#[test]
fn clause_130_147_152_157_162_what_a_client_offers() {
    let bits = |server, client| {
        keeping()
            .server_max_window_bits(server)
            .client_max_window_bits(client)
    };
    let cases: [(DeflateConfig, &str); 7] = [
        (
            DeflateConfig::new(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits",
        ),
        (keeping(), "permessage-deflate; client_max_window_bits"),
        (
            keeping().server_no_context_takeover(true),
            "permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ),
        (
            keeping().client_no_context_takeover(true),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        ),
        (
            bits(10, 15),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
        ),
        (bits(15, 9), "permessage-deflate; client_max_window_bits=9"),
        // §5.1: what is preferred, then what will do.
        (
            bits(10, 15).fallback_offer(true),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; client_max_window_bits",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(offer(config), expected);
    }
}

#[test]
fn clause_132_149_153_159_163_164_the_server_has_its_say() {
    let all = "permessage-deflate; client_max_window_bits";
    let bits = |server, client| {
        keeping()
            .server_max_window_bits(server)
            .client_max_window_bits(client)
    };
    let cases: [(DeflateConfig, &str, &str); 11] = [
        (
            DeflateConfig::new(),
            all,
            "; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            keeping().server_no_context_takeover(true),
            all,
            "; server_no_context_takeover",
        ),
        (
            keeping().client_no_context_takeover(true),
            all,
            "; client_no_context_takeover",
        ),
        (bits(10, 15), all, "; server_max_window_bits=10"),
        (
            bits(10, 15),
            "permessage-deflate; server_max_window_bits=9",
            "; server_max_window_bits=9",
        ),
        (
            bits(10, 15),
            "permessage-deflate; server_max_window_bits=12",
            "; server_max_window_bits=10",
        ),
        (bits(15, 10), all, "; client_max_window_bits=10"),
        (
            bits(15, 10),
            "permessage-deflate; client_max_window_bits=9",
            "; client_max_window_bits=9",
        ),
        (
            bits(15, 10),
            "permessage-deflate; client_max_window_bits=12",
            "; client_max_window_bits=10",
        ),
        (
            bits(9, 9),
            all,
            "; server_max_window_bits=9; client_max_window_bits=9",
        ),
        // Nothing may be named that the offer does not allow for.
        (
            bits(10, 10),
            "permessage-deflate",
            "; server_max_window_bits=10",
        ),
    ];
    for (config, offer, expected) in cases {
        let expected = format!("permessage-deflate{expected}");
        assert_eq!(answer_of(offer, &with(config)), Some(expected), "{offer}");
    }
    // Declined by leaving it out, and changed for one connection.
    let line = format!("Sec-WebSocket-Extensions: {all}\r\n");
    for none in [Config::default(), Config::default().deflate(None)] {
        assert_eq!(
            answer_of(all, &Arc::new(none)),
            None,
            "off, and so by default"
        );
    }
    assert_eq!(answer_with("", &with(keeping()), &Accept::new()).0, None);
    let accept = Accept::new().deflate(None);
    assert_eq!(answer_with(&line, &with(keeping()), &accept).0, None);
    let accept = Accept::new().deflate(Some(bits(11, 15)));
    let (answer, connection) = answer_with(&line, &with(keeping()), &accept);
    assert_eq!(
        answer.as_deref(),
        Some("permessage-deflate; server_max_window_bits=11")
    );
    assert_eq!(connection.deflate(), Some(agreed(false, false, 11, 15)));
}

#[test]
fn clause_133_146_163_hostile_038_answers_that_were_not_asked_for() {
    let bad = [
        "x",
        "permessage-bzip2",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate, x",
        "permessage-deflate; x",
        "permessage-deflate; x=1",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=\"1\"",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=256",
        "permessage-deflate; client_max_window_bits=4294967304",
    ];
    for bad in bad {
        let error = reply(&with(keeping()), bad).unwrap_err();
        assert_eq!(error, HandshakeError::ResponseExtensions, "{bad}");
    }
    let two = "Sec-WebSocket-Extensions: permessage-deflate\r\n".repeat(2);
    let error = reply_lines(&with(keeping()), &two).unwrap_err();
    assert_eq!(error, HandshakeError::ResponseExtensions);
    // Nothing was offered, and nothing is by default.
    for none in [Config::default(), Config::default().deflate(None)] {
        let none = Arc::new(none);
        assert_eq!(start(&none).1, None);
        let error = reply(&none, "permessage-deflate").unwrap_err();
        assert_eq!(error, HandshakeError::ResponseExtensions);
    }
}

#[test]
fn clause_146_148_158_164_an_answer_stays_within_the_offer() {
    let limited = keeping()
        .server_max_window_bits(12)
        .client_max_window_bits(11);
    for (answer, expected) in [
        (
            "server_max_window_bits=12",
            Some(agreed(false, false, 12, 15)),
        ),
        (
            "server_max_window_bits=9",
            Some(agreed(false, false, 9, 15)),
        ),
        ("server_max_window_bits=13", None),
        ("client_no_context_takeover", None),
        (
            "server_max_window_bits=12; client_max_window_bits=11",
            Some(agreed(false, false, 12, 11)),
        ),
        (
            "server_max_window_bits=12; client_max_window_bits=10",
            Some(agreed(false, false, 12, 10)),
        ),
        ("server_max_window_bits=12; client_max_window_bits=12", None),
    ] {
        let answered = reply(&with(limited), &format!("permessage-deflate; {answer}"));
        let params = answered.map(|connection| connection.deflate().unwrap());
        assert_eq!(
            params,
            expected.ok_or(HandshakeError::ResponseExtensions),
            "{answer}"
        );
    }
    // What was asked of the server must be answered.
    let forgetting = with(keeping().server_no_context_takeover(true));
    let error = reply(&forgetting, "permessage-deflate").unwrap_err();
    assert_eq!(error, HandshakeError::ResponseExtensions);
}

#[test]
fn clause_134_149_153_155_156_159_161_166_what_an_answer_agrees_on() {
    let cases: [(&str, DeflateParams); 8] = [
        ("permessage-deflate", widest()),
        (
            "permessage-deflate; server_no_context_takeover",
            agreed(true, false, 15, 15),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            agreed(false, true, 15, 15),
        ),
        (
            "permessage-deflate; server_max_window_bits=8",
            agreed(false, false, 8, 15),
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            agreed(false, false, 15, 15),
        ),
        (
            "permessage-deflate; client_max_window_bits=8",
            agreed(false, false, 15, 8),
        ),
        (
            "permessage-deflate; client_max_window_bits=\"12\"",
            agreed(false, false, 15, 12),
        ),
        (
            "permessage-deflate;client_max_window_bits=9 ;\tserver_max_window_bits=10; \
             client_no_context_takeover; server_no_context_takeover",
            agreed(true, true, 10, 9),
        ),
    ];
    for (answer, expected) in cases {
        let connection = reply(&with(keeping()), answer).expect(answer);
        assert_eq!(connection.deflate(), Some(expected), "{answer}");
        assert_eq!(connection.extensions(), Some(expected.to_string()));
    }
    // An offer that was not taken up leaves nothing behind (§5.1).
    let connection = reply_lines(&with(DeflateConfig::new()), "").unwrap();
    assert_eq!(
        (connection.deflate(), connection.extensions()),
        (None, None)
    );
}

#[test]
fn clause_152_162_a_client_keeps_to_what_it_said_although_nobody_answered() {
    let noise = common::Random::new(7).bytes(600);
    let twice = [&noise[..], &noise[..]].concat();
    let said = keeping()
        .client_no_context_takeover(true)
        .client_max_window_bits(9);
    let mut connection = reply(&with(said), "permessage-deflate").unwrap();
    assert_eq!(connection.deflate(), Some(agreed(false, false, 15, 15)));
    for _ in 0..2 {
        let mut out = Vec::new();
        connection
            .send_with(&twice[..], SendOptions::from(Compress::Always), &mut out)
            .unwrap();
        let sent = common::decode(&out);
        let (first, payload) = sent[0].parts();
        assert_eq!((sent.len(), first), (1, 0xC2));
        // The repetition is further away than 512 bytes, and so is the message before.
        assert!(payload.len() > 1_200, "{}", payload.len());
    }
    // With the widest window only the message before is out of reach.
    let said = keeping().client_no_context_takeover(true);
    let mut connection = reply(&with(said), "permessage-deflate").unwrap();
    for _ in 0..2 {
        let mut out = Vec::new();
        connection
            .send_with(&noise[..], SendOptions::from(Compress::Always), &mut out)
            .unwrap();
        assert!(out.len() > 600, "{}", out.len());
    }
}
