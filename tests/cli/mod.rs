//! What the suites of the command share: how it is run, and servers for it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
};

use sansock::{
    Config,
    adapter::blocking::{Socket, Stream},
};

use crate::program::{Ended, Program};

/// The command with these arguments.
pub(crate) fn sansock(arguments: &[&str]) -> Program {
    // Colours are asked for in vain: none of the streams is a terminal.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sansock"));
    Program::start(command.args(arguments).env_remove("NO_COLOR"))
}

/// It ended with code 1 and one line of what and one of what to do, which hold this.
pub(crate) fn failed(ended: &Ended, said: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("sansock: "), "{ended:?}");
    for said in said {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
}

/// A server that takes one stream; its URL, and its end.
pub(crate) fn listen(take: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || take(listener.accept().unwrap().0));
    (url, server)
}

/// A server of one connection.
pub(crate) fn serve(
    config: Config,
    talk: impl FnOnce(&mut Socket<TcpStream>) + Send + 'static,
) -> (String, JoinHandle<()>) {
    listen(move |stream| {
        stream.set_nodelay(true).unwrap();
        talk(&mut Socket::accept(stream, &Arc::new(config)).unwrap());
    })
}

/// A server of so many connections at once.
pub(crate) fn serve_many(
    connections: usize,
    talk: fn(&mut Socket<TcpStream>),
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                thread::spawn(move || {
                    talk(&mut Socket::accept(stream, &Arc::new(Config::default())).unwrap());
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
    (url, server)
}

/// A server of any number of connections, until the test is over; its URL.
pub(crate) fn serve_all(talk: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (talk, stream) = (talk.clone(), stream.unwrap());
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || talk(stream));
        }
    });
    url
}

/// Sends everything back, whatever the end.
pub(crate) fn echo_to_the_end(stream: impl Stream, config: Config) {
    if let Ok(mut socket) = Socket::accept(stream, &Arc::new(config)) {
        while let Ok(Some(message)) = socket.recv() {
            if socket.send(message).is_err() {
                return;
            }
        }
    }
}

/// Sends everything back, to the end, which must be clean.
pub(crate) fn echo(socket: &mut Socket<TcpStream>) {
    while socket.fill().unwrap() {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message).unwrap();
            }
        }
        if !socket.can_send() {
            socket.flush().unwrap();
        }
    }
    assert!(socket.close_status().unwrap().clean);
}
