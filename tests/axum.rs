//! The extractor in a real server of axum 0.8: `adapter::axum`.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

#[expect(dead_code, reason = "requests that are cut are for bytes")]
mod rfc6455_04;

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
};

use axum::{
    Router,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
    routing::any,
};
use http::{Method, Request, StatusCode, Version};
use sansock::{
    Config, DeflateConfig,
    adapter::{
        self,
        axum::WebSocketUpgrade,
        hyper::{Socket, UpgradeError},
        tokio::connect,
    },
    proto::handshake::{ClientRequest, HandshakeError, OriginPolicy},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use rfc6455_04::{EXAMPLE, with};

/// Serves `app` on loopback for as long as the test runs.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

async fn echo(mut socket: Socket) {
    while let Some(message) = socket.recv().await.unwrap() {
        socket.send(message).await.unwrap();
    }
}

/// Sends bytes, and reads until `end` comes.
async fn exchange(address: SocketAddr, bytes: &[u8], end: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(end) {
        let byte = stream.read_u8().await;
        answer.push(byte.unwrap_or_else(|error| panic!("{error}: {}", answer.escape_ascii())));
    }
    answer
}

#[tokio::test]
async fn our_client_with_and_without_deflate() {
    let deflate = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    let plain = Arc::new(Config::default());
    let ours = Arc::clone(&deflate);
    let app = Router::new()
        .route(
            "/plain",
            any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)),
        )
        .route(
            "/deflate",
            any(async move |upgrade: WebSocketUpgrade| upgrade.config(&ours).on_upgrade(echo)),
        );
    let address = serve(app).await;
    for (path, config, is_agreed) in [
        ("plain", &plain, false),
        ("plain", &deflate, false),
        ("deflate", &plain, false),
        ("deflate", &deflate, true),
    ] {
        let (mut socket, _) = connect(&format!("ws://{address}/{path}"), config)
            .await
            .unwrap();
        assert_eq!(socket.deflate().is_some(), is_agreed, "{path}");
        for len in [0, 5, 200, 70_000, 3 << 20] {
            let text = "x".repeat(len);
            socket.send(&text).await.unwrap();
            assert!(socket.recv().await.unwrap() == Some(text.into()), "{len}");
        }
        assert!(socket.end().await.unwrap().clean);
    }
}

/// The server's order counts; a name that the client does not offer is never selected.
#[tokio::test]
async fn rfc6455_04_2_2_subprotocols() {
    async fn handler(upgrade: WebSocketUpgrade) -> Response {
        let upgrade = upgrade.protocols(["soap", "chat", "superchat"]);
        let selected = upgrade.subprotocol().map(str::to_owned);
        let mut response = upgrade.on_upgrade(async |socket: Socket| {
            let selected = socket.subprotocol().unwrap_or("none").to_owned();
            let mut socket = socket;
            socket.send(selected).await.unwrap();
            socket.end().await.unwrap();
        });
        let told = selected.unwrap_or_default().parse().unwrap();
        response.headers_mut().insert("x-selected", told);
        response
    }
    let address = serve(Router::new().route("/", any(handler))).await;
    for (offers, selected) in [
        (&["superchat", "chat"][..], Some("chat")),
        (&["other", "superchat"], Some("superchat")),
        (&["Chat"], None),
        (&[], None),
    ] {
        let mut request = ClientRequest::new(&address.to_string(), "/").unwrap();
        for name in offers {
            request = request.subprotocol(name).unwrap();
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let opened = adapter::tokio::Socket::connect(stream, &request, &Arc::default()).await;
        let (mut socket, response) = opened.unwrap();
        assert_eq!(response.subprotocol(), selected, "{offers:?}");
        assert_eq!(
            response.headers().get_str("x-selected"),
            Some(selected.unwrap_or_default())
        );
        let told = socket.recv().await.unwrap().unwrap();
        assert_eq!(told.as_text(), Some(selected.unwrap_or("none")));
        assert_eq!(socket.recv().await.unwrap(), None);
    }
}

#[tokio::test]
async fn rfc6455_04_2_a_frame_right_behind_the_request() {
    let app = Router::new().route(
        "/chat",
        any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)),
    );
    let address = serve(app).await;
    // §5.7: a masked "Hello".
    let bytes = [
        EXAMPLE.as_bytes(),
        b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58",
    ]
    .concat();
    let answer = exchange(address, &bytes, b"\r\n\r\n\x81\x05Hello").await;
    assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
}

#[tokio::test]
async fn rfc6455_04_2_bad_requests_are_rejected() {
    let app = Router::new().route(
        "/chat",
        any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)),
    );
    let address = serve(app).await;
    for (request, status, field, body) in [
        (
            EXAMPLE.replace("GET", "POST"),
            405,
            "allow: GET",
            "method is not GET",
        ),
        (
            with("Upgrade", ""),
            426,
            "upgrade: websocket",
            "Upgrade does not list websocket",
        ),
        (
            with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n"),
            426,
            "sec-websocket-version: 13",
            "Sec-WebSocket-Version is not 13",
        ),
        (
            with("Connection", "Connection: keep-alive\r\n"),
            400,
            "content-type: text/plain",
            "Connection does not list Upgrade",
        ),
        (
            with("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA\r\n"),
            400,
            "content-length: 64",
            "Sec-WebSocket-Key is missing, repeated or not 16 bytes in base64",
        ),
    ] {
        let answer = exchange(address, request.as_bytes(), body.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(&format!("\r\n{field}\r\n")), "{answer}");
    }
}

/// A handler refuses before it accepts, and answers what is no WebSocket.
#[tokio::test]
async fn rfc6455_10_2_a_handler_refuses() {
    async fn handler(upgrade: Result<WebSocketUpgrade, UpgradeError>) -> Response {
        let Ok(upgrade) = upgrade else {
            return "a page".into_response();
        };
        let policy = OriginPolicy::list(["https://example.com"]).unwrap();
        match upgrade.request().check_origin(&policy) {
            Ok(()) => upgrade.on_upgrade(echo),
            Err(error) => (StatusCode::FORBIDDEN, error.to_string()).into_response(),
        }
    }
    let address = serve(Router::new().route("/", any(handler))).await;
    let url = format!("ws://{address}/");
    for (origin, is_welcome) in [("https://example.com", true), ("https://evil.com", false)] {
        let request = ClientRequest::from_url(&url)
            .unwrap()
            .origin(origin)
            .unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let opened = adapter::tokio::Socket::connect(stream, &request, &Arc::default()).await;
        match opened {
            Ok((mut socket, _)) => assert!(is_welcome && socket.end().await.unwrap().clean),
            Err(adapter::Error::Refused(refusal)) => {
                assert!(!is_welcome);
                assert_eq!(refusal.status(), 403);
                assert!(!refusal.body().is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
    let page = exchange(address, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"a page").await;
    assert!(page.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// The example's request without a connection behind it.
fn request() -> Request<()> {
    let mut request = Request::get("/");
    for line in EXAMPLE.trim_end().split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

async fn extract(request: Request<()>) -> Result<WebSocketUpgrade, UpgradeError> {
    WebSocketUpgrade::from_request_parts(&mut request.into_parts().0, &()).await
}

#[tokio::test]
async fn a_failed_upgrade_is_told() {
    let mut request = request();
    let nothing = hyper::upgrade::on(Request::new(()));
    request.extensions_mut().insert(nothing);
    let (tell, told) = mpsc::channel();
    let response = extract(request)
        .await
        .unwrap()
        .on_failed_upgrade(move |error| tell.send(error).unwrap())
        .on_upgrade(async |_| panic!("there is no connection"));
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let error = loop {
        match told.try_recv() {
            Ok(error) => break error,
            Err(mpsc::TryRecvError::Empty) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(matches!(error, adapter::Error::Io(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_not_supported_is_rejected() {
    let error = extract(request()).await.unwrap_err();
    assert_eq!(error, UpgradeError::NotUpgradable);
    assert_eq!(
        error.into_response().status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );

    // An extended CONNECT (RFC 8441).
    let mut connect = request();
    *connect.method_mut() = Method::CONNECT;
    *connect.version_mut() = Version::HTTP_2;
    let error = extract(connect).await.unwrap_err();
    assert_eq!(error, UpgradeError::Request(HandshakeError::HttpVersion));
    assert_eq!(
        error.into_response().status(),
        StatusCode::HTTP_VERSION_NOT_SUPPORTED
    );
}
