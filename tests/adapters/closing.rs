//! The closing handshake, and every other end.

use std::{
    io::{ErrorKind, Write},
    thread,
};

use sansock::{CloseCode, CloseFrame, Config, Role};

use crate::{
    setup::{Log, ended, everywhere, fill_all, recv_all, told},
    wire::{BINARY, CLOSE, PING, TEXT, close, decode, frame, noise},
};

#[test]
fn clause_7_1_close_from_either_side() {
    everywhere(|setup| {
        let mut log = Log::new();
        let bye = CloseFrame::new(CloseCode::new(3001), "bye");
        for frame in [Some(&bye), None] {
            for client_closes in [true, false] {
                for by_events in [true, false] {
                    let closes = |mut socket: Box<dyn crate::driven::Driven>, log: &mut Log| {
                        socket.send("before".into()).unwrap();
                        socket.close(frame).unwrap();
                        recv_all(&mut *socket, log);
                    };
                    let hears = |mut socket: Box<dyn crate::driven::Driven>, log: &mut Log| {
                        if by_events {
                            fill_all(&mut *socket, log);
                        } else {
                            recv_all(&mut *socket, log);
                        }
                    };
                    let config = Config::default();
                    log.extend(if client_closes {
                        setup.both(&config, closes, hears)
                    } else {
                        setup.both(&config, hears, closes)
                    });
                }
            }
        }
        assert!(
            log.iter().any(|it| it.starts_with("3001 \"bye\"")),
            "{log:#?}"
        );
        assert!(log.iter().any(|it| it.starts_with("1005 \"\"")), "{log:#?}");
        log
    });
}

/// hostile 107: both at once.
#[test]
fn hostile_107_both_close_at_once() {
    everywhere(|setup| {
        setup.both(
            &Config::default(),
            |mut socket, log| {
                let one = CloseFrame::new(CloseCode::new(3001), "one");
                socket.close(Some(&one)).unwrap();
                let status = socket.end().unwrap();
                assert!(status.clean);
                log.push(format!("{:?}", status.error));
            },
            |mut socket, log| {
                let other = CloseFrame::new(CloseCode::new(3002), "other");
                // The client's may have come already.
                let _ = socket.close(Some(&other));
                let status = socket.end().unwrap();
                assert!(status.clean);
                log.push(format!("{} {}", status.code(), status.reason()));
            },
        )
    });
}

/// hostile 114: the peer is gone without a word.
#[test]
fn hostile_114_an_abrupt_end_is_told_once() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let masked = role == Role::Server;
            let large = frame(masked, BINARY, &noise(200_000));
            for bytes in [
                Vec::new(),
                frame(masked, TEXT, b"last words"),
                vec![0x81],
                large[..5000].to_vec(),
                frame(masked, 0x01, b"unfinished"),
            ] {
                for by_events in [true, false] {
                    let (mut socket, mut peer) = setup.raw(role, &Config::default());
                    peer.write_all(&bytes).unwrap();
                    drop(peer);
                    if by_events {
                        fill_all(&mut *socket, &mut log);
                    } else {
                        recv_all(&mut *socket, &mut log);
                        log.push(ended(Some(&socket.end().unwrap())));
                    }
                }
            }
        }
        log
    });
}

/// Every rule that a peer can break: it is told by a Close, the program by an error, once.
#[test]
fn clause_7_1_7_a_peer_that_breaks_a_rule() {
    everywhere(|setup| {
        let mut log = Log::new();
        let config = Config::default().max_message_size(1000);
        for role in [Role::Client, Role::Server] {
            let masked = role == Role::Server;
            for bytes in [
                frame(!masked, TEXT, b"masking"),
                frame(masked, 0xC1, b"reserved bit"),
                frame(masked, 0x83, b"reserved opcode"),
                frame(masked, 0x80, b"continuation of nothing"),
                frame(masked, TEXT, b"\xC0\x80"),
                frame(masked, 0x09, b"fragmented ping"),
                frame(masked, CLOSE, b"x"),
                close(masked, 1005, ""),
                frame(masked, BINARY, &noise(1001)),
            ] {
                let (mut socket, mut peer) = setup.raw(role, &config);
                let reader = thread::spawn(move || {
                    peer.write_all(&bytes).unwrap();
                    let mut answer = Vec::new();
                    peer.read_to_end(&mut answer).unwrap();
                    decode(&answer)
                });
                recv_all(&mut *socket, &mut log);
                drop(socket);
                let answer = reader.join().unwrap();
                assert_eq!(answer.len(), 1, "{answer:?}");
                log.push(format!("{answer:?}"));
            }
        }
        log
    });
}

/// hostile 115: a peer that resets the transport once both have closed.
#[test]
fn hostile_115_gone_after_both_closes_is_clean() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let masked = role == Role::Server;
            let (mut socket, mut peer) = setup.raw(role, &Config::default());
            socket.close(None).unwrap();
            peer.write_all(&close(masked, 1000, "")).unwrap();
            // Our Close is unread: over TCP this is a reset.
            drop(peer);
            log.push(ended(Some(&socket.end().unwrap())));
        }
        assert!(log.iter().all(|it| it.contains("clean true")), "{log:?}");
        log
    });
}

/// hostile 117: the peer ends its half of the transport, behind its Close or without one. Ours is
/// sent all the same, and the peer reads it.
#[test]
fn hostile_117_a_half_closed_peer() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            for closes in [true, false] {
                let (mut socket, mut peer) = setup.raw(role, &Config::default());
                if closes {
                    let bye = close(role == Role::Server, 4000, "bye");
                    peer.write_all(&bye).unwrap();
                }
                peer.end_writing();
                if !closes {
                    let ours = CloseFrame::new(CloseCode::new(4001), "");
                    socket.close(Some(&ours)).unwrap();
                }
                recv_all(&mut *socket, &mut log);
                assert_eq!(socket.status().unwrap().clean, closes);
                drop(socket);
                let mut answer = Vec::new();
                peer.read_to_end(&mut answer).unwrap();
                let code = if closes { [0x0F, 0xA0] } else { [0x0F, 0xA1] };
                assert_eq!(decode(&answer), [(CLOSE, code.to_vec())]);
            }
        }
        log
    });
}

/// hostile 117: the peer is gone whole before its Close; ours may meet a broken transport.
#[test]
fn hostile_117_a_peer_that_is_gone() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let (mut socket, peer) = setup.raw(role, &Config::default());
            drop(peer);
            let ended = socket.end();
            log.push(match &ended {
                Ok(status) => format!("{} {:?}", status.code(), status.clean),
                Err(error) => told(error).replace("transport failed", "1006 false"),
            });
        }
        assert_eq!(log, ["1006 false"; 2]);
        log
    });
}

/// hostile 118: a handle that is dropped ends the transport, behind what was written, with no Close.
#[test]
fn hostile_118_a_dropped_handle_ends_the_transport() {
    everywhere(|setup| {
        for role in [Role::Client, Role::Server] {
            let (mut socket, mut peer) = setup.raw(role, &Config::default());
            socket.send("last".into()).unwrap();
            socket.flush().unwrap();
            drop(socket);
            let mut written = Vec::new();
            // To TLS it is an end that nobody announced.
            if let Err(error) = peer.read_to_end(&mut written) {
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            }
            assert_eq!(decode(&written), [(TEXT, b"last".to_vec())]);
        }
        Log::new()
    });
}

/// `end` discards what still comes, and answers Pings.
#[test]
fn end_discards_what_still_comes() {
    everywhere(|setup| {
        let (mut socket, mut peer) = setup.raw(Role::Server, &Config::default());
        let writer = thread::spawn(move || {
            for _ in 0..100 {
                peer.write_all(&frame(true, BINARY, &noise(10_000)))
                    .unwrap();
            }
            peer.write_all(&frame(true, PING, b"?")).unwrap();
            peer.write_all(&close(true, 4000, "")).unwrap();
            let mut answer = Vec::new();
            peer.read_to_end(&mut answer).unwrap();
            decode(&answer)[0].clone()
        });
        let status = socket.end().unwrap();
        let answer = writer.join().unwrap();
        assert_eq!(answer, (CLOSE, vec![]));
        vec![ended(Some(&status))]
    });
}
