//! The echo over the tokio adapter.

use std::io::{self, Write};

use futures_util::{SinkExt, StreamExt};
use sansock::{
    Event,
    adapter::{
        Error,
        tokio::{Socket, connect},
    },
    endpoint::EndpointEvent,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

use crate::{Mode, arguments::Arguments, config};

/// Serves until it is ended, on one thread.
///
/// # Errors
///
/// If the address cannot be listened on.
pub fn serve(arguments: &Arguments) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind(&arguments.listen).await?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let mode = arguments.mode;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                echo(&mut Socket::accept(stream, &config(mode)).await?, mode).await
            });
        }
    })
}

/// Runs every case of the suite's server and has it write its report.
///
/// # Errors
///
/// If the suite's server does not answer as it should.
pub fn run_cases(arguments: &Arguments) -> Result<(), Error> {
    runtime()?.block_on(async {
        let (mut socket, _) =
            connect(&arguments.resource("getCaseCount?"), &config(Mode::Lent)).await?;
        let count = socket.recv().await?;
        socket.end().await?;
        for case in 1..=crate::count(count.as_ref())? {
            let url = arguments.resource(&format!("runCase?case={case}&"));
            let (mut socket, _) = connect(&url, &config(arguments.mode)).await?;
            // How each case ends is for the suite to judge.
            let _ = echo(&mut socket, arguments.mode).await;
        }
        let (mut socket, _) =
            connect(&arguments.resource("updateReports?"), &config(Mode::Lent)).await?;
        while socket.recv().await?.is_some() {}
        Ok(())
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn echo(socket: &mut Socket<TcpStream>, mode: Mode) -> Result<(), Error> {
    match mode {
        Mode::Recv => echo_owned(socket).await,
        Mode::Stream => echo_stream(socket).await,
        Mode::Lent | Mode::Parts => echo_lent(socket).await,
    }
}

async fn echo_owned(socket: &mut Socket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn echo_stream(socket: &mut Socket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        SinkExt::feed(socket, message?).await?;
    }
    Ok(())
}

async fn echo_lent(socket: &mut Socket<TcpStream>) -> Result<(), Error> {
    while socket.fill().await? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            // A message that cannot be sent any more is the end's to report.
            let _ = match event {
                EndpointEvent::Event(Event::Message(message)) => reply.send(message),
                EndpointEvent::Event(Event::Part(part)) => reply.send_part(part),
                _ => Ok(()),
            };
        }
        if !socket.can_send() {
            socket.flush().await?;
        }
    }
    Ok(())
}
