//! The rules of the mio adapter: what an edge is good for, and what it is not (hostile 140).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/script.rs"]
mod script;
#[path = "adapters/wire.rs"]
mod wire;

use std::{
    io::{self, IoSlice, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::Arc,
    task::Poll::Ready,
    thread,
    time::Duration,
};

use mio::{Events, Interest, Poll, Registry, Token, event::Source};
use sansock::{
    Config, EndpointEvent, Event, SendError, State, Timeout,
    adapter::{
        Error,
        mio::{Socket, Stream},
    },
    proto::{
        self, Connection,
        handshake::{Accept, ClientRequest},
    },
};
use script::{In, Io, Out, Script};
use wire::{BINARY, PONG, REQUEST, RESPONSE, TEXT, close, decode, frame, noise};

/// A script as a stream of mio; a `LAYERED` one may keep bytes that the system knows nothing of.
#[derive(Debug)]
struct Scripted<const LAYERED: bool>(Io);

type Plain = Scripted<false>;
type Layered = Scripted<true>;

impl<const LAYERED: bool> Read for Scripted<LAYERED> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<const LAYERED: bool> Write for Scripted<LAYERED> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(chunks)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Registered nowhere: the tests bring the events.
impl<const LAYERED: bool> Source for Scripted<LAYERED> {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl<const LAYERED: bool> Stream for Scripted<LAYERED> {
    const SHORT_READ_MEANS_DRAINED: bool = !LAYERED;

    fn shutdown_write(&mut self) -> io::Result<()> {
        sansock::adapter::blocking::Stream::shutdown_write(&mut self.0)
    }
}

/// A server whose connection is open, and which has found nothing to read.
fn server<const LAYERED: bool>(io: &Io, config: Config) -> Socket<Scripted<LAYERED>> {
    let connection = Connection::server(&Arc::new(config));
    let mut socket = Socket::from_parts(Scripted(io.clone()), connection, Vec::new());
    assert!(socket.fill().is_pending());
    assert_eq!(io.read_calls(), 1);
    socket
}

fn tcp_pair() -> (TcpStream, mio::net::TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (peer, mio::net::TcpStream::from_std(ours))
}

/// What the system tells of a stream whose peer has written, and ended writing.
fn edge(interest: Interest, data: bool, end: bool) -> Events {
    let (mut peer, mut ours) = tcp_pair();
    if data {
        peer.write_all(b"x").unwrap();
    }
    if end {
        peer.shutdown(Shutdown::Write).unwrap();
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registry = poll.registry();
    registry.register(&mut ours, Token(0), interest).unwrap();
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(20)))
            .unwrap();
        let seen = events.iter().any(|event| {
            event.is_readable() == (data || end)
                && event.is_read_closed() == end
                && (event.is_writable() || !interest.is_writable())
        });
        if seen {
            return events;
        }
        let registry = poll.registry();
        registry.reregister(&mut ours, Token(0), interest).unwrap();
    }
}

fn tell<S: Stream>(socket: &mut Socket<S>, events: &Events) {
    assert_eq!(events.iter().count(), 1, "one edge");
    events.iter().for_each(|event| socket.handle_event(event));
}

fn readable<S: Stream>(socket: &mut Socket<S>) {
    tell(socket, &edge(Interest::READABLE, true, false));
}

fn writable<S: Stream>(socket: &mut Socket<S>) {
    tell(socket, &edge(Interest::WRITABLE, false, false));
}

/// Fills until `Pending` or the end; what came, in words, and whether it is the end.
fn drain<S: Stream>(socket: &mut Socket<S>) -> (Vec<String>, bool) {
    let mut said = Vec::new();
    while let Ready(filled) = socket.fill() {
        while let Some(event) = socket.next_event() {
            said.push(match event {
                EndpointEvent::Closed(status) => format!("{} {:?}", status.clean, status.error),
                event => format!("{event:?}"),
            });
        }
        match filled {
            Ok(true) => {}
            Ok(false) => return (said, true),
            Err(error) => said.push(format!("{:?}", error.kind())),
        }
    }
    (said, false)
}

/// Where data and the end come in one edge there is no other: the socket reads on.
#[test]
fn hostile_140_data_and_end_in_one_edge() {
    let text = frame(true, TEXT, b"last");
    let large = frame(true, BINARY, &noise(300_000));
    for data in [text.clone(), [&text, &large[..150_000]].concat()] {
        let io = Script::play([]);
        let mut socket = server::<false>(&io, Config::default());
        io.push(In::Data(data));
        io.push(In::End);
        tell(&mut socket, &edge(Interest::READABLE, true, true));
        let (said, ended) = drain(&mut socket);
        assert_eq!(said[1..], ["false Some(Eof)"], "{said:?}");
        assert!(said[0].contains("last") && ended, "{said:?}");
    }
}

/// The same by the system: one poll, one event, and all is read.
#[test]
fn hostile_140_the_system_tells_once() {
    for (last, expected, answers) in [
        (frame(true, TEXT, b"last"), "false Some(Eof)", 0),
        (close(true, 1000, ""), "true None", 1),
    ] {
        let (mut peer, ours) = tcp_pair();
        let connection = Connection::server(&Arc::default());
        let mut socket = Socket::from_parts(ours, connection, Vec::new());
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        socket.register(poll.registry(), Token(0)).unwrap();
        poll.poll(&mut events, None).unwrap();
        tell(&mut socket, &events);
        assert!(drain(&mut socket).0.is_empty());

        peer.write_all(&last).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        // Long enough that both are there.
        thread::sleep(Duration::from_millis(50));
        poll.poll(&mut events, None).unwrap();
        tell(&mut socket, &events);
        let (said, ended) = drain(&mut socket);
        assert_eq!(said.last().unwrap(), expected);
        assert!(ended);
        let mut answer = Vec::new();
        drop(socket);
        peer.read_to_end(&mut answer).unwrap();
        assert_eq!(decode(&answer).len(), answers, "a Close");
    }
}

#[test]
fn hostile_140_close_and_end_in_one_edge_are_clean() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default());
    io.push(In::Data(close(true, 1000, "")));
    io.push(In::End);
    tell(&mut socket, &edge(Interest::READABLE, true, true));
    let (said, ended) = drain(&mut socket);
    assert_eq!(said.last().unwrap(), "true None");
    assert!(ended && socket.close_status().unwrap().clean);
    assert_eq!(decode(&io.take_written()).len(), 1);
}

/// A short read of a plain stream shows that the system holds no more.
#[test]
fn hostile_140_a_short_read_saves_the_next() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default());
    for calls in 2..5 {
        io.push(In::Data(frame(true, TEXT, b"x")));
        readable(&mut socket);
        assert_eq!(drain(&mut socket).0.len(), 1);
        assert_eq!(io.read_calls(), calls, "would only have blocked");
    }
    // Without an event the system is not asked.
    assert!(socket.fill().is_pending());
    assert_eq!(io.read_calls(), 4);
    // The end in an edge of its own.
    io.push(In::End);
    tell(&mut socket, &edge(Interest::READABLE, false, true));
    assert!(drain(&mut socket).1);
}

/// Where plaintext waits inside the stream every read may be short.
#[test]
fn hostile_140_a_layered_stream_is_read_until_it_would_block() {
    let io = Script::play([]);
    let mut socket = server::<true>(&io, Config::default());
    for i in 0..5 {
        io.push(In::Data(frame(true, TEXT, &[b'0' + i])));
    }
    let large = frame(true, BINARY, &noise(300_000));
    for piece in large.chunks(16_000) {
        io.push(In::Data(piece.to_vec()));
    }
    readable(&mut socket);
    let (said, ended) = drain(&mut socket);
    assert_eq!((said.len(), ended), (6, false));
    assert!(io.0.borrow().reads.is_empty());
    let calls = io.read_calls();
    assert!(drain(&mut socket).0.is_empty());
    assert_eq!(io.read_calls(), calls);
}

#[test]
fn hostile_140_what_is_not_taken_waits_for_writable() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default());
    io.writes([Out::Take(3), Out::Wait, Out::Take(3), Out::Wait]);
    socket.send("a message").unwrap();
    assert_eq!(io.write_calls(), 2);
    io.push(In::Data(frame(true, 0x89, b"?")));
    readable(&mut socket);
    assert_eq!(drain(&mut socket).0.len(), 1);
    assert!(socket.flush().is_pending());
    socket.feed("another").unwrap();
    assert!(socket.fill().is_pending());
    assert_eq!(io.write_calls(), 2, "nobody said writable");
    writable(&mut socket);
    assert!(socket.fill().is_pending());
    assert_eq!(io.write_calls(), 4);
    writable(&mut socket);
    assert!(matches!(socket.flush(), Ready(Ok(()))));
    let kinds: Vec<u8> = decode(&io.take_written()).iter().map(|it| it.0).collect();
    assert_eq!(kinds, [TEXT, PONG, TEXT]);
    assert_eq!(socket.buffered_amount(), 0);
}

#[test]
fn a_full_socket_refuses_and_takes_again() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default().high_water_mark(1000));
    io.writes([Out::Wait]);
    socket.send(vec![7; 2000]).unwrap();
    assert!(!socket.can_send());
    let full = socket.send("more").unwrap_err();
    assert!(matches!(full, Error::Send(SendError::Full)), "{full:?}");
    assert!(socket.flush().is_pending());
    writable(&mut socket);
    assert!(socket.flush().is_ready() && socket.can_send());
    socket.send("more").unwrap();
    assert_eq!(decode(&io.take_written()).len(), 2);
}

/// hostile 138: events for nothing cost one read each.
#[test]
fn hostile_138_spurious_events_do_not_loop() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default());
    let events = edge(Interest::READABLE | Interest::WRITABLE, true, false);
    for calls in 2..1_000_000 {
        tell(&mut socket, &events);
        assert!(socket.fill().is_pending());
        assert_eq!(io.read_calls(), calls);
    }
    assert_eq!(io.write_calls(), 0);
}

#[test]
fn the_timeout_is_what_is_left() {
    let io = Script::play([]);
    let due = Duration::from_millis(40);
    let config = Config::default().handshake_timeout(Some(due));
    let config = Arc::new(config.linger(Duration::ZERO));
    let mut socket: Socket<Plain> = Socket::accept(Scripted(io), &config);
    assert!(socket.fill().is_pending());
    assert!(socket.timeout().unwrap() <= due);
    thread::sleep(due);
    assert_eq!(socket.timeout(), Some(Duration::ZERO));
    let (said, ended) = drain(&mut socket);
    let timeout = proto::Error::Timeout(Timeout::Handshake);
    assert_eq!(said, [format!("false {:?}", Some(timeout))]);
    assert!(ended && socket.timeout().is_none());

    let mut socket = server::<true>(&Script::play([]), Config::default());
    assert!(socket.fill().is_pending());
    let left = socket.timeout().unwrap();
    assert!(left > Duration::from_secs(20) && left <= Duration::from_secs(30));
}

/// A stream that is still connecting is asked for nothing before its first event.
#[test]
fn a_connecting_stream_is_not_asked() {
    let io = Script::play([]);
    let request = ClientRequest::new("server.example.com", "/chat").unwrap();
    let mut socket: Socket<Layered> =
        Socket::connect(Scripted(io.clone()), &request, &Arc::default()).unwrap();
    for _ in 0..3 {
        assert!(socket.fill().is_pending());
    }
    assert_eq!((io.read_calls(), io.write_calls()), (0, 0));
    writable(&mut socket);
    assert!(socket.fill().is_pending());
    assert_eq!((io.read_calls(), io.write_calls()), (0, 1));
    let request = io.take_written();
    assert!(request.starts_with(b"GET /chat HTTP/1.1\r\n"));
    io.push(In::Data(wire::response_to(&request)));
    readable(&mut socket);
    assert!(drain(&mut socket).0[0].starts_with("Open"));
    assert!(RESPONSE.starts_with(b"HTTP/1.1 101"));
}

/// Nobody listens: told once, as what it is.
#[test]
fn a_refused_connection_is_told_once() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let stream = mio::net::TcpStream::connect(nobody).unwrap();
    let request = ClientRequest::new("server.example.com", "/chat").unwrap();
    let mut socket = Socket::connect(stream, &request, &Arc::default()).unwrap();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    socket.register(poll.registry(), Token(0)).unwrap();
    let mut all = Vec::new();
    loop {
        poll.poll(&mut events, socket.timeout()).unwrap();
        events.iter().for_each(|event| socket.handle_event(event));
        let (said, ended) = drain(&mut socket);
        all.extend(said);
        if ended {
            break;
        }
    }
    assert_eq!(all[1..], ["ConnectionRefused"], "{all:?}");
    assert_eq!(all[0], "false Some(Handshake(Eof(BeforeHead)))");
}

/// hostile 134: a peer that is gone for good ends in the system's own time limit, which no event
/// follows: told once, as what it is.
#[test]
fn hostile_134_a_time_limit_of_the_system_is_told_once() {
    let io = Script::play([]);
    let mut socket = server::<false>(&io, Config::default());
    io.push(In::Fail(io::ErrorKind::TimedOut));
    io.push(In::End);
    readable(&mut socket);
    let (said, ended) = drain(&mut socket);
    assert_eq!(said, ["false Some(Eof)", "TimedOut"]);
    assert!(ended);
}

/// A request that is decided on later: the opening is told, though nothing more is read.
#[test]
fn a_late_decision_is_followed_by_the_opening() {
    let io = Script::play([In::Data(REQUEST.to_vec())]);
    let mut socket: Socket<Plain> = Socket::accept(Scripted(io.clone()), &Arc::default());
    assert!(drain(&mut socket).0[0].starts_with("Request"));
    assert!(socket.fill().is_pending());
    socket.accept_request(&Accept::new()).unwrap();
    assert_eq!(drain(&mut socket).0, ["Open(None)"]);
    assert_eq!(socket.state(), State::Open);
    assert!(io.take_written().starts_with(b"HTTP/1.1 101"));
    io.push(In::Data(frame(true, TEXT, b"in")));
    readable(&mut socket);
    let Ready(Ok(Some(message))) = socket.recv() else {
        panic!("no message");
    };
    assert_eq!(message.as_text(), Some("in"));
    assert!(socket.recv().is_pending());
}

/// What came with the request is told behind the opening.
#[test]
fn a_late_decision_keeps_what_came_behind() {
    let early = [REQUEST, &frame(true, TEXT, b"early")].concat();
    let io = Script::play([In::Data(early)]);
    let mut socket: Socket<Plain> = Socket::accept(Scripted(io), &Arc::default());
    assert!(matches!(socket.fill(), Ready(Ok(true))));
    let Some(EndpointEvent::Request(_)) = socket.next_event() else {
        panic!("no request");
    };
    socket.accept_request(&Accept::new()).unwrap();
    let Some(EndpointEvent::Open(None)) = socket.next_event() else {
        panic!("no opening");
    };
    let Some(EndpointEvent::Event(Event::Message(message))) = socket.next_event() else {
        panic!("no message");
    };
    assert_eq!(message.as_text(), Some("early"));
}
