//! Over the mio adapter: a loop around mio's `Poll`, all connections on this thread.

use std::{collections::HashMap, io, net, process, sync::Arc, task::Poll::Ready, time::Instant};

use ::mio::{
    Events, Interest, Poll, Registry, Token, Waker,
    net::{TcpListener, TcpStream},
};
use sansock::{
    EndpointEvent, Event, State,
    adapter::{self, MaybeTls, mio::Socket},
};

use super::{
    PAUSE, Server, outcome, report,
    site::{Answer, Site},
    stop::{GRACE, going_away, on_interrupt},
};
use crate::terminal::tell;

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

type Connection = Socket<MaybeTls<TcpStream>>;

pub(super) fn serve(listener: net::TcpListener, server: &Server) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    // It must live on: what it has said is lost with it.
    let waker = Arc::new(Waker::new(registry, STOP)?);
    let shared = Arc::clone(&waker);
    on_interrupt(move || {
        if let Err(error) = shared.wake() {
            tell(format_args!("cannot stop in order: {error}"));
            process::exit(1);
        }
    })?;
    let mut sockets: HashMap<Token, Connection> = HashMap::new();
    let mut events = Events::with_capacity(1024);
    let mut next = 2;
    // mio tells of a change once: whether connections may wait that were not accepted.
    let mut waiting = false;
    let mut stop_at: Option<Instant> = None;
    loop {
        let pause = waiting.then_some(PAUSE);
        let stop = stop_at.map(|at| at.saturating_duration_since(Instant::now()));
        if stop.is_some_and(|left| left.is_zero() || sockets.is_empty()) {
            return Ok(());
        }
        let timeouts = sockets.values().filter_map(Socket::timeout);
        match poll.poll(&mut events, timeouts.chain(pause).chain(stop).min()) {
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
            waiting |= event.token() == LISTENER && stop_at.is_none();
            if event.token() == STOP {
                waiting = false;
                stop_at = Some(Instant::now() + GRACE);
                // Who has not asked yet has nothing to be told, and what ends anyhow goes on to.
                sockets.retain(|_, socket| socket.state() != State::Connecting);
                for socket in sockets.values_mut() {
                    let _ = socket.close(Some(&going_away()));
                }
                ready.extend(sockets.keys());
            }
            if let Some(socket) = sockets.get_mut(&event.token()) {
                socket.handle_event(event);
                ready.push(event.token());
            }
        }
        while waiting {
            match listener.accept() {
                Ok((stream, peer)) => {
                    let token = Token(next);
                    next += 1;
                    match admit(stream, server, poll.registry(), token) {
                        Ok(socket) => drop(sockets.insert(token, socket)),
                        // It has ended already, or the system takes no more: the others go on.
                        Err(error) => report(peer, Err(error)),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waiting = false,
                Err(error) => {
                    tell(format_args!("cannot accept: {error}"));
                    break; // mostly for lack of descriptors: again after a pause
                }
            }
        }
        for token in ready {
            let Some(socket) = sockets.get_mut(&token) else {
                continue; // it ended on an event before
            };
            match drive(socket, &server.site) {
                Ok(true) => continue,
                ended => {
                    let ended = ended.and_then(|_| outcome(socket.close_status()));
                    report(format_args!("connection {}", token.0), ended);
                }
            }
            sockets.remove(&token); // which closes the stream
        }
    }
}

/// A connection that was accepted, and is told of by `token` from here on.
fn admit(
    stream: TcpStream,
    server: &Server,
    registry: &Registry,
    token: Token,
) -> Result<Connection, adapter::Error> {
    stream.set_nodelay(true)?;
    let mut socket = Socket::accept(server.wrap(stream)?, &server.config);
    socket.register(registry, token)?;
    Ok(socket)
}

/// Echoes all that can be read without waiting; `false` once the connection is over.
fn drive(socket: &mut Connection, site: &Site) -> Result<bool, adapter::Error> {
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
                EndpointEvent::Request(request) => match site.answer(&request) {
                    Answer::Accept(choice) => reply.accept(&choice.accept())?,
                    Answer::Reject(reject) => reply.reject(&reject)?,
                },
                EndpointEvent::Event(Event::Message(message)) => reply.send(message)?,
                _ => {}
            }
        }
    }
    Ok(true)
}
