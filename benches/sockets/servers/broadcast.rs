//! One connection's message is told to all.

use std::{
    io::{ErrorKind, Read, Write},
    sync::Arc,
    task::Poll::Ready,
};

use mio::{event::Event as Edge, net::TcpStream};
use sansock::{Config, EndpointEvent, Event, Prepared, adapter::mio::Socket, proto};

use super::on_mio::{Connection, Turn};
use crate::Outcome;

/// Bytes are told as they came.
#[derive(Debug)]
pub(super) struct Raw(TcpStream);

impl Connection for Raw {
    type News = Vec<u8>;

    fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    fn stream(&mut self) -> &mut TcpStream {
        &mut self.0
    }

    fn handle(&mut self, _event: &Edge) -> Outcome<Turn<Vec<u8>>> {
        let mut bytes = vec![0; 64 << 10];
        match self.0.read(&mut bytes) {
            Ok(0) => Ok(Turn::Over),
            Ok(n) => {
                bytes.truncate(n);
                Ok(Turn::Tell(bytes))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Turn::Waits),
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&mut self, news: &Vec<u8>) -> Outcome {
        // The next message comes when all have this one: there is room.
        Ok(self.0.write_all(news)?)
    }
}

/// A message is framed once.
#[derive(Debug)]
pub(super) struct Sansock(Socket<TcpStream>);

impl Connection for Sansock {
    type News = Prepared;

    fn new(stream: TcpStream) -> Self {
        thread_local! {
            static CONFIG: Arc<Config> = Arc::default();
        }
        let connection = CONFIG.with(proto::Connection::server);
        Self(Socket::from_parts(stream, connection, Vec::new()))
    }

    fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    fn handle(&mut self, event: &Edge) -> Outcome<Turn<Prepared>> {
        self.0.handle_event(event);
        let mut turn = Turn::Waits;
        while let Ready(goes_on) = self.0.fill() {
            if !goes_on? {
                return Ok(Turn::Over);
            }
            while let Some(event) = self.0.next_event() {
                if let EndpointEvent::Event(Event::Message(message)) = event {
                    turn = Turn::Tell(Prepared::new(message));
                }
            }
        }
        Ok(turn)
    }

    fn tell(&mut self, news: &Prepared) -> Outcome {
        Ok(self.0.send_prepared(news)?)
    }
}
