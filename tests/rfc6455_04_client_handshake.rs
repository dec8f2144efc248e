//! The client's opening handshake (RFC 6455 §4.1, §11.3).
//!
//! Every response is given whole, byte by byte and cut in two at each place; what comes out must be
//! the same.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests may fail like tests"
)]

use std::sync::Arc;

use sansock::{
    Config,
    proto::handshake::{
        ClientHandshake, ClientRequest, EofStage, HandshakeError as E, Outcome, Refusal, Response,
        ServerHandshake, accept_key,
    },
};

const SEED: [u8; 32] = [7; 32];

/// What a response leads to.
#[derive(Debug)]
struct Run {
    result: Result<Option<Outcome>, E>,
    handshake: ClientHandshake,
    rest: Vec<u8>,
}

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

fn accept() -> String {
    String::from_utf8(accept_key(key().as_bytes()).to_vec()).unwrap()
}

/// A 101 with `lines` instead of the usual ones.
fn switching(lines: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n").replace("{accept}", &accept())
}

const UPGRADE: &str = "Upgrade: websocket\r\n";
const CONNECTION: &str = "Connection: Upgrade\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: {accept}\r\n";

/// A 101 with `lines` added.
fn and(lines: &str) -> String {
    switching(&[UPGRADE, CONNECTION, ACCEPT, lines].concat())
}

fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, config: &Config) -> Run {
    let handshake =
        ClientHandshake::start(&example(), &Arc::new(config.clone()), SEED, &mut Vec::new());
    let mut run = Run {
        result: Ok(None),
        handshake,
        rest: Vec::new(),
    };
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        // Once it is open, the rest is for the connection.
        if !matches!(run.result, Ok(Some(Outcome::Open(..)))) {
            match run.handshake.receive(&mut input) {
                Ok(None) => {}
                result => {
                    assert!(matches!(run.result, Ok(None)), "told twice");
                    run.result = result;
                }
            }
        }
        run.rest.extend_from_slice(input);
    }
    run
}

/// Runs `bytes` cut everywhere and returns the run that had them whole.
fn everywhere_with(bytes: &[u8], config: &Config) -> Run {
    let whole = run([bytes], config);
    let text = |run: &Run| match &run.result {
        Ok(Some(Outcome::Refused(refusal))) => format!("{refusal:?}{:?}", refusal.body()),
        Ok(Some(Outcome::Open(_, response))) => format!("{response:?}"),
        other => format!("{other:?}"),
    };
    let same = |other: Run, cut: &str| {
        assert_eq!(text(&other), text(&whole), "{cut}");
        assert_eq!(other.rest, whole.rest, "{cut}");
    };
    same(run(bytes.chunks(1), config), "byte by byte");
    for at in 0..=bytes.len().min(1_000) {
        let (a, b) = bytes.split_at(at);
        same(run([a, b], config), &format!("cut at {at}"));
    }
    whole
}

fn everywhere(text: &str) -> Run {
    everywhere_with(text.as_bytes(), &Config::default())
}

fn open(text: &str) -> Response {
    match everywhere(text).result {
        Ok(Some(Outcome::Open(_, response))) => response,
        other => panic!("{text:?}: {other:?}"),
    }
}

fn error(text: impl AsRef<[u8]>) -> E {
    let run = everywhere_with(text.as_ref(), &Config::default());
    assert_eq!(run.rest, b"");
    run.result
        .expect_err(&text.as_ref().escape_ascii().to_string())
}

fn refusal(text: &str) -> Refusal {
    let run = everywhere(text);
    assert_eq!(run.rest, b"");
    match run.result {
        Ok(Some(Outcome::Refused(refusal))) => refusal,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn clause_031_the_example_of_section_1_3() {
    let response = open(&and("Sec-WebSocket-Protocol: chat\r\n"));
    assert_eq!(response.status(), 101);
    assert_eq!(response.reason(), "Switching Protocols");
    assert_eq!(response.subprotocol(), Some("chat"));
    assert_eq!(response.negotiated().subprotocol.as_deref(), Some("chat"));
    assert_eq!(response.extensions(), None);
    assert_eq!(response.headers().len(), 4);
    assert!(!response.headers().is_empty());
    assert!(refusal("HTTP/1.1 204\r\n\r\n").headers().is_empty());
    assert_eq!(response.headers().get_str("UPGRADE"), Some("websocket"));
}

#[test]
fn hostile_032_heads_beyond_a_limit() {
    let text = and("x: y\r\n");
    let exact = Config::default().max_head_size(text.len()).max_headers(4);
    let result = |text: &str, config: &Config| {
        everywhere_with(text.as_bytes(), config)
            .result
            .map(|outcome| outcome.is_some())
    };
    assert_eq!(result(&text, &exact), Ok(true));
    assert_eq!(
        result(&text, &exact.clone().max_head_size(text.len() - 1)),
        Err(E::HeadTooLarge)
    );
    assert_eq!(
        result(&text, &exact.clone().max_headers(3)),
        Err(E::TooManyHeaders)
    );
    let reason = format!("HTTP/1.1 101 {}", "x".repeat(1_000));
    assert_eq!(result(&reason, &exact), Err(E::HeadTooLarge));
    assert_eq!(
        result("HTTP/1.1 101 x\r\n", &exact.clone().max_head_size(0)),
        Err(E::HeadTooLarge)
    );
}

#[test]
fn hostile_033_informational_responses_are_skipped() {
    let informational = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    open(&(informational.repeat(5) + &and("")));
    let eleventh = "HTTP/1.1 102 Processing\r\n\r\n";
    for more in [eleventh, informational] {
        assert_eq!(
            error(informational.repeat(5) + more + &and("")),
            E::TooManyInformational
        );
    }
    assert_eq!(
        refusal(&(informational.to_owned() + "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n")).status(),
        404
    );
}

#[test]
fn clause_024_051_056_hostile_034_refusals() {
    for status in [200, 302, 401, 403, 407, 426, 500, 999] {
        let refusal = refusal(&format!(
            "HTTP/1.1 {status} Some reason\r\nLocation: /b\r\nContent-Length: 4\r\n\r\nbody more"
        ));
        assert_eq!(refusal.status(), status);
        assert_eq!(refusal.reason(), "Some reason");
        assert_eq!(refusal.headers().get_str("location"), Some("/b"));
        assert_eq!(
            (refusal.body(), refusal.is_complete()),
            (&b"body"[..], true)
        );
    }
    let chunked = refusal(
        "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;x=y\r\nHello\r\n1a\r\n world: 26 bytes, all told\r\n0\r\nX: y\r\n\r\nmore",
    );
    assert_eq!(
        (chunked.body(), chunked.is_complete()),
        (&b"Hello world: 26 bytes, all told"[..], true)
    );
    // §11.3.5: the version "MAY appear multiple times in an HTTP response".
    let versions = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8, 7\r\n";
    let other = refusal(&format!(
        "HTTP/1.1 426 x\r\n{versions}Content-Length: 0\r\n\r\n"
    ));
    let told: Vec<_> = other.headers().get_all("sec-websocket-version").collect();
    assert_eq!(told, [&b"13"[..], b"8, 7"]);
    open(&and(versions));
    for status in [204, 304] {
        let none = refusal(&format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n"));
        assert_eq!((none.body(), none.is_complete()), (&b""[..], true));
    }
    for framing in [
        "Content-Length: x",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\n\r\nx",
    ] {
        assert_eq!(
            error(format!("HTTP/1.1 500 x\r\n{framing}\r\n\r\n")),
            E::ResponseBody
        );
    }
}

/// What stands before the server may speak HTTP/1.0 when it refuses, as error pages of proxies do:
/// "the client handles the response per HTTP" (§4.1).
#[test]
fn clause_024_hostile_034_a_refusal_of_http_1_0() {
    for version in ["HTTP/1.0", "HTTP/1.2"] {
        let mut run = everywhere(&format!(
            "{version} 503 Service Unavailable\r\nContent-Type: text/html\r\n\r\nbusy"
        ));
        let Ok(Outcome::Refused(refusal)) = run.handshake.receive_eof() else {
            panic!("{version}");
        };
        assert_eq!(refusal.status(), 503);
        assert_eq!(refusal.reason(), "Service Unavailable");
        assert_eq!(refusal.into_body(), b"busy");
    }
}

#[test]
fn hostile_034_a_body_may_end_with_the_transport() {
    for (framing, complete) in [
        ("X: y", true),
        ("Content-Length: 9", false),
        ("Transfer-Encoding: gzip", true),
    ] {
        let mut run = everywhere(&format!("HTTP/1.1 500 x\r\n{framing}\r\n\r\nbody"));
        assert!(matches!(run.result, Ok(None)), "{framing}");
        let Ok(Outcome::Refused(refusal)) = run.handshake.receive_eof() else {
            panic!("{framing}");
        };
        assert_eq!(refusal.is_complete(), complete, "{framing}");
        assert_eq!(refusal.into_body(), b"body");
        assert_eq!(
            run.handshake.receive_eof().unwrap_err(),
            E::Eof(EofStage::Finished)
        );
    }
}

#[test]
fn hostile_034_an_endless_body_is_cut() {
    let config = Config::default().max_refusal_body_size(10);
    for framing in ["X: y", "Content-Length: 18446744073709551615"] {
        let text = format!("HTTP/1.1 500 x\r\n{framing}\r\n\r\n{}", "b".repeat(100));
        let small = everywhere_with(text.as_bytes(), &config);
        let Ok(Some(Outcome::Refused(refusal))) = small.result else {
            panic!("{framing}");
        };
        assert_eq!(
            (refusal.body(), refusal.is_complete()),
            (&b"bbbbbbbbbb"[..], false)
        );
        // By default at 64 KiB.
        let text = format!("HTTP/1.1 500 x\r\n{framing}\r\n\r\n{}", "b".repeat(1 << 17));
        for step in [1_000, text.len()] {
            let cut = run(text.as_bytes().chunks(step), &Config::default());
            let Ok(Some(Outcome::Refused(refusal))) = cut.result else {
                panic!("{framing}");
            };
            assert_eq!(
                (refusal.body().len(), refusal.is_complete()),
                (65_536, false)
            );
            assert_eq!(cut.rest, b"", "later input is swallowed");
        }
    }
}

#[test]
fn clause_012_hostile_035_042_what_is_no_response() {
    for text in [
        "HTTP/1.0 101 x\r\n",
        "HTTP/1.2 101 x\r\n",
        "HTTP/1.0 100 x\r\n",
        "HTTP/2.0 101 x\r\n",
        "HTTP/2.0 403 x\r\n",
        "HTTP/0.9 403 x\r\n",
    ] {
        assert_eq!(error(text), E::HttpVersion);
    }
    for text in [
        "HTTP/1.1 101x\r\n",
        "HTTP/1.1 1010 x\r\n",
        "HTTP/1.1 10 x\r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 \r\n",
        "HTTP/1.1 abc x\r\n",
        "HTTP/1.1 000 x\r\n",
        "ICY 200 OK\r\n",
        "\r\n",
        "HTTP/1.1 101 a\rb",
        "HTTP/1.1 101 x\n",
        "HTTP/1.1 101 \0",
        "http/1.1 101 x\r\n",
        "X",
        "\r",
    ] {
        assert_eq!(error(text), E::MalformedStartLine, "{text:?}");
    }
    // Frames before the response, and a TLS alert.
    assert_eq!(error(b"\x81\x05Hello"), E::MalformedStartLine);
    assert_eq!(error(b"\x15"), E::MalformedStartLine);
}

#[test]
fn clause_030_malformed_header_lines() {
    for lines in [
        "x: y\n",
        "x: y\rz\r\n",
        "x : y\r\n",
        ": y\r\n",
        "x\r\n",
        "x: y\r\n z\r\n",
        "x: \0\r\n",
    ] {
        assert_eq!(error(and(lines)), E::MalformedHeader, "{lines:?}");
    }
    assert_eq!(error(switching(" x: y\r\n")), E::MalformedHeader);
}

#[test]
fn clause_025_hostile_036_upgrade_is_websocket() {
    for lines in [
        "",
        "Upgrade:\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websocket, h2c\r\n",
        "Upgrade: websocket\r\nUpgrade: websocket\r\n",
    ] {
        let text = switching(&[lines, CONNECTION, ACCEPT].concat());
        assert_eq!(error(text), E::ResponseUpgrade, "{lines:?}");
    }
    open(&switching(
        &["upgrade:WebSocket \r\n", CONNECTION, ACCEPT].concat(),
    ));
}

#[test]
fn clause_026_hostile_036_connection_names_upgrade() {
    for lines in [
        "",
        "Connection:\r\n",
        "Connection: close\r\n",
        "Connection: Upgrade, upgrade\r\n",
        "Connection: Upgrade\r\nConnection: Upgrade\r\n",
        "Connection: keep-alive Upgrade\r\n",
    ] {
        let text = switching(&[UPGRADE, lines, ACCEPT].concat());
        assert_eq!(error(text), E::ResponseConnection, "{lines:?}");
    }
    for lines in [
        "CONNECTION:upgrade\r\n",
        "Connection: keep-alive, UPGRADE\r\n",
        "Connection: keep-alive\r\nConnection: Upgrade\r\n",
    ] {
        open(&switching(&[UPGRADE, lines, ACCEPT].concat()));
    }
}

#[test]
fn clause_027_054_hostile_036_accept_answers_our_key() {
    let swapped: String = accept()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    for lines in [
        String::new(),
        "Sec-WebSocket-Accept:\r\n".to_owned(),
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n".to_owned(),
        format!("Sec-WebSocket-Accept: {swapped}\r\n"),
        "Sec-WebSocket-Accept: {accept}x\r\n".to_owned(),
        "Sec-WebSocket-Accept: {accept}, {accept}\r\n".to_owned(),
        "Sec-WebSocket-Accept: \"{accept}\"\r\n".to_owned(),
        ACCEPT.repeat(2),
    ] {
        let text = switching(&[UPGRADE, CONNECTION, &lines].concat());
        assert_eq!(error(text), E::ResponseAccept, "{lines:?}");
    }
    open(&switching(
        &[
            UPGRADE,
            CONNECTION,
            "sec-websocket-accept:\t {accept} \t\r\n",
        ]
        .concat(),
    ));
}

/// The key enters the hash as it stands in the header, not decoded.
#[test]
fn clause_027_hostile_037_accept_of_the_decoded_key() {
    assert_eq!(
        &accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let decoded = String::from_utf8(accept_key(b"the sample nonce").to_vec()).unwrap();
    assert_ne!(decoded, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let nonce = decode_base64(&key());
    assert_eq!(nonce.len(), 16);
    let wrong = String::from_utf8(accept_key(&nonce).to_vec()).unwrap();
    let lines = format!("Sec-WebSocket-Accept: {wrong}\r\n");
    let text = switching(&[UPGRADE, CONNECTION, &lines].concat());
    assert_eq!(error(text), E::ResponseAccept);
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let value = ALPHABET.iter().position(|&other| other == byte).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).unwrap());
        }
    }
    bytes
}

/// None is offered, so none may be accepted.
#[test]
fn clause_028_053_hostile_038_extensions_that_were_not_offered() {
    for value in [
        "permessage-deflate",
        "x-unknown; a=b",
        "",
        "\"",
        "permessage-deflate; server_max_window_bits=7",
    ] {
        let line = format!("Sec-WebSocket-Extensions: {value}\r\n");
        assert_eq!(error(and(&line)), E::ResponseExtensions, "{value:?}");
        assert_eq!(error(and(&line.repeat(2))), E::ResponseExtensions);
    }
}

#[test]
fn clause_029_055_hostile_039_subprotocols_that_were_not_offered() {
    for value in [
        "other",
        "",
        "Chat",
        "chat, superchat",
        "chat,",
        "chat superchat",
        ", ",
    ] {
        let line = format!("Sec-WebSocket-Protocol: {value}\r\n");
        assert_eq!(error(and(&line)), E::ResponseSubprotocol, "{value:?}");
    }
    let line = "Sec-WebSocket-Protocol: chat\r\n";
    assert_eq!(error(and(&line.repeat(2))), E::ResponseSubprotocol);
    assert_eq!(
        open(&and("sec-websocket-protocol: superchat \r\n")).subprotocol(),
        Some("superchat")
    );
    assert_eq!(open(&and("")).subprotocol(), None);
}

#[test]
fn hostile_040_a_101_has_no_body() {
    for lines in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let run = everywhere(&(and(lines) + "\x01\x05Hello"));
        assert!(matches!(run.result, Ok(Some(Outcome::Open(..)))));
        assert_eq!(run.rest, b"\x01\x05Hello", "they are frames");
    }
}

#[test]
fn hostile_041_frames_behind_the_head_stay() {
    let run = everywhere(&(and("") + "\x01\x05Hello\r\n\r\n"));
    assert!(matches!(run.result, Ok(Some(Outcome::Open(..)))));
    assert_eq!(run.rest, b"\x01\x05Hello\r\n\r\n");
}

#[test]
fn hostile_043_the_end_of_the_transport() {
    let text = and("");
    for (text, stage) in [
        ("", EofStage::BeforeHead),
        ("H", EofStage::InsideHead),
        (&text[..text.len() - 1], EofStage::InsideHead),
        ("HTTP/1.1 100 x\r\n\r\n", EofStage::BeforeHead),
        (&text, EofStage::Finished),
        (
            "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n",
            EofStage::Finished,
        ),
    ] {
        let mut run = everywhere(text);
        assert_eq!(
            run.handshake.receive_eof().unwrap_err(),
            E::Eof(stage),
            "{text:?}"
        );
        assert_eq!(
            run.handshake.receive_eof().unwrap_err(),
            E::Eof(stage),
            "still"
        );
    }
    let mut failed = everywhere("X");
    assert_eq!(
        failed.handshake.receive_eof().unwrap_err(),
        E::MalformedStartLine
    );
    let mut more = and("").into_bytes();
    let mut more = &mut more[..];
    assert!(matches!(failed.handshake.receive(&mut more), Ok(None)));
    assert!(more.is_empty(), "later input is swallowed");
}

#[test]
fn hostile_151_debug_hides_secrets() {
    let request = ClientRequest::new("h", "/a?token=secret")
        .and_then(|request| request.header("Authorization", "Basic secret"))
        .and_then(|request| request.header("cookie", "secret"))
        .unwrap();
    let shown = format!("{request:?}");
    assert!(
        !shown.contains("secret") && shown.contains("\"/a\""),
        "{shown}"
    );
    let run = everywhere(&and("Set-Cookie: secret\r\n"));
    let shown = format!("{run:?}");
    assert!(
        !shown.contains("secret") && !shown.contains(&key()),
        "{shown}"
    );
    let body = "HTTP/1.1 401 x\r\nSet-Cookie: secret\r\nContent-Length: 6\r\n\r\nsecret";
    let shown = format!("{:?}", everywhere(body).result);
    assert!(!shown.contains("secret"), "{shown}");
}

/// Our client and our server agree.
#[test]
fn both_ends_together() {
    let config = Arc::default();
    let mut server = ServerHandshake::new(&config);
    let (mut request, mut response) = (Vec::new(), Vec::new());
    let mut client = ClientHandshake::start(&example(), &config, SEED, &mut request);
    let asked = server
        .receive(&mut &mut request[..], &mut response)
        .unwrap()
        .unwrap();
    let name = asked.subprotocols().last().unwrap();
    let accept = sansock::proto::handshake::Accept::new().subprotocol(name);
    assert!(server.accept(&accept, &mut response).is_ok());
    let outcome = client.receive(&mut &mut response[..]).unwrap().unwrap();
    let Outcome::Open(_, response) = outcome else {
        panic!("refused");
    };
    assert_eq!(response.subprotocol(), Some("superchat"));
}
