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
use sansock::adapter::{Error, blocking};

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
fn a_wrong_command_line_is_explained() {
    for (name, arguments, message) in [
        ("http_and_websocket", &["--port"][..], "at most one address"),
        ("mio_echo", &["0"], "at most two numbers"),
    ] {
        let ended = start(name, arguments).end("");
        assert_eq!(ended.code, Some(2), "{name} {arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(message),
            "{name} {arguments:?}: {ended:?}"
        );
        assert!(ended.stderr.contains("Usage: "), "{ended:?}");
    }
    for name in ["http_and_websocket", "mio_echo"] {
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
