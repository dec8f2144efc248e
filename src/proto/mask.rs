//! Masking and unmasking, which are the same (RFC 6455 §5.3).

use alloc::vec::Vec;

/// Applies `key` to `payload` in place, where `phase` bytes of the frame went before.
///
/// "Octet i of the transformed data is the XOR of octet i of the original data with octet at index
/// i modulo 4 of the masking key." Returns the phase for the bytes that follow, below 4.
///
/// The loop goes over 8-byte words and is left to the compiler to widen: safe code at the speed of
/// the vector unit. With feature `simd` that is the one that the processor has, and not only the
/// one that each of its kind has.
#[inline]
pub fn apply(payload: &mut [u8], key: [u8; 4], phase: u8) -> u8 {
    let shift = u32::from(phase % 4) * 8;
    let key = u32::from_le_bytes(key).rotate_right(shift);
    let (words, tail) = payload.as_chunks_mut::<8>();
    if words.len() < FEW {
        apply_words(words, twice(key));
    } else {
        apply_many(words, twice(key));
    }
    let key = key.to_le_bytes();
    for (byte, mask) in tail.iter_mut().zip(key.into_iter().chain(key)) {
        *byte ^= mask;
    }
    // A word is two keys long, so only the tail moves the phase.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a sum of two numbers below 8"
    )]
    let next = (usize::from(phase % 4) + tail.len()) as u8 % 4;
    next
}

/// A word of two keys.
const fn twice(key: u32) -> u64 {
    (key as u64) << 32 | key as u64
}

/// Fewer words than that are masked before wider instructions are found.
const FEW: usize = 64;

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the instructions that its caller may use"
)]
fn apply_words(words: &mut [[u8; 8]], wide: u64) {
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
}

/// Appends `payload` to `out` as a masked frame has it: in one pass if it is long, since copied
/// first and then masked it would be in memory twice.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    let (blocks, tail) = payload.as_chunks::<BLOCK>();
    let tail = if blocks.len() * BLOCK < FEW * 8 {
        payload
    } else {
        append_many(out, blocks, twice(u32::from_le_bytes(key)));
        tail
    };
    let start = out.len();
    out.extend_from_slice(tail);
    apply(&mut out[start..], key, 0);
}

/// As many bytes as are masked in registers, on their way from one place to another.
const BLOCK: usize = 128;

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "compiled for the instructions that its caller may use"
)]
fn append_blocks(out: &mut Vec<u8>, blocks: &[[u8; BLOCK]], wide: u64) {
    out.reserve(blocks.len() * BLOCK);
    for block in blocks {
        let mut block = *block;
        apply_words(block.as_chunks_mut().0, wide);
        out.extend_from_slice(&block);
    }
}

#[cfg(feature = "simd")]
use self::simd::{append_many, apply_many};
#[cfg(not(feature = "simd"))]
use self::{append_blocks as append_many, apply_words as apply_many};

/// The same loops, compiled for wider instructions.
#[cfg(feature = "simd")]
mod simd {
    use alloc::vec::Vec;
    use std::sync::OnceLock;

    use pulp::{Arch, Simd, WithSimd};

    use super::{BLOCK, append_blocks, apply_words};

    /// To ask the processor each time takes as long as to mask 100 bytes.
    static ARCH: OnceLock<Arch> = OnceLock::new();

    pub(super) fn apply_many(words: &mut [[u8; 8]], wide: u64) {
        ARCH.get_or_init(Arch::new).dispatch(Apply { words, wide });
    }

    pub(super) fn append_many(out: &mut Vec<u8>, blocks: &[[u8; BLOCK]], wide: u64) {
        ARCH.get_or_init(Arch::new)
            .dispatch(Append { out, blocks, wide });
    }

    struct Apply<'a> {
        words: &'a mut [[u8; 8]],
        wide: u64,
    }

    struct Append<'a> {
        out: &'a mut Vec<u8>,
        blocks: &'a [[u8; BLOCK]],
        wide: u64,
    }

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            apply_words(self.words, self.wide);
        }
    }

    impl WithSimd for Append<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            append_blocks(self.out, self.blocks, self.wide);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{append, apply};

    /// §5.7: "Hello" masked with 0x37fa213d.
    #[test]
    fn the_example_of_section_5_7() {
        let mut payload = *b"Hello";
        apply(&mut payload, [0x37, 0xFA, 0x21, 0x3D], 0);
        assert_eq!(payload, [0x7F, 0x9F, 0x4D, 0x51, 0x58]);
    }

    #[test]
    fn many_bytes_agree_with_the_definition() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for len in [511, 512, 513, 1_023, 4_096, 65_537] {
            for phase in 0..4 {
                let plain: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
                let mut masked = plain.clone();
                apply(&mut masked, key, phase);
                let keys = key.iter().cycle().skip(usize::from(phase));
                let expected: Vec<u8> = plain
                    .iter()
                    .zip(keys)
                    .map(|(byte, key)| byte ^ key)
                    .collect();
                assert!(masked == expected, "{len} {phase}");
                if phase == 0 {
                    let mut out = Vec::from(b"before");
                    append(&mut out, &plain, key);
                    assert_eq!(out.split_at(6), (&b"before"[..], &expected[..]), "{len}");
                }
            }
        }
    }

    /// Any number of bytes may have gone before.
    #[test]
    fn a_phase_counts_modulo_4() {
        for phase in 0..=u8::MAX {
            let mut masked = [0x10, 0x20, 0x30];
            let next = apply(&mut masked, [1, 2, 3, 4], phase);
            let expected = match phase % 4 {
                0 => ([0x11, 0x22, 0x33], 3),
                1 => ([0x12, 0x23, 0x34], 0),
                2 => ([0x13, 0x24, 0x31], 1),
                _ => ([0x14, 0x21, 0x32], 2),
            };
            assert_eq!((masked, next), expected, "{phase}");
        }
    }

    #[test]
    fn every_length_phase_and_cut_agrees_with_the_definition() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for len in 0..70_u8 {
            let plain: Vec<u8> = (0..len).collect();
            let expected: Vec<u8> = plain
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            for cut in 0..=plain.len() {
                let mut masked = plain.clone();
                let (head, tail) = masked.split_at_mut(cut);
                let phase = apply(head, key, 0);
                assert_eq!(usize::from(phase), cut % 4);
                apply(tail, key, phase);
                assert_eq!(masked, expected, "{len} bytes cut at {cut}");
            }
        }
    }

    /// What is appended is reserved at once, and no more.
    #[test]
    fn a_long_payload_finds_its_room() {
        let mut out = Vec::new();
        append(&mut out, &[0; 12_800], [1; 4]);
        assert_eq!((out.len(), out.capacity()), (12_800, 12_800));
    }
}
