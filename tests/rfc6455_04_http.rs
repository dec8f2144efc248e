//! The opening handshake by the types of the package `http`: the same checks, the same answers.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

#[expect(dead_code, reason = "requests that are cut are for bytes")]
mod rfc6455_04;

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, Version, header::HeaderValue};
use sansock::{
    Config, DeflateConfig, Event, Role,
    proto::{
        Connection,
        handshake::{
            Accept, AcceptError, ClientHandshake, ClientRequest, EofStage, HandshakeError as E,
            Headers, HttpVersion, Outcome, Reject, Request, RequestError, ServerHandshake,
        },
    },
};

use rfc6455_04::{EXAMPLE, and, run, with};

/// A request or response head as the package `http` has it.
fn fields(head: &str) -> (Vec<&str>, HeaderMap) {
    let mut lines = head.trim_end().split("\r\n");
    let start = lines.next().unwrap().split(' ').collect();
    let mut map = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, value);
    }
    (start, map)
}

fn request(head: &str) -> http::Request<()> {
    let (start, headers) = fields(head);
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(start[0].as_bytes()).unwrap();
    *request.uri_mut() = start[1].parse().unwrap();
    *request.version_mut() = match start[2] {
        "HTTP/1.1" => Version::HTTP_11,
        "HTTP/1.0" => Version::HTTP_10,
        other => panic!("{other}"),
    };
    *request.headers_mut() = headers;
    request
}

/// Names and values, sorted, with the names in lower case.
fn sorted<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .collect();
    fields.sort();
    fields
}

fn of_map(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    sorted(
        map.iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())),
    )
}

#[test]
fn rfc6455_04_2_the_example_is_answered_as_bytes_are() {
    let request = Request::try_from(&request(EXAMPLE)).unwrap();
    assert_eq!(request.version(), HttpVersion::Http11);
    assert_eq!(request.target(), "/chat");
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://example.com"));
    assert!(request.subprotocols().eq(["chat", "superchat"]));
    let accept = Accept::new().subprotocol("superchat").header("X-Way", "1");
    let (response, negotiated) = request.http_response(&accept, &Config::default()).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(negotiated.subprotocol.as_deref(), Some("superchat"));

    let run = run([EXAMPLE.as_bytes()], &Config::default());
    let mut out = Vec::new();
    let (_, by_bytes) = run.handshake.accept(&accept, &mut out).unwrap();
    let (_, written) = fields(str::from_utf8(&out).unwrap());
    assert_eq!(of_map(response.headers()), of_map(&written));
    assert_eq!(negotiated, by_bytes);
}

/// Each rule is found by the same check, and answered by the same status, fields and text.
#[test]
fn rfc6455_04_2_bad_requests_are_answered_as_bytes_are() {
    for (head, error, status) in [
        (EXAMPLE.replace("GET", "POST"), E::RequestMethod, 405),
        (with("Upgrade", ""), E::RequestUpgrade, 426),
        (with("Upgrade", "Upgrade: h2c\r\n"), E::RequestUpgrade, 426),
        (
            with("Connection", "Connection: keep-alive\r\n"),
            E::RequestConnection,
            400,
        ),
        (with("Sec-WebSocket-Key", ""), E::RequestKey, 400),
        (
            with("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA\r\n"),
            E::RequestKey,
            400,
        ),
        (
            with("Sec-WebSocket-Version", ""),
            E::UnsupportedVersion,
            426,
        ),
        (
            with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n"),
            E::UnsupportedVersion,
            426,
        ),
        (
            with("Sec-WebSocket-Version", "Sec-WebSocket-Version: x\r\n"),
            E::MalformedVersion,
            400,
        ),
        (
            with("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: a, a\r\n"),
            E::RequestSubprotocols,
            400,
        ),
        (with("Host", ""), E::RequestHost, 400),
        (EXAMPLE.replace("HTTP/1.1", "HTTP/1.0"), E::HttpVersion, 505),
    ] {
        assert_eq!(
            Request::try_from(&request(&head)).err(),
            Some(error),
            "{head}"
        );
        let response = error.http_response().unwrap();
        assert_eq!(response.status(), status);
        let is_426 = status == 426;
        assert_eq!(
            response.headers().get("sec-websocket-version").is_some(),
            is_426
        );

        let run = run([head.as_bytes()], &Config::default());
        assert_eq!(run.result.err(), Some(error), "{head}");
        let out = String::from_utf8(run.out).unwrap();
        let (head, body) = out.split_once("\r\n\r\n").unwrap();
        assert_eq!(*response.body(), body);
        let (start, mut written) = fields(head);
        assert_eq!(start[1], response.status().as_str());
        // Where the body ends, and whether another request may follow, is for the stack to say.
        written.remove("content-length");
        written.remove("connection");
        let mut fields = response.headers().clone();
        assert_eq!(fields.remove("connection").is_some(), is_426);
        assert_eq!(of_map(&fields), of_map(&written));
    }
    assert!(E::ResponseAccept.http_response().is_none());
}

#[test]
fn rfc7692_07_1_offers_are_answered_by_the_configuration() {
    let mut offering = request(EXAMPLE);
    let offer = HeaderValue::from_static("permessage-deflate; client_max_window_bits");
    offering
        .headers_mut()
        .insert("sec-websocket-extensions", offer);
    let request = Request::try_from(&offering).unwrap();
    let plain = Config::default();
    let config = Config::default().deflate(Some(DeflateConfig::default()));

    let (response, negotiated) = request.http_response(&Accept::new(), &config).unwrap();
    assert!(negotiated.deflate.is_some());
    let extensions = &response.headers()["sec-websocket-extensions"];
    assert!(
        extensions
            .to_str()
            .unwrap()
            .starts_with("permessage-deflate")
    );
    let declined = [
        request.http_response(&Accept::new(), &plain).unwrap(),
        request
            .http_response(&Accept::new().deflate(None), &config)
            .unwrap(),
    ];
    for (response, negotiated) in declined {
        assert_eq!(negotiated.deflate, None);
        assert!(!response.headers().contains_key("sec-websocket-extensions"));
    }
}

#[test]
fn rfc6455_04_2_2_what_must_not_be_answered_is_refused() {
    let request = Request::try_from(&request(EXAMPLE)).unwrap();
    let refused = |accept: Accept<'_>| request.http_response(&accept, &Config::default()).err();
    assert_eq!(
        refused(Accept::new().subprotocol("other")),
        Some(AcceptError::SubprotocolNotOffered)
    );
    assert_eq!(
        refused(Accept::new().header("Upgrade", "x")),
        Some(AcceptError::ManagedHeader)
    );
    let long = "x".repeat(65_536);
    assert_eq!(
        refused(Accept::new().header(&long, "")),
        Some(AcceptError::HeaderName),
        "longer than the package takes"
    );
}

#[test]
fn rfc8441_05_a_connect_of_http_2_is_answered_by_a_200() {
    let mut connect = http::Request::new(());
    *connect.method_mut() = Method::CONNECT;
    *connect.version_mut() = Version::HTTP_2;
    *connect.uri_mut() = "https://example.com/chat?a=b".parse().unwrap();
    let version = HeaderValue::from_static("13");
    connect
        .headers_mut()
        .insert("sec-websocket-version", version);
    let request = Request::try_from(&connect).unwrap();
    assert_eq!((request.path(), request.query()), ("/chat", Some("a=b")));
    assert_eq!(request.host(), Some("example.com"));
    let (response, _) = request
        .http_response(&Accept::new(), &Config::default())
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.version(), Version::HTTP_2);
    assert!(response.headers().is_empty());

    *connect.uri_mut() = "example.com:443".parse().unwrap();
    assert_eq!(
        Request::try_from(&connect).err(),
        Some(E::RequestTarget),
        "no extended one"
    );
}

#[test]
fn a_request_becomes_one_of_the_package_and_comes_back() {
    let head = and("Cookie: a=secret\r\n").replace("/chat", "/chat?a=b");
    let ours = run([head.as_bytes()], &Config::default())
        .result
        .unwrap()
        .unwrap();
    let theirs = http::Request::try_from(&ours).unwrap();
    assert_eq!(theirs.method(), Method::GET);
    assert_eq!(theirs.uri(), "/chat?a=b");
    assert_eq!(theirs.version(), Version::HTTP_11);
    assert_eq!(of_map(theirs.headers()), sorted(ours.headers().iter()));
    assert!(!format!("{theirs:?}").contains("secret"));
    let (parts, ()) = theirs.into_parts();
    let back = Request::try_from(&parts).unwrap();
    assert_eq!(back.target(), ours.target());
    assert_eq!(sorted(back.headers().iter()), sorted(ours.headers().iter()));
}

#[test]
fn a_rejection_becomes_a_response() {
    let reject = Reject::new(401)
        .header("WWW-Authenticate", "Basic")
        .body("who?");
    let response = http::Response::try_from(&reject).unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Basic");
    assert_eq!(response.body(), b"who?");
    let refused = |reject: &Reject<'_>| http::Response::try_from(reject).err();
    assert_eq!(refused(&Reject::new(101)), Some(AcceptError::Status));
    assert_eq!(
        refused(&Reject::new(204).body("x")),
        Some(AcceptError::Body)
    );
}

/// The request that `start` writes, and the response checked as `receive` does.
#[test]
fn rfc6455_04_1_a_client_whose_http_is_done_elsewhere() {
    let asked = ClientRequest::new("server.example.com:81", "/chat?a=b").unwrap();
    let asked = asked
        .subprotocol("chat")
        .unwrap()
        .header("Cookie", "a=b")
        .unwrap();
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    let (handshake, sent) = ClientHandshake::start_http(&asked, &config, [7; 32]).unwrap();

    let mut out = Vec::new();
    let mut by_bytes = ClientHandshake::start(&asked, &config, [7; 32], &mut out);
    let written = request(str::from_utf8(&out).unwrap());
    assert_eq!(of_map(sent.headers()), of_map(written.headers()));
    assert_eq!(
        (sent.method(), sent.uri()),
        (written.method(), written.uri())
    );

    // A server of ours answers, by bytes and by types.
    let mut server = ServerHandshake::new(&config);
    let mut answer = Vec::new();
    server
        .receive(&mut &mut out[..], &mut answer)
        .unwrap()
        .unwrap();
    let accept = Accept::new().subprotocol("chat");
    server.accept(&accept, &mut answer).unwrap();
    let (response, negotiated) = Request::try_from(&sent)
        .unwrap()
        .http_response(&accept, &config)
        .unwrap();

    let (mut client, opened) = handshake.receive_http(&response).unwrap().unwrap();
    let Ok(Some(Outcome::Open(_, same))) = by_bytes.receive(&mut &mut answer[..]) else {
        panic!("not open");
    };
    assert_eq!(opened.negotiated(), same.negotiated());
    assert_eq!(opened.negotiated(), &negotiated);
    assert_eq!(
        sorted(opened.headers().iter()),
        sorted(same.headers().iter())
    );
    let converted = http::Response::try_from(&opened).unwrap();
    assert_eq!(converted.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(of_map(converted.headers()), of_map(response.headers()));

    // Both ends speak with what was agreed on.
    let mut server = Connection::from_negotiated(Role::Server, &negotiated, &config, [0; 32]);
    let (mut frames, mut none) = (Vec::new(), Vec::new());
    let text = "hello, ".repeat(100);
    client.send(&text, &mut frames).unwrap();
    assert_eq!(frames[0], 0xC1, "compressed");
    let event = server.receive(&mut &mut frames[..], &mut none).unwrap();
    assert_eq!(event, Some(Event::Message(text.into())));
}

/// §5.1: one handshake opens one connection, whose keys it gives away; another would not mask.
#[test]
fn clause_058_a_response_that_opened_a_connection_opens_no_other() {
    let asked = ClientRequest::new("h", "/").unwrap();
    let config = Arc::new(Config::default());
    let (mut handshake, sent) = ClientHandshake::start_http(&asked, &config, [7; 32]).unwrap();
    let request = Request::try_from(&sent).unwrap();
    let (response, _) = request.http_response(&Accept::new(), &config).unwrap();
    let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in response.headers() {
        let name = name.as_str().as_bytes();
        bytes.extend([name, b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    let opened = handshake.receive(&mut &mut bytes[..]);
    assert!(matches!(opened, Ok(Some(Outcome::Open(..)))));
    let again = handshake.receive_http(&response).map(|_| ());
    assert_eq!(again, Err(E::Eof(EofStage::Finished)));
}

#[test]
fn rfc6455_04_1_a_bad_response_is_refused() {
    let asked = ClientRequest::new("h", "/").unwrap();
    let config = Arc::new(Config::default());
    let receive = |change: fn(&mut http::Response<()>)| {
        let (handshake, sent) = ClientHandshake::start_http(&asked, &config, [7; 32]).unwrap();
        let request = Request::try_from(&sent).unwrap();
        let (mut response, _) = request.http_response(&Accept::new(), &config).unwrap();
        change(&mut response);
        handshake
            .receive_http(&response)
            .map(|opened| opened.is_some())
    };
    assert_eq!(receive(|_| {}), Ok(true));
    assert_eq!(
        receive(|r| *r.status_mut() = StatusCode::FORBIDDEN),
        Ok(false)
    );
    assert_eq!(
        receive(|r| *r.version_mut() = Version::HTTP_2),
        Err(E::HttpVersion)
    );
    let remove = |r: &mut http::Response<()>| drop(r.headers_mut().remove("upgrade"));
    assert_eq!(receive(remove), Err(E::ResponseUpgrade));
    let twice = |r: &mut http::Response<()>| {
        r.headers_mut()
            .append("connection", HeaderValue::from_static("Upgrade"));
    };
    assert_eq!(receive(twice), Err(E::ResponseConnection));
    let other = |r: &mut http::Response<()>| {
        let value = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        r.headers_mut().insert("sec-websocket-accept", value);
    };
    assert_eq!(receive(other), Err(E::ResponseAccept));
    let unasked = |r: &mut http::Response<()>| {
        r.headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
    };
    assert_eq!(receive(unasked), Err(E::ResponseSubprotocol));
}

#[test]
fn rfc6455_03_a_client_request_from_one_of_the_package() {
    let from = |uri: &str, host: Option<&str>| {
        let mut request = http::Request::get(uri);
        if let Some(host) = host {
            request = request.header("Host", host);
        }
        ClientRequest::try_from(&request.body(()).unwrap())
    };
    for (uri, host, authority, port, secure, resource) in [
        ("ws://h/a?b", None, "h", 80, false, "/a?b"),
        ("wss://h", Some("ignored"), "h", 443, true, "/"),
        ("http://h:80/", None, "h", 80, false, "/"),
        ("https://[::1]:443/", None, "[::1]", 443, true, "/"),
        ("wss://h:80/", None, "h:80", 80, true, "/"),
        ("/a", Some("h:81"), "h:81", 81, false, "/a"),
    ] {
        let request = from(uri, host).unwrap();
        assert_eq!(request.authority(), authority, "{uri}");
        assert_eq!(
            (request.port(), request.is_secure()),
            (port, secure),
            "{uri}"
        );
        assert_eq!(request.resource(), resource, "{uri}");
    }
    for (uri, error) in [
        ("ftp://h/", RequestError::Scheme),
        ("ws://a:b@h/", RequestError::Credentials),
        ("ws://h:0/", RequestError::Authority),
        ("/a", RequestError::Authority),
    ] {
        assert_eq!(from(uri, None).err(), Some(error), "{uri}");
    }
    let post = http::Request::post("ws://h/").body(()).unwrap();
    assert_eq!(
        ClientRequest::try_from(&post).err(),
        Some(RequestError::Method)
    );
}

#[test]
fn rfc6455_04_1_the_fields_of_a_client_request() {
    let with = |name: &str, value: &str| {
        let request = http::Request::get("ws://h/")
            .header("Sec-WebSocket-Key", "written anew")
            .header("Sec-WebSocket-Version", "13")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Protocol", "a, b")
            .header("Sec-WebSocket-Protocol", "c")
            .header(name, value)
            .body(())
            .unwrap();
        ClientRequest::try_from(&request)
    };
    let request = with("Cookie", "a=b").unwrap();
    assert!(request.subprotocols().eq(["a", "b", "c"]));
    let config = Arc::new(Config::default());
    let (_, sent) = ClientHandshake::start_http(&request, &config, [7; 32]).unwrap();
    assert_eq!(sent.headers()["cookie"], "a=b");
    assert_eq!(
        sent.headers().get_all("sec-websocket-key").iter().count(),
        1
    );
    assert_ne!(sent.headers()["sec-websocket-key"], "written anew");
    for (name, value, error) in [
        ("Sec-WebSocket-Extensions", "x", RequestError::ManagedHeader),
        ("Sec-WebSocket-Version", "8", RequestError::ManagedHeader),
        ("Content-Length", "1", RequestError::ManagedHeader),
        (
            "Sec-WebSocket-Protocol",
            "a",
            RequestError::RepeatedSubprotocol,
        ),
        ("Sec-WebSocket-Protocol", "a b", RequestError::Subprotocol),
    ] {
        assert_eq!(with(name, value).err(), Some(error), "{name}");
    }
}

#[test]
fn a_refusal_becomes_a_response() {
    let asked = ClientRequest::new("h", "/").unwrap();
    let mut client = ClientHandshake::start(
        &asked,
        &Arc::new(Config::default()),
        [7; 32],
        &mut Vec::new(),
    );
    let mut answer = *b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nhi";
    let Ok(Some(Outcome::Refused(refusal))) = client.receive(&mut &mut answer[..]) else {
        panic!("not refused");
    };
    let response = http::Response::try_from(refusal).unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()["location"], "/b");
    assert_eq!(response.body(), b"hi");
}

#[test]
fn header_fields_go_both_ways() {
    let mut map = HeaderMap::new();
    for (name, value) in [("a", "1"), ("b", "\u{fc}"), ("a", "2")] {
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let headers = Headers::from(&map);
    assert!(headers.get_all("A").eq([b"1", b"2"]));
    assert_eq!(headers.get("b"), Some("\u{fc}".as_bytes()));
    assert_eq!(HeaderMap::try_from(&headers).unwrap(), map);
    assert_eq!(
        HttpVersion::try_from(Version::HTTP_3),
        Ok(HttpVersion::Http3)
    );
    assert_eq!(HttpVersion::try_from(Version::HTTP_10), Err(E::HttpVersion));
}
