//! Requests that ask for no WebSocket, where the configuration lets them come (RFC 9110 §9.3, RFC
//! 9112 §6): each cut everywhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail like tests"
)]

#[path = "rfc6455_04/mod.rs"]
mod rfc6455_04;

use std::sync::Arc;

use sansock::{
    Config, Endpoint, EndpointEvent,
    proto::handshake::{Accept, AcceptError, HandshakeError as E, Reject, Request},
};

use rfc6455_04::{EXAMPLE, Run, and, everywhere, everywhere_with, with};

/// What Chromium 148 sends for a page, in short.
const PAGE: &str = "GET /a?b HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Connection: keep-alive\r\n\
    Accept: text/html\r\n\r\n";

fn config() -> Config {
    Config::default().plain_requests(true)
}

fn plain(text: &str) -> Run {
    everywhere_with(text.as_bytes(), &config())
}

/// The request, which is not one for a WebSocket.
fn request(text: &str) -> Request {
    let run = plain(text);
    assert_eq!(run.out, b"");
    let request = run.result.expect(text).expect(text);
    assert!(!request.is_websocket(), "{text}");
    request
}

/// The error, and what the client is told.
fn refused(text: &str) -> (E, String) {
    let run = plain(text);
    assert_eq!(run.rest, b"", "what follows is swallowed");
    (
        run.result.expect_err(text),
        String::from_utf8(run.out).unwrap(),
    )
}

fn answered(text: &str, reject: &Reject<'_>) -> String {
    let mut out = Vec::new();
    plain(text).handshake.reject(reject, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_page_is_answered_and_the_connection_ends() {
    let request = request(PAGE);
    assert_eq!((request.method(), request.path()), ("GET", "/a"));
    assert_eq!(
        (request.query(), request.host()),
        (Some("b"), Some("127.0.0.1:9001"))
    );
    let page = Reject::new(200)
        .header("Content-Type", "text/html")
        .body("<p>");
    assert_eq!(
        answered(PAGE, &page),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
        Content-Length: 3\r\n\r\n<p>"
    );
}

/// RFC 9110 §9.3.2: the fields of a GET, and no content.
#[test]
fn a_head_is_answered_without_a_body() {
    let head = PAGE.replacen("GET", "HEAD", 1);
    assert_eq!(request(&head).method(), "HEAD");
    assert_eq!(
        answered(&head, &Reject::new(200).body("<p>")),
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    );
    // Nor do errors have one, whether HEAD is allowed or not.
    for (config, text, start) in [
        (
            Config::default(),
            head.clone(),
            "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n",
        ),
        (
            config(),
            head.replacen("Host", "Hast", 1),
            "HTTP/1.1 400 Bad Request\r\n",
        ),
        (
            config(),
            EXAMPLE.replacen("GET", "HEAD", 1),
            "HTTP/1.1 405 Method Not Allowed\r\n",
        ),
        (
            config(),
            head.replacen("HTTP/1.1", "HTTP/1.0", 1),
            "HTTP/1.1 505 HTTP ",
        ),
    ] {
        let run = everywhere_with(text.as_bytes(), &config);
        let out = String::from_utf8(run.out).unwrap();
        assert!(out.starts_with(start), "{out}");
        assert!(
            out.ends_with("\r\n\r\n") && !out.contains("Content-Length: 0"),
            "{out}"
        );
    }
}

#[test]
fn a_websocket_is_one_as_before() {
    let run = plain(EXAMPLE);
    let request = run.result.as_ref().unwrap().as_ref().unwrap();
    assert!(request.is_websocket() && request.method() == "GET");
    let mut out = Vec::new();
    assert!(run.handshake.accept(&Accept::new(), &mut out).is_ok());
    // An upgrade to something else may be ignored (RFC 9110 §7.8).
    let other = PAGE.replacen("keep-alive", "Upgrade, HTTP2-Settings\r\nUpgrade: h2c", 1);
    assert_eq!(
        self::request(&other).headers().get_str("upgrade"),
        Some("h2c")
    );
}

#[test]
fn it_cannot_be_accepted() {
    let mut out = Vec::new();
    let run = plain(PAGE);
    let request = run.result.unwrap().unwrap();
    assert_eq!(
        request.answer(&Accept::new()).unwrap_err(),
        AcceptError::NotWebSocket
    );
    let (handshake, error) = run.handshake.accept(&Accept::new(), &mut out).unwrap_err();
    assert_eq!((error, out.len()), (AcceptError::NotWebSocket, 0));
    handshake.reject(&Reject::new(426), &mut out).unwrap();
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Connection: close, Upgrade\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn it_is_refused_unless_it_is_asked_for() {
    assert_eq!(everywhere(PAGE).result.unwrap_err(), E::RequestUpgrade);
}

/// hostile 203.
#[test]
fn hostile_204_the_rules_of_a_head_hold_for_pages() {
    let add = |line: &str| PAGE.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
    for (text, error) in [
        (PAGE.replacen("GET", "POST", 1), E::RequestMethod),
        (PAGE.replacen("GET", "get", 1), E::RequestMethod),
        (PAGE.replacen("GET", "HEADER", 1), E::RequestMethod),
        (PAGE.replacen("/a?b", "a", 1), E::RequestTarget),
        (PAGE.replacen("Host", "Hast", 1), E::RequestHost),
        (add("Host: b"), E::RequestHost),
        (add("Content-Length: 3"), E::RequestBody),
        (add("Transfer-Encoding: chunked"), E::RequestBody),
        (add("Origin: a\r\nOrigin: b"), E::RequestOrigin),
        (add(" folded"), E::MalformedHeader),
        // Some proxy took the `Upgrade`: no page is what its client waits for.
        (
            add("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            E::RequestUpgrade,
        ),
        (with("Upgrade", ""), E::RequestUpgrade),
        (with("Connection", ""), E::RequestConnection),
        (and("Sec-WebSocket-Version: 12\r\n"), E::MalformedVersion),
    ] {
        let (found, out) = refused(&(text.clone() + "more"));
        assert_eq!(found, error, "{text}");
        let status = error.status().unwrap();
        assert!(out.starts_with(&format!("HTTP/1.1 {status} ")), "{out}");
        assert!(out.contains("\r\nConnection: close"), "{out}");
        assert_eq!(
            out.contains("\r\nAllow: GET, HEAD\r\n"),
            status == 405,
            "{out}"
        );
    }
    for (config, error) in [
        (config().max_head_size(PAGE.len() - 1), E::HeadTooLarge),
        (config().max_headers(2), E::TooManyHeaders),
        (config().max_request_line_size(10), E::RequestLineTooLong),
    ] {
        let run = everywhere_with(PAGE.as_bytes(), &config);
        assert_eq!(run.result.unwrap_err(), error);
    }
}

/// A request behind the first, which a client may send at once, is never answered.
#[test]
fn hostile_204_one_request_is_answered_and_no_more() {
    let mut server = Endpoint::server(&Arc::new(config()));
    let mut bytes = [PAGE, PAGE].concat().into_bytes();
    let mut input = &mut bytes[..];
    let Some(EndpointEvent::Request(request)) = server.receive(&mut input) else {
        panic!("no request");
    };
    assert!(!request.is_websocket() && !server.wants_read());
    assert_eq!(
        server.accept(&Accept::new()),
        Err(AcceptError::NotWebSocket)
    );
    server.reject(&Reject::new(200).body("page")).unwrap();
    assert!(server.is_finished() && !server.wants_read());
    let end = server.receive(&mut input);
    assert!(matches!(end, Some(EndpointEvent::Closed(_))), "{end:?}");
    assert!(server.receive(&mut input).is_none());
    let out = server.outbox().chunks().flatten().copied().collect();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\npage"
    );
}
