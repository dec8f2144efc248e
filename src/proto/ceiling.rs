//! The most memory that one connection can hold, as a function of its `Config`.
//!
//! Every number is an upper bound of what an allocator that counts sees: a buffer that grows is
//! counted together with what it grows from, since both are there while it is copied.
//!
//! Not here, because it is the program's or the transport's: messages that were handed out and
//! payloads that the program queued, the buffer that is read into, TLS.

use core::fmt;

use rand::rngs::ChaCha12Rng;

use super::{
    config::Config, deflate::DeflateParams, frame::MAX_CONTROL_PAYLOAD, opcode::Role, send,
    unfinished,
};

/// The most bytes of heap that one connection can hold at any moment, whatever its peer sends;
/// made by [`Config::memory_ceiling`].
///
/// `Display` prints a line for each part and their total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ceiling {
    /// An opening handshake that waits for more of its head:
    /// `max_head_size`, and less than 1 KiB. A server's holds 120 bytes, and of the head what came,
    /// in a buffer that doubles: 10,000 connections that say nothing cost 1.28 MB.
    pub half_open: u64,
    /// An opening handshake in the moment in which its whole head is looked at:
    /// 26 × `max_head_size` at a server, whose client may offer thousands of subprotocols, or
    /// 2 × `max_head_size` + 3 × `max_refusal_body_size` at a client; and 48 for each of
    /// `max_headers`.
    pub handshake: u64,
    /// What is owed and how it ended, and a client's generator of masking keys: below 3 KiB.
    pub state: u64,
    /// A header or a control frame that a read cut: below 1 KiB.
    pub spill: u64,
    /// The message that is being gathered: 2 × `max_message_size`; with `streaming` a part of a
    /// compressed message, 145 KiB. `recycle` lets the program add a buffer of one message.
    pub assembly: u64,
    /// What inflates: 42 KiB, and twice the window of the peer.
    pub inflater: u64,
    /// What compresses: 160 KiB, four times our window, and 512 × 2^`mem_level`.
    pub compressor: u64,
    /// What waits to be written: 9 × `high_water_mark` + 12 × *piece*, where a *piece* is what is
    /// encoded at once: 64 KiB, and 2 % for what cannot be compressed. With compression
    /// 16 × (`high_water_mark` + *piece*) more, for many tiny frames.
    pub output: u64,
}

impl Ceiling {
    /// All parts together: the handshake, or all that comes after it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let open = self
            .state
            .saturating_add(self.spill)
            .saturating_add(self.assembly)
            .saturating_add(self.inflater)
            .saturating_add(self.compressor)
            .saturating_add(self.output);
        let opening = self.handshake.saturating_add(self.output);
        if open > opening { open } else { opening }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, bytes) in [
            ("half open", self.half_open),
            ("handshake", self.handshake),
            ("state", self.state),
            ("spill", self.spill),
            ("assembly", self.assembly),
            ("inflater", self.inflater),
            ("compressor", self.compressor),
            ("output", self.output),
        ] {
            writeln!(f, "{part:<10} {bytes:>12}")?;
        }
        write!(f, "{:<10} {:>12}", "total", self.total())
    }
}

impl Config {
    /// The most memory, in bytes of heap, that a connection of this configuration can hold at its
    /// `role` if `deflate` was agreed on; `DeflateParams::default()` is the worst that can be.
    ///
    /// What the connections of a `Config` share is not counted: its pool keeps up to
    /// [`pool_size`](super::DeflateConfig::pool_size) inflaters and as many compressors. Nor are the
    /// payloads that the program queues: they are less than
    /// [`high_water_mark`](Self::high_water_mark), and one message more. An adapter adds at most
    /// 256 KiB that were read and not yet handed out; and it encodes into a buffer of its thread,
    /// which may have grown for another connection, to 1 MiB at most.
    ///
    /// ```
    /// use sansock::{Config, Role};
    ///
    /// let config = Config::default().max_message_size(64 << 10);
    /// let ceiling = config.memory_ceiling(Role::Server, None);
    /// assert_eq!(ceiling.assembly, 128 << 10);
    /// assert!(ceiling.total() < 4 << 20);
    /// println!("{ceiling}");
    /// ```
    #[must_use]
    pub fn memory_ceiling(&self, role: Role, deflate: Option<DeflateParams>) -> Ceiling {
        let deflate = deflate.filter(|_| cfg!(feature = "deflate"));
        Ceiling {
            half_open: self.half_open(),
            handshake: self.handshake_work(role),
            state: bytes(size_of::<send::Extra>() + size_of::<ChaCha12Rng>() + (1 << 10)),
            // The payload of a control frame grows by doubling.
            spill: bytes(size_of::<unfinished::Unfinished>() + 3 * MAX_CONTROL_PAYLOAD),
            assembly: self.assembly(deflate.is_some()),
            inflater: deflate.map_or(0, |agreed| inflater(&agreed, role)),
            compressor: deflate.map_or(0, |agreed| self.compressor(&agreed, role)),
            output: self.output(deflate.is_some()),
        }
    }

    fn half_open(&self) -> u64 {
        bytes(self.max_head_size).saturating_add(OPENING)
    }

    fn handshake_work(&self, role: Role) -> u64 {
        let head = bytes(self.max_head_size);
        // A header line has four bytes at least: a name, the colon and its end.
        let lines = bytes(self.max_headers).min(head / 4);
        let lists = match role {
            // Subprotocols of one byte and a comma are 16 bytes each as slices, in an array that
            // doubles: ½ × 16 × 3.
            Role::Server => head.saturating_mul(24),
            Role::Client => bytes(self.max_refusal_body_size).saturating_mul(3),
        };
        head.saturating_mul(2)
            .saturating_add(lines.saturating_mul(48))
            .saturating_add(lists)
            .saturating_add(OPENING)
    }

    fn assembly(&self, compressed: bool) -> u64 {
        let message = self.max_message_size.saturating_mul(2);
        match (self.streaming, compressed) {
            (false, _) => message,
            (true, false) => 0,
            (true, true) => message.min(3 * STREAMED),
        }
    }

    fn compressor(&self, agreed: &DeflateParams, role: Role) -> u64 {
        let ours = agreed.ours(role, self.deflate.as_ref());
        if ours.window_bits < 9 {
            return 0;
        }
        let mem_level = self.deflate.unwrap_or_default().mem_level;
        DEFLATER + (4 << ours.window_bits) + (512 << mem_level)
    }

    fn output(&self, compressed: bool) -> u64 {
        let piece = bytes(LARGE);
        let piece = piece.saturating_add(piece / 64).saturating_add(512);
        let waiting = bytes(self.high_water_mark).saturating_add(piece);
        // Of what is written as much is kept as waits, and an unfinished piece; it doubles.
        let batch = waiting.saturating_add(piece).saturating_mul(6);
        // The places of queued payloads count against the mark, and double.
        let places = bytes(self.high_water_mark).saturating_mul(3);
        // A compressed frame has three bytes at least, and 16 beside it that double.
        let lengths = if compressed {
            waiting.saturating_mul(16)
        } else {
            0
        };
        batch.saturating_add(places).saturating_add(lengths)
    }
}

/// The longest payload that is encoded into the output at once; a longer one is queued as it is,
/// since copying less is cheaper than a system call.
pub(crate) const LARGE: usize = 64 << 10;

/// The boxes in which a handshake lies, and a client's generator: a server's is smaller.
const OPENING: u64 = 1_000;

/// The most bytes in a part of a compressed message.
const STREAMED: u64 = 49_408;

/// What the library takes for inflating, window and all.
const INFLATER: u64 = 42 << 10;

/// What the library takes for compressing, whatever the window.
const DEFLATER: u64 = 160 << 10;

fn inflater(agreed: &DeflateParams, role: Role) -> u64 {
    INFLATER + (2 << agreed.of(role.peer()).window_bits)
}

/// A size as a number of bytes.
const fn bytes(size: usize) -> u64 {
    // No target has longer addresses.
    size as u64
}
