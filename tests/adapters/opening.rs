//! The opening handshake: looking, accepting, refusing, and what comes right behind it.

use std::{collections::HashSet, io::Write, sync::Arc, thread};

use sansock::{
    Config,
    adapter::Error,
    proto::{
        Connection,
        handshake::{Accept, Reject},
    },
};

use crate::{
    setup::{Log, Setup, everywhere, recv_all, request, told},
    wire::{PONG, REQUEST, TEXT, behind_head, decode, frame, response_to},
};

#[test]
fn a_server_looks_and_accepts() {
    everywhere(|setup| {
        let (near, far) = setup.wires();
        let config = Arc::new(Config::default());
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let incoming = setup.server.receive(far, &config).unwrap();
                let seen = incoming.request();
                let mut log = vec![
                    format!("{} {:?} {:?}", seen.path(), seen.query(), seen.host()),
                    format!("{:?}", seen.headers().get_str("X-Colour")),
                    format!("{:?}", seen.subprotocols().collect::<Vec<_>>()),
                ];
                let accept = Accept::new()
                    .subprotocol("superchat")
                    .header("X-Seen", "yes");
                let mut socket = incoming.accept(&accept).unwrap();
                log.push(format!("{:?}", socket.subprotocol()));
                recv_all(&mut *socket, &mut log);
                log
            });
            let request = request()
                .header("X-Colour", "blue")
                .unwrap()
                .subprotocol("chat")
                .unwrap()
                .subprotocol("superchat")
                .unwrap();
            let (mut socket, response) = setup.client.connect(near, &request, &config).unwrap();
            let mut log = vec![
                format!("{} {:?}", response.status(), response.subprotocol()),
                format!("{:?}", response.headers().get_str("X-Seen")),
                format!("{:?}", socket.subprotocol()),
            ];
            assert!(socket.end().unwrap().clean);
            log.extend(server.join().unwrap());
            assert_eq!(log[0], "101 Some(\"superchat\")");
            assert_eq!(log[1], "Some(\"yes\")");
            assert_eq!(log[3], "/chat None Some(\"server.example.com\")");
            assert_eq!(log[5], "[\"chat\", \"superchat\"]");
            log
        })
    });
}

#[test]
fn hostile_034_a_refusal_reaches_the_client() {
    everywhere(|setup| {
        let (near, far) = setup.wires();
        let config = Arc::new(Config::default());
        thread::scope(|scope| {
            let server = scope.spawn(|| {
                let incoming = setup.server.receive(far, &config).unwrap();
                let reject = Reject::new(404)
                    .header("X-Why", "gone")
                    .body("no such room");
                incoming.reject(&reject).unwrap();
            });
            let refused = setup.client.connect(near, &request(), &config);
            let Err(Error::Refused(refusal)) = refused.map(drop) else {
                panic!("not refused");
            };
            server.join().unwrap();
            let body = String::from_utf8_lossy(refusal.body());
            let why = refusal.headers().get_str("X-Why");
            let log = format!(
                "{} {why:?} {body} {}",
                refusal.status(),
                refusal.is_complete()
            );
            assert_eq!(log, "404 Some(\"gone\") no such room true");
            vec![log]
        })
    });
}

/// An answer that must not be given: the program is told, and the client is told 500.
#[test]
fn hostile_021_a_wrong_answer_is_a_500() {
    everywhere(|setup| {
        let mut log = Log::new();
        for accepts in [true, false] {
            let (near, far) = setup.wires();
            let config = Arc::new(Config::default());
            thread::scope(|scope| {
                let server = scope.spawn(|| {
                    let incoming = setup.server.receive(far, &config).unwrap();
                    let wrong = if accepts {
                        let accept = Accept::new().subprotocol("not offered");
                        incoming.accept(&accept).map(drop)
                    } else {
                        incoming.reject(&Reject::new(101))
                    };
                    told(&wrong.unwrap_err())
                });
                let refused = setup.client.connect(near, &request(), &config);
                let Err(Error::Refused(refusal)) = refused.map(drop) else {
                    panic!("not refused");
                };
                log.push(format!("{}, {}", refusal.status(), server.join().unwrap()));
            });
        }
        log
    });
}

/// hostile 025: frames in the segment of the request, and behind it while the server decides.
#[test]
fn hostile_025_frames_behind_the_request() {
    everywhere(|setup| {
        let (near, far) = setup.wires();
        let config = Arc::new(Config::default());
        let mut raw = near.raw();
        let bytes = [REQUEST, &frame(true, TEXT, b"early")].concat();
        raw.write_all(&bytes).unwrap();
        let incoming = setup.server.receive(far, &config).unwrap();
        raw.write_all(&frame(true, TEXT, b"later")).unwrap();
        let mut socket = incoming.accept(&Accept::new()).unwrap();
        raw.write_all(&frame(true, 0x89, b"?")).unwrap();
        raw.write_all(&crate::wire::close(true, 1000, "")).unwrap();
        let peer = thread::spawn(move || {
            let mut written = Vec::new();
            raw.read_to_end(&mut written).unwrap();
            written
        });
        let mut log = Log::new();
        recv_all(&mut *socket, &mut log);
        drop(socket);
        let written = peer.join().unwrap();
        let frames = decode(behind_head(&written));
        assert_eq!(frames[0], (PONG, b"?".to_vec()));
        assert_eq!(
            log[..2],
            ["Text(5 bytes: \"early\")", "Text(5 bytes: \"later\")"]
        );
        log
    });
}

/// hostile 041: frames in the segment of the 101.
#[test]
fn hostile_041_frames_behind_the_response() {
    everywhere(|setup| {
        let (near, far) = setup.wires();
        let mut raw = far.raw();
        let peer = thread::spawn(move || {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                raw.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            let frames = [
                frame(false, TEXT, b"early"),
                crate::wire::close(false, 1000, ""),
            ];
            let all = [response_to(&request), frames.concat()].concat();
            raw.write_all(&all).unwrap();
        });
        let config = Arc::new(Config::default());
        let (mut socket, response) = setup.client.connect(near, &request(), &config).unwrap();
        let mut log = vec![response.status().to_string()];
        recv_all(&mut *socket, &mut log);
        peer.join().unwrap();
        assert_eq!(log[1], "Text(5 bytes: \"early\")");
        log
    });
}

/// hostile 149, 150: the seed is the system's: no two connections ask with the same key, or begin
/// to mask with the same.
#[test]
fn hostile_149_150_each_connection_has_keys_of_its_own() {
    everywhere(|setup| {
        let mut keys = HashSet::new();
        let mut masks = HashSet::new();
        for _ in 0..3 {
            let (near, far) = setup.wires();
            let mut raw = far.raw();
            let peer = thread::spawn(move || {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    raw.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                raw.write_all(&response_to(&request)).unwrap();
                let mut frame = [0; 6];
                raw.read_exact(&mut frame).unwrap();
                assert_eq!(frame[..2], [TEXT, 0x80]);
                let request = String::from_utf8(request).unwrap();
                let is_key = |line: &&str| line.starts_with("Sec-WebSocket-Key: ");
                let key = request.lines().find(is_key).unwrap().to_owned();
                (key, frame[2..].to_vec())
            });
            let config = Arc::new(Config::default());
            let (mut socket, _) = setup.client.connect(near, &request(), &config).unwrap();
            socket.send("".into()).unwrap();
            let (key, mask) = peer.join().unwrap();
            keys.insert(key);
            masks.insert(mask);
        }
        assert_eq!((keys.len(), masks.len()), (3, 3), "{keys:?} {masks:?}");
        Log::new()
    });
}

/// hostile 007, 008: what is no WebSocket request is answered and told.
#[test]
fn hostile_008_a_malformed_request_is_answered() {
    everywhere(|setup| {
        let mut log = Log::new();
        for request in [
            &b"POST / HTTP/1.1\r\nHost: h\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let (near, far) = setup.wires();
            let mut raw = near.raw();
            let peer = thread::spawn(move || {
                raw.write_all(request).unwrap();
                let mut answer = Vec::new();
                raw.read_to_end(&mut answer).unwrap();
                answer
            });
            let config = Arc::new(
                Config::default().handshake_timeout(Some(std::time::Duration::from_millis(200))),
            );
            let error = setup.server.accept(far, &config).map(drop).unwrap_err();
            let answer = peer.join().unwrap();
            let answer = String::from_utf8(answer).unwrap();
            let line = answer.lines().next().unwrap_or("nothing").to_owned();
            log.push(format!("{}, {line}", told(&error)));
        }
        assert!(
            log[0].ends_with("HTTP/1.1 405 Method Not Allowed"),
            "{log:?}"
        );
        log
    });
}

/// hostile 030: the client has gone when the program has decided.
#[test]
fn hostile_030_the_client_goes_before_the_decision() {
    everywhere(|setup| {
        for accepts in [true, false] {
            let (near, far) = setup.wires();
            let mut raw = near.raw();
            raw.write_all(REQUEST).unwrap();
            let incoming = setup.server.receive(far, &Arc::default()).unwrap();
            drop(raw);
            // What is written to nobody may be refused at once, or later.
            if !accepts {
                let _ = incoming.reject(&Reject::new(403));
            } else if let Ok(mut socket) = incoming.accept(&Accept::new()) {
                assert!(socket.recv().is_err());
                assert_eq!(socket.recv().unwrap(), None);
                assert!(!socket.status().unwrap().clean);
            }
        }
        Log::new()
    });
}

/// hostile 006, 043: the transport ends before, in and right after the heads.
#[test]
fn hostile_006_the_transport_ends_within_the_handshake() {
    everywhere(|setup| {
        let mut log = Log::new();
        for cut in [0, 1, REQUEST.len() - 1] {
            let (near, far) = setup.wires();
            let mut raw = near.raw();
            raw.write_all(&REQUEST[..cut]).unwrap();
            drop(raw);
            let config = Arc::default();
            let error = setup.server.accept(far, &config).map(drop).unwrap_err();
            log.push(told(&error));
        }
        for cut in [&b""[..], b"H", b"HTTP/1.1 101 Switching Protocols\r\n"] {
            let (near, far) = setup.wires();
            let mut raw = far.raw();
            let peer = thread::spawn(move || {
                let mut request = [0; 100];
                let _ = raw.read(&mut request).unwrap();
                raw.write_all(cut).unwrap();
                // Else the rest of the request would be unread, and the end a reset.
                while !request.ends_with(b"\r\n\r\n") {
                    request.rotate_left(1);
                    match raw.read(&mut request[99..]) {
                        Ok(1) => {}
                        _ => break,
                    }
                    if request[96..] == *b"\r\n\r\n" {
                        break;
                    }
                }
            });
            let config = Arc::default();
            let failed = setup.client.connect(near, &request(), &config);
            log.push(told(&failed.map(drop).unwrap_err()));
            peer.join().unwrap();
        }
        let stages = ["BeforeHead", "InsideHead", "InsideHead"].repeat(2);
        let expected = stages
            .iter()
            .map(|it| format!("connection: Handshake(Eof({it}))"));
        assert!(expected.eq(log.iter().cloned()), "{log:?}");
        log
    });
}

/// A connection whose handshake was done elsewhere, with what was read behind it; and back.
#[test]
fn parts_are_joined_and_taken_apart() {
    everywhere(|setup: &Setup| {
        let (near, far) = setup.wires();
        let config = Arc::new(Config::default());
        let mut raw = near.raw();
        let early = frame(true, TEXT, b"early");
        let (unread, rest) = early.split_at(5);
        let connection = Connection::server(&config);
        let mut socket = setup.server.join(far, connection, unread.to_vec());
        let more = [
            rest,
            &frame(true, TEXT, b"two"),
            &frame(true, TEXT, b"three"),
        ]
        .concat();
        raw.write_all(&more).unwrap();
        let mut log = vec![format!("{:?}", socket.recv().unwrap())];
        socket.send("out".into()).unwrap();
        socket.feed("unsent".into()).unwrap();
        let (wire, unread, unsent) = socket.into_parts();
        assert_eq!(decode(&unsent), [(TEXT, b"unsent".to_vec())]);
        let mut out = [0; 5];
        raw.read_exact(&mut out).unwrap();
        assert_eq!(decode(&out), [(TEXT, b"out".to_vec())]);

        let connection = Connection::server(&config);
        let mut socket = setup.server.join(wire, connection, unread);
        log.push(format!("{:?}", socket.recv().unwrap()));
        log.push(format!("{:?}", socket.recv().unwrap()));
        drop(raw);
        recv_all(&mut *socket, &mut log);
        log
    });
}
