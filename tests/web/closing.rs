//! `close` and the `close` event (requirements 17–22, 31–36).

use std::{thread, time::Duration};

use sansock::{
    CloseCode,
    adapter::Error,
    proto::{self, ProtocolError},
    web::{DomError, SyntaxError},
};

use crate::{
    adapter::{Log, state, write_down},
    everywhere,
    server::Server,
};

everywhere! {
    fn d17_close_code_is_checked_first<A>() {
        let server = Server::new();
        let socket = A::connect(&server.url, |_| {});
        let long = "x".repeat(124);
        for code in [0, 500, 999, 1001, 1005, 1006, 2999, 5000, u16::MAX] {
            let error = DomError::InvalidAccessError(CloseCode::new(code));
            assert_eq!(socket.close(Some(code), &long), Err(error));
        }
        assert_eq!(state(&socket), 0);
    }

    fn d18_a_reason_is_123_bytes<A>() {
        let server = Server::new();
        let socket = A::connect(&server.url, |_| {});
        let error = DomError::SyntaxError(SyntaxError::ReasonTooLong);
        assert_eq!(socket.close(Some(1000), &"x".repeat(124)), Err(error));
        assert_eq!(socket.close(None, &"\u{20ac}".repeat(42)), Err(error));
        assert_eq!(state(&socket), 0);
        assert_eq!(socket.close(Some(1000), &"\u{20ac}".repeat(41)), Ok(()));
    }

    fn d17_is_checked_when_closed_too<A>() {
        let (log, say) = Log::new();
        let socket = A::connect(&Server::new().refuse(), |socket| write_down(socket, &say));
        drop(say);
        assert_eq!(log.to_close().len(), 2);
        let error = DomError::InvalidAccessError(CloseCode::new(1001));
        assert_eq!(socket.close(Some(1001), ""), Err(error));
        assert_eq!(socket.close(None, ""), Ok(()));
        assert_eq!(state(&socket), 3);
    }

    fn d20_close_while_connecting<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let peer = server.receive();
        socket.close(Some(1000), "never mind").unwrap();
        // At once; but the other thread may have gone on already.
        assert!(state(&socket) >= 2);
        say.say("closed");
        drop(say);
        socket.close(None, "").unwrap();
        let mut logged = log.to_close();
        // What the other thread says comes when it comes, but in order.
        logged.retain(|line| line != "closed");
        assert_eq!(logged, ["error 3", "close unclean 1006 \"\" 3"]);
        peer.end();
    }

    fn d20_close_before_events_may_fire<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        socket.close(None, "").unwrap();
        assert_eq!(state(&socket), 2);
        let (log, say) = Log::new();
        write_down(&socket, &say);
        drop(say);
        assert_eq!(log.to_close(), ["error 3", "close unclean 1006 \"\" 3"]);
    }

    fn d20_the_close_frame_is_behind_all_data<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| {
                socket.send(vec![1; 3 << 20]).unwrap();
                socket.send("last").unwrap();
                socket.close(Some(4321), "done").unwrap();
                assert_eq!(state(socket), 2);
            });
        });
        drop(say);
        let mut peer = server.accept();
        let mut received = 0;
        while received < 3 << 20 {
            received += peer.frame().unwrap().payload.len();
        }
        assert_eq!(peer.message(0x81), b"last");
        assert_eq!(peer.answer_close(), b"\x10\xE1done");
        assert_eq!(log.to_close(), ["close clean 4321 \"done\" 3"]);
        assert!(socket.error().is_none());
    }

    fn d19_a_reason_without_a_code_is_not_sent<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| socket.close(None, "reason").unwrap());
        });
        drop(say);
        assert_eq!(server.accept().answer_close(), b"");
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
    }

    fn d21_d22_closing_twice_is_closing_once<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            let close = say.clone();
            socket.set_onopen(|socket, _| {
                socket.close(Some(3000), "").unwrap();
                socket.close(Some(3001), "").unwrap();
            });
            socket.set_onclose(move |socket, event| {
                socket.close(None, "").unwrap();
                close.say(format!("close {}", event.code));
            });
        });
        drop(say);
        assert_eq!(server.accept().answer_close(), 3000u16.to_be_bytes());
        assert_eq!(log.to_close(), ["close 3000"]);
    }

    fn b_close_delayed<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| socket.close(None, "").unwrap());
        });
        let mut peer = server.accept();
        assert_eq!(peer.close_frame(), b"");
        thread::sleep(Duration::from_millis(100));
        assert_eq!(state(&socket), 2);
        say.say("answering");
        drop(say);
        peer.write(b"\x88\x00");
        peer.end();
        assert_eq!(log.to_close(), ["answering", "close clean 1005 \"\" 3"]);
    }

    fn d32_b_server_initiated_close<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| write_down(socket, &say));
        drop(say);
        let mut peer = server.accept();
        // What comes behind the Close is not delivered.
        peer.write(b"\x81\x02hi\x88\x06\x0F\xA0gone\x81\x04late");
        assert_eq!(peer.close_frame(), b"\x0F\xA0");
        peer.end();
        assert_eq!(log.to_close(), ["open 1", "text \"hi\"", "close clean 4000 \"gone\" 3"]);
    }

    fn d31_no_message_after_close<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            let message = say.clone();
            socket.set_onmessage(move |socket, event| {
                message.say(event.data.as_text().unwrap());
                socket.close(None, "").unwrap();
            });
        });
        drop(say);
        let mut peer = server.accept();
        peer.write(b"\x81\x03one\x81\x03two\x81\x05three");
        assert_eq!(peer.answer_close(), b"");
        assert_eq!(log.to_close(), ["open 1", "one", "close clean 1005 \"\" 3"]);
    }

    fn d34_the_peers_code_wins<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| socket.close(Some(3000), "ours").unwrap());
        });
        drop(say);
        let mut peer = server.accept();
        assert_eq!(peer.close_frame(), b"\x0B\xB8ours");
        peer.write(b"\x88\x08\x03\xE9theirs");
        peer.end();
        assert_eq!(log.to_close(), ["close clean 1001 \"theirs\" 3"]);
    }

    fn d35_an_end_without_an_answer_is_not_clean<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| socket.close(Some(4000), "").unwrap());
        });
        drop(say);
        let mut peer = server.accept();
        assert_eq!(peer.close_frame(), b"\x0F\xA0");
        peer.end();
        assert_eq!(log.to_close(), ["close unclean 1006 \"\" 3"]);
    }

    fn d33_a_transport_lost_while_open_is_an_error<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        drop(say);
        let mut peer = server.accept();
        peer.write(b"\x81\x04last");
        peer.end();
        let expected = ["open 1", "text \"last\"", "error 3", "close unclean 1006 \"\" 3"];
        assert_eq!(log.to_close(), expected);
        let error = socket.error().unwrap();
        assert!(matches!(&*error, Error::Connection(proto::Error::Eof)), "{error:?}");
    }

    fn d36_d37_b_a_reserved_opcode_fails_behind_the_messages<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        drop(say);
        let mut peer = server.accept();
        peer.write(b"\x81\x02ok\x83\x01x");
        assert_eq!(peer.close_frame()[..2], 1002u16.to_be_bytes());
        peer.end();
        let expected = ["open 1", "text \"ok\"", "error 3", "close unclean 1006 \"\" 3"];
        assert_eq!(log.to_close(), expected);
        let error = socket.error().unwrap();
        let is_protocol = matches!(
            &*error,
            Error::Connection(proto::Error::Protocol(ProtocolError::ReservedOpcode(..)))
        );
        assert!(is_protocol, "{error:?}");
    }

    fn d41_a_ping_is_answered_and_not_told<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| write_down(socket, &say));
        let mut peer = server.accept();
        peer.write(b"\x89\x02hi\x8A\x00\x81\x01x");
        assert_eq!(peer.message(0x8A), b"hi");
        assert_eq!([log.next(), log.next()], ["open 1", "text \"x\""]);
    }

    fn hostile_166_lone_surrogates_are_no_text<A>() {
        // U+D800 as UTF-8 would write it, in a text and in the reason of a Close.
        for frame in [&b"\x81\x03\xED\xA0\x80"[..], b"\x88\x05\x03\xE8\xED\xA0\x80"] {
            let server = Server::new();
            let (log, say) = Log::new();
            let _socket = A::connect(&server.url, |socket| write_down(socket, &say));
            drop(say);
            let mut peer = server.accept();
            peer.write(b"\x81\x01a");
            peer.write(frame);
            assert_eq!(peer.close_frame()[..2], *b"\x03\xEF");
            peer.end();
            let failed = ["open 1", "text \"a\"", "error 3", "close unclean 1006 \"\" 3"];
            assert_eq!(log.to_close(), failed, "{frame:X?}");
        }
    }
}
