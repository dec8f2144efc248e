//! Records cut, spoilt and trickled: nothing is lost, nothing stranded, and each end is told once.

use std::{
    cell::Cell,
    future::Future,
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    pin::pin,
    rc::Rc,
    sync::{Arc, LazyLock},
    task::Poll,
    time::Duration,
};

use ::mio::{Events, Interest, Registry, Token, event::Source};
use sansock::{
    Config, Message, State,
    adapter::{
        self, Error,
        blocking::{self, Socket},
        mio::Stream,
        tls::{
            self, TlsAcceptor, TlsConnector, TlsStream,
            rustls::{ServerConfig, ServerConnection},
        },
    },
    proto::{
        self, Connection,
        handshake::{ClientRequest, EofStage, HandshakeError},
    },
};

use crate::{
    HOST,
    certificates::{Authority, client},
    ring,
    script::{In, Io, Out, Script},
    wire::{BINARY, TEXT, close, decode, frame, noise},
};

static TLS: LazyLock<(TlsConnector, ServerConfig)> = LazyLock::new(|| {
    let authority = Authority::new();
    let mut server = authority.leaf(HOST).server(&ring());
    server.send_tls13_tickets = 0;
    let client = client(&ring(), &authority);
    (Arc::new(client).into(), server)
});

fn server_of_records(size: usize) -> ServerConnection {
    let mut config = TLS.1.clone();
    config.max_fragment_size = Some(size);
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    server.set_buffer_limit(None);
    server
}

fn server() -> ServerConnection {
    server_of_records(16_384 + 5)
}

/// All records that wait to be written.
fn records(server: &mut ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Where each record ends (RFC 8446 §5.1).
fn ends(records: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 0);
    while at < records.len() {
        at += 5 + usize::from(u16::from_be_bytes([records[at + 3], records[at + 4]]));
        ends.push(at);
    }
    assert_eq!(ends.last(), Some(&records.len()));
    ends
}

fn take(server: &mut ServerConnection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets().unwrap();
    }
}

fn is_blocked(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A client over a script and a server in memory, their handshake done.
fn shaken() -> (TlsStream<Io>, Io, ServerConnection) {
    let io = Script::play([]);
    let mut stream = TLS.0.wrap(io.clone(), HOST).unwrap();
    let mut server = server();
    while stream.connection().is_handshaking() || server.is_handshaking() {
        assert!(is_blocked(&stream.read(&mut [0]).unwrap_err()));
        take(&mut server, &io.take_written());
        let answer = records(&mut server);
        if !answer.is_empty() {
            io.push(In::Data(answer));
        }
    }
    (stream, io, server)
}

fn open(stream: TlsStream<Io>) -> Socket<TlsStream<Io>> {
    let config = Arc::new(Config::default().linger(Duration::ZERO));
    let connection = Connection::client(&config, [7; 32]);
    Socket::from_parts(stream, connection, Vec::new()).unwrap()
}

/// What comes until the end, which is told at most once; how it ended.
fn receive(socket: &mut Socket<TlsStream<Io>>) -> (Vec<Message<'static>>, Option<Error>) {
    let mut messages = Vec::new();
    let error = loop {
        match socket.recv() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    for _ in 0..3 {
        assert!(socket.recv().unwrap().is_none());
    }
    assert_eq!(socket.state(), State::Closed);
    (messages, error)
}

/// Two messages, a Close and `close_notify`, a record each.
fn session(server: &mut ServerConnection) -> (Vec<u8>, Vec<usize>) {
    for bytes in [
        frame(false, TEXT, b"one"),
        frame(false, TEXT, b"two"),
        close(false, 1000, ""),
    ] {
        server.writer().write_all(&bytes).unwrap();
    }
    server.send_close_notify();
    let records = records(server);
    let ends = ends(&records);
    assert_eq!(ends.len(), 4);
    (records, ends)
}

/// hostile 116: cut anywhere, within a record or between two, TLS ends once; it was clean if the
/// Close came, whether `close_notify` did or not.
#[test]
fn hostile_116_tls_cut_anywhere_ends_once() {
    let len = session(&mut shaken().2).0.len();
    for cut in 0..=len {
        let (stream, io, mut server) = shaken();
        let (records, ends) = session(&mut server);
        io.push(In::Data(records[..cut].to_vec()));
        io.push(In::End);
        let mut socket = open(stream);
        let (messages, error) = receive(&mut socket);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let expected = [Message::from("one"), Message::from("two")];
        assert_eq!(messages, expected[..whole.min(2)], "cut at {cut}");
        let is_clean = socket.close_status().unwrap().clean;
        match error {
            None => assert!(whole >= 3 && is_clean, "cut at {cut}"),
            Some(Error::Connection(proto::Error::Eof)) => {
                assert!(whole < 3 && !is_clean, "cut at {cut}");
            }
            Some(error) => panic!("cut at {cut}: {error:?}"),
        }
    }
}

/// hostile 116: `close_notify` without a Close is no closing handshake.
#[test]
fn hostile_116_close_notify_alone_is_not_clean() {
    let (stream, io, mut server) = shaken();
    server.send_close_notify();
    io.push(In::Data(records(&mut server)));
    let mut socket = open(stream);
    let (_, error) = receive(&mut socket);
    assert!(matches!(error, Some(Error::Connection(proto::Error::Eof))));
    assert!(!socket.close_status().unwrap().clean);
}

/// What is written behind `close_notify` could only be lost (RFC 8446 §6.1: "any data received
/// after a closure alert has been received MUST be ignored").
#[test]
fn nothing_is_taken_behind_close_notify() {
    let (mut stream, io, mut server) = shaken();
    assert_eq!(stream.write(b"before").unwrap(), 6);
    blocking::Stream::shutdown_write(&mut stream).unwrap();
    take(&mut server, &io.take_written());
    let mut heard = Vec::new();
    server.reader().read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"before");
    let error = stream.write(b"behind").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(io.take_written(), []);
    // Reading goes on.
    server.writer().write_all(b"answer").unwrap();
    io.push(In::Data(records(&mut server)));
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
}

/// hostile 206: rustls takes for granted, and asserts, that nothing can fail once it has said that
/// it ends.
#[test]
fn hostile_206_noise_behind_our_close_notify_is_an_error() {
    for noise in [
        &b"\x17\x03\x03\0\x11noise, not sealed"[..],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let (mut stream, io, _) = shaken();
        blocking::Stream::shutdown_write(&mut stream).unwrap();
        io.take_written();
        io.push(In::Data(noise.to_vec()));
        for _ in 0..3 {
            let error = stream.read(&mut [0; 100]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let inner = error.get_ref().unwrap().downcast_ref();
            assert!(matches!(inner, Some(tls::Error::Other(_))), "{inner:?}");
        }
        assert_eq!(io.take_written(), []);
    }
}

/// The same within the handshake of TLS, between its records and within them.
#[test]
fn hostile_116_a_handshake_cut_anywhere_ends_once() {
    let request = ClientRequest::new(HOST, "/").unwrap();
    let config = Arc::new(Config::default().linger(Duration::ZERO));
    const BEFORE: HandshakeError = HandshakeError::Eof(EofStage::BeforeHead);
    let mut cut = 0;
    loop {
        let io = Script::play([]);
        let mut stream = TLS.0.wrap(io.clone(), HOST).unwrap();
        assert!(is_blocked(&stream.read(&mut [0]).unwrap_err()));
        let mut server = server();
        take(&mut server, &io.take_written());
        let flight = records(&mut server);
        let cut_here = cut.min(flight.len());
        io.push(In::Data(flight[..cut_here].to_vec()));
        io.push(In::End);
        let error = Socket::connect(stream, &request, &config).unwrap_err();
        assert!(
            matches!(error, Error::Connection(proto::Error::Handshake(BEFORE))),
            "cut at {cut}: {error:?}"
        );
        if cut_here == flight.len() {
            break;
        }
        cut += 7;
    }
    assert!(cut > 500, "{cut}");
}

/// A record that was spoilt is an error of TLS, once, behind what came before; the peer is told.
#[test]
fn hostile_051_a_spoilt_record_is_told_once() {
    let len = session(&mut shaken().2).0.len();
    for at in 0..len {
        let (stream, io, mut server) = shaken();
        let (mut records, ends) = session(&mut server);
        records[at] ^= 0x10;
        io.push(In::Data(records));
        io.push(In::End);
        let (messages, error) = receive(&mut open(stream));
        let before = ends.iter().filter(|end| **end <= at).count();
        let begin = before.checked_sub(1).map_or(0, |last| ends[last]);
        if at - begin == 2 {
            // The lesser part of a version that means nothing any more.
            assert!(error.is_none());
            continue;
        }
        assert_eq!(messages.len(), before.min(2), "spoilt at {at}");
        match error {
            Some(Error::Tls(tls::Error::Other(_))) => {
                assert!(before < 3, "spoilt at {at}");
                assert!(!io.take_written().is_empty(), "spoilt at {at}: no alert");
            }
            // A length that grew: the end comes first.
            Some(Error::Connection(proto::Error::Eof)) => assert!(before < 3, "spoilt at {at}"),
            // What follows the Close is of no matter.
            None => assert_eq!(before, 3, "spoilt at {at}"),
            Some(error) => panic!("spoilt at {at}: {error:?}"),
        }
    }
}

/// A transport that blocks behind each byte, both ways.
#[test]
fn hostile_136_a_trickle_loses_nothing() {
    let (stream, io, mut server) = shaken();
    let payload = noise(2000);
    let bytes = frame(false, BINARY, &payload);
    server.writer().write_all(&bytes).unwrap();
    for byte in records(&mut server) {
        io.push(In::Wait);
        io.push(In::Data(vec![byte]));
    }
    let mut socket = open(stream);
    assert_eq!(socket.recv().unwrap().unwrap().as_bytes(), payload);

    io.writes((0..3000).flat_map(|_| [Out::Wait, Out::Take(1)]));
    // A flush reads meanwhile.
    for _ in 0..6000 {
        io.push(In::Wait);
    }
    socket.feed(&payload[..]).unwrap();
    socket.flush().unwrap();
    take(&mut server, &io.take_written());
    let mut out = vec![0; 3000];
    let n = server.reader().read(&mut out).unwrap();
    assert_eq!(decode(&out[..n]), [(BINARY, payload)]);
}

/// hostile 137: a reader or writer that says it moved more than there was.
#[test]
fn hostile_137_a_lying_transport_does_not_panic() {
    for lie in [1, 5000, usize::MAX / 2] {
        let (stream, io, _) = shaken();
        io.push(In::Lie(lie));
        io.push(In::End);
        assert!(receive(&mut open(stream)).1.is_some());

        // Into a small buffer there is another way.
        let (mut stream, io, _) = shaken();
        io.push(In::Lie(lie));
        io.push(In::End);
        assert!(stream.read(&mut [0]).is_err());

        let io = Script::play([In::Lie(lie), In::End]);
        let stream = TLS.0.wrap(io, HOST).unwrap();
        let request = ClientRequest::new(HOST, "/").unwrap();
        assert!(Socket::connect(stream, &request, &Arc::new(Config::default())).is_err());
    }
}

/// Two ends with their handshake done, the client's a stream of mio.
fn over_unix(mut server: ServerConnection) -> (TlsStream<::mio::net::UnixStream>, Unix) {
    let (near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    let mut near = TLS.0.wrap(near, HOST).unwrap();
    while near.connection().is_handshaking() || server.is_handshaking() {
        assert!(is_blocked(&near.read(&mut [0]).unwrap_err()));
        if let Err(error) = server.complete_io(&mut far) {
            assert!(is_blocked(&error), "{error}");
        }
    }
    (near.map(::mio::net::UnixStream::from_std), (server, far))
}

type Unix = (ServerConnection, UnixStream);

/// hostile 140: 64 KiB in many records that come in one batch, and one edge: all of it is handed
/// out before the next wait, although the system knows of nothing more.
#[test]
fn hostile_140_plaintext_is_never_stranded() {
    let large = frame(false, BINARY, &noise(64 << 10));
    let small = frame(false, BINARY, &noise(1024)).repeat(64);
    for (bytes, record, least) in [
        (&large, 16_389, 5),
        (&large, 1024, 64),
        (&small, 16_389, 5),
        (&small, 1000, 65),
    ] {
        let (stream, (mut server, mut far)) = over_unix(server_of_records(record));
        let connection = Connection::client(&Arc::new(Config::default()), [7; 32]);
        let mut socket = adapter::mio::Socket::from_parts(stream, connection, Vec::new());
        let mut poll = ::mio::Poll::new().unwrap();
        socket.register(poll.registry(), Token(0)).unwrap();
        assert!(socket.fill().is_pending());

        server.writer().write_all(bytes).unwrap();
        let batch = records(&mut server);
        assert!(ends(&batch).len() >= least);
        assert_eq!(far.write(&batch).unwrap(), batch.len(), "not one batch");
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_secs(10)))
            .unwrap();
        let seen: Vec<_> = events.iter().collect();
        assert!(seen.len() == 1 && seen[0].is_readable(), "{seen:?}");
        socket.handle_event(seen[0]);

        let mut received = 0;
        while let Poll::Ready(message) = socket.recv() {
            received += message.unwrap().unwrap().len();
        }
        assert_eq!(received, 64 << 10);
    }
}

/// A stream that takes nothing while it is choked.
struct Choked {
    stream: ::mio::net::UnixStream,
    is_choked: Rc<Cell<bool>>,
}

impl Read for Choked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Choked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_choked.get() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Choked {
    fn register(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
        self.stream.register(registry, token, i)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, i: Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, i)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

impl Stream for Choked {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}

/// hostile 140: a server's flight that the system did not take at once leaves at the event that
/// says writable, although nothing was written to the stream and nothing more will be read.
#[test]
fn hostile_140_a_handshake_goes_on_when_it_can_be_written() {
    let (near, far) = UnixStream::pair().unwrap();
    for stream in [&near, &far] {
        stream.set_nonblocking(true).unwrap();
    }
    let mut near = TLS.0.wrap(near, HOST).unwrap();
    assert!(is_blocked(&near.read(&mut [0]).unwrap_err()));

    let is_choked = Rc::new(Cell::new(true));
    let far = Choked {
        stream: ::mio::net::UnixStream::from_std(far),
        is_choked: Rc::clone(&is_choked),
    };
    let acceptor = TlsAcceptor::from(Arc::new(TLS.1.clone()));
    let far = acceptor.wrap(far).unwrap();
    let mut socket = adapter::mio::Socket::accept(far, &Arc::new(Config::default()));
    let mut poll = ::mio::Poll::new().unwrap();
    socket.register(poll.registry(), Token(0)).unwrap();
    let mut events = Events::with_capacity(8);
    let timeout = Some(Duration::from_secs(10));
    poll.poll(&mut events, timeout).unwrap();
    for event in &events {
        socket.handle_event(event);
    }
    assert!(socket.fill().is_pending());
    assert!(is_blocked(&near.read(&mut [0]).unwrap_err()));
    assert!(near.connection().is_handshaking());

    is_choked.set(false);
    // Tells the edge that a system with room again would.
    let interest = Interest::READABLE | Interest::WRITABLE;
    let again = poll
        .registry()
        .reregister(socket.get_mut(), Token(0), interest);
    again.unwrap();
    poll.poll(&mut events, timeout).unwrap();
    for event in &events {
        assert!(!event.is_readable() && event.is_writable());
        socket.handle_event(event);
    }
    assert!(socket.fill().is_pending());
    assert!(is_blocked(&near.read(&mut [0]).unwrap_err()));
    assert!(!near.connection().is_handshaking());
}

/// Two tasks each, that send and receive at once through a pipe much smaller than a record, the
/// handshake of TLS among it.
#[::tokio::test]
async fn tokio_halves_over_tls_do_not_stop_each_other() {
    const MUCH: usize = 2 << 20;
    let (near, far) = ::tokio::io::duplex(700);
    let near = TLS.0.wrap(near, HOST).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(TLS.1.clone()));
    let far = acceptor.wrap(far).unwrap();
    let config = Arc::new(Config::default().max_message_size(MUCH as u64));
    let request = ClientRequest::new(HOST, "/").unwrap();
    let (near, far) = ::tokio::join!(
        within(adapter::tokio::Socket::connect(near, &request, &config)),
        within(adapter::tokio::Socket::accept(far, &config)),
    );
    let mut tasks = Vec::new();
    for socket in [near.unwrap().0, far.unwrap()] {
        let (mut reader, mut writer) = socket.into_split();
        tasks.push(::tokio::spawn(async move {
            writer.send(vec![7; MUCH]).await.unwrap();
            writer.flush().await.unwrap();
        }));
        tasks.push(::tokio::spawn(async move {
            let message = reader.recv().await.unwrap().unwrap();
            assert_eq!(message.len(), MUCH);
        }));
    }
    for task in tasks {
        within(task).await.unwrap();
    }
}

/// A writer that reads nothing itself gets through the handshake, with more than waits inside.
#[::tokio::test]
async fn a_write_alone_completes_the_handshake() {
    use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (near, far) = ::tokio::io::duplex(1000);
    let mut near = TLS.0.wrap(near, HOST).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(TLS.1.clone()));
    let mut far = acceptor.wrap(far).unwrap();
    let writing = async {
        near.write_all(&noise(200_000)).await.unwrap();
        near.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let ((), n) = within(async { ::tokio::join!(writing, far.read_to_end(&mut read)) }).await;
    assert_eq!(n.unwrap(), 200_000);
    assert_eq!(read, noise(200_000));
}

/// What takes longer waits for ever.
async fn within<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    ::tokio::time::timeout(limit, pin!(future)).await.unwrap()
}
