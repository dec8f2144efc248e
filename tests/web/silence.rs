//! A connection lives while nothing is said, by made-up time (line 75 of `tests/WHATWG.md`).

use std::{sync::Arc, time::Duration};

use sansock::{
    Config, State, Timeout,
    adapter::{
        Error,
        tokio::{Socket, WebSocket},
    },
    proto::{self, Connection},
    web::Event,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, duplex},
    time::{Instant, timeout},
};

/// Answers each message; what is no message its engine answers.
async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let server = Connection::server(&Arc::new(Config::default()));
    let mut socket = Socket::from_parts(stream, server, Vec::new());
    while let Some(message) = socket.recv().await.unwrap() {
        socket.send(message).await.unwrap();
    }
}

/// The browsers' file waits 20 s. A day takes the Pings that keep it open.
#[tokio::test(start_paused = true)]
async fn b_keeping_connection_open() {
    for seconds in [20, 24 * 3600] {
        let (stream, theirs) = duplex(1 << 10);
        let server = tokio::spawn(echo(theirs));
        let client = Connection::client(&Arc::new(Config::default()), [7; 32]);
        let socket = WebSocket::from_socket(Socket::from_parts(stream, client, Vec::new()));
        let mut events = socket.events();
        let start = Instant::now();
        let silence = timeout(Duration::from_secs(seconds), events.recv()).await;
        assert!(silence.is_err(), "{silence:?}");
        assert!(start.elapsed().as_secs() >= seconds);
        assert_eq!(socket.ready_state(), State::Open);
        socket.send("still here").unwrap();
        let Some(Event::Message(message)) = events.recv().await else {
            panic!("no message");
        };
        assert_eq!(message.data.as_text(), Some("still here"));
        socket.close(Some(1000), "").unwrap();
        let Some(Event::Close(close)) = events.recv().await else {
            panic!("no close");
        };
        assert_eq!((close.was_clean, close.code), (true, 1000));
        server.await.unwrap();
    }
}

/// Where nobody answers, the Pings end it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_is_noticed() {
    let (stream, _theirs) = duplex(1 << 10);
    let client = Connection::client(&Arc::new(Config::default()), [7; 32]);
    let socket = WebSocket::from_socket(Socket::from_parts(stream, client, Vec::new()));
    let mut events = socket.events();
    let start = Instant::now();
    assert!(matches!(events.recv().await, Some(Event::Error(_))));
    assert!(start.elapsed() < Duration::from_secs(3600));
    let Some(Event::Close(close)) = events.recv().await else {
        panic!("no close");
    };
    assert_eq!((close.was_clean, close.code), (false, 1006));
}

/// A server that takes the connection and says nothing is given up at the handshake's deadline.
#[tokio::test(start_paused = true)]
async fn d36_hostile_052_a_server_that_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let socket = WebSocket::new(&url).unwrap();
    let mut events = socket.events();
    let start = Instant::now();
    assert!(matches!(events.recv().await, Some(Event::Error(_))));
    let elapsed = start.elapsed();
    assert!((9..12).contains(&elapsed.as_secs()), "{elapsed:?}");
    let Some(Event::Close(close)) = events.recv().await else {
        panic!("no close");
    };
    assert_eq!((close.was_clean, close.code), (false, 1006));
    let error = socket.error().unwrap();
    let late = proto::Error::Timeout(Timeout::Handshake);
    assert!(
        matches!(*error, Error::Connection(error) if error == late),
        "{error:?}"
    );
}
