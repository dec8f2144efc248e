//! The rules of the blocking adapter, over a transport that does what a script says.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/pipe.rs"]
mod pipe;
#[path = "adapters/script.rs"]
mod script;
#[path = "adapters/wire.rs"]
mod wire;

use std::{
    cell::Cell,
    io::{self, Read, Write},
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use allocation_counter::measure;
use pipe::pipe;
use sansock::{
    Config, State, Timeout,
    adapter::{
        Error,
        blocking::{CloneStream, Socket, Stream, Untimed},
    },
    endpoint::EndpointEvent,
    proto::{self, Connection, handshake::ClientRequest},
};
use script::{In, Io, Out, Script};
use wire::{BINARY, CLOSE, PING, PONG, REQUEST, TEXT, close, decode, frame, noise};

fn server(io: &Io) -> Socket<Io> {
    server_with(io.clone(), &Config::default())
}

fn server_with<S: Stream>(stream: S, config: &Config) -> Socket<S> {
    let connection = Connection::server(&Arc::new(config.clone()));
    Socket::from_parts(stream, connection, Vec::new()).unwrap()
}

fn client(io: &Io) -> Socket<Io> {
    let connection = Connection::client(&Arc::default(), [7; 32]);
    Socket::from_parts(io.clone(), connection, Vec::new()).unwrap()
}

/// Rule 1: what one read brought is answered by one write.
#[test]
fn rule_1_a_batch_is_one_write() {
    let batch: Vec<u8> = (0..16)
        .flat_map(|i| frame(true, TEXT, format!("message {i}").as_bytes()))
        .chain(frame(true, PING, b"?"))
        .collect();
    let io = Script::play([In::Data(batch), In::Data(frame(true, TEXT, b"next"))]);
    let mut socket = server(&io);
    assert!(socket.fill().unwrap());
    while let Some((event, mut reply)) = socket.next_with_reply() {
        if let Some(message) = event.into_message() {
            reply.send(message).unwrap();
        }
    }
    assert_eq!(io.write_calls(), 0);
    assert!(socket.fill().unwrap());
    assert_eq!(io.write_calls(), 1);
    assert_eq!(decode(&io.take_written()).len(), 17);
}

/// hostile 136: a Pong leaves although the program only reads, before it waits.
#[test]
fn hostile_136_no_pong_is_stranded() {
    let io = Script::play([
        In::Data(frame(true, PING, b"1")),
        In::Data(frame(true, TEXT, b"x")),
    ]);
    let mut socket = server(&io);
    assert!(socket.recv().unwrap().is_some());
    assert_eq!(decode(&io.take_written()), [(PONG, b"1".to_vec())]);
    assert_eq!(io.0.borrow().flush_calls, 1, "what is written is passed on");
}

/// A stream with a buffer of its own, which the system does not take from; it notes the last time
/// limit of its reads.
struct Buffered(Io, Rc<Cell<Option<Duration>>>);

impl Read for Buffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Stream for Buffered {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.1.set(limit);
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl CloneStream for Buffered {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone(), Rc::clone(&self.1)))
    }
}

/// Rule 1: what a layer holds back, records of TLS for one, waits to be written like all else: no
/// read keeps it waiting for longer than a moment.
#[test]
fn rule_1_what_a_layer_holds_back_is_not_stranded() {
    let message = || In::Data(frame(true, TEXT, b"in"));
    let io = Script::play([message(), message(), message()]);
    let limit = Rc::default();
    let mut socket = server_with(Buffered(io.clone(), Rc::clone(&limit)), &Config::default());
    assert!(socket.recv().unwrap().is_some());
    let idle = limit.get().unwrap();
    assert!(idle > Duration::from_secs(20), "{idle:?}");
    socket.send("held back").unwrap();
    assert_eq!(decode(&io.take_written()).len(), 1);
    assert!(socket.recv().unwrap().is_some());
    let held = limit.get().unwrap();
    assert!(held <= Duration::from_millis(10), "{held:?}");

    let (mut read, _write) = socket.into_split().unwrap();
    limit.set(None);
    io.0.borrow_mut().reads.push_front(In::Wait);
    io.push(message());
    assert!(read.recv().unwrap().is_some());
    assert!(read.recv().unwrap().is_some());
    assert_eq!(limit.get(), None, "it is as it was");
}

/// Rule 1: each turn writes and then reads once, also into a large message. A peer that sends a
/// large frame byte by byte keeps neither the output nor a deadline waiting.
#[test]
fn rule_1_each_turn_reads_once() {
    let large = frame(true, BINARY, &noise(300_000));
    let (begin, rest) = large.split_at(100_000);
    let io = Script::play([In::Data(begin.to_vec())]);
    for byte in &rest[..100] {
        io.push(In::Data(vec![*byte]));
    }
    io.push(In::Data(rest[100..].to_vec()));
    io.writes((0..200).map(|_| Out::Take(1)));
    let mut socket = server(&io);
    socket.feed("waits").unwrap();
    let mut message = None;
    for _ in 0..110 {
        let before = io.read_calls();
        assert!(socket.fill().unwrap());
        assert_eq!(io.read_calls(), before + 1);
        while let Some(event) = socket.next_event() {
            message = event.into_owned().into_message();
        }
        if message.is_some() {
            break;
        }
    }
    assert_eq!(message.unwrap().as_bytes(), noise(300_000));
}

/// hostile 123: the same against the clock.
#[test]
fn hostile_123_a_trickle_within_a_large_frame_meets_its_deadline() {
    let (mut peer, ours) = pipe(1 << 20);
    let config = Config::default()
        .message_timeout(Some(Duration::from_millis(50)))
        .min_message_rate(1 << 20);
    let mut socket = server_with(ours, &config);
    let large = frame(true, BINARY, &noise(1_000_000));
    peer.write_all(&large[..1000]).unwrap();
    let trickle = thread::spawn(move || {
        for byte in &large[1000..] {
            if peer.write_all(&[*byte]).is_err() {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    });
    let error = socket.recv().unwrap_err();
    let expected = proto::Error::Timeout(Timeout::Message);
    assert!(matches!(error, Error::Connection(error) if error == expected));
    drop(socket);
    assert!(trickle.join().unwrap(), "the trickle ended first");
}

/// hostile 134: an interrupted call is made again, and one that ran into its time limit.
#[test]
fn hostile_134_interrupted_is_retried() {
    let io = Script::play([
        In::Fail(io::ErrorKind::Interrupted),
        In::Fail(io::ErrorKind::TimedOut),
        In::Wait,
        In::Data(frame(true, TEXT, b"in")),
    ]);
    assert!(server(&io).recv().unwrap().is_some());
    // Also in the middle of a large message.
    let large = frame(true, BINARY, &noise(300_000));
    let io = Script::play([
        In::Data(large[..1000].to_vec()),
        In::Fail(io::ErrorKind::Interrupted),
        In::Wait,
        In::Data(large[1000..].to_vec()),
    ]);
    let message = server(&io).recv().unwrap().unwrap();
    assert_eq!(message.as_bytes(), noise(300_000));
}

/// hostile 134: each call begins its time limit anew. Where signals come faster than that ends,
/// output and deadlines have their turn all the same.
#[test]
fn hostile_134_interruptions_without_end_keep_nothing_waiting() {
    let interrupted = || In::Fail(io::ErrorKind::Interrupted);
    let message = In::Data(frame(true, TEXT, b"in"));
    let io = Script::play([interrupted(), interrupted(), message]);
    io.writes([Out::Wait]);
    let mut socket = server(&io);
    socket.feed("waits").unwrap();
    assert!(socket.recv().unwrap().is_some());
    assert_eq!(decode(&io.take_written()).len(), 1);

    // A write that is interrupted for ever does not keep the reading waiting.
    let io = Script::play([In::Data(frame(true, TEXT, b"in"))]);
    io.writes([Out::Fail(io::ErrorKind::Interrupted)]);
    let mut socket = server(&io);
    socket.feed("waits").unwrap();
    assert!(socket.recv().unwrap().is_some());
}

/// hostile 134: whatever a read fails with is told once, then the end, once.
#[test]
fn hostile_134_a_read_error_is_told_once() {
    for inside in [0, 1000] {
        for kind in [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::Other,
        ] {
            let begin = frame(true, BINARY, &noise(300_000))[..inside].to_vec();
            let io = Script::play([In::Fail(kind), In::End]);
            if inside > 0 {
                io.0.borrow_mut().reads.push_front(In::Data(begin));
            }
            let mut socket = server(&io);
            let error = socket.recv().unwrap_err();
            assert!(matches!(error, Error::Io(error) if error.kind() == kind));
            for _ in 0..3 {
                assert!(socket.recv().unwrap().is_none());
            }
            assert_eq!(socket.state(), State::Closed);
            assert!(!socket.close_status().unwrap().clean);
        }
    }
}

/// A stream whose reads can be given no time limit, as a system has it that was ended from both
/// sides.
struct Unlimited(Io);

impl Read for Unlimited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Unlimited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Unlimited {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// hostile 134: so is what the system says to a time limit.
#[test]
fn hostile_134_a_time_limit_that_is_refused_is_told_once() {
    let io = Script::play([In::End]);
    let mut socket = server_with(Unlimited(io), &Config::default());
    let error = socket.recv().unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidInput));
    for _ in 0..3 {
        assert!(socket.recv().unwrap().is_none());
    }
    assert_eq!(socket.state(), State::Closed);
    assert!(!socket.close_status().unwrap().clean);
}

/// hostile 116: a layer that misses its own end, as TLS does `close_notify`, has ended: cleanly if
/// the Closes were exchanged.
#[test]
fn hostile_116_an_end_that_a_layer_misses_is_an_end() {
    for kind in [None, Some(io::ErrorKind::UnexpectedEof)] {
        let end = || kind.map_or(In::End, In::Fail);
        let mut socket = server(&Script::play([end(), In::End]));
        let error = socket.recv().unwrap_err();
        assert!(matches!(error, Error::Connection(proto::Error::Eof)));
        assert!(socket.recv().unwrap().is_none());

        let io = Script::play([In::Data(close(true, 1000, "")), end(), In::End]);
        let mut socket = server(&io);
        assert!(socket.recv().unwrap().is_none());
        assert!(socket.close_status().unwrap().clean);
    }
}

/// hostile 34: what a server says counts more than how the transport ends behind it, or that it did
/// not take the whole request.
#[test]
fn hostile_034_a_refusal_counts_more_than_an_error() {
    let request = ClientRequest::new("server.example.com", "/chat").unwrap();
    let reset = In::Fail(io::ErrorKind::ConnectionReset);
    // What TLS says where it was cut: then so was a body without a length (RFC 9112 §9.8).
    let truncated = In::Fail(io::ErrorKind::UnexpectedEof);
    for (end, write, is_complete) in [
        (reset, Out::Take(usize::MAX), false),
        (truncated, Out::Take(usize::MAX), false),
        (In::End, Out::Fail(io::ErrorKind::BrokenPipe), true),
    ] {
        let head = b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec();
        let io = Script::play([In::Data(head), In::Data(b"no".to_vec()), end, In::End]);
        io.writes([write]);
        let error = Socket::connect(io, &request, &Arc::default()).unwrap_err();
        let Error::Refused(refusal) = error else {
            panic!("{error}");
        };
        assert_eq!((refusal.status(), refusal.body()), (403, &b"no"[..]));
        assert_eq!(refusal.is_complete(), is_complete);
    }
}

/// hostile 135: a write that fails is told once, but first what the peer said before.
#[test]
fn hostile_135_a_write_error_is_told_once() {
    for (out, kind) in [
        (Out::Take(0), io::ErrorKind::WriteZero),
        (
            Out::Fail(io::ErrorKind::BrokenPipe),
            io::ErrorKind::BrokenPipe,
        ),
    ] {
        let io = Script::play([In::Data(frame(true, TEXT, b"last words")), In::End]);
        io.writes([out, out]);
        let mut socket = server(&io);
        socket.feed("lost").unwrap();
        let message = socket.recv().unwrap().unwrap();
        assert_eq!(message.as_text(), Some("last words"));
        let error = socket.recv().unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == kind));
        assert!(socket.recv().unwrap().is_none());
    }
}

/// hostile 114: the end of the transport inside a large frame.
#[test]
fn hostile_114_the_end_inside_a_large_frame() {
    let large = frame(true, BINARY, &noise(300_000));
    let io = Script::play([
        In::Data(large[..1000].to_vec()),
        In::Data(large[1000..2000].to_vec()),
        In::End,
    ]);
    let mut socket = server(&io);
    let error = socket.recv().unwrap_err();
    assert!(matches!(error, Error::Connection(proto::Error::Eof)));
    assert!(socket.recv().unwrap().is_none());
    assert!(socket.end().unwrap().error.is_some());
}

/// hostile 137: a reader that claims more than it did, anywhere.
#[test]
fn hostile_137_a_reader_that_lies_does_no_harm() {
    for lie in [1, 1 << 40, usize::MAX - (1 << 30)] {
        let large = frame(true, BINARY, &noise(300_000));
        for begin in [&large[..0], &large[..7], &large[..1000]] {
            let io = Script::play([]);
            if !begin.is_empty() {
                io.push(In::Data(begin.to_vec()));
            }
            io.push(In::Lie(lie));
            io.push(In::End);
            let mut socket = server(&io);
            let (mut errors, mut terminals) = (0, 0);
            loop {
                match socket.fill() {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                        errors += 1;
                    }
                }
                while let Some(event) = socket.next_event() {
                    assert!(matches!(event, EndpointEvent::Closed(_)), "{event:?}");
                    terminals += 1;
                }
            }
            assert_eq!((errors, terminals), (1, 1));
        }
    }
}

/// hostile 137: what the thread's buffer held before is none of this connection's business.
#[test]
fn hostile_137_a_lie_does_not_tell_what_another_connection_heard() {
    let secret = Script::play([In::Data(frame(false, TEXT, b"secret"))]);
    assert!(client(&secret).recv().unwrap().is_some());
    let mut socket = client(&Script::play([In::Lie(1), In::End]));
    let error = socket.recv().unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidData));
    assert!(socket.recv().unwrap().is_none());

    let lying = Buffered(Script::play([In::Lie(1), In::End]), Rc::default());
    let socket = server_with(lying, &Config::default());
    let (mut read, _write) = socket.into_split().unwrap();
    let error = read.recv().unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidData));
    assert!(read.recv().unwrap().is_none());
}

/// hostile 115: after both Closes no error of the transport makes the end unclean.
#[test]
fn hostile_115_a_reset_after_both_closes_is_clean() {
    for ours_first in [false, true] {
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::NotConnected] {
            let close = In::Data(close(false, 1000, ""));
            let io = Script::play([close, In::Fail(kind), In::End]);
            let mut socket = client(&io);
            if ours_first {
                socket.close(None).unwrap();
            }
            assert!(socket.recv().unwrap().is_none());
            assert!(socket.close_status().unwrap().clean);
            assert_eq!(decode(&io.take_written())[0].0, CLOSE);
        }
    }
}

/// Rule 5: the end of our side, then at most 64 KiB are discarded.
#[test]
fn rule_5_the_end_is_orderly() {
    let io = Script::play([In::Data([frame(true, 0x83, b""), vec![0; 100]].concat())]);
    for _ in 0..100 {
        io.push(In::Data(vec![0; 10_000]));
    }
    let mut socket = server(&io);
    assert!(matches!(socket.recv(), Err(Error::Connection(_))));
    assert_eq!(decode(&io.take_written()), [(CLOSE, vec![0x03, 0xEA])]);
    assert_eq!(io.0.borrow().shutdown_calls, 1);
    assert_eq!(io.0.borrow().reads.len(), 93);
}

/// hostile 043: the transport ends or fails within the opening handshake.
#[test]
fn hostile_043_the_handshake_is_cut() {
    let config = Arc::new(Config::default());
    for cut in [0, 1, 20, REQUEST.len() - 1] {
        let io = Script::play([In::Data(REQUEST[..cut].to_vec()), In::End]);
        if cut == 0 {
            io.0.borrow_mut().reads.pop_front();
        }
        let error = Socket::accept(io.clone(), &config).unwrap_err();
        let expected = matches!(error, Error::Connection(proto::Error::Handshake(_)));
        assert!(expected, "{cut}: {error:?}");
        let io = Script::play([
            In::Data(REQUEST[..cut.max(1)].to_vec()),
            In::Fail(io::ErrorKind::ConnectionReset),
        ]);
        let error = Socket::accept(io, &config).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{cut}: {error:?}");
    }
    let io = Script::play([In::End]);
    io.writes([Out::Fail(io::ErrorKind::BrokenPipe)]);
    let request = ClientRequest::new("h", "/").unwrap();
    let error = Socket::connect(io, &request, &config).unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe));
}

/// A stream without time limits: requests and answers work, one thing at a time.
#[test]
fn untimed_streams_work() {
    let io = Script::play([In::Data(frame(true, TEXT, b"in")), In::End]);
    let mut socket = server_with(Untimed(io.clone()), &Config::default());
    let message = socket.recv().unwrap().unwrap();
    socket.send(message).unwrap();
    assert_eq!(decode(&io.take_written()), [(TEXT, b"in".to_vec())]);
    assert!(socket.recv().is_err());
}

/// Two peers that each have asked for a sign of life and send much at once both finish.
#[test]
fn two_that_send_much_and_ask_both_finish() {
    let (one, other) = pipe(16 << 10);
    let config = Arc::new(Config::default());
    let run = |mut socket: Socket<pipe::Pipe>| {
        socket.ping(b"?").unwrap();
        socket.send(vec![7; 2 << 20]).unwrap();
        socket.flush().unwrap();
        assert_eq!(socket.recv().unwrap().unwrap().len(), 2 << 20);
        assert!(socket.end().unwrap().clean);
    };
    let client = Connection::client(&config, [7; 32]);
    let client = Socket::from_parts(one, client, Vec::new()).unwrap();
    let server = server_with(other, &config);
    thread::scope(|scope| {
        scope.spawn(|| run(client));
        scope.spawn(|| run(server));
    });
}

/// Rule 4: a connection that waits in the middle of a batch costs what is unread, and 256 bytes.
#[test]
fn rule_4_a_thousand_parked_in_mid_batch_cost_what_is_unread() {
    const MANY: usize = 1000;
    let batch: Vec<u8> = (0..4).flat_map(|_| frame(true, BINARY, &[7; 40])).collect();
    let unread = 3 * (batch.len() / 4);
    let config = Arc::new(Config::default());
    let ios: Vec<Io> = (0..MANY)
        .map(|_| Script::play([In::Data(batch.clone())]))
        .collect();
    let mut sockets = Vec::with_capacity(MANY);
    // The thread's own buffers are there already.
    drop(server(&Script::play([In::End])).recv());
    let cost = measure(|| {
        for io in &ios {
            let connection = Connection::server(&config);
            let mut socket = Socket::from_parts(io.clone(), connection, Vec::new()).unwrap();
            assert!(socket.recv().unwrap().is_some());
            sockets.push(socket);
        }
    });
    // The transport frees what it was read from, which is no gain of ours.
    let each = cost.bytes_current / MANY as i64 + batch.len() as i64;
    let bound = (unread + 256) as i64;
    assert!((unread as i64..=bound).contains(&each), "{each} bytes each");
}

/// Takes all that is written, and never has anything to read.
struct Hole;

impl Read for Hole {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Hole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Rule 4: nor does it keep a write buffer that another connection of the thread gave back.
#[test]
fn rule_4_who_is_parked_in_mid_batch_takes_no_write_buffer() {
    const MANY: usize = 100;
    let batch: Vec<u8> = (0..4).flat_map(|_| frame(true, BINARY, &[7; 40])).collect();
    let config = Arc::new(Config::default());
    let ios: Vec<Io> = (0..MANY)
        .map(|_| Script::play([In::Data(batch.clone())]))
        .collect();
    let mut sockets = Vec::with_capacity(MANY);
    let connection = Connection::server(&config);
    let mut busy = Socket::from_parts(Untimed(Hole), connection, Vec::new()).unwrap();
    drop(server(&Script::play([In::End])).recv());
    let cost = measure(|| {
        for io in &ios {
            busy.send(&[7; 10_000][..]).unwrap();
            let connection = Connection::server(&config);
            let mut socket = Socket::from_parts(io.clone(), connection, Vec::new()).unwrap();
            assert!(socket.recv().unwrap().is_some());
            sockets.push(socket);
        }
    });
    let each = cost.bytes_current / MANY as i64;
    assert!(each < 1_000, "{each} bytes each");
}

/// What is unread and unsent when the socket is taken apart is all there.
#[test]
fn into_parts_gives_all_bytes_back() {
    let all = [frame(true, TEXT, b"one"), frame(true, TEXT, b"two")].concat();
    let io = Script::play([In::Data(all)]);
    io.writes([Out::Take(5), Out::Wait]);
    let mut socket = server(&io);
    assert!(socket.recv().unwrap().is_some());
    socket.send(noise(100_000)).unwrap();
    let parts = socket.into_parts();
    assert_eq!(parts.unread, frame(true, TEXT, b"two"));
    let sent = [io.take_written(), parts.unsent].concat();
    let data: Vec<u8> = decode(&sent).into_iter().flat_map(|it| it.1).collect();
    assert_eq!(data, noise(100_000));

    let connection = Connection::server(&Arc::default());
    let mut socket = Socket::from_parts(parts.stream, connection, parts.unread).unwrap();
    let message = socket.recv().unwrap().unwrap();
    assert_eq!(message.as_text(), Some("two"));
    assert_eq!(
        socket.get_mut().read(&mut [0; 9]).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
}

/// hostile 125: a deadline that passes while the program does something else is missed only if
/// nothing has come by then.
#[test]
fn hostile_125_a_late_program_hears_what_came_in_time() {
    let (mut peer, ours) = pipe(64);
    let config = Config::default()
        .ping_interval(Some(Duration::from_millis(20)))
        .pong_timeout(Some(Duration::from_secs(1)));
    let mut socket = server_with(ours, &config);
    let answers = thread::spawn(move || {
        // The Ping falls due while our output waits.
        thread::sleep(Duration::from_millis(50));
        let mut written = vec![0; 4 + 1000 + 2];
        peer.read_exact(&mut written).unwrap();
        assert_eq!(decode(&written)[1], (PING, vec![]));
        peer.write_all(&frame(true, PONG, b"")).unwrap();
        peer.write_all(&frame(true, TEXT, b"alive")).unwrap();
        peer
    });
    socket.feed(vec![7; 1000]).unwrap();
    socket.flush().unwrap();
    let peer = answers.join().unwrap();
    thread::sleep(Duration::from_millis(1100));
    let message = socket.recv().unwrap().unwrap();
    assert_eq!(message.as_text(), Some("alive"));
    drop(peer);
}
