//! `sansock check`: what it says of our server, of one that is wrong in all it can be,
//! and of the servers of others.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

mod cli;
#[expect(
    dead_code,
    reason = "not all servers there are such as the RFC describes"
)]
#[path = "interop/echo_server.rs"]
mod echo_server;
mod program;
#[path = "interop/set_up.rs"]
mod set_up;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
};

use cli::{echo_to_the_end, failed, sansock, serve_all};
use echo_server::EchoServer;
use program::Ended;
use sansock::{Config, DeflateConfig, adapter::blocking::Socket};
use set_up::is_set_up;

#[test]
fn our_server_passes_every_case() {
    let deflate = DeflateConfig::new().client_no_context_takeover(false);
    let config = Config::default().deflate(Some(deflate));
    let url = serve_all(move |stream| echo_to_the_end(stream, config.clone()));
    let ended = check(&[&url]);
    assert!(ended.is_success(), "{ended:?}");
    assert!(
        ended
            .stdout
            .ends_with(" passed, 0 failed, 0 inconclusive, 0 inapplicable\n"),
        "{ended:?}"
    );
    assert!(lines(&ended, "  pass  ").len() >= 150, "{ended:?}");
    assert_eq!(ended.stderr, "", "no progress where nobody looks");
}

#[test]
fn cases_of_what_is_not_offered_are_inapplicable() {
    let config = Config::default();
    let url = serve_all(move |stream| echo_to_the_end(stream, config.clone()));
    let ended = check(&["--only", "permessage-deflate", &url]);
    assert!(ended.is_success(), "{ended:?}");
    let of_all = lines(&ended, "  -     ").len();
    let total = format!("\n0 passed, 0 failed, 0 inconclusive, {of_all} inapplicable\n");
    assert!(of_all > 20 && ended.stdout.ends_with(&total), "{ended:?}");
}

/// What [`naive`] breaks: all that it does not look at.
const BROKEN: [&str; 62] = [
    "version 12",
    "no Sec-WebSocket-Key",
    "a key of 15 bytes",
    "a key of 17 bytes",
    "a key that is not base64",
    "two keys",
    "no Sec-WebSocket-Version",
    "no Upgrade",
    "an Upgrade to something else",
    "no Connection",
    "no Host",
    "a POST",
    "HTTP/1.0",
    "a frame that is not masked",
    "a Ping that is not masked",
    "RSV1 without an extension",
    "RSV2",
    "RSV3",
    "RSV1 in a Ping",
    "reserved opcode 0x3",
    "reserved opcode 0x7",
    "reserved opcode 0xB",
    "reserved opcode 0xF",
    "a length of 5 in 16 bits",
    "a length of 5 in 64 bits",
    "a continuation with nothing to continue",
    "a continuation behind a whole message",
    "a message inside another",
    "a binary message inside a text",
    "a Ping of 126 bytes",
    "a Pong of 126 bytes",
    "a Close of 126 bytes",
    "a Ping in two frames",
    "a Close in two frames",
    "a Pong that nobody asked for, then a text",
    "code 0, which must not be sent",
    "code 999, which must not be sent",
    "code 1004, which must not be sent",
    "code 1005, which must not be sent",
    "code 1006, which must not be sent",
    "code 1015, which must not be sent",
    "code 1100, which must not be sent",
    "code 2000, which must not be sent",
    "code 2999, which must not be sent",
    "a body of one byte",
    "a reason that is not UTF-8",
    "a text behind the Close",
    "a Ping behind the Close",
    "a second Close",
    "the end of TCP behind both Closes",
    "a continuation byte alone",
    "a byte that never occurs: FF",
    "two bytes for U+002F",
    "three bytes for U+002F",
    "four bytes for U+002F",
    "a surrogate, U+D800",
    "a pair of surrogates",
    "above U+10FFFF",
    "five bytes",
    "a character without its last byte",
    "a character that the next frame does not end",
    "a wrong byte in the first of two frames",
];

#[test]
fn every_rule_that_a_server_breaks_is_listed() {
    // What ends a connection is no matter.
    let url = serve_all(|stream| drop(naive(stream)));
    let ended = check(&["--timeout", "1", "--json", &url]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(named(&ended, "fail"), BROKEN);
}

#[test]
fn a_report_is_json_for_programs() {
    let config = Config::default();
    let url = serve_all(move |stream| echo_to_the_end(stream, config.clone()));
    let ended = check(&["--only", "a Ping with a text", "--json", &url]);
    let expected = format!(
        "{{\"url\": \"{url}\", \"cases\": [\n\
         {{\"group\": \"Ping and Pong\", \"name\": \"a Ping with a text\", \
         \"section\": \"RFC 6455 §5.5.2\", \"verdict\": \"pass\", \
         \"expected\": \"a Pong of 5 bytes, \\\"Hello\\\"\", \"got\": \"just this\"}}\n\
         ], \"passed\": 1, \"failed\": 0, \"inconclusive\": 0, \"inapplicable\": 0}}\n"
    );
    assert_eq!(ended.stdout, expected);
    assert!(ended.is_success(), "{ended:?}");
}

#[test]
fn a_server_that_does_not_echo_is_not_tried() {
    let url = serve_all(|stream| {
        if let Ok(mut socket) = Socket::accept(stream, &Arc::new(Config::default())) {
            while let Ok(Some(_)) = socket.recv() {
                socket.send("\x1B[2J").unwrap();
            }
        }
    });
    let ended = check(&[&url]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "");
    for said in ["got a text of 4 bytes, \"\\u{1b}[2J\"", "sansock serve"] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    let ended = check(&["--only", "no such case", &url]);
    assert!(ended.stderr.contains("no case"), "{ended:?}");
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

/// What a server must not send (§5.1 to §5.5), the bounds of what is read, and what opens nothing.
#[test]
fn what_a_server_breaks_by_itself_is_told() {
    let frames: [(&[u8], &str); 11] = [
        (
            b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58",
            "a masked frame (§5.1)",
        ),
        (b"\xC1\x00", "a frame with a reserved bit (§5.2)"),
        (b"\x83\x00", "a reserved opcode (§5.2)"),
        (
            b"\x81\x7E\x00\x7D",
            "a length that is not the shortest (§5.2)",
        ),
        (
            b"\x82\x7F\x00\x00\x00\x00\x01\x00\x00\x01",
            "a frame of more than 16 MiB",
        ),
        (b"\x80\x00", "a continuation of nothing (§5.4)"),
        (b"\x01\x00\x81\x00", "a message inside another (§5.4)"),
        (
            b"\x89\x7E\x00\x7E",
            "a control frame above 125 bytes (§5.5)",
        ),
        (b"\x09\x00", "a control frame in fragments (§5.5)"),
        (b"\x88\x02\x03\xE9", "Close 1001"),
        (b"\x81\x05Hel", "the end of the connection"),
    ];
    for (frame, said) in frames {
        let url = serve_all(|mut stream| {
            read_head(&mut stream).unwrap();
            stream.write_all(&[OPENED, frame].concat()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let ended = check(&[&url]);
        failed(&ended, &["sent a text, and got", said]);
    }
    let answers: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            "not the one for the key",
        ),
        (b"SSH-2.0-\x1B[2J\r\n\r\n", "an answer that is not HTTP/1.1"),
        (&[b'x'; 70_000], "an endless head of a response"),
    ];
    for (answer, said) in answers {
        let url = serve_all(|mut stream| {
            // A client that has enough of it ends the stream.
            let _ = read_head(&mut stream).and_then(|_| stream.write_all(answer));
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let ended = check(&[&url]);
        failed(&ended, &[said, "opens a connection to anyone"]);
    }
}

/// What a server may do though ours does not: other options beside Upgrade (§4.1), HTTP/1.0 in what
/// refuses, and no page of others (§4.2.2).
#[test]
fn rfc6455_4_what_a_server_may_do_is_no_fault() {
    let url = serve_all(|mut stream| {
        let Ok(head) = read_head(&mut stream) else {
            return; // it was only looked whether we are there
        };
        if head.contains("Origin:") {
            let _ = stream.write_all(b"HTTP/1.0 403 Forbidden\r\n\r\n");
        } else if head.starts_with("GET / HTTP/1.0") {
            let _ = stream.write_all(b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n");
        } else {
            let opened = String::from_utf8_lossy(OPENED);
            let opened = opened.replace("Connection: Upgrade", "Connection: keep-alive, upgrade");
            let _ = stream.write_all(opened.as_bytes());
            let _ = send_all_back(&mut stream);
        }
    });
    for (case, verdict) in [
        ("a header that means nothing", "pass"),
        ("HTTP/1.0", "pass"),
        ("the Origin of some page", "inconclusive"),
    ] {
        let ended = check(&["--only", case, "--json", &url]);
        assert_eq!(named(&ended, verdict), [case], "{ended:?}");
        assert!(ended.is_success(), "{ended:?}");
    }
}

/// §5.4: what was a message before must not be continued.
#[test]
fn rfc6455_5_4_a_server_that_continues_a_whole_message_fails() {
    let url = serve_all(|mut stream| {
        let opened = read_head(&mut stream).and_then(|_| stream.write_all(OPENED));
        let mut header = [0; 6];
        if opened.is_err() || stream.read_exact(&mut header).is_err() {
            return;
        }
        // A continuation with nothing before it is noticed, and no other.
        if header[0] & 0x0F == 0 {
            let _ = stream.write_all(b"\x88\x02\x03\xEA");
            return;
        }
        let _ = send_back(&mut stream, header).and_then(|()| send_all_back(&mut stream));
    });
    let case = "a continuation behind a whole message";
    let ended = check(&["--only", case, "--json", "--timeout", "1", &url]);
    assert_eq!(named(&ended, "fail"), [case], "{ended:?}");
}

/// RFC 7692 §7.1.2.2: an answer with a parameter that was not asked for, even with its default.
#[test]
fn rfc7692_7_1_2_2_a_window_that_was_not_asked_for_fails() {
    let url = serve_all(|mut stream| {
        let Ok(head) = read_head(&mut stream) else {
            return;
        };
        let mut opened = String::from_utf8_lossy(OPENED).into_owned();
        if head.contains("permessage-deflate") {
            let answer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15";
            opened.insert_str(opened.len() - 2, &format!("{answer}\r\n"));
        }
        let _ = stream.write_all(opened.as_bytes());
        let _ = send_all_back(&mut stream);
    });
    let case = "an offer that does not know client_max_window_bits";
    let ended = check(&["--only", case, "--json", &url]);
    assert_eq!(named(&ended, "fail"), [case], "{ended:?}");
}

/// What others do not keep, and no more: their next version may.
#[test]
fn servers_of_others_fail_in_what_they_lack() {
    if !is_set_up() {
        return;
    }
    let servers: [(&str, &[&str]); 2] = [
        (
            "ws_echo.mjs",
            &["no Host", "HTTP/1.0", "an offer with a window of 010 bits"],
        ),
        ("websockets_echo.py", &["version 12", "no Host"]),
    ];
    for (script, expected) in servers {
        let server = EchoServer::start(script);
        let ended = check(&["--timeout", "2", "--json", &server.url("/")]);
        assert_eq!(named(&ended, "fail"), expected, "{script}");
        assert_eq!(named(&ended, "inapplicable"), [""; 0], "{script}");
        assert_eq!(ended.code, Some(1), "{script}");
    }
}

// --- Helpers ----------------------------------------------------------------------------------

/// RFC 7617 §2: a user in the URL is told to the server, as by the other commands.
#[test]
fn rfc7617_2_a_user_of_the_url_is_told() {
    let url = serve_all(|mut stream| {
        let Ok(head) = read_head(&mut stream) else {
            return; // it was only looked whether we are there
        };
        let is_told = head.contains("\r\nAuthorization: Basic dTpw\r\n");
        let status = if is_told { "418 Told" } else { "401 Untold" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\n\r\n");
    });
    let ended = check(&[&url.replace("ws://", "ws://u:p@")]);
    failed(&ended, &["status 418"]);
    assert!(!ended.stderr.contains("u:p"), "{ended:?}");
}

fn check(arguments: &[&str]) -> Ended {
    sansock(&[&["check"], arguments].concat()).end("")
}

fn lines<'a>(ended: &'a Ended, start: &str) -> Vec<&'a str> {
    let lines = ended.stdout.lines();
    lines.filter(|line| line.starts_with(start)).collect()
}

/// The names of the cases with this verdict, of a report in JSON.
fn named<'a>(ended: &'a Ended, verdict: &str) -> Vec<&'a str> {
    let verdict = format!("\"verdict\": \"{verdict}\"");
    let cases = ended.stdout.lines().filter(|line| line.contains(&verdict));
    let name = |line: &'a str| line.split_once("\"name\": \"")?.1.split_once('"');
    cases.map(|line| name(line).unwrap().0).collect()
}

/// The answer to the key of the RFC's example, whatever else was asked.
const OPENED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Sends short frames of a client back, of whatever kind.
fn send_all_back(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut header = [0; 6];
        stream.read_exact(&mut header)?;
        send_back(stream, header)?;
    }
}

/// Sends the frame back whose first byte, length and masking key these are.
fn send_back(stream: &mut TcpStream, header: [u8; 6]) -> io::Result<()> {
    let [first, len, key @ ..] = header;
    let mut payload = vec![0; usize::from(len & 0x7F)];
    stream.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    stream.write_all(&[&[first, len & 0x7F], &payload[..]].concat())
}

/// Accepts whatever comes, with the answer to the key of the RFC's example; sends every frame back
/// as it came, a Ping as a Pong; and never ends.
fn naive(mut stream: TcpStream) -> io::Result<()> {
    read_head(&mut stream)?;
    stream.write_all(OPENED)?;
    loop {
        let mut start = [0; 2];
        stream.read_exact(&mut start)?;
        let mut rest = match start[1] & 0x7F {
            126 => vec![0; 2],
            127 => vec![0; 8],
            _ => Vec::new(),
        };
        stream.read_exact(&mut rest)?;
        let len = match rest.len() {
            0 => u64::from(start[1] & 0x7F),
            _ => rest.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let mut key = [0; 4];
        if start[1] & 0x80 != 0 {
            stream.read_exact(&mut key)?;
        }
        let mut payload = Vec::new();
        (&stream).take(len).read_to_end(&mut payload)?;
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        // A Pong has opcode 10, a Ping 9.
        let first = if start[0] == 0x89 { 0x8A } else { start[0] };
        let frame = [&[first, start[1] & 0x7F], &rest[..], &payload].concat();
        stream.write_all(&frame)?;
    }
}
