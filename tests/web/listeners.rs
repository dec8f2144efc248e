//! Listeners: order, once, removal, panics (requirements 38, 39).

use std::panic::panic_any;

use sansock::{
    adapter::web::Listener,
    web::{BinaryType, EventType},
};

use crate::{
    adapter::{Log, write_down},
    everywhere,
    server::Server,
};

/// What must not be dropped where nobody is to notice.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        // The handles of the test itself may go while it fails.
        assert!(std::thread::panicking(), "as a test wants it");
    }
}

everywhere! {
    fn d39_order_is_that_of_first_setting<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let listener = |what: &'static str| {
            let say = say.clone();
            Listener::<A>::new(move |_, _| say.say(what))
        };
        let _socket = A::connect(&server.url, |socket| {
            socket.add_event_listener(EventType::Open, &listener("1"));
            socket.set_onopen(|_, _| panic!("it was replaced"));
            socket.add_event_listener(EventType::Open, &listener("3"));
            let second = say.clone();
            socket.set_onopen(move |_, _| second.say("2"));
        });
        let _peer = server.accept();
        assert_eq!([log.next(), log.next(), log.next()], ["1", "2", "3"]);
    }

    fn d39_a_cleared_handler_is_last_when_set_again<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            socket.set_onopen(|_, _| panic!("it was cleared"));
            let first = say.clone();
            let listener = Listener::new(move |_, _| first.say("1"));
            socket.add_event_listener(EventType::Open, &listener);
            socket.clear_handler(EventType::Open);
            let second = say.clone();
            socket.set_onopen(move |_, _| second.say("2"));
        });
        let _peer = server.accept();
        assert_eq!([log.next(), log.next()], ["1", "2"]);
    }

    fn d39_once_and_twice<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let (always, once) = (say.clone(), say.clone());
        let always = Listener::<A>::new(move |_, _| always.say("always"));
        let once = Listener::<A>::new(move |_, _| once.say("once"));
        let _socket = A::connect(&server.url, |socket| {
            socket.add_event_listener_once(EventType::Message, &once);
            socket.add_event_listener_once(EventType::Message, &once);
            socket.add_event_listener(EventType::Message, &always);
            socket.add_event_listener(EventType::Message, &always);
        });
        server.accept().write(b"\x81\x00\x81\x00");
        assert_eq!([log.next(), log.next(), log.next()], ["once", "always", "always"]);
    }

    fn d39_removed_and_added_while_it_fires<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let removed = Listener::<A>::new(|_, _| panic!("it was removed"));
        let added = say.clone();
        let added = Listener::<A>::new(move |_, _| added.say("added"));
        let first = say.clone();
        let _socket = A::connect(&server.url, |socket| {
            let gone = removed.clone();
            let mut is_first = true;
            socket.set_onmessage(move |socket, _| {
                first.say("first");
                if std::mem::take(&mut is_first) {
                    socket.remove_event_listener(EventType::Message, &gone);
                    socket.add_event_listener(EventType::Message, &added);
                }
            });
            socket.add_event_listener(EventType::Message, &removed);
        });
        server.accept().write(b"\x81\x00\x81\x00");
        assert_eq!([log.next(), log.next(), log.next()], ["first", "first", "added"]);
    }

    fn d39_a_panic_ends_only_its_own_call<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let mut calls = 0;
        let (first, second) = (say.clone(), say.clone());
        let panicking = Listener::<A>::new(move |_, _| {
            calls += 1;
            first.say(format!("call {calls}"));
            panic!("as a test wants it");
        });
        let other = Listener::<A>::new(move |_, _| second.say("other"));
        let _socket = A::connect(&server.url, |socket| {
            socket.add_event_listener(EventType::Message, &panicking);
            socket.add_event_listener(EventType::Message, &other);
        });
        server.accept().write(b"\x81\x00\x81\x00");
        let logged = [log.next(), log.next(), log.next(), log.next()];
        assert_eq!(logged, ["call 1", "other", "call 2", "other"]);
    }

    fn d39_a_panic_in_what_is_dropped_ends_only_that<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let (last, other) = (say.clone(), say.clone());
        let _socket = A::connect(&server.url, |socket| {
            let thrown = Listener::<A>::new(|_, _| panic_any(Bomb));
            socket.add_event_listener(EventType::Message, &thrown);
            let bomb = Bomb;
            let owned = Listener::<A>::new(move |_, _| assert_eq!(size_of_val(&bomb), 0));
            socket.add_event_listener_once(EventType::Message, &owned);
            let bomb = Bomb;
            let kept = Listener::<A>::new(move |_, _| assert_eq!(size_of_val(&bomb), 0));
            socket.add_event_listener(EventType::Message, &kept);
            let other = Listener::<A>::new(move |_, _| other.say("other"));
            socket.add_event_listener(EventType::Message, &other);
            socket.set_onclose(move |_, event| last.say(format!("close {}", event.code)));
        });
        let mut peer = server.accept();
        peer.write(b"\x81\x00\x81\x00\x88\x02\x03\xE8");
        assert_eq!([log.next(), log.next(), log.next()], ["other", "other", "close 1000"]);
        assert_eq!(peer.frame().unwrap().head, 0x88);
    }

    fn d31_d38_binary_type_counts_when_it_fires<A>() {
        let server = Server::new();
        let (log, say) = Log::new();
        let _socket = A::connect(&server.url, |socket| {
            write_down(socket, &say);
            let listener = Listener::<A>::new(|socket, _| {
                let other = match socket.binary_type() {
                    BinaryType::Blob => BinaryType::ArrayBuffer,
                    BinaryType::ArrayBuffer => BinaryType::Blob,
                };
                socket.set_binary_type(other);
            });
            socket.add_event_listener(EventType::Message, &listener);
        });
        // One read brings all three.
        server.accept().write(b"\x82\x01\x01\x82\x01\x02\x82\x01\x03");
        let logged = [log.next(), log.next(), log.next(), log.next()];
        assert_eq!(logged, ["open 1", "blob [1]", "array buffer [2]", "blob [3]"]);
    }
}
