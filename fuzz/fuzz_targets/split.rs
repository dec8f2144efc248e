//! A connection and the two halves of another one, driven alike: with its signals carried at once
//! the halves do what the whole does, byte for byte; carried late they break no rule.
//!
//! ```text
//!  input   flags  sizes  most  seed  ops │ an operation each │ bytes of the peer …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::{sync::Arc, time::Duration};

use libfuzzer_sys::fuzz_target;
use sansock::{
    CloseFrame, Config, Event, Part, Prepared, ProtocolError, Role, SendError,
    proto::{Connection, Instant, ReceiveHalf, SendHalf},
};
use sansock_fuzz::{
    Cuts, Frames, Limits, SEED, payload,
    script::{millis, payload_len},
};

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, sizes, most, seed, ops], rest)) = data.split_first_chunk() else {
        return;
    };
    let (ops, input) = rest.split_at(usize::from(ops).min(rest.len()));
    // The one bit that says nothing about limits decides over the role, another over the pace.
    let role = if flags & 2 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let late = flags & 4 != 0;
    let config = Arc::new(Limits::new([flags, sizes]).config());
    let mut pieces = Cuts::new([most, seed]).pieces(input).into_iter();
    let mut both = Both::new(role, &config, late);
    let mut ops = ops.iter().copied();
    while let Some(op) = ops.next() {
        if both.is_over() {
            break;
        }
        let how = ops.next().unwrap_or(0);
        both.act(op, how, &mut pieces);
    }
    for piece in pieces {
        if both.is_over() {
            break;
        }
        both.receive(piece);
    }
    both.finish();
});

type Received = Result<Vec<Event<'static>>, ProtocolError>;

struct Both {
    role: Role,
    whole: Connection,
    halves: Option<(ReceiveHalf, SendHalf)>,
    /// What each has not written yet.
    out: [Vec<u8>; 2],
    written: [Vec<u8>; 2],
    late: bool,
    now: Instant,
}

impl Both {
    fn new(role: Role, config: &Arc<Config>, late: bool) -> Self {
        let open = || match role {
            Role::Client => Connection::client(config, SEED),
            Role::Server => Connection::server(config),
        };
        let mut both = Self {
            role,
            whole: open(),
            halves: Some(open().into_split()),
            out: [Vec::new(), Vec::new()],
            written: [Vec::new(), Vec::new()],
            late,
            now: Instant::ZERO,
        };
        both.tell();
        both
    }

    /// Whether one has nothing more to do. The halves may not know yet where the whole does.
    fn is_over(&self) -> bool {
        let Some((receive, send)) = &self.halves else {
            return true;
        };
        receive.is_finished() || send.is_finished() || self.whole.is_finished()
    }

    fn act<'a>(&mut self, op: u8, how: u8, pieces: &mut impl Iterator<Item = &'a [u8]>) {
        let message = payload(how & 1 == 0, payload_len(how), op);
        let last = op & 32 != 0;
        let part = Part {
            data: message.clone(),
            last,
        };
        match op & 15 {
            0..4 => {
                if let Some(piece) = pieces.next() {
                    self.receive(piece);
                }
            }
            4 => self.send(
                |end, out| end.send(&message, out),
                |end, out| end.send(&message, out),
            ),
            5 => {
                let message = Prepared::new(message);
                self.send(
                    |end, out| end.send_prepared(&message, out),
                    |end, out| end.send_prepared(&message, out),
                );
            }
            6 => self.send(
                |end, out| end.send_part(&part, out),
                |end, out| end.send_part(&part, out),
            ),
            7 => self.send(
                |end, out| {
                    let header = end.begin_frame(&part)?;
                    frame(&header, &part, out);
                    Ok(())
                },
                |end, out| {
                    let header = end.begin_frame(&part)?;
                    frame(&header, &part, out);
                    Ok(())
                },
            ),
            8 => {
                let payload = vec![how; usize::from(how)];
                self.send(
                    |end, out| end.ping(&payload, out),
                    |end, out| end.ping(&payload, out),
                );
            }
            9 => {
                let payload = vec![how; usize::from(how)];
                self.send(
                    |end, out| end.pong(&payload, out),
                    |end, out| end.pong(&payload, out),
                );
            }
            10 => {
                let close = CloseFrame::new((1000 + u16::from(how % 16)).into(), "bye");
                let close = last.then_some(&close);
                self.send(
                    |end, out| end.close(close, out),
                    |end, out| end.close(close, out),
                );
            }
            11 => self.drain(),
            12 => self.reunite(),
            13 => self.signal(),
            14 if how == 0 => self.end(),
            _ => {
                self.now = self.now + Duration::from_millis(millis(how));
                self.tell();
            }
        }
    }

    fn receive(&mut self, piece: &[u8]) {
        let [out, _] = &mut self.out;
        let whole = collect(piece, |input| self.whole.receive(input, out));
        let Some((receive, _)) = &mut self.halves else {
            return;
        };
        let halves = collect(piece, |input| receive.receive(input));
        if !self.late {
            assert_eq!(whole, halves);
            self.signal();
        }
    }

    fn send(
        &mut self,
        whole: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), SendError>,
        half: impl FnOnce(&mut SendHalf, &mut Vec<u8>) -> Result<(), SendError>,
    ) {
        let [out, half_out] = &mut self.out;
        let whole = whole(&mut self.whole, out);
        let Some((_, send)) = &mut self.halves else {
            return;
        };
        let half = half(send, half_out);
        if !self.late {
            assert_eq!(whole, half);
        }
        self.check();
    }

    fn tell(&mut self) {
        let [out, half_out] = &mut self.out;
        let whole = self.whole.handle_timeout(self.now, out);
        let Some((receive, send)) = &mut self.halves else {
            return;
        };
        let one = receive.handle_timeout(self.now);
        while !self.late
            && let Some(signal) = receive.take_signal()
        {
            send.apply(&signal, half_out);
        }
        let other = send.handle_timeout(self.now, half_out);
        if !self.late && !self.whole.is_finished() {
            let earliest = one.into_iter().chain(other).min();
            assert_eq!(whole, earliest);
        }
        self.check();
    }

    /// Carries the signals.
    fn signal(&mut self) {
        if let Some((receive, send)) = &mut self.halves {
            while let Some(signal) = receive.take_signal() {
                send.apply(&signal, &mut self.out[1]);
            }
        }
        self.check();
    }

    /// Writes all there is; what was owed below the high-water mark is done at the same time.
    fn drain(&mut self) {
        for (out, written) in self.out.iter_mut().zip(&mut self.written) {
            written.append(out);
        }
        self.tell();
    }

    fn reunite(&mut self) {
        let Some((receive, send)) = self.halves.take() else {
            return;
        };
        let Ok(one) = Connection::reunite(receive, send, &mut self.out[1]) else {
            panic!("halves of one connection");
        };
        self.halves = Some(one.into_split());
        self.check();
    }

    fn end(&mut self) {
        self.whole.receive_eof();
        if let Some((receive, _)) = &mut self.halves {
            receive.receive_eof();
            assert!(receive.is_finished());
        }
        self.signal();
    }

    /// The same, where the signals were carried at once.
    fn check(&self) {
        let Some((receive, send)) = &self.halves else {
            return;
        };
        if !self.late {
            assert_eq!(self.out[0], self.out[1], "the output");
            assert_eq!(self.whole.state(), send.state());
            assert_eq!(self.whole.is_finished(), send.is_finished());
            assert_eq!(self.whole.close_status(), send.close_status());
        }
        assert_eq!(send.is_finished(), send.close_status().is_some());
        assert!(!format!("{receive:?}").is_empty());
    }

    fn finish(mut self) {
        self.signal();
        self.drain();
        self.end();
        self.drain();
        let Some((receive, send)) = &self.halves else {
            return;
        };
        assert!(receive.is_finished() && send.is_finished() && self.whole.is_finished());
        if !self.late {
            assert_eq!(self.written[0], self.written[1]);
        }
        for written in &self.written {
            let mut frames = Frames::new(self.role);
            frames.take(written);
            assert!(frames.is_whole());
        }
    }
}

/// A frame whose payload is written from where it lies.
fn frame(header: &sansock::proto::EncodedHeader, part: &Part<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(header.as_bytes());
    let start = out.len();
    out.extend_from_slice(part.data.as_bytes());
    header.mask(&mut out[start..]);
}

/// All that comes of a piece.
fn collect(
    piece: &[u8],
    mut receive: impl for<'b> FnMut(&mut &'b mut [u8]) -> Result<Option<Event<'b>>, ProtocolError>,
) -> Received {
    let mut piece = piece.to_vec();
    let mut input = &mut piece[..];
    let mut events = Vec::new();
    while let Some(event) = receive(&mut input)? {
        events.push(event.into_owned());
    }
    assert!(input.is_empty());
    Ok(events)
}
