//! How the adapters meet the ends of things: a port that refuses, a handle that is dropped, a
//! program that never reads.

use std::{
    future::Future,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
    thread,
};

use sansock::{
    Config, Message,
    adapter::{self, Error, blocking, tokio::Socket},
    proto::{
        Connection,
        handshake::{Accept, AcceptError, ClientRequest},
    },
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A port that nobody listens on.
fn refused() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("ws://{}/", listener.local_addr()?))
}

#[tokio::test]
async fn clause_008_a_port_that_refuses_fails_the_attempt() {
    let config = Arc::new(Config::default());
    let url = refused().unwrap();
    let Err(Error::Io(error)) = blocking::connect(&url, &config) else {
        panic!("connected")
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let Err(Error::Io(error)) = adapter::tokio::connect(&url, &config).await else {
        panic!("connected")
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// §4.1 numbers 10 and 12: headers and subprotocols of a request that is more than a URL.
#[tokio::test]
async fn section_4_1_a_request_brings_its_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            let incoming = blocking::Incoming::receive(stream, &Arc::default()).unwrap();
            let request = incoming.request();
            assert_eq!(
                request.headers().get_str("authorization"),
                Some("Bearer abc")
            );
            let accept = Accept::new().subprotocol("chat");
            let mut socket = incoming.accept(&accept).unwrap();
            assert!(socket.end().unwrap().clean);
        }
    });
    let request = ClientRequest::from_url(&url)
        .and_then(|request| request.header("Authorization", "Bearer abc"))
        .and_then(|request| request.subprotocol("chat"))
        .unwrap();
    let config = Arc::new(Config::default());
    let (mut socket, _) = blocking::connect(request.clone(), &config).unwrap();
    assert_eq!(socket.subprotocol(), Some("chat"));
    assert!(socket.end().unwrap().clean);
    let (mut socket, _) = adapter::tokio::connect(request, &config).await.unwrap();
    assert_eq!(socket.subprotocol(), Some("chat"));
    assert!(socket.end().await.unwrap().clean);
    server.join().unwrap();
}

/// A URL that cannot be is found before anybody is connected to; and what names a user becomes
/// credentials, never part of the host.
#[tokio::test]
async fn hostile_044_a_bad_url_is_refused_before_any_io() {
    use sansock::proto::handshake::RequestError as E;
    let config = Arc::new(Config::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    for (url, expected) in [
        (format!("ws://127.0.0.1:{port}/#part"), E::Fragment),
        (format!("ftp://127.0.0.1:{port}/"), E::Scheme),
        (format!("file://127.0.0.1:{port}/"), E::Url),
        (format!("127.0.0.1:{port}"), E::Url),
        (format!("ws://127.0.0.1:{port}0000/"), E::Url),
        (format!("ws://a%0D%0Ab:c@127.0.0.1:{port}/"), E::Credentials),
        ("ws://127.0.0.1:0/".to_owned(), E::Authority),
        ("ws://".to_owned(), E::Url),
    ] {
        let blocking = blocking::connect(&url, &config).err();
        let tokio = adapter::tokio::connect(&url, &config).await.err();
        for error in [blocking, tokio] {
            assert!(
                matches!(error, Some(Error::Request(found)) if found == expected),
                "{url}: {error:?}"
            );
        }
        let nobody = listener.accept().map(drop).unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::WouldBlock, "{url}");
    }

    listener.set_nonblocking(false).unwrap();
    let server = thread::spawn(move || {
        let mut head = [0; 1_000];
        let n = listener.accept().unwrap().0.read(&mut head).unwrap();
        String::from_utf8(head[..n].to_vec()).unwrap()
    });
    let url = format!("ws://user:pass@127.0.0.1:{port}/a%0d%0aX: y");
    assert!(blocking::connect(&url, &config).is_err());
    let head = server.join().unwrap();
    let start = format!("GET /a%0d%0aX:%20y HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    assert!(head.starts_with(&start), "{head}");
    assert!(
        head.contains("Authorization: Basic dXNlcjpwYXNz\r\n"),
        "{head}"
    );
    assert!(!head.contains("user"), "{head}");
}

/// With feature `rustls` it is not refused: `tests/tls.rs`.
#[cfg(not(feature = "rustls"))]
#[test]
fn a_wss_url_is_refused_with_what_it_lacks() {
    let config = Arc::new(Config::default());
    let Err(Error::Io(error)) = blocking::connect("wss://127.0.0.1/", &config) else {
        panic!("connected")
    };
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("`rustls`"), "{error}");
}

/// A socket that is dropped ends its transport: the peer reads an end and no Close.
#[tokio::test]
async fn hostile_118_a_dropped_handle_ends_the_transport() {
    let config = Arc::new(Config::default());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = thread::spawn(move || listener.accept().unwrap().0);
    let stream = TcpStream::connect(address).unwrap();
    let mut peer = accepting.join().unwrap();
    let connection = Connection::server(&config);
    drop(blocking::Socket::from_parts(stream, connection, Vec::new()).unwrap());
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);

    let (stream, mut peer) = tokio::io::duplex(64);
    drop(Socket::from_parts(
        stream,
        Connection::server(&config),
        Vec::new(),
    ));
    let mut rest = Vec::new();
    AsyncReadExt::read_to_end(&mut peer, &mut rest)
        .await
        .unwrap();
    assert_eq!(rest, b"");
}

/// Who never receives never reads: the transport fills up, and the peer has to wait.
#[tokio::test]
async fn hostile_127_a_program_that_never_reads_stops_its_peer() {
    let config = Arc::new(Config::default());
    let (stream, peer) = tokio::io::duplex(1024);
    let mut idle = Socket::from_parts(stream, Connection::server(&config), Vec::new());
    let mut peer = Socket::from_parts(peer, Connection::client(&config, [7; 32]), Vec::new());
    peer.feed(vec![1; 100_000]).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        assert!(pin!(peer.flush()).poll(&mut cx).is_pending());
    }
    assert!(
        peer.buffered_amount() > 90_000,
        "{}",
        peer.buffered_amount()
    );
    // Once it reads, all goes on.
    let (flushed, received) = tokio::join!(peer.flush(), idle.recv());
    flushed.unwrap();
    assert_eq!(received.unwrap().as_ref().map(Message::len), Some(100_000));
}

/// What a task is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Middle {
    Accept,
    Connect,
    Recv,
    Flush,
    End,
    Halves,
}

async fn get_to(middle: Middle, stream: DuplexStream, config: Arc<Config>) -> Result<(), Error> {
    let open = |stream| Socket::from_parts(stream, Connection::server(&config), Vec::new());
    match middle {
        Middle::Accept => drop(Socket::accept(stream, &config).await?),
        Middle::Connect => {
            let request = ClientRequest::new("h", "/")?;
            drop(Socket::connect(stream, &request, &config).await?);
        }
        Middle::Recv => drop(open(stream).recv().await?),
        Middle::Flush => {
            let mut socket = open(stream);
            socket.feed(vec![1; 100_000]).await?;
            socket.flush().await?;
        }
        Middle::End => drop(open(stream).end().await?),
        Middle::Halves => {
            let (mut read, mut write) = open(stream).into_split();
            let reading = tokio::spawn(async move { read.recv().await });
            write.feed(vec![1; 100_000]).await?;
            write.flush().await?;
            drop(reading.await);
        }
    }
    Ok(())
}

/// A runtime that goes away takes its tasks and their sockets with it, and hangs on none.
#[test]
fn hostile_148_a_runtime_shut_down_in_the_middle() {
    let one_thread = tokio::runtime::Builder::new_current_thread;
    let threads = tokio::runtime::Builder::new_multi_thread;
    for builder in [one_thread, threads] {
        for middle in [
            Middle::Accept,
            Middle::Connect,
            Middle::Recv,
            Middle::Flush,
            Middle::End,
            Middle::Halves,
        ] {
            let (stream, mut peer) = tokio::io::duplex(64);
            let first = builder().enable_all().build().unwrap();
            let task = first.spawn(get_to(middle, stream, Arc::default()));
            first.block_on(async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            });
            assert!(!task.is_finished(), "{middle:?}");
            drop(first);
            let mut rest = Vec::new();
            let second = one_thread().enable_all().build().unwrap();
            let read = AsyncReadExt::read_to_end(&mut peer, &mut rest);
            second.block_on(read).unwrap();
            assert!(rest.len() <= 64, "{middle:?}");
            drop(second);
        }
    }
}

/// A program that lets requests for pages come and accepts whatever does: its client is told what
/// is missing.
#[tokio::test]
async fn who_accepts_a_page_tells_its_client_426() {
    const PAGE: &[u8] = b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n";
    let config = Arc::new(Config::default().plain_requests(true));
    let (mut client, server) = tokio::io::duplex(1 << 10);
    client.write_all(PAGE).await.unwrap();
    let mut answer = String::new();
    let (accepted, read) = tokio::join!(
        Socket::accept(server, &config),
        client.read_to_string(&mut answer)
    );
    read.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{answer}"
    );
    assert!(
        matches!(accepted, Err(Error::Accept(AcceptError::NotWebSocket))),
        "{accepted:?}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(PAGE).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (server, _) = listener.accept().unwrap();
    let accepted = blocking::Socket::accept(server, &config);
    answer.clear();
    client.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{answer}"
    );
    assert!(
        matches!(accepted, Err(Error::Accept(AcceptError::NotWebSocket))),
        "{accepted:?}"
    );
}
