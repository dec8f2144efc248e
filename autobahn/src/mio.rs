//! The echo over the mio adapter, on one thread.

use std::{
    collections::HashMap,
    io::{self, Write},
    net::ToSocketAddrs,
    task::Poll::Ready,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use sansock::{
    Event,
    adapter::{Error, mio::Socket},
    endpoint::EndpointEvent,
    proto::handshake::{Accept, ClientRequest},
};

use crate::{Mode, arguments::Arguments, config};

const LISTENER: Token = Token(0);

/// Serves until it is ended.
///
/// # Errors
///
/// If the address cannot be listened on, or the system's poll fails.
pub fn serve(arguments: &Arguments) -> io::Result<()> {
    let address = address(&arguments.listen)?;
    let mut listener = TcpListener::bind(address)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut sockets = HashMap::new();
    let mut next = 1;
    let mut events = Events::with_capacity(1024);
    loop {
        let timeout = sockets.values().filter_map(Socket::timeout).min();
        wait(&mut poll, &mut events, timeout)?;
        for event in &events {
            if let Some(socket) = sockets.get_mut(&event.token()) {
                Socket::<TcpStream>::handle_event(socket, event);
            }
            while event.token() == LISTENER
                && let Ok((stream, _)) = listener.accept()
            {
                stream.set_nodelay(true)?;
                let mut socket = Socket::accept(stream, &config(arguments.mode));
                socket.register(poll.registry(), Token(next))?;
                sockets.insert(Token(next), socket);
                next += 1;
            }
        }
        sockets.retain(|_, socket| drive(socket, arguments.mode).is_ok_and(|goes_on| goes_on));
    }
}

/// Runs every case of the suite's server and has it write its report.
///
/// # Errors
///
/// If the suite's server does not answer as it should.
pub fn run_cases(arguments: &Arguments) -> Result<(), Error> {
    let mut poll = Poll::new()?;
    let mut count = None;
    converse(
        &mut poll,
        &arguments.resource("getCaseCount?"),
        Mode::Recv,
        |socket| {
            let received = socket.recv();
            if let Ready(Ok(Some(message))) = &received {
                count = message
                    .as_text()
                    .and_then(|text| text.trim().parse::<u32>().ok());
            }
            Ok(received.is_pending() || matches!(received, Ready(Ok(Some(_)))))
        },
    )?;
    let count = count.ok_or_else(|| io::Error::other("the suite's server gave no case count"))?;
    for case in 1..=count {
        let url = arguments.resource(&format!("runCase?case={case}&"));
        converse(&mut poll, &url, arguments.mode, |socket| {
            drive(socket, arguments.mode)
        })?;
    }
    converse(
        &mut poll,
        &arguments.resource("updateReports?"),
        Mode::Lent,
        |socket| drive(socket, Mode::Lent),
    )
}

/// Connects, and drives the connection as long as it goes on.
fn converse(
    poll: &mut Poll,
    url: &str,
    mode: Mode,
    mut drive: impl FnMut(&mut Socket<TcpStream>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let request = ClientRequest::from_url(url)?;
    let stream = TcpStream::connect(address(&(request.host(), request.port()))?)?;
    let mut socket = Socket::connect(stream, &request, &config(mode))?;
    socket.register(poll.registry(), Token(1))?;
    let mut events = Events::with_capacity(8);
    loop {
        wait(poll, &mut events, socket.timeout())?;
        for event in &events {
            socket.handle_event(event);
        }
        // How a connection ends is for the suite to judge.
        if !drive(&mut socket).unwrap_or(false) {
            return Ok(());
        }
    }
}

/// Echoes all that can be read without waiting; `false` once the connection is over.
fn drive(socket: &mut Socket<TcpStream>, mode: Mode) -> Result<bool, Error> {
    if mode == Mode::Recv && socket.state() != sansock::State::Connecting {
        return echo_owned(socket);
    }
    // Who does not read gets no more answers until it does.
    while socket.can_send() || socket.flush().is_ready() {
        let Ready(goes_on) = socket.fill() else {
            break;
        };
        while let Some((event, mut reply)) = socket.next_with_reply() {
            // A message that cannot be sent any more is the end's to report.
            let _ = match event {
                EndpointEvent::Request(_) => {
                    reply.accept(&Accept::new())?;
                    Ok(())
                }
                EndpointEvent::Event(Event::Message(message)) => reply.send(message),
                EndpointEvent::Event(Event::Part(part)) => reply.send_part(part),
                _ => Ok(()),
            };
        }
        if !goes_on? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn echo_owned(socket: &mut Socket<TcpStream>) -> Result<bool, Error> {
    while socket.can_send() || socket.flush().is_ready() {
        match socket.recv() {
            Ready(Ok(Some(message))) => {
                let _ = socket.send(message);
            }
            Ready(_) => return Ok(false),
            _ => break,
        }
    }
    Ok(true)
}

fn wait(
    poll: &mut Poll,
    events: &mut Events,
    timeout: Option<std::time::Duration>,
) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result,
    }
}

fn address(name: &impl ToSocketAddrs) -> io::Result<std::net::SocketAddr> {
    let mut addresses = name.to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| io::Error::other("the host has no address"))
}
