//! The example programs as their users run them: real processes, real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these helpers are part of tests"
)]

use std::{
    env,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sansock::{
    CloseCode, CloseFrame, Config,
    adapter::{MaybeTls, blocking},
};

/// How long a program may take; they take well under a second.
const LIMIT: Duration = Duration::from_secs(60);

/// The adapters that the echo server knows.
const ADAPTERS: [&str; 4] = ["tokio", "blocking", "futures", "mio"];

#[test]
fn lines_come_back_from_every_adapter() {
    for adapter in ADAPTERS {
        let server = Server::start("echo_server", &["--adapter", adapter]);
        let client = Program::start("client", &[&server.url]);
        let ended = client.end("first\n\nzweite Zeile, größer\nlast, without a newline");
        assert!(ended.is_success(), "{adapter}: {ended:?}");
        assert_eq!(
            ended.stdout,
            "first\n\nzweite Zeile, größer\nlast, without a newline\n"
        );
        assert!(ended.stderr.contains("closed with code 1000"), "{ended:?}");
    }
}

#[test]
fn neither_side_waits_for_the_other_to_stop_sending() {
    let mut lines = String::new();
    for n in 0..50_000 {
        writeln!(lines, "{n} {}", "x".repeat(n % 500)).unwrap();
    }
    for adapter in ADAPTERS {
        let server = Server::start("echo_server", &["--adapter", adapter]);
        let ended = Program::start("client", &[&server.url]).end(&lines);
        assert!(ended.is_success(), "{adapter}: {}", ended.stderr);
        assert!(ended.stdout == lines, "{adapter}: other lines came back");
    }
}

#[test]
fn hostile_153_the_client_sends_while_its_input_is_open_and_ends_with_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = blocking::Socket::accept(stream, &Arc::new(Config::default())).unwrap();
        let message = socket.recv().unwrap().unwrap();
        assert_eq!(message.as_text(), Some("a line"));
        socket.send(b"\x00bytes").unwrap();
        // hostile 153.
        socket.send("\x1B[2Jgrüßt\u{9B}").unwrap();
        let goodbye = CloseFrame::new(CloseCode::GOING_AWAY, "see you\x07");
        socket.close(Some(&goodbye)).unwrap();
        assert!(socket.end().unwrap().clean);
    });
    let mut client = Program::start("client", &[&url]);
    client.write("a line\n");
    // Its standard input stays open until it has ended.
    let stdin = client.stdin.take();
    let ended = client.wait();
    drop(stdin);
    server.join().unwrap();
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stdout, "\\x00bytes\n\\u{1b}[2Jgrüßt\\u{9b}\n");
    assert!(
        ended.stderr.contains("closed with code 1001 see you\\u{7}"),
        "{ended:?}"
    );
}

#[test]
fn the_bare_engine_talks_to_itself() {
    let ended = Program::start("custom_runtime", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    for line in [
        "server: accepts a connection to /greetings",
        "client: received \"hello\"",
        "client: received \"grüß Gott\"",
        "client: received \"你好\"",
        "server: closed, 1000 \"that was all\"",
    ] {
        assert!(ended.stdout.lines().any(|l| l == line), "{line}: {ended:?}");
    }
}

#[test]
fn an_echo_server_keeps_what_is_larger_than_any_buffer() {
    for adapter in ADAPTERS {
        let server = Server::start("echo_server", &["--adapter", adapter]);
        let mut socket = server.connect();
        for len in [0_usize, 125, 65_536, 3 << 20] {
            let data = vec![len.to_le_bytes()[2]; len];
            socket.send(&data).unwrap();
            let answer = socket.recv().unwrap().unwrap().into_bytes();
            assert!(answer == data, "{adapter}: not {len} bytes");
        }
        assert!(socket.end().unwrap().clean, "{adapter}");
    }
}

#[test]
fn each_line_goes_to_all_in_the_chat() {
    let server = Server::start("chat", &[]);
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

#[test]
fn the_chat_is_for_the_pages_of_one_site() {
    let server = Server::start("chat", &["--origin", "https://example.com"]);
    let ask = |origin: &str| {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("ws://")).unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{origin}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        String::from_utf8(status.to_vec()).unwrap()
    };
    assert_eq!(ask("Origin: https://example.com\r\n"), "HTTP/1.1 101");
    assert_eq!(ask(""), "HTTP/1.1 101", "a program");
    assert_eq!(ask("Origin: https://example.com.evil\r\n"), "HTTP/1.1 403");
    let ended = Program::start("chat", &["--origin", "example.com"]).end("");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("\"example.com\": not a serialised origin"),
        "{ended:?}"
    );
}

#[test]
fn the_chat_drops_who_does_not_read() {
    let server = Server::start("chat", &[]);
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

#[test]
fn many_connections_talk_over_mio() {
    for (arguments, summary) in [
        (
            &[][..],
            "server: 200 connections, 20000 messages sent back\n\
             clients: 20000 messages received, 200 connections closed cleanly\n",
        ),
        (
            &["3", "1"],
            "server: 3 connections, 3 messages sent back\n\
             clients: 3 messages received, 3 connections closed cleanly\n",
        ),
    ] {
        let ended = Program::start("mio_echo", arguments).end("");
        assert!(ended.is_success(), "{ended:?}");
        assert_eq!(ended.stdout, summary);
    }
}

#[test]
fn the_engine_runs_on_completions() {
    let ended = Program::start("completion", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "8 connections, 400 messages sent back, all closed cleanly\n"
    );
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (name, arguments, message) in [
        (
            "echo_server",
            &["--adapter", "glommio"][..],
            "no adapter \"glommio\"",
        ),
        ("echo_server", &["--listen"], "--listen needs a value"),
        (
            "echo_server",
            &["--port", "1"],
            "unknown argument \"--port\"",
        ),
        ("chat", &["--adapter", "tokio"], "at most --listen"),
        ("mio_echo", &["0"], "at most two numbers"),
        ("client", &[], "exactly one URL"),
        ("client", &["ws://a", "ws://b"], "exactly one URL"),
        ("client", &["--url"], "exactly one URL"),
    ] {
        let ended = Program::start(name, arguments).end("");
        assert_eq!(ended.code, Some(2), "{name} {arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(message),
            "{name} {arguments:?}: {ended:?}"
        );
        assert!(ended.stderr.contains("Usage: "), "{ended:?}");
    }
    for name in ["echo_server", "chat", "mio_echo", "client"] {
        let ended = Program::start(name, &["--help"]).end("");
        assert!(
            ended.is_success() && ended.stdout.starts_with("Usage: "),
            "{ended:?}"
        );
    }
}

#[test]
fn what_the_system_refuses_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for adapter in ADAPTERS {
        let arguments = ["--listen", &address, "--adapter", adapter];
        let ended = Program::start("echo_server", &arguments).end("");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let message = format!("echo_server: cannot listen on {address}: ");
        assert!(ended.stderr.starts_with(&message), "{ended:?}");
    }
    let ended = Program::start("chat", &["--listen", &address]).end("");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let message = format!("chat: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&message), "{ended:?}");
    drop(listener);
    assert!(TcpStream::connect(&address).is_err());
    let ended = Program::start("client", &[&format!("ws://{address}")]).end("");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("client: "), "{ended:?}");
}

/// A running example; killed when dropped.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<std::process::ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
}

/// How a program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A running server.
struct Server {
    url: String,
    _program: Program,
}

impl Server {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut program = Program::start(name, &arguments);
        let line = program.line();
        let address = line.strip_prefix("listening on ").expect(&line);
        let url = format!("ws://{address}");
        let hint = program.line();
        let command = format!(": cargo run --release --example client -- {url}");
        assert!(
            hint.starts_with("try it") && hint.ends_with(&command),
            "{hint}"
        );
        Self {
            url,
            _program: program,
        }
    }

    fn connect(&self) -> blocking::Socket<MaybeTls<TcpStream>> {
        let connected = blocking::connect(&self.url, &Arc::new(Config::default()));
        connected.unwrap().0
    }
}

/// The next message, a text.
fn line(socket: &mut blocking::Socket<MaybeTls<TcpStream>>) -> String {
    let message = socket.recv().unwrap().expect("closed");
    message.as_text().expect("no text").to_owned()
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(example(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = read_all(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: Some(stderr),
            child,
        }
    }

    /// The next line it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn write(&mut self, input: &str) {
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
    }

    /// Gives it all its input, and waits for its end.
    fn end(mut self, input: &str) -> Ended {
        let (mut stdin, input) = (self.stdin.take().unwrap(), input.to_owned());
        // It may end without reading.
        let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let ended = self.wait();
        writer.join().unwrap();
        ended
    }

    fn wait(mut self) -> Ended {
        let stdout = read_all(self.stdout.take().unwrap());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > LIMIT {
                self.child.kill().unwrap();
                panic!("still running after {LIMIT:?}: {}", stdout.join().unwrap());
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ended {
            code: status.code(),
            stdout: stdout.join().unwrap(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The binary of an example, which `cargo test` built beside this test, in
/// `target/<profile>/examples`. `cargo test --test examples` does not; then this does.
fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = profile.join("examples").join(file);
    if !path.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--all-features", "--example", name, "--target-dir"])
            .arg(profile.parent().unwrap())
            .args(profile.ends_with("release").then_some("--release"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "{name} does not build");
    }
    path
}
