//! The echo over the adapters that tasks poll: tokio, and futures-io on smol.

use std::{
    io::{self, Write},
    rc::Rc,
};

use ::tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use futures_util::{SinkExt, StreamExt, future};
use sansock::{
    Event,
    adapter::{
        Error, futures,
        polled::{Io, Socket},
        tokio,
    },
    endpoint::EndpointEvent,
    proto::handshake::ClientRequest,
};
use smol::LocalExecutor;

use crate::{Mode, arguments::Arguments, config, timer::SmolTimer};

/// Serves on tokio until it is ended, on one thread.
///
/// # Errors
///
/// If the address cannot be listened on.
pub fn serve_tokio(arguments: &Arguments) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind(&arguments.listen).await?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let mode = arguments.mode;
        loop {
            let (stream, _) = listener.accept().await?;
            ::tokio::spawn(async move {
                stream.set_nodelay(true)?;
                echo(tokio::Socket::accept(stream, &config(mode)).await?, mode).await
            });
        }
    })
}

/// Serves on smol until it is ended, on one thread.
///
/// # Errors
///
/// If the address cannot be listened on.
pub fn serve_futures(arguments: &Arguments) -> io::Result<()> {
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        let listener = smol::net::TcpListener::bind(&arguments.listen).await?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let mode = arguments.mode;
        loop {
            let (stream, _) = listener.accept().await?;
            let connection = async move {
                stream.set_nodelay(true)?;
                let (timer, config) = (SmolTimer::default(), config(mode));
                let socket = futures::Socket::accept_with_timer(stream, timer, &config);
                echo(socket.await?, mode).await
            };
            executor.spawn(connection).detach();
        }
    }))
}

/// Runs every case of the suite's server on tokio and has it write its report.
///
/// # Errors
///
/// If the suite's server does not answer as it should.
pub fn run_cases_tokio(arguments: &Arguments) -> Result<(), Error> {
    let open = async |url: String, mode| Ok(tokio::connect(&url, &config(mode)).await?.0);
    runtime()?.block_on(run_cases(arguments, open))
}

/// Runs every case of the suite's server on smol and has it write its report.
///
/// # Errors
///
/// If the suite's server does not answer as it should.
pub fn run_cases_futures(arguments: &Arguments) -> Result<(), Error> {
    let open = async |url: String, mode| {
        let request = ClientRequest::from_url(&url)?;
        let connector = smol::net::TcpStream::connect((request.host(), request.port()));
        let (timer, config) = (SmolTimer::default(), config(mode));
        let open = futures::Socket::connect_with_timer(connector, timer, &request, &config);
        Ok(open.await?.0)
    };
    smol::block_on(run_cases(arguments, open))
}

async fn run_cases<T: Io>(
    arguments: &Arguments,
    open: impl AsyncFn(String, Mode) -> Result<Socket<T>, Error>,
) -> Result<(), Error> {
    let mut socket = open(arguments.resource("getCaseCount?"), Mode::Lent).await?;
    let count = socket.recv().await?;
    socket.end().await?;
    for case in 1..=crate::count(count.as_ref())? {
        let url = arguments.resource(&format!("runCase?case={case}&"));
        // How each case ends is for the suite to judge.
        let _ = echo(open(url, arguments.mode).await?, arguments.mode).await;
    }
    let mut socket = open(arguments.resource("updateReports?"), Mode::Lent).await?;
    while socket.recv().await?.is_some() {}
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

async fn echo<T: Io>(socket: Socket<T>, mode: Mode) -> Result<(), Error> {
    match mode {
        Mode::Recv => echo_owned(socket).await,
        Mode::Stream => echo_stream(socket).await,
        Mode::Split => echo_split(socket).await,
        Mode::Lent | Mode::Parts => echo_lent(socket).await,
    }
}

async fn echo_owned<T: Io>(mut socket: Socket<T>) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn echo_stream<T: Io>(mut socket: Socket<T>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        SinkExt::feed(&mut socket, message?).await?;
    }
    Ok(())
}

/// One future reads, another writes; a channel is between them.
async fn echo_split<T: Io>(socket: Socket<T>) -> Result<(), Error> {
    let (mut read, mut write) = socket.into_split();
    let (sender, mut receiver) = mpsc::channel(1);
    let reading = async move {
        while let Some(message) = read.recv().await? {
            if sender.send(message).await.is_err() {
                break;
            }
        }
        Ok::<_, Error>(())
    };
    let writing = async move {
        while let Some(message) = receiver.recv().await {
            write.send(message).await?;
        }
        Ok::<_, Error>(())
    };
    let (read, written) = future::join(reading, writing).await;
    read.and(written)
}

async fn echo_lent<T: Io>(mut socket: Socket<T>) -> Result<(), Error> {
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
