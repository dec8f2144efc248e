//! A transport that fails in each way at each of its calls, under every adapter.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

#[path = "faults/adapters.rs"]
mod adapters;
mod common;
#[path = "faults/transport.rs"]
mod transport;

use std::io::ErrorKind;

use adapters::{ADAPTERS, Opened, Socket};
use common::{close_payload, frames};
use sansock::{Event, Role, endpoint::EndpointEvent};
use transport::{Fault, Faulty};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// How the program takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Recv,
    Fill,
}

/// What the client sends: its handshake, messages whole and in pieces, a Ping, a Close.
fn conversation() -> Vec<u8> {
    let large = vec![0x5A; 150_000];
    let close = close_payload(1000, b"bye");
    let mut bytes = REQUEST.to_vec();
    bytes.extend(frames(
        Role::Server,
        &[
            (0x81, b"first"),
            (0x01, b"in "),
            (0x89, b"ping"),
            (0x00, b"three "),
            (0x80, b"pieces"),
            (0x82, &large),
            (0x8A, b"pong"),
            (0x82, b""),
            (0x88, &close),
        ],
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
                opcode => messages.push((opcode, payload)),
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
        assert!(!is_closed, "a frame after a Close");
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
            0x01 | 0x02 | 0x81 | 0x82 => assert!(!in_message, "a message within another"),
            first => panic!("{first:#x} begins no frame"),
        }
        if first & 8 == 0 {
            in_message = first & 0x80 == 0;
        }
        is_closed = first & 0xF == 8;
        let payload = &rest[header..];
        let Some(payload) = payload.get(..usize::try_from(len).unwrap()) else {
            break;
        };
        frames.push((*first, payload.to_vec()));
        rest = &rest[header + payload.len()..];
    }
    frames
}

/// The conversation with a fault at call `at`; each message is echoed. And whether there was
/// such a call.
fn run(
    open: fn(Faulty) -> Opened,
    style: Style,
    in_pieces: bool,
    at: usize,
    fault: Fault,
) -> (Transcript, bool) {
    let faulty = Faulty::new(&conversation(), in_pieces, at, fault);
    let mut transcript = Transcript::default();
    match open(faulty.clone()) {
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
        for style in [Style::Recv, Style::Fill] {
            for in_pieces in [true, false] {
                let (expected, _) = run(open, style, in_pieces, usize::MAX, fault);
                assert!(expected.is_shut_down);
                assert_eq!((expected.recv_errors, expected.send_errors), (0, 0));
                for at in 0.. {
                    let (found, is_hit) = run(open, style, in_pieces, at, fault);
                    if fault.is_harmless() || !is_hit {
                        assert!(
                            found.told() == expected.told(),
                            "{name} {style:?} {fault:?} at {at}: {:?} {} {} {}",
                            found.events,
                            found.recv_errors,
                            found.send_errors,
                            found.is_shut_down,
                        );
                    }
                    if !is_hit {
                        assert!(at > if in_pieces { 40 } else { 12 }, "{at} calls");
                        break;
                    }
                }
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
