//! Bytes of a script to numbers.

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
