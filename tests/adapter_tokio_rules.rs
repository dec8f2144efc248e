//! The rules of the tokio adapter, over a transport that does what a script says.
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

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use allocation_counter::measure;
use futures_util::{FutureExt, SinkExt, StreamExt, poll};
use sansock::{
    CloseFrame, Config, Event, Message, State,
    adapter::{Error, tokio::Socket},
    endpoint::EndpointEvent,
    proto::{self, Connection},
};
use script::{In, Io, Out, Script};
use wire::{BINARY, CLOSE, PING, PONG, TEXT, decode, frame, noise};

fn server(io: &Io) -> Socket<Io> {
    let config = Arc::default();
    Socket::from_parts(io.clone(), Connection::server(&config), Vec::new())
}

fn client(io: &Io) -> Socket<Io> {
    let config = Arc::default();
    Socket::from_parts(io.clone(), Connection::client(&config, [7; 32]), Vec::new())
}

/// Takes a future to its end; one that waits for ever is a failed test.
async fn done<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    tokio::time::timeout(Duration::from_secs(3600), future)
        .await
        .expect("waits for ever")
}

/// Polls a future once, which must wait.
macro_rules! waits {
    ($future:expr) => {{
        let future = pin!($future);
        assert!(poll!(future).is_pending(), "{}", stringify!($future));
    }};
}

/// Rule 1: what one read brought is answered by one write.
#[tokio::test(start_paused = true)]
async fn rule_1_a_batch_is_one_write() {
    let batch: Vec<u8> = (0..16)
        .flat_map(|i| frame(true, TEXT, format!("message {i}").as_bytes()))
        .chain(frame(true, PING, b"?"))
        .collect();
    let io = Script::play([In::Data(batch)]);
    let mut socket = server(&io);
    assert!(done(socket.fill()).await.unwrap());
    while let Some((event, mut reply)) = socket.next_with_reply() {
        if let Some(message) = event.into_message() {
            reply.send(message).unwrap();
        }
    }
    assert_eq!(io.write_calls(), 0);
    waits!(socket.fill());
    assert_eq!(io.write_calls(), 1);
    let written = decode(&io.take_written());
    assert_eq!(written.len(), 17);
    assert_eq!(written[16], (PONG, b"?".to_vec()));

    // The same with owned messages and `feed`.
    let batch: Vec<u8> = (0..16).flat_map(|_| frame(true, BINARY, b"x")).collect();
    io.push(In::Data(batch));
    for _ in 0..16 {
        let message = done(socket.recv()).await.unwrap().unwrap();
        done(socket.feed(message)).await.unwrap();
    }
    assert_eq!(io.write_calls(), 1);
    waits!(socket.recv());
    assert_eq!(io.write_calls(), 2);
    assert_eq!(decode(&io.take_written()).len(), 16);
}

/// hostile 136: a Pong leaves although the program only reads, before it waits.
#[tokio::test(start_paused = true)]
async fn hostile_136_no_pong_is_stranded() {
    let io = Script::play([In::Data(frame(true, PING, b"1"))]);
    let mut socket = server(&io);
    waits!(socket.recv());
    assert_eq!(decode(&io.take_written()), [(PONG, b"1".to_vec())]);
    let flushed = io.0.borrow().flush_calls;
    assert_eq!(flushed, 1, "what is written is passed on");

    let both = [frame(true, PING, b"2"), frame(true, TEXT, b"x")].concat();
    io.push(In::Data(both));
    assert!(done(socket.recv()).await.unwrap().is_some());
    waits!(socket.recv());
    assert_eq!(decode(&io.take_written()), [(PONG, b"2".to_vec())]);

    // The last half of a Ping comes while the other direction would block.
    io.writes([Out::Wait, Out::Take(1), Out::Wait, Out::Take(1)]);
    let ping = frame(true, PING, b"3");
    io.push(In::Data(ping[..3].to_vec()));
    io.push(In::Data(ping[3..].to_vec()));
    for _ in 0..4 {
        waits!(socket.recv());
    }
    assert_eq!(decode(&io.take_written()), [(PONG, b"3".to_vec())]);
}

/// Rule 1: where writing would block, reading goes on.
#[tokio::test(start_paused = true)]
async fn rule_1_reads_while_writing_would_block() {
    let io = Script::play([In::Data(frame(true, TEXT, b"in"))]);
    io.writes([Out::Take(3), Out::Block]);
    let mut socket = server(&io);
    done(socket.send(noise(1000))).await.unwrap();
    let message = done(socket.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("in"));
    waits!(socket.recv());

    // `flush` reads too, keeps what it read, and then reads no more.
    io.push(In::Data(frame(true, TEXT, b"kept")));
    io.push(In::Data(frame(true, TEXT, b"next")));
    waits!(socket.flush());
    waits!(socket.flush());
    assert_eq!(io.0.borrow().reads.len(), 1);
    let message = done(socket.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("kept"));
}

/// A Ping or a Pong that comes while writing waits must not stop the reading, or two peers that
/// both send a Ping and much data would wait for each other.
#[tokio::test(start_paused = true)]
async fn rule_1_control_frames_do_not_stop_the_reading() {
    let io = Script::play([]);
    io.writes([Out::Block]);
    let mut socket = server(&io);
    done(socket.send("waits")).await.unwrap();
    for payload in [b"1", b"2"] {
        io.push(In::Data(frame(true, PING, payload)));
        io.push(In::Data(frame(true, PONG, payload)));
        waits!(socket.flush());
        assert!(io.0.borrow().reads.is_empty(), "reading stopped");
    }
    io.push(In::Data(frame(true, TEXT, b"data")));
    waits!(socket.flush());
    // The latest of each is still told, before the data that came behind.
    let mut events = Vec::new();
    assert!(done(socket.fill()).await.unwrap());
    while let Some(EndpointEvent::Event(event)) = socket.next_event() {
        events.push(event.into_owned());
    }
    let expected = [
        Event::Ping(b"2".into()),
        Event::Pong(b"2".into()),
        Event::Message("data".into()),
    ];
    assert_eq!(events, expected);
}

/// Two peers that each have asked for a sign of life and send much at once both finish.
#[tokio::test]
async fn two_that_send_much_and_ask_both_finish() {
    let config = Arc::new(Config::default());
    let (one, other) = tokio::io::duplex(16 << 10);
    let run = |mut socket: Socket<tokio::io::DuplexStream>| async move {
        socket.ping(b"?").await.unwrap();
        socket.send(vec![7; 4 << 20]).await.unwrap();
        socket.flush().await.unwrap();
        let message = socket.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), 4 << 20);
        socket.end().await.unwrap()
    };
    let client = Socket::from_parts(one, Connection::client(&config, [7; 32]), Vec::new());
    let server = Socket::from_parts(other, Connection::server(&config), Vec::new());
    let both = async { tokio::join!(run(client), run(server)) };
    let (client, server) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("they wait for each other");
    assert!(client.clean && server.clean);
}

/// hostile 138: a wakeup for nothing costs one read, and no write.
#[tokio::test(start_paused = true)]
async fn hostile_138_spurious_wakeups_do_not_loop() {
    let io = Script::play([]);
    let mut socket = server(&io);
    let mut recv = pin!(socket.recv());
    for polls in 1..=1_000_000 {
        assert!(poll!(&mut recv).is_pending());
        assert_eq!(io.read_calls(), polls);
    }
    assert_eq!(io.write_calls(), 0);
}

/// hostile 134: an interrupted call is made again.
#[tokio::test(start_paused = true)]
async fn hostile_134_interrupted_is_retried() {
    let io = Script::play([
        In::Fail(io::ErrorKind::Interrupted),
        In::Data(frame(true, TEXT, b"in")),
    ]);
    let mut socket = server(&io);
    assert!(done(socket.recv()).await.unwrap().is_some());
}

/// hostile 134: whatever a read fails with is told once, then the end, once.
#[tokio::test(start_paused = true)]
async fn hostile_134_a_read_error_is_told_once() {
    for kind in [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::Other,
    ] {
        let io = Script::play([In::Fail(kind), In::End]);
        let mut socket = server(&io);
        let error = done(socket.recv()).await.unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == kind));
        for _ in 0..3 {
            assert!(done(socket.recv()).await.unwrap().is_none());
        }
        let status = socket.close_status().unwrap();
        assert!(!status.clean && status.code().get() == 1006);

        let io = Script::play([In::Fail(kind), In::End]);
        let mut socket = server(&io);
        assert_eq!(done(socket.fill()).await.unwrap_err().kind(), kind);
        let closed = socket.next_event();
        assert!(matches!(closed, Some(EndpointEvent::Closed(_))));
        for _ in 0..3 {
            assert!(!done(socket.fill()).await.unwrap());
            assert!(socket.next_event().is_none());
        }
    }
}

/// hostile 135: a write that fails is told once, but first what the peer said before.
#[tokio::test(start_paused = true)]
async fn hostile_135_a_write_error_is_told_once() {
    for (out, kind) in [
        (Out::Take(0), io::ErrorKind::WriteZero),
        (
            Out::Fail(io::ErrorKind::BrokenPipe),
            io::ErrorKind::BrokenPipe,
        ),
    ] {
        let io = Script::play([In::Data(frame(true, TEXT, b"last words")), In::End]);
        io.writes([out, out]);
        let mut socket = server(&io);
        done(socket.feed("lost")).await.unwrap();
        let message = done(socket.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some("last words"));
        let error = done(socket.recv()).await.unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == kind));
        assert!(done(socket.recv()).await.unwrap().is_none());
        assert_eq!(socket.state(), State::Closed);

        let io = Script::play([In::End]);
        io.writes([out]);
        let mut socket = server(&io);
        let error = done(socket.send("lost")).await.unwrap_err();
        assert!(matches!(error, Error::Io(error) if error.kind() == kind));
        assert!(done(socket.recv()).await.unwrap().is_none());
    }
}

/// hostile 115: after both Closes no error of the transport makes the end unclean.
#[tokio::test(start_paused = true)]
async fn hostile_115_a_reset_after_both_closes_is_clean() {
    for ours_first in [false, true] {
        let io = Script::play([
            In::Data(wire::close(false, 1000, "")),
            In::Fail(io::ErrorKind::ConnectionReset),
        ]);
        let mut socket = client(&io);
        if ours_first {
            done(socket.close(None)).await.unwrap();
        }
        assert!(done(socket.recv()).await.unwrap().is_none());
        assert!(socket.close_status().unwrap().clean);
        let io = Script::play([
            In::Data(wire::close(true, 1000, "")),
            In::Fail(io::ErrorKind::ConnectionReset),
        ]);
        let mut socket = server(&io);
        if ours_first {
            done(socket.close(None)).await.unwrap();
        }
        assert!(done(socket.end()).await.unwrap().clean);
        assert_eq!(io.0.borrow().shutdown_calls, 1);
    }
}

/// Rule 5: after the end the socket flushes, ends its side, and reads until the peer's end or a
/// limit, discarding.
#[tokio::test(start_paused = true)]
async fn rule_5_the_end_is_orderly() {
    // A peer that goes on writing for ever: 64 KiB are discarded and no more.
    let bad = [frame(true, 0x83, b""), vec![0; 100]].concat();
    let io = Script::play([In::Data(bad)]);
    for _ in 0..100 {
        io.push(In::Data(vec![0; 10_000]));
    }
    let mut socket = server(&io);
    let error = done(socket.recv()).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Connection(proto::Error::Protocol(_))
    ));
    assert_eq!(decode(&io.take_written()), [(CLOSE, vec![0x03, 0xEA])]);
    assert_eq!(io.0.borrow().shutdown_calls, 1);
    assert_eq!(io.0.borrow().reads.len(), 93);
    assert!(done(socket.recv()).await.unwrap().is_none());

    // A peer that is silent and stays: for as long as `linger`; the event comes before.
    let io = Script::play([In::Data(frame(true, 0x83, b""))]);
    let mut socket = server(&io);
    let begin = tokio::time::Instant::now();
    assert!(done(socket.fill()).await.unwrap());
    let closed = socket.next_event();
    assert!(matches!(closed, Some(EndpointEvent::Closed(_))));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert!(!done(socket.fill()).await.unwrap());
    let lingered = begin.elapsed();
    assert!((1000..1010).contains(&lingered.as_millis()), "{lingered:?}");

    // A peer that takes nothing: the flush gives up after the close timeout.
    let io = Script::play([In::Data(frame(true, 0x83, b""))]);
    io.writes([Out::Block]);
    let mut socket = server(&io);
    let begin = tokio::time::Instant::now();
    assert!(done(socket.recv()).await.is_err());
    let waited = begin.elapsed();
    assert!((5000..6020).contains(&waited.as_millis()), "{waited:?}");
}

/// Rule 4: a connection that waits in the middle of a batch costs what is unread, and 256 bytes.
#[tokio::test(start_paused = true)]
async fn rule_4_ten_thousand_parked_in_mid_batch_cost_what_is_unread() {
    const MANY: usize = 10_000;
    let batch: Vec<u8> = (0..4).flat_map(|_| frame(true, BINARY, &[7; 40])).collect();
    let unread = 3 * (batch.len() / 4);
    let config = Arc::new(Config::default());
    let ios: Vec<Io> = (0..MANY)
        .map(|_| {
            let io = Script::play([In::Data(batch.clone())]);
            io.0.borrow_mut().written.reserve(64);
            io
        })
        .collect();
    let mut sockets = Vec::with_capacity(MANY);
    let cost = measure(|| {
        for io in &ios {
            let connection = Connection::server(&config);
            let mut socket = Socket::from_parts(io.clone(), connection, Vec::new());
            let waker = futures_util::task::noop_waker();
            let mut cx = std::task::Context::from_waker(&waker);
            let std::task::Poll::Ready(received) = pin!(socket.recv()).poll(&mut cx) else {
                panic!("no message");
            };
            let message = received.unwrap().unwrap();
            // The answer is written at once, and the program waits for something else.
            assert!(pin!(socket.send(message)).poll(&mut cx).is_ready());
            sockets.push(socket);
        }
    });
    // The transport frees what it was read from, which is no gain of ours.
    let each = cost.bytes_current / MANY as i64 + batch.len() as i64;
    let bound = (unread + 256) as i64;
    assert!((unread as i64..=bound).contains(&each), "{each} bytes each");
}

/// Rule 4: each connection's task has room for the largest future that it awaits.
#[cfg(target_pointer_width = "64")]
#[test]
fn rule_4_futures_are_small() {
    let io = Script::play([]);
    let mut socket = server(&io);
    assert_eq!(size_of_val(&socket.fill()), 24);
    assert_eq!(size_of_val(&socket.recv()), 24);
    assert_eq!(size_of_val(&socket.flush()), 24);
    assert_eq!(size_of_val(&socket.feed(Message::from("text"))), 96);
    assert_eq!(size_of_val(&socket.send(Message::from("text"))), 96);
}

/// Rule 4: nor does one that waits for the transport, or has sent and waits for something else,
/// keep a buffer.
#[tokio::test(start_paused = true)]
async fn rule_4_a_socket_that_has_sent_keeps_no_buffer() {
    let io = Script::play([]);
    io.0.borrow_mut().written.reserve(1 << 20);
    let mut sockets: Vec<_> = (0..100).map(|_| server(&io)).collect();
    let message = noise(1000);
    let waker = futures_util::task::noop_waker();
    for flush in [false, true] {
        let cost = measure(|| {
            let mut cx = std::task::Context::from_waker(&waker);
            for socket in &mut sockets {
                assert!(pin!(socket.feed(&message)).poll(&mut cx).is_ready());
                if flush {
                    assert!(pin!(socket.flush()).poll(&mut cx).is_ready());
                } else {
                    assert!(pin!(socket.send(&message)).poll(&mut cx).is_ready());
                }
            }
        });
        assert!(cost.bytes_current < 16 << 10, "{flush} {cost:?}");
    }
}

/// `Stream` and `Sink`: the same messages, the error, then the end; closing flushes.
#[tokio::test(start_paused = true)]
async fn stream_and_sink() {
    let all = [frame(true, TEXT, b"in"), frame(true, 0x83, b"")].concat();
    let io = Script::play([In::Data(all), In::End]);
    io.writes((0..20).flat_map(|_| [Out::Wait, Out::Take(2)]));
    let mut socket = server(&io);
    done(SinkExt::send(&mut socket, Message::from("out")))
        .await
        .unwrap();
    assert_eq!(decode(&io.take_written()), [(TEXT, b"out".to_vec())]);
    assert_eq!(
        done(socket.next()).await.unwrap().unwrap().as_text(),
        Some("in")
    );
    assert!(matches!(
        done(socket.next()).await,
        Some(Err(Error::Connection(_)))
    ));
    assert!(done(socket.next()).await.is_none());
    assert!(done(socket.next()).await.is_none());

    let io = Script::play([]);
    io.writes((0..20).flat_map(|_| [Out::Wait, Out::Take(2)]));
    let mut socket = server(&io);
    SinkExt::feed(&mut socket, Message::from("out"))
        .await
        .unwrap();
    done(SinkExt::close(&mut socket)).await.unwrap();
    let frames = decode(&io.take_written());
    assert_eq!(frames, [(TEXT, b"out".to_vec()), (CLOSE, vec![])]);
    done(SinkExt::close(&mut socket)).await.unwrap();
    let late = SinkExt::send(&mut socket, Message::from("late"));
    assert!(matches!(done(late).await, Err(Error::Send(_))));
    let bye = CloseFrame::new(sansock::CloseCode::NORMAL, "");
    assert!(done(socket.close(Some(&bye))).await.is_err());
}

/// What is ready takes a message, as `Sink` demands, though what is read meanwhile (a Ping, which is
/// answered) takes the room that there was.
#[tokio::test(start_paused = true)]
async fn hostile_142_a_sink_that_was_ready_takes_a_message() {
    let io = || {
        let io = Script::play([In::Data(frame(true, PING, &[b'?'; 60]))]);
        io.writes([Out::Block]);
        io
    };
    let open = |io: &Io| {
        let config = Arc::new(Config::default().high_water_mark(100));
        let mut socket = Socket::from_parts(io.clone(), Connection::server(&config), Vec::new());
        socket.feed(vec![0; 80]).now_or_never().unwrap().unwrap();
        socket
    };
    let out = || Message::from("out");
    let whole = io();
    let mut socket = open(&whole);
    poll_fn(|cx| socket.poll_ready_unpin(cx)).await.unwrap();
    waits!(socket.next());
    assert!(!socket.can_send());
    socket.start_send_unpin(out()).unwrap();

    let split = io();
    let (mut read, mut write) = open(&split).into_split();
    poll_fn(|cx| write.poll_ready_unpin(cx)).await.unwrap();
    waits!(read.recv());
    assert!(!write.can_send());
    write.start_send_unpin(out()).unwrap();

    for io in [whole, split] {
        io.0.borrow_mut().writes.clear();
    }
    done(socket.flush()).await.unwrap();
    done(write.flush()).await.unwrap();
}
