//! What may come before a connection is open: redirects, proxies, dead addresses and deadlines.
//!
//! Nothing here follows a redirect or speaks to a proxy: both are answers like others.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

use std::{
    env,
    ffi::OsStr,
    fs,
    net::{TcpListener, TcpStream, ToSocketAddrs},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use sansock::{
    Config, EndpointEvent, State, Timeout,
    adapter::{Error, blocking, tokio as tokio_adapter},
    endpoint::Endpoint,
    proto::{
        self,
        handshake::{ClientRequest, HandshakeError},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::Instant,
};

fn config() -> Arc<Config> {
    Arc::new(Config::default())
}

fn request() -> ClientRequest {
    ClientRequest::new("server.example.com", "/chat")
        .and_then(|request| request.header("Authorization", "Basic secret"))
        .unwrap()
}

/// All that a client says to this answer beyond its request, and the one event that ends it.
fn answered(answer: &[u8], step: usize) -> EndpointEvent<'static> {
    let mut endpoint = Endpoint::client(&request(), &config(), [7; 32]);
    let asked: usize = endpoint.outbox().chunks().map(<[u8]>::len).sum();
    endpoint.outbox().consume(asked);
    let mut events = Vec::new();
    for piece in answer.to_vec().chunks_mut(step) {
        let mut input = piece;
        while let Some(event) = endpoint.receive(&mut input) {
            events.push(event.into_owned());
        }
    }
    endpoint.receive_eof();
    while let Some(event) = endpoint.receive(&mut &mut [][..]) {
        events.push(event.into_owned());
    }
    assert!(!endpoint.wants_write(), "it said something");
    assert_eq!(endpoint.state(), State::Closed);
    assert!(endpoint.is_finished());
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn hostile_047_a_redirect_is_a_refusal_and_leads_nowhere() {
    for status in [300, 301, 302, 303, 307, 308] {
        for location in [
            "Location: ws://server.example.com/chat\r\n",
            "Location: wss://elsewhere.example/\r\n",
            "Location: http://127.0.0.1/\r\n",
            "Location: file:///etc/passwd\r\n",
            "Location: /chat\r\n",
            "Location: \r\n",
            "Location: a\r\nLocation: b\r\n",
            "",
        ] {
            let answer =
                format!("HTTP/1.1 {status} See There\r\n{location}Content-Length: 0\r\n\r\n");
            for step in [1, 7, answer.len()] {
                let event = answered(answer.as_bytes(), step);
                let EndpointEvent::Refused(refusal) = event else {
                    panic!("{status} {location}: {event:?}");
                };
                assert_eq!(refusal.status(), status);
                let shown = location.lines().next().and_then(|it| it.split_once(": "));
                let found = refusal.headers().get("location").map(<[u8]>::to_vec);
                assert_eq!(found, shown.map(|(_, value)| value.as_bytes().to_vec()));
            }
        }
    }
}

/// A proxy that nobody asked for is a server that refuses.
#[test]
fn hostile_048_the_answers_of_a_proxy_open_nothing() {
    let cases: [(&[u8], u16); 4] = [
        (
            b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
            407,
        ),
        (b"HTTP/1.1 200 Connection established\r\n\r\n", 200),
        // What follows is no TLS of ours, and no frame.
        (
            b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03\x00\x02\x81\x00",
            200,
        ),
        (b"HTTP/1.1 502 x\r\nContent-Length: 3\r\n\r\nbad", 502),
    ];
    for (answer, status) in cases {
        for step in [1, 5, answer.len()] {
            match answered(answer, step) {
                EndpointEvent::Refused(refusal) => assert_eq!(refusal.status(), status),
                event => panic!("{status}: {event:?}"),
            }
        }
    }
    let endless = [
        &b"HTTP/1.1 200 x\r\n"[..],
        &b"Via: x\r\n".repeat(99),
        &[b'x'; 20_000],
    ]
    .concat();
    for step in [1, endless.len()] {
        match answered(&endless, step) {
            EndpointEvent::Closed(status) => {
                let error = HandshakeError::HeadTooLarge;
                assert_eq!(status.error, Some(proto::Error::Handshake(error)));
            }
            event => panic!("{event:?}"),
        }
    }
}

/// Set in the process where `two.test` is a name of two addresses.
const INSIDE: &str = "SANSOCK_TWO_ADDRESSES";

/// In a mount namespace, whose table of hosts is ours; where there is none, with what `localhost`
/// is, which often has two addresses.
#[test]
fn hostile_050_a_dead_address_is_passed_over() {
    const MOUNT: &str = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
    if env::var_os(INSIDE).is_some() {
        return expect_dead_addresses_are_passed_over("two.test", 2);
    }
    let hosts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    fs::write(&hosts, "127.0.0.1 two.test\n127.0.0.2 two.test\n").unwrap();
    let run = |program: &OsStr, arguments: &[&str]| {
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"])
            .args([hosts.as_os_str(), program])
            .args(arguments)
            .env(INSIDE, "1")
            .output()
    };
    if !run("true".as_ref(), &[]).is_ok_and(|output| output.status.success()) {
        eprintln!("not tested with two.test: `unshare` can give no name two addresses here");
        return expect_dead_addresses_are_passed_over("localhost", 1);
    }
    let test = env::current_exe().unwrap();
    let output = run(
        test.as_ref(),
        &["hostile_050_a_dead_address", "--nocapture"],
    )
    .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

/// Each address is the only one alive once, so that another is the first that is tried.
fn expect_dead_addresses_are_passed_over(name: &str, least: usize) {
    let found: Vec<_> = (name, 0).to_socket_addrs().unwrap().collect();
    assert!(found.len() >= least, "{found:?}");
    for alive in &found {
        let listener = TcpListener::bind(alive).unwrap();
        let port = listener.local_addr().unwrap().port();
        for dead in found.iter().filter(|it| it.ip() != alive.ip()) {
            assert!(TcpStream::connect((dead.ip(), port)).is_err());
        }
        let server = thread::spawn(move || {
            for _ in 0..2 {
                let (stream, _) = listener.accept().unwrap();
                let mut socket = blocking::Socket::accept(stream, &config()).unwrap();
                assert_eq!(socket.recv().unwrap(), None);
            }
        });
        let url = format!("ws://{name}:{port}/");
        let (mut socket, _) = blocking::connect(&url, &config()).unwrap();
        assert!(socket.end().unwrap().clean);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut socket, _) = tokio_adapter::connect(&url, &config()).await.unwrap();
            assert!(socket.end().await.unwrap().clean);
        });
        server.join().unwrap();
    }
}

/// RFC 6761 §6.4: names under `invalid` have no addresses.
#[tokio::test]
async fn hostile_050_a_name_without_addresses_is_an_error_of_the_transport() {
    let url = "ws://nowhere.invalid/";
    let error = blocking::connect(url, &config()).unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
    let error = tokio_adapter::connect(url, &config()).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
}

/// Each phase behind TCP has the one deadline: one error, and the transport is let go.
#[tokio::test(start_paused = true)]
async fn hostile_052_the_deadline_is_met_in_each_phase_of_opening() {
    let half: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web";
    let informed: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    for (what, room, answer) in [
        ("the request is not taken", 16, &b""[..]),
        ("nothing comes", 64 << 10, b""),
        ("a head is cut", 64 << 10, half),
        ("only hints come", 64 << 10, informed),
    ] {
        let (ours, mut peer) = duplex(room);
        peer.write_all(&answer[..answer.len().min(room)])
            .await
            .unwrap();
        let begin = Instant::now();
        let error = tokio_adapter::Socket::connect(ours, &request(), &config()).await;
        let timeout = proto::Error::Timeout(Timeout::Handshake);
        match error {
            Err(Error::Connection(error)) => assert_eq!(error, timeout, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        // The rest is the peer's, to take what was written and to end its side.
        let took = begin.elapsed();
        assert!(took >= Duration::from_secs(10), "{what}: {took:?}");
        assert!(took <= Duration::from_secs(17), "{what}: {took:?}");
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        assert!(
            b"GET /chat".starts_with(&rest[..rest.len().min(9)]),
            "{what}"
        );
    }
}

/// The deadline that a refusal's body missed tells of the refusal.
#[tokio::test(start_paused = true)]
async fn hostile_034_052_a_body_without_end_is_cut_by_the_deadline() {
    let (ours, mut peer) = duplex(64 << 10);
    let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\nWho are you?";
    peer.write_all(answer).await.unwrap();
    let begin = Instant::now();
    let error = tokio_adapter::Socket::connect(ours, &request(), &config()).await;
    let Err(Error::Refused(refusal)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.status(), 401);
    assert_eq!(refusal.body(), b"Who are you?");
    assert!(!refusal.is_complete());
    assert!(begin.elapsed() >= Duration::from_secs(10));
}
