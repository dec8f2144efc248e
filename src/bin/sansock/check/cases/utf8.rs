//! Text is UTF-8 (RFC 6455 §5.6, §8.1; RFC 3629).

use std::time::Duration;

use crate::check::{
    case::{Case, Judgement, failure},
    wire::{Received, frame},
};

const GROUP: &str = "UTF-8";

const SECTION: &str = "RFC 6455 §8.1";

/// What a server says of other bytes.
const CODES: &[u16] = &[1007];

const GOOD: [(&str, &[u8]); 7] = [
    ("two bytes each: Greek", "Γειά σου Κόσμε".as_bytes()),
    (
        "four bytes: an emoji of several characters",
        "👩‍🚀".as_bytes(),
    ),
    ("U+0000 and U+007F", b"\x00\x7F"),
    (
        "the first and last of each length",
        "\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}".as_bytes(),
    ),
    ("U+10FFFF, the last of all", b"\xF4\x8F\xBF\xBF"),
    (
        "around the surrogates: U+D7FF and U+E000",
        b"\xED\x9F\xBF\xEE\x80\x80",
    ),
    ("a byte order mark", b"\xEF\xBB\xBFHello"),
];

const BAD: [(&str, &[u8]); 10] = [
    ("a continuation byte alone", b"\x80"),
    ("a byte that never occurs: FF", b"Hello\xFF"),
    ("two bytes for U+002F", b"\xC0\xAF"),
    ("three bytes for U+002F", b"\xE0\x80\xAF"),
    ("four bytes for U+002F", b"\xF0\x80\x80\xAF"),
    ("a surrogate, U+D800", b"\xED\xA0\x80"),
    ("a pair of surrogates", b"\xED\xA0\xBD\xED\xB8\x80"),
    ("above U+10FFFF", b"\xF4\x90\x80\x80"),
    ("five bytes", b"\xF8\x88\x80\x80\x80"),
    ("a character without its last byte", b"Hello \xE4\xBD"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, text) in GOOD {
        let answers = vec![Received::Text(text.to_vec())];
        cases.push(Case::answers(
            GROUP,
            SECTION,
            name,
            frame(0x81, text),
            answers,
        ));
    }
    for (name, text) in BAD {
        cases.push(Case::fails(GROUP, SECTION, name, frame(0x81, text), CODES));
    }
    let bytes = b"\x80\xFF\xED\xA0\x80";
    cases.extend([
        Case::fails(
            GROUP,
            SECTION,
            "a character that the next frame does not end",
            [frame(0x01, b"\xE4\xBD"), frame(0x80, b"A")].concat(),
            CODES,
        ),
        Case::answers(
            GROUP,
            "RFC 6455 §5.6",
            "such bytes in a binary message",
            frame(0x82, bytes),
            vec![Received::Binary(bytes.to_vec())],
        ),
        early(),
    ]);
    cases
}

/// How long a server may take to fail early.
const EARLY: Duration = Duration::from_millis(300);

/// That bytes are no UTF-8 can be told before the message is whole, and need not.
fn early() -> Case {
    let name = "a wrong byte in the first of two frames";
    Case::new(GROUP, SECTION, name, failure(CODES), |server| {
        let mut wire = server.open()?;
        wire.send(&frame(0x01, b"Hello\xFF"));
        let is_late = wire.is_silent_for(EARLY);
        if is_late {
            wire.send(&frame(0x80, b"bye"));
        }
        let when = if is_late {
            "at the end of the message"
        } else {
            "at once"
        };
        let judgement = wire.expect_failure(CODES)?;
        Ok(Judgement {
            got: format!("{}, {when}", judgement.got),
            ..judgement
        })
    })
}
