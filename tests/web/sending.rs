//! `send` and `bufferedAmount` (requirements 23–29).

use std::{sync::mpsc, thread};

use sansock::{
    adapter::{Error, web::WebSocket},
    web::{Blob, DomError, Failure, MessageData},
};

use crate::{
    adapter::{Log, PATIENCE, state, wait_until, write_down},
    everywhere,
    server::Server,
};

everywhere! {
    fn d23_send_before_open<A>() {
        let server = Server::new();
        let socket = A::connect(&server.url, |_| {});
        assert_eq!(socket.send("early"), Err(DomError::InvalidStateError));
        assert_eq!(socket.buffered_amount(), 0);
    }

    fn d24_d28_d29_kinds_of_messages<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let mut peer = server.accept();
        assert_eq!(log.next(), "open 1");
        socket.send("text").unwrap();
        socket.send(String::new()).unwrap();
        socket.send(&[1u8, 2, 3, 4][1..3]).unwrap();
        socket.send(Blob::from(vec![5, 6]).slice(1..)).unwrap();
        assert_eq!(peer.message(0x81), b"text");
        assert_eq!(peer.message(0x81), b"");
        assert_eq!(peer.message(0x82), [2, 3]);
        assert_eq!(peer.message(0x82), [6]);
    }

    fn d26_buffered_amount_does_not_fall_in_a_handler<A>() {
        let server = Server::new();
        let (done, amounts) = mpsc::channel();
        let _socket = A::connect(&server.url, |socket| {
            socket.set_onopen(move |socket, _| {
                socket.send("\u{e9}\u{20ac}").unwrap();
                socket.send("").unwrap();
                let mut seen = vec![socket.buffered_amount()];
                socket.send(vec![0; 1000]).unwrap();
                // Long enough for any other thread to write it, if one were to.
                thread::sleep(std::time::Duration::from_millis(50));
                seen.push(socket.buffered_amount());
                done.send((socket.clone(), seen)).unwrap();
            });
        });
        let mut peer = server.accept();
        let (socket, seen) = amounts.recv_timeout(PATIENCE).unwrap();
        assert_eq!(seen, [5, 1005]);
        assert_eq!(peer.message(0x81).len(), 5);
        assert_eq!(peer.message(0x81).len(), 0);
        assert_eq!(peer.message(0x82).len(), 1000);
        wait_until(|| socket.buffered_amount() == 0);
    }

    fn d26_what_the_peer_does_not_take_is_buffered<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let mut peer = server.accept();
        assert_eq!(log.next(), "open 1");
        for _ in 0..4 {
            socket.send(vec![7; 8 << 20]).unwrap();
        }
        assert_eq!(state(&socket), 1);
        assert!(socket.buffered_amount() > 8 << 20, "the system took nearly all");
        let mut received = 0;
        while received < 32 << 20 {
            received += peer.frame().unwrap().payload.len();
        }
        wait_until(|| socket.buffered_amount() == 0);
    }

    fn d25_what_is_sent_too_late_counts_for_ever<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        drop(say);
        let peer = server.accept();
        assert_eq!(log.next(), "open 1");
        socket.close(None, "").unwrap();
        socket.send("late").unwrap();
        assert_eq!(socket.buffered_amount(), 4);
        assert_eq!(peer.answer_close(), b"");
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
        socket.send(vec![0; 3]).unwrap();
        assert_eq!(socket.buffered_amount(), 7);
    }

    fn d27_more_than_may_wait_closes_with_an_error<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let builder = WebSocket::<A>::builder(&server.url).max_buffered_amount(10);
        let socket = A::make(builder, true, |socket| write_down(socket, &say)).unwrap();
        drop(say);
        let mut peer = server.accept();
        assert_eq!(log.next(), "open 1");
        socket.send("0123456789").unwrap();
        assert_eq!(peer.message(0x81), b"0123456789");
        wait_until(|| socket.buffered_amount() == 0);
        socket.send("0123456789a").unwrap();
        assert_eq!((state(&socket), socket.buffered_amount()), (2, 11));
        assert_eq!(peer.answer_close(), b"");
        assert_eq!(log.to_close(), ["error 3", "close clean 1005 \"\" 3"]);
        let error = socket.error().unwrap();
        assert!(matches!(&*error, Error::WebSocket(Failure::Full)), "{error:?}");
    }

    fn d24_hostile_144_any_thread_may_send<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let mut peer = server.accept();
        assert_eq!(log.next(), "open 1");
        let threads: Vec<_> = (0..4u8)
            .map(|number| {
                let socket = socket.clone();
                thread::spawn(move || {
                    for i in 0..100 {
                        // Some are so long that they go by themselves.
                        let len = if i % 25 == 24 { 100_000 } else { 2 };
                        let mut message = vec![number; len];
                        message[1] = i;
                        socket.send(message).unwrap();
                    }
                })
            })
            .collect();
        let mut counts = [0; 4];
        for _ in 0..400 {
            let message = peer.message(0x82);
            let count = &mut counts[usize::from(message[0])];
            assert_eq!(message[1], *count, "out of order");
            assert!(message[2..].iter().all(|byte| *byte == message[0]));
            *count += 1;
        }
        assert_eq!(counts, [100; 4]);
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn d37_order_is_kept_and_an_echo_is_easy<A>() {
        let server = Server::new();
        let socket = A::connect(&server.url, |socket| {
            socket.set_onmessage(|socket, event| {
                assert_eq!(event.origin.as_bytes(), socket.url().trim_end_matches('/').as_bytes());
                socket.send(&event.data).unwrap();
            });
        });
        let mut peer = server.accept();
        peer.write(b"\x81\x01a\x82\x01b\x01\x01c\x80\x01d");
        assert_eq!(peer.message(0x81), b"a");
        assert_eq!(peer.message(0x82), b"b");
        assert_eq!(peer.message(0x81), b"cd");
        let _ = socket;
        assert_eq!(MessageData::Text("x".into()).as_text(), Some("x"));
    }
}
