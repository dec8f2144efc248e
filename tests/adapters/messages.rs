//! Messages both ways.

use std::{io::Write, thread};

use sansock::{Config, Event, Message, Part, Role, State, endpoint::EndpointEvent};

use crate::{
    setup::{Log, ended, everywhere, fill_all, recv_all},
    wire::{BINARY, PING, TEXT, close, decode, frame, noise},
};

/// Every length at which the header changes, and some in between.
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 65_535, 65_536, 65_537, 1 << 20];

#[test]
fn clause_5_2_echoes_of_every_length() {
    everywhere(|setup| {
        setup.both(
            &Config::default(),
            |mut socket, log| {
                for len in LENGTHS {
                    let text = "ä".repeat(len / 2) + &"x".repeat(len % 2);
                    socket.send(Message::from(&text)).unwrap();
                    let echo = socket.recv().unwrap().unwrap();
                    assert_eq!(echo.as_text(), Some(&text[..]));
                    let data = noise(len);
                    socket.feed(Message::from(&data)).unwrap();
                    let echo = socket.recv().unwrap().unwrap();
                    assert!(!echo.is_text() && echo.as_bytes() == data);
                    log.push(format!("{len}"));
                }
                log.push(ended(Some(&socket.end().unwrap())));
            },
            |mut socket, log| {
                while let Some(message) = socket.recv().unwrap() {
                    socket.send(message).unwrap();
                }
                log.push(ended(socket.status().as_ref()));
            },
        )
    });
}

/// The same by lent events; a batch of both kinds at once.
#[test]
fn a_batch_comes_in_order() {
    everywhere(|setup| {
        setup.both(
            &Config::default(),
            |mut socket, log| {
                for i in 0..100 {
                    socket.feed(format!("message {i}").into()).unwrap();
                    socket.ping(&[i]).unwrap();
                }
                socket.flush().unwrap();
                assert_eq!(socket.buffered_amount(), 0);
                let (mut texts, mut pongs) = (0, 0);
                while texts < 100 || pongs < 100 {
                    assert!(socket.fill().unwrap());
                    while let Some(event) = socket.next_event() {
                        match event {
                            EndpointEvent::Event(Event::Message(message)) => {
                                assert_eq!(message.as_text(), Some(&*format!("message {texts}")));
                                texts += 1;
                            }
                            EndpointEvent::Event(Event::Pong(payload)) => {
                                assert_eq!(*payload, [pongs]);
                                pongs += 1;
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
                log.push(ended(Some(&socket.end().unwrap())));
            },
            |mut socket, log| {
                while socket.fill().unwrap() {
                    while let Some(event) = socket.next_event() {
                        if let Some(message) = event.into_message() {
                            socket.feed(message).unwrap();
                        }
                    }
                }
                log.push(ended(socket.status().as_ref()));
            },
        )
    });
}

#[test]
fn clause_5_4_fragments_are_joined() {
    everywhere(|setup| {
        setup.both(
            &Config::default(),
            |mut socket, log| {
                for part in ["Grü", "", "ße"] {
                    socket.send_part(Part::more(part)).unwrap();
                    socket.ping(b"between").unwrap();
                }
                assert!(socket.send("no".into()).is_err());
                socket.send_part(Part::last("!")).unwrap();
                socket.send_part(Part::more(noise(100_000))).unwrap();
                socket.send_part(Part::last(noise(1))).unwrap();
                recv_all(&mut *socket, log);
            },
            |mut socket, log| {
                log.push(format!("{:?}", socket.recv().unwrap()));
                log.push(format!("{}", socket.recv().unwrap().unwrap().len()));
                socket.close(None).unwrap();
                recv_all(&mut *socket, log);
                assert_eq!(log[1], "100001");
            },
        )
    });
}

/// With `streaming`, `recv` joins the parts that `next_event` hands out one by one.
#[test]
fn parts_of_a_stream_are_handed_out_or_joined() {
    everywhere(|setup| {
        let mut log = Log::new();
        let streaming = Config::default().streaming(true);
        for joins in [true, false] {
            let (mut socket, mut peer) = setup.raw(Role::Server, &streaming);
            let writer = thread::spawn(move || {
                peer.write_all(&frame(true, 0x01, "Grü".as_bytes()))
                    .unwrap();
                peer.write_all(&frame(true, PING, b"?")).unwrap();
                // "ß" is cut by the frame, and by the write.
                peer.write_all(&frame(true, 0x00, &[0xC3])).unwrap();
                peer.write_all(&frame(true, 0x80, &[0x9F, b'e'])).unwrap();
                let large = frame(true, BINARY, &noise(200_000));
                for piece in large.chunks(7777) {
                    peer.write_all(piece).unwrap();
                }
                peer.write_all(&close(true, 1000, "")).unwrap();
                let mut answer = Vec::new();
                peer.read_to_end(&mut answer).unwrap();
                decode(&answer)
            });
            if joins {
                let text = socket.recv().unwrap().unwrap();
                assert_eq!(text.as_text(), Some("Grüße"));
                let data = socket.recv().unwrap().unwrap();
                assert_eq!(data.as_bytes(), noise(200_000));
                recv_all(&mut *socket, &mut log);
            } else {
                let (mut text, mut data, mut lasts) = (String::new(), Vec::new(), 0);
                while socket.fill().unwrap() {
                    while let Some(event) = socket.next_event() {
                        if let EndpointEvent::Event(Event::Part(part)) = event {
                            lasts += usize::from(part.last);
                            match part.data {
                                Message::Text(more) => text += &more,
                                Message::Binary(more) => data.extend_from_slice(&more),
                            }
                        }
                    }
                }
                assert_eq!((&*text, lasts), ("Grüße", 2));
                assert_eq!(data, noise(200_000));
            }
            drop(socket);
            log.push(format!("{:?}", writer.join().unwrap()));
        }
        log
    });
}

/// hostile 112: after the Close nothing is sent, and the program is told.
#[test]
fn hostile_112_sending_after_the_close_is_an_error() {
    everywhere(|setup| {
        setup.both(
            &Config::default(),
            |mut socket, log| {
                socket.close(None).unwrap();
                assert_eq!(socket.state(), State::Closing);
                assert!(!socket.can_send());
                log.push(format!("{:?}", socket.send("late".into()).unwrap_err()));
                log.push(format!("{:?}", socket.feed("late".into()).unwrap_err()));
                log.push(format!("{:?}", socket.ping(b"late").unwrap_err()));
                log.push(format!("{:?}", socket.close(None).unwrap_err()));
                recv_all(&mut *socket, log);
                assert_eq!(socket.state(), State::Closed);
                log.push(format!("{:?}", socket.send("late".into()).unwrap_err()));
                socket.flush().unwrap();
            },
            |mut socket, log| fill_all(&mut *socket, log),
        )
    });
}

/// hostile 070: control frames between fragments and cut by reads.
#[test]
fn hostile_070_any_cut_gives_the_same() {
    everywhere(|setup| {
        let all = [
            frame(true, 0x01, b"one"),
            frame(true, PING, b"ping"),
            frame(true, 0x80, b"two"),
            frame(true, TEXT, "ü".repeat(100).as_bytes()),
            frame(true, BINARY, &noise(70_000)),
            close(true, 3000, "end"),
        ]
        .concat();
        let mut first: Option<Log> = None;
        for step in [1009, 65_536, all.len()] {
            let (mut socket, mut peer) = setup.raw(Role::Server, &Config::default());
            let all = all.clone();
            let writer = thread::spawn(move || {
                let (begin, rest) = all.split_at(60);
                for byte in begin {
                    peer.write_all(&[*byte]).unwrap();
                }
                for piece in rest.chunks(step) {
                    peer.write_all(piece).unwrap();
                }
                let mut answer = Vec::new();
                peer.read_to_end(&mut answer).unwrap();
                decode(&answer)
            });
            let mut log = Log::new();
            recv_all(&mut *socket, &mut log);
            drop(socket);
            log.push(format!("{:?}", writer.join().unwrap()));
            assert_eq!(first.get_or_insert_with(|| log.clone()), &log);
        }
        first.unwrap()
    });
}
