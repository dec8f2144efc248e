//! Over the blocking adapter: a thread for each connection. Ctrl-C ends all of them at once.

use std::{
    io,
    net::{TcpListener, TcpStream},
    process,
    sync::Arc,
    thread,
};

use sansock::adapter::{self, blocking::Incoming};

use super::{PAUSE, Server, outcome, report, site::Answer, stop::on_interrupt};
use crate::terminal::tell;

pub(super) fn serve(listener: &TcpListener, server: &Arc<Server>) -> io::Result<()> {
    // Nothing wakes a thread that reads.
    on_interrupt(|| process::exit(0))?;
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                tell(format_args!("cannot accept: {error}"));
                thread::sleep(PAUSE);
                continue;
            }
        };
        let server = Arc::clone(server);
        let connection = move || report(peer, converse(stream, &server));
        if let Err(error) = thread::Builder::new().spawn(connection) {
            tell(format_args!("{peer}: cannot start a thread: {error}"));
        }
    }
}

fn converse(stream: TcpStream, server: &Server) -> Result<(), adapter::Error> {
    stream.set_nodelay(true)?;
    let incoming = Incoming::receive(server.wrap(stream)?, &server.config)?;
    let choice = match server.site.answer(incoming.request()) {
        Answer::Accept(choice) => choice,
        Answer::Reject(reject) => return incoming.reject(&reject),
    };
    let mut socket = incoming.accept(&choice.accept())?;
    // Lent events: nothing is copied but from the input to the output, and what one read brought is
    // answered by one write.
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
    outcome(socket.close_status())
}
