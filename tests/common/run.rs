//! Bytes fed to a connection in pieces, and all that came of them.

use sansock::{
    CloseStatus, Config, Event, Message, ProtocolError, Role, State,
    proto::{Connection, Instant},
};

use super::open;

/// All that came of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whole messages and controls; parts are joined, and count where their message ends.
    pub(crate) events: Vec<Event<'static>>,
    /// The parts of a message that did not end.
    pub(crate) unfinished: Option<Message<'static>>,
    pub(crate) errors: Vec<ProtocolError>,
    pub(crate) out: Vec<u8>,
    pub(crate) state: State,
    pub(crate) finished: bool,
    pub(crate) status: Option<CloseStatus>,
}

impl Outcome {
    /// The data messages among the events.
    pub(crate) fn messages(&self) -> Vec<&Message<'static>> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Message(message) => Some(message),
                _ => None,
            })
            .collect()
    }

    fn take(&mut self, event: Event<'_>) {
        let part = match event {
            Event::Part(part) => part,
            event => {
                self.events.push(event.into_owned());
                return;
            }
        };
        let joined = match (self.unfinished.take(), part.data) {
            (None, data) => data.into_owned(),
            (Some(Message::Text(text)), Message::Text(more)) => (text.into_owned() + &more).into(),
            (Some(Message::Binary(data)), Message::Binary(more)) => {
                [&data[..], &more].concat().into()
            }
            (Some(_), _) => panic!("a part of another kind than its message"),
        };
        if part.last {
            self.events.push(Event::Message(joined));
        } else {
            self.unfinished = Some(joined);
        }
    }
}

/// Feeds `bytes` in one piece; the events, or the error.
pub(crate) fn feed(
    connection: &mut Connection,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Vec<Event<'static>>, ProtocolError> {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut events = Vec::new();
    while let Some(event) = connection.receive(&mut input, out)? {
        events.push(event.into_owned());
    }
    assert!(input.is_empty(), "`None`, and input is left");
    Ok(events)
}

/// Feeds `bytes` to a new connection, which was told the time once, in pieces that end at `cuts`.
pub(crate) fn run(role: Role, config: &Config, bytes: &[u8], cuts: &[usize]) -> Outcome {
    run_on(open(role, config), bytes, cuts)
}

/// [`run`] of this connection.
pub(crate) fn run_on(mut connection: Connection, bytes: &[u8], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome {
        events: Vec::new(),
        unfinished: None,
        errors: Vec::new(),
        out: Vec::new(),
        state: State::Open,
        finished: false,
        status: None,
    };
    connection.handle_timeout(Instant::ZERO, &mut outcome.out);
    let mut bytes = bytes.to_vec();
    let mut rest = &mut bytes[..];
    let mut start = 0;
    for end in cuts.iter().copied().chain([usize::MAX]) {
        let len = (end - start).min(rest.len());
        let (piece, after) = rest.split_at_mut(len);
        rest = after;
        start = end;
        let mut input = piece;
        loop {
            match connection.receive(&mut input, &mut outcome.out) {
                Ok(Some(event)) => outcome.take(event),
                Ok(None) => break,
                Err(error) => outcome.errors.push(error),
            }
        }
        assert!(input.is_empty(), "`None`, and input is left");
    }
    outcome.state = connection.state();
    outcome.finished = connection.is_finished();
    outcome.status = connection.close_status().cloned();
    outcome
}

/// [`run`] in one piece.
pub(crate) fn whole(role: Role, config: &Config, bytes: &[u8]) -> Outcome {
    run(role, config, bytes, &[])
}

/// [`run`] one byte at a time.
pub(crate) fn one_by_one(role: Role, config: &Config, bytes: &[u8]) -> Outcome {
    run(role, config, bytes, &(1..bytes.len()).collect::<Vec<_>>())
}

/// [`run`] whole, one byte at a time and in every two pieces; the outcome, which must be the same.
pub(crate) fn in_cuts(role: Role, config: &Config, bytes: &[u8]) -> Outcome {
    in_cuts_on(|| open(role, config), bytes)
}

/// [`in_cuts`] of connections like this.
pub(crate) fn in_cuts_on(open: impl Fn() -> Connection, bytes: &[u8]) -> Outcome {
    let outcome = run_on(open(), bytes, &[]);
    let every: Vec<usize> = (1..bytes.len()).collect();
    assert_eq!(
        run_on(open(), bytes, &every),
        outcome,
        "{bytes:x?} one by one"
    );
    if bytes.len() <= 512 {
        for cut in 0..=bytes.len() {
            assert_eq!(
                run_on(open(), bytes, &[cut]),
                outcome,
                "{bytes:x?} cut at {cut}"
            );
        }
    }
    outcome
}
