//! Events asked for one by one.

use std::{
    io::{ErrorKind, Write},
    thread,
    time::Duration,
};

use sansock::web::Event;

use crate::{
    adapter::{Log, write_down},
    everywhere,
    server::Server,
};

everywhere! {
    fn a_receiver_gets_all_to_the_end<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        let mut events = socket.events();
        let mut peer = server.accept();
        assert!(matches!(A::next(&mut events), Some(Event::Open(_))));
        peer.write(b"\x81\x01a\x81\x01b");
        for text in ["a", "b"] {
            let Some(Event::Message(message)) = A::next(&mut events) else {
                panic!("no message");
            };
            assert_eq!(message.data.as_text(), Some(text));
        }
        peer.end();
        assert!(matches!(A::next(&mut events), Some(Event::Error(_))));
        let Some(Event::Close(close)) = A::next(&mut events) else {
            panic!("no close");
        };
        assert_eq!((close.was_clean, close.code), (false, 1006));
        assert!(A::next(&mut events).is_none());
        assert!(A::next(&mut events).is_none());
    }

    fn d31_after_close_a_receiver_gets_no_message<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let mut events = socket.events();
        let mut peer = server.accept();
        peer.write(b"\x81\x01a\x81\x01b");
        assert_eq!([log.next(), log.next(), log.next()], ["open 1", "text \"a\"", "text \"b\""]);
        socket.close(None, "").unwrap();
        peer.answer_close();
        assert!(matches!(A::next(&mut events), Some(Event::Open(_))));
        assert!(matches!(A::next(&mut events), Some(Event::Close(_))));
        assert!(A::next(&mut events).is_none());
    }

    fn another_receiver_ends_the_first<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        let mut first = socket.events();
        let mut second = socket.events();
        assert!(A::next(&mut first).is_none());
        drop(first);
        let _peer = server.accept();
        assert!(matches!(A::next(&mut second), Some(Event::Open(_))));
    }

    fn a_receiver_that_does_not_ask_slows_the_peer_down<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        let mut events = socket.events();
        let mut peer = server.accept();
        peer.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let written = write_until_full(&mut peer.stream);
        let mut stream = peer.stream.try_clone().unwrap();
        stream.set_write_timeout(None).unwrap();
        let rest = written % MESSAGE.len();
        let writing = thread::spawn(move || {
            stream.write_all(&MESSAGE[rest..]).unwrap();
            stream.write_all(b"\x81\x03end").unwrap();
        });
        assert!(matches!(A::next(&mut events), Some(Event::Open(_))));
        for _ in 0..=written / MESSAGE.len() {
            let Some(Event::Message(message)) = A::next(&mut events) else {
                panic!("a message is lost");
            };
            assert_eq!(message.data.as_bytes().len(), MESSAGE.len() - 4);
        }
        let Some(Event::Message(message)) = A::next(&mut events) else {
            panic!("the last message is lost");
        };
        assert_eq!(message.data.as_text(), Some("end"));
        writing.join().unwrap();
    }
}

/// A message of 32,768 bytes.
static MESSAGE: [u8; 32_772] = {
    let mut frame = [0; 32_772];
    frame[0] = 0x82;
    frame[1] = 126;
    frame[2] = 0x80;
    frame
};

/// Writes such messages until nobody takes any more, and returns how many bytes that were.
pub(crate) fn write_until_full(stream: &mut std::net::TcpStream) -> usize {
    let mut written = 0;
    loop {
        match stream.write(&MESSAGE[written % MESSAGE.len()..]) {
            Ok(n) => written += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return written;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(written < 64 << 20, "somebody takes all of it");
    }
}
