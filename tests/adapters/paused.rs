//! Deadlines of the tokio adapter by a clock that is paused: to the millisecond.

use std::{sync::Arc, time::Duration};

use sansock::{
    Config, Timeout,
    adapter::{
        Error,
        tokio::{Incoming, Socket},
    },
    proto::{self, Connection, handshake::Accept},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

use crate::{
    setup::request,
    wire::{CLOSE, PING, PONG, REQUEST, TEXT, close, decode, decode_some, frame},
};

fn server(config: &Config) -> (Socket<DuplexStream>, DuplexStream) {
    let (ours, peer) = duplex(64 << 10);
    let connection = Connection::server(&Arc::new(config.clone()));
    (Socket::from_parts(ours, connection, Vec::new()), peer)
}

fn assert_after(begin: Instant, seconds: u64) {
    let took = begin.elapsed();
    let due = Duration::from_secs(seconds);
    assert!(took >= due, "{took:?}, not {due:?}");
    assert!(
        took < due + Duration::from_millis(10),
        "{took:?}, not {due:?}"
    );
}

fn is_timeout(error: &Error, timeout: Timeout) -> bool {
    matches!(error, Error::Connection(proto::Error::Timeout(it)) if *it == timeout)
}

#[tokio::test(start_paused = true)]
async fn hostile_005_the_handshake_has_ten_seconds() {
    let config = Arc::new(Config::default());
    let (ours, mut peer) = duplex(64 << 10);
    let begin = Instant::now();
    let trickle = async {
        for byte in REQUEST {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if peer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    };
    let (error, ()) = tokio::join!(Socket::accept(ours, &config), trickle);
    assert!(is_timeout(&error.unwrap_err(), Timeout::Handshake));
    // A second more is the peer's, to end its side.
    assert!(begin.elapsed() < Duration::from_secs(13));

    let (ours, _peer) = duplex(64 << 10);
    let begin = Instant::now();
    let error = Socket::connect(ours, &request(), &config)
        .await
        .unwrap_err();
    assert!(is_timeout(&error, Timeout::Handshake));
    assert_after(begin, 11);
}

/// The server may take its time to decide.
#[tokio::test(start_paused = true)]
async fn a_decision_has_no_deadline() {
    let config = Arc::new(Config::default());
    let (ours, mut peer) = duplex(64 << 10);
    peer.write_all(REQUEST).await.unwrap();
    let incoming = Incoming::receive(ours, &config).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut socket = incoming.accept(&Accept::new()).await.unwrap();
    peer.write_all(&frame(true, TEXT, b"still here"))
        .await
        .unwrap();
    assert!(socket.recv().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn hostile_121_a_silent_peer_is_pinged_at_30_and_given_up_at_50() {
    let (mut socket, mut peer) = server(&Config::default().linger(Duration::ZERO));
    let begin = Instant::now();
    let silent = async {
        let mut ping = [0; 2];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [PING, 0]);
        assert_after(begin, 30);
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        rest
    };
    let ours = async {
        let error = socket.recv().await.unwrap_err();
        assert!(is_timeout(&error, Timeout::Pong));
        assert_after(begin, 50);
        assert!(socket.recv().await.unwrap().is_none());
        drop(socket);
    };
    let (rest, ()) = tokio::join!(silent, ours);
    assert_eq!(decode(&rest), [(CLOSE, vec![0x03, 0xF3])]);
}

/// hostile 122: an answer in the last millisecond counts; then the next Ping is due 30 s later.
#[tokio::test(start_paused = true)]
async fn hostile_122_an_answer_just_in_time() {
    let (mut socket, mut peer) = server(&Config::default());
    let begin = Instant::now();
    let answers = async {
        let mut ping = [0; 2];
        let mut due = 0;
        for _ in 0..5 {
            peer.read_exact(&mut ping).await.unwrap();
            assert_eq!(ping, [PING, 0]);
            let took = begin.elapsed().as_millis();
            due += 30_000;
            assert!((due..due + 20).contains(&took), "{took}");
            tokio::time::sleep(Duration::from_millis(19_990)).await;
            peer.write_all(&frame(true, PONG, b"")).await.unwrap();
            due = begin.elapsed().as_millis();
        }
        peer.write_all(&close(true, 1000, "")).await.unwrap();
        peer.shutdown().await.unwrap();
    };
    let (received, ()) = tokio::join!(socket.recv(), answers);
    assert!(received.unwrap().is_none());
    assert!(socket.close_status().unwrap().clean);
}

#[tokio::test(start_paused = true)]
async fn hostile_108_our_close_is_awaited_five_seconds() {
    let (mut socket, _peer) = server(&Config::default().linger(Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(100)).await;
    let begin = Instant::now();
    let status = socket.end().await.unwrap();
    assert_after(begin, 5);
    assert_eq!(status.error, Some(Timeout::Close.into()));
}

/// A message that is begun has 30 s, and one more for each KiB that comes.
#[tokio::test(start_paused = true)]
async fn hostile_068_an_unfinished_message_has_a_deadline() {
    let (mut socket, mut peer) = server(&Config::default().linger(Duration::ZERO));
    peer.write_all(&frame(true, 0x01, &[b'x'; 4096]))
        .await
        .unwrap();
    let begin = Instant::now();
    let error = socket.recv().await.unwrap_err();
    assert!(is_timeout(&error, Timeout::Message));
    assert_after(begin, 34);
}

/// hostile 124: writes are blocked, and the deadline holds all the same.
#[tokio::test(start_paused = true)]
async fn hostile_124_a_write_stall_is_noticed_after_30_seconds() {
    let config = Config::default().linger(Duration::ZERO).close_timeout(None);
    let (mut socket, mut peer) = server(&config);
    let begin = Instant::now();
    socket.feed(vec![7; 1 << 20]).await.unwrap();
    socket.flush().await.unwrap();
    assert_after(begin, 30);
    let error = socket.recv().await.unwrap_err();
    assert!(is_timeout(&error, Timeout::Write), "{error:?}");
    drop(socket);
    let mut written = Vec::new();
    peer.read_to_end(&mut written).await.unwrap();
    assert_eq!(written.len(), 64 << 10);
    assert!(decode_some(&written).0.is_empty());
}

/// An idle deadline moves on with every message, in either direction.
#[tokio::test(start_paused = true)]
async fn an_idle_deadline_moves_on() {
    let config = Config::default()
        .idle_timeout(Some(Duration::from_secs(60)))
        .linger(Duration::ZERO);
    let (mut socket, mut peer) = server(&config);
    let begin = Instant::now();
    for _ in 0..3 {
        let hears = async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            peer.write_all(&frame(true, TEXT, b"x")).await.unwrap();
        };
        // The Pings are answered by nobody, but any frame is life.
        let config = tokio::join!(socket.recv(), hears).0;
        let Ok(Some(_)) = config else {
            assert!(begin.elapsed() >= Duration::from_secs(50));
            return;
        };
    }
}
