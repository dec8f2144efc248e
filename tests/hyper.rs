//! Upgrades in a real server of hyper 1: `adapter::hyper`.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

#[expect(dead_code, reason = "requests that are cut are for bytes")]
mod rfc6455_04;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    body::{Bytes, Incoming as Body},
    client,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sansock::{
    CloseCode, CloseStatus, Config, DeflateConfig, Message,
    adapter::{
        self,
        hyper::{Incoming, Socket, UpgradeError, Upgraded, upgrade},
        tokio::connect,
    },
    proto::{
        self,
        handshake::{Accept, AcceptError, ClientHandshake, ClientRequest, HandshakeError},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex},
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::timeout,
};

use rfc6455_04::{EXAMPLE, with};

/// §5.7: a masked "Hello".
const HELLO: &[u8] = b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58";

/// A masked Close with code 1000.
const CLOSE: &[u8] = b"\x88\x82\x37\xFA\x21\x3D\x34\x12";

type Ends = UnboundedSender<Result<CloseStatus, adapter::Error>>;

/// `/plain` is a page; any other path is upgraded to an echo.
async fn service(
    mut request: Request<Body>,
    config: Arc<Config>,
    ends: Ends,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/plain" {
        return Ok(Response::new("a page".into()));
    }
    let (response, socket) = match upgrade(&mut request, &Accept::new(), &config) {
        Ok(upgraded) => upgraded,
        Err(error) => return Ok(error.response().map(Full::from)),
    };
    tokio::spawn(async move {
        let end = async {
            let mut socket = socket.await?;
            while let Some(message) = socket.recv().await? {
                socket.send(message).await?;
            }
            Ok(socket.close_status().cloned().unwrap())
        };
        let _ = ends.send(end.await);
    });
    Ok(response.map(|()| Full::default()))
}

/// Serves a connection by hyper with [`service`]; tells how each WebSocket ends.
fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    config: &Arc<Config>,
) -> UnboundedReceiver<Result<CloseStatus, adapter::Error>> {
    let (ends, ended) = mpsc::unbounded_channel();
    let config = Arc::clone(config);
    tokio::spawn(async move {
        let service = service_fn(|request| service(request, Arc::clone(&config), ends.clone()));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connection.with_upgrades().await
    });
    ended
}

/// Reads the head of a response.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn our_client_over_loopback_with_and_without_deflate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let plain = Arc::new(Config::default());
    let deflate = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    for (ours, theirs, is_agreed) in [
        (&plain, &plain, false),
        (&deflate, &plain, false),
        (&plain, &deflate, false),
        (&deflate, &deflate, true),
    ] {
        let opening = connect(&url, ours);
        let accepting = async { serve(listener.accept().await.unwrap().0, theirs) };
        let (opened, mut ended) = tokio::join!(opening, accepting);
        let (mut socket, response) = opened.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(socket.deflate().is_some(), is_agreed);
        for len in [0, 5, 200, 70_000, 3 << 20] {
            let text = "x".repeat(len);
            socket.send(&text).await.unwrap();
            assert!(socket.recv().await.unwrap() == Some(text.into()), "{len}");
        }
        assert!(socket.end().await.unwrap().clean);
        let end = ended.recv().await.unwrap().unwrap();
        assert!(end.clean);
    }
}

/// The frames behind the head come in the same read, or cut anywhere: none is lost.
#[tokio::test(start_paused = true)]
async fn rfc6455_04_2_frames_right_behind_the_request_at_every_cut() {
    let all = [EXAMPLE.as_bytes(), HELLO, CLOSE].concat();
    for cut in 0..=all.len() {
        let (mut client, server) = duplex(1 << 10);
        let mut ended = serve(server, &Arc::new(Config::default()));
        client.write_all(&all[..cut]).await.unwrap();
        // All others do what they can before the clock goes on.
        tokio::time::sleep(Duration::from_millis(1)).await;
        client.write_all(&all[cut..]).await.unwrap();
        let head = head(&mut client).await;
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        let accept = "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert!(
            head.to_lowercase().contains(&accept.to_lowercase()),
            "{head}"
        );
        let mut frames = Vec::new();
        client.read_to_end(&mut frames).await.unwrap();
        assert_eq!(frames, b"\x81\x05Hello\x88\x02\x03\xE8", "cut at {cut}");
        let end = ended.recv().await.unwrap().unwrap();
        assert_eq!((end.clean, end.code()), (true, CloseCode::NORMAL));
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6455_04_2_bad_requests_have_their_status_and_the_connection_goes_on() {
    const BAD: &str = "400 Bad Request";
    const REQUIRED: &str = "426 Upgrade Required";
    for (request, status, field) in [
        (
            EXAMPLE.replace("GET", "POST"),
            "405 Method Not Allowed",
            "allow: GET",
        ),
        (with("Upgrade", ""), REQUIRED, "upgrade: websocket"),
        (
            with("Sec-WebSocket-Version", ""),
            REQUIRED,
            "connection: Upgrade",
        ),
        (
            with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n"),
            REQUIRED,
            "sec-websocket-version: 13",
        ),
        (
            with("Sec-WebSocket-Version", "Sec-WebSocket-Version: x\r\n"),
            BAD,
            "content-type: text/plain",
        ),
        (with("Sec-WebSocket-Key", ""), BAD, ""),
        (with("Connection", "Connection: keep-alive\r\n"), BAD, ""),
    ] {
        let (mut client, server) = duplex(1 << 10);
        let _ended = serve(server, &Arc::new(Config::default()));
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = head(&mut client).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request}{answer}"
        );
        assert!(
            answer.to_lowercase().contains(&field.to_lowercase()),
            "{request}{answer}"
        );
        let length = answer.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        assert!(length > 0, "it says why");
        let mut body = vec![0; length];
        client.read_exact(&mut body).await.unwrap();

        let plain = b"GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client.write_all(plain).await.unwrap();
        let mut page = String::new();
        client.read_to_string(&mut page).await.unwrap();
        assert!(page.ends_with("\r\n\r\na page"), "{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6455_04_1_a_request_of_http_1_0_is_refused() {
    let (mut client, server) = duplex(1 << 10);
    let _ended = serve(server, &Arc::new(Config::default()));
    let request = EXAMPLE.replace("HTTP/1.1", "HTTP/1.0");
    client.write_all(request.as_bytes()).await.unwrap();
    let head = head(&mut client).await;
    assert!(head.starts_with("HTTP/1.0 505 "), "{head}");
}

/// A handler decides by the request: a subprotocol and a header, or another response.
#[tokio::test]
async fn a_handler_decides() {
    async fn decide(mut request: Request<Body>) -> Result<Response<Full<Bytes>>, UpgradeError> {
        let incoming = Incoming::receive(&mut request)?;
        if incoming.request().path() == "/closed" {
            let mut response = Response::new("come back later".into());
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            return Ok(response);
        }
        let offered = incoming.request().subprotocols().last().map(str::to_owned);
        let mut accept = Accept::new().header("X-Room", "1");
        if let Some(name) = &offered {
            accept = accept.subprotocol(name);
        }
        let (response, socket) = incoming.accept(&accept, &Arc::default())?;
        tokio::spawn(async move { socket.await?.end().await });
        Ok(response.map(|()| Full::default()))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let stream = TokioIo::new(listener.accept().await.unwrap().0);
            let connection = http1::Builder::new().serve_connection(stream, service_fn(decide));
            tokio::spawn(connection.with_upgrades());
        }
    });
    let config = Arc::new(Config::default());
    let refused = connect(&format!("ws://{address}/closed"), &config).await;
    let Err(adapter::Error::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (refusal.status(), refusal.body()),
        (403, &b"come back later"[..])
    );

    let request = ClientRequest::from_url(&format!("ws://{address}/")).unwrap();
    let request = request.subprotocol("a").unwrap().subprotocol("b").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let opened = adapter::tokio::Socket::connect(stream, &request, &config).await;
    let (mut socket, response) = opened.unwrap();
    assert_eq!(response.subprotocol(), Some("b"));
    assert_eq!(response.headers().get_str("x-room"), Some("1"));
    assert_eq!(socket.recv().await.unwrap(), None);
    assert!(socket.close_status().unwrap().clean);
}

/// Serves one request by a service that upgrades but returns no 101, or without upgrades; the client
/// leaves once it has the response.
async fn upgrade_wrongly(
    returns_response: bool,
    with_upgrades: bool,
) -> Result<Socket, adapter::Error> {
    let (mut client, server) = duplex(1 << 10);
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Body>| {
        let (response, socket) = upgrade(&mut request, &Accept::new(), &Arc::default()).unwrap();
        let tell = tell.clone();
        tokio::spawn(async move { tell.send(socket.await).unwrap() });
        let response = if returns_response {
            response.map(|()| Empty::<Bytes>::new())
        } else {
            Response::default()
        };
        async { Ok::<_, Infallible>(response) }
    });
    tokio::spawn(async move {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        if with_upgrades {
            connection.with_upgrades().await
        } else {
            connection.await
        }
    });
    client.write_all(EXAMPLE.as_bytes()).await.unwrap();
    let head = head(&mut client).await;
    assert_eq!(
        head.starts_with("HTTP/1.1 101 "),
        returns_response,
        "{head}"
    );
    drop(client);
    let told = timeout(Duration::from_secs(60), told.recv()).await;
    told.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn without_an_upgrade_there_is_no_socket() {
    let error = upgrade_wrongly(true, false).await.unwrap_err();
    assert!(matches!(error, adapter::Error::Io(_)), "{error:?}");
    // hyper hands out what a connection ended with, whatever the response was.
    let mut socket = upgrade_wrongly(false, true).await.unwrap();
    let error = socket.recv().await.unwrap_err();
    assert!(
        matches!(error, adapter::Error::Connection(proto::Error::Eof)),
        "{error:?}"
    );
}

#[test]
fn whose_fault_it_is_decides_the_status() {
    let valid = || {
        Request::get("/")
            .header("Host", "h")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version", "13")
    };
    let config = Arc::new(Config::default());
    let mut request = valid().body(()).unwrap();
    let error = upgrade(&mut request, &Accept::new(), &config).unwrap_err();
    assert_eq!(error, UpgradeError::NotUpgradable);
    assert_eq!(error.response().status(), 500);

    let mut request = valid().body(()).unwrap();
    request
        .extensions_mut()
        .insert(hyper::upgrade::on(Request::new(())));
    let error = upgrade(&mut request, &Accept::new().subprotocol("a"), &config).unwrap_err();
    assert_eq!(
        error,
        UpgradeError::Accept(AcceptError::SubprotocolNotOffered)
    );
    assert_eq!(error.response().status(), 500);

    // An extended CONNECT (RFC 8441), and a GET.
    for request in [Request::connect("https://h/"), valid()] {
        let request = request.version(http::Version::HTTP_2);
        let mut request = request
            .header("Sec-WebSocket-Version", "13")
            .body(())
            .unwrap();
        let error = Incoming::receive(&mut request).unwrap_err();
        assert_eq!(error, UpgradeError::Request(HandshakeError::HttpVersion));
        assert_eq!(error.response().status(), 505);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc6455_04_1_a_client_over_hyper_as_well() {
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    let (near, far) = duplex(1 << 10);
    let mut ended = serve(far, &config);
    let (mut sender, connection) =
        client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(near))
            .await
            .unwrap();
    tokio::spawn(connection.with_upgrades());
    let asked = ClientRequest::new("example.com", "/chat").unwrap();
    let (handshake, request) = ClientHandshake::start_http(&asked, &config, [7; 32]).unwrap();
    let response = sender
        .send_request(request.map(|()| Empty::new()))
        .await
        .unwrap();
    let (connection, opened) = handshake.receive_http(&response).unwrap().unwrap();
    assert!(opened.negotiated().deflate.is_some());
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    let mut socket = Socket::from_parts(Upgraded::from(upgraded), connection, Vec::new());
    let text = Message::from("a ".repeat(50_000));
    socket.send(&text).await.unwrap();
    assert!(socket.recv().await.unwrap() == Some(text));
    assert!(socket.end().await.unwrap().clean);
    assert!(ended.recv().await.unwrap().unwrap().clean);
}

#[tokio::test(start_paused = true)]
async fn rfc6455_04_1_a_client_over_hyper_that_is_refused() {
    let (near, far) = duplex(1 << 10);
    let _ended = serve(far, &Arc::default());
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(near))
        .await
        .unwrap();
    tokio::spawn(connection.with_upgrades());
    let asked = ClientRequest::new("example.com", "/plain").unwrap();
    let (handshake, request) =
        ClientHandshake::start_http(&asked, &Arc::default(), [7; 32]).unwrap();
    let request = request.map(|()| Empty::<Bytes>::new());
    let response = sender.send_request(request).await.unwrap();
    assert!(handshake.receive_http(&response).unwrap().is_none());
    let page = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(page, "a page");
}
