//! Masking keys and handshake nonces from one seed (RFC 6455 §4.1, §5.3).

use alloc::boxed::Box;
use core::fmt;

use rand::{Rng, SeedableRng, rngs::ChaCha12Rng};

/// A client's source of masking keys: ChaCha with 12 rounds, keyed by the caller's seed.
///
/// "The masking key needs to be unpredictable; thus, the masking key MUST be derived from a strong
/// source of entropy, and the masking key for a given frame MUST NOT make it simple for a
/// server/proxy to predict the masking key for a subsequent frame" (§5.3). A cipher's key stream
/// does both if the seed came from the system. The generator is boxed: only clients pay for it.
pub(crate) struct MaskingKeys(Box<ChaCha12Rng>);

impl MaskingKeys {
    /// The keys that follow from `seed`.
    pub(crate) fn from_seed(seed: [u8; 32]) -> Self {
        Self(Box::new(ChaCha12Rng::from_seed(seed)))
    }

    /// The next frame's masking key.
    #[inline]
    pub(crate) fn next_key(&mut self) -> [u8; 4] {
        self.0.next_u32().to_le_bytes()
    }

    /// A handshake's nonce: "a 16-byte value that has been selected at random" (§4.1).
    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.0.fill_bytes(&mut nonce);
        nonce
    }
}

impl fmt::Debug for MaskingKeys {
    /// Says nothing: whoever knows the state knows the keys to come.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskingKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator is named, so the keys of a seed are the same in every version.
    #[test]
    fn a_seed_gives_the_same_keys_for_ever() {
        let mut keys = MaskingKeys::from_seed([0; 32]);
        assert_eq!(keys.next_key(), [0x9B, 0xF4, 0x9A, 0x6A]);
        assert_eq!(keys.next_key(), [0x07, 0x55, 0xF9, 0x53]);
    }

    #[test]
    fn debug_hides_the_state() {
        assert_eq!(
            alloc::format!("{:?}", MaskingKeys::from_seed([7; 32])),
            "MaskingKeys(..)"
        );
    }

    #[test]
    fn nonces_follow_from_the_seed_and_differ() {
        let mut keys = MaskingKeys::from_seed([7; 32]);
        let (first, second) = (keys.nonce(), keys.nonce());
        assert_ne!(first, second);
        assert_eq!(MaskingKeys::from_seed([7; 32]).nonce(), first);
        assert_ne!(MaskingKeys::from_seed([8; 32]).nonce(), first);
    }
}
