//! What opens a connection, and what does not (requirements 12–14, 30, 36).

use std::io::Write;

use sansock::{
    adapter::{Error, web::WebSocket},
    proto::{self, HandshakeError},
    web::Failure,
};

use crate::{
    adapter::{Adapter, Log, write_down},
    everywhere,
    server::{Peer, Server},
};

const FAILED: [&str; 2] = ["error 3", "close unclean 1006 \"\" 3"];

/// Asks for `chat` and `superchat`; `answer` answers. What was logged, and why it failed.
fn asking<A: Adapter>(
    protocols: &[&str],
    answer: impl FnOnce(Peer),
) -> (Vec<String>, std::sync::Arc<Error>) {
    let server = Server::new();
    let (log, say) = Log::new();
    let builder = WebSocket::<A>::builder(&server.url).protocols(protocols);
    let socket = A::make(builder, true, |socket| write_down(socket, &say)).unwrap();
    drop(say);
    answer(server.receive());
    (log.to_close(), socket.error().unwrap())
}

fn accept(headers: &'static str) -> impl FnOnce(Peer) {
    move |mut peer| {
        let answer = peer.answer(headers);
        peer.write(&answer);
    }
}

everywhere! {
    fn d30_open_comes_with_protocol_and_extensions<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let builder = WebSocket::<A>::builder(&server.url).protocols(["chat", "superchat"]);
        let opened = say.clone();
        let socket = A::make(builder, true, |socket| {
            socket.set_onopen(move |socket, _| {
                opened.say(format!("{} {:?}", socket.protocol(), socket.extensions()));
            });
        });
        let socket = socket.unwrap();
        let _peer = server.accept_with("Sec-WebSocket-Protocol: superchat\r\n");
        assert_eq!(log.next(), "superchat \"\"");
        assert!(socket.error().is_none());
    }

    fn d13_no_protocol_though_asked_for<A>() {
        let (log, error) = asking::<A>(&["chat"], accept(""));
        assert_eq!(log, FAILED);
        assert!(matches!(&*error, Error::WebSocket(Failure::NoSubprotocol)), "{error:?}");
    }

    fn d13_a_message_behind_no_protocol_is_not_delivered<A>() {
        let (log, _) = asking::<A>(&["chat"], |mut peer| {
            let mut answer = peer.answer("");
            answer.extend_from_slice(b"\x81\x02hi");
            peer.write(&answer);
        });
        assert_eq!(log, FAILED);
    }

    fn d14_a_protocol_not_asked_for<A>() {
        for protocols in [&["chat"][..], &[]] {
            let (log, error) = asking::<A>(protocols, accept("Sec-WebSocket-Protocol: other\r\n"));
            assert_eq!(log, FAILED);
            let expected = proto::Error::Handshake(HandshakeError::ResponseSubprotocol);
            assert!(matches!(&*error, Error::Connection(error) if *error == expected), "{error:?}");
        }
    }

    fn d14_case_counts<A>() {
        let (log, _) = asking::<A>(&["chat"], accept("Sec-WebSocket-Protocol: Chat\r\n"));
        assert_eq!(log, FAILED);
    }

    fn d14_an_extension_not_offered<A>() {
        let (log, _) = asking::<A>(&[], accept("Sec-WebSocket-Extensions: x-made-up\r\n"));
        assert_eq!(log, FAILED);
    }

    fn d12_redirects_are_not_followed<A>() {
        let (log, error) = asking::<A>(&[], |mut peer| {
            let elsewhere = Server::new();
            let head = format!(
                "HTTP/1.1 301 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                elsewhere.url.replace("ws:", "http:")
            );
            peer.write(head.as_bytes());
            peer.end();
            assert!(!elsewhere.is_asked());
        });
        assert_eq!(log, FAILED);
        assert!(matches!(&*error, Error::Refused(refusal) if refusal.status() == 301), "{error:?}");
    }

    fn b_junk_instead_of_an_answer<A>() {
        let (log, _) = asking::<A>(&[], |mut peer| peer.write(b"\x00\xFFjunk\r\n\r\n"));
        assert_eq!(log, FAILED);
    }

    fn b_wrong_accept_key<A>() {
        let (log, error) = asking::<A>(&[], |mut peer| {
            peer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
        });
        assert_eq!(log, FAILED);
        let expected = proto::Error::Handshake(HandshakeError::ResponseAccept);
        assert!(matches!(&*error, Error::Connection(error) if *error == expected), "{error:?}");
    }

    fn d36_an_end_instead_of_an_answer<A>() {
        let (log, _) = asking::<A>(&[], drop);
        assert_eq!(log, FAILED);
    }

    fn b_open_and_close_in_one_segment<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            let opened = say.clone();
            socket.set_onopen(move |socket, _| {
                opened.say("open");
                socket.close(None, "").unwrap();
            });
        });
        drop(say);
        let mut peer = server.receive();
        let mut answer = peer.answer("");
        answer.extend_from_slice(b"\x88\x06\x03\xE9PASS");
        peer.stream.write_all(&answer).unwrap();
        let _ = peer.close_frame();
        peer.end();
        assert_eq!(log.to_close(), ["open", "close clean 1001 \"PASS\" 3"]);
    }

    fn d15_d36_a_wss_url_needs_tls_or_fails_later<A>() {
        // Nobody speaks TLS there, with or without a feature for it.
        let url = Server::new().refuse().replace("ws:", "wss:");
        let (log, say) = Log::new();
        let _socket = A::connect(&url, |socket| write_down(socket, &say));
        drop(say);
        assert_eq!(log.to_close(), FAILED);
    }
}
