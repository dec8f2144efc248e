//! Over the mio adapter: a loop around mio's `Poll`, all connections on this thread.

use std::{collections::HashMap, error::Error, io, net, sync::Arc, task::Poll::Ready};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use sansock::{
    Config, Event,
    adapter::{self, mio::Socket},
    endpoint::EndpointEvent,
    proto::handshake::Accept,
};

use crate::PAUSE;

const LISTENER: Token = Token(0);

pub(crate) fn serve(listener: net::TcpListener) -> Result<(), Box<dyn Error>> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let config = Arc::new(Config::default());
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut sockets: HashMap<Token, Socket<TcpStream>> = HashMap::new();
    let mut events = Events::with_capacity(1024);
    let mut next = 1;
    // mio tells of a change once: whether connections may wait that were not accepted.
    let mut waiting = false;
    loop {
        let pause = waiting.then_some(PAUSE);
        let timeouts = sockets.values().filter_map(Socket::timeout);
        match poll.poll(&mut events, timeouts.chain(pause).min()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        // Those whose time has come, and those that an event is for.
        let mut ready: Vec<Token> = sockets
            .iter()
            .filter(|(_, socket)| socket.timeout().is_some_and(|timeout| timeout.is_zero()))
            .map(|(token, _)| *token)
            .collect();
        for event in &events {
            waiting |= event.token() == LISTENER;
            if let Some(socket) = sockets.get_mut(&event.token()) {
                socket.handle_event(event);
                ready.push(event.token());
            }
        }
        while waiting {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    let mut socket = Socket::accept(stream, &config);
                    socket.register(poll.registry(), Token(next))?;
                    sockets.insert(Token(next), socket);
                    next += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waiting = false,
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    break; // mostly for lack of descriptors: again after a pause
                }
            }
        }
        for token in ready {
            let Some(socket) = sockets.get_mut(&token) else {
                continue; // it ended on an event before
            };
            let goes_on = echo(socket);
            if let Err(error) = &goes_on {
                eprintln!("connection {}: {error}", token.0);
            }
            if !matches!(goes_on, Ok(true)) {
                sockets.remove(&token); // which closes the stream
            }
        }
    }
}

/// Echoes all that can be read without waiting; `false` once the connection is over.
fn echo(socket: &mut Socket<TcpStream>) -> Result<bool, adapter::Error> {
    // Who does not read gets no more answers until it does: asked before each read, for the event
    // that brought us here may be of more to read.
    while socket.can_send() || socket.flush().is_ready() {
        let Ready(goes_on) = socket.fill() else {
            break;
        };
        if !goes_on? {
            return Ok(false);
        }
        while let Some((event, mut reply)) = socket.next_with_reply() {
            match event {
                EndpointEvent::Request(_) => reply.accept(&Accept::new())?,
                EndpointEvent::Event(Event::Message(message)) => reply.send(message)?,
                _ => {}
            }
        }
    }
    Ok(true)
}
