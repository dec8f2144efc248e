//! What a server answers (RFC 6455 §4.2.2), what it leaves in the input, and HTTP that was done
//! elsewhere (RFC 8441, RFC 9220).
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

mod rfc6455_04;

use std::sync::Arc;

use sansock::{
    Config, Event, ProtocolError, Role, State,
    proto::{
        Connection,
        handshake::{
            Accept, AcceptError, EofStage, HandshakeError as E, HttpVersion, Reject, Request,
            ServerHandshake,
        },
    },
};

use rfc6455_04::{EXAMPLE, Run, and, everywhere, everywhere_with, run, with};

fn accept(run: Run, accept: &Accept<'_>) -> Result<String, AcceptError> {
    let mut out = Vec::new();
    match run.handshake.accept(accept, &mut out) {
        Ok(_) => Ok(String::from_utf8(out).unwrap()),
        Err((handshake, error)) => {
            assert!(out.is_empty(), "nothing is written");
            assert!(handshake.is_undecided(), "and it may be tried again");
            Err(error)
        }
    }
}

#[test]
fn clause_048_the_example_of_section_1_3() {
    let run = everywhere(EXAMPLE);
    let request = run.result.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!(request.version(), HttpVersion::Http11);
    assert_eq!(request.target(), "/chat");
    assert_eq!((request.path(), request.query()), ("/chat", None));
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(
        request.subprotocols().collect::<Vec<_>>(),
        ["chat", "superchat"]
    );
    assert_eq!(request.extensions().count(), 0);
    assert_eq!(request.headers().len(), 7);
    let mut out = b"before".to_vec();
    let (_, negotiated) = run
        .handshake
        .accept(&Accept::new().subprotocol("chat"), &mut out)
        .unwrap();
    assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        "beforeHTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n"
    );
}

#[test]
fn clause_046_no_subprotocol_is_no_header() {
    assert_eq!(
        accept(everywhere(EXAMPLE), &Accept::new()).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
}

#[test]
fn clause_046_hostile_021_a_subprotocol_must_have_been_offered() {
    for name in ["", "chat,", "chat, superchat", "Chat", "other"] {
        let answer = Accept::new().subprotocol(name);
        assert_eq!(
            accept(everywhere(EXAMPLE), &answer),
            Err(AcceptError::SubprotocolNotOffered),
            "{name}"
        );
        assert_eq!(
            accept(everywhere(&with("Sec-WebSocket-Protocol", "")), &answer),
            Err(AcceptError::SubprotocolNotOffered)
        );
    }
    let answer = accept(everywhere(EXAMPLE), &Accept::new().subprotocol("superchat")).unwrap();
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: superchat\r\n"));
}

#[test]
fn clause_047_116_no_extension_is_answered_that_is_not_in_use() {
    let run = everywhere(&and("Sec-WebSocket-Extensions: x-unknown\r\n"));
    let answer = accept(run, &Accept::new()).unwrap();
    assert!(!answer.contains("Extensions"), "{answer}");
}

#[test]
fn hostile_028_headers_that_may_not_be_added() {
    for (name, value, error) in [
        ("", "x", AcceptError::HeaderName),
        ("a b", "x", AcceptError::HeaderName),
        ("a:", "x", AcceptError::HeaderName),
        ("a\r\nb", "x", AcceptError::HeaderName),
        ("a", "x\r\ny: z", AcceptError::HeaderValue),
        ("a", "\n", AcceptError::HeaderValue),
        ("a", "x\ry", AcceptError::HeaderValue),
        ("a", "\0", AcceptError::HeaderValue),
        ("upgrade", "x", AcceptError::ManagedHeader),
        ("Connection", "x", AcceptError::ManagedHeader),
        ("Sec-WebSocket-Accept", "x", AcceptError::ManagedHeader),
        ("sec-websocket-extensions", "x", AcceptError::ManagedHeader),
        ("Sec-WebSocket-Protocol", "x", AcceptError::ManagedHeader),
        ("Content-Length", "0", AcceptError::ManagedHeader),
        ("Transfer-Encoding", "chunked", AcceptError::ManagedHeader),
    ] {
        assert_eq!(
            accept(everywhere(EXAMPLE), &Accept::new().header(name, value)),
            Err(error),
            "{name:?}: {value:?}"
        );
        let mut out = Vec::new();
        let (handshake, other) = everywhere(EXAMPLE)
            .handshake
            .reject(&Reject::new(403).header(name, value), &mut out)
            .unwrap_err();
        assert_eq!((other, out.len()), (error, 0));
        assert!(handshake.is_undecided());
    }
    let answer = Accept::new()
        .header("Set-Cookie", "a=b")
        .header("X", b"\xFF");
    let mut out = Vec::new();
    everywhere(EXAMPLE)
        .handshake
        .accept(&answer, &mut out)
        .unwrap();
    assert!(out.ends_with(b"\r\nSet-Cookie: a=b\r\nX: \xFF\r\n\r\n"));
}

#[test]
fn hostile_030_the_client_goes_while_the_program_decides() {
    let mut run = everywhere(EXAMPLE);
    assert!(run.handshake.is_undecided());
    assert_eq!(run.handshake.receive_eof(), E::Eof(EofStage::Undecided));
    assert!(!run.handshake.is_undecided());
    let (handshake, error) = run
        .handshake
        .accept(&Accept::new(), &mut run.out)
        .unwrap_err();
    assert_eq!(error, AcceptError::NotUndecided);
    let (_, error) = handshake
        .reject(&Reject::new(403), &mut run.out)
        .unwrap_err();
    assert_eq!(error, AcceptError::NotUndecided);
    assert_eq!(run.out, b"");
}

#[test]
fn clause_042_043_045_refusals_are_whole_responses() {
    let reject = |reject: &Reject<'_>| {
        let mut out = Vec::new();
        let result = everywhere(EXAMPLE).handshake.reject(reject, &mut out);
        result
            .map(|()| String::from_utf8(out).unwrap())
            .map_err(|(_, error)| error)
    };
    assert_eq!(
        reject(
            &Reject::new(401)
                .header("WWW-Authenticate", "Basic")
                .body("who?")
        )
        .unwrap(),
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nConnection: close\r\n\
        Content-Length: 4\r\n\r\nwho?"
    );
    assert_eq!(
        reject(&Reject::new(302).header("Location", "/b")).unwrap(),
        "HTTP/1.1 302 Found\r\nLocation: /b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        reject(&Reject::new(599).reason("Odd")).unwrap(),
        "HTTP/1.1 599 Odd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(
        reject(&Reject::new(204)).unwrap(),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    for status in [0, 100, 101, 199, 600, 65_535] {
        assert_eq!(
            reject(&Reject::new(status)),
            Err(AcceptError::Status),
            "{status}"
        );
    }
    for status in [200, 403, 404, 500, 599] {
        assert!(reject(&Reject::new(status).body("x")).is_ok(), "{status}");
    }
    assert_eq!(reject(&Reject::new(304).body("x")), Err(AcceptError::Body));
    assert_eq!(
        reject(&Reject::new(403).reason("a\r\nb")),
        Err(AcceptError::Reason)
    );
    let (_, error) = ServerHandshake::new(&Arc::default())
        .reject(&Reject::new(403), &mut Vec::new())
        .unwrap_err();
    assert_eq!(error, AcceptError::NotUndecided);
}

/// RFC 9110 §15 names them; what has no name here has an empty one, which is allowed.
#[test]
fn clause_042_the_usual_reason_phrases() {
    for line in [
        "200 OK",
        "201 ",
        "204 No Content",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "304 Not Modified",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "406 Not Acceptable",
        "408 Request Timeout",
        "409 Conflict",
        "410 Gone",
        "414 URI Too Long",
        "421 Misdirected Request",
        "426 Upgrade Required",
        "429 Too Many Requests",
        "431 Request Header Fields Too Large",
        "500 Internal Server Error",
        "501 Not Implemented",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "505 HTTP Version Not Supported",
        "599 ",
    ] {
        let run = run([EXAMPLE.as_bytes()], &Config::default());
        let mut out = Vec::new();
        let status = line[..3].parse().unwrap();
        run.handshake
            .reject(&Reject::new(status), &mut out)
            .unwrap();
        let response = String::from_utf8(out).unwrap();
        assert_eq!(response.lines().next(), Some(&*format!("HTTP/1.1 {line}")));
    }
}

#[test]
fn http_done_elsewhere_is_checked_alike() {
    let fields: Vec<(&str, &str)> = EXAMPLE
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .collect();
    let parts = |method: &str, target: &str, fields: &[(&str, &str)]| {
        Request::from_parts(method, target, HttpVersion::Http11, fields.iter().copied())
    };
    let request = parts("GET", "/chat", &fields).unwrap();
    assert_eq!(request.path(), "/chat");
    let (headers, negotiated) = request
        .answer(&Accept::new().subprotocol("chat").header("X", "y"))
        .unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name, str::from_utf8(value).unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", "chat"),
            ("X", "y"),
        ]
    );
    assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
    assert_eq!(
        request
            .answer(&Accept::new().subprotocol("no"))
            .unwrap_err(),
        AcceptError::SubprotocolNotOffered
    );
    assert_eq!(
        parts("POST", "/chat", &fields).unwrap_err(),
        E::RequestMethod
    );
    for target in ["", "/a b", "/a#", "*", "/é"] {
        assert_eq!(parts("GET", target, &fields).unwrap_err(), E::RequestTarget);
    }
    for (index, error) in [
        E::RequestHost,
        E::RequestUpgrade,
        E::RequestConnection,
        E::RequestKey,
    ]
    .into_iter()
    .enumerate()
    {
        let mut fewer = fields.clone();
        fewer.remove(index);
        assert_eq!(parts("GET", "/", &fewer).unwrap_err(), error);
    }
    for bad in [("a b", "c"), ("a", "b\r\nc"), ("", "")] {
        let mut more = fields.clone();
        more.push(bad);
        assert_eq!(parts("GET", "/", &more).unwrap_err(), E::MalformedHeader);
    }
}

/// RFC 8441 §5, RFC 9220 §3.
#[test]
fn clause_189_190_191_an_extended_connect_has_no_upgrade_and_no_key() {
    let fields = [
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
        ("origin", "https://example.com"),
    ];
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        let request = Request::from_parts("CONNECT", "/chat?a", version, fields).unwrap();
        assert_eq!((request.method(), request.host()), ("CONNECT", None));
        let (headers, _) = request.answer(&Accept::new().subprotocol("chat")).unwrap();
        let headers: Vec<_> = headers.iter().collect();
        assert_eq!(headers, [("Sec-WebSocket-Protocol", &b"chat"[..])]);
        assert_eq!(
            Request::from_parts("GET", "/chat", version, fields).unwrap_err(),
            E::RequestMethod
        );
        let absolute = Request::from_parts("CONNECT", "https://h/chat", version, fields).unwrap();
        assert_eq!((absolute.path(), absolute.host()), ("/chat", Some("h")));
        assert_eq!(
            Request::from_parts("CONNECT", "/", version, fields.into_iter().skip(1)).unwrap_err(),
            E::UnsupportedVersion
        );
    }
}

/// RFC 8441 §5: a stream of HTTP/2 or 3 is open at once, and carries the frames of RFC 6455, those
/// of the client masked.
#[test]
fn clause_192_194_a_stream_carries_the_same_frames() {
    let config = Arc::new(Config::default());
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        let fields = [("sec-websocket-version", "13")];
        let request = Request::from_parts("CONNECT", "/chat", version, fields).unwrap();
        let (_, negotiated) = request.answer(&Accept::new()).unwrap();
        let open = |role| Connection::from_negotiated(role, &negotiated, &config, [7; 32]);
        let (mut client, mut server) = (open(Role::Client), open(Role::Server));
        assert_eq!((client.state(), server.state()), (State::Open, State::Open));
        let mut wire = Vec::new();
        client.send("hi", &mut wire).unwrap();
        assert_eq!((wire.len(), &wire[..2]), (8, &b"\x81\x82"[..]));
        let mut answer = Vec::new();
        let heard = server.receive(&mut &mut wire[..], &mut answer).unwrap();
        assert_eq!(heard, Some(Event::Message("hi".into())));
        server.send("hi", &mut answer).unwrap();
        assert_eq!(answer, b"\x81\x02hi");
        let mut wire = answer.clone();
        let unmasked = server.receive(&mut &mut wire[..], &mut answer);
        assert_eq!(unmasked, Err(ProtocolError::UnmaskedFrame));
        assert_eq!(answer[4..], *b"\x88\x02\x03\xEA");
    }
}

/// Whether `:protocol` is `websocket` is the program's to ask; what it passes on by mistake, and the
/// fields of HTTP/1.1, change nothing (RFC 8441 §5).
#[test]
fn hostile_157_an_extended_connect_with_fields_of_http_1_1() {
    let fields = [
        ("sec-websocket-version", "13"),
        ("upgrade", "h2c"),
        ("connection", "close"),
        ("sec-websocket-key", "none of 16 bytes"),
    ];
    for version in [HttpVersion::Http2, HttpVersion::Http3] {
        let request = Request::from_parts("CONNECT", "/chat", version, fields).unwrap();
        let (headers, _) = request.answer(&Accept::new()).unwrap();
        assert_eq!(headers.iter().count(), 0);
        for name in [":protocol", ":path", ":authority"] {
            let fields = [("sec-websocket-version", "13"), (name, "websocket")];
            assert_eq!(
                Request::from_parts("CONNECT", "/chat", version, fields).unwrap_err(),
                E::MalformedHeader
            );
        }
        for target in ["", " ", "/a b", "/\u{E9}"] {
            assert_eq!(
                Request::from_parts("CONNECT", target, version, fields).unwrap_err(),
                E::RequestTarget
            );
        }
    }
}

#[test]
fn hostile_031_a_half_open_handshake_is_small() {
    assert!(
        size_of::<ServerHandshake>() <= 128,
        "{}",
        size_of::<ServerHandshake>()
    );
}

#[test]
fn hostile_151_debug_hides_secrets() {
    let text = and("Cookie: secret\r\nAuthorization: Basic secret\r\n")
        .replace("/chat", "/chat?token=secret");
    let run = everywhere(&text);
    let shown = format!("{:?} {:?}", run.handshake, run.result);
    assert!(
        !shown.contains("secret") && !shown.contains("dGhlIHNhbXBsZSBub25jZQ"),
        "{shown}"
    );
    let half = run_half(&text);
    assert!(
        !half.contains("secret") && !half.contains("115, 101, 99"),
        "{half}"
    );
}

fn run_half(text: &str) -> String {
    format!(
        "{:?}",
        run([&text.as_bytes()[..text.len() - 4]], &Config::default()).handshake
    )
}

#[test]
fn hostile_002_a_head_of_single_bytes() {
    let config = Config::default()
        .max_head_size(1 << 20)
        .max_headers(1 << 20);
    let text = and(&format!("x: {}\r\n", "y".repeat(100_000))) + "rest";
    let run = run(text.as_bytes().chunks(1), &config);
    assert!(matches!(run.result, Ok(Some(_))));
    assert_eq!(run.rest, b"rest");
}

#[test]
fn hostile_006_the_end_of_the_transport() {
    for (text, stage) in [
        ("", EofStage::BeforeHead),
        ("G", EofStage::InsideHead),
        (&EXAMPLE[..EXAMPLE.len() - 1], EofStage::InsideHead),
    ] {
        let mut run = everywhere(text);
        assert!(matches!(run.result, Ok(None)));
        assert_eq!(run.handshake.receive_eof(), E::Eof(stage));
        assert_eq!(run.handshake.receive_eof(), E::Eof(stage), "still");
        assert_eq!(run.out, b"", "nobody would read an answer");
        let mut more = *b"\n";
        let mut more = &mut more[..];
        assert!(matches!(
            run.handshake.receive(&mut more, &mut run.out),
            Ok(None)
        ));
        assert!(more.is_empty(), "later input is swallowed");
    }
    let mut failed = everywhere("\r\n");
    assert_eq!(failed.handshake.receive_eof(), E::MalformedStartLine);
}

#[test]
fn clause_049_the_server_may_send_as_soon_as_it_has_accepted() {
    let mut out = Vec::new();
    let run = everywhere(EXAMPLE);
    let (mut connection, _) = run.handshake.accept(&Accept::new(), &mut out).unwrap();
    assert_eq!(connection.state(), State::Open);
    connection.send("Hello", &mut out).unwrap();
    assert!(out.ends_with(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05Hello"));
}

#[test]
fn clause_049_hostile_025_026_frames_behind_the_head_stay() {
    let frames = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\r\n\r\n";
    let bytes = [EXAMPLE.as_bytes(), frames].concat();
    let mut run = everywhere_with(&bytes, &Config::default());
    assert!(matches!(run.result, Ok(Some(_))));
    assert_eq!(run.rest, frames);
    // While the program decides, nothing is taken.
    let mut rest = run.rest.clone();
    let mut input = &mut rest[..];
    for _ in 0..3 {
        assert!(matches!(
            run.handshake.receive(&mut input, &mut run.out),
            Ok(None)
        ));
        assert_eq!(input, frames);
    }
    assert_eq!(run.out, b"");
}
