//! A transport that fails in each way at each of its calls, under every adapter: plain, with
//! compression, and below TLS.
#![cfg(all(unix, feature = "deflate"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

#[path = "faults/adapters.rs"]
mod adapters;
#[path = "faults/cancel.rs"]
mod cancel;
#[cfg(feature = "rustls-ring")]
#[path = "tls/certificates.rs"]
mod certificates;
mod common;
#[cfg(feature = "rustls-ring")]
#[path = "faults/secure.rs"]
mod secure;
#[path = "faults/transport.rs"]
mod transport;
#[cfg(feature = "web")]
#[path = "faults/web.rs"]
mod web;
#[cfg(feature = "web")]
#[path = "faults/web_socket.rs"]
mod web_socket;

use std::io::ErrorKind;

use adapters::{ADAPTERS, Opened, Socket, Way};
use common::{Deflater, Inflater, Random, close_payload, frames};
use sansock::{Event, Role, endpoint::EndpointEvent};
use transport::{Fault, Faulty};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// How the program takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Recv,
    Fill,
}

/// What the client sends: its handshake, messages whole and in pieces, a Ping, and perhaps a Close.
fn conversation(way: Way, closes: bool) -> Vec<u8> {
    let close = close_payload(1000, b"bye");
    let mut bytes = REQUEST.to_vec();
    if way == Way::Deflate {
        let mut deflater = Deflater::new(15, true, 7);
        let first = deflater.message(b"first, which comes again");
        let pieces = deflater.message(b"first, which comes again in pieces");
        let (a, rest) = pieces.split_at(3);
        let (b, c) = rest.split_at(2);
        let noise = [Random::new(7).bytes(2_000), vec![0x5A; 20_000]].concat();
        let large = deflater.message(&noise);
        let empty = deflater.message(b"");
        let all: &[(u8, &[u8])] = &[
            (0xC1, &first),
            (0x41, a),
            (0x89, b"ping"),
            (0x00, b),
            (0x80, c),
            (0xC2, &large),
            (0x8A, b"pong"),
            (0xC2, &empty),
            (0x88, &close),
        ];
        bytes.extend(frames(
            Role::Server,
            &all[..all.len() - usize::from(!closes)],
        ));
        return bytes;
    }
    let large = vec![0x5A; 150_000];
    let all: &[(u8, &[u8])] = &[
        (0x81, b"first"),
        (0x01, b"in "),
        (0x89, b"ping"),
        (0x00, b"three "),
        (0x80, b"pieces"),
        (0x82, &large),
        (0x8A, b"pong"),
        (0x82, b""),
        (0x88, &close),
    ];
    bytes.extend(frames(
        Role::Server,
        &all[..all.len() - usize::from(!closes)],
    ));
    bytes
}

/// All that came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    events: Vec<String>,
    recv_errors: usize,
    send_errors: usize,
    written: Vec<u8>,
    is_shut_down: bool,
}

impl Transcript {
    /// The same with what the peer received in the place of its bytes: whole messages in order,
    /// and apart from them the Pongs, which may pass them.
    fn told(
        &self,
    ) -> (
        &[String],
        usize,
        usize,
        bool,
        Vec<(u8, Vec<u8>)>,
        Vec<Vec<u8>>,
    ) {
        let (mut messages, mut pongs) = (Vec::<(u8, Vec<u8>)>::new(), Vec::new());
        for (first, payload) in sent(&self.written) {
            match first & 0xF {
                0xA => pongs.push(payload),
                0 => messages.last_mut().unwrap().1.extend(payload),
                opcode => messages.push((opcode | first & 0x40, payload)),
            }
        }
        let mut inflater = Inflater::new(15, true);
        for (kind, payload) in &mut messages {
            if *kind & 0x40 != 0 {
                *payload = inflater.message(payload).unwrap();
            }
        }
        (
            &self.events,
            self.recv_errors,
            self.send_errors,
            self.is_shut_down,
            messages,
            pongs,
        )
    }
}

impl Transcript {
    /// What came before the fault is as `expected`, in its order; and if not all came, it was told.
    fn assert_true_up_to_its_end(&self, expected: &Self, what: &str) {
        let messages = |all: &Self| -> Vec<String> {
            let is_message = |event: &&String| !event.starts_with("CloseStatus");
            all.events.iter().filter(is_message).cloned().collect()
        };
        let (found, expected) = (messages(self), messages(expected));
        if found == ["no handshake"] {
            return;
        }
        assert!(expected.starts_with(&found), "{what}: {found:?}");
        let is_told = |event: &String| event.contains("clean: false, error: Some(");
        let errors = self.recv_errors + self.send_errors;
        let is_told = errors > 0 || self.events.iter().any(is_told);
        assert!(is_told || found == expected, "{what}: {found:?}");
    }
}

/// The frames of a server's output, the last of which may be cut. All must be valid.
fn sent(written: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    let Some(end) = written.windows(4).position(|end| end == b"\r\n\r\n") else {
        assert!(b"HTTP/1.1 ".starts_with(&written[..written.len().min(9)]));
        return frames;
    };
    if !written.starts_with(b"HTTP/1.1 101 ") {
        assert!(written.starts_with(b"HTTP/1.1 4"));
        return frames;
    }
    let mut rest = &written[end + 4..];
    let mut is_closed = false;
    let mut in_message = false;
    while let [first, second, after @ ..] = rest {
        // A Ping is owed a Pong until the peer's own Close (§5.5.2).
        assert!(!is_closed || *first == 0x8A, "a frame after a Close");
        assert_eq!(second & 0x80, 0, "a masked frame");
        let (header, len) = match (second, after) {
            (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
            (127, after) if after.len() >= 8 => {
                (10, u64::from_be_bytes(after[..8].try_into().unwrap()))
            }
            (126 | 127, _) => break,
            (len, _) => (2, u64::from(*len)),
        };
        match first {
            0x88..=0x8A => assert!(len <= 125),
            0x00 | 0x80 => assert!(in_message, "a piece of nothing"),
            0x01 | 0x02 | 0x81 | 0x82 | 0x41 | 0x42 | 0xC1 | 0xC2 => {
                assert!(!in_message, "a message within another");
            }
            first => panic!("{first:#x} begins no frame"),
        }
        if first & 8 == 0 {
            in_message = first & 0x80 == 0;
        }
        is_closed |= first & 0xF == 8;
        let payload = &rest[header..];
        let Some(payload) = payload.get(..usize::try_from(len).unwrap()) else {
            break;
        };
        frames.push((*first, payload.to_vec()));
        rest = &rest[header + payload.len()..];
    }
    frames
}

fn peer(way: Way, in_pieces: bool, at: usize, fault: Fault) -> Faulty {
    let said = conversation(way, fault != Fault::Stutter);
    match way {
        #[cfg(feature = "rustls-ring")]
        Way::Tls => {
            let (client, hello) = secure::Client::new(said);
            Faulty::new(hello, Some(Box::new(client)), in_pieces, at, fault)
        }
        _ => Faulty::new(said, None, in_pieces, at, fault),
    }
}

/// The conversation with a fault at call `at`; each message is echoed. And whether there was
/// such a call.
fn run(
    open: fn(Faulty, Way) -> Opened,
    way: Way,
    style: Style,
    in_pieces: bool,
    at: usize,
    fault: Fault,
) -> (Transcript, bool) {
    let faulty = peer(way, in_pieces, at, fault);
    let mut transcript = Transcript::default();
    match open(faulty.clone(), way) {
        Err(_) => transcript.events.push("no handshake".into()),
        Ok(mut socket) => match style {
            Style::Recv => recv_all(&mut *socket, &mut transcript),
            Style::Fill => fill_all(&mut *socket, &mut transcript),
        },
    }
    let mut state = faulty.state();
    transcript.written = std::mem::take(&mut state.written);
    transcript.is_shut_down = state.is_shut_down;
    let is_hit = state.is_hit();
    drop(state);
    let _valid = sent(&transcript.written);
    (transcript, is_hit)
}

fn recv_all(socket: &mut dyn Socket, transcript: &mut Transcript) {
    loop {
        match socket.recv() {
            Ok(None) => break,
            Ok(Some(message)) => {
                assert_eq!(transcript.recv_errors, 0, "a message after the end");
                transcript.events.push(format!("{message:?}"));
                transcript.send_errors += usize::from(socket.send(message).is_err());
            }
            Err(_) => transcript.recv_errors += 1,
        }
        assert!(transcript.recv_errors <= 1, "two ends");
    }
    for i in 0..3 {
        assert!(socket.recv().unwrap().is_none(), "not the end");
        assert!(!socket.fill().unwrap());
        assert!(socket.next_event().is_none());
        // Whoever asks is told once that the last output was not written.
        assert!(socket.flush().is_ok() || i == 0);
        assert!(socket.send("late".into()).is_err());
    }
}

fn fill_all(socket: &mut dyn Socket, transcript: &mut Transcript) {
    let mut terminals = 0;
    loop {
        match socket.fill() {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => transcript.recv_errors += 1,
        }
        assert!(transcript.recv_errors <= 1, "two errors");
        while let Some(event) = socket.next_event() {
            assert_eq!(terminals, 0, "after the end: {event:?}");
            match event {
                EndpointEvent::Closed(status) => {
                    terminals += 1;
                    transcript.events.push(format!("{status:?}"));
                }
                EndpointEvent::Event(Event::Message(message)) => {
                    transcript.events.push(format!("{message:?}"));
                    transcript.send_errors += usize::from(socket.send(message).is_err());
                }
                // Which of them comes before a message depends on when that was read.
                _ => {}
            }
        }
    }
    assert_eq!(terminals, 1, "{transcript:?}");
    for _ in 0..3 {
        assert!(!socket.fill().unwrap(), "not the end");
        assert!(socket.next_event().is_none());
        assert!(socket.recv().unwrap().is_none());
    }
}

/// Runs with the fault at call 0, 1, 2, … until there is no such call.
fn at_every_call(fault: Fault, adapters: &[&str]) {
    for style in [Style::Recv, Style::Fill] {
        for in_pieces in [true, false] {
            at_every_call_of(Way::Plain, style, in_pieces, fault, adapters);
        }
    }
}

fn at_every_call_of(way: Way, style: Style, in_pieces: bool, fault: Fault, adapters: &[&str]) {
    // For its clock: no run waits for a deadline.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let _entered = runtime.enter();
    for (name, open) in ADAPTERS {
        if !adapters.contains(&name) {
            continue;
        }
        let (expected, _) = run(open, way, style, in_pieces, usize::MAX, fault);
        assert!(expected.is_shut_down);
        assert_eq!((expected.recv_errors, expected.send_errors), (0, 0));
        assert!(!expected.events.is_empty());
        for at in 0.. {
            let (found, is_hit) = run(open, way, style, in_pieces, at, fault);
            if fault.is_harmless() || !is_hit {
                assert!(
                    found.told() == expected.told(),
                    "{name} {way:?} {style:?} {fault:?} at {at}: {:?} {} {} {}",
                    found.events,
                    found.recv_errors,
                    found.send_errors,
                    found.is_shut_down,
                );
            } else {
                let what = format!("{name} {way:?} {style:?} {fault:?} at {at}");
                found.assert_true_up_to_its_end(&expected, &what);
            }
            if !is_hit {
                assert!(at > if in_pieces { 15 } else { 10 }, "{at} calls");
                break;
            }
        }
    }
}

const ALL: [&str; 4] = ["blocking", "tokio", "futures", "mio"];

#[test]
fn hostile_134_135_136_139_errors_at_every_call() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::WriteZero,
        ErrorKind::Other,
    ] {
        at_every_call(Fault::Fail(kind), &ALL);
    }
}

#[test]
fn hostile_134_135_136_would_block_at_every_call() {
    at_every_call(Fault::Wait, &ALL);
}

#[test]
fn hostile_134_135_136_interrupted_at_every_call() {
    at_every_call(Fault::Fail(ErrorKind::Interrupted), &ALL);
}

#[test]
fn hostile_134_135_short_at_every_call() {
    at_every_call(Fault::Short, &ALL);
    at_every_call(Fault::One, &ALL);
}

#[test]
fn hostile_135_a_write_of_nothing_at_every_call() {
    at_every_call(Fault::Zero, &ALL);
}

#[test]
fn hostile_134_139_the_end_at_every_call() {
    at_every_call(Fault::End, &ALL);
}

/// Those of tokio cannot lie: their buffer checks it. Nor can those of mio where the standard
/// library reads into spare room, and checks it too.
#[test]
fn hostile_137_a_lying_reader_at_every_call() {
    at_every_call(Fault::Lie, &["blocking", "futures"]);
}

/// Every fault but the lie, which an adapter of its own kind is asked for above.
const FAULTS: [Fault; 11] = [
    Fault::Fail(ErrorKind::ConnectionReset),
    Fault::Fail(ErrorKind::BrokenPipe),
    Fault::Fail(ErrorKind::UnexpectedEof),
    Fault::Fail(ErrorKind::WriteZero),
    Fault::Fail(ErrorKind::Other),
    Fault::Fail(ErrorKind::Interrupted),
    Fault::Wait,
    Fault::Short,
    Fault::One,
    Fault::Zero,
    Fault::End,
];

#[test]
fn hostile_134_135_139_every_fault_at_every_call_with_deflate() {
    for fault in FAULTS {
        at_every_call_of(
            Way::Deflate,
            Style::Recv,
            true,
            fault,
            &["blocking", "tokio"],
        );
        at_every_call_of(Way::Deflate, Style::Fill, false, fault, &["futures", "mio"]);
    }
}

/// The handshake of TLS is part of it: its faults come before there is a socket.
#[cfg(feature = "rustls-ring")]
#[test]
fn hostile_134_135_139_every_fault_at_every_call_below_tls() {
    for fault in FAULTS {
        at_every_call_of(Way::Tls, Style::Recv, false, fault, &["blocking", "tokio"]);
        at_every_call_of(Way::Tls, Style::Fill, false, fault, &["futures", "mio"]);
    }
}

/// Drops futures at their first, second, … poll of all those of the conversation.
fn at_every_poll(way: Way) {
    // For its clock: no run waits for a deadline.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let _entered = runtime.enter();
    for (name, run) in cancel::ADAPTERS {
        let run = |always, at| {
            let mut cuts = cancel::Cuts {
                always,
                at,
                polls: 0,
            };
            let faulty = peer(way, true, usize::MAX, Fault::Stutter);
            let mut transcript = Transcript::default();
            run(faulty.clone(), way, &mut cuts, &mut transcript);
            let state = faulty.state();
            transcript.written.clone_from(&state.written);
            transcript.is_shut_down = state.is_shut_down;
            (transcript, cuts.polls)
        };
        let (uncut, polls) = run(false, 0);
        assert!(polls > 20, "{polls} polls had to wait");
        assert!(uncut.events.len() > 4 && uncut.is_shut_down);
        for at in 0..=polls {
            let (cut, _) = run(at == 0, at);
            assert!(cut.told() == uncut.told(), "{name} {way:?} cut at {at}");
        }
    }
}

#[test]
fn hostile_141_futures_dropped_at_every_poll() {
    at_every_poll(Way::Plain);
}

#[test]
fn hostile_141_futures_dropped_at_every_poll_with_deflate() {
    at_every_poll(Way::Deflate);
}

#[cfg(feature = "rustls-ring")]
#[test]
fn hostile_141_futures_dropped_at_every_poll_over_tls() {
    at_every_poll(Way::Tls);
}
