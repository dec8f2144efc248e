//! A server that agreed on permessage-deflate receives messages of any bytes.
//!
//! ```text
//!  input   flags  sizes │ most  seed │ params │ kind  len  payload … │ kind  len  payload … │ …
//!          Limits       │ Cuts       │        │ a message            │
//!  kind    1 text │ 2 not compressed │ 4, 8: fragments │ 16 compressed here, 32, 64: a long one
//! ```

use sansock::{Event, Message, Role, proto::DeflateParams};

use crate::{
    Cuts, Limits, Reference, compressed, params,
    receive::{Outcome, Subject},
    wire::{KEY, write_frame},
};

/// Fuzzes the inflating end.
///
/// # Panics
///
/// On a finding.
pub fn run(data: &[u8]) {
    let Some((&[flags, sizes, most, seed, byte], mut rest)) = data.split_first_chunk() else {
        return;
    };
    let mut sent = Vec::new();
    let mut wire = Vec::new();
    while let Some((&[kind, len], after)) = rest.split_first_chunk() {
        let len = if len == 255 {
            after.len()
        } else {
            usize::from(len).min(after.len())
        };
        let (payload, after) = after.split_at(len);
        rest = after;
        let message = Sent::new(kind, payload);
        message.write(&mut wire);
        sent.push(message);
    }
    let limits = Limits::new([flags, sizes]);
    let params = params(byte);
    let subject = Subject {
        role: Role::Server,
        deflate: Some(params),
        limits,
    };
    let outcome = subject.receive(&wire, Cuts::new([most, seed]));
    check(&outcome, &sent, params, limits.max_message_size());
}

/// A message on its way.
struct Sent {
    text: bool,
    plain: bool,
    fragments: u8,
    payload: Vec<u8>,
}

impl Sent {
    fn new(kind: u8, payload: &[u8]) -> Self {
        let plain = kind & 2 != 0;
        let payload = if kind & 16 != 0 && !plain {
            let times = 1 << ((kind >> 5 & 3) * 3);
            compressed(&payload.repeat(times), kind >> 5)
        } else {
            payload.to_vec()
        };
        Self {
            text: kind & 1 != 0,
            plain,
            fragments: kind >> 2 & 3,
            payload,
        }
    }

    /// Appends its frames, masked.
    fn write(&self, wire: &mut Vec<u8>) {
        let count = usize::from(self.fragments) + 1;
        let most = self.payload.len().div_ceil(count).max(1);
        let mut rest = &self.payload[..];
        for at in 0..count {
            let (fragment, after) = rest.split_at(most.min(rest.len()));
            rest = after;
            let mut first = if at + 1 == count { 0x80 } else { 0 };
            if at == 0 {
                first |= if self.text { 0x01 } else { 0x02 };
                first |= if self.plain { 0 } else { 0x40 };
            }
            write_frame(wire, first, fragment, Some(KEY), 0);
        }
    }
}

/// What was received is what the reference makes of it, where both take it.
fn check(outcome: &Outcome, sent: &[Sent], params: DeflateParams, most: Option<u64>) {
    let mut reference = Reference::new(15, !params.client_no_context_takeover);
    let most = most.unwrap_or(MOST);
    let most = usize::try_from(most).expect("small");
    let mut received = outcome.events.iter();
    for sent in sent {
        let Some(event) = received.next() else {
            assert!(outcome.error.is_some(), "a message is lost");
            return;
        };
        let Event::Message(message) = event else {
            panic!("{event:?}");
        };
        assert!(message.len() <= most, "{} of {most}", message.len());
        assert_eq!(matches!(message, Message::Text(_)), sent.text);
        let expected = if sent.plain {
            Some(sent.payload.clone())
        } else {
            reference.message(&sent.payload, most)
        };
        match expected {
            Some(expected) => assert!(message.as_bytes() == expected, "other bytes"),
            None if params.client_no_context_takeover => {}
            // What it keeps of a message that it does not take is its own matter.
            None => return,
        }
    }
    assert_eq!(received.next(), None);
}

/// More than any input becomes.
const MOST: u64 = 64 << 20;
