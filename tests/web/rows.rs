//! What the browsers' own tests assert, against the servers they need (lines 52 to 78 of
//! `tests/WHATWG.md`). Tests are named after the browsers' files, and run over TCP and, as the
//! browsers' variant `?wss` does, over TLS.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use sansock::{
    Config,
    adapter::web::{Builder, WebSocket},
    web::{BinaryType, MessageData},
};

use crate::{
    adapter::{Adapter, Log, Say, state, wait_until, write_down},
    everywhere_and_over_tls,
    fixtures::{Gate, Server, Settings, Wait},
    layer,
};

const FAILED: [&str; 2] = ["error 3", "close unclean 1006 \"\" 3"];

fn start() -> Server {
    layer::serve(Settings::default())
}

/// A server whose handlers wait at this gate.
fn gated() -> (Server, Gate) {
    let gate = Gate::default();
    let server = layer::serve(Settings {
        wait: Wait::At(gate.clone()),
        ..Settings::default()
    });
    (server, gate)
}

/// A socket at that handler, and the log of its events.
fn at<A: Adapter>(server: &Server, target: &str) -> (WebSocket<A>, Log) {
    at_with(server, target, |builder| builder)
}

fn at_with<A: Adapter>(
    server: &Server,
    target: &str,
    set: impl FnOnce(Builder<A>) -> Builder<A>,
) -> (WebSocket<A>, Log) {
    let (log, say) = Log::new();
    let builder = set(WebSocket::builder(&server.url(target)));
    let socket = A::make(builder, true, |socket| write_down(socket, &say));
    (socket.unwrap(), log)
}

/// A socket at that handler that does this when it opens, and the log of its other events.
fn on_open<A: Adapter>(
    server: &Server,
    target: &str,
    mut then: impl FnMut(&WebSocket<A>, &Say) + Send + 'static,
) -> (WebSocket<A>, Log) {
    let (log, say) = Log::new();
    let socket = A::connect(&server.url(target), |socket| {
        write_down(socket, &say);
        socket.set_onopen(move |socket, _| then(socket, &say));
    });
    (socket, log)
}

everywhere_and_over_tls! {
    fn b_constructor_018_nul_in_a_query<A>() {
        let server = start();
        let (_socket, log) = at::<A>(&server, "echo-query?x\0y\0");
        assert_eq!(log.to_close(), ["open 1", "text \"x%00y\"", "close clean 1000 \"\" 3"]);
    }

    fn b_constructor_019_020_capitals<A>() {
        let server = start();
        let scheme = server.scheme().to_uppercase();
        let url = format!("{scheme}://LOCALHOST:{}/origin", server.address().port());
        let (log, say) = Log::new();
        let socket = A::connect(&url, |socket| write_down(socket, &say));
        drop(say);
        assert_eq!(socket.url(), url.to_lowercase());
        assert_eq!(log.to_close(), ["open 1", "text \"none\"", "close clean 1000 \"\" 3"]);
    }

    fn b_create_valid_url<A>() {
        let server = start();
        let lists: [(&[&str], &str); 3] =
            [(&[], ""), (&["echo"], "echo"), (&["foobar", "echo"], "echo")];
        for (protocols, selected) in lists {
            let (log, say) = Log::new();
            let builder = WebSocket::<A>::builder(&server.url("echo")).protocols(protocols);
            let socket = A::make(builder, true, |socket| {
                write_down(socket, &say);
                socket.set_onopen(move |socket, _| {
                    say.say(format!("open {} {:?}", state(socket), socket.protocol()));
                    socket.close(None, "").unwrap();
                });
            });
            let socket = socket.unwrap();
            let opened = format!("open 1 {selected:?}");
            assert_eq!(log.to_close(), [&opened, "close clean 1005 \"\" 3"]);
            assert_eq!(socket.protocol(), selected);
        }
    }

    fn b_constructor_010_011_012_unasked_protocols<A>() {
        let server = start();
        let cases: [(&str, &[&str]); 3] = [
            ("handshake_protocol", &[]),
            ("handshake_protocol", &["FooBar"]),
            ("handshake_no_protocol", &["foobar"]),
        ];
        for (path, protocols) in cases {
            let (_socket, log) = at_with::<A>(&server, path, |it| it.protocols(protocols));
            assert_eq!(log.to_close(), FAILED, "{path} {protocols:?}");
        }
    }

    fn b_constructor_022_protocol_array<A>() {
        let server = start();
        for path in ["protocol", "protocol_array"] {
            let protocols: &[&str] = if path == "protocol" { &["a"] } else { &["a", "b"] };
            let (_socket, log) = at_with::<A>(&server, path, |it| it.protocols(protocols));
            assert_eq!(log.to_close(), ["open 1", "text \"a\"", "close clean 1000 \"\" 3"]);
        }
    }

    fn b_constructor_013_many_at_once<A>() {
        let server = start();
        let sockets: Vec<_> = (0..25)
            .map(|n| {
                let (log, say) = Log::new();
                let socket = A::connect(&server.url("echo"), |socket| {
                    write_down(socket, &say);
                    socket.set_onopen(move |socket, _| {
                        socket.send(format!("this is {n}")).unwrap();
                    });
                    socket.set_onmessage(move |socket, event| {
                        say.say(event.data.as_text().unwrap());
                        socket.close(Some(1000), "").unwrap();
                    });
                });
                (socket, log)
            })
            .collect();
        for (n, (_socket, log)) in sockets.into_iter().enumerate() {
            let echo = format!("this is {n}");
            assert_eq!(log.to_close(), [echo.as_str(), "close clean 1000 \"\" 3"]);
        }
    }

    fn b_constructor_014_one_after_the_other<A>() {
        let (server, gate) = gated();
        let connect = || {
            at_with::<A>(&server, "handshake_sleep_2", |it| it.one_connecting_per_host(true))
        };
        let (_first, first_log) = connect();
        server.waiting();
        let (_second, second_log) = connect();
        assert_eq!(server.request().path(), "/handshake_sleep_2");
        assert_eq!(server.try_request(), None);
        gate.open();
        let expected = ["open 1", "close clean 1000 \"\" 3"];
        assert_eq!(first_log.to_close(), expected);
        assert_eq!(second_log.to_close(), expected);
    }

    fn b_opening_handshake_006_again_after_failures<A>() {
        let server = start();
        for _ in 0..3 {
            let (_socket, log) = at::<A>(&server, "invalid");
            assert_eq!(log.to_close(), FAILED);
        }
        let (_socket, log) = at::<A>(&server, "handshake_no_extensions");
        assert_eq!(log.to_close(), ["open 1", "close clean 1000 \"\" 3"]);
    }

    fn b_extensions_001_none<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "handshake_no_extensions", |socket, say| {
            say.say(socket.extensions());
        });
        assert_eq!(log.to_close(), ["", "close clean 1000 \"\" 3"]);
    }

    fn d11_deflate_is_offered_unless_the_config_says_otherwise<A>() {
        let server = start();
        let plain = Arc::new(Config::default());
        let (_socket, _log) = at_with::<A>(&server, "echo", |it| it.config(&plain));
        assert_eq!(server.request().field("Sec-WebSocket-Extensions"), None);
        let (socket, log) = at::<A>(&server, "echo");
        let request = server.request();
        let offer = request.field("Sec-WebSocket-Extensions");
        assert_eq!(offer, Some("permessage-deflate; client_max_window_bits"));
        assert_eq!(log.next(), "open 1");
        assert!(socket.extensions().starts_with("permessage-deflate"));
        socket.send("the same ".repeat(100)).unwrap();
        assert_eq!(log.next(), "text of 900");
        socket.close(None, "").unwrap();
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
    }

    fn b_opening_handshake_001_002_security_001_received_301<A>() {
        let server = start();
        for path in ["invalid", "wrong_accept_key", "received-301", "basic_auth", "missing"] {
            let (_socket, log) = at::<A>(&server, path);
            assert_eq!(log.to_close(), FAILED, "{path}");
        }
    }

    fn b_opening_handshake_003_origin<A>() {
        let server = start();
        let (log, say) = Log::new();
        let builder = WebSocket::<A>::builder(&server.url("origin"));
        let builder = builder.origin("http://a.example").unwrap();
        let socket = A::make(builder, true, |socket| {
            write_down(socket, &say);
            socket.set_onmessage(move |_, event| {
                say.say(format!("{:?} from {}", event.data.as_text(), event.origin));
            });
        });
        let _socket = socket.unwrap();
        let (scheme, address) = (server.scheme(), server.address());
        let message = format!("Some(\"http://a.example\") from {scheme}://{address}");
        assert_eq!(log.to_close(), ["open 1", &message, "close clean 1000 \"\" 3"]);
    }

    fn b_opening_handshake_005_close_in_the_same_segment<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "simple_handshake", |socket, say| {
            say.say(format!("open {}", state(socket)));
            socket.close(None, "").unwrap();
        });
        assert_eq!(log.to_close(), ["open 1", "close clean 1001 \"PASS\" 3"]);
    }

    fn b_referrer_and_basic_auth<A>() {
        let server = start();
        let (_socket, log) = at::<A>(&server, "referrer");
        assert_eq!(log.to_close(), ["open 1", "text \"none\"", "close clean 1000 \"\" 3"]);
        let (log, say) = Log::new();
        let url = format!("{}://foo:bar@{}/basic_auth", server.scheme(), server.address());
        let _socket = A::connect(&url, |socket| write_down(socket, &say));
        drop(say);
        assert_eq!(log.to_close(), ["open 1", "close clean 1000 \"\" 3"]);
    }

    fn b_close_codes_come_back<A>() {
        let server = start();
        for (code, reason) in [(1000, ""), (1000, "bye"), (3000, "Grüße"), (4999, "x")] {
            let (_socket, log) = on_open::<A>(&server, "echo", move |socket, say| {
                socket.close(Some(code), reason).unwrap();
                say.say(format!("closing {}", state(socket)));
            });
            let closed = format!("close clean {code} {reason:?} 3");
            assert_eq!(log.to_close(), ["closing 2", &closed]);
        }
        let (_socket, log) = on_open::<A>(&server, "echo", |socket, _| {
            socket.close(None, "").unwrap();
        });
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
    }

    fn b_close_delayed_waits_for_the_server<A>() {
        let (server, gate) = gated();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url("delayed-passive-close"), |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| socket.close(Some(1000), "").unwrap());
        });
        server.waiting();
        assert_eq!(state(&socket), 2);
        say.say("answering");
        drop(say);
        gate.open();
        assert_eq!(log.to_close(), ["answering", "close clean 1000 \"\" 3"]);
    }

    fn b_close_server_initiated_close_and_closing_handshake_002<A>() {
        let server = start();
        let goodbye = |socket: &WebSocket<A>, _: &Say| socket.send("Goodbye").unwrap();
        let (_socket, log) = on_open(&server, "echo", goodbye);
        assert_eq!(log.to_close(), ["text \"Goodbye\"", "close clean 1000 \"\" 3"]);
        let (_socket, log) = on_open(&server, "echo_exit", goodbye);
        assert_eq!(log.to_close(), ["close clean 1000 \"\" 3"]);
        for (target, closed) in [
            ("remote-close", "close clean 1005 \"\" 3"),
            ("remote-close?code=4000&reason=why", "close clean 4000 \"why\" 3"),
        ] {
            let (_socket, log) = at::<A>(&server, target);
            assert_eq!(log.to_close(), ["open 1", closed]);
        }
        let (_socket, log) = at::<A>(&server, "remote-close?abrupt=1");
        assert_eq!(log.to_close(), ["open 1", FAILED[0], FAILED[1]]);
    }

    fn b_closing_handshake_004_what_follows_a_close<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "echo_raw", |socket, _| {
            socket.send(&b"\x81\x02hi\x88\x02\x03\xE8\x81\x04late"[..]).unwrap();
        });
        assert_eq!(log.to_close(), ["text \"hi\"", "close clean 1000 \"\" 3"]);
    }

    fn b_close_while_connecting<A>() {
        let (server, gate) = gated();
        let (socket, log) = at::<A>(&server, "handshake_sleep_2");
        server.waiting();
        socket.close(None, "").unwrap();
        socket.close(Some(1000), "again").unwrap();
        // Its events may have fired by now.
        assert!(state(&socket) >= 2);
        assert_eq!(log.to_close(), FAILED);
        gate.open();
    }

    fn b_close_nested_in_its_events<A>() {
        let server = start();
        let (log, say) = Log::new();
        let closed = say.clone();
        let socket = A::connect(&server.url("invalid"), |socket| {
            write_down(socket, &say);
            socket.set_onerror(move |socket, _| {
                say.say("error");
                socket.close(None, "").unwrap();
            });
            socket.set_onclose(move |socket, event| {
                closed.say(format!("close {}", event.code));
                socket.close(Some(1000), "").unwrap();
                socket.send("late").unwrap();
            });
        });
        assert_eq!(log.to_close(), ["error", "close 1006"]);
        assert_eq!((state(&socket), socket.buffered_amount()), (3, 4));
    }

    fn b_send_data_and_buffered_amount<A>() {
        let server = start();
        let (socket, log) = on_open::<A>(&server, "echo", |socket, say| {
            for text in ["", "Hello", "¥¥¥", "\u{10402}\u{1F980}", &"c".repeat(65_000)] {
                socket.send(text).unwrap();
                say.say(format!("{}", socket.buffered_amount()));
            }
        });
        for expected in [
            "0", "5", "11", "19", "65019",
            "text \"\"", "text \"Hello\"", "text \"¥¥¥\"", "text \"𐐂🦀\"", "text of 65000",
        ] {
            assert_eq!(log.next(), expected);
        }
        wait_until(|| socket.buffered_amount() == 0);
        socket.close(None, "").unwrap();
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
    }

    fn b_send_binary_and_extended_payload_length<A>() {
        let server = start();
        let (sender, received) = mpsc::channel();
        let builder = WebSocket::<A>::builder(&server.url("echo"));
        let builder = builder.binary_type(BinaryType::ArrayBuffer);
        let socket = A::make(builder, true, |socket| {
            socket.set_onmessage(move |_, event| sender.send(event.data.clone()).unwrap());
        });
        let socket = socket.unwrap();
        wait_until(|| state(&socket) == 1);
        let next = || received.recv_timeout(Duration::from_secs(30)).unwrap();
        for len in [0, 1, 15, 125, 126, 65_000, 65_535, 65_536, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            socket.send(&bytes[..]).unwrap();
            match next() {
                MessageData::ArrayBuffer(data) => assert!(data == bytes, "{len}"),
                other => panic!("{other:?}"),
            }
            let text = "x".repeat(len);
            socket.send(&text[..]).unwrap();
            assert!(next().as_text() == Some(&text), "{len}");
        }
        socket.set_binary_type(BinaryType::Blob);
        socket.send(&b"0123456789"[2..5]).unwrap();
        match next() {
            MessageData::Blob(blob) => assert_eq!(blob.as_bytes(), b"234"),
            other => panic!("{other:?}"),
        }
    }

    fn b_send_009_empty_message<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "empty-message", |socket, _| {
            socket.send("").unwrap();
        });
        assert_eq!(log.to_close(), ["text \"pass\"", "close clean 1000 \"\" 3"]);
    }

    fn b_send_many_64k_with_backpressure<A>() {
        let server = layer::serve(Settings {
            wait: Wait::For(Duration::from_millis(1)),
            ..Settings::default()
        });
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url("receive-many-with-backpressure"), |socket| {
            write_down(socket, &say);
            socket.set_onopen(|socket, _| {
                for _ in 0..50 {
                    socket.send(vec![0; 65_536]).unwrap();
                }
            });
            let mut answers = 0;
            socket.set_onmessage(move |socket, event| {
                assert_eq!(event.data.as_text(), Some("65536"));
                answers += 1;
                if answers == 50 {
                    say.say("all");
                    socket.close(None, "").unwrap();
                }
            });
        });
        assert_eq!(log.to_close(), ["all", "close clean 1005 \"\" 3"]);
    }

    fn b_events_015_a_reserved_opcode<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "echo_raw", |socket, _| {
            socket.send(&b"\x81\x02ok\x83\x02no"[..]).unwrap();
        });
        assert_eq!(log.to_close(), ["text \"ok\"", FAILED[0], FAILED[1]]);
    }

    fn b_passive_close_abort<A>() {
        let server = start();
        let (_socket, log) = on_open::<A>(&server, "passive-close-abort", |socket, _| {
            socket.close(Some(4000), "because").unwrap();
        });
        assert_eq!(log.to_close(), ["close unclean 1006 \"\" 3"]);
    }
}
