//! The echo over the blocking adapter.

use std::{
    io::{self, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use sansock::{
    Event,
    adapter::{
        Error,
        blocking::{CloneStream, Socket, Stream, connect},
    },
    endpoint::EndpointEvent,
};

use crate::{Mode, arguments::Arguments, config};

/// Serves until it is ended.
///
/// # Errors
///
/// If the address cannot be listened on.
pub fn serve(arguments: &Arguments) -> io::Result<()> {
    let listener = TcpListener::bind(&arguments.listen)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let mode = arguments.mode;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || -> Result<(), Error> {
            stream.set_nodelay(true)?;
            echo(Socket::accept(stream, &config(mode))?, mode)
        });
    }
    Ok(())
}

/// Runs every case of the suite's server and has it write its report.
///
/// # Errors
///
/// If the suite's server does not answer as it should.
pub fn run_cases(arguments: &Arguments) -> Result<(), Error> {
    let (mut socket, _) = connect(&arguments.resource("getCaseCount?"), &config(Mode::Lent))?;
    let count = socket.recv()?;
    socket.end()?;
    for case in 1..=crate::count(count.as_ref())? {
        let url = arguments.resource(&format!("runCase?case={case}&"));
        let (socket, _) = connect(&url, &config(arguments.mode))?;
        // How each case ends is for the suite to judge.
        let _ = echo(socket, arguments.mode);
    }
    let (mut socket, _) = connect(&arguments.resource("updateReports?"), &config(Mode::Lent))?;
    while socket.recv()?.is_some() {}
    Ok(())
}

fn echo<S: CloneStream + Send + 'static>(mut socket: Socket<S>, mode: Mode) -> Result<(), Error> {
    match mode {
        Mode::Recv => echo_owned(&mut socket),
        Mode::Split => echo_split(socket),
        _ => echo_lent(&mut socket),
    }
}

/// One thread reads, another writes. The reader waits until the writer has sent: the suite expects
/// each message's echo before our Close for what it does wrong behind it.
fn echo_split<S: CloneStream + Send + 'static>(socket: Socket<S>) -> Result<(), Error> {
    let (mut read, mut write) = socket.into_split()?;
    let (to_writer, messages) = mpsc::sync_channel(1);
    let (to_reader, sent) = mpsc::sync_channel(1);
    let writing = thread::spawn(move || -> Result<(), Error> {
        for message in messages {
            write.send(message)?;
            if to_reader.send(()).is_err() {
                break;
            }
        }
        Ok(())
    });
    while let Some(message) = read.recv()? {
        if to_writer.send(message).is_err() || sent.recv().is_err() {
            break;
        }
    }
    drop(to_writer);
    writing.join().unwrap_or(Ok(()))
}

fn echo_owned(socket: &mut Socket<impl Stream>) -> Result<(), Error> {
    while let Some(message) = socket.recv()? {
        socket.send(message)?;
    }
    Ok(())
}

fn echo_lent(socket: &mut Socket<impl Stream>) -> Result<(), Error> {
    while socket.fill()? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            // A message that cannot be sent any more is the end's to report.
            let _ = match event {
                EndpointEvent::Event(Event::Message(message)) => reply.send(message),
                EndpointEvent::Event(Event::Part(part)) => reply.send_part(part),
                _ => Ok(()),
            };
        }
        if !socket.can_send() {
            socket.flush()?;
        }
    }
    Ok(())
}
