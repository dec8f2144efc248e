//! A loop around mio's `Poll`, all connections on this thread.

use std::{
    io::ErrorKind,
    net,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token,
    event::Event,
    net::{TcpListener, TcpStream},
};

use crate::Outcome;

/// One connection.
pub(super) trait Connection: Sized {
    /// What one connection heard and all are told.
    type News;

    /// How often [`tick`](Self::tick) is called at least.
    const TICK: Option<Duration> = None;

    fn new(stream: TcpStream) -> Self;

    fn stream(&mut self) -> &mut TcpStream;

    /// Does all that can be done without waiting.
    fn handle(&mut self, event: &Event) -> Outcome<Turn<Self::News>>;

    /// Looks at the time.
    fn tick(&mut self) -> Outcome<Turn<Self::News>> {
        Ok(Turn::Waits)
    }

    /// Is told what another one heard.
    fn tell(&mut self, _news: &Self::News) -> Outcome {
        Ok(())
    }
}

/// What came of an event.
#[derive(Debug)]
pub(super) enum Turn<N> {
    Waits,
    Tell(N),
    Over,
}

const LISTENER: Token = Token(usize::MAX);

pub(super) fn serve<C: Connection>(listener: net::TcpListener) -> Outcome {
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<C>> = Vec::new();
    let mut ticked = Instant::now();
    loop {
        match poll.poll(&mut events, C::TICK) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
                continue;
            }
            let at = event.token().0;
            let Some(connection) = &mut connections[at] else {
                continue;
            };
            match connection.handle(event) {
                Ok(Turn::Waits) => {}
                Ok(Turn::Tell(news)) => {
                    for connection in connections.iter_mut().flatten() {
                        connection.tell(&news)?;
                    }
                }
                Ok(Turn::Over) => connections[at] = None,
                Err(error) => {
                    eprintln!("connection {at}: {error}");
                    connections[at] = None;
                }
            }
        }
        if C::TICK.is_some_and(|tick| ticked.elapsed() >= tick) {
            ticked = Instant::now();
            for slot in &mut connections {
                if let Some(connection) = slot
                    && matches!(connection.tick(), Ok(Turn::Over) | Err(_))
                {
                    *slot = None;
                }
            }
        }
    }
}

/// Accepts all that wait: mio tells of them once.
fn accept<C: Connection>(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<C>>,
) -> Outcome {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nodelay(true)?;
                let mut connection = C::new(stream);
                let interest = Interest::READABLE | Interest::WRITABLE;
                let token = Token(connections.len());
                poll.registry()
                    .register(connection.stream(), token, interest)?;
                connections.push(Some(connection));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
