//! Against the echo servers of node `ws`, Python `websockets` and `node:http`.
//!
//! Where their tools are missing this says so and tests nothing, but fails where `CI=true`.

use std::sync::{Arc, mpsc};

use sansock::{
    Config, DeflateConfig,
    adapter::web::{Builder, WebSocket},
    web::{BinaryType, MessageData},
};

use crate::{
    adapter::{Adapter, Log, PATIENCE, write_down},
    echo_server::{EchoServer, SERVERS, deflates},
    everywhere,
    set_up::is_set_up,
};

pub(crate) fn servers() -> impl Iterator<Item = (&'static str, EchoServer)> {
    let set_up = is_set_up().then_some(SERVERS);
    set_up
        .into_iter()
        .flatten()
        .map(|script| (script, EchoServer::start(script)))
}

/// With an offer of deflate.
fn builder<A: Adapter>(url: &str) -> Builder<A> {
    let config = Config::default().deflate(Some(DeflateConfig::new()));
    WebSocket::builder(url).config(&Arc::new(config))
}

everywhere! {
    fn d24_d31_messages_come_back_from_others<A>() {
        for (script, server) in servers() {
            let (sender, received) = mpsc::channel();
            let (log, say) = Log::new();
            let builder = builder::<A>(&server.url("/")).binary_type(BinaryType::ArrayBuffer);
            let socket = A::make(builder, true, |socket| {
                write_down(socket, &say);
                socket.set_onopen(move |socket, _| say.say(socket.extensions()));
                socket.set_onmessage(move |_, event| sender.send(event.data.clone()).unwrap());
            });
            let socket = socket.unwrap();
            let extensions = log.next();
            let agreed = extensions.starts_with("permessage-deflate");
            assert_eq!(agreed, deflates(script), "{script}: {extensions}");
            let next = || received.recv_timeout(PATIENCE).unwrap();
            for text in ["Grüße, 你好, 🦀", "", &"the same again; ".repeat(1 << 16)] {
                socket.send(text).unwrap();
                assert!(next().as_text() == Some(text), "{script}");
            }
            for len in [0, 5, 126, 1 << 16, 1 << 20] {
                let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
                socket.send(&bytes[..]).unwrap();
                let MessageData::ArrayBuffer(data) = next() else { panic!("{script}: {len}") };
                assert!(data == bytes, "{script}: {len}");
            }
            socket.close(Some(1000), "").unwrap();
            assert_eq!(log.to_close(), ["close clean 1000 \"\" 3"], "{script}");
        }
    }

    fn d34_d35_others_answer_and_begin_a_close<A>() {
        for (script, server) in servers() {
            for code in [1000, 3000, 4999] {
                let (log, say) = Log::new();
                let socket = A::make(builder(&server.url("/")), true, |socket| {
                    write_down(socket, &say);
                    socket.set_onopen(move |socket, _| {
                        socket.close(Some(code), "Grüße").unwrap();
                    });
                });
                drop(say);
                let _socket = socket.unwrap();
                // All send the reason back as well.
                let closed = format!("close clean {code} \"Grüße\" 3");
                assert_eq!(log.to_close(), [closed], "{script}");
            }
            for (code, reason) in [(1000, ""), (1001, ""), (4000, "why")] {
                let url = server.url(&format!("/close?code={code}&reason={reason}"));
                let (log, say) = Log::new();
                let socket = A::make(builder(&url), true, |socket| write_down(socket, &say));
                drop(say);
                let _socket = socket.unwrap();
                let closed = format!("close clean {code} {reason:?} 3");
                assert_eq!(log.to_close(), ["open 1", &closed], "{script}");
            }
        }
    }

    fn d13_d30_others_select_a_subprotocol<A>() {
        for (script, server) in servers() {
            for (offered, expected) in [
                (&["other", "chat"][..], &["open chat", "close clean 1005 \"\" 3"][..]),
                (&["other"], &["error 3", "close unclean 1006 \"\" 3"]),
            ] {
                let (log, say) = Log::new();
                let builder = builder::<A>(&server.url("/")).protocols(offered);
                let socket = A::make(builder, true, |socket| {
                    write_down(socket, &say);
                    socket.set_onopen(move |socket, _| {
                        say.say(format!("open {}", socket.protocol()));
                        socket.close(None, "").unwrap();
                    });
                });
                let _socket = socket.unwrap();
                assert_eq!(log.to_close(), expected, "{script}");
            }
        }
    }
}
