//! Messages under permessage-deflate (RFC 7692 §6, §7.2), with the RFC's examples first.
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use std::sync::Arc;

use common::{
    Bits, Inflater, ROLES, Random, agreed, decode, expect_fail_on, feed, frame, frames, in_cuts_on,
    open_deflate, widest,
};
use sansock::{
    Config, DeflateConfig, Endpoint, Event, Message, Part, ProtocolError, Role,
    endpoint::MessageKind,
    proto::{Compress, Connection, Prepared, SendOptions},
};

/// §7.2.3.1: "Hello", without the tail.
const HELLO: &[u8] = b"\xF2\x48\xCD\xC9\xC9\x07\x00";

/// §7.2.3.2: "Hello" again, by what the window holds of the first.
const AGAIN: &[u8] = b"\xF2\x00\x11\x00\x00";

fn open(role: Role) -> Connection {
    open_deflate(role, &Arc::default(), widest())
}

/// A connection where nobody keeps a window.
fn open_forgetful(role: Role) -> Connection {
    open_deflate(role, &Arc::default(), agreed(true, true, 15, 15))
}

/// The messages in these frames, which are cut everywhere.
fn received(role: Role, list: &[(u8, &[u8])]) -> Vec<Message<'static>> {
    let outcome = in_cuts_on(|| open(role), &frames(role, list));
    assert_eq!(outcome.errors, [], "{list:x?}");
    assert_eq!(outcome.unfinished, None, "{list:x?}");
    outcome.messages().into_iter().cloned().collect()
}

fn refused(role: Role, list: &[(u8, &[u8])], code: u16) -> ProtocolError {
    let bytes = frames(role, list);
    expect_fail_on(|| open(role), &Config::default(), |_, _| {}, &bytes, code)
}

fn texts<const N: usize>(texts: [&'static str; N]) -> Vec<Message<'static>> {
    texts.map(Message::from).to_vec()
}

/// The frames that `send` writes, by first byte and payload.
fn sent(
    ws: &mut Connection,
    send: impl FnOnce(&mut Connection, &mut Vec<u8>),
) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    send(ws, &mut out);
    let frames = decode(&out).into_iter();
    frames.map(|frame| (frame.first, frame.payload)).collect()
}

fn send_as(ws: &mut Connection, text: &str, compress: Compress) -> (u8, Vec<u8>) {
    let mut frames = sent(ws, |ws, out| {
        ws.send_with(text, SendOptions::from(compress), out)
            .unwrap();
    });
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

#[test]
fn clause_136_139_141_173_174_177_the_examples_are_received() {
    for role in ROLES {
        // §7.2.3.1: one block, and the same in two fragments.
        assert_eq!(received(role, &[(0xC1, HELLO)]), texts(["Hello"]));
        let fragments = [(0x41, &HELLO[..3]), (0x80, &HELLO[3..])];
        assert_eq!(received(role, &fragments), texts(["Hello"]));
        // §7.2.3.2: the window is shared.
        let twice = [(0xC1, HELLO), (0xC1, AGAIN)];
        assert_eq!(received(role, &twice), texts(["Hello", "Hello"]));
        // §7.2.3.3: a block without compression.
        let stored = b"\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00";
        assert_eq!(received(role, &[(0xC1, stored)]), texts(["Hello"]));
        // §7.2.3.4: a block with BFINAL set.
        let last = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00";
        assert_eq!(received(role, &[(0xC1, last)]), texts(["Hello"]));
        // §7.2.3.5: two blocks.
        let two = b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00";
        assert_eq!(received(role, &[(0xC1, two)]), texts(["Hello"]));
        // §7.2.3.6: an empty last fragment is `00`.
        let flushed = [HELLO, b"\x00\x00\xFF\xFF"].concat();
        let fragments: [(u8, &[u8]); 2] = [(0x41, &flushed), (0x80, b"\x00")];
        assert_eq!(received(role, &fragments), texts(["Hello"]));
    }
}

/// Eight bytes that become eight are not compressed; nine that become eight are.
#[test]
fn section_6_what_does_not_become_shorter_is_sent_as_it_is() {
    let deflate = DeflateConfig::new().threshold(0);
    let config = Arc::new(Config::default().deflate(Some(deflate)));
    for (text, first) in [("abcabcab", 0x81), ("abcabcabc", 0xC1)] {
        for role in ROLES {
            for params in [widest(), agreed(true, true, 15, 15)] {
                let mut ws = open_deflate(role, &config, params);
                let (sent_first, payload) = send_as(&mut ws, text, Compress::Auto);
                assert_eq!((sent_first, payload.len()), (first, 8), "{text}");
                let prepared = Prepared::new(Message::from(text));
                let prepared = sent(&mut ws, |ws, out| ws.send_prepared(&prepared, out).unwrap());
                assert_eq!(prepared.len(), 1);
                // A client makes a frame of its own, whose window may hold the text by now.
                if role == Role::Server {
                    assert_eq!((prepared[0].0, prepared[0].1.len()), (first, 8), "{text}");
                }
            }
        }
    }
}

/// The first 4 KiB of a message in parts say whether the rest is worth it; fewer do not.
#[test]
fn section_6_a_long_first_part_that_does_not_become_shorter_decides() {
    let noise = Random::new(6).bytes(4_096);
    for role in ROLES {
        for (len, firsts) in [(4_096, [0x02, 0x80]), (4_095, [0x42, 0x80])] {
            let mut ws = open(role);
            let frames = sent(&mut ws, |ws, out| {
                ws.send_part(&Part::more(&noise[..len]), out).unwrap();
                ws.send_part(&Part::last(&[0; 500]), out).unwrap();
            });
            assert_eq!([frames[0].0, frames[1].0], firsts);
            assert_eq!(frames[0].1.len() > len, firsts[0] == 0x42);
            assert_eq!(frames[1].1.len() < 500, firsts[0] == 0x42);
        }
    }
}

#[test]
fn clause_167_168_169_177_the_examples_are_sent() {
    for role in ROLES {
        let mut ws = open(role);
        assert_eq!(
            send_as(&mut ws, "Hello", Compress::Always),
            (0xC1, HELLO.to_vec())
        );
        assert_eq!(
            send_as(&mut ws, "Hello", Compress::Always),
            (0xC1, AGAIN.to_vec())
        );
        let mut ws = open_forgetful(role);
        for _ in 0..2 {
            let (first, payload) = send_as(&mut ws, "Hello", Compress::Always);
            assert_eq!((first, &payload[..]), (0xC1, HELLO));
        }
    }
}

#[test]
fn clause_139_141_fragments_may_be_cut_anywhere() {
    let payload = [HELLO, b"\x00\x00\xFF\xFF", AGAIN].concat();
    for role in ROLES {
        for cut in 0..=payload.len() {
            let fragments: [(u8, &[u8]); 4] = [
                (0x42, &payload[..cut]),
                (0x89, b"?"),
                (0x00, b""),
                (0x80, &payload[cut..]),
            ];
            assert_eq!(received(role, &fragments), [Message::from(b"HelloHello")]);
        }
        let mut bytes: Vec<(u8, &[u8])> = payload.chunks(1).map(|byte| (0x00, byte)).collect();
        bytes[0].0 = 0x42;
        bytes.last_mut().unwrap().0 = 0x80;
        assert_eq!(received(role, &bytes), [Message::from(b"HelloHello")]);
    }
}

#[test]
fn clause_138_172_175_hostile_090_plain_messages_do_not_enter_the_window() {
    for role in ROLES {
        // `AGAIN` refers five bytes back: to "Hello", not to what came plain in between.
        let list: [(u8, &[u8]); 6] = [
            (0xC1, HELLO),
            (0x81, b"plain"),
            (0x02, b"in "),
            (0x80, b"parts"),
            (0x81, b""),
            (0xC1, AGAIN),
        ];
        let expected = [
            Message::from("Hello"),
            "plain".into(),
            b"in parts".into(),
            "".into(),
            "Hello".into(),
        ];
        assert_eq!(received(role, &list), expected);

        let mut ws = open(role);
        send_as(&mut ws, "Hello", Compress::Always);
        let (first, payload) = send_as(&mut ws, "Hullo", Compress::Never);
        assert_eq!((first, &payload[..]), (0x81, &b"Hullo"[..]));
        let frames = sent(&mut ws, |ws, out| ws.ping(b"Hello", out).unwrap());
        assert_eq!(frames, [(0x89, b"Hello".to_vec())]);
        // Whatever the compressor made of it: the window holds "Hello" or nothing.
        let (first, payload) = send_as(&mut ws, "Hello", Compress::Always);
        assert_eq!(first, 0xC1);
        assert!(
            payload == AGAIN || payload == HELLO,
            "{payload:x?} refers to what was not compressed"
        );
    }
}

#[test]
fn clause_170_hostile_093_a_final_block_ends_no_window() {
    for role in ROLES {
        // A final block, then another block of the same message that refers to the first.
        let mut bits = Bits::new();
        bits.fixed(true).literals(b"Hello").end().align();
        let payload = bits.fixed(false).copy(5, 5).end().message();
        let list: [(u8, &[u8]); 2] = [(0xC1, &payload), (0xC1, AGAIN)];
        assert_eq!(received(role, &list), texts(["HelloHello", "Hello"]));

        // Two final blocks, a stored one among them, and then the next message.
        let mut bits = Bits::new();
        bits.stored(true, b"Hel").stored(true, b"lo");
        let payload = bits.message();
        let list: [(u8, &[u8]); 3] = [(0xC1, &payload), (0xC1, AGAIN), (0xC1, &payload)];
        assert_eq!(received(role, &list), texts(["Hello", "Hello", "Hello"]));

        // Each fragment ends in a final block.
        let mut bits = Bits::new();
        let one = bits.fixed(true).literals(b"Hello").end().bytes();
        let list: [(u8, &[u8]); 3] = [(0x41, &one), (0x00, &one), (0x80, b"\x00")];
        assert_eq!(received(role, &list), texts(["HelloHello"]));

        // Garbage behind it: a block of the reserved type, a stored length that is none.
        for garbage in [&b"\x06"[..], b"\xFF\xFF", b"\x00\x05\x00\x05\x00hello"] {
            let payload = [&one[..], garbage].concat();
            let error = refused(role, &[(0xC1, &payload)], 1007);
            assert_eq!(error, ProtocolError::InvalidDeflate, "{garbage:x?}");
        }
    }
}

#[test]
fn clause_171_hostile_094_empty_messages() {
    for role in ROLES {
        for empty in [
            &b"\x00"[..],
            b"\x02\x00",
            b"\x03\x00\x00",
            b"\x00\x00\x00\xFF\xFF\x00",
            b"\x01\x00\x00\xFF\xFF\x00",
        ] {
            let list = [(0xC1, empty), (0xC1, HELLO), (0xC1, empty), (0xC1, AGAIN)];
            assert_eq!(received(role, &list), texts(["", "Hello", "", "Hello"]));
            let mut fragments: Vec<(u8, &[u8])> = vec![(0x42, b"")];
            fragments.extend(empty.chunks(1).map(|byte| (0x00, byte)));
            fragments.push((0x80, b""));
            assert_eq!(received(role, &fragments), [Message::from(b"")]);
        }
        // With the tail, nothing at all is a stored block without its length.
        for nothing in [&[(0xC1, &b""[..])][..], &[(0x41, b""), (0x80, b"")]] {
            let error = refused(role, nothing, 1007);
            assert_eq!(error, ProtocolError::InvalidDeflate, "{nothing:x?}");
        }
        let mut ws = open(role);
        let (first, payload) = send_as(&mut ws, "", Compress::Always);
        match first {
            0xC1 => assert_eq!(payload, b"\x00"),
            _ => assert_eq!((first, &payload[..]), (0x81, &b""[..])),
        }
        assert_eq!(send_as(&mut ws, "", Compress::Auto), (0x81, Vec::new()));
    }
}

#[test]
fn hostile_092_a_message_ends_where_its_last_empty_block_begins() {
    for role in ROLES {
        // With the tail in the payload, and with a further empty block behind it.
        let whole = [HELLO, b"\x00\x00\xFF\xFF\x00"].concat();
        let list: [(u8, &[u8]); 2] = [(0xC1, &whole), (0xC1, AGAIN)];
        assert_eq!(received(role, &list), texts(["Hello", "Hello"]));
        let more = [HELLO, &b"\x00\x00\xFF\xFF\x00".repeat(20)].concat();
        let list: [(u8, &[u8]); 2] = [(0xC1, &more), (0xC1, AGAIN)];
        assert_eq!(received(role, &list), texts(["Hello", "Hello"]));
        // The four bytes as data.
        let mut bits = Bits::new();
        let payload = bits.stored(false, b"\x00\x00\xFF\xFF").message();
        let list: [(u8, &[u8]); 1] = [(0xC2, &payload)];
        assert_eq!(received(role, &list), [Message::from(b"\x00\x00\xFF\xFF")]);
    }
}

#[test]
fn hostile_091_092_a_message_that_ends_inside_a_block_fails() {
    for role in ROLES {
        for cut in 1..HELLO.len() - 1 {
            let list = [(0xC1, &HELLO[..cut])];
            assert_eq!(refused(role, &list, 1007), ProtocolError::InvalidDeflate);
        }
        let stored = b"\x00\x05\x00\xFA\xFFHel";
        let list: [(u8, &[u8]); 1] = [(0xC1, stored)];
        assert_eq!(refused(role, &list, 1007), ProtocolError::InvalidDeflate);
    }
}

#[test]
fn clause_176_hostile_095_distances_up_to_the_window_and_beyond() {
    for role in ROLES {
        for bits in 8..=15 {
            let window = 1 << bits;
            let params = agreed(false, false, bits, bits);
            let open = || open_deflate(role, &Arc::default(), params);
            let data = Random::new(95).bytes(window);
            let mut first = Bits::new();
            for piece in data.chunks(0x7FFF) {
                first.stored(false, piece);
            }
            let first = first.message();
            let refer = |distance| Bits::new().fixed(false).copy(3, distance).end().message();
            let list: [(u8, &[u8]); 2] = [(0xC2, &first), (0xC2, &refer(window))];
            let mut ws = open();
            let events = feed(&mut ws, &frames(role, &list), &mut Vec::new()).unwrap();
            let expected = [&data[..], &data[..3]];
            assert_eq!(
                events,
                expected.map(|it| Event::Message(Message::from(it).into_owned()))
            );

            // Of the messages before no more is kept than what was agreed.
            let list: [(u8, &[u8]); 3] = [
                (0xC2, &first),
                (0xC2, &refer(1)),
                (0xC2, &refer(window + 1)),
            ];
            if bits < 15 {
                let mut ws = open();
                assert_eq!(
                    feed(&mut ws, &frames(role, &list), &mut Vec::new()),
                    Err(ProtocolError::InvalidDeflate)
                );
            }
            // Behind the beginning there is nothing.
            let list: [(u8, &[u8]); 2] = [(0xC1, HELLO), (0xC1, &refer(6))];
            let bytes = frames(role, &list);
            let error = expect_fail_on(open, &Config::default(), |_, _| {}, &bytes, 1007);
            assert_eq!(error, ProtocolError::InvalidDeflate);
        }
    }
}

#[test]
fn clause_150_154_172_hostile_096_what_was_to_be_forgotten_is_forgotten() {
    for role in ROLES {
        let bytes = frames(role, &[(0xC1, HELLO), (0xC1, AGAIN)]);
        let error = expect_fail_on(
            || open_forgetful(role),
            &Config::default(),
            |_, _| {},
            &bytes,
            1007,
        );
        assert_eq!(error, ProtocolError::InvalidDeflate);
        // Only the peer's own promise counts.
        let (theirs, ours) = match role {
            Role::Client => (agreed(true, false, 15, 15), agreed(false, true, 15, 15)),
            Role::Server => (agreed(false, true, 15, 15), agreed(true, false, 15, 15)),
        };
        let open = |params| move || open_deflate(role, &Arc::default(), params);
        expect_fail_on(open(theirs), &Config::default(), |_, _| {}, &bytes, 1007);
        assert_eq!(in_cuts_on(open(ours), &bytes).errors, []);
        // And ours: what we send does not refer back, or does.
        for (params, second) in [(theirs, AGAIN), (ours, HELLO)] {
            let mut ws = open(params)();
            send_as(&mut ws, "Hello", Compress::Always);
            assert_eq!(send_as(&mut ws, "Hello", Compress::Always).1, second);
        }
    }
}

#[test]
fn clause_160_165_hostile_098_no_match_reaches_beyond_the_window() {
    let mut text = String::new();
    for i in 0..6_000 {
        text.push_str(&format!("{} ", (i * 7_919) % 1_000));
    }
    for role in ROLES {
        for bits in 9..=15 {
            let params = agreed(false, false, bits, bits);
            let mut ws = open_deflate(role, &Arc::default(), params);
            let mut inflater = Inflater::new(bits, true);
            for _ in 0..2 {
                let (first, payload) = send_as(&mut ws, &text, Compress::Always);
                assert_eq!(first, 0xC1);
                assert!(
                    inflater.message(&payload) == Ok(text.clone().into_bytes()),
                    "{bits}"
                );
            }
            // The library leaves 262 bytes of its window unused.
            assert!(
                inflater.farthest > ((1 << bits) - 300).min(1 << (bits - 1)),
                "{bits}: a small window"
            );
        }
        // A window of 256 bytes is nothing that our compressor can keep to: all goes plain.
        let params = agreed(false, false, 8, 8);
        let mut ws = open_deflate(role, &Arc::default(), params);
        for compress in [Compress::Auto, Compress::Always] {
            assert_eq!(
                send_as(&mut ws, &text, compress),
                (0x81, text.clone().into_bytes())
            );
        }
        // What comes is inflated all the same.
        let events = feed(&mut ws, &frame(role, 0xC1, HELLO), &mut Vec::new()).unwrap();
        assert_eq!(events, [Event::Message("Hello".into())]);
    }
}

#[test]
fn clause_137_140_parts_are_compressed_as_they_come() {
    for role in ROLES {
        let mut ws = open(role);
        let pieces = [
            "Hello, hello, hello! ",
            "Hello, world! ",
            "",
            "Hello, hello!",
        ];
        let pieces = pieces.map(|piece| piece.repeat(100));
        let (mut so_far, mut text) = (Vec::new(), String::new());
        for (i, piece) in pieces.iter().enumerate() {
            let part = if i == 3 {
                Part::last(piece)
            } else {
                Part::more(piece)
            };
            let frames = sent(&mut ws, |ws, out| ws.send_part(&part, out).unwrap());
            let [(first, payload)] = &frames[..] else {
                panic!("a part is a frame");
            };
            assert_eq!(*first, [0x41, 0x00, 0x00, 0x80][i]);
            assert!(payload.len() < 200, "{} bytes", payload.len());
            so_far.extend_from_slice(payload);
            text.push_str(piece);
            // All that was sent can be read before the next part.
            let mut whole = so_far.clone();
            if i < 3 {
                assert!(i == 2 || payload.ends_with(b"\x00\x00\xFF\xFF"));
                whole.push(0);
            }
            assert_eq!(
                Inflater::new(15, true).message(&whole),
                Ok(text.clone().into_bytes())
            );
            let pong = sent(&mut ws, |ws, out| ws.pong(b"!", out).unwrap());
            assert_eq!(pong, [(0x8A, b"!".to_vec())]);
        }
    }
}

#[test]
fn clause_138_178_the_program_decides_what_is_compressed() {
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::new().threshold(100))));
    let (short, long) = ("x".repeat(99), "x".repeat(100));
    for role in ROLES {
        let mut ws = open_deflate(role, &config, widest());
        assert_eq!(send_as(&mut ws, &short, Compress::Auto).0, 0x81);
        assert_eq!(send_as(&mut ws, &long, Compress::Auto).0, 0xC1);
        assert_eq!(send_as(&mut ws, &long, Compress::Never).0, 0x81);
        assert_eq!(send_as(&mut ws, &short, Compress::Always).0, 0xC1);
        let frames = sent(&mut ws, |ws, out| ws.send(&long, out).unwrap());
        assert_eq!(frames[0].0, 0xC1);
        // Nothing was agreed: nothing is compressed.
        let mut ws = common::open(role, &config);
        assert_eq!(send_as(&mut ws, &long, Compress::Always).0, 0x81);
    }
}

/// The messages that other programs compressed, each kind by the same stream.
#[test]
fn hostile_102_frames_of_other_compressors() {
    const FIRST: &str = r#"{"event":"hello","n":1}"#;
    const SECOND: &str = r#"{"event":"hello","n":2}"#;
    // Python 3.11 (zlib 1.2.13), Node 20 (zlib 1.3.1 of Chromium) and Java 17 write the same bytes,
    // with 9 window bits and with 15.
    let sync: [&[u8]; 4] = [
        b"\xAA\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAC\x05\x00",
        b"\xAA\xC6\x26\x6C\x54\x0B\x00",
        b"\x00",
        b"\xC2\x21\x0C\x00",
    ];
    let full: [&[u8]; 4] = [
        sync[0],
        b"\xAA\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAA\x05\x00",
        b"\x00",
        b"\xAA\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAA\x05\x00",
    ];
    let finish: [&[u8]; 4] = [
        b"\xAB\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAC\x05\x00\x00",
        b"\xAB\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAA\x05\x00\x00",
        b"\x03\x00\x00",
        b"\xAB\x56\x4A\x2D\x4B\xCD\x2B\x51\xB2\x52\xCA\x48\xCD\xC9\xC9\x57\xD2\x51\xCA\x53\xB2\x32\xAA\x05\x00\x00",
    ];
    for role in ROLES {
        for payloads in [sync, full, finish] {
            let list = payloads.map(|payload| (0xC1, payload));
            assert_eq!(received(role, &list), texts([FIRST, SECOND, "", SECOND]));
        }
        for payloads in [full, finish] {
            let bytes = frames(role, &payloads.map(|payload| (0xC1, payload)));
            let outcome = in_cuts_on(|| open_forgetful(role), &bytes);
            assert_eq!((outcome.errors.len(), outcome.events.len()), (0, 4));
        }
    }
}

/// Only what is not compressed is read past the input.
#[test]
fn hostile_137_a_count_that_nobody_asked_for_does_not_end_a_compressed_frame() {
    for role in ROLES {
        let mut ws = open(role);
        let mut out = Vec::new();
        let bytes = frame(role, 0xC1, HELLO);
        let (begun, rest) = bytes.split_at(bytes.len() - 3);
        assert_eq!(feed(&mut ws, begun, &mut out), Ok(vec![]));
        assert!(ws.direct().is_none());
        for n in [0, 3, usize::MAX] {
            assert_eq!(ws.receive_direct(n), Ok(None));
        }
        let hello = Event::Message(Message::from("Hello"));
        assert_eq!(feed(&mut ws, rest, &mut out), Ok(vec![hello]));
    }
}

/// A program may have what another HTTP stack read from the peer.
#[test]
fn hostile_133_a_window_that_cannot_be_is_the_nearest_that_can() {
    let text = "a window that cannot be".repeat(20);
    for (bits, nearest) in [(0, 8), (7, 8), (16, 15), (64, 15), (u8::MAX, 15)] {
        let config = Arc::default();
        let [mut client, mut server] = [Role::Client, Role::Server]
            .map(|role| open_deflate(role, &config, agreed(false, false, bits, bits)));
        for _ in 0..2 {
            let mut out = Vec::new();
            client.send(&*text, &mut out).unwrap();
            assert_eq!(out[0] & 0x40 != 0, nearest >= 9, "{bits}");
            let expected = Event::Message(Message::from(&text));
            assert_eq!(feed(&mut server, &out, &mut Vec::new()), Ok(vec![expected]));
            out.clear();
            server
                .send_prepared(&Prepared::new(&*text), &mut out)
                .unwrap();
            let expected = Event::Message(Message::from(&text));
            assert_eq!(feed(&mut client, &out, &mut Vec::new()), Ok(vec![expected]));
        }
        for role in ROLES {
            let ceiling =
                |bits| config.memory_ceiling(role, Some(agreed(false, false, bits, bits)));
            assert_eq!(ceiling(bits), ceiling(nearest));
        }
    }
}

/// The least length is of a message, also of one that leaves in fragments.
#[test]
fn a_message_below_the_threshold_is_not_compressed_by_fragments() {
    for role in ROLES {
        for (len, first) in [(99_999, 0x02), (100_000, 0x42)] {
            let deflate = DeflateConfig::new().threshold(100_000);
            let config = Config::default()
                .fragment_size(40_000)
                .deflate(Some(deflate));
            let connection = open_deflate(role, &Arc::new(config), widest());
            let mut endpoint = Endpoint::from_connection(connection);
            endpoint.send(vec![7; len]).unwrap();
            endpoint
                .send_bytes(MessageKind::Binary, vec![7; len].into())
                .unwrap();
            let mut written = Vec::new();
            while endpoint.wants_write() {
                let from = written.len();
                endpoint
                    .outbox()
                    .chunks()
                    .for_each(|it| written.extend_from_slice(it));
                endpoint.outbox().consume(written.len() - from);
            }
            let firsts: Vec<u8> = decode(&written).iter().map(|frame| frame.first).collect();
            assert_eq!(
                firsts,
                [first, 0x00, 0x80, first, 0x00, 0x80],
                "{role:?} {len}"
            );
        }
    }
}
