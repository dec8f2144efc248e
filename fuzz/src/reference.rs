//! DEFLATE by a second hand: miniz_oxide, which shares no line with what the crate uses.

use miniz_oxide::{
    deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
    },
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT},
    },
};

/// What follows each message, and is not sent (RFC 7692 §7.2.1).
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Inflates the messages of one direction.
pub struct Reference {
    state: DecompressorOxide,
    /// The window, and no more: a distance beyond it finds other bytes.
    ring: Vec<u8>,
    at: usize,
    takeover: bool,
}

impl Reference {
    /// Nothing came yet.
    #[must_use]
    pub fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            state: DecompressorOxide::new(),
            ring: vec![0; 1 << window_bits],
            at: 0,
            takeover,
        }
    }

    /// A message's payload, inflated; `None` if it is not valid or longer than `most`, and then
    /// nothing is known of those after it if the context is taken over.
    pub fn message(&mut self, payload: &[u8], most: usize) -> Option<Vec<u8>> {
        if !self.takeover {
            self.state = DecompressorOxide::new();
            self.ring.fill(0);
            self.at = 0;
        }
        let input = [payload, &TAIL].concat();
        let mut rest = &input[..];
        let mut message = Vec::new();
        loop {
            let flags = TINFL_FLAG_HAS_MORE_INPUT;
            let (status, read, written) =
                decompress(&mut self.state, rest, &mut self.ring, self.at, flags);
            rest = &rest[read..];
            message.extend_from_slice(&self.ring[self.at..self.at + written]);
            self.at = (self.at + written) % self.ring.len();
            if message.len() > most {
                return None;
            }
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if rest.is_empty() => return Some(message),
                // A last block (§7.2.3.4); what follows begins at a byte.
                TINFLStatus::Done => {
                    self.state = DecompressorOxide::new();
                    if rest.is_empty() || rest == TAIL {
                        return Some(message);
                    }
                }
                _ => return None,
            }
        }
    }
}

/// A message's payload, compressed by itself.
///
/// # Panics
///
/// If miniz_oxide cannot.
#[must_use]
pub fn compressed(payload: &[u8], level: u8) -> Vec<u8> {
    let flags = create_comp_flags_from_zip_params(level.into(), -15, 0);
    let mut state = CompressorOxide::new(flags);
    let mut out = vec![0; payload.len() + payload.len() / 8 + 256];
    let (status, read, written) = compress(&mut state, payload, &mut out, TDEFLFlush::Sync);
    assert_eq!((status, read), (TDEFLStatus::Okay, payload.len()));
    out.truncate(written);
    // It does not always end in the tail; what remains decodes all the same.
    if out.ends_with(&TAIL) {
        out.truncate(written - TAIL.len());
    }
    out
}
