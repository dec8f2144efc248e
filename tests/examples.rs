//! The example programs as their users run them: real processes, real sockets.
#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

mod program;

use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use program::Program;
use sansock::{
    CloseCode,
    adapter::{Error, blocking},
};

#[test]
fn the_bare_engine_talks_to_itself() {
    let ended = start("custom_runtime", &[]).end("");
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
        let ended = start("mio_echo", arguments).end("");
        assert!(ended.is_success(), "{ended:?}");
        assert_eq!(ended.stdout, summary);
    }
}

#[test]
fn the_engine_runs_on_completions() {
    let ended = start("completion", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "8 connections, 400 messages sent back, all closed cleanly\n"
    );
}

#[test]
fn a_page_and_a_websocket_share_a_port() {
    let mut server = start("http_and_websocket", &["127.0.0.1:0"]);
    let line = server.line();
    let address = line
        .strip_prefix("open http://")
        .and_then(|rest| rest.strip_suffix("/ in a browser"))
        .expect(&line);
    let get = |start: &str| ask(address, &format!("{start} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let page = get("GET /");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(
        head.ends_with(&format!("\r\nContent-Length: {}", body.len())),
        "{head}"
    );
    assert!(body.starts_with("<!doctype html>\n"), "{body}");
    assert_eq!(get("HEAD /"), format!("{head}\r\n\r\n"));
    assert!(get("GET /echo").starts_with("HTTP/1.1 426 "));
    assert!(get("GET /favicon.ico").starts_with("HTTP/1.1 404 "));
    assert!(get("POST /").starts_with("HTTP/1.1 405 "));

    let (mut socket, _) =
        blocking::connect(&format!("ws://{address}/echo"), &Arc::default()).unwrap();
    socket.send("hello").unwrap();
    assert_eq!(socket.recv().unwrap(), Some("hello".into()));
    assert!(socket.end().unwrap().clean);
    let elsewhere = blocking::connect(&format!("ws://{address}/"), &Arc::default());
    assert!(matches!(elsewhere, Err(Error::Refused(refusal)) if refusal.status() == 404));
}

#[test]
fn a_server_of_another_package_has_pages_and_websockets_on_one_port() {
    for name in ["hyper_server", "axum_server"] {
        let mut server = start(name, &["--listen", "127.0.0.1:0"]);
        let line = server.line();
        let address = line.strip_prefix("listening on ").expect(&line);
        let (mut socket, _) =
            blocking::connect(&format!("ws://{address}/"), &Arc::default()).unwrap();
        socket.send("hello").unwrap();
        assert_eq!(socket.recv().unwrap(), Some("hello".into()), "{name}");
        assert!(socket.end().unwrap().clean, "{name}");
        let page = ask(
            address,
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{name}: {page}");
        assert!(
            page.ends_with("what you send comes back.\n"),
            "{name}: {page}"
        );
        let ended = start(name, &["--port"]).end("");
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        assert!(ended.stderr.starts_with("Usage: "), "{name}: {ended:?}");
    }
}

#[test]
fn a_device_talks_sixteen_bytes_at_a_time() {
    let ended = start("embedded", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "server: 21.5 °C\nserver: 21.6 °C\nserver: 21.4 °C\n\
         device: 3 answers, closed with 1000, output never above 161 bytes\n"
    );
}

#[test]
fn a_client_comes_back_and_misses_nothing() {
    let ended = start("reconnect", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "client: transport ended without a closing handshake\n\
         client: closed with 1012\n\
         client: handshake was refused with status 503\n\
         client: closed with 1000\n\
         client: has read 1 to 6\n"
    );
}

#[test]
fn a_reader_that_pauses_loses_nothing_and_one_that_is_absent_is_told() {
    let ended = start("backpressure", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout,
        "paused reader: 200 of 200 messages arrived, never more than 320 KiB waited\n\
         no reader: peer does not read, and was told 1008 once it read\n"
    );
}

#[test]
fn each_way_to_end_is_told_to_both() {
    let ended = start("closing", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(
        ended.stdout.lines().collect::<Vec<_>>(),
        [
            r#"in order: client received 1000 "", sent 1000, clean"#,
            r#"in order: server received 1000 "done", sent 1000, clean"#,
            r#"by the server: client received 4001 "log in again", sent 4001, clean"#,
            r#"by the server: server received 4001 "", sent 4001, clean"#,
            "dropped: server received 1006 \"\", sent none, not clean; \
             transport ended without a closing handshake",
            "against the rules: server received 1006 \"\", sent 1002, not clean; \
             frame of a client is not masked",
            r#"against the rules: client received 1002 "", sent 1002, clean"#,
            r#"unanswered: server received 1006 "", sent 1005, not clean"#,
        ]
    );
}

#[test]
fn compression_saves_and_a_bomb_is_refused() {
    let ended = start("compression", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let written = |name: &str| -> usize {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap();
        let (_, written) = line.split_once(" bytes as ").unwrap();
        written.split(',').next().unwrap().parse().unwrap()
    };
    assert!(
        written("takeover") < written("no takeover") / 2,
        "{lines:?}"
    );
    assert!(written("no takeover") < written("none") / 3, "{lines:?}");
    assert_eq!(
        lines[3..],
        [
            "the server: message is longer than the limit",
            "a bomb of 10 MiB: closed with 1009",
        ]
    );
}

#[test]
fn a_stream_is_forwarded_to_its_sink() {
    let ended = start("stream_and_sink", &[]).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.stdout, "1000 messages came back, closed with 1005\n");
}

#[test]
fn a_server_that_stops_says_so_to_all() {
    let mut server = start("tokio_server", &["--listen", "127.0.0.1:0"]);
    let line = server.line();
    let address = line.strip_prefix("listening on ").expect(&line);
    let url = format!("ws://{address}");
    let hint = server.line();
    assert!(hint.ends_with(&format!(" -- connect {url}/echo")), "{hint}");
    let connect = |path: &str| {
        let connected = blocking::connect(&format!("{url}{path}"), &Arc::default());
        connected.map(|(socket, _)| socket)
    };
    assert!(matches!(connect("/"), Err(Error::Refused(refusal)) if refusal.status() == 404));
    let mut echo = connect("/echo").unwrap();
    echo.send("over there").unwrap();
    assert_eq!(echo.recv().unwrap(), Some("over there".into()));
    let mut count = connect("/count").unwrap();
    for expected in ["1", "2"] {
        count.send("x").unwrap();
        assert_eq!(count.recv().unwrap(), Some(expected.into()));
    }
    assert!(count.end().unwrap().clean);

    drop(server.stdin.take());
    assert_eq!(echo.recv().unwrap(), None);
    let status = echo.close_status().unwrap();
    assert_eq!(status.code(), CloseCode::GOING_AWAY);
    assert_eq!(status.reason(), "the server stops");
    let ended = server.wait();
    assert!(ended.is_success(), "{ended:?}");
    // The other two were over, and may be counted or not.
    let last = ended.stdout.lines().last().unwrap();
    let all = [1, 2, 3].map(|count| format!("stopped: {count} of {count} connections ended"));
    assert!(all.iter().any(|line| line == last), "{ended:?}");
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (name, arguments, message) in [
        ("http_and_websocket", &["--port"][..], "at most one address"),
        ("mio_echo", &["0"], "at most two numbers"),
        ("tokio_server", &["--port", "1"], "only --listen"),
    ] {
        let ended = start(name, arguments).end("");
        assert_eq!(ended.code, Some(2), "{name} {arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(message),
            "{name} {arguments:?}: {ended:?}"
        );
        assert!(ended.stderr.contains("Usage: "), "{ended:?}");
    }
    for name in ["http_and_websocket", "mio_echo", "tokio_server"] {
        let ended = start(name, &["--help"]).end("");
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
    let ended = start("http_and_websocket", &[&address]).end("");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let message = format!("http_and_websocket: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&message), "{ended:?}");
    let ended = start("tokio_server", &["--listen", &address]).end("");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let message = format!("tokio_server: cannot listen on {address}: ");
    assert!(ended.stderr.starts_with(&message), "{ended:?}");
}

/// What a server answers, until it ends the connection.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Starts an example.
fn start(name: &str, arguments: &[&str]) -> Program {
    Program::start(Command::new(example(name)).args(arguments))
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
