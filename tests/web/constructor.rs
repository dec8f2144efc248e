//! What the constructor throws, and what it does not (requirements 1–9, 15, 16).

use std::{thread, time::Duration};

use sansock::{
    adapter::{Error, web::WebSocket},
    proto::handshake::RequestError,
    web::{BinaryType, DomError, Failure, SyntaxError},
};

use crate::{
    adapter::{Log, state, write_down},
    everywhere,
    server::Server,
};

everywhere! {
    fn d2_to_d4_a_bad_url_is_thrown_at_once<A>() {
        for (url, base, error) in [
            ("/relative", None, SyntaxError::Url),
            ("ws://exa mple.com/", None, SyntaxError::Url),
            ("ws:", None, SyntaxError::Url),
            ("/relative", Some("no base"), SyntaxError::Url),
            ("ftp://h/", None, SyntaxError::Scheme),
            ("mailto:x@h", None, SyntaxError::Scheme),
            ("about:blank", None, SyntaxError::Scheme),
            ("ws://h/#", None, SyntaxError::Fragment),
            ("ws://h/#x", None, SyntaxError::Fragment),
            ("#", Some("http://h/"), SyntaxError::Fragment),
        ] {
            let mut builder = WebSocket::<A>::builder(url);
            if let Some(base) = base {
                builder = builder.base_url(base);
            }
            let thrown = A::make(builder, true, |_| panic!("{url}")).unwrap_err();
            assert_eq!(thrown, DomError::SyntaxError(error), "{url}");
            assert_eq!(thrown.name(), "SyntaxError");
        }
    }

    fn d5_to_d7_a_bad_subprotocol_is_thrown_at_once<A>() {
        let bad: &[(&[&str], SyntaxError)] = &[
            (&[""], SyntaxError::Protocol),
            (&["ec ho"], SyntaxError::Protocol),
            (&["/echo"], SyntaxError::Protocol),
            (&["caf\u{e9}"], SyntaxError::Protocol),
            (&["foobar, foobar"], SyntaxError::Protocol),
            (&["echo", "echo"], SyntaxError::RepeatedProtocol),
            (&["echo", "chat", "eCho"], SyntaxError::RepeatedProtocol),
        ];
        for (protocols, error) in bad {
            let builder = WebSocket::<A>::builder("ws://127.0.0.1:9/").protocols(*protocols);
            let thrown = A::make(builder, true, |_| panic!("{protocols:?}")).unwrap_err();
            assert_eq!(thrown, DomError::SyntaxError(*error), "{protocols:?}");
        }
    }

    fn d8_d9_what_a_new_socket_says<A>() {
        let server = Server::new();
        let port = server.url.trim_end_matches('/').rsplit(':').next().unwrap();
        let base = format!("http://127.0.0.1:{port}/page");
        let builder = WebSocket::<A>::builder("?q=%00 ä").base_url(&base).protocols("chat");
        let socket = A::make(builder, false, |_| {}).unwrap();
        assert_eq!(socket.url(), format!("ws://127.0.0.1:{port}/page?q=%00%20%C3%A4"));
        assert_eq!(state(&socket), 0);
        assert_eq!((socket.protocol(), socket.extensions()), (String::new(), String::new()));
        assert_eq!(socket.buffered_amount(), 0);
        assert_eq!(socket.binary_type(), BinaryType::Blob);
        assert!(socket.error().is_none());
    }

    fn d8_a_refused_port_waits_for_late_handlers<A>() {
        let socket = A::connect_unstarted(&Server::new().refuse());
        thread::sleep(Duration::from_millis(100));
        assert_eq!(state(&socket), 0);
        let (log, say) = Log::new();
        write_down(&socket, &say);
        drop(say);
        assert_eq!(log.to_close(), ["error 3", "close unclean 1006 \"\" 3"]);
        let error = socket.error().unwrap();
        assert!(matches!(&*error, Error::Io(_)), "{error:?}");
    }

    fn d10_d11_what_is_sent<A>() {
        let server = Server::new();
        let url = server.url.replace("ws://", "http://user:p%40ss@");
        let builder = WebSocket::<A>::builder(&url).protocols(["chat", "superchat"]);
        let builder = builder.origin("http://example.com").unwrap().header("Cookie", "a=b").unwrap();
        let _socket = A::make(builder, true, |_| {}).unwrap();
        let peer = server.receive();
        assert!(peer.request.starts_with("GET / HTTP/1.1\r\n"), "{}", peer.request);
        for (name, value) in [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Origin", "http://example.com"),
            ("Cookie", "a=b"),
            ("Authorization", "Basic dXNlcjpwQHNz"),
        ] {
            assert_eq!(peer.header(name), Some(value), "{name}");
        }
        assert_eq!(peer.header("Referer"), None);
    }

    fn d11_a_header_that_cannot_be_sent_is_refused<A>() {
        let builder = WebSocket::<A>::builder("ws://h/");
        let refused = builder.header("Sec-WebSocket-Key", "x").unwrap_err();
        assert_eq!(refused, RequestError::ManagedHeader);
    }

    fn d15_a_blocked_port_fails_without_being_asked<A>() {
        let (log, say) = Log::new();
        let builder = WebSocket::<A>::builder("ws://127.0.0.1:6667/").blocked_ports(true);
        let socket = A::make(builder, true, |socket| write_down(socket, &say)).unwrap();
        drop(say);
        assert_eq!(log.to_close(), ["error 3", "close unclean 1006 \"\" 3"]);
        let error = socket.error().unwrap();
        let expected = Failure::BlockedPort(6667);
        assert!(matches!(&*error, Error::WebSocket(failure) if *failure == expected), "{error:?}");
    }

    fn d16_one_connecting_to_a_host<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let make = || {
            let builder = WebSocket::<A>::builder(&server.url).one_connecting_per_host(true);
            A::make(builder, true, |socket| write_down(socket, &say)).unwrap()
        };
        let (_first, _second) = (make(), make());
        let mut first = server.receive();
        thread::sleep(Duration::from_millis(50));
        assert!(!server.is_asked(), "the second did not wait");
        let answer = first.answer("");
        first.write(&answer);
        assert_eq!(log.next(), "open 1");
        let _second = server.accept();
        assert_eq!(log.next(), "open 1");
    }

    fn d16_one_that_fails_lets_the_next_one<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let make = || {
            let builder = WebSocket::<A>::builder(&server.url).one_connecting_per_host(true);
            A::make(builder, true, |socket| write_down(socket, &say)).unwrap()
        };
        let (_a, _b) = (make(), make());
        drop(server.receive());
        assert_eq!([log.next(), log.next()], ["error 3", "close unclean 1006 \"\" 3"]);
        let _peer = server.accept();
        assert_eq!(log.next(), "open 1");
    }
}
