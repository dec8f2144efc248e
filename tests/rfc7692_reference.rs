//! The deflater and the inflater that stand for the peer in these tests, held against a third.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

mod common;

use common::{Bits, Deflater, Inflater, Random, bomb};
use miniz_oxide::inflate::decompress_to_vec;

#[test]
fn the_second_hand_agrees_with_itself_and_with_a_library() {
    let mut random = Random::new(1);
    for bits in [8, 9, 12, 15] {
        for takeover in [false, true] {
            let mut deflater = Deflater::new(bits, takeover, bits.into());
            let mut inflater = Inflater::new(bits, takeover);
            for i in 0..200 {
                let message = if random.once_in(2) {
                    let len = random.within(0..300);
                    random.bytes(len)
                } else {
                    let mut text = Vec::new();
                    for _ in 0..random.within(0..100) {
                        text.extend_from_slice(random.pick::<&[u8]>(&[
                            b"lorem ",
                            b"ipsum ",
                            b"{\"dolor\":1},",
                            b"sit",
                        ]));
                    }
                    text
                };
                let payload = deflater.message(&message);
                assert_eq!(inflater.message(&payload), Ok(message.clone()), "{i}");
            }
            assert_eq!(inflater.reached > 0, takeover);
            assert!(inflater.farthest > 150);
        }
    }
    for len in [0, 1, 100, 70_000] {
        let mut message = random.bytes(len);
        message.extend(vec![7; len]);
        for level in [1, 9] {
            let mut payload = miniz_oxide::deflate::compress_to_vec(&message, level);
            payload.push(0);
            assert_eq!(
                Inflater::new(15, false).message(&payload),
                Ok(message.clone())
            );
        }
    }
    for len in [1, 2, 258, 259, 1 << 20] {
        let payload = bomb(len);
        assert_eq!(Inflater::new(8, false).message(&payload), Ok(vec![0; len]));
        let ended = [&payload[..], &[0, 0, 0xFF, 0xFF, 1, 0, 0, 0xFF, 0xFF]].concat();
        assert_eq!(decompress_to_vec(&ended).unwrap(), vec![0; len]);
    }
    let mut far = Bits::new();
    let payload = far
        .fixed(false)
        .literals(&[7; 257])
        .copy(3, 257)
        .end()
        .message();
    assert_eq!(
        Inflater::new(8, false).message(&payload),
        Err("a distance beyond the window")
    );
}

/// RFC 7692 §7.2.3, and what the suites make of it.
#[test]
fn the_second_hand_reads_the_examples() {
    let mut keeping = Inflater::new(15, true);
    let good: [(&[u8], &[u8]); 9] = [
        (b"\xF2\x48\xCD\xC9\xC9\x07\x00", b"Hello"),
        (b"\xF2\x00\x11\x00\x00", b"Hello"),
        (b"\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00", b"Hello"),
        (b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00", b"Hello"),
        (
            b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00",
            b"Hello",
        ),
        (
            b"\xF2\x48\xCD\xC9\xC9\x07\x00\x00\x00\xFF\xFF\x00",
            b"Hello",
        ),
        (b"\x00", b""),
        (b"\x02\x00", b""),
        (b"\x03\x00\x00", b""),
    ];
    for (payload, message) in good {
        assert_eq!(
            keeping.message(payload),
            Ok(message.to_vec()),
            "{payload:x?}"
        );
    }
    let bad: [&[u8]; 8] = [
        // §7.2.3.2 without what it refers to.
        b"\xF2\x00\x11\x00\x00",
        // Cut short, and without the octet that stands for the end.
        b"\xF2\x48\xCD\xC9",
        b"",
        b"\xF3\x48\xCD\xC9\xC9\x07\x00",
        b"\x06\x00",
        b"\x00\x05\x00\xFA\xFEHello\x00",
        b"\xFC\x00\x00\x00\x00\x00\x00\x00",
        b"\x04\x00\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
    ];
    for payload in bad {
        assert!(
            Inflater::new(15, true).message(payload).is_err(),
            "{payload:x?}"
        );
    }
}
