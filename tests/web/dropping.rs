//! Handles and their end (requirement 40), and sockets of accepted connections.

use std::{
    io::{Read, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

use sansock::web::MessageData;

use crate::{
    adapter::{Log, PATIENCE, state, write_down},
    everywhere,
    server::{Server, streams},
};

everywhere! {
    fn d40_the_last_handle_closes_behind_what_was_sent<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect(&server.url, |socket| write_down(socket, &say));
        drop(say);
        let mut peer = server.accept();
        assert_eq!(log.next(), "open 1");
        let other = socket.clone();
        drop(socket);
        other.send("last").unwrap();
        drop(other);
        assert_eq!(peer.message(0x81), b"last");
        assert_eq!(peer.answer_close(), b"");
        assert_eq!(log.to_close(), ["close clean 1005 \"\" 3"]);
    }

    fn d40_a_dropped_socket_does_not_go_on_connecting<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let socket = A::connect_unstarted(&server.url);
        let close = say.clone();
        socket.set_onclose(move |_, event| close.say(format!("close {}", event.code)));
        drop(say);
        let peer = server.receive();
        drop(socket);
        assert_eq!(log.to_close(), ["close 1006"]);
        peer.end();
    }

    fn d40_a_listener_may_own_its_socket<A>() {
        let server = Server::new();
        let (done, closed) = mpsc::channel();
        let socket = A::connect(&server.url, |_| {});
        let owned = socket.clone();
        socket.set_onclose(move |_, event| done.send((owned.url(), event.code)).unwrap());
        drop(socket);
        let mut peer = server.accept();
        peer.write(b"\x88\x02\x03\xE8");
        assert_eq!(peer.close_frame(), 1000u16.to_be_bytes());
        peer.end();
        let (url, code) = closed.recv_timeout(PATIENCE).unwrap();
        assert_eq!((url, code), (server.url, 1000));
        // It was let go with all it owned.
        assert!(closed.recv_timeout(PATIENCE).is_err());
    }

    fn a_server_s_socket_is_open_at_once<A>() {
        let (mut client, server) = streams();
        let socket = A::accepted(server);
        assert_eq!(state(&socket), 1);
        socket.send("welcome").unwrap();
        let (log, say) = Log::new();
        write_down(&socket, &say);
        drop(say);
        let mut welcome = [0; 9];
        client.read_exact(&mut welcome).unwrap();
        assert_eq!(&welcome, b"\x81\x07welcome");
        client.write_all(b"\x81\x81\x00\x00\x00\x00x\x88\x80\x00\x00\x00\x00")
            .unwrap();
        assert_eq!(log.to_close(), ["text \"x\"", "close clean 1005 \"\" 3"]);
        assert_eq!(socket.url(), "");
    }

    fn two_sockets_talk<A>() {
        let server = Server::new();
        let (done, echoed) = mpsc::channel();
        let socket = A::connect(&server.url, |socket| {
            socket.set_onopen(|socket, _| socket.send("x".repeat(100_000)).unwrap());
            socket.set_onmessage(move |_, event| done.send(event.data.clone()).unwrap());
        });
        let peer = server.accept();
        let other = A::accepted(peer.stream);
        other.set_onmessage(|socket, event| socket.send(&event.data).unwrap());
        let data = echoed.recv_timeout(PATIENCE).unwrap();
        assert_eq!(data, MessageData::Text("x".repeat(100_000)));
        thread::sleep(Duration::from_millis(1));
        drop((socket, other));
    }
}
