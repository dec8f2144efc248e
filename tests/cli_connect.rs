//! `sansock connect` as its users run it, against servers of this crate; and the lines of the
//! README that make a client of the command.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

#[path = "tls/certificates.rs"]
mod certificates;
mod cli;
mod program;

use std::{
    env, fs, io,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use certificates::self_signed;
use cli::{echo, echo_to_the_end, failed, listen, sansock, serve, serve_all};
use program::Program;
use sansock::{
    CloseCode, CloseFrame, Config, DeflateConfig, EndpointEvent,
    adapter::{
        blocking::{Incoming, Socket},
        tls::{TlsAcceptor, rustls},
    },
    proto::handshake::{Accept, Reject},
};

#[test]
fn in_a_pipe_echoes_are_printed_before_the_end() {
    let (url, server) = serve(Config::default(), echo);
    let ended = connect(&[&url]).end("hi\n\ngrüßt\nlast, without a newline");
    assert_eq!(ended.stdout, "hi\n\ngrüßt\nlast, without a newline\n");
    assert_eq!(
        ended.stderr,
        format!("connected to {url}\nclosed with code 1000\n")
    );
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn late_answers_are_waited_for_but_not_for_ever() {
    // It answers each second message, once there was one behind it.
    let (url, server) = serve(Config::default(), |socket| {
        let (mut first, mut messages) = (None, 0);
        while let Some(message) = socket.recv().unwrap() {
            messages += 1;
            match first.take() {
                None => first = Some(message),
                Some(first) => socket.send(first).unwrap(),
            }
        }
        assert_eq!(messages, 3);
    });
    let ended = connect(&["--wait", "0.05", &url]).end("a\nb\nc\n");
    assert_eq!(ended.stdout, "a\n");
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn who_only_listens_stays_until_the_server_closes() {
    let (input_has_ended, wait_for_it) = mpsc::channel();
    let (url, server) = serve(Config::default(), move |socket| {
        socket.send("hello").unwrap();
        wait_for_it.recv().unwrap();
        socket.send("still there?").unwrap();
        assert!(socket.end().unwrap().clean);
    });
    let mut client = connect(&["--stay", "--wait", "0", &url]);
    assert_eq!(client.line(), "hello");
    drop(client.stdin.take());
    input_has_ended.send(()).unwrap();
    let ended = client.wait();
    assert_eq!(ended.stdout, "still there?\n");
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

/// As in `sansock connect … | head -1`.
#[test]
fn who_reads_no_further_ends_the_connection_in_order() {
    let (url, server) = serve(Config::default(), |socket| {
        socket.send("hello").unwrap();
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.close_status().unwrap().clean);
    });
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_sansock"))
        .args(["connect", "--stay", &url])
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.ends_with("\nclosed with code 1000\n"), "{said}");
    assert!(ended.status.success(), "{said}");
    server.join().unwrap();
}

/// There is more than any buffer holds.
#[test]
fn neither_side_waits_for_the_other_to_stop_sending() {
    let (url, server) = serve(Config::default(), echo);
    let lines: String = (0..50_000)
        .map(|n| format!("{n} {}\n", "x".repeat(n % 500)))
        .collect();
    let ended = connect(&[&url]).end(&lines);
    assert!(ended.stdout == lines, "other lines came back");
    assert!(ended.is_success(), "{}", ended.stderr);
    server.join().unwrap();
}

#[test]
fn hostile_153_what_the_peer_says_drives_no_terminal() {
    let (url, server) = serve(Config::default(), |socket| {
        socket.send("\x1B[2Jgrüßt\u{9B}\nline \u{202E}two").unwrap();
        socket.send(b"\x1B[2J\xFF").unwrap();
        let goodbye = CloseFrame::new(CloseCode::GOING_AWAY, "see you\x07");
        socket.close(Some(&goodbye)).unwrap();
        assert!(socket.end().unwrap().clean);
    });
    let mut client = connect(&[&url]);
    // It ends with the server, though its standard input stays open.
    let stdin = client.stdin.take();
    let ended = client.wait();
    drop(stdin);
    assert_eq!(
        ended.stdout,
        "\\u{1b}[2Jgrüßt\\u{9b}\\nline \\u{202e}two\n\
         binary, 5 bytes\n  0000  1b 5b 32 4a ff                                   .[2J.\n"
    );
    assert!(
        ended
            .stderr
            .ends_with("closed with code 1001: see you\\u{7}\n"),
        "{ended:?}"
    );
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn lines_that_are_commands_are_done() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-binary");
    fs::write(&file, b"\x00\x01\x02").unwrap();
    let (url, server) = serve(Config::default(), |socket| {
        let mut pings = Vec::new();
        while socket.fill().unwrap() {
            while let Some((event, mut reply)) = socket.next_with_reply() {
                match event {
                    EndpointEvent::Event(sansock::Event::Ping(payload)) => {
                        pings.push(payload.into_owned());
                    }
                    event => {
                        if let Some(message) = event.into_message() {
                            reply.send(message).unwrap();
                        }
                    }
                }
            }
        }
        assert_eq!(pings, [&b"1"[..], b"a b"]);
        let status = socket.close_status().unwrap();
        assert_eq!((status.code().get(), status.reason()), (4001, "good bye"));
    });
    let input = format!(
        "/ping\n/ping a b\n//slash\n/binary {}\n/close 4001 good bye\n",
        file.display()
    );
    let ended = connect(&[&url]).end(&input);
    assert!(
        ended
            .stdout
            .starts_with("/slash\nbinary, 3 bytes\n  0000  00 01 02 "),
        "{ended:?}"
    );
    for line in [
        "pong \"1\" after ",
        "pong \"a b\" after ",
        "closed with code 4001",
    ] {
        assert!(ended.stderr.contains(line), "{line}: {ended:?}");
    }
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn lines_are_sent_as_they_are_without_commands() {
    let (url, server) = serve(Config::default(), echo);
    let ended = connect(&["--no-commands", &url]).end("/ping\n//\n");
    assert_eq!(ended.stdout, "/ping\n//\n");
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn a_line_that_cannot_be_done_is_told_and_fails() {
    let (url, server) = serve(Config::default(), echo);
    let ended = connect(&[&url]).end("/quit\n/binary /no/such/file\nstill there\n");
    assert_eq!(ended.stdout, "still there\n");
    for line in ["there is no command /quit", "cannot read /no/such/file: "] {
        assert!(ended.stderr.contains(line), "{line}: {ended:?}");
    }
    assert_eq!(ended.code, Some(1), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn what_the_handshake_asks_for_and_agrees_on_is_shown() {
    let deflate = Config::default().deflate(Some(DeflateConfig::new()));
    let (url, server) = listen(move |stream| {
        let incoming = Incoming::receive(stream, &Arc::new(deflate)).unwrap();
        let request = incoming.request();
        let headers = request.headers();
        assert_eq!(headers.get_str("authorization"), Some("Bearer a:b"));
        let cookies: Vec<&[u8]> = headers.get_all("cookie").collect();
        assert_eq!(cookies, [&b"a=1"[..], b"b=2"]);
        assert_eq!(request.origin(), Some("https://example.com"));
        let offered: Vec<&str> = request.subprotocols().collect();
        assert_eq!(offered, ["chat.v2", "chat"]);
        let mut socket = incoming.accept(&Accept::new().subprotocol("chat")).unwrap();
        echo(&mut socket);
    });
    let ended = connect(&[
        "--header",
        "Authorization: Bearer a:b",
        "-H",
        "Cookie: a=1",
        "-H",
        "Cookie: b=2",
        "--origin",
        "https://example.com",
        "--subprotocol",
        "chat.v2",
        "--subprotocol",
        "chat",
        &url,
    ])
    .end("");
    for line in ["subprotocol: chat\n", "extensions: permessage-deflate"] {
        assert!(ended.stderr.contains(line), "{line}: {ended:?}");
    }
    assert!(ended.is_success(), "{ended:?}");
    server.join().unwrap();

    let (url, server) = serve(Config::default().deflate(Some(DeflateConfig::new())), echo);
    let ended = connect(&["--no-deflate", &url]).end("");
    assert!(!ended.stderr.contains("extensions"), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn an_end_without_a_closing_handshake_is_a_failure() {
    let (url, server) = serve(Config::default(), |socket| {
        socket.recv().unwrap().unwrap();
        // The stream is closed behind our back.
        socket.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
    });
    let mut client = connect(&[&url]);
    client.write("hi\n");
    let stdin = client.stdin.take();
    let ended = client.wait();
    drop(stdin);
    assert!(
        ended.stderr.contains("ended without a closing handshake"),
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn what_keeps_a_connection_from_opening_comes_with_what_to_do() {
    // Nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    for command in ["connect", "bench", "check"] {
        let ended = sansock(&[command, &url]).end("");
        failed(&ended, &[&url, "refused", "sansock serve"]);
    }

    // The server answers otherwise.
    let refuse = |reject: &'static Reject<'static>| {
        listen(move |stream| {
            let incoming = Incoming::receive(stream, &Arc::new(Config::default())).unwrap();
            incoming.reject(reject).unwrap();
        })
    };
    static TOKEN: Reject<'static> = Reject::new(401);
    let (url, server) = refuse(&TOKEN);
    let ended = connect(&[&url]).end("");
    failed(&ended, &["answered 401", "--header 'Authorization"]);
    server.join().unwrap();
    static PATH: Reject<'static> = Reject::new(404);
    let (url, server) = refuse(&PATH);
    let ended = connect(&[&url]).end("");
    failed(&ended, &["answered 404", "path of the URL"]);
    server.join().unwrap();

    // It is no server of HTTP at all.
    let (url, server) = listen(|mut stream| {
        use std::io::{Read, Write};
        stream.write_all(b"SSH-2.0-\x1B[2J\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let ended = connect(&[&url]).end("");
    failed(&ended, &["does not speak HTTP"]);
    assert!(!ended.stderr.contains('\x1B'), "{ended:?}");
    server.join().unwrap();
}

/// A refusal may be as long as a head and its body can be; the reader's screen is not.
#[test]
fn hostile_153_a_refusal_is_told_in_brief() {
    let (url, server) = listen(|mut stream| {
        use std::io::{Read, Write};
        let (reason, place) = ("\u{9B}r".repeat(2_000), "l".repeat(4_000));
        let body = "b".repeat(4_000);
        let answer = format!("HTTP/1.1 302 {reason}\r\nLocation: /{place}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let ended = connect(&[&url]).end("");
    failed(
        &ended,
        &["answered 302 \\u{9b}r", "…, and points to /lll", "…: bbb"],
    );
    assert!(!ended.stderr.contains('\u{9B}'), "{ended:?}");
    assert!(ended.stderr.len() < 2_000, "{}", ended.stderr.len());
    server.join().unwrap();
}

#[test]
fn a_certificate_is_trusted_by_its_file() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let identity = self_signed("localhost");
    let tls = TlsAcceptor::from(Arc::new(identity.server(&provider)));
    let url = serve_all(move |stream| {
        echo_to_the_end(tls.wrap(stream).unwrap(), Config::default());
    });
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
    let pem = |name: &str, text: &str| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let encoded = STANDARD.encode(&identity.certificate);
    let text = format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
    let ca = pem("cli-ca.pem", &text);
    let none = pem("cli-no-ca.pem", "nothing");

    let url = format!("wss://localhost:{port}/");
    let ended = connect(&["--ca", &ca, &url]).end("hi\n");
    assert_eq!(ended.stdout, "hi\n", "{ended:?}");
    assert!(ended.is_success(), "{ended:?}");
    let ended = sansock(&["bench", "-n", "10", "--ca", &ca, &url]).end("");
    assert!(ended.is_success(), "{ended:?}");
    let ended = sansock(&["check", "--only", "messages", "--ca", &ca, &url]).end("");
    assert!(
        ended.stdout.contains(" 0 failed, 0 inconclusive"),
        "{ended:?}"
    );
    assert!(ended.is_success(), "{ended:?}");

    let ended = connect(&[&url]).end("");
    failed(&ended, &["certificate", "--ca FILE"]);
    let ended = connect(&["--ca", &none, &url]).end("");
    failed(&ended, &["holds no certificate", "BEGIN CERTIFICATE"]);
    let ended = connect(&["--ca", "/no/such/file", &url]).end("");
    failed(&ended, &["--ca /no/such/file: "]);
    let ended = connect(&["--ca", &ca, &format!("wss://127.0.0.1:{port}/")]).end("");
    failed(&ended, &["certificate", "a host in the URL"]);

    // And the schemes taken for each other.
    let ended = connect(&[&format!("ws://localhost:{port}/")]).end("");
    failed(&ended, &["use wss:"]);
    let (url, server) = listen(|stream| {
        assert!(Socket::accept(stream, &Arc::new(Config::default())).is_err());
    });
    let ended = connect(&["--ca", &ca, &url.replace("ws:", "wss:")]).end("");
    failed(&ended, &["use ws: in place of wss:"]);
    server.join().unwrap();
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (arguments, said) in [
        (&["connect"][..], "<URL>"),
        (&["connect", "localhost:9001"], "ws://127.0.0.1:9001"),
        (&["connect", "-H", "no colon", "ws://a/"], "Name: value"),
        (&["connect", "-H", "Host: b", "ws://a/"], "managed"),
        (&["connect", "--wait", "x", "ws://a/"], "seconds"),
        (&["bench", "-c", "0", "ws://a/"], "0 is not in 1.."),
        (
            &["bench", "--text", "--binary", "ws://a/"],
            "cannot be used",
        ),
        (
            &["bench", "-n", "1", "-d", "1", "ws://a/"],
            "cannot be used",
        ),
        (&["check", "--timeout=-1", "ws://a/"], "seconds"),
        (&["connct", "ws://a/"], "connect"),
    ] {
        let ended = sansock(arguments).end("");
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    for command in ["connect", "bench", "check"] {
        let ended = sansock(&[command, "--help"]).end("");
        assert!(ended.is_success(), "{ended:?}");
        assert!(ended.stdout.contains("Exit codes: 0 "), "{ended:?}");
    }
}

/// The commands that make a client, and what they say of success.
const README: [(&str, &str); 3] = [
    ("connect", "hi\n"),
    ("bench", "all as they were sent"),
    ("check", " 0 failed, 0 inconclusive"),
];

#[test]
fn the_lines_of_the_readme_do_what_it_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(file).unwrap();
    let lines = readme
        .lines()
        .filter_map(|line| line.strip_prefix("cargo run --release --features cli -- "));
    let mut run = Vec::new();
    for line in lines {
        let name = line.split(' ').next().unwrap();
        let Some((_, said)) = README.iter().find(|(command, _)| *command == name) else {
            continue;
        };
        let url = serve_all(|stream| echo_to_the_end(stream, Config::default()));
        let line = line.replace("ws://127.0.0.1:9001", &url);
        let ended = sansock(&line.split(' ').collect::<Vec<_>>()).end("hi\n");
        assert!(ended.is_success(), "{line}: {ended:?}");
        assert!(ended.stdout.contains(said), "{line}: {ended:?}");
        run.push(name.to_owned());
    }
    assert_eq!(run, README.map(|(name, _)| name));
}

fn connect(arguments: &[&str]) -> Program {
    sansock(&[&["connect"], arguments].concat())
}
