//! Masking and unmasking, which are the same (RFC 6455 §5.3).

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
    let wide = u64::from(key) | u64::from(key) << 32;
    if words.len() < FEW {
        apply_words(words, wide);
    } else {
        apply_many(words, wide);
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

#[cfg(feature = "simd")]
fn apply_many(words: &mut [[u8; 8]], wide: u64) {
    use std::sync::OnceLock;

    use pulp::{Arch, Simd, WithSimd};

    /// To ask the processor each time takes as long as to mask 100 bytes.
    static ARCH: OnceLock<Arch> = OnceLock::new();

    struct Apply<'a> {
        words: &'a mut [[u8; 8]],
        wide: u64,
    }

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            apply_words(self.words, self.wide);
        }
    }

    ARCH.get_or_init(Arch::new).dispatch(Apply { words, wide });
}

#[cfg(not(feature = "simd"))]
use apply_words as apply_many;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::apply;

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
            }
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
}
