//! A connection that receives any bytes: whole, cut, in parts and past the buffer, with the same
//! outcome.
//!
//! ```text
//!  input   flags  sizes │ most  seed │ bytes of the peer …
//!          Limits       │ Cuts       │
//! ```

use std::sync::Arc;

use allocation_counter::measure;
use sansock::{
    CloseStatus, Config, Event, Message, ProtocolError, Role, State,
    proto::{Connection, DeflateParams, Error, Instant, handshake::Negotiated},
};

use crate::{Cuts, Frames, Limits, SEED};

/// What a connection may hold beside what it was given: its box for unfinished things, a Close.
const SMALL: u64 = 4 << 10;

/// What reading past the buffer may reserve beside: the step by which such a buffer grows, and
/// what was given back to it.
const DIRECT: u64 = 768 << 10;

/// What an inflater holds, and the chunk that it inflates to.
const INFLATER: u64 = 256 << 10;

/// All that came of an exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whole messages and controls; parts are joined, and count where their message ends.
    pub(crate) events: Vec<Event<'static>>,
    pub(crate) error: Option<ProtocolError>,
    out: Vec<u8>,
    state: State,
    status: Option<CloseStatus>,
    /// The parts of a message that did not end.
    unfinished: Vec<u8>,
}

/// Fuzzes one end.
///
/// # Panics
///
/// On a finding.
pub fn run(role: Role, data: &[u8]) {
    let Some((&[flags, sizes, most, seed], bytes)) = data.split_first_chunk() else {
        return;
    };
    let limits = Limits::new([flags, sizes]);
    let subject = Subject {
        role,
        deflate: None,
        limits,
    };
    subject.receive(bytes, Cuts::new([most, seed]));
}

/// What receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) role: Role,
    pub(crate) deflate: Option<DeflateParams>,
    pub(crate) limits: Limits,
}

impl Subject {
    /// Has `bytes` received in several ways, which come to the same.
    pub(crate) fn receive(self, bytes: &[u8], cuts: Cuts) -> Outcome {
        let pieces = cuts.pieces(bytes);
        let limits = self.limits;
        let config = limits.config();

        let whole = exchange(self, &config, &[bytes], false);
        let cut = exchange(self, &config, &pieces, limits.direct());
        compare(self, &whole, &cut);
        let other = config.clone().streaming(!limits.streaming());
        let other = exchange(self, &other, &pieces, limits.direct());
        assert_eq!(
            (&whole.events, whole.error),
            (&other.events, other.error),
            "streaming and not"
        );
        assert_eq!((&whole.out, &whole.status), (&other.out, &other.status));
        check(self.role, &whole);
        hold(self, &config, &pieces);
        whole
    }

    fn open(self, config: &Config) -> Connection {
        let config = Arc::new(config.clone());
        let mut negotiated = Negotiated::default();
        negotiated.deflate = self.deflate;
        Connection::from_negotiated(self.role, &negotiated, &config, SEED)
    }
}

fn exchange(subject: Subject, config: &Config, pieces: &[&[u8]], direct: bool) -> Outcome {
    let limits = subject.limits;
    let mut connection = subject.open(config);
    let mut outcome = Outcome {
        events: Vec::new(),
        error: None,
        out: Vec::new(),
        state: State::Open,
        status: None,
        unfinished: Vec::new(),
    };
    let mut out = Vec::new();
    let mut parts: Option<Message<'static>> = None;
    connection.handle_timeout(Instant::ZERO, &mut out);
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while direct
            && !input.is_empty()
            && let Some((buffer, room)) = connection.direct()
        {
            let before = (buffer.len(), buffer.capacity());
            let (front, rest) = input.split_at_mut(room.min(input.len()));
            buffer.extend_from_slice(front);
            assert!(before.0 + room <= before.1, "no room for what was asked");
            let n = front.len();
            input = rest;
            match connection.receive_direct(n) {
                Ok(event) => outcome.events.extend(event),
                Err(error) => panic!("{error} in the rest of a binary frame"),
            }
        }
        loop {
            match connection.receive(&mut input, &mut out) {
                Ok(Some(Event::Part(part))) => {
                    let last = part.last;
                    let joined = join(parts.take(), part.data);
                    if last {
                        outcome.events.push(Event::Message(joined));
                    } else {
                        parts = Some(joined);
                    }
                }
                Ok(Some(event)) => {
                    let event = event.into_owned();
                    if limits.recycle() {
                        connection.recycle(Vec::with_capacity(64 << 10));
                    }
                    outcome.events.push(event);
                }
                Ok(None) => break,
                Err(error) => assert_eq!(outcome.error.replace(error), None, "a second error"),
            }
            assert!(
                outcome.error.is_none() || input.is_empty(),
                "input behind an error"
            );
        }
        assert!(input.is_empty(), "`None`, and input is left");
        if !limits.low_mark() {
            // Written at once, as an adapter does; what waits decides over Pongs below the mark.
            outcome.out.append(&mut out);
        }
        connection.handle_timeout(Instant::ZERO, &mut out);
    }
    outcome.out.append(&mut out);
    outcome.unfinished = parts.map(Message::into_bytes).unwrap_or_default();
    outcome.state = connection.state();
    outcome.status = connection.close_status().cloned();
    assert_eq!(connection.is_finished(), outcome.status.is_some());

    // The end, once: then nothing is said and nothing written.
    connection.receive_eof();
    assert!(connection.is_finished());
    let status = connection.close_status().cloned();
    assert!(outcome.status.is_none() || outcome.status == status);
    let mut late = *b"\x81\x80\0\0\0\0";
    assert_eq!(connection.receive(&mut &mut late[..], &mut out), Ok(None));
    assert_eq!(connection.handle_timeout(Instant::ZERO, &mut out), None);
    assert!(out.is_empty(), "written after the end");
    assert_eq!(connection.close_status().cloned(), status);
    outcome
}

/// The same outcome, but for the parts before an error.
fn compare(subject: Subject, whole: &Outcome, cut: &Outcome) {
    assert_eq!(whole.events, cut.events);
    assert_eq!(whole.error, cut.error);
    assert_eq!(whole.out, cut.out);
    assert_eq!((whole.state, &whole.status), (cut.state, &cut.status));
    if whole.error.is_none() {
        assert_eq!(whole.unfinished, cut.unfinished);
    } else {
        // Cut bytes show more of what was right before the fault, never other bytes. Where a part
        // of an inflated message ends depends on where pieces began: either shows more.
        let inflated = subject.deflate.is_some() && whole.unfinished.starts_with(&cut.unfinished);
        assert!(inflated || cut.unfinished.starts_with(&whole.unfinished));
    }
}

/// What every outcome keeps to.
fn check(role: Role, outcome: &Outcome) {
    let mut frames = Frames::new(role);
    frames.take(&outcome.out);
    assert!(frames.is_whole());
    let pings = outcome
        .events
        .iter()
        .filter(|event| matches!(event, Event::Ping(_)))
        .count();
    let pongs = frames
        .frames
        .iter()
        .filter(|frame| frame.first == 0x8A)
        .count();
    assert!(pongs <= pings, "a Pong that nobody asked for");
    let closes = outcome
        .events
        .iter()
        .filter(|event| matches!(event, Event::Close(_)))
        .count();
    assert_eq!(closes + usize::from(outcome.error.is_some()), {
        usize::from(frames.is_closed())
    });
    if let Some(Event::Close(_)) = outcome.events.last() {
        assert!(outcome.error.is_none());
    } else {
        assert_eq!(closes, 0, "an event after the Close");
    }
    if let Some(error) = outcome.error {
        let close = frames.frames.last().map(|frame| &frame.payload[..]);
        assert_eq!(close, Some(&error.close_code().get().to_be_bytes()[..]));
        let status = outcome.status.as_ref().expect("an end");
        assert!(!status.clean);
        assert_eq!(status.error, Some(Error::Protocol(error)));
    }
}

/// Memory follows what came, whatever was announced.
fn hold(subject: Subject, config: &Config, pieces: &[&[u8]]) {
    let limits = subject.limits;
    let mut pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let given: usize = pieces.iter().map(Vec::len).sum();
    let mut connection = subject.open(config);
    let held = measure(|| {
        let mut out = Vec::new();
        for piece in &mut pieces {
            let mut input = &mut piece[..];
            if limits.direct() {
                let _ = connection.direct();
            }
            while let Ok(Some(_)) = connection.receive(&mut input, &mut out) {}
        }
    });
    let mut most = 8 * given as u64 + SMALL;
    if limits.direct() {
        most += DIRECT;
    }
    if subject.deflate.is_some() {
        // Deflate makes a byte of 1,032 at the most.
        let inflated = limits.max_message_size().unwrap_or(u64::MAX);
        most += INFLATER + 4 * inflated.min(1_032 * given as u64);
    }
    assert!(
        held.bytes_max <= most,
        "{} bytes held for {given}",
        held.bytes_max
    );
}

fn join(before: Option<Message<'static>>, data: Message<'_>) -> Message<'static> {
    match (before, data) {
        (None, data) => data.into_owned(),
        (Some(Message::Text(text)), Message::Text(more)) => (text.into_owned() + &more).into(),
        (Some(Message::Binary(data)), Message::Binary(more)) => {
            let mut data = data.into_owned();
            data.extend_from_slice(&more);
            data.into()
        }
        (Some(_), _) => panic!("a part of another kind than its message"),
    }
}
