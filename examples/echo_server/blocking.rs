//! Over the blocking adapter: a thread for each connection.

use std::{
    error::Error,
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use sansock::{
    Config,
    adapter::{self, blocking::Socket},
};

use crate::PAUSE;

pub(crate) fn serve(listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default());
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("cannot accept: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        let config = Arc::clone(&config);
        let started = thread::Builder::new().spawn(move || {
            if let Err(error) = echo(stream, &config) {
                eprintln!("{peer}: {error}");
            }
        });
        if let Err(error) = started {
            eprintln!("{peer}: cannot start a thread: {error}");
        }
    }
}

/// Lent events: nothing is copied but from the input to the output, and what one read brought is
/// answered by one write.
fn echo(stream: TcpStream, config: &Arc<Config>) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let mut socket = Socket::accept(stream, config)?;
    while socket.fill()? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        // Who does not read gets no more answers until it does.
        if !socket.can_send() {
            socket.flush()?;
        }
    }
    Ok(())
}
