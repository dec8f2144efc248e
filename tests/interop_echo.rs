//! Our clients against the echo servers of node `ws`, Python `websockets` and `node:http`, over
//! loopback.
//!
//! Where their tools are missing this says so and tests nothing, but fails where `CI=true`.
#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

#[path = "interop/echo_server.rs"]
mod echo_server;
#[path = "interop/set_up.rs"]
mod set_up;

use std::{net::TcpStream, sync::Arc};

use echo_server::{EchoServer, SERVERS, deflates};
use sansock::{
    CloseCode, CloseFrame, Config, DeflateConfig, Message, adapter::blocking::Socket,
    proto::handshake::ClientRequest,
};
use set_up::is_set_up;

fn connect(url: &str, subprotocols: &[&str]) -> Socket<TcpStream> {
    let mut request = ClientRequest::from_url(url).unwrap();
    for name in subprotocols {
        request = request.subprotocol(name).unwrap();
    }
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::new())));
    let stream = TcpStream::connect((request.host(), request.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    Socket::connect(stream, &request, &config).unwrap().0
}

/// Each server, if it can be had.
fn servers() -> impl Iterator<Item = (&'static str, EchoServer)> {
    let set_up = is_set_up().then_some(SERVERS);
    set_up
        .into_iter()
        .flatten()
        .map(|script| (script, EchoServer::start(script)))
}

#[test]
fn messages_come_back() {
    for (script, server) in servers() {
        let mut socket = connect(&server.url("/"), &[]);
        assert_eq!(socket.deflate().is_some(), deflates(script), "{script}");
        let messages: [Message<'_>; 6] = [
            "Grüße, 你好, 🦀".into(),
            "".into(),
            (&b"\0\xFF"[..]).into(),
            Vec::new().into(),
            "the same again; ".repeat(1 << 16).into(),
            (0..1 << 20)
                .map(|n| (n % 251) as u8)
                .collect::<Vec<_>>()
                .into(),
        ];
        for message in messages {
            socket.send(&message).unwrap();
            assert!(socket.recv().unwrap() == Some(message), "{script}");
        }
    }
}

#[test]
fn we_close() {
    for (script, server) in servers() {
        for (code, reason) in [(1000, ""), (3000, "bye"), (4999, "Grüße")] {
            let mut socket = connect(&server.url("/"), &[]);
            let frame = CloseFrame::new(CloseCode::new(code), reason);
            socket.close(Some(&frame)).unwrap();
            let status = socket.end().unwrap();
            assert!(status.clean, "{script}: {status:?}");
            assert_eq!(status.code().get(), code, "{script}");
        }
        let mut socket = connect(&server.url("/"), &[]);
        socket.close(None).unwrap();
        let status = socket.end().unwrap();
        assert!(status.clean, "{script}: {status:?}");
        assert_eq!(status.code(), CloseCode::NO_STATUS, "{script}");
    }
}

#[test]
fn they_close() {
    for (script, server) in servers() {
        for (code, reason) in [(1000, ""), (1001, ""), (3000, "why"), (4999, "why")] {
            let target = format!("/close?code={code}&reason={reason}");
            let mut socket = connect(&server.url(&target), &[]);
            assert_eq!(socket.recv().unwrap(), None, "{script}");
            let status = socket.close_status().unwrap();
            assert!(status.clean, "{script}: {status:?}");
            assert_eq!((status.code().get(), status.reason()), (code, reason));
        }
    }
}

#[test]
fn they_select_a_subprotocol() {
    for (_, server) in servers() {
        let socket = connect(&server.url("/"), &["other", "chat"]);
        assert_eq!(socket.subprotocol(), Some("chat"));
        let socket = connect(&server.url("/"), &["other"]);
        assert_eq!(socket.subprotocol(), None);
    }
}
