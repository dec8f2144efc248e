//! Masking and unmasking, which are the same (RFC 6455 §5.3).

/// Applies `key` to `payload` in place, where `phase` bytes of the frame went before.
///
/// "Octet i of the transformed data is the XOR of octet i of the original data with octet at index
/// i modulo 4 of the masking key." Returns the phase for the bytes that follow, below 4.
///
/// The loop goes over 8-byte words and is left to the compiler to widen: safe code at the speed of
/// the vector unit.
#[inline]
pub fn apply(payload: &mut [u8], key: [u8; 4], phase: u8) -> u8 {
    let shift = u32::from(phase % 4) * 8;
    let key = u32::from_le_bytes(key).rotate_right(shift);
    let (words, tail) = payload.as_chunks_mut::<8>();
    let wide = u64::from(key) | u64::from(key) << 32;
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
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
