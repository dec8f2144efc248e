//! What a client sends to open a connection, and what it refuses to send (RFC 6455 §3, §4.1).
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

use std::sync::Arc;

use sansock::proto::handshake::{ClientHandshake, ClientRequest, RequestError};

const SEED: [u8; 32] = [7; 32];

/// The request of the RFC's example (§1.2).
fn example() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat")
        .and_then(|request| request.origin("http://example.com"))
        .and_then(|request| request.subprotocol("chat"))
        .and_then(|request| request.subprotocol("superchat"))
        .unwrap()
}

fn written(request: &ClientRequest) -> String {
    let mut out = Vec::new();
    let _ = ClientHandshake::start(request, &Arc::default(), SEED, &mut out);
    String::from_utf8(out).unwrap()
}

/// The key that [`SEED`] makes.
fn key() -> String {
    let text = written(&example());
    let (_, rest) = text.split_once("\r\nSec-WebSocket-Key: ").unwrap();
    rest.lines().next().unwrap().to_owned()
}

#[test]
fn clause_011_to_023_the_example_of_section_1_2() {
    assert_eq!(
        written(&example()),
        format!(
            "GET /chat HTTP/1.1\r\n\
            Host: server.example.com\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Key: {}\r\n\
            Origin: http://example.com\r\n\
            Sec-WebSocket-Protocol: chat, superchat\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n",
            key()
        )
    );
}

#[test]
fn clause_017_hostile_150_each_seed_has_its_own_key() {
    let key = key();
    assert_eq!(key.len(), 24);
    assert!(key.ends_with("=="));
    let mut out = Vec::new();
    let _ = ClientHandshake::start(&example(), &Arc::default(), [8; 32], &mut out);
    assert!(!String::from_utf8(out).unwrap().contains(&key));
}

#[test]
fn clause_003_013_014_the_resource_and_the_host_are_sent_as_given() {
    for (authority, resource, lines) in [
        ("h", "", "GET / HTTP/1.1\r\nHost: h\r\n"),
        ("h:8080", "?a=b", "GET /?a=b HTTP/1.1\r\nHost: h:8080\r\n"),
        (
            "[::1]:9",
            "/a%23?b?c",
            "GET /a%23?b?c HTTP/1.1\r\nHost: [::1]:9\r\n",
        ),
    ] {
        let request = ClientRequest::new(authority, resource).unwrap();
        assert!(written(&request).starts_with(lines), "{lines}");
        assert!(!written(&request).contains("Protocol"));
    }
    let request = ClientRequest::new("[::1]:9", "").unwrap();
    assert_eq!(
        (request.host(), request.port(), request.resource()),
        ("::1", 9, "/")
    );
    let request = ClientRequest::new("h", "/").unwrap();
    assert_eq!((request.port(), request.is_secure()), (80, false));
    assert_eq!(request.secure(true).port(), 443);
}

#[test]
fn clause_001_004_hostile_044_a_request_that_cannot_be_sent() {
    for authority in [
        "",
        ":80",
        "u:p@h",
        "h/",
        "h h",
        "h:",
        "h:0",
        "h:65536",
        "h:x",
        "h\r\n",
        "é",
        "[fe80::1%25eth0]",
        "[::1",
        "h?",
        "h#",
    ] {
        let error = ClientRequest::new(authority, "/").unwrap_err();
        assert_eq!(error, RequestError::Authority, "{authority:?}");
    }
    for resource in ["a", "/#", "/a b", "/\r\n", "/\0", "/é", "*", "http://h/"] {
        let error = ClientRequest::new("h", resource).unwrap_err();
        assert_eq!(error, RequestError::Resource, "{resource:?}");
    }
}

#[cfg(feature = "url")]
#[test]
fn clause_001_002_003_057_hostile_044_urls() {
    for (url, first, secure, host, port) in [
        ("ws://h", "GET / HTTP/1.1\r\nHost: h\r\n", false, "h", 80),
        (
            "WSS://H:443/?",
            "GET /? HTTP/1.1\r\nHost: h\r\n",
            true,
            "h",
            443,
        ),
        (
            "ws://h:443/a?b=c d",
            "GET /a?b=c%20d HTTP/1.1\r\nHost: h:443\r\n",
            false,
            "h",
            443,
        ),
        (
            "https://h:80",
            "GET / HTTP/1.1\r\nHost: h:80\r\n",
            true,
            "h",
            80,
        ),
        (
            "http://h?q",
            "GET /?q HTTP/1.1\r\nHost: h\r\n",
            false,
            "h",
            80,
        ),
        (
            "ws://[::1]:9/é",
            "GET /%C3%A9 HTTP/1.1\r\nHost: [::1]:9\r\n",
            false,
            "::1",
            9,
        ),
        (
            "ws://bücher.example/",
            "GET / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n",
            false,
            "xn--bcher-kva.example",
            80,
        ),
        (
            "ws://h/%00%0d%0a",
            "GET /%00%0d%0a HTTP/1.1\r\nHost: h\r\n",
            false,
            "h",
            80,
        ),
        (
            "ws://h/a\r\nX: y",
            "GET /aX:%20y HTTP/1.1\r\nHost: h\r\n",
            false,
            "h",
            80,
        ),
        ("ws://h:/", "GET / HTTP/1.1\r\nHost: h\r\n", false, "h", 80),
    ] {
        let request = ClientRequest::from_url(url).unwrap();
        assert!(
            written(&request).starts_with(first),
            "{url}: {}",
            written(&request)
        );
        assert_eq!(request.is_secure(), secure, "{url}");
        assert_eq!((request.host(), request.port()), (host, port), "{url}");
    }
    for (url, error) in [
        ("ws://h/#frag", RequestError::Fragment),
        ("ws://h/#", RequestError::Fragment),
        ("ftp://h/", RequestError::Scheme),
        ("data:x", RequestError::Scheme),
        ("ws:", RequestError::Url),
        ("ws://", RequestError::Url),
        ("ws://h h/", RequestError::Url),
        ("ws://h%00/", RequestError::Url),
        ("h/chat", RequestError::Url),
        ("ws://h:65536/", RequestError::Url),
        ("ws://[fe80::1%25eth0]/", RequestError::Url),
        ("ws://h\0/", RequestError::Url),
        ("ws://h:0/", RequestError::Authority),
        ("ws://a%3Ab:c@h/", RequestError::Credentials),
        ("ws://a%0A@h/", RequestError::Credentials),
    ] {
        assert_eq!(ClientRequest::from_url(url).unwrap_err(), error, "{url:?}");
    }
    let long = format!("ws://h/{}", "a".repeat(1 << 16));
    assert_eq!(
        ClientRequest::from_url(&long).unwrap().resource().len(),
        (1 << 16) + 1
    );
}

#[cfg(feature = "url")]
#[test]
fn clause_125_hostile_044_credentials_are_never_in_host() {
    for (url, value) in [
        (
            "ws://Aladdin:open%20sesame@h/",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        ("ws://user@h/", "Basic dXNlcjo="),
        ("ws://u:%@h/", "Basic dTol"),
    ] {
        let request = ClientRequest::from_url(url).unwrap();
        let text = written(&request);
        assert!(
            text.contains(&format!("\r\nAuthorization: {value}\r\n")),
            "{text}"
        );
        assert!(text.contains("\r\nHost: h\r\n"), "{text}");
        assert_eq!(
            request.header("authorization", "x").unwrap_err(),
            RequestError::RepeatedHeader
        );
    }
}

#[test]
fn clause_022_hostile_045_headers_that_may_not_be_added() {
    let header = |name: &str, value: &str| example().header(name, value).unwrap_err();
    for name in ["", "a b", "a:", "a\r\nb", "é", "a\0"] {
        assert_eq!(header(name, "x"), RequestError::HeaderName, "{name:?}");
    }
    for value in ["a\r\nb: c", "a\n", "\r", "\0", "\x7F"] {
        assert_eq!(header("x", value), RequestError::HeaderValue, "{value:?}");
    }
    for name in [
        "Host",
        "host",
        "Upgrade",
        "CONNECTION",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Expect",
    ] {
        assert_eq!(header(name, "x"), RequestError::ManagedHeader, "{name:?}");
    }
    assert_eq!(header("origin", "x"), RequestError::RepeatedHeader);
    let request = example()
        .header("Cookie", "a=b")
        .unwrap()
        .header("X", "é")
        .unwrap();
    assert!(written(&request).contains("\r\nCookie: a=b\r\nX: é\r\n"));
}

#[test]
fn clause_020_hostile_046_subprotocols_are_unique_tokens() {
    for name in ["", " ", "a b", "a,b", "\"a\"", "é", "a\r\n", "a/b"] {
        assert_eq!(
            example().subprotocol(name).unwrap_err(),
            RequestError::Subprotocol
        );
    }
    // §4.1 number 10: "not including separator characters as defined in [RFC2616]".
    for separator in "()<>@,;:\\\"/[]?={} \t".chars() {
        assert_eq!(
            example()
                .subprotocol(&format!("a{separator}b"))
                .unwrap_err(),
            RequestError::Subprotocol,
            "{separator:?}"
        );
    }
    example().subprotocol("!#$%&'*+-.^_`|~09AZaz").unwrap();
    assert_eq!(
        example().subprotocol("chat").unwrap_err(),
        RequestError::RepeatedSubprotocol
    );
    let request = example().subprotocol("Chat").unwrap();
    assert_eq!(
        request.subprotocols().collect::<Vec<_>>(),
        ["chat", "superchat", "Chat"]
    );
}
