//! What drives a socket may end before it: then it has failed, and nobody waits for it.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use mio::{Poll, Token, Waker};
use sansock::{
    adapter::{Error, futures, mio as over_mio, tokio as over_tokio, web::WebSocket},
    web::{Event, Failure},
};
use tokio::runtime::Builder;

use crate::{
    adapter::{Adapter, state},
    server::Server,
};

/// A socket that is over without its driver, and its events.
fn is_over<A: Adapter>(socket: &WebSocket<A>, mut events: sansock::adapter::web::Events<A>) {
    assert_eq!(state(socket), 3);
    let error = socket.error().unwrap();
    assert!(
        matches!(&*error, Error::WebSocket(Failure::Abandoned)),
        "{error:?}"
    );
    assert!(matches!(A::next(&mut events), Some(Event::Error(_))));
    assert!(matches!(A::next(&mut events), Some(Event::Close(_))));
    assert!(A::next(&mut events).is_none());
}

#[test]
fn hostile_148_a_runtime_that_shuts_down() {
    let server = Server::new();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let entered = runtime.enter();
    let socket = over_tokio::WebSocket::new(&server.url).unwrap();
    let events = socket.events();
    drop(entered);
    let _peer = server.receive();
    drop(runtime);
    is_over(&socket, events);
}

#[test]
fn a_future_that_is_dropped() {
    let connector = |_| async { Ok(smol::io::Cursor::new(Vec::new())) };
    let (socket, driver) = futures::WebSocket::new("ws://h/", connector).unwrap();
    let events = socket.events();
    let (say, said) = mpsc::channel();
    socket.set_onclose(move |_, _| say.send(()).unwrap());
    drop(driver);
    is_over(&socket, events);
    // No listener is called, and none is kept.
    assert_eq!(said.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_loop_runs_only_those_that_want_to() {
    let server = Server::new();
    let address = server.url.trim_start_matches("ws://").trim_end_matches('/');
    let address = address.parse().unwrap();
    let mut poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    let make = |token| {
        let builder = over_mio::WebSocket::builder(&server.url);
        let made = builder.connect(poll.registry(), Token(token), &waker, &[address]);
        let (socket, mut dispatcher) = made.unwrap();
        assert!(dispatcher.run().is_pending());
        (socket, dispatcher)
    };
    let mut sockets = [make(1), make(2)];
    let peers = thread::spawn(move || {
        [(); 2].map(|()| {
            let mut peer = server.accept();
            peer.write(b"\x81\x02hi");
            peer
        })
    });
    let (say, said) = mpsc::channel();
    for (socket, _) in &sockets {
        let say = say.clone();
        socket.set_onmessage(move |_, event| {
            say.send(event.data.as_text().unwrap().to_owned()).unwrap();
        });
    }
    let mut events = mio::Events::with_capacity(4);
    let mut heard = Vec::new();
    while heard.len() < 2 {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            let it = sockets.iter_mut().find(|it| it.1.token() == event.token());
            if let Some((_, dispatcher)) = it {
                dispatcher.handle_event(event);
                assert!(dispatcher.run().is_pending());
            }
        }
        for (_, dispatcher) in &mut sockets {
            if dispatcher.wants_run() {
                assert!(dispatcher.run().is_pending());
            }
        }
        heard.extend(said.try_iter());
    }
    assert_eq!(heard, ["hi", "hi"]);
    drop(peers.join().unwrap());
}

#[test]
fn a_dispatcher_that_is_dropped() {
    let poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    let builder = over_mio::WebSocket::builder("ws://h/");
    let connected = builder.connect(poll.registry(), Token(1), &waker, &[]);
    let (socket, dispatcher) = connected.unwrap();
    assert!(!dispatcher.wants_run());
    let events = socket.events();
    assert!(dispatcher.wants_run());
    drop(dispatcher);
    is_over(&socket, events);
}
