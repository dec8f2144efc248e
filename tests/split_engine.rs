//! A connection as two halves that share nothing behaves as the whole does.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

mod common;

use std::sync::Arc;

use common::{ROLES, SEED, close_payload, frame, frames, ms, open, open_default};
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Event, Message, Part, ProtocolError, Role,
    SendError, State,
    proto::{Connection, Error, Instant, Prepared, ReceiveHalf, SendHalf, Signal, Timeout},
};

/// All that came of the peer's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    events: Vec<Event<'static>>,
    errors: Vec<ProtocolError>,
    out: Vec<u8>,
    state: Option<State>,
    finished: bool,
    status: Option<CloseStatus>,
    deadlines: Vec<Option<Instant>>,
}

/// When the sending half is told.
#[derive(Clone, Copy, Debug)]
enum Carry {
    EachEvent,
    EachPiece,
}

fn pieces<'b>(mut bytes: &'b mut [u8], cuts: &[usize]) -> Vec<&'b mut [u8]> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts {
        let (piece, rest) = bytes.split_at_mut(cut - start);
        pieces.push(piece);
        bytes = rest;
        start = *cut;
    }
    pieces.push(bytes);
    pieces
}

fn whole(role: Role, config: &Config, bytes: &[u8], cuts: &[usize], eof: bool) -> Outcome {
    let mut connection = open(role, config);
    let mut outcome = Outcome::default();
    connection.handle_timeout(Instant::ZERO, &mut outcome.out);
    for (i, mut input) in pieces(&mut bytes.to_vec(), cuts).into_iter().enumerate() {
        loop {
            match connection.receive(&mut input, &mut outcome.out) {
                Ok(Some(event)) => outcome.events.push(event.into_owned()),
                Ok(None) => break,
                Err(error) => outcome.errors.push(error),
            }
        }
        assert!(input.is_empty());
        let now = ms(10 * i as u64);
        let deadline = connection.handle_timeout(now, &mut outcome.out);
        outcome.deadlines.push(deadline);
    }
    if eof {
        connection.receive_eof();
        connection.handle_timeout(ms(100_000), &mut outcome.out);
    }
    outcome.state = Some(connection.state());
    outcome.finished = connection.is_finished();
    outcome.status = connection.close_status().cloned();
    outcome
}

fn carry(receive: &mut ReceiveHalf, send: &mut SendHalf, out: &mut Vec<u8>) {
    while let Some(signal) = receive.take_signal() {
        send.apply(&signal, out);
    }
}

fn split(
    role: Role,
    config: &Config,
    bytes: &[u8],
    cuts: &[usize],
    eof: bool,
    when: Carry,
) -> Outcome {
    let (mut receive, mut send) = open(role, config).into_split();
    let mut outcome = Outcome::default();
    let out = &mut outcome.out;
    receive.handle_timeout(Instant::ZERO);
    send.handle_timeout(Instant::ZERO, out);
    for (i, mut input) in pieces(&mut bytes.to_vec(), cuts).into_iter().enumerate() {
        loop {
            match receive.receive(&mut input) {
                Ok(Some(event)) => outcome.events.push(event.into_owned()),
                Ok(None) => break,
                Err(error) => outcome.errors.push(error),
            }
            if matches!(when, Carry::EachEvent) {
                carry(&mut receive, &mut send, out);
            }
        }
        assert!(input.is_empty());
        carry(&mut receive, &mut send, out);
        let now = ms(10 * i as u64);
        let deadlines = [receive.handle_timeout(now), send.handle_timeout(now, out)];
        let deadline = deadlines.into_iter().flatten().min();
        outcome.deadlines.push(deadline);
    }
    if eof {
        receive.receive_eof();
        carry(&mut receive, &mut send, out);
        send.handle_timeout(ms(100_000), out);
        assert!(receive.is_finished());
    }
    outcome.state = Some(send.state());
    outcome.finished = send.is_finished();
    outcome.status = send.close_status().cloned();
    outcome
}

fn check(role: Role, config: &Config, bytes: &[u8]) {
    let mut cuts: Vec<Vec<usize>> = (0..=bytes.len()).map(|cut| vec![cut]).collect();
    cuts.push(Vec::new());
    cuts.push((1..bytes.len()).collect());
    for cuts in &cuts {
        for eof in [false, true] {
            let expected = whole(role, config, bytes, cuts, eof);
            for when in [Carry::EachEvent, Carry::EachPiece] {
                let found = split(role, config, bytes, cuts, eof, when);
                assert!(
                    found == expected,
                    "{bytes:x?}\ncut at {cuts:?}, {when:?}, end {eof}\nis {found:?}\nnot {expected:?}"
                );
            }
        }
    }
}

fn exchanges(role: Role) -> Vec<Vec<u8>> {
    let close = close_payload(1000, b"bye");
    let bad_code = close_payload(1005, b"");
    let two: &[(u8, &[u8])] = &[(0x81, b"one"), (0x82, &[0; 130])];
    let pings: &[(u8, &[u8])] = &[(0x89, b"a"), (0x01, b"x"), (0x89, b"b"), (0x80, b"y")];
    let mut lists = Vec::new();
    for end in [
        (0x88, &close[..]),
        (0x88, &bad_code),
        (0x88, b""),
        (0x88, b"\x03"),
        (0x80, b"a piece of nothing"),
        (0x81, b"\xFF"),
        (0xC1, b"reserved"),
        (0x83, b""),
        (0x8A, b"unasked"),
    ] {
        lists.push(frames(
            role,
            &[two, pings, &[end, (0x81, b"late")]].concat(),
        ));
    }
    lists.push(frames(role, two)[..20].to_vec());
    lists
}

#[test]
fn halves_do_what_the_whole_does() {
    for role in ROLES {
        for bytes in exchanges(role) {
            for streaming in [false, true] {
                check(role, &Config::default().streaming(streaming), &bytes);
            }
        }
    }
}

#[test]
fn halves_send_what_the_whole_sends() {
    for role in ROLES {
        let mut whole = open_default(role);
        let (_receive, mut half) = open_default(role).into_split();
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        whole.send("text", &mut expected).unwrap();
        half.send("text", &mut found).unwrap();
        for part in [Part::more("in "), Part::last("parts")] {
            whole.send_part(&part, &mut expected).unwrap();
            half.send_part(&part, &mut found).unwrap();
        }
        whole.ping(b"ping", &mut expected).unwrap();
        half.ping(b"ping", &mut found).unwrap();
        whole.pong(b"pong", &mut expected).unwrap();
        half.pong(b"pong", &mut found).unwrap();
        let frame = CloseFrame::new(CloseCode::NORMAL, "bye");
        whole.close(Some(&frame), &mut expected).unwrap();
        half.close(Some(&frame), &mut found).unwrap();
        assert_eq!(found, expected);
        assert_eq!(half.state(), whole.state());
        assert_eq!(half.send("late", &mut found), Err(SendError::NotOpen));
        assert_eq!(found, expected);
    }
}

/// §7.1.1: a Close that comes after its deadline is too late.
#[test]
fn a_close_behind_the_end_changes_nothing() {
    for role in ROLES {
        let (mut receive, mut send) = open_default(role).into_split();
        let mut out = Vec::new();
        send.close(None, &mut out).unwrap();
        assert!(!send.is_finished());
        assert!(send.handle_timeout(Instant::ZERO, &mut out).is_some());
        assert_eq!(send.handle_timeout(ms(100_000), &mut out), None);
        let ended = send.close_status().cloned();
        assert_eq!(
            ended.as_ref().and_then(|it| it.error),
            Some(Error::Timeout(Timeout::Close))
        );
        out.clear();
        let mut bytes = frame(role, 0x88, &[3, 232]);
        let event = receive.receive(&mut &mut bytes[..]);
        assert!(matches!(event, Ok(Some(Event::Close(Some(_))))));
        carry(&mut receive, &mut send, &mut out);
        assert_eq!(send.close_status().cloned(), ended);
        assert!(send.is_finished() && out.is_empty());
    }
}

#[test]
fn halves_share_their_configuration_and_one_recycles() {
    let config = Arc::new(Config::default());
    let (mut receive, send) = Connection::server(&config).into_split();
    assert!(Arc::ptr_eq(send.config(), &config));
    receive.recycle(Vec::with_capacity(100_000));
    let mut bytes = frame(Role::Server, 0x82, b"in two reads");
    let (mut first, mut second) = bytes.split_at_mut(10);
    assert!(matches!(receive.receive(&mut first), Ok(None)));
    let Ok(Some(Event::Message(message))) = receive.receive(&mut second) else {
        panic!("a message");
    };
    let payload = message.into_bytes();
    assert_eq!(
        (&payload[..], payload.capacity()),
        (&b"in two reads"[..], 100_000)
    );
}

/// A half keeps the deadline of an unfinished message, the other tells the peer.
#[test]
fn a_message_that_is_not_finished_in_time_is_a_signal() {
    for role in ROLES {
        let mut bytes = frame(role, 0x01, b"unfinished");
        let (mut connection, mut out) = (open_default(role), Vec::new());
        let mut input = &mut bytes.clone()[..];
        assert!(matches!(connection.receive(&mut input, &mut out), Ok(None)));
        connection.handle_timeout(Instant::ZERO, &mut out);
        connection.handle_timeout(ms(60_000), &mut out);

        let (mut receive, mut send) = open_default(role).into_split();
        let mut found = Vec::new();
        let mut input = &mut bytes[..];
        assert!(matches!(receive.receive(&mut input), Ok(None)));
        assert!(receive.handle_timeout(Instant::ZERO).is_some());
        carry(&mut receive, &mut send, &mut found);
        assert!(!receive.is_finished());
        assert_eq!(receive.handle_timeout(ms(60_000)), None);
        assert!(receive.is_finished());
        let signal = receive.take_signal().unwrap();
        assert!(matches!(signal, Signal::TimedOut(_)), "{signal:?}");
        send.apply(&signal, &mut found);
        assert_eq!(receive.take_signal(), None);
        assert!(!out.is_empty());
        assert_eq!(found, out);
        assert_eq!(send.close_status(), connection.close_status());
    }
}

/// Split after each byte, and joined again at once.
#[test]
fn reunited_halves_are_the_whole() {
    for role in ROLES {
        for bytes in exchanges(role) {
            let all: Vec<usize> = (1..bytes.len()).collect();
            let expected = whole(role, &Config::default(), &bytes, &all, false);
            let mut connection = open_default(role);
            let mut found = Outcome::default();
            connection.handle_timeout(Instant::ZERO, &mut found.out);
            for (i, byte) in bytes.iter().enumerate() {
                let (mut receive, send) = connection.into_split();
                let mut input = &mut [*byte][..];
                loop {
                    match receive.receive(&mut input) {
                        Ok(Some(event)) => found.events.push(event.into_owned()),
                        Ok(None) => break,
                        Err(error) => found.errors.push(error),
                    }
                }
                // The signals are not taken: to join the halves does what they say.
                connection = Connection::reunite(receive, send, &mut found.out).unwrap();
                let now = ms(10 * i as u64);
                let deadline = connection.handle_timeout(now, &mut found.out);
                found.deadlines.push(deadline);
            }
            found.state = Some(connection.state());
            found.finished = connection.is_finished();
            found.status = connection.close_status().cloned();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn hostile_143_foreign_halves_are_not_joined() {
    let mut out = Vec::new();
    let (receive, send) = open_default(Role::Client).into_split();
    let (other_receive, other_send) = open_default(Role::Client).into_split();
    let error = Connection::reunite(receive, other_send, &mut out).unwrap_err();
    assert!(out.is_empty());
    assert!(!error.to_string().is_empty());
    let (receive, other_send) = (error.0, error.1);
    // They are given back whole.
    let mut connection = Connection::reunite(receive, send, &mut out).unwrap();
    connection.send("still open", &mut out).unwrap();
    Connection::reunite(other_receive, other_send, &mut out).unwrap();
    // The same seed makes no stranger a sibling, nor does a second split.
    let (old, _) = connection.into_split();
    let (_, new) = Connection::client(&Config::default().into(), SEED).into_split();
    assert!(Connection::reunite(old, new, &mut out).is_err());
}

/// The large path past the input, and every way to send, as the whole has them.
#[test]
fn halves_have_what_the_whole_has() {
    let (mut receive, mut send) = open_default(Role::Server).into_split();
    let mut header = *b"\x82\xFF\0\0\0\0\0\x02\0\0\0\0\0\0x";
    receive.recycle(Vec::with_capacity(128 << 10));
    assert_eq!(receive.receive(&mut &mut header[..]), Ok(None));
    let mut event = None;
    while event.is_none() {
        let (buffer, room) = receive.direct().unwrap();
        assert!(room < (2 << 16));
        // All but what is left to the input at the end.
        let n = room.min(70_000);
        buffer.resize(buffer.len() + n, b'x');
        event = receive.receive_direct(n).unwrap();
        if receive.direct().is_none() && event.is_none() {
            let mut rest = vec![b'x'; 2 << 16];
            event = receive
                .receive(&mut &mut rest[..])
                .unwrap()
                .map(Event::into_owned);
        }
    }
    let Some(Event::Message(message)) = event else {
        panic!("{event:?}");
    };
    assert_eq!(message.len(), 2 << 16);
    assert!(message.as_bytes().iter().all(|byte| *byte == b'x'));

    let mut out = Vec::new();
    let prepared = Prepared::new(Message::from("to all"));
    assert_eq!(send.send_prepared(&prepared, &mut out), Ok(()));
    assert_eq!(out, b"\x81\x06to all");
    let header = send.begin_frame(&Part::last(&[7; 200])).unwrap();
    assert_eq!(header.as_bytes(), [0x82, 126, 0, 200]);
    assert_eq!(send.config().memory_ceiling(Role::Server, None).total(), {
        Config::default().memory_ceiling(Role::Server, None).total()
    });
}

/// A signal shows how much it carries, never what.
#[test]
fn hostile_151_signals_print_no_payload() {
    let (mut receive, _) = open_default(Role::Client).into_split();
    let mut bytes = *b"\x89\x06secret\x8A\x06secret\x88\x08\x03\xE9secret";
    let mut input = &mut bytes[..];
    while let Ok(Some(_)) = receive.receive(&mut input) {}
    receive.receive_eof();
    let mut shown = Vec::new();
    while let Some(signal) = receive.take_signal() {
        shown.push(format!("{signal:?}"));
    }
    let expected = [
        "Heard",
        "Pong(6 bytes)",
        "Answered(6 bytes)",
        "Close(Some(CloseCode(1001)))",
        "Eof",
    ];
    assert_eq!(shown, expected);
    let (mut receive, _) = open_default(Role::Client).into_split();
    let mut bytes = *b"\x83\0";
    assert!(receive.receive(&mut &mut bytes[..]).is_err());
    let shown = receive.take_signal().map(|signal| format!("{signal:?}"));
    assert_eq!(shown.as_deref(), Some("Failed(ReservedOpcode(3))"));
    assert_eq!(
        format!("{:?}", Signal::TimedOut(Timeout::Message)),
        "TimedOut(Message)"
    );
}

/// §7.1.7: what the sending half has given up is over for both once they are joined.
#[test]
fn clause_7_1_7_a_half_that_is_over_ends_the_other_when_they_are_joined() {
    for role in ROLES {
        let (receive, mut send) = open_default(role).into_split();
        let mut out = Vec::new();
        send.close(None, &mut out).unwrap();
        send.handle_timeout(ms(0), &mut out);
        send.handle_timeout(ms(60_000), &mut out);
        assert!(send.is_finished());
        let mut connection = Connection::reunite(receive, send, &mut out).unwrap();
        let mut late = frame(role, 0x81, b"late");
        let mut input = &mut late[..];
        assert_eq!(connection.receive(&mut input, &mut out), Ok(None));
        assert!(input.is_empty());
    }
}

/// §5.5, §7.4.1: whatever a signal holds, no frame is written that the peer would have to fail.
#[test]
fn clause_5_5_signals_that_no_frame_makes_are_passed_over() {
    for role in ROLES {
        let (_, mut send) = open_default(role).into_split();
        let mut out = Vec::new();
        for signal in [
            Signal::Pong(vec![0; 126].into()),
            Signal::Pong(vec![0; 70_000].into()),
            Signal::Close(Some(CloseFrame::new(CloseCode::NO_STATUS, ""))),
            Signal::Close(Some(CloseFrame::new(CloseCode::new(1006), ""))),
            Signal::Close(Some(CloseFrame::new(CloseCode::NORMAL, "x".repeat(124)))),
        ] {
            send.apply(&signal, &mut out);
            assert_eq!(
                (send.state(), &out[..]),
                (State::Open, &b""[..]),
                "{signal:?}"
            );
        }
        send.apply(&Signal::Pong(vec![0; 125].into()), &mut out);
        assert_eq!(
            out[..2],
            if role == Role::Server {
                [0x8A, 0x7D]
            } else {
                [0x8A, 0xFD]
            }
        );
        let reason = "x".repeat(123);
        send.apply(
            &Signal::Close(Some(CloseFrame::new(CloseCode::NORMAL, reason))),
            &mut out,
        );
        assert_ne!(send.state(), State::Open);
    }
}
