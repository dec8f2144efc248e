//! Messages of all sizes, in one frame and in many (RFC 6455 §5.2, §5.4, §5.6).

use crate::{
    check::{
        case::{Case, Judgement},
        wire::{Received, frame, masked},
    },
    terminal::Bytes,
};

const GROUP: &str = "messages";

/// Where the length takes another form (§5.2), and some between.
const SIZES: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in SIZES {
        let text: Vec<u8> = (b' '..b'~').cycle().take(size).collect();
        let name = format!("a text of {}", Bytes(size));
        cases.push(echo(
            "RFC 6455 §5.2",
            name,
            frame(0x81, &text),
            Received::Text(text),
        ));
    }
    for size in SIZES {
        let data: Vec<u8> = (0..=0xFF).cycle().take(size).collect();
        let name = format!("a binary message of {}", Bytes(size));
        cases.push(echo(
            "RFC 6455 §5.2",
            name,
            frame(0x82, &data),
            Received::Binary(data),
        ));
    }
    cases.extend([byte_by_byte(), many(), zero_key()]);
    cases.extend(fragmented());
    cases
}

fn echo(section: &'static str, name: String, bytes: Vec<u8>, answer: Received) -> Case {
    Case::answers(GROUP, section, name, bytes, vec![answer])
}

/// What must not lie in one packet.
fn byte_by_byte() -> Case {
    let answer = Received::Text(b"Hello".to_vec());
    let expected = answer.to_string();
    Case::new(
        GROUP,
        "RFC 6455 §5.2",
        "a frame byte by byte",
        expected,
        move |server| {
            let mut wire = server.open()?;
            for byte in frame(0x81, b"Hello") {
                wire.send(&[byte]);
            }
            wire.expect(std::slice::from_ref(&answer))
        },
    )
}

fn many() -> Case {
    let texts = || (0..100).map(|n: u8| vec![b'a' + n % 26; usize::from(n)]);
    let name = "100 messages in one packet";
    let expected = "100 echoes in their order";
    Case::new(GROUP, "RFC 6455 §5.2", name, expected, move |server| {
        let mut wire = server.open()?;
        let frames: Vec<Vec<u8>> = texts().map(|text| frame(0x81, &text)).collect();
        wire.send(&frames.concat());
        let echoes: Vec<Received> = texts().map(Received::Text).collect();
        wire.expect(&echoes)
    })
}

fn zero_key() -> Case {
    let bytes = b"\x81\x85\x00\x00\x00\x00Hello".to_vec();
    let answer = Received::Text(b"Hello".to_vec());
    echo(
        "RFC 6455 §5.3",
        "a masking key of zeros".into(),
        bytes,
        answer,
    )
}

fn fragmented() -> Vec<Case> {
    let section = "RFC 6455 §5.4";
    let text = |text: &str| Received::Text(text.into());
    let fragments = |frames: &[(u8, &[u8])]| -> Vec<u8> {
        let frames = frames.iter().map(|(first, payload)| frame(*first, payload));
        frames.collect::<Vec<_>>().concat()
    };
    let hundreds: Vec<(u8, &[u8])> = (0..1_000)
        .map(|n| {
            let first = if n == 0 { 0x02 } else { 0x00 };
            (if n == 999 { 0x80 } else { first }, &b"x"[..])
        })
        .collect();
    let with_ping = fragments(&[(0x01, b"Hel"), (0x89, b"now?"), (0x80, b"lo")]);
    let cases = [
        (
            "two frames",
            fragments(&[(0x01, b"Hel"), (0x80, b"lo")]),
            text("Hello"),
        ),
        (
            "frames of no bytes around one",
            fragments(&[(0x01, b""), (0x00, b"Hello"), (0x80, b"")]),
            text("Hello"),
        ),
        (
            "only frames of no bytes",
            fragments(&[(0x01, b""), (0x00, b""), (0x80, b"")]),
            text(""),
        ),
        (
            "a binary message in three frames",
            fragments(&[(0x02, b"\x00"), (0x00, b"\x80"), (0x80, b"\xFF")]),
            Received::Binary(b"\x00\x80\xFF".to_vec()),
        ),
        (
            "1,000 frames of one byte",
            fragments(&hundreds),
            Received::Binary(vec![b'x'; 1_000]),
        ),
        (
            "a character cut by frames",
            fragments(&[(0x01, b"\xE4\xBD"), (0x80, b"\xA0")]),
            text("你"),
        ),
    ];
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|(name, bytes, answer)| Case::answers(GROUP, section, name, bytes, vec![answer]))
        .collect();
    let answers = vec![Received::Pong(b"now?".to_vec()), text("Hello")];
    cases.push(Case::answers(
        GROUP,
        section,
        "a Ping between two frames",
        with_ping,
        answers,
    ));
    cases.push(long_header());
    cases
}

/// A header whose bytes come with pauses between.
fn long_header() -> Case {
    let name = "a header of 14 bytes cut in its length and its key";
    let expected = "the echo";
    Case::new(GROUP, "RFC 6455 §5.2", name, expected, |server| {
        let mut wire = server.open()?;
        let data = vec![b'x'; 0x1_0000];
        wire.send(b"\x82\xFF\x00\x00\x00");
        wire.send(b"\x00\x00\x01\x00\x00\x37\xFA");
        wire.send(b"\x21\x3D");
        let payload: Vec<u8> = masked(&data).collect();
        wire.send(&payload);
        match wire.receive() {
            Received::Binary(echo) if echo == data => Ok(Judgement::passed("the echo")),
            received => Err(Judgement::failed(received)),
        }
    })
}
