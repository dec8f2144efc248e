//! What a server takes for a request (RFC 6455 §4.2.1, §4.3, §9.1, §11.3).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail like tests"
)]

mod rfc6455_04;

use sansock::{
    Config,
    proto::handshake::{Accept, AcceptError, HandshakeError as E, Request},
};

use rfc6455_04::{EXAMPLE, and, everywhere, everywhere_with, run, with};

fn error(text: impl AsRef<[u8]>) -> E {
    let run = everywhere_with(text.as_ref(), &Config::default());
    let error = run
        .result
        .expect_err(&text.as_ref().escape_ascii().to_string());
    check_answer(&run.out, error);
    assert_eq!(run.rest, b"", "what follows a refused request is swallowed");
    error
}

fn request(text: &str) -> Request {
    let run = everywhere(text);
    assert_eq!(run.out, b"");
    run.result.expect(text).expect(text)
}

/// An error's answer is one whole HTTP response with the error's status.
fn check_answer(out: &[u8], error: E) {
    let out = str::from_utf8(out).unwrap();
    let status = demanded_status(error);
    assert_eq!(error.status(), Some(status), "{error:?}");
    assert!(out.starts_with(&format!("HTTP/1.1 {status} ")), "{out}");
    let (head, body) = out.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nConnection: close"), "{out}");
    assert!(
        head.contains(&format!("\r\nContent-Length: {}", body.len())),
        "{out}"
    );
    assert_eq!(body, error.to_string());
    assert_eq!(head.contains("\r\nAllow: GET"), status == 405);
    let is_426 = status == 426;
    assert_eq!(head.contains("\r\nSec-WebSocket-Version: 13"), is_426);
    assert_eq!(head.contains("\r\nUpgrade: websocket\r\n"), is_426);
    assert_eq!(head.contains("\r\nConnection: close, Upgrade"), is_426);
}

/// The status that this error must have, by RFC 9110 §15.5 and RFC 6585 §5.
fn demanded_status(error: E) -> u16 {
    match error {
        E::RequestMethod => 405,
        E::RequestLineTooLong => 414,
        E::RequestUpgrade | E::UnsupportedVersion => 426,
        E::HeadTooLarge | E::TooManyHeaders => 431,
        E::HttpVersion => 505,
        _ => 400,
    }
}

/// The example with another first line.
fn first_line(line: &str) -> String {
    EXAMPLE.replacen("GET /chat HTTP/1.1", line, 1)
}

/// What Chromium 148 sent for `new WebSocket("ws://127.0.0.1:35609/echo?q", ["a", "chat"])`.
const CHROMIUM: &str = "GET /echo?q HTTP/1.1\r\n\
    Host: 127.0.0.1:35609\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    HeadlessChrome/148.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://127.0.0.1:33817\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: IzqtGy2qRl9CKSSGkaLRbg==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Protocol: a, chat\r\n\r\n";

#[test]
fn clause_033_to_040_the_request_of_a_browser() {
    let request = request(CHROMIUM);
    assert_eq!((request.path(), request.query()), ("/echo", Some("q")));
    assert_eq!(request.host(), Some("127.0.0.1:35609"));
    assert_eq!(request.origin(), Some("http://127.0.0.1:33817"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["a", "chat"]);
    let extensions: Vec<_> = request.extensions().collect();
    assert_eq!(extensions, ["permessage-deflate; client_max_window_bits"]);

    let mut run = run([CHROMIUM.as_bytes()], &Config::default());
    let accept = Accept::new().subprotocol("chat");
    run.handshake.accept(&accept, &mut run.out).unwrap();
    let out = String::from_utf8(run.out).unwrap();
    let key = "\r\nSec-WebSocket-Accept: kQa9Ld2fmIupVflPeHULnNvfSTQ=\r\n";
    assert!(out.contains(key), "{out}");
    assert!(
        out.contains("\r\nSec-WebSocket-Protocol: chat\r\n"),
        "{out}"
    );
}

#[test]
fn hostile_001_003_004_heads_beyond_a_limit() {
    let config = Config::default().max_head_size(300).max_headers(7);
    let refused = |text: &str| {
        let run = everywhere_with(text.as_bytes(), &config);
        let error = run.result.unwrap_err();
        check_answer(&run.out, error);
        error
    };
    assert!(everywhere_with(EXAMPLE.as_bytes(), &config).result.is_ok());
    assert_eq!(
        refused(&and(&format!("x: {}\r\n", "y".repeat(300)))),
        E::HeadTooLarge
    );
    assert_eq!(
        refused(&("GET /".to_owned() + &"a".repeat(300))),
        E::HeadTooLarge
    );
    // CVE-2024-37890: whatever stands behind the limit, it is never as if it were not there.
    assert_eq!(refused(&and("x: y\r\n")), E::TooManyHeaders);
    for (name, line) in [
        ("Upgrade", "Upgrade: websocket\r\n"),
        ("Connection", "Connection: Upgrade\r\n"),
    ] {
        let behind = with(name, "x: y\r\n").replacen("\r\n\r\n", &format!("\r\n{line}\r\n"), 1);
        assert_eq!(refused(&behind), E::TooManyHeaders, "{name}");
    }
    let config = Config::default().max_request_line_size(30);
    let run = everywhere_with(("GET /".to_owned() + &"a".repeat(300)).as_bytes(), &config);
    let error = run.result.unwrap_err();
    assert_eq!(error, E::RequestLineTooLong);
    check_answer(&run.out, error);
}

#[test]
fn hostile_001_003_004_the_limits_that_hold_by_default() {
    let result = |text: String| {
        let run = run([text.as_bytes()], &Config::default());
        run.result.map(|request| request.is_some())
    };
    let head = |len: usize| {
        let rest = len - and("x: \r\n").len();
        and(&format!("x: {}\r\n", "y".repeat(rest)))
    };
    assert_eq!(result(head(16_384)), Ok(true));
    assert_eq!(result(head(16_385)), Err(E::HeadTooLarge));
    // The example has seven.
    let lines = |more| and(&"x: y\r\n".repeat(more));
    assert_eq!(result(lines(93)), Ok(true));
    assert_eq!(result(lines(94)), Err(E::TooManyHeaders));
    let line = |len: usize| {
        let rest = len - "GET / HTTP/1.1".len();
        first_line(&format!("GET /{} HTTP/1.1", "a".repeat(rest)))
    };
    assert_eq!(result(line(8_192)), Ok(true));
    assert_eq!(result(line(8_193)), Err(E::RequestLineTooLong));
}

#[test]
fn hostile_007_other_protocols_fail_at_the_first_bytes_that_show_it() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03";
    assert_eq!(error(hello), E::MalformedStartLine);
    assert_eq!(error(&hello[..1]), E::MalformedStartLine);
    assert_eq!(error("PRI * HTTP/2.0\r\n"), E::HttpVersion);
    assert_eq!(error("SSH-2.0-OpenSSH_9.6\r\n"), E::MalformedStartLine);
    assert_eq!(error(b"\x81\x05Hello"), E::MalformedStartLine);
    assert_eq!(error(b"GET\x00"), E::MalformedStartLine);
    assert_eq!(error(b"GET /\xFF"), E::MalformedStartLine);
    assert_eq!(error("GET / \r\n"), E::MalformedStartLine);
    // What may stand in a line and not begin one.
    for first in ["\r", " ", "(", "@"] {
        assert_eq!(error(first), E::MalformedStartLine, "{first:?}");
    }
}

#[test]
fn clause_033_hostile_008_the_method_is_get() {
    for method in ["POST", "CONNECT", "get", "HEADER", "G"] {
        assert_eq!(
            error(first_line(&format!("{method} /chat HTTP/1.1"))),
            E::RequestMethod
        );
    }
    // RFC 9110 §9.3.2: the server "MUST NOT send content in the response" to a HEAD.
    let head = everywhere(&first_line("HEAD /chat HTTP/1.1"));
    assert_eq!(head.result.unwrap_err(), E::RequestMethod);
    assert_eq!(
        str::from_utf8(&head.out).unwrap(),
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 17\r\n\r\n"
    );
    assert_eq!(
        error(first_line("G@T /chat HTTP/1.1")),
        E::MalformedStartLine
    );
}

/// Whatever is as long as a name that counts, and is another, counts for nothing.
#[test]
fn section_4_2_1_names_of_the_same_length_are_other_names() {
    let others = "Hoss: b\r\nCookie: \u{e9}\r\nContent-Types0: 5\r\nTransfer-Encoders: chunked\r\n\
        Sec-WebSocket-Kex: b\r\nSec-WebSocket-Versiox: 12\r\nSec-WebSocket-Protocox: a, a\r\n\
        Sec-WebSocket-Extensionx: ;\r\n";
    assert_eq!(request(&and(others)).path(), "/chat");
    for (name, other, missed) in [
        ("Upgrade", "Unknown: websocket\r\n", E::RequestUpgrade),
        (
            "Connection",
            "Connectors: Upgrade\r\n",
            E::RequestConnection,
        ),
    ] {
        assert_eq!(error(with(name, other)), missed);
    }
}

#[test]
fn clause_033_hostile_009_the_version_is_1_1() {
    for version in ["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "HTTP/0.9"] {
        assert_eq!(
            error(first_line(&format!("GET /chat {version}"))),
            E::HttpVersion
        );
    }
    for line in [
        "GET /chat HTTP/1.1 ",
        "GET /chat",
        "GET /chat http/1.1",
        "GET /chat HTTP/11",
        "GET /chat  HTTP/1.1",
        "GET  /chat HTTP/1.1",
        " GET /chat HTTP/1.1",
        "GET /chat\tHTTP/1.1",
        "GET /chat HTTP/1.10",
        "",
    ] {
        assert_eq!(error(first_line(line)), E::MalformedStartLine, "{line:?}");
    }
}

#[test]
fn clause_034_hostile_010_exactly_one_host() {
    for lines in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
        "Host: a/\r\n",
        "Host: a:b\r\n",
        "Host: :80\r\n",
        "Host: [::1\r\n",
    ] {
        assert_eq!(error(with("Host", lines)), E::RequestHost, "{lines:?}");
    }
    for lines in ["HOST:a\r\n", "host: a:8080 \r\n", "Host: [::1]:80\r\n"] {
        request(&with("Host", lines));
    }
}

#[test]
fn clause_035_hostile_011_upgrade_lists_websocket() {
    for lines in [
        "",
        "Upgrade:\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websockets\r\n",
        "Upgrade: web socket\r\n",
        "Upgrade: websocket/13\r\n",
    ] {
        assert_eq!(
            error(with("Upgrade", lines)),
            E::RequestUpgrade,
            "{lines:?}"
        );
    }
    for lines in [
        "upgrade:WebSocket\r\n",
        "Upgrade: h2c, websocket\r\n",
        "Upgrade: h2c\r\nUPGRADE:\t,WEBSOCKET ,\r\n",
    ] {
        request(&with("Upgrade", lines));
    }
}

#[test]
fn clause_036_hostile_012_013_connection_lists_upgrade() {
    for lines in [
        "Connection: keep-alive, Upgrade\r\n",
        "connection:upgrade\r\n",
        "Connection: keep-alive\r\nConnection:\t UPGRADE\t\r\n",
        "Connection: ,,Upgrade,\r\n",
    ] {
        request(&with("Connection", lines));
    }
    for lines in [
        "",
        "Connection:\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive Upgrade\r\n",
        "Connection: upgraded\r\n",
    ] {
        assert_eq!(
            error(with("Connection", lines)),
            E::RequestConnection,
            "{lines:?}"
        );
    }
}

#[test]
fn clause_037_050_052_hostile_014_the_key_is_16_bytes() {
    for lines in [
        "",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Key:\r\n",
        // 15 and 17 bytes.
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=\r\n",
        // Not of the alphabet, no padding, bits beyond the end, white space inside.
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBs ZSBub25jZQ==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, x\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\u{a0}\r\n",
    ] {
        assert_eq!(
            error(with("Sec-WebSocket-Key", lines)),
            E::RequestKey,
            "{lines:?}"
        );
    }
    request(&with(
        "Sec-WebSocket-Key",
        "SEC-WEBSOCKET-KEY:\t AAAAAAAAAAAAAAAAAAAAAA== \r\n",
    ));
}

#[test]
fn clause_038_044_051_056_hostile_015_the_version_is_13() {
    for lines in [
        "",
        "Sec-WebSocket-Version: 12\r\n",
        "Sec-WebSocket-Version: 0\r\n",
        "Sec-WebSocket-Version: 8\r\n",
        "Sec-WebSocket-Version: 255\r\n",
    ] {
        assert_eq!(
            error(with("Sec-WebSocket-Version", lines)),
            E::UnsupportedVersion,
            "{lines:?}"
        );
    }
    for lines in [
        "Sec-WebSocket-Version: 13, 8\r\n",
        "Sec-WebSocket-Version: 256\r\n",
        "Sec-WebSocket-Version: 013\r\n",
        "Sec-WebSocket-Version: +13\r\n",
        "Sec-WebSocket-Version: 00\r\n",
        "Sec-WebSocket-Version: \r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n",
    ] {
        assert_eq!(
            error(with("Sec-WebSocket-Version", lines)),
            E::MalformedVersion,
            "{lines:?}"
        );
    }
    request(&with(
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Version:  13 \r\n",
    ));
}

#[test]
fn hostile_016_no_body() {
    for lines in [
        "Content-Length: 1\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0\r\nContent-Length: 1\r\n",
        "Content-Length:\r\n",
        "CONTENT-LENGTH: 0, 1\r\n",
    ] {
        assert_eq!(error(and(lines) + "Hello"), E::RequestBody, "{lines:?}");
    }
    request(&and("Content-Length: 0\r\n"));
}

#[test]
fn clause_032_hostile_017_malformed_header_lines() {
    for lines in [
        "x: y\r\n z\r\n",
        "x: y\n",
        "x: y\rz: a\r\n",
        "x: \0\r\n",
        "x : y\r\n",
        ": y\r\n",
        "x\r\n",
        " x: y\r\n",
        "\tx: y\r\n",
        "x\u{e9}: y\r\n",
        "x: y\n\r\n",
        "x: \x7F\r\n",
        "x: \x1B\r\n",
        "\0: y\r\n",
        "x: y\r\r\n",
        "x:\n",
        "x: y \t\n",
        "x: y\r\n\n",
    ] {
        assert_eq!(error(and(lines)), E::MalformedHeader, "{lines:?}");
        // The same where the end of what comes is no blank line of this head.
        let followed = and(lines) + "\r\n\r\n";
        assert_eq!(error(followed), E::MalformedHeader, "{lines:?}");
    }
    // Not only when the head is whole.
    assert_eq!(
        error("GET / HTTP/1.1\r\nx: y\r\n z\r\n"),
        E::MalformedHeader
    );
    assert_eq!(error("\r\n".to_owned() + EXAMPLE), E::MalformedStartLine);
    assert_eq!(error("\n".to_owned() + EXAMPLE), E::MalformedStartLine);
    assert_eq!(error(EXAMPLE.replace("\r\n", "\n")), E::MalformedStartLine);
    assert_eq!(error(EXAMPLE.replace("\r\n", "\r")), E::MalformedStartLine);
}

/// RFC 9112 §2.1: the first blank line ends the head, and white space around a value is no part of it.
#[test]
fn section_4_2_1_what_follows_may_look_like_an_end() {
    let text = and("empty:\r\nblank: \t \r\nx:y \t\r\n");
    for rest in ["", "\r\n\r\n", "\n", "x: y\r\n\r\n"] {
        let run = everywhere_with((text.clone() + rest).as_bytes(), &Config::default());
        let request = run.result.unwrap().unwrap();
        assert_eq!(run.rest, rest.as_bytes());
        let fields = request.headers().iter().skip(7).collect::<Vec<_>>();
        let expected = [("empty", &b""[..]), ("blank", b""), ("x", b"y")];
        assert_eq!(fields, expected);
    }
}

#[test]
fn hostile_018_opaque_header_values() {
    let mut text = and("Name: J\r\n").into_bytes();
    let at = text.windows(2).position(|pair| pair == b"J\r").unwrap();
    text.splice(at..=at, [0x80, 0xFF]);
    let run = everywhere_with(&text, &Config::default());
    let request = run.result.unwrap().unwrap();
    assert_eq!(request.headers().get("name"), Some(&[0x80, 0xFF][..]));
    assert_eq!(request.headers().get_str("name"), None);
}

#[test]
fn clause_033_hostile_019_targets() {
    for (target, path, query, host) in [
        ("/", "/", None, "server.example.com"),
        ("//a?b?c", "//a", Some("b?c"), "server.example.com"),
        ("/%00?", "/%00", Some(""), "server.example.com"),
        ("/http://x/y", "/http://x/y", None, "server.example.com"),
        ("http://other:81/a?b", "/a", Some("b"), "other:81"),
        ("HTTPS://other", "/", None, "other"),
        ("ws://other?b", "/", Some("b"), "other"),
    ] {
        let request = request(&first_line(&format!("GET {target} HTTP/1.1")));
        assert_eq!(request.target(), target);
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
        assert_eq!(request.host(), Some(host));
    }
    for target in [
        "*",
        "server.example.com:80",
        "/a#b",
        "http://a/b#c",
        "http://a?b#",
        "http://a#c",
        "#",
        "chat",
        "ftp://a/",
        "http:///a",
        "http://u@a/",
        "http://",
        "://a",
        "?a",
    ] {
        assert_eq!(
            error(first_line(&format!("GET {target} HTTP/1.1"))),
            E::RequestTarget,
            "{target}"
        );
    }
    for target in ["/a b", "/a\tb", "/é", "/\x7F", "/\x01"] {
        assert_eq!(
            error(first_line(&format!("GET {target} HTTP/1.1"))),
            E::MalformedStartLine,
            "{target}"
        );
    }
}

#[test]
fn clause_020_050_055_hostile_020_subprotocol_lists() {
    for (lines, offered) in [
        ("", &[][..]),
        ("Sec-WebSocket-Protocol: a\r\n", &["a"]),
        (
            "Sec-WebSocket-Protocol: b,a\r\nsec-websocket-protocol: c ,\td\r\n",
            &["b", "a", "c", "d"],
        ),
        // Empty elements mean nothing (RFC 9110 §5.6.1.2), and names have case.
        ("Sec-WebSocket-Protocol: ,a,, A\r\n", &["a", "A"]),
    ] {
        let request = request(&with("Sec-WebSocket-Protocol", lines));
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), offered);
    }
    for lines in [
        "Sec-WebSocket-Protocol:\r\n",
        "Sec-WebSocket-Protocol: , ,\r\n",
        "Sec-WebSocket-Protocol: a, a\r\n",
        "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
        "Sec-WebSocket-Protocol: a b\r\n",
        "Sec-WebSocket-Protocol: a;b\r\n",
        "Sec-WebSocket-Protocol: \"a\"\r\n",
        "Sec-WebSocket-Protocol: \u{e9}\r\n",
        "Sec-WebSocket-Protocol: a,b,c,d,e,f,g,h,i,a\r\n",
    ] {
        assert_eq!(
            error(with("Sec-WebSocket-Protocol", lines)),
            E::RequestSubprotocols,
            "{lines:?}"
        );
    }
}

/// The same pathological headers at 2^n bytes: nothing but linear work would end soon.
#[test]
fn hostile_020_022_great_lists_cost_no_more_than_their_length() {
    let config = Config::default()
        .max_head_size(usize::MAX)
        .max_headers(usize::MAX);
    let result = |name: &str, value: &str| {
        let text = EXAMPLE.replacen(
            "Sec-WebSocket-Protocol: chat, superchat\r\n",
            &format!("{name}: {value}\r\n"),
            1,
        );
        run([text.as_bytes()], &config)
            .result
            .map(|request| request.is_some())
    };
    for n in [4, 10, 14, 18] {
        let count = 1_usize << n;
        let names: Vec<_> = (0..count).map(|name| name.to_string()).collect();
        let protocols = "Sec-WebSocket-Protocol";
        assert_eq!(result(protocols, &names.join(",")), Ok(true));
        assert_eq!(
            result(protocols, &(names.join(",") + ",0")),
            Err(E::RequestSubprotocols)
        );
        // CVE-2021-32640.
        let spaces = format!("b{}x", " ".repeat(count));
        assert_eq!(result(protocols, &spaces), Err(E::RequestSubprotocols));
        assert_eq!(
            result(protocols, &",".repeat(count)),
            Err(E::RequestSubprotocols)
        );
        let extensions = "Sec-WebSocket-Extensions";
        assert_eq!(result(extensions, &"a; b=\"c\",".repeat(count)), Ok(true));
        assert_eq!(
            result(extensions, &format!("a{}", ";b".repeat(count))),
            Ok(true)
        );
        for value in [
            spaces,
            format!("a;b=\"{}", "\\x".repeat(count)),
            "\"".repeat(count),
        ] {
            assert_eq!(result(extensions, &value), Err(E::RequestExtensions));
        }
    }
}

#[test]
fn clause_050_053_117_119_hostile_022_extension_lists() {
    for value in [
        "permessage-deflate",
        "x-unknown; a; b=1; b=2; c=\"3\"",
        "a,b , c;d",
        "a;b=\"\\1\"",
    ] {
        let text = and(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        assert_eq!(request(&text).extensions().collect::<Vec<_>>(), [value]);
    }
    let two = and("Sec-WebSocket-Extensions: a\r\nsec-websocket-extensions: b; c\r\n");
    assert_eq!(
        request(&two).extensions().collect::<Vec<_>>(),
        ["a", "b; c"]
    );
    for value in [
        "",
        ",",
        "a;;b",
        "=",
        "a;b=",
        "a;",
        "a;b=\"c",
        "a;b=\"c\\\"",
        "a;b=\"c d\"",
        "a b",
        "\"a\"",
        "a;b=\"\"",
        // No offer with a bad value, which would be declined, but no list of extensions.
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate, permessage-deflate; client_max_window_bits=\"\"",
        "\u{e9}",
    ] {
        let text = and(&format!("Sec-WebSocket-Extensions: {value}\r\n"));
        assert_eq!(error(text), E::RequestExtensions, "{value:?}");
    }
    assert_eq!(
        error(and("Sec-WebSocket-Extensions: a\0\r\n")),
        E::MalformedHeader
    );
}

#[test]
fn hostile_027_a_refused_request_takes_what_follows_with_it() {
    let text = with("Host", "") + "\x01\x02\x03";
    assert_eq!(error(text.as_bytes()), E::RequestHost);
    let mut run = everywhere(&text);
    let written = run.out.len();
    let mut more = *b"GET / HTTP/1.1\r\n\r\n";
    let mut more = &mut more[..];
    assert!(matches!(
        run.handshake.receive(&mut more, &mut run.out),
        Ok(None)
    ));
    assert!(more.is_empty());
    assert_eq!(run.out.len(), written, "answered once");
    let (_, error) = run
        .handshake
        .accept(&Accept::new(), &mut run.out)
        .unwrap_err();
    assert_eq!(error, AcceptError::NotUndecided);
}

#[test]
fn clause_039_043_hostile_029_the_origin_is_told_exactly() {
    for (lines, origin) in [
        ("", None),
        ("Origin: null\r\n", Some("null")),
        (
            "Origin: https://HOST.example:443\r\n",
            Some("https://HOST.example:443"),
        ),
        ("Origin: https://host.\r\n", Some("https://host.")),
        ("Origin: https://host.evil\r\n", Some("https://host.evil")),
        ("Origin: \r\n", Some("")),
    ] {
        assert_eq!(request(&with("Origin", lines)).origin(), origin);
    }
    // Two origins, or one that is no text, must not look like none.
    assert_eq!(
        error(with("Origin", "Origin: a\r\nOrigin: b\r\n")),
        E::RequestOrigin
    );
    assert_eq!(
        error(with("Origin", "Origin: \u{e9}\r\n")),
        E::RequestOrigin
    );
}
