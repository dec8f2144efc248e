//! The servers of `tests/whatwg_fixtures/` do what they are for: each is asked by hand, with bytes.
#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

#[path = "whatwg_fixtures/mod.rs"]
mod fixtures;

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::TcpStream,
    time::Duration,
};

use fixtures::{Gate, HANDLERS, Server, Settings, Wait};
use sansock::{CloseCode, adapter::blocking};

/// The answer to the request below (RFC 6455 §1.3).
const OPENED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Close frames: 1000 of a server, 1000 of a client.
const CLOSE: &[u8] = b"\x88\x02\x03\xE8";
const CLOSE_OF_CLIENT: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";

/// A client that writes and reads bytes.
struct Client<S = TcpStream>(S);

impl Client {
    /// Asks for that target, with more header lines.
    fn ask(server: &Server, target: &str, more: &str) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Client(stream).request(target, more)
    }

    /// Asks, and has the connection opened.
    fn open(server: &Server, target: &str) -> Self {
        let mut client = Self::ask(server, target, "");
        assert_eq!(client.head(), OPENED, "{target}");
        client
    }

    /// What has come until now.
    fn pending(&mut self) -> Vec<u8> {
        self.0.set_nonblocking(true).unwrap();
        let mut bytes = [0; 1024];
        let read = self.0.read(&mut bytes);
        self.0.set_nonblocking(false).unwrap();
        match read {
            Ok(n) => bytes[..n].to_vec(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl<S: Read + Write> Client<S> {
    fn request(mut self, target: &str, more: &str) -> Self {
        let request = format!(
            "GET /{target} HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{more}\r\n"
        );
        self.send(request);
        self
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Up to the blank line.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.bytes(1));
        }
        String::from_utf8(head).unwrap()
    }

    /// These bytes come next.
    #[track_caller]
    fn expect(&mut self, bytes: &[u8]) {
        let came = self.bytes(bytes.len());
        assert_eq!(
            came.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// These bytes come, and then the end.
    #[track_caller]
    fn expect_last(&mut self, bytes: &[u8]) {
        let mut came = Vec::new();
        self.0.read_to_end(&mut came).unwrap();
        assert_eq!(
            came.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// The server closes with 1000, is answered, and ends.
    #[track_caller]
    fn expect_close(&mut self) {
        self.expect(CLOSE);
        self.send(CLOSE_OF_CLIENT);
        self.expect_last(b"");
    }
}

#[test]
fn every_handler_answers_and_nothing_else_does() {
    let server = Server::with(Settings {
        burst: (0, 0),
        ..Settings::default()
    });
    for name in HANDLERS {
        let mut client = Client::ask(&server, name, "");
        let head = client.head();
        assert!(!head.starts_with("HTTP/1.1 404 "), "{name}");
    }
    let mut client = Client::ask(&server, "echoes", "");
    assert!(client.head().starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn echo_sends_back_texts_binaries_and_closes() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo");
    client.send(b"\x81\x85\0\0\0\0Hello\x82\x82\0\0\0\0\0\xFF\x81\x80\0\0\0\0");
    client.expect(b"\x81\x05Hello\x82\x02\0\xFF\x81\x00");
    // A Close with 3000 and a reason.
    client.send(b"\x88\x85\0\0\0\0\x0B\xB8bye");
    client.expect_last(b"\x88\x05\x0B\xB8bye");
    drop(client);
    let status = server.end().status.unwrap();
    assert!(status.clean && status.reason() == "bye", "{status:?}");

    let mut client = Client::open(&server, "echo");
    client.send(b"\x88\x80\0\0\0\0");
    client.expect_last(b"\x88\x00");
    drop(client);
    assert_eq!(server.end().status.unwrap().code(), CloseCode::NO_STATUS);
}

#[test]
fn echo_closes_at_goodbye() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo");
    client.send(b"\x81\x87\0\0\0\0Goodbye");
    client.expect(b"\x81\x07Goodbye");
    client.expect_close();
}

#[test]
fn echo_selects_only_echo() {
    let server = Server::start();
    let mut client = Client::ask(&server, "echo", "Sec-WebSocket-Protocol: Echo, echo\r\n");
    assert!(
        client
            .head()
            .contains("\r\nSec-WebSocket-Protocol: echo\r\n")
    );
    let mut client = Client::ask(&server, "echo", "Sec-WebSocket-Protocol: Echo, chat\r\n");
    assert_eq!(client.head(), OPENED);
}

#[test]
fn echo_agrees_on_deflate_unless_the_settings_say_no() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let server = Server::start();
    let mut client = Client::ask(&server, "echo", offer);
    let head = client.head();
    assert!(head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate"));
    let server = Server::with(Settings {
        deflate: false,
        ..Settings::default()
    });
    assert_eq!(Client::ask(&server, "echo", offer).head(), OPENED);
}

#[test]
fn echo_raw_puts_a_payload_on_the_wire() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo_raw");
    // A text and a frame with the reserved opcode 3.
    client.send(b"\x82\x88\0\0\0\0\x81\x02ok\x83\x02no");
    client.expect(b"\x81\x02ok\x83\x02no");
    client.send(b"\x82\x84\0\0\0\0exit");
    client.expect_close();
}

#[test]
fn echo_exit_says_nothing_and_closes_at_goodbye() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo_exit");
    client.send(b"\x81\x82\0\0\0\0hi\x81\x87\0\0\0\0Goodbye");
    client.expect_close();
}

#[test]
fn echo_close_data_sends_back_nothing_but_the_code() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo_close_data");
    client.send(b"\x81\x82\0\0\0\0hi\x88\x86\0\0\0\0\x13\x87done");
    client.expect_last(b"\x88\x02\x13\x87");
}

#[test]
fn echo_query_says_what_stands_behind_the_question_mark() {
    let server = Server::start();
    let mut client = Client::open(&server, "echo-query?a%20b?c");
    client.expect(b"\x81\x07a%20b?c");
    client.expect_close();
    let mut client = Client::open(&server, "echo-query");
    client.expect(b"\x81\x00");
}

#[test]
fn empty_message_tells_whether_it_was() {
    let server = Server::start();
    let mut client = Client::open(&server, "empty-message");
    client.send(b"\x81\x80\0\0\0\0");
    client.expect(b"\x81\x04pass");
    client.expect_close();
    for other in [&b"\x82\x80\0\0\0\0"[..], b"\x81\x81\0\0\0\0x"] {
        let mut client = Client::open(&server, "empty-message");
        client.send(other);
        client.expect(b"\x81\x04fail");
    }
}

#[test]
fn protocol_and_protocol_array_select_the_first_and_say_it() {
    let server = Server::start();
    for (path, offered) in [
        ("protocol", "foobar"),
        ("protocol_array", "foobar, foobar2"),
    ] {
        let offer = format!("Sec-WebSocket-Protocol: {offered}\r\n");
        let mut client = Client::ask(&server, path, &offer);
        assert!(
            client
                .head()
                .contains("\r\nSec-WebSocket-Protocol: foobar\r\n")
        );
        client.expect(b"\x81\x06foobar");
        client.expect_close();
    }
}

#[test]
fn handshake_protocol_selects_what_nobody_offered() {
    let server = Server::start();
    for offer in ["", "Sec-WebSocket-Protocol: Foobar\r\n"] {
        let mut client = Client::ask(&server, "handshake_protocol", offer);
        assert!(
            client
                .head()
                .contains("\r\nSec-WebSocket-Protocol: foobar\r\n")
        );
        client.expect_close();
    }
}

#[test]
fn handshake_no_protocol_and_no_extensions_agree_on_nothing() {
    let server = Server::start();
    let offer = "Sec-WebSocket-Protocol: foobar\r\n";
    let mut client = Client::ask(&server, "handshake_no_protocol", offer);
    assert_eq!(client.head(), OPENED);
    client.expect_close();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut client = Client::ask(&server, "handshake_no_extensions", offer);
    assert_eq!(client.head(), OPENED);
    client.expect_close();
}

#[test]
fn handshake_sleep_2_and_sleep_10_open_late() {
    let (server, gate) = Server::gated();
    let mut first = Client::ask(&server, "handshake_sleep_2", "");
    assert_eq!(server.waiting(), "/handshake_sleep_2");
    let mut second = Client::ask(&server, "sleep_10", "");
    assert_eq!(server.waiting(), "/sleep_10");
    assert_eq!((first.pending(), second.pending()), (vec![], vec![]));
    gate.open();
    assert_eq!(first.head(), OPENED);
    first.expect_close();
    assert_eq!(second.head(), OPENED);
    second.send(b"\x81\x82\0\0\0\0hi");
    second.expect(b"\x81\x02hi");
}

#[test]
fn invalid_is_no_http() {
    let server = Server::start();
    let mut client = Client::ask(&server, "invalid", "");
    client.expect(b"this is no HTTP\r\n\r\n");
    drop(client);
}

#[test]
fn simple_handshake_closes_in_the_same_segment() {
    let server = Server::start();
    let mut client = Client::ask(&server, "simple_handshake", "");
    // Whoever reads at all reads both, since they were written at once.
    let mut bytes = [0; 1024];
    let n = client.0.read(&mut bytes).unwrap();
    let expected = [OPENED.as_bytes(), b"\x88\x06\x03\xE9PASS"].concat();
    assert_eq!(
        bytes[..n].escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    client.send(b"\x81\x82\0\0\0\0hi\x88\x86\0\0\0\0\x03\xE9PASS");
    client.expect_last(b"");
}

#[test]
fn wrong_accept_key_has_the_right_length_and_a_message() {
    let server = Server::start();
    let mut client = Client::ask(&server, "wrong_accept_key", "");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    let accept = "\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
    assert!(head.contains(accept), "{head}");
    client.expect(b"\x81\x04test");
}

#[test]
fn origin_and_referrer_say_what_they_were_sent() {
    let server = Server::start();
    let more = "Origin: http://a.example\r\nReferer: http://a.example/page\r\n";
    let mut client = Client::ask(&server, "origin", more);
    assert_eq!(client.head(), OPENED);
    client.expect(b"\x81\x10http://a.example");
    client.expect_close();
    let mut client = Client::ask(&server, "referrer", more);
    assert_eq!(client.head(), OPENED);
    client.expect(b"\x81\x15http://a.example/page");
    client.expect_close();
    for path in ["origin", "referrer"] {
        let mut client = Client::open(&server, path);
        client.expect(b"\x81\x04none");
    }
}

#[test]
fn basic_auth_asks_for_foo_and_bar() {
    let server = Server::start();
    for more in ["", "Authorization: Basic Zm9vOmJheg==\r\n"] {
        let mut client = Client::ask(&server, "basic_auth", more);
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
        assert!(
            head.contains("\r\nWWW-Authenticate: Basic realm="),
            "{head}"
        );
    }
    let more = "Authorization: Basic Zm9vOmJhcg==\r\n";
    let mut client = Client::ask(&server, "basic_auth", more);
    assert_eq!(client.head(), OPENED);
    client.expect_close();
}

#[test]
fn received_301_redirects_to_the_echo() {
    let server = Server::start();
    let mut client = Client::ask(&server, "received-301", "");
    let head = client.head();
    assert!(
        head.starts_with("HTTP/1.1 301 Moved Permanently\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nLocation: http://a.example/echo\r\n"),
        "{head}"
    );
    client.expect_last(b"");
}

#[test]
fn delayed_passive_close_answers_late() {
    let (server, gate) = Server::gated();
    let mut client = Client::open(&server, "delayed-passive-close");
    client.send(b"\x81\x82\0\0\0\0hi\x88\x85\0\0\0\0\x0B\xB8bye");
    assert_eq!(server.waiting(), "/delayed-passive-close");
    assert_eq!(client.pending(), b"");
    gate.open();
    client.expect_last(b"\x88\x05\x0B\xB8bye");
}

#[test]
fn passive_close_abort_ends_without_an_answer() {
    let server = Server::start();
    let mut client = Client::open(&server, "passive-close-abort");
    client.send(b"\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xE8");
    client.expect_last(b"");
}

#[test]
fn remote_close_does_what_its_query_says() {
    let server = Server::start();
    let cases: [(&str, &[u8]); 3] = [
        ("remote-close", b"\x88\x00"),
        ("remote-close?code=4000", b"\x88\x02\x0F\xA0"),
        ("remote-close?code=1000&reason=why", b"\x88\x05\x03\xE8why"),
    ];
    for (target, close) in cases {
        let mut client = Client::open(&server, target);
        client.expect(close);
        client.send(CLOSE_OF_CLIENT);
        client.expect_last(b"");
        drop(client);
        assert!(server.end().status.unwrap().clean, "{target}");
    }
    let mut client = Client::open(&server, "remote-close?abrupt=1");
    client.expect_last(b"\x89\x04ping");
}

#[test]
fn receive_backpressure_does_not_read_at_first() {
    let (server, gate) = Server::gated();
    let mut client = Client::open(&server, "receive-backpressure");
    assert_eq!(server.waiting(), "/receive-backpressure");
    // More than the system holds for us: it stops, as nobody reads.
    client.send(b"\x82\xFF\0\0\0\0\x01\0\0\0\0\0\0\0");
    client.0.set_nonblocking(true).unwrap();
    let block = vec![0; 1 << 20];
    let stopped = (0..64).find_map(|_| client.0.write(&block).err());
    assert_eq!(stopped.unwrap().kind(), ErrorKind::WouldBlock);
    gate.open();
}

#[test]
fn receive_backpressure_counts_what_it_read() {
    let server = Server::start();
    let mut client = Client::open(&server, "receive-backpressure");
    client.send(b"\x82\xFE\x01\0\0\0\0\0");
    client.send([0; 256]);
    client.expect(b"\x81\x03256");
    client.expect_close();
}

#[test]
fn receive_many_with_backpressure_counts_each() {
    let server = Server::start();
    let mut client = Client::open(&server, "receive-many-with-backpressure");
    client.send(b"\x82\x85\0\0\0\0Hello\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0");
    client.expect_last(b"\x81\x015\x81\x012\x88\x00");
}

#[test]
fn send_backpressure_takes_as_long_as_its_reader() {
    let server = Server::start();
    let mut client = Client::open(&server, "send-backpressure");
    client.expect(b"\x82\x00");
    // Real time is what this handler measures.
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..16 {
        client.expect(b"\x82\x7F\0\0\0\0\0\x10\0\0");
        assert!(client.bytes(1 << 20).iter().all(|byte| *byte == b' '));
    }
    let [0x81, len] = client.bytes(2)[..] else {
        panic!("no text")
    };
    let text = String::from_utf8(client.bytes(len.into())).unwrap();
    let seconds: f64 = text.parse().unwrap();
    assert!((0.1..20.0).contains(&seconds), "{seconds}");
    client.expect_close();
}

#[test]
fn a_server_tells_of_requests_waits_and_ends() {
    let server = Server::start();
    assert_eq!(server.try_request(), None);
    let more = "Sec-WebSocket-Protocol: a\r\nsec-websocket-protocol: b , c\r\n";
    let mut client = Client::ask(&server, "sleep_10?x=1&y=2", more);
    let head = server.request();
    assert_eq!(head.path(), "/sleep_10");
    assert_eq!(head.query(), "x=1&y=2");
    assert_eq!(
        (head.parameter("y"), head.parameter("z")),
        (Some("2"), None)
    );
    assert_eq!(head.field("host"), Some("a.example"));
    assert_eq!(head.subprotocols().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(server.waiting(), "/sleep_10");
    client.head();
    client.send(CLOSE_OF_CLIENT);
    client.expect_last(CLOSE);
    drop(client);
    let end = server.end();
    assert_eq!(end.path, "/sleep_10");
    assert_eq!(end.status.unwrap().code(), CloseCode::NORMAL);
}

#[test]
fn a_server_ends_with_its_connections() {
    let wait = Wait::For(Duration::from_secs(3600));
    let server = Server::with(Settings {
        wait,
        ..Settings::default()
    });
    let mut idle = Client::open(&server, "echo");
    let mut asleep = Client::ask(&server, "sleep_10", "");
    server.waiting();
    let mut silent = TcpStream::connect(server.address()).unwrap();
    drop(server);
    let mut rest = Vec::new();
    for client in [&mut idle.0, &mut asleep.0, &mut silent] {
        // An end or a reset, but soon.
        let _ = client.read_to_end(&mut rest);
    }
}

/// A layer that flips every bit.
struct Flipped<S>(S);

impl<S: Read> Read for Flipped<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        buffer[..n].iter_mut().for_each(|byte| *byte = !*byte);
        Ok(n)
    }
}

impl<S: Write> Write for Flipped<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        self.0.write(&bytes)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let first = bytes.iter().find(|bytes| !bytes.is_empty());
        self.write(first.map_or(&[], |bytes| bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: blocking::Stream> blocking::Stream for Flipped<S> {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(timeout)
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown_write()
    }
}

#[test]
fn what_lies_below_may_be_another_layer() {
    let wait = Wait::At(Gate::default());
    let settings = Settings {
        wait,
        ..Settings::default()
    };
    let server = Server::over(settings, |stream| Ok(Flipped(stream)));
    let ask = |target: &str| {
        let stream = TcpStream::connect(server.address()).unwrap();
        Client(Flipped(stream)).request(target, "")
    };
    let mut client = ask("echo");
    assert_eq!(client.head(), OPENED);
    client.send(b"\x81\x82\0\0\0\0hi");
    client.expect(b"\x81\x02hi");
    client.send(CLOSE_OF_CLIENT);
    client.expect_last(CLOSE);
    ask("invalid").expect(b"this is no HTTP\r\n\r\n");
}
