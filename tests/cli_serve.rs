//! `sansock serve` as its users run it: a real process, real sockets.
#![cfg(feature = "cli")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these helpers are part of tests"
)]

mod cli;
mod program;

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cli::{failed, sansock};
use program::{Ended, Program};
use sansock::{
    CloseCode, Config, DeflateConfig,
    adapter::{
        Error, MaybeTls, blocking,
        tls::{
            self, TlsConnector, TlsConnectorBuilder,
            rustls::{
                crypto::ring,
                pki_types::{CertificateDer, pem::PemObject},
            },
        },
    },
    proto::handshake::ClientRequest,
};

const ADAPTERS: [&str; 4] = ["tokio", "blocking", "futures", "mio"];

type Client = blocking::Socket<MaybeTls<TcpStream>>;

#[test]
fn messages_of_every_size_come_back_from_every_adapter() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let mut socket = server.connect();
        for len in [0_usize, 125, 65_536, 3 << 20] {
            let data = vec![len.to_le_bytes()[2]; len];
            socket.send(&data).unwrap();
            let answer = socket.recv().unwrap().unwrap().into_bytes();
            assert!(answer == data, "{adapter}: not {len} bytes");
        }
        socket.send("grüß Gott").unwrap();
        assert_eq!(line(&mut socket), "grüß Gott", "{adapter}");
        assert!(socket.end().unwrap().clean, "{adapter}");
    }
}

#[test]
fn neither_side_waits_for_the_other_to_stop_sending() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let (mut read, mut write) = server.connect().into_split().unwrap();
        let writer = thread::spawn(move || {
            for n in 0..20_000 {
                write.send("x".repeat(n % 1_000)).unwrap();
            }
            write
        });
        for n in 0..20_000 {
            let message = read.recv().unwrap().unwrap();
            assert_eq!(message.len(), n % 1_000, "{adapter}");
        }
        writer.join().unwrap().close(None).unwrap();
        assert_eq!(read.recv().unwrap(), None, "{adapter}");
    }
}

#[test]
fn a_browser_gets_a_page_from_every_adapter() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let page = server.get("GET /");
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{adapter}: {head}");
        for field in [
            "Content-Type: text/html; charset=utf-8",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            &format!("Content-Length: {}", body.len()),
        ] {
            assert!(
                head.lines().any(|l| l == field),
                "{adapter}: {field}: {head}"
            );
        }
        assert!(head.contains("\r\nContent-Security-Policy: default-src 'none';"));
        assert!(body.contains("data-serves=\"echo\"") && body.ends_with("</html>\n"));
        assert_eq!(server.get("HEAD /"), format!("{head}\r\n\r\n"), "{adapter}");
        assert!(
            server.get("GET /?a").starts_with("HTTP/1.1 200 "),
            "{adapter}"
        );
        for (start, status) in [("GET /favicon.ico", 404), ("POST /", 405), ("GET *", 400)] {
            let answer = server.get(start);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{adapter}: {answer}"
            );
        }
    }
}

/// RFC 6455 §7.1.1: the server ends the transport first, and does not wait for the client with it.
#[test]
fn every_adapter_ends_the_transport_at_once() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        // The client ends nothing; were writing not shut down, it would wait for `Config::linger`.
        // The least of some times is the same on a busy machine.
        let least = (0..5)
            .map(|_| {
                let mut stream = upgraded(&server);
                stream.write_all(b"\x88\x80\x00\x00\x00\x00").unwrap();
                let start = Instant::now();
                let mut close = Vec::new();
                stream.read_to_end(&mut close).unwrap();
                assert_eq!(close, b"\x88\x00", "{adapter}");
                start.elapsed()
            })
            .min();
        assert!(
            least < Some(Duration::from_millis(500)),
            "{adapter}: {least:?}"
        );
    }
}

#[test]
fn the_first_subprotocol_is_taken() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let request = ClientRequest::from_url(&server.url).unwrap();
        let request = request.subprotocol("b").unwrap().subprotocol("a").unwrap();
        let (mut socket, _) =
            blocking::Socket::connect(server.stream(), &request, &Arc::default()).unwrap();
        assert_eq!(socket.subprotocol(), Some("b"), "{adapter}");
        assert!(socket.end().unwrap().clean);
    }
}

#[test]
fn compression_is_agreed_on_if_it_is_asked_for() {
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    for adapter in ADAPTERS {
        for (arguments, agreed) in [(&["--deflate"][..], true), (&[], false)] {
            let server = Server::start(&[&["--adapter", adapter], arguments].concat());
            let (mut socket, _) = blocking::connect(&server.url, &config).unwrap();
            assert_eq!(socket.extensions().is_some(), agreed, "{adapter}");
            let text = "again and again, ".repeat(1_000);
            socket.send(&text).unwrap();
            assert_eq!(line(&mut socket), text, "{adapter}");
            assert!(socket.end().unwrap().clean, "{adapter}");
        }
    }
}

#[test]
fn a_certificate_is_made_for_this_run() {
    for adapter in ADAPTERS {
        let file = scratch(&format!("made-{adapter}.pem"));
        let arguments = ["--adapter", adapter, "--tls", "--save-certificate", &file];
        let server = Server::start(&arguments);
        let hint = format!(" --ca {file} {}", server.url);
        assert!(server.said[2].ends_with(&hint), "{:?}", server.said);
        let fingerprint = server.said[3].strip_prefix("certificate:   self-signed, SHA-256 ");
        let is_hex = |byte: &str| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok();
        let bytes: Vec<&str> = fingerprint.expect(&server.said[3]).split(':').collect();
        assert!(
            bytes.len() == 32 && bytes.iter().copied().all(is_hex),
            "{bytes:?}"
        );

        echo_over_tls(&server.url, Path::new(&file));
        echo_over_tls(
            &server.url.replace("127.0.0.1", "localhost"),
            Path::new(&file),
        );
        let tls = connector().build().unwrap();
        let stranger = blocking::connect_with_tls(&server.url, &Arc::default(), &tls);
        assert!(
            matches!(stranger, Err(Error::Tls(tls::Error::UnknownIssuer(_)))),
            "{stranger:?}"
        );
    }
}

#[test]
fn a_certificate_is_taken_from_files() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (scratch("given.pem"), scratch("given-key.pem"));
    write_pem(&certificate, "CERTIFICATE", made.cert.der());
    write_pem(&key, "PRIVATE KEY", &made.signing_key.serialize_der());
    let arguments = ["--tls", "--certificate", &certificate, "--key", &key];
    let server = Server::start(&arguments);
    assert!(
        server.said[3].starts_with("certificate:   SHA-256 "),
        "{:?}",
        server.said
    );
    echo_over_tls(&server.url, Path::new(&certificate));
    drop(server);

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let stray = scratch("stray-key.pem");
    write_pem(&stray, "PRIVATE KEY", &other.signing_key.serialize_der());
    let empty = scratch("empty.pem");
    fs::write(&empty, "no certificate").unwrap();
    for (certificate, key, message) in [
        (&*certificate, &*stray, "sansock: cannot use "),
        (
            &certificate,
            "/none",
            "sansock: cannot read the key /none: ",
        ),
        (
            "/none",
            &key,
            "sansock: cannot read the certificate /none: ",
        ),
        (
            &empty,
            &key,
            "has no certificate in PEM format\n  Such a file has lines",
        ),
        (
            &certificate,
            &empty,
            "has no key in PEM format\n  Such a file has lines",
        ),
    ] {
        let ended = serve(&["--tls", "--certificate", certificate, "--key", key]);
        failed(&ended, &[message]);
    }
}

#[test]
fn pages_of_other_sites_are_refused_if_some_are_named() {
    for adapter in ADAPTERS {
        let arguments = ["--adapter", adapter, "--origin", "https://example.com"];
        let server = Server::start(&arguments);
        let own = format!("http://{}", server.address);
        for (origin, status) in [
            (Some("https://example.com"), 101),
            (Some(&*own), 101),
            (None, 101),
            (Some("https://example.com.evil"), 403),
        ] {
            let request = ClientRequest::from_url(&server.url).unwrap();
            let request = match origin {
                Some(origin) => request.header("Origin", origin).unwrap(),
                None => request,
            };
            let connected = blocking::Socket::connect(server.stream(), &request, &Arc::default());
            match connected {
                Ok((mut socket, _)) => {
                    assert_eq!(status, 101, "{adapter}: {origin:?}");
                    assert!(socket.end().unwrap().clean);
                }
                Err(Error::Refused(refusal)) => assert_eq!(refusal.status(), status),
                Err(error) => panic!("{adapter}: {origin:?}: {error}"),
            }
        }
    }
    let ended = serve(&["--origin", "example.com"]);
    let message = "sansock: \"example.com\": not a serialised origin\n  An origin is";
    failed(&ended, &[message]);
}

#[test]
fn each_line_goes_to_all_in_the_chat() {
    let file = scratch("chat.pem");
    for arguments in [
        &["--chat"][..],
        &["--chat", "--deflate"],
        &["--chat", "--tls", "--save-certificate", &file],
    ] {
        let server = Server::start(arguments);
        let mut one = server.connect();
        assert_eq!(line(&mut one), "* guest 1 is here");
        let mut two = server.connect();
        for guest in [&mut one, &mut two] {
            assert_eq!(line(guest), "* guest 2 is here");
        }
        one.send("grüß Gott").unwrap();
        two.send(b"no text").unwrap();
        for guest in [&mut one, &mut two] {
            assert_eq!(line(guest), "guest 1: grüß Gott");
        }
        assert!(one.end().unwrap().clean);
        assert_eq!(line(&mut two), "* guest 1 has left");
        two.send("alone").unwrap();
        assert_eq!(line(&mut two), "guest 2: alone");
        assert!(two.end().unwrap().clean);
    }
    let server = Server::start(&["--chat"]);
    assert!(server.get("GET /").contains("data-serves=\"chat\""));
}

/// Many more lines than a guest may be behind, in one read: all who read get all of them.
#[test]
fn a_burst_of_lines_drops_nobody_from_the_chat() {
    let server = Server::start(&["--chat"]);
    let mut listener = server.connect();
    assert_eq!(line(&mut listener), "* guest 1 is here");
    let mut burst = upgraded(&server);
    assert_eq!(line(&mut listener), "* guest 2 is here");
    let mut last = [0; 19];
    burst.read_exact(&mut last).unwrap();
    assert_eq!(&last[2..], b"* guest 2 is here");
    // "a" with a masking key of zeros.
    burst
        .write_all(&b"\x81\x81\x00\x00\x00\x00a".repeat(1_000))
        .unwrap();
    let mut echoes = vec![0; 1_000 * 12];
    let read = burst.read_exact(&mut echoes);
    for _ in 0..1_000 {
        assert_eq!(line(&mut listener), "guest 2: a");
    }
    read.unwrap();
    assert!(echoes == b"\x81\x0Aguest 2: a".repeat(1_000));
}

#[test]
fn the_chat_drops_who_does_not_read() {
    let server = Server::start(&["--chat"]);
    let mut slow = server.connect();
    assert_eq!(line(&mut slow), "* guest 1 is here");
    let mut other = server.connect();
    assert_eq!(line(&mut other), "* guest 2 is here");
    // What the system itself takes for the slow one is some megabytes; then its queue fills.
    let long = "x".repeat(16 << 10);
    let mut sent = 0;
    loop {
        other.send(&long).unwrap();
        sent += 1;
        let received = line(&mut other);
        if received == "* guest 1 was too slow" {
            break;
        }
        assert_eq!(received.len(), long.len() + "guest 2: ".len());
        assert!(sent < 10_000, "it is waited for");
    }
    // The others go on, and the slow one is told why, behind what was sent before.
    other.send("gone").unwrap();
    while line(&mut other) != "guest 2: gone" {}
    let mut received = 0;
    while let Some(message) = slow.recv().unwrap() {
        assert_ne!(message.as_text(), Some("guest 2: gone"));
        received += 1;
    }
    assert!(received < sent, "{received} of {sent}");
    let status = slow.close_status().unwrap();
    assert_eq!(status.code(), CloseCode::POLICY_VIOLATION);
    assert_eq!(status.reason(), "too slow");
}

/// Who runs the server is told what was wrong with a connection, and of none that was in order.
#[cfg(unix)]
#[test]
fn what_a_peer_does_wrong_is_reported() {
    // Over threads Ctrl-C may be faster than the report.
    for adapter in ["tokio", "futures", "mio"] {
        let server = Server::start(&["--adapter", adapter]);
        let mut socket = server.connect();
        socket.send("in order").unwrap();
        assert!(socket.end().unwrap().clean);
        assert!(server.get("GET /").starts_with("HTTP/1.1 200 "));
        drop(server.stream());
        let mut stream = upgraded(&server);
        stream.write_all(b"\x81\x01a").unwrap();
        let mut close = Vec::new();
        stream.read_to_end(&mut close).unwrap();
        assert!(
            close.starts_with(b"\x88"),
            "{adapter}: {}",
            close.escape_ascii()
        );
        drop(stream);
        server.interrupt();
        let ended = server.program.wait();
        assert!(
            ended
                .stderr
                .ends_with(": frame of a client is not masked\n"),
            "{ended:?}"
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

/// Nor does it end for who reads no further than where it listens.
#[test]
fn a_server_serves_although_nobody_reads_where() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut server = Command::new(env!("CARGO_BIN_EXE_sansock"))
        .args(["serve", "--listen", &address.to_string()])
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut page = String::new();
    while page.is_empty() && server.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(10));
        if let Ok(mut stream) = TcpStream::connect(address) {
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            stream.read_to_string(&mut page).unwrap();
        }
    }
    let _ = server.kill();
    server.wait().unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
}

/// As in `sansock serve 2>&1 | head`: that nobody hears of a peer's faults is no fault of the next.
#[test]
fn what_a_peer_does_wrong_ends_no_server_that_nobody_hears() {
    for adapter in ADAPTERS {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut server = Command::new(env!("CARGO_BIN_EXE_sansock"))
            .args(["serve", "--listen", "127.0.0.1:0", "--adapter", adapter])
            .stdout(Stdio::piped())
            .stderr(writer)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        let address = said.strip_prefix("listening on ").unwrap();
        let (address, _) = address.split_once(": ").unwrap();
        let answers: Vec<_> = (0..3)
            .map(|_| -> io::Result<bool> {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(b"nonsense\r\n\r\n")?;
                let mut answer = Vec::new();
                // What it did not read may end the connection with a reset.
                let _ = stream.read_to_end(&mut answer);
                Ok(answer.starts_with(b"HTTP/1.1 400 "))
            })
            .collect();
        server.kill().unwrap();
        server.wait().unwrap();
        let all = answers.iter().all(|answer| matches!(answer, Ok(true)));
        assert!(all, "{adapter}: {answers:?}");
    }
}

/// RFC 6455 §7.4.1: 1001 is for a server that goes down.
#[cfg(unix)]
#[test]
fn ctrl_c_closes_every_connection_with_1001() {
    let file = scratch("interrupted.pem");
    let secure = |adapter| ["--adapter", adapter, "--tls", "--save-certificate", &file];
    for arguments in [
        &["--chat"][..],
        &["--adapter", "tokio"],
        &["--adapter", "futures"],
        &["--adapter", "mio"],
        &secure("tokio"),
        &secure("futures"),
        &secure("mio"),
    ] {
        let server = Server::start(arguments);
        let mut sockets = [server.connect(), server.connect()];
        for socket in &mut sockets {
            socket.send("here").unwrap();
            // In the chat others are heard first.
            while !line(socket).ends_with("here") {}
        }
        // Two that have not asked for anything yet, one of them in the middle of it.
        let silent = server.stream();
        let mut half = server.stream();
        let begun: &[u8] = if server.ca.is_some() {
            b"\x16\x03\x01"
        } else {
            b"GET / HT"
        };
        half.write_all(begun).unwrap();
        server.interrupt();
        for socket in &mut sockets {
            while socket.recv().unwrap().is_some() {}
            let status = socket.close_status().unwrap();
            assert_eq!(status.code(), CloseCode::GOING_AWAY, "{arguments:?}");
            assert_eq!(status.reason(), "the server stops");
        }
        let ended = server.program.wait();
        assert!(
            ended.is_success() && ended.stderr.is_empty(),
            "{arguments:?}: {ended:?}"
        );
        drop((silent, half));
    }
}

/// By SIGTERM services and containers are stopped.
#[cfg(unix)]
#[test]
fn sigterm_ends_as_ctrl_c_does() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let mut socket = server.connect();
        socket.send("here").unwrap();
        assert_eq!(line(&mut socket), "here");
        server.signal("-TERM");
        if adapter != "blocking" {
            assert_eq!(socket.recv().unwrap(), None, "{adapter}");
            let status = socket.close_status().unwrap();
            assert_eq!(status.code(), CloseCode::GOING_AWAY, "{adapter}");
        }
        let ended = server.program.wait();
        assert_eq!(ended.code, Some(0), "{adapter}: {ended:?}");
    }
}

/// Who does not want to wait for the peers says so once more.
#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let server = Server::start(&[]);
    let mut silent = upgraded(&server);
    server.interrupt();
    let mut close = [0; 20];
    silent.read_exact(&mut close).unwrap();
    assert_eq!(&close, b"\x88\x12\x03\xE9the server stops");
    server.interrupt();
    let ended = server.program.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

/// A peer that does not answer is not waited for.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_although_nobody_answers() {
    for adapter in ADAPTERS {
        let server = Server::start(&["--adapter", adapter]);
        let mut socket = server.connect();
        socket.send("here").unwrap();
        assert_eq!(line(&mut socket), "here");
        server.interrupt();
        let ended = server.program.wait();
        assert!(ended.is_success(), "{adapter}: {ended:?}");
        drop(socket);
    }
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (arguments, message) in [
        (
            &["--adapter", "glommio"][..],
            "possible values: tokio, blocking, futures, mio",
        ),
        (&["--listen"], "--listen <HOST:PORT>"),
        (&["--port", "1"], "unexpected argument '--port'"),
        (
            &["--chat", "--adapter", "mio"],
            "'--chat' cannot be used with '--adapter",
        ),
        (&["--tls", "--certificate", "a"], "--key <FILE>"),
        (&["--certificate", "a", "--key", "b"], "--tls"),
        (&["--save-certificate", "a"], "--tls"),
    ] {
        let ended = serve(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(message), "{arguments:?}: {ended:?}");
    }
    let ended = serve(&["--help"]);
    assert!(ended.is_success(), "{ended:?}");
    assert!(
        ended.stdout.contains("[default: 127.0.0.1:9001]"),
        "{ended:?}"
    );
}

#[test]
fn what_the_system_refuses_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (address, hint) in [
        (&*taken, "\n  Another program listens there: "),
        ("192.0.2.1:9001", "\n  This machine has no such address: "),
        (
            "nowhere",
            "\n  Give a host and a port, such as 127.0.0.1:9001.",
        ),
    ] {
        let ended = sansock(&["serve", "--listen", address]).end("");
        failed(&ended, &[&format!("cannot listen on {address}: "), hint]);
    }
}

/// A running server.
struct Server {
    address: String,
    /// Of its WebSocket.
    url: String,
    /// The lines it printed.
    said: Vec<String>,
    /// The file of the certificate made for this run.
    ca: Option<PathBuf>,
    program: Program,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut program = sansock(&arguments);
        let is_secure = arguments.contains(&"--tls");
        let said: Vec<String> = (0..if is_secure { 4 } else { 3 })
            .map(|_| program.line())
            .collect();
        let line = said[0].strip_prefix("listening on ").expect(&said[0]);
        let (address, _) = line.split_once(": ").expect(line);
        let (http, ws) = if is_secure {
            ("https", "wss")
        } else {
            ("http", "ws")
        };
        assert_eq!(said[1], format!("in a browser:  {http}://{address}/"));
        let url = format!("{ws}://{address}/");
        assert!(
            said[2].starts_with("in a terminal: sansock connect "),
            "{said:?}"
        );
        assert!(said[2].ends_with(&url), "{said:?}");
        Self {
            address: address.to_owned(),
            url,
            said,
            ca: arguments
                .iter()
                .position(|argument| *argument == "--save-certificate")
                .map(|at| arguments[at + 1].into()),
            program,
        }
    }

    /// A client that offers compression and trusts the certificate made for this run.
    fn connect(&self) -> Client {
        let config = Config::default().deflate(Some(DeflateConfig::default()));
        let roots = self
            .ca
            .iter()
            .map(|file| CertificateDer::from_pem_file(file).unwrap());
        let tls = connector().roots(roots).build().unwrap();
        let connected = blocking::connect_with_tls(&self.url, &Arc::new(config), &tls);
        connected.unwrap().0
    }

    fn stream(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// What it answers to a request that asks for no WebSocket, until it ends the connection.
    fn get(&self, start: &str) -> String {
        let mut stream = self.stream();
        let request = format!("{start} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ctrl-C, as a terminal has it.
    #[cfg(unix)]
    fn interrupt(&self) {
        self.signal("-INT");
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let id = self.program.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
    }
}

/// A connection that was opened by hand.
fn upgraded(server: &Server) -> TcpStream {
    let mut stream = server.stream();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
    let mut answer = [0; 129];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.ends_with(b"\r\n\r\n"), "{}", answer.escape_ascii());
    stream
}

/// How the command ends that cannot begin.
fn serve(arguments: &[&str]) -> Ended {
    sansock(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()).end("")
}

/// The next message, a text.
fn line(socket: &mut Client) -> String {
    let message = socket.recv().unwrap().expect("closed");
    message.as_text().expect("no text").to_owned()
}

/// With all features there are two providers to choose from.
fn connector() -> TlsConnectorBuilder {
    TlsConnector::builder().provider(Arc::new(ring::default_provider()))
}

fn echo_over_tls(url: &str, ca: &Path) {
    let root = CertificateDer::from_pem_file(ca).unwrap();
    let tls = connector().roots([root]).build().unwrap();
    let connected = blocking::connect_with_tls(url, &Arc::default(), &tls);
    let (mut socket, _) = connected.unwrap();
    socket.send("hello").unwrap();
    assert_eq!(line(&mut socket), "hello");
    assert!(socket.end().unwrap().clean);
}

fn write_pem(file: &str, label: &str, der: &[u8]) {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    fs::write(file, text).unwrap();
}

/// A file for this test alone.
fn scratch(name: &str) -> String {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli_serve");
    fs::create_dir_all(&directory).unwrap();
    directory.join(name).display().to_string()
}
