//! Deadlines hold without a call of the program, by the real clock: short times, used only as
//! upper bounds.

use std::{
    io::{Read, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sansock::{Config, Role};

use crate::{
    setup::{Log, ended, everywhere, recv_all, request, told},
    wire::{CLOSE, PING, PONG, TEXT, close, decode, decode_some, frame},
};

const SOON: Option<Duration> = Some(Duration::from_millis(40));

/// hostile 005: a client that trickles, and a server that says nothing.
#[test]
fn hostile_005_the_handshake_times_out() {
    everywhere(|setup| {
        let config = Config::default().handshake_timeout(SOON);
        let config = Arc::new(config.linger(Duration::ZERO));
        let (near, far) = setup.wires();
        let mut raw = near.raw();
        raw.write_all(b"GET / HT").unwrap();
        let failed = setup.server.accept(far, &config).map(drop);
        drop(raw);
        let mut log = vec![told(&failed.unwrap_err())];
        let (near, far) = setup.wires();
        let failed = setup.client.connect(near, &request(), &config).map(drop);
        drop(far);
        log.push(told(&failed.unwrap_err()));
        assert_eq!(log, ["connection: Timeout(Handshake)"; 2]);
        log
    });
}

/// hostile 121: a silent peer is asked, and then given up.
#[test]
fn hostile_121_a_silent_peer_is_pinged_then_given_up() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let config = Config::default()
                .ping_interval(SOON)
                .pong_timeout(SOON)
                .linger(Duration::ZERO);
            let (mut socket, mut peer) = setup.raw(role, &config);
            let reader = thread::spawn(move || {
                let mut written = Vec::new();
                let _ = peer.read_to_end(&mut written);
                decode(&written)
            });
            recv_all(&mut *socket, &mut log);
            drop(socket);
            let written = reader.join().unwrap();
            assert_eq!(written[0].0, PING);
            log.push(format!("{written:?}"));
        }
        log
    });
}

/// A peer that answers each Ping stays, however silent it is beside that.
#[test]
fn a_peer_that_answers_stays() {
    everywhere(|setup| {
        // As much as to be sure, under load, that the answer is in time.
        let config = Config::default()
            .ping_interval(Some(Duration::from_millis(20)))
            .pong_timeout(Some(Duration::from_secs(20)));
        let (mut socket, mut peer) = setup.raw(Role::Server, &config);
        let answerer = thread::spawn(move || {
            for _ in 0..3 {
                let mut ping = [0; 2];
                peer.read_exact(&mut ping).unwrap();
                assert_eq!(ping, [PING, 0]);
                peer.write_all(&frame(true, PONG, b"")).unwrap();
            }
            peer.write_all(&close(true, 1000, "")).unwrap();
            // Until the server has ended.
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).unwrap();
        });
        let mut log = Log::new();
        recv_all(&mut *socket, &mut log);
        answerer.join().unwrap();
        log
    });
}

/// hostile 108: a peer that never answers our Close.
#[test]
fn hostile_108_no_answer_to_our_close() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let config = Config::default().close_timeout(SOON).linger(Duration::ZERO);
            let (mut socket, mut peer) = setup.raw(role, &config);
            log.push(ended(Some(&socket.end().unwrap())));
            drop(socket);
            let mut written = Vec::new();
            peer.read_to_end(&mut written).unwrap();
            assert_eq!(decode(&written), [(CLOSE, vec![])]);
        }
        assert!(log[0].contains("Timeout(Close)"), "{log:?}");
        log
    });
}

/// hostile 109: a server that answers our Close and keeps the transport.
#[test]
fn hostile_109_a_server_that_keeps_the_transport() {
    everywhere(|setup| {
        let config = Config::default().close_timeout(SOON).linger(Duration::ZERO);
        let (mut socket, mut peer) = setup.raw(Role::Client, &config);
        peer.write_all(&close(false, 1000, "")).unwrap();
        let log = vec![ended(Some(&socket.end().unwrap()))];
        drop(peer);
        assert!(log[0].contains("clean true"), "{log:?}");
        log
    });
}

/// hostile 124: a peer that reads nothing, while we have much to say.
#[test]
fn hostile_124_a_peer_that_reads_nothing() {
    everywhere(|setup| {
        let config = Config::default()
            .fragment_size(4096)
            .write_timeout(SOON)
            .close_timeout(SOON)
            .linger(Duration::ZERO);
        let (mut socket, mut peer) = setup.raw(Role::Server, &config);
        socket.feed(vec![7; 16 << 20].into()).unwrap();
        socket.flush().unwrap();
        let mut log = Log::new();
        recv_all(&mut *socket, &mut log);
        drop(socket);
        let mut written = Vec::new();
        let _ = peer.read_to_end(&mut written);
        assert!(written.len() < 16 << 20);
        let (frames, _) = decode_some(&written);
        assert_eq!(frames.first().map(|it| it.0), Some(0x02));
        log
    });
}

/// A deadline is kept about when it is due, not seconds later.
#[test]
fn deadlines_are_not_kept_too_late() {
    everywhere(|setup| {
        let config = Config::default()
            .idle_timeout(Some(Duration::from_millis(100)))
            .linger(Duration::ZERO);
        let (mut socket, peer) = setup.raw(Role::Server, &config);
        let begin = Instant::now();
        let mut log = Log::new();
        recv_all(&mut *socket, &mut log);
        let took = begin.elapsed();
        assert!(took >= Duration::from_millis(100), "{took:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        drop(peer);
        log
    });
}

/// hostile 133: all the time there is, and none at all.
#[test]
fn hostile_133_times_at_their_extremes() {
    everywhere(|setup| {
        let max = Some(Duration::MAX);
        let endless = Config::default()
            .handshake_timeout(max)
            .ping_interval(max)
            .pong_timeout(max)
            .idle_timeout(max)
            .message_timeout(max)
            .write_timeout(max)
            .close_timeout(max)
            .linger(Duration::MAX);
        let mut log = setup.both(
            &endless,
            |mut socket, log| {
                socket.send("hi".into()).unwrap();
                log.push(ended(Some(&socket.end().unwrap())));
            },
            |mut socket, log| recv_all(&mut *socket, log),
        );
        let none = Some(Duration::ZERO);
        let config = || Config::default().linger(Duration::ZERO);
        for (config, sends, error) in [
            (config().idle_timeout(none), None, "Idle"),
            (
                config().ping_interval(none).pong_timeout(SOON),
                None,
                "Pong",
            ),
            (
                config().ping_interval(SOON).pong_timeout(none),
                None,
                "Pong",
            ),
            (config().message_timeout(none), Some(TEXT), "Message"),
        ] {
            let (mut socket, mut peer) = setup.raw(Role::Server, &config);
            if let Some(byte) = sends {
                peer.write_all(&[byte]).unwrap();
            }
            let mut told = Log::new();
            recv_all(&mut *socket, &mut told);
            drop(peer);
            assert!(told.concat().contains(error), "{error}: {told:?}");
            log.extend(told);
        }
        let (mut socket, peer) = setup.raw(Role::Server, &config().close_timeout(none));
        log.push(ended(Some(&socket.end().unwrap())));
        drop(peer);
        // A Ping is due all the time, and never can be written.
        let config = config()
            .ping_interval(none)
            .write_timeout(SOON)
            .close_timeout(SOON);
        let (mut socket, peer) = setup.raw(Role::Server, &config);
        socket.feed(vec![7; 16 << 20].into()).unwrap();
        let mut told = Log::new();
        recv_all(&mut *socket, &mut told);
        drop(peer);
        assert!(told.concat().contains("Write"), "{told:?}");
        log.extend(told);
        log
    });
}
