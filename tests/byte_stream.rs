//! A connection as one run of bytes: `into_byte_stream` of tokio's and futures-io's sockets.
#![expect(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a helper that panics is a failed test"
)]

#[path = "adapters/script.rs"]
mod script;
#[path = "adapters/wire.rs"]
mod wire;

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::poll;
use sansock::{
    CloseCode, CloseFrame, Config, DeflateParams, Role,
    adapter::{
        futures,
        tokio::{ByteStream, Socket},
    },
    proto::{Connection, handshake::Negotiated},
};
use script::{In, Io, Out, Script};
use tokio::{
    io::{
        AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, copy_bidirectional,
        duplex, split,
    },
    time::timeout,
};
use wire::{BINARY, CLOSE, PING, PONG, Random, TEXT, close, decode, frame, noise};

/// Takes a future to its end; one that waits for ever is a failed test.
async fn done<T>(future: impl Future<Output = T>) -> T {
    let future = pin!(future);
    timeout(Duration::from_secs(3600), future)
        .await
        .expect("waits for ever")
}

/// A server's end over a script.
fn server(io: &Io, config: Config) -> ByteStream<Io> {
    let connection = Connection::server(&Arc::new(config));
    Socket::from_parts(io.clone(), connection, Vec::new()).into_byte_stream()
}

/// Both ends, joined by a pipe that holds `size` bytes in each direction.
fn pair(
    size: usize,
    config: Config,
    deflate: Option<DeflateParams>,
) -> (ByteStream<DuplexStream>, ByteStream<DuplexStream>) {
    let config = Arc::new(config);
    let mut negotiated = Negotiated::default();
    negotiated.deflate = deflate;
    let (near, far) = duplex(size);
    let end = |stream, role| {
        let connection = Connection::from_negotiated(role, &negotiated, &config, [7; 32]);
        Socket::from_parts(stream, connection, Vec::new()).into_byte_stream()
    };
    (end(near, Role::Client), end(far, Role::Server))
}

/// Reads to the end, at most `size` bytes at once.
async fn read_all(stream: &mut ByteStream<Io>, size: usize) -> (Vec<u8>, Option<ErrorKind>) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match done(stream.read(&mut buffer)).await {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) => return (all, Some(error.kind())),
        }
    }
}

fn conversation() -> Vec<u8> {
    [
        frame(true, BINARY, b"Hello, "),
        frame(true, BINARY, b""),
        frame(true, PING, b"?"),
        frame(true, 0x02, b"wor"),
        frame(true, PONG, b""),
        frame(true, 0x80, b"ld"),
        frame(true, BINARY, &noise(300)),
        close(true, 1000, "done"),
    ]
    .concat()
}

#[tokio::test(start_paused = true)]
async fn what_is_read_is_the_same_at_every_cut_and_by_any_buffer() {
    let bytes = conversation();
    let expected = [b"Hello, world".to_vec(), noise(300)].concat();
    for cut in 0..=bytes.len() {
        for (size, is_streaming) in [(1, false), (5, false), (5, true), (64, true), (1000, false)] {
            let (a, b) = bytes.split_at(cut);
            let parts = [a, b].map(|part| In::Data(part.to_vec()));
            let [a, b] = parts;
            // A read of nothing would be the end.
            let pieces = [a, In::Wait, b]
                .into_iter()
                .filter(|it| !matches!(it, In::Data(d) if d.is_empty()));
            let io = Script::play(pieces.chain([In::Wait, In::End]));
            let mut stream = server(&io, Config::default().streaming(is_streaming));
            let (all, failure) = read_all(&mut stream, size).await;
            assert_eq!(failure, None, "cut at {cut}");
            assert!(
                all == expected,
                "cut at {cut}, by {size}: {}",
                all.escape_ascii()
            );
            assert_eq!(
                done(stream.read(&mut [0])).await.unwrap(),
                0,
                "the end stays"
            );
            let frames = decode(&io.take_written());
            assert_eq!(
                frames,
                [(PONG, b"?".to_vec()), (CLOSE, b"\x03\xE8".to_vec())]
            );
            assert!(stream.get_ref().close_status().unwrap().clean);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_read_takes_all_that_is_there_and_no_byte_more() {
    let io = Script::play([In::Data(conversation()), In::End]);
    let mut stream = server(&io, Config::default());
    let mut buffer = [0; 64];
    assert_eq!(done(stream.read(&mut buffer)).await.unwrap(), 64);
    assert_eq!(buffer[..12], *b"Hello, world");
    assert_eq!(buffer[12..], noise(300)[..52]);
    assert_eq!(io.read_calls(), 1);
    assert_eq!(
        done(stream.read(&mut [])).await.unwrap(),
        0,
        "and nothing is lost"
    );

    // `fill_buf` lends one message, and what is not consumed stays.
    assert_eq!(done(stream.fill_buf()).await.unwrap(), &noise(300)[52..]);
    stream.consume(8);
    assert_eq!(done(stream.fill_buf()).await.unwrap(), &noise(300)[60..]);
    stream.consume(240);
    assert_eq!(done(stream.fill_buf()).await.unwrap(), b"");
}

#[tokio::test(start_paused = true)]
async fn text_is_refused_unless_it_is_accepted() {
    let bytes = [
        frame(true, BINARY, b"bytes"),
        frame(true, TEXT, b"text"),
        frame(true, BINARY, b"more"),
        close(true, 1000, ""),
    ]
    .concat();
    let io = Script::play([In::Data(bytes.clone()), In::End]);
    let mut stream = server(&io, Config::default());
    let (all, failure) = read_all(&mut stream, 100).await;
    assert_eq!(
        (&all[..], failure),
        (&b"bytes"[..], Some(ErrorKind::InvalidData))
    );
    for _ in 0..2 {
        let again = done(stream.fill_buf()).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::InvalidData);
        stream.consume(0);
    }
    assert_eq!(decode(&io.take_written()), [(CLOSE, b"\x03\xEB".to_vec())]);

    let io = Script::play([In::Data(bytes), In::End]);
    let mut stream = server(&io, Config::default()).accept_text(true);
    let all = read_all(&mut stream, 100).await;
    assert_eq!(all, (b"bytestextmore".to_vec(), None));
}

/// Only a clean end with 1000 or no code looks like the end of the bytes.
#[tokio::test(start_paused = true)]
async fn rfc6455_07_1_4_what_was_cut_off_never_looks_complete() {
    let data = frame(true, BINARY, b"some");
    for (then, failure) in [
        (close(true, 1000, ""), None),
        (frame(true, CLOSE, b""), None),
        (close(true, 1001, ""), Some(ErrorKind::ConnectionReset)),
        (close(true, 1011, "oh"), Some(ErrorKind::ConnectionReset)),
        (Vec::new(), Some(ErrorKind::UnexpectedEof)),
        (
            frame(true, 0x02, b"unfinished"),
            Some(ErrorKind::UnexpectedEof),
        ),
        (
            frame(false, BINARY, b"unmasked"),
            Some(ErrorKind::InvalidData),
        ),
    ] {
        let io = Script::play([In::Data([&data[..], &then].concat()), In::End]);
        let mut stream = server(&io, Config::default());
        let ended = read_all(&mut stream, 100).await;
        assert_eq!(ended, (b"some".to_vec(), failure), "{then:?}");
        let again = read_all(&mut stream, 100).await;
        assert_eq!(again, (Vec::new(), failure), "{then:?}");
    }
    let mut stream = server(
        &Script::play([In::Data(close(true, 4000, "why\x1B")), In::End]),
        Config::default(),
    );
    let error = done(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.to_string(), "closed with code 4000 \"why\\u{1b}\"");
}

#[tokio::test(start_paused = true)]
async fn what_the_transport_fails_with_and_a_deadline() {
    let io = Script::play([
        In::Data(frame(true, BINARY, b"some")),
        In::Fail(ErrorKind::ConnectionAborted),
    ]);
    let mut stream = server(&io, Config::default());
    let ended = read_all(&mut stream, 100).await;
    assert_eq!(
        ended,
        (b"some".to_vec(), Some(ErrorKind::ConnectionAborted))
    );
    let again = read_all(&mut stream, 100).await;
    assert_eq!(again, (Vec::new(), Some(ErrorKind::UnexpectedEof)));

    // Nothing comes, and the clock is made up.
    let io = Script::play([]);
    let config = Config::default().idle_timeout(Some(Duration::from_secs(30)));
    let mut stream = server(&io, config);
    let ended = read_all(&mut stream, 100).await;
    assert_eq!(ended, (Vec::new(), Some(ErrorKind::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn rfc6455_05_6_writes_are_binary_messages_of_at_most_so_many_bytes() {
    let io = Script::play([]);
    let mut stream = server(&io, Config::default()).message_size(4);
    done(stream.write_all(b"Hello, wor")).await.unwrap();
    assert_eq!(done(stream.write(b"")).await.unwrap(), 0, "no message");
    done(stream.flush()).await.unwrap();
    assert_eq!(io.take_written(), b"\x82\x04Hell\x82\x04o, w\x82\x02or");

    let mut stream = server(&io, Config::default());
    assert_eq!(done(stream.write(&noise(100_000))).await.unwrap(), 65_536);
    let frames = decode(&io.take_written());
    assert!(frames == [(BINARY, noise(65_536))]);
}

#[tokio::test(start_paused = true)]
async fn nothing_can_be_written_behind_a_close() {
    let io = Script::play([In::Data(close(true, 1000, "")), In::End]);
    let mut stream = server(&io, Config::default());
    assert_eq!(done(stream.read(&mut [0])).await.unwrap(), 0);
    let error = done(stream.write(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    let io = Script::play([In::Data(close(true, 1000, "")), In::End]);
    let mut stream = server(&io, Config::default());
    done(stream.shutdown()).await.unwrap();
    let error = done(stream.write(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    let io = Script::play([]);
    io.writes([Out::Fail(ErrorKind::ConnectionReset)]);
    let error = done(server(&io, Config::default()).write(b"x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// A writer waits at the high-water mark, and goes on as soon as there is room.
#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_the_transport() {
    let io = Script::play([]);
    io.writes([Out::Block]);
    let config = Config::default().high_water_mark(100);
    let mut stream = server(&io, config).message_size(60);
    for _ in 0..2 {
        assert_eq!(done(stream.write(&[0; 1000])).await.unwrap(), 60);
    }
    assert!(poll!(pin!(stream.write(&[0; 1000]))).is_pending());
    assert!(poll!(pin!(stream.flush())).is_pending());
    assert_eq!(stream.get_ref().buffered_amount(), 120);
    io.0.borrow_mut().writes.clear();
    assert_eq!(done(stream.write(&[0; 10])).await.unwrap(), 10);
    done(stream.flush()).await.unwrap();
    let lens: Vec<_> = decode(&io.take_written())
        .iter()
        .map(|it| it.1.len())
        .collect();
    assert_eq!(lens, [60, 60, 10]);
}

#[tokio::test(start_paused = true)]
async fn rfc6455_07_1_2_shutting_down_does_the_closing_handshake() {
    // Behind what was written; the peer's Close is waited for.
    let io = Script::play([]);
    let mut stream = server(&io, Config::default());
    done(stream.write_all(b"last")).await.unwrap();
    assert!(poll!(pin!(stream.shutdown())).is_pending());
    assert_eq!(io.take_written(), b"\x82\x04last\x88\x02\x03\xE8");
    io.push(In::Data(close(true, 1000, "")));
    io.push(In::End);
    done(stream.shutdown()).await.unwrap();
    assert_eq!(io.take_written(), b"", "one Close");
    assert!(stream.get_ref().close_status().unwrap().clean);
    assert_eq!(done(stream.read(&mut [0])).await.unwrap(), 0);

    // What still comes is for the reader, and does not hold the writer up.
    let rest = [
        frame(true, BINARY, b"late"),
        frame(true, BINARY, b"r"),
        close(true, 1000, ""),
    ];
    let io = Script::play([In::Data(rest.concat()), In::End]);
    let mut stream = server(&io, Config::default());
    done(stream.shutdown()).await.unwrap();
    done(stream.shutdown()).await.unwrap();
    assert_eq!(read_all(&mut stream, 3).await, (b"later".to_vec(), None));
    done(stream.shutdown()).await.unwrap();

    // A peer that never answers is not waited for longer than the deadline.
    let config = Config::default().close_timeout(Some(Duration::from_secs(5)));
    let mut stream = server(&Script::play([]), config);
    let error = done(stream.shutdown()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// Both ways at once through a tunnel of two connections, in pieces of all sizes.
#[tokio::test(start_paused = true)]
async fn a_tunnel_carries_both_ways() {
    let deflate = Some(DeflateParams::default());
    for (size, deflate) in [(50, None), (100_000, None), (4_000, deflate)] {
        let (near, far) = pair(size, Config::default().high_water_mark(5_000), deflate);
        let (mut near, mut far) = (near.message_size(1_000), far);
        let (user, mut entry) = duplex(700);
        let (mut exit, service) = duplex(300);
        let entering = tokio::spawn(async move { copy_bidirectional(&mut entry, &mut near).await });
        let leaving = tokio::spawn(async move { copy_bidirectional(&mut far, &mut exit).await });
        tokio::spawn(async move {
            let (mut read, mut write) = split(service);
            tokio::io::copy(&mut read, &mut write).await?;
            write.shutdown().await
        });
        let sent = noise(300_000);
        let (mut read, mut write) = split(user);
        let to_send = sent.clone();
        let writing = tokio::spawn(async move {
            let mut random = Random(1);
            let mut rest = &to_send[..];
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(rest.len().min(random.below(5_000) + 1));
                write.write_all(piece).await.unwrap();
                rest = left;
            }
            write
        });
        let mut received = vec![0; sent.len()];
        done(read.read_exact(&mut received)).await.unwrap();
        assert!(received == sent);
        let mut write = done(writing).await.unwrap();
        write.shutdown().await.unwrap();
        assert_eq!(done(entering).await.unwrap().unwrap(), (300_000, 300_000));
        assert_eq!(done(leaving).await.unwrap().unwrap(), (300_000, 300_000));
    }
}

/// One task reads lines, another writes them, at both ends.
#[tokio::test(start_paused = true)]
async fn lines_by_two_tasks() {
    let (client, server) = pair(64, Config::default().high_water_mark(100), None);
    let (read, mut write) = split(server);
    tokio::spawn(async move {
        let mut lines = BufReader::with_capacity(10, read).lines();
        while let Some(line) = lines.next_line().await? {
            write.write_all(line.to_uppercase().as_bytes()).await?;
            write.write_all(b"\n").await?;
        }
        write.shutdown().await
    });
    let (read, mut write) = split(client);
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            let line = format!("line {n} {}\n", "x".repeat(n));
            write.write_all(line.as_bytes()).await.unwrap();
        }
        write
    });
    let mut lines = BufReader::new(read).lines();
    for n in 0..200 {
        let line = done(lines.next_line()).await.unwrap().unwrap();
        assert_eq!(line, format!("LINE {n} {}", "X".repeat(n)));
    }
    let mut write = done(writing).await.unwrap();
    done(write.shutdown()).await.unwrap();
    assert_eq!(done(lines.next_line()).await.unwrap(), None);
}

/// A reader that waits is woken by what the task that shuts down has received.
#[tokio::test(start_paused = true)]
async fn a_reader_is_woken_while_another_task_shuts_down() {
    #[derive(Default)]
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let io = Script::play([]);
    let (mut read, mut write) = split(server(&io, Config::default()));
    let reader = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&reader));
    let mut reader_waits = || {
        let mut buffer = [0; 4];
        let mut cx = Context::from_waker(&waker);
        let polled = pin!(read.read(&mut buffer)).poll(&mut cx);
        polled.map(|n| n.map(|n| buffer[..n].to_vec()))
    };
    assert!(poll!(pin!(write.shutdown())).is_pending());
    assert!(reader_waits().is_pending());
    // This transport wakes nobody.
    io.push(In::Data(frame(true, BINARY, b"late")));
    assert!(!reader.0.load(Ordering::Relaxed));
    assert!(poll!(pin!(write.shutdown())).is_ready());
    assert!(reader.0.load(Ordering::Relaxed));
    assert!(matches!(reader_waits(), Poll::Ready(Ok(late)) if late == b"late"));
}

/// hostile 141: every future dropped at every poll leaves the same behind.
#[tokio::test(start_paused = true)]
async fn hostile_141_dropped_futures_lose_nothing() {
    /// Calls until ready; drops the future at the poll `at`, or at each that waits, and makes it
    /// anew.
    macro_rules! stubborn {
        ($polls:expr, $at:expr, $make:expr) => {
            'made: loop {
                let mut future = pin!($make);
                loop {
                    if let std::task::Poll::Ready(ready) = poll!(&mut future) {
                        break 'made ready;
                    }
                    $polls += 1;
                    if $at == Some($polls) || $at == Some(0) {
                        continue 'made;
                    }
                }
            }
        };
    }
    async fn run(at: Option<usize>) -> (usize, Vec<u8>, Vec<u8>) {
        let mut polls = 0;
        let mut random = Random(3);
        let io = Script::play([]);
        let bytes = conversation();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(random.below(rest.len().min(20)) + 1);
            io.push(In::Wait);
            io.push(In::Data(piece.to_vec()));
            rest = left;
        }
        io.push(In::End);
        for _ in 0..40 {
            io.writes([Out::Wait, Out::Take(random.below(40) + 1)]);
        }
        let mut stream = server(&io, Config::default().high_water_mark(50)).message_size(30);
        let (to_send, mut written, mut all) = (noise(200), 0, Vec::new());
        while written < 200 {
            written += stubborn!(polls, at, stream.write(&to_send[written..])).unwrap();
        }
        let mut buffer = [0; 7];
        for _ in 0..5 {
            let n = stubborn!(polls, at, stream.read(&mut buffer)).unwrap();
            all.extend_from_slice(&buffer[..n]);
        }
        stubborn!(polls, at, stream.flush()).unwrap();
        stubborn!(polls, at, stream.shutdown()).unwrap();
        loop {
            let n = stubborn!(polls, at, stream.read(&mut buffer)).unwrap();
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..n]);
        }
        let data = decode(&io.take_written());
        let data = data
            .into_iter()
            .filter(|it| it.0 == BINARY)
            .flat_map(|it| it.1);
        (polls, all, data.collect())
    }
    let (polls, all, sent) = run(None).await;
    assert!(polls > 20, "{polls} polls had to wait");
    assert!(all == [b"Hello, world".to_vec(), noise(300)].concat());
    assert!(sent == noise(200));
    for at in 0..=polls {
        let cut = run(Some(at)).await;
        assert!(cut.1 == all && cut.2 == sent, "cut at {at}");
    }
}

#[test]
fn the_same_over_futures_io() -> io::Result<()> {
    use futures_util::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::Cursor};

    smol::block_on(async {
        // What is written to a cursor goes behind what is read from it.
        let bytes = conversation();
        let len = bytes.len();
        let connection = Connection::server(&Arc::new(Config::default()));
        let socket = futures::Socket::from_parts(Cursor::new(bytes), connection, Vec::new());
        let mut stream = socket.into_byte_stream();
        let mut start = [0; 5];
        assert_eq!(stream.read(&mut []).await?, 0);
        stream.read_exact(&mut start).await?;
        assert_eq!(&start, b"Hello");
        assert_eq!(stream.fill_buf().await?, b", ");
        stream.consume_unpin(2);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        assert!(all == [b"world".to_vec(), noise(300)].concat());
        let error = stream.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        stream.close().await?;
        assert!(stream.get_ref().get_ref().get_ref().len() > len);
        let status = stream.get_ref().close_status().unwrap();
        assert_eq!((status.clean, status.code()), (true, CloseCode::NORMAL));

        let connection = Connection::server(&Arc::new(Config::default()));
        let socket = futures::Socket::from_parts(Cursor::new(Vec::new()), connection, Vec::new());
        let mut stream = socket.into_byte_stream().message_size(3);
        stream.write_all(b"Hello").await?;
        stream.flush().await?;
        assert_eq!(
            stream.get_ref().get_ref().get_ref(),
            b"\x82\x03Hel\x82\x02lo"
        );
        Ok(())
    })
}

/// A Close of the peer's that comes while we write is told by the next write.
#[tokio::test(start_paused = true)]
async fn rfc6455_05_5_1_a_close_while_writing() {
    let (client, server) = pair(64, Config::default().high_water_mark(10), None);
    let mut client = client;
    tokio::spawn(async move {
        let mut socket = server;
        let mut some = [0; 10];
        socket.read_exact(&mut some).await.unwrap();
        socket.shutdown().await
    });
    let error = loop {
        match done(client.write(&[1; 10])).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    let close = CloseFrame::new(CloseCode::NORMAL, "");
    assert_eq!(done(client.read(&mut [0])).await.unwrap(), 0);
    let status = client.get_ref().close_status().unwrap();
    assert_eq!(status.received, Some(close));
}

/// What was written is never taken for delivered: where the connection ends before, flushing and
/// shutting down fail.
#[tokio::test(start_paused = true)]
async fn what_was_not_written_is_not_flushed() {
    let closed = || In::Data(close(true, 1000, ""));
    for (end, kind) in [
        (vec![In::End], ErrorKind::UnexpectedEof),
        (vec![closed(), In::End], ErrorKind::BrokenPipe),
    ] {
        let io = Script::play(end);
        io.writes([Out::Block]);
        let mut stream = server(&io, Config::default());
        assert_eq!(done(stream.write(b"kept")).await.unwrap(), 4);
        let flushed = done(stream.flush()).await.map_err(|error| error.kind());
        assert_eq!(flushed, Err(kind));
        let closed = done(stream.shutdown()).await.map_err(|error| error.kind());
        assert_eq!((closed, io.take_written()), (Err(kind), Vec::new()));
    }
    // A transport that is slow, and not stuck, still takes what stands before our Close.
    let io = Script::play([closed(), In::End]);
    io.writes([Out::Wait, Out::Take(1), Out::Wait]);
    let mut stream = server(&io, Config::default());
    assert_eq!(done(stream.write(b"kept")).await.unwrap(), 4);
    done(stream.shutdown()).await.unwrap();
    let written = decode(&io.take_written());
    assert_eq!(written[0].1, b"kept");
    assert_eq!(written[1].0, CLOSE);
}
