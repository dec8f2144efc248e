//! Nothing is fired, and no message read, before somebody asks for it.

use std::{io::Read, thread, time::Duration};

use sansock::{adapter::web::Listener, web::EventType};

use crate::{
    adapter::{Log, state, write_down},
    events::write_until_full,
    everywhere,
    server::{Server, streams},
};

everywhere! {
    fn it_opens_and_reads_nothing<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        let mut peer = server.accept();
        peer.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        write_until_full(&mut peer.stream);
        assert_eq!(state(&socket), 0);
    }

    fn start_fires_what_waited<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        let mut peer = server.accept();
        peer.write(b"\x81\x02hi");
        thread::sleep(Duration::from_millis(50));
        let (log, say) = Log::new();
        let open = say.clone();
        socket.set_onopen(move |socket, _| open.say(format!("open {}", state(socket))));
        thread::sleep(Duration::from_millis(50));
        assert_eq!(state(&socket), 0);
        socket.start();
        assert_eq!(log.next(), "open 1");
    }

    fn a_listener_for_messages_starts<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        server.accept().write(b"\x81\x02hi");
        let (log, say) = Log::new();
        let message = say.clone();
        let listener = Listener::<A>::new(move |_, event| message.say(format!("{event:?}")));
        socket.add_event_listener(EventType::Message, &listener);
        assert!(log.next().contains("\"hi\""));
    }

    fn onmessage_starts<A>() {
        let server = Server::new();
        let socket = A::connect_unstarted(&server.url);
        server.accept().write(b"\x81\x02hi");
        let (log, say) = Log::new();
        write_down(&socket, &say);
        assert_eq!([log.next(), log.next()], ["open 1", "text \"hi\""]);
    }

    fn closing_needs_no_start<A>() {
        let (mut peer, stream) = streams();
        let socket = A::accepted(stream);
        socket.close(Some(1000), "").unwrap();
        let mut frame = [0; 4];
        peer.read_exact(&mut frame).unwrap();
        assert_eq!(&frame, b"\x88\x02\x03\xE8");
        assert_eq!(state(&socket), 2);
    }
}
