//! What is sent, and what comes back.

use std::ops::RangeInclusive;

use sansock::{Message, Prepared};

/// Messages shorter than that go uncompressed if nothing else is asked.
pub(crate) const THRESHOLD: usize = 64;

/// What is sent in one call, or as parts in several.
pub(crate) enum Step {
    /// By the rules of the configuration.
    Auto(Message<'static>),
    Always(Message<'static>),
    Never(Message<'static>),
    /// One after the other, the last one as the last.
    Parts(Vec<Message<'static>>),
    Prepared(Prepared),
}

impl Step {
    /// What the other side receives.
    pub(crate) fn message(&self) -> Message<'static> {
        match self {
            Self::Auto(message) | Self::Always(message) | Self::Never(message) => message.clone(),
            Self::Prepared(prepared) => prepared.message().into_owned(),
            Self::Parts(parts) => {
                let bytes: Vec<u8> = parts.iter().flat_map(Message::as_bytes).copied().collect();
                match parts[0] {
                    Message::Text(_) => String::from_utf8(bytes).unwrap().into(),
                    Message::Binary(_) => bytes.into(),
                }
            }
        }
    }

    /// How many compressed messages it is, where deflate was agreed: one, none, or either.
    pub(crate) fn compressed(&self) -> RangeInclusive<u64> {
        match self {
            Self::Always(_) => 1..=1,
            Self::Never(_) => 0..=0,
            Self::Auto(message) if message.len() < THRESHOLD => 0..=0,
            Self::Auto(message) if message.is_text() => 1..=1,
            // What does not shrink may go as it is; so may what is streamed or was prepared.
            _ => 0..=1,
        }
    }
}

/// Batches: each is sent whole, then its echoes are read.
pub(crate) fn batches() -> Vec<Vec<Step>> {
    let text = "Grüße, 你好, and 🦀 for good measure; ";
    let noise = noise(1 << 20);
    let parts = |count: usize| -> Vec<_> {
        (0..count)
            .map(|n| Message::from(format!("{n}: {text}")))
            .collect()
    };
    vec![
        vec![
            Step::Auto(text.repeat(4).into()),
            Step::Always(Message::from("Hello")),
            Step::Always(Message::from("Hello")),
            Step::Always(Message::from("")),
            Step::Auto(Message::from("")),
            Step::Always(Message::from(Vec::new())),
            Step::Never(Message::from(Vec::new())),
        ],
        // Under takeover each of these refers back to those before.
        (0..200)
            .map(|n| Step::Always(format!(r#"{{"id":{n},"text":"the same again"}}"#).into()))
            .collect(),
        vec![
            Step::Auto(json(1 << 10).into()),
            Step::Auto(json(16 << 10).into()),
            // Neither may enter a window.
            Step::Never(json(1 << 10).into()),
            Step::Prepared(Prepared::new(json(2 << 10))),
            Step::Auto(json(1 << 10).into()),
            Step::Parts(parts(7)),
            Step::Auto(json(1 << 10).into()),
            Step::Prepared(Prepared::new(noise[..300].to_vec())),
            Step::Auto(noise[..1000].to_vec().into()),
            Step::Always(noise[..1000].to_vec().into()),
            Step::Always(noise[..1000].to_vec().into()),
            Step::Auto(json(1 << 10).into()),
            Step::Prepared(Prepared::new("")),
            Step::Always(Message::from("€")),
        ],
        vec![
            Step::Parts(vec![
                Message::from(noise[..50_000].to_vec()),
                Message::from(Vec::new()),
                Message::from(vec![7; 50_000]),
                Message::from(Vec::new()),
            ]),
            // Matches at every distance that a window has.
            Step::Always(noise[..3000].repeat(20).into()),
            Step::Always(noise[..300].repeat(20).into()),
            Step::Always(noise[..31_000].repeat(4).into()),
        ],
        vec![Step::Auto(noise.clone().into())],
        vec![Step::Always(noise.into())],
        vec![
            Step::Always(json(1 << 18).into()),
            Step::Auto(text.repeat(3).into()),
        ],
    ]
}

/// An array of some length, of objects that resemble each other.
pub(crate) fn json(len: usize) -> String {
    let mut json = String::from("[");
    for n in 0.. {
        let object = format!(
            r#"{{"id":{n},"name":"Straße {}","on":{}}}"#,
            n * 7919,
            n % 3 == 0
        );
        if json.len() + object.len() + 2 > len {
            break;
        }
        if n > 0 {
            json.push(',');
        }
        json.push_str(&object);
    }
    json.push(']');
    json
}

/// Bytes that no compressor makes shorter (xorshift64).
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
    }
    bytes.truncate(len);
    bytes
}
