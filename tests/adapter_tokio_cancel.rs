//! Futures of the tokio adapter dropped at every poll.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/script.rs"]
mod script;
#[path = "adapters/wire.rs"]
mod wire;

use std::{future::Future, pin::pin, rc::Rc, sync::Arc, time::Duration};

use futures_util::poll;
use sansock::{
    Config, EndpointEvent, Event, State,
    adapter::tokio::{Incoming, Socket, WebSocket},
    proto::{
        Connection,
        handshake::{Accept, ClientRequest},
    },
    web,
};
use script::{In, Io, Out, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use wire::{
    BINARY, CLOSE, PING, REQUEST, RESPONSE, Random, TEXT, behind_head, decode, frame, noise,
};

/// Takes a future to its end; one that waits for ever is a failed test.
async fn done<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    tokio::time::timeout(Duration::from_secs(3600), future)
        .await
        .expect("waits for ever")
}

/// Which of all the polls of a run that had to wait is the last of its future.
struct Cuts {
    /// Drop every future that waits.
    always: bool,
    /// Drop the future at this poll.
    at: usize,
    polls: usize,
}

/// Calls until ready; the future is dropped where the cuts say, and made anew.
macro_rules! stubborn {
    ($cuts:expr, $make:expr) => {
        'made: loop {
            let mut future = pin!($make);
            loop {
                if let std::task::Poll::Ready(ready) = poll!(&mut future) {
                    break 'made ready;
                }
                $cuts.polls += 1;
                if $cuts.always || $cuts.polls == $cuts.at {
                    continue 'made;
                }
            }
        }
    };
}

/// A server whose peer says some messages and a Close, over a transport that would block at every
/// other call.
fn stuttering() -> (Socket<Io>, Io) {
    let peer = [
        frame(true, TEXT, b"one"),
        frame(true, PING, b"?"),
        frame(true, 0x02, b"tw"),
        frame(true, 0x80, b"o"),
        frame(true, BINARY, &noise(300)),
        wire::close(true, 1000, "bye"),
    ]
    .concat();
    let mut random = Random(3);
    let io = Script::play([]);
    let mut rest = &peer[..];
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(random.below(rest.len().min(120)) + 1);
        io.push(In::Data(piece.to_vec()));
        io.push(In::Wait);
        rest = left;
    }
    io.push(In::End);
    for _ in 0..40 {
        io.writes([Out::Wait, Out::Take(random.below(4000) + 1)]);
    }
    let config = Config::default().high_water_mark(100).fragment_size(1000);
    let connection = Connection::server(&Arc::new(config));
    (Socket::from_parts(io.clone(), connection, Vec::new()), io)
}

/// What was heard, and the frames that were written.
type Outcome = (Vec<String>, Vec<(u8, Vec<u8>)>);

/// Drops futures at their first, second, … poll of all those of `run`: the same must come of it.
async fn at_every_poll(run: impl AsyncFn(&mut Cuts) -> Outcome) {
    let mut cuts = Cuts {
        always: false,
        at: 0,
        polls: 0,
    };
    let uncut = run(&mut cuts).await;
    assert!(cuts.polls > 20, "{} polls had to wait", cuts.polls);
    let data: usize = uncut.1.iter().map(|it| it.1.len()).sum();
    assert!(data > 70_090, "{data}");
    for at in 0..=cuts.polls {
        let mut cuts = Cuts {
            always: at == 0,
            at,
            polls: 0,
        };
        let cut = run(&mut cuts).await;
        assert_eq!(cut.0, uncut.0, "cut at {at}");
        // A Ping or a Pong may stand between other fragments, all else is the same.
        let sorted = |frames: &[(u8, Vec<u8>)]| {
            let (control, data): (Vec<_>, Vec<_>) =
                frames.iter().cloned().partition(|it| it.0 & 0x08 != 0);
            (control, data)
        };
        assert_eq!(sorted(&cut.1), sorted(&uncut.1), "cut at {at}");
    }
}

/// hostile 141: every future dropped at every poll leaves the same behind.
#[tokio::test(start_paused = true)]
async fn hostile_141_dropped_futures_lose_nothing() {
    at_every_poll(async |cuts| {
        let (mut socket, io) = stuttering();
        let mut log = Vec::new();
        for len in [90, 70_000, 3] {
            stubborn!(cuts, socket.send(vec![b'a'; len])).unwrap();
        }
        for _ in 0..2 {
            let message = stubborn!(cuts, socket.recv()).unwrap();
            log.push(format!("{message:?}"));
        }
        stubborn!(cuts, socket.feed("fed")).unwrap();
        stubborn!(cuts, socket.flush()).unwrap();
        stubborn!(cuts, socket.ping(b"!")).unwrap();
        while stubborn!(cuts, socket.fill()).unwrap() {
            while let Some(event) = socket.next_event() {
                log.push(format!("{event:?}"));
            }
        }
        let status = stubborn!(cuts, socket.end()).unwrap();
        log.push(format!("{status:?}"));
        (log, decode(&io.take_written()))
    })
    .await;
}

/// hostile 141: those of the two halves as well.
#[tokio::test(start_paused = true)]
async fn hostile_141_dropped_futures_of_halves_lose_nothing() {
    at_every_poll(async |cuts| {
        let (socket, io) = stuttering();
        let (mut read, mut write) = socket.into_split();
        let mut log = Vec::new();
        for len in [90, 70_000, 3] {
            stubborn!(cuts, write.send(vec![b'a'; len])).unwrap();
            let message = stubborn!(cuts, read.recv()).unwrap().unwrap();
            log.push(format!("{message:?}"));
        }
        stubborn!(cuts, write.feed("fed")).unwrap();
        stubborn!(cuts, write.flush()).unwrap();
        assert!(stubborn!(cuts, read.recv()).unwrap().is_none());
        let mut socket = read.reunite(write).unwrap();
        let status = stubborn!(cuts, socket.end()).unwrap();
        log.push(format!("{status:?}"));
        (log, decode(&io.take_written()))
    })
    .await;
}

/// hostile 141: a Ping and a Close are queued by the first poll, though nothing can be written, and
/// not before.
#[tokio::test(start_paused = true)]
async fn hostile_141_a_ping_and_a_close_never_wait() {
    let open = || {
        let io = Script::play([]);
        io.writes([Out::Block]);
        let connection = Connection::server(&Arc::default());
        (Socket::from_parts(io.clone(), connection, Vec::new()), io)
    };
    let written = |io: &Io| decode(&io.take_written());
    let sent = [(PING, b"?".to_vec()), (CLOSE, vec![])];

    let (mut whole, io) = open();
    drop(whole.ping(b"never"));
    drop(whole.close(None));
    assert_eq!(whole.state(), State::Open);
    assert!(poll!(pin!(whole.ping(b"?"))).is_ready());
    assert!(poll!(pin!(whole.close(None))).is_ready());
    assert_eq!((whole.state(), written(&io)), (State::Closing, vec![]));
    io.0.borrow_mut().writes.clear();
    done(whole.flush()).await.unwrap();
    assert_eq!(written(&io), sent);

    let (split, io) = open();
    let (_read, mut write) = split.into_split();
    drop(write.ping(b"never"));
    drop(write.close(None));
    assert_eq!(write.state(), State::Open);
    assert!(poll!(pin!(write.ping(b"?"))).is_ready());
    assert!(poll!(pin!(write.close(None))).is_ready());
    assert_eq!((write.state(), written(&io)), (State::Closing, vec![]));
    io.0.borrow_mut().writes.clear();
    done(write.flush()).await.unwrap();
    assert_eq!(written(&io), sent);
}

/// hostile 141: dropping the future of an opening handshake drops the transport.
#[tokio::test(start_paused = true)]
async fn hostile_141_a_dropped_handshake_drops_the_transport() {
    let config = Arc::new(Config::default());
    for polls in 0..REQUEST.len() {
        let io = Script::play(
            REQUEST
                .iter()
                .flat_map(|byte| [In::Data(vec![*byte]), In::Wait]),
        );
        {
            let mut accept = pin!(Socket::accept(io.clone(), &config));
            for _ in 0..polls {
                assert!(poll!(&mut accept).is_pending());
            }
            assert_eq!(Rc::strong_count(&io.0), 2);
        }
        assert_eq!(Rc::strong_count(&io.0), 1);
    }
    let request = ClientRequest::new("h", "/").unwrap();
    let io = Script::play([In::Wait]);
    {
        let mut connect = pin!(Socket::connect(io.clone(), &request, &config));
        assert!(poll!(&mut connect).is_pending());
        assert!(poll!(&mut connect).is_pending());
    }
    assert_eq!(Rc::strong_count(&io.0), 1);

    // A whole one, for comparison; frames behind the request are there after it.
    let all = [REQUEST, &frame(true, TEXT, b"early")].concat();
    let io = Script::play([In::Data(all)]);
    let incoming = done(Incoming::receive(io.clone(), &config)).await.unwrap();
    let accept = Accept::new();
    let accepted = incoming.accept(&accept);
    let mut socket = done(accepted).await.unwrap();
    let written = io.take_written();
    assert_eq!(written, RESPONSE);
    assert!(behind_head(&written).is_empty());
    let message = done(socket.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("early"));
}

/// What `recv` gathered of a message before it was dropped is the first that anything else gets.
#[tokio::test(start_paused = true)]
async fn hostile_141_what_recv_gathered_is_there_for_others() {
    for way in ["recv", "events", "parts", "bytes", "web"] {
        let (near, mut far) = duplex(1024);
        let config = Arc::new(Config::default().streaming(true));
        let mut socket = Socket::from_parts(near, Connection::server(&config), Vec::new());
        far.write_all(&frame(true, 0x02, b"hel")).await.unwrap();
        {
            let recv = pin!(socket.recv());
            assert!(poll!(recv).is_pending());
        }
        let rest = [frame(true, 0x80, b"lo"), wire::close(true, 1000, "")].concat();
        far.write_all(&rest).await.unwrap();
        drop(far);
        let mut all = Vec::new();
        let mut take = |event| match event {
            EndpointEvent::Event(Event::Part(part)) => all.extend(part.data.into_bytes()),
            EndpointEvent::Event(Event::Close(_)) | EndpointEvent::Closed(_) => {}
            other => panic!("{other:?}"),
        };
        match way {
            "recv" => all = done(socket.recv()).await.unwrap().unwrap().into_bytes(),
            "events" => {
                while done(socket.fill()).await.unwrap() {
                    while let Some(event) = socket.next_event() {
                        take(event.into_owned());
                    }
                }
            }
            "parts" => {
                let parts = socket.into_parts();
                parts.events.into_iter().for_each(take);
                all.extend(b"lo");
            }
            "bytes" => {
                let mut bytes = socket.into_byte_stream();
                done(bytes.read_to_end(&mut all)).await.unwrap();
            }
            _ => {
                let socket = WebSocket::from_socket(socket);
                let Some(web::Event::Message(message)) = done(socket.events().recv()).await else {
                    panic!("no message");
                };
                all = message.data.as_bytes().to_vec();
            }
        }
        assert_eq!(all, b"hello", "{way}");
    }
}

/// What it gathered of a message that never ends is gone with the connection: nothing follows the end.
#[tokio::test(start_paused = true)]
async fn hostile_141_nothing_gathered_follows_the_end() {
    for close in [Vec::new(), wire::close(true, 1000, "")] {
        let (near, mut far) = duplex(1024);
        let config = Arc::new(Config::default().streaming(true));
        let mut socket = Socket::from_parts(near, Connection::server(&config), Vec::new());
        let begun = [frame(true, 0x02, b"hel"), close].concat();
        far.write_all(&begun).await.unwrap();
        drop(far);
        while !matches!(done(socket.recv()).await, Ok(None)) {}
        assert!(socket.next_event().is_none());
    }
}
