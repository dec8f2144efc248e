//! Bytes of a script to numbers, and to what becomes of a call.

use std::io::ErrorKind;

/// What a call of a transport comes to.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// At most so many bytes.
    Some(usize),
    /// As much as there is.
    All,
    /// It would block.
    Pending,
    /// It fails.
    Error(ErrorKind),
    /// The end, to a reader; no room, to a writer.
    End,
    /// More than is true, if lies are asked for.
    Lie,
}

/// The verdict of a byte.
#[must_use]
pub fn verdict(byte: u8) -> Verdict {
    match byte {
        0..150 => Verdict::Some(usize::from(byte) + 1),
        150..185 => Verdict::Pending,
        185..195 => Verdict::Error(ErrorKind::Interrupted),
        195..205 => Verdict::Error(ErrorKind::WouldBlock),
        205 | 206 => Verdict::Error(ErrorKind::ConnectionReset),
        207 => Verdict::Error(ErrorKind::BrokenPipe),
        208 => Verdict::Error(ErrorKind::UnexpectedEof),
        209 => Verdict::Error(ErrorKind::TimedOut),
        210 => Verdict::Error(ErrorKind::OutOfMemory),
        211..215 => Verdict::End,
        215..225 => Verdict::Lie,
        225..240 => Verdict::Some(usize::from(byte - 224) * 900),
        _ => Verdict::All,
    }
}

/// How long a payload is: mostly short, sometimes about 64 KiB or more.
#[must_use]
pub fn payload_len(byte: u8) -> usize {
    match byte {
        0..200 => usize::from(byte),
        200..240 => (usize::from(byte) - 199) * 400,
        240..=255 => [
            65_535, 65_536, 65_537, 65_600, 70_000, 131_072, 131_073, 200_000,
        ][usize::from(byte % 8)],
    }
}

/// How many bytes are carried at once: mostly few, sometimes all.
#[must_use]
pub fn amount(byte: u8) -> usize {
    match byte {
        0..150 => usize::from(byte),
        150..250 => (usize::from(byte) - 149) * 700,
        _ => usize::MAX,
    }
}

/// How much time goes by: up to four minutes.
#[must_use]
pub fn millis(byte: u8) -> u64 {
    u64::from(byte) * u64::from(byte) * 4
}
