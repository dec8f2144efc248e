//! `WebSocketStream` (requirements 42–51) over each adapter that has it.

use std::{
    io::ErrorKind,
    net::Shutdown,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use sansock::{
    Message, State,
    adapter::{
        Error,
        blocking::{self, Blocking},
        futures::{self, Futures},
        tokio::{self as tokio_adapter, Tokio},
        web::{AbortController, Opened, Readable, StreamOptions, WebSocketStream, Writable},
    },
    web::{CloseInfo, DomError, Failure, MessageData, StreamError, SyntaxError, WebSocketError},
};

use crate::{
    adapter::{PATIENCE, RUNTIME, wait_until},
    events::write_until_full,
    peers::servers,
    server::Server,
};

/// An adapter that has streams; all it does blocks.
pub(crate) trait Streams: Sized + Send + 'static {
    fn stream(url: &str, options: &StreamOptions) -> Result<WebSocketStream<Self>, DomError>;
    fn opened(stream: &WebSocketStream<Self>) -> Result<Opened<Self>, StreamError>;
    fn closed(stream: &WebSocketStream<Self>) -> Result<CloseInfo, StreamError>;
    fn read(readable: &mut Readable<Self>) -> Option<Result<MessageData, StreamError>>;
    fn write(writable: &mut Writable<Self>, chunk: &[u8]) -> Result<(), StreamError>;
    fn close(writable: Writable<Self>) -> Result<(), StreamError>;

    fn open(url: &str) -> (WebSocketStream<Self>, Opened<Self>, crate::server::Peer)
    where
        Self: Streams,
    {
        let server = Server::new();
        let url = if url.is_empty() { &server.url } else { url };
        let stream = Self::stream(url, &StreamOptions::default()).unwrap();
        let peer = server.accept();
        let opened = Self::opened(&stream).unwrap();
        (stream, opened, peer)
    }
}

impl Streams for Blocking {
    fn stream(url: &str, options: &StreamOptions) -> Result<WebSocketStream<Self>, DomError> {
        blocking::WebSocketStream::new(url, options)
    }

    fn opened(stream: &WebSocketStream<Self>) -> Result<Opened<Self>, StreamError> {
        stream.opened()
    }

    fn closed(stream: &WebSocketStream<Self>) -> Result<CloseInfo, StreamError> {
        stream.closed()
    }

    fn read(readable: &mut Readable<Self>) -> Option<Result<MessageData, StreamError>> {
        readable.next()
    }

    fn write(writable: &mut Writable<Self>, chunk: &[u8]) -> Result<(), StreamError> {
        writable.write(chunk)
    }

    fn close(writable: Writable<Self>) -> Result<(), StreamError> {
        writable.close()
    }
}

/// The same for those whose methods are futures.
macro_rules! by_futures {
    ($adapter:ty, $block_on:expr, $new:expr) => {
        impl Streams for $adapter {
            fn stream(
                url: &str,
                options: &StreamOptions,
            ) -> Result<WebSocketStream<Self>, DomError> {
                $new(url, options)
            }

            fn opened(stream: &WebSocketStream<Self>) -> Result<Opened<Self>, StreamError> {
                $block_on(stream.opened())
            }

            fn closed(stream: &WebSocketStream<Self>) -> Result<CloseInfo, StreamError> {
                $block_on(stream.closed())
            }

            fn read(readable: &mut Readable<Self>) -> Option<Result<MessageData, StreamError>> {
                $block_on(readable.read())
            }

            fn write(writable: &mut Writable<Self>, chunk: &[u8]) -> Result<(), StreamError> {
                $block_on(writable.write(chunk))
            }

            fn close(writable: Writable<Self>) -> Result<(), StreamError> {
                $block_on(writable.close())
            }
        }
    };
}

by_futures!(Tokio, |future| RUNTIME.block_on(future), |url, options| {
    let _entered = RUNTIME.enter();
    tokio_adapter::WebSocketStream::new(url, options)
});

by_futures!(Futures, smol::block_on, |url, options| {
    let (stream, driver) = futures::WebSocketStream::new(
        url,
        options,
        |location: sansock::web::Location| async move {
            smol::net::TcpStream::connect((location.host(), location.port())).await
        },
    )?;
    thread::spawn(|| smol::block_on(driver));
    Ok(stream)
});

/// Makes a test for each of them.
macro_rules! over_each {
    ($(fn $name:ident<$adapter:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;

            fn run<$adapter: Streams>() $body

            #[test]
            fn tokio() {
                run::<Tokio>();
            }

            #[test]
            fn blocking() {
                run::<Blocking>();
            }

            #[test]
            fn futures() {
                run::<Futures>();
            }
        }
    )*};
}

pub(crate) fn web_socket_error(error: StreamError) -> Arc<WebSocketError> {
    match error {
        StreamError::WebSocket(error) => error,
        other => panic!("{other:?}"),
    }
}

over_each! {
    fn d42_the_constructor_checks<A>() {
        let options = StreamOptions::default();
        let error = A::stream("ws://h/#", &options).unwrap_err();
        assert_eq!(error, DomError::SyntaxError(SyntaxError::Fragment));
        let options = StreamOptions {
            protocols: ["a", "A"].into(),
            signal: None,
        };
        let error = A::stream("ws://h/", &options).unwrap_err();
        assert_eq!(error, DomError::SyntaxError(SyntaxError::RepeatedProtocol));
    }

    fn d44_opened<A>() {
        let server = Server::new();
        let options = StreamOptions {
            protocols: ["chat", "superchat"].into(),
            signal: None,
        };
        let stream = A::stream(&server.url, &options).unwrap();
        assert_eq!(stream.url(), server.url);
        let mut peer = server.accept_with("Sec-WebSocket-Protocol: superchat\r\n");
        let mut opened = A::opened(&stream).unwrap();
        assert_eq!((&*opened.protocol, &*opened.extensions), ("superchat", ""));
        A::write(&mut opened.writable, b"hello").unwrap();
        assert_eq!(peer.message(0x82), b"hello");
        peer.write(b"\x81\x02hi\x82\x01\x07");
        let text = A::read(&mut opened.readable).unwrap().unwrap();
        assert_eq!(text, MessageData::Text("hi".into()));
        let bytes = A::read(&mut opened.readable).unwrap().unwrap();
        assert_eq!(bytes, MessageData::ArrayBuffer(vec![7]));
    }

    fn d44_never_opened<A>() {
        let stream = A::stream(&Server::new().refuse(), &StreamOptions::default()).unwrap();
        let opened = web_socket_error(A::opened(&stream).unwrap_err());
        assert_eq!((opened.close_code(), opened.reason()), (Some(1006), ""));
        let closed = web_socket_error(A::closed(&stream).unwrap_err());
        assert!(Arc::ptr_eq(&opened, &closed));
    }

    fn d42_a_signal_aborted_before<A>() {
        let server = Server::new();
        let controller = AbortController::new();
        controller.abort();
        let options = StreamOptions {
            signal: Some(controller.signal()),
            ..StreamOptions::default()
        };
        let stream = A::stream(&server.url, &options).unwrap();
        assert_eq!(A::opened(&stream).unwrap_err(), aborted());
        assert_eq!(A::closed(&stream).unwrap_err(), aborted());
        thread::sleep(Duration::from_millis(50));
        assert!(!server.is_asked());
    }

    fn d42_a_signal_aborted_before_resolves_no_host<A>() {
        let controller = AbortController::new();
        controller.abort();
        let options = StreamOptions {
            signal: Some(controller.signal()),
            ..StreamOptions::default()
        };
        let stream = A::stream("ws://nobody.invalid/", &options).unwrap();
        wait_until(|| stream.socket().ready_state() == State::Closed);
        let error = stream.socket().error().unwrap();
        let given_up = Failure::ClosedWhileConnecting;
        assert!(matches!(*error, Error::WebSocket(it) if it == given_up), "{error:?}");
    }

    fn d43_a_signal_aborted_during_and_after<A>() {
        let server = Server::new();
        let controller = AbortController::new();
        let options = StreamOptions {
            signal: Some(controller.signal()),
            ..StreamOptions::default()
        };
        let stream = A::stream(&server.url, &options).unwrap();
        let other = A::stream(&server.url, &StreamOptions::default()).unwrap();
        let (first, second) = (server.receive(), server.receive());
        controller.abort_with("bored");
        controller.abort_with("again");
        let bored = StreamError::AbortError("bored".into());
        assert_eq!(A::opened(&stream).unwrap_err(), bored);
        stream.close(&CloseInfo::new(Some(3000), "x")).unwrap();
        assert_eq!(A::closed(&stream).unwrap_err(), bored);
        drop((first, second, other));
        let controller = AbortController::new();
        let options = StreamOptions {
            signal: Some(controller.signal()),
            ..StreamOptions::default()
        };
        let stream = A::stream(&server.url, &options).unwrap();
        let mut peer = server.accept();
        let mut opened = A::opened(&stream).unwrap();
        controller.abort();
        assert!(controller.signal().aborted());
        A::write(&mut opened.writable, b"on").unwrap();
        assert_eq!(peer.message(0x82), b"on");
    }

    fn d45_d50_a_clean_end<A>() {
        let (stream, mut opened, peer) = A::open("");
        let closing = thread::spawn(move || peer.answer_close());
        stream.close(&CloseInfo::new(Some(4000), "bye")).unwrap();
        assert_eq!(A::closed(&stream), Ok(CloseInfo::new(Some(4000), "bye")));
        assert_eq!(closing.join().unwrap(), b"\x0F\xA0bye");
        assert_eq!(A::read(&mut opened.readable), None);
        let error = A::write(&mut opened.writable, b"late").unwrap_err();
        assert_eq!(error, StreamError::InvalidStateError);
    }

    fn d45_d50_an_unclean_end_is_one_error<A>() {
        let (stream, mut opened, mut peer) = A::open("");
        peer.write(b"\x82\x01x");
        // It does not know yet that all is over: a message waits to be read.
        peer.stream.shutdown(Shutdown::Write).unwrap();
        let chunk = A::read(&mut opened.readable).unwrap().unwrap();
        assert_eq!(chunk.as_bytes(), b"x");
        let read = web_socket_error(A::read(&mut opened.readable).unwrap().unwrap_err());
        assert_eq!(A::read(&mut opened.readable), None);
        let written = web_socket_error(A::write(&mut opened.writable, b"late").unwrap_err());
        let closed = web_socket_error(A::closed(&stream).unwrap_err());
        assert_eq!(closed.close_code(), Some(1006));
        assert!(Arc::ptr_eq(&read, &closed) && Arc::ptr_eq(&written, &closed));
    }

    fn d45_closed_by_the_peer_with_writes_unfinished<A>() {
        let (stream, opened, mut peer) = A::open("");
        let Opened { mut writable, .. } = opened;
        let writing = thread::spawn(move || A::write(&mut writable, &vec![0; 32 << 20]));
        wait_until(|| stream.socket().buffered_amount() > 8 << 20);
        peer.write(b"\x88\x05\x0F\xA1out");
        peer.end();
        let closed = web_socket_error(A::closed(&stream).unwrap_err());
        assert_eq!((closed.close_code(), closed.reason()), (Some(4001), "out"));
        let written = web_socket_error(writing.join().unwrap().unwrap_err());
        assert!(Arc::ptr_eq(&written, &closed));
    }

    fn d46_nothing_is_read_that_nobody_asked_for<A>() {
        let (_stream, mut opened, mut peer) = A::open("");
        peer.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        write_until_full(&mut peer.stream);
        for _ in 0..3 {
            let chunk = A::read(&mut opened.readable).unwrap().unwrap();
            assert_eq!(chunk.as_bytes().len(), 32_768);
        }
    }

    fn d47_a_write_waits_for_the_peer<A>() {
        let (_stream, opened, mut peer) = A::open("");
        let Opened { mut writable, .. } = opened;
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let written = A::write(&mut writable, &vec![0; 32 << 20]);
            done.send(written).unwrap();
            // It is not to be closed by being dropped.
            drop(is_kept(writable));
        });
        let early = is_done.recv_timeout(Duration::from_millis(300));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
        let mut received = 0;
        while received < 32 << 20 {
            received += peer.frame().unwrap().payload.len();
        }
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(Ok(())));
    }

    fn d48_closing_the_writer_waits_for_the_handshake<A>() {
        let (stream, opened, mut peer) = A::open("");
        let Opened { mut writable, .. } = opened;
        A::write(&mut writable, b"last").unwrap();
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || done.send(A::close(writable)).unwrap());
        assert_eq!(peer.message(0x82), b"last");
        assert_eq!(peer.close_frame(), b"");
        let early = is_done.recv_timeout(Duration::from_millis(100));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
        peer.write(b"\x88\x00");
        peer.end();
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(Ok(())));
        assert_eq!(A::closed(&stream), Ok(CloseInfo::new(Some(1005), "")));
    }

    fn d49_a_reason_alone_is_1000<A>() {
        let (stream, _opened, peer) = A::open("");
        let closing = thread::spawn(move || peer.answer_close());
        let bad = CloseInfo::new(Some(1001), "");
        assert!(matches!(stream.close(&bad), Err(DomError::InvalidAccessError(_))));
        let long = CloseInfo::new(None, "x".repeat(124));
        assert!(matches!(stream.close(&long), Err(DomError::SyntaxError(_))));
        stream.close(&CloseInfo::new(None, "why")).unwrap();
        assert_eq!(closing.join().unwrap(), b"\x03\xE8why");
    }

    fn d49_cancel_and_abort<A>() {
        let with = |code, reason| {
            let info = CloseInfo::new(code, reason);
            Some(WebSocketError::new("", info).unwrap())
        };
        for (error, sent, code, reason) in [
            (with(Some(3456), "enough"), &b"\x0D\x80enough"[..], 3456, "enough"),
            (with(None, "why"), b"\x03\xE8why", 1000, "why"),
            (with(None, ""), b"", 1005, ""),
            (None, b"", 1005, ""),
        ] {
            for cancels in [true, false] {
                let (stream, opened, peer) = A::open("");
                if cancels {
                    opened.readable.cancel(error.as_ref());
                } else {
                    opened.writable.abort(error.as_ref());
                }
                assert_eq!(peer.answer_close(), sent);
                assert_eq!(A::closed(&stream), Ok(CloseInfo::new(Some(code), reason)));
            }
        }
    }

    fn d50_hostile_169_text_that_is_none_fails_all<A>() {
        let (stream, mut opened, mut peer) = A::open("");
        peer.write(b"\x81\x02ok\x81\x02\xC3\x28");
        let chunk = A::read(&mut opened.readable).unwrap().unwrap();
        assert_eq!(chunk.as_text(), Some("ok"));
        let read = web_socket_error(A::read(&mut opened.readable).unwrap().unwrap_err());
        assert_eq!(A::read(&mut opened.readable), None);
        assert_eq!(peer.close_frame()[..2], *b"\x03\xEF");
        peer.end();
        let written = web_socket_error(A::write(&mut opened.writable, b"late").unwrap_err());
        let closed = web_socket_error(A::closed(&stream).unwrap_err());
        // The code is the received one, and there was none.
        assert_eq!((closed.close_code(), closed.reason()), (Some(1006), ""));
        assert!(Arc::ptr_eq(&read, &closed) && Arc::ptr_eq(&written, &closed));
    }

    fn d49_close_during_the_handshake<A>() {
        let server = Server::new();
        let stream = A::stream(&server.url, &StreamOptions::default()).unwrap();
        let _peer = server.receive();
        stream.close(&CloseInfo::default()).unwrap();
        let opened = web_socket_error(A::opened(&stream).unwrap_err());
        let closed = web_socket_error(A::closed(&stream).unwrap_err());
        assert!(Arc::ptr_eq(&opened, &closed));
    }

    fn d44_to_d48_against_the_servers_of_others<A>() {
        for (script, server) in servers() {
            let options = StreamOptions {
                protocols: ["other", "chat"].into(),
                signal: None,
            };
            let stream = A::stream(&server.url("/"), &options).unwrap();
            let Opened { mut readable, mut writable, protocol, .. } = A::opened(&stream).unwrap();
            assert_eq!(protocol, "chat", "{script}");
            for len in [0, 5, 126, 1 << 16, 1 << 20] {
                let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
                A::write(&mut writable, &bytes).unwrap();
                let chunk = A::read(&mut readable).unwrap().unwrap();
                assert!(chunk == MessageData::ArrayBuffer(bytes), "{script}: {len}");
            }
            assert_eq!(A::close(writable), Ok(()), "{script}");
            assert_eq!(A::read(&mut readable), None, "{script}");
            assert_eq!(A::closed(&stream), Ok(CloseInfo::new(Some(1005), "")), "{script}");

            let url = server.url("/close?code=4000&reason=why");
            let stream = A::stream(&url, &StreamOptions::default()).unwrap();
            let mut opened = A::opened(&stream).unwrap();
            assert_eq!(A::read(&mut opened.readable), None, "{script}");
            assert_eq!(A::closed(&stream), Ok(CloseInfo::new(Some(4000), "why")), "{script}");
        }
    }

    fn dropping_all_closes<A>() {
        let (stream, opened, peer) = A::open("");
        peer.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        drop(stream);
        let early = std::io::Read::read(&mut &peer.stream, &mut [0]).unwrap_err();
        assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        drop(opened);
        assert_eq!(peer.answer_close(), b"");
    }
}

#[test]
fn a_stream_and_a_sink() {
    let server = Server::new();
    let stream = <Tokio as Streams>::stream(&server.url, &StreamOptions::default()).unwrap();
    let mut peer = server.accept();
    RUNTIME.block_on(async {
        let mut opened = stream.opened().await.unwrap();
        opened.writable.send(Message::from("one")).await.unwrap();
        assert_eq!(peer.message(0x81), b"one");
        peer.write(b"\x81\x03two");
        let chunk = opened.readable.next().await.unwrap().unwrap();
        assert_eq!(chunk.as_text(), Some("two"));
        let closing = thread::spawn(move || peer.answer_close());
        SinkExt::close(&mut opened.writable).await.unwrap();
        assert_eq!(closing.join().unwrap(), b"");
        assert!(opened.readable.next().await.is_none());
    });
}

/// Waits a little, so that what is kept is kept.
fn is_kept<T>(kept: T) -> T {
    thread::sleep(Duration::from_millis(100));
    kept
}

/// What an abort without a reason fails with.
fn aborted() -> StreamError {
    StreamError::AbortError("the signal was aborted".into())
}
