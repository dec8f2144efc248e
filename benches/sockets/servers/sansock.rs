//! sansock's adapters, as their documentation says.

#[path = "../../../autobahn/src/timer.rs"]
#[expect(unreachable_pub, reason = "another package's own")]
mod timer;

use std::{
    convert::Infallible,
    net,
    sync::{Arc, LazyLock},
    task::Poll::{Pending, Ready},
    time::Duration,
};

use mio::event::Event as Edge;
use sansock::{Config, EndpointEvent, Event, adapter, proto::Connection};
use tokio::net::TcpStream;

use self::timer::SmolTimer;
use super::{
    LARGEST,
    on_mio::{self, Turn},
    on_tokio::forward,
};
use crate::Outcome;

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let largest = LARGEST as u64;
    Arc::new(
        Config::default()
            .max_message_size(largest)
            .max_frame_size(largest),
    )
});

/// On mio.
pub(super) type Socket = adapter::mio::Socket<mio::net::TcpStream>;

impl on_mio::Connection for Socket {
    type News = Infallible;

    // Deadlines are half a minute away.
    const TICK: Option<Duration> = Some(Duration::from_secs(1));

    fn new(stream: mio::net::TcpStream) -> Self {
        Self::from_parts(stream, Connection::server(&CONFIG), Vec::new())
    }

    fn stream(&mut self) -> &mut mio::net::TcpStream {
        self.get_mut()
    }

    fn handle(&mut self, event: &Edge) -> Outcome<Turn<Infallible>> {
        self.handle_event(event);
        drive(self)
    }

    fn tick(&mut self) -> Outcome<Turn<Infallible>> {
        if self.timeout().is_some_and(|left| left.is_zero()) {
            drive(self)
        } else {
            Ok(Turn::Waits)
        }
    }
}

fn drive(socket: &mut Socket) -> Outcome<Turn<Infallible>> {
    loop {
        // Who does not read gets no more answers until it does.
        if !socket.can_send() && socket.flush().is_pending() {
            return Ok(Turn::Waits);
        }
        match socket.fill() {
            Pending => return Ok(Turn::Waits),
            Ready(goes_on) => {
                if !goes_on? {
                    return Ok(Turn::Over);
                }
            }
        }
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let EndpointEvent::Event(Event::Message(message)) = event {
                reply.send(message)?;
            }
        }
    }
}

fn socket(stream: TcpStream) -> adapter::tokio::Socket<TcpStream> {
    adapter::tokio::Socket::from_parts(stream, Connection::server(&CONFIG), Vec::new())
}

/// On tokio: events that borrow what was read.
pub(super) fn lent(stream: TcpStream) -> impl Future<Output = Outcome> {
    let mut socket = socket(stream);
    async move {
        while socket.fill().await? {
            while let Some((event, mut reply)) = socket.next_with_reply() {
                if let Some(message) = event.into_message() {
                    reply.send(message)?;
                }
            }
            if !socket.can_send() {
                socket.flush().await?;
            }
        }
        Ok(())
    }
}

/// On tokio: messages of one's own.
pub(super) fn owned(stream: TcpStream) -> impl Future<Output = Outcome> {
    let mut socket = socket(stream);
    async move {
        while let Some(message) = socket.recv().await? {
            socket.feed(message).await?;
        }
        Ok(())
    }
}

/// On tokio: `Stream` and `Sink`.
pub(super) fn stream(stream: TcpStream) -> impl Future<Output = Outcome> {
    forward(socket(stream))
}

/// On smol, by its timer: events that borrow what was read.
pub(super) fn futures(stream: smol::net::TcpStream) -> impl Future<Output = Outcome> {
    let connection = Connection::server(&CONFIG);
    let mut socket = adapter::futures::Socket::from_parts(stream, connection, Vec::new())
        .with_timer(SmolTimer::default());
    async move {
        while socket.fill().await? {
            while let Some((event, mut reply)) = socket.next_with_reply() {
                if let Some(message) = event.into_message() {
                    reply.send(message)?;
                }
            }
            if !socket.can_send() {
                socket.flush().await?;
            }
        }
        Ok(())
    }
}

/// In a thread of its own: events that borrow what was read.
pub(super) fn blocking(stream: net::TcpStream) -> Outcome {
    let connection = Connection::server(&CONFIG);
    let mut socket = adapter::blocking::Socket::from_parts(stream, connection, Vec::new())?;
    while socket.fill()? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        if !socket.can_send() {
            socket.flush()?;
        }
    }
    Ok(())
}
