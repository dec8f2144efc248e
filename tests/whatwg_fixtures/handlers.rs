//! Handlers that keep to the protocol, over this crate's blocking adapter.

use std::{io, sync::Arc, time::Instant};

use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, DeflateConfig, Event, Message, State,
    adapter::{
        Error,
        blocking::{self, Incoming, Socket},
    },
    proto::{
        Connection,
        handshake::{Accept, Reject, ServerHandshake},
    },
};

use super::{Exchange, wire::Replayed};

/// The paths that have a handler, without their slash.
pub(crate) const HANDLERS: [&str; 26] = [
    "basic_auth",
    "delayed-passive-close",
    "echo",
    "echo-query",
    "echo_close_data",
    "echo_exit",
    "echo_raw",
    "empty-message",
    "handshake_no_extensions",
    "handshake_no_protocol",
    "handshake_protocol",
    "handshake_sleep_2",
    "invalid",
    "origin",
    "passive-close-abort",
    "protocol",
    "protocol_array",
    "receive-backpressure",
    "receive-many-with-backpressure",
    "received-301",
    "referrer",
    "remote-close",
    "send-backpressure",
    "simple_handshake",
    "sleep_10",
    "wrong_accept_key",
];

/// The text at which an echo closes.
const GOODBYE: Message<'static> = Message::Text(std::borrow::Cow::Borrowed("Goodbye"));

/// `foo` and `bar`, as a user and a password.
const FOO_BAR: &str = "Basic Zm9vOmJhcg==";

/// How a handler ends: with what the engine says, or none if it wrote bytes.
type Ended = Result<CloseStatus, Box<dyn std::error::Error>>;

type Opened<S> = Result<Socket<Replayed<S>>, Error>;

pub(super) fn handle<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    let path = exchange.head.path().to_owned();
    match path.trim_start_matches('/') {
        "basic_auth" => basic_auth(exchange),
        "delayed-passive-close" => bytes(exchange.delayed_passive_close()),
        "echo" => echo(exchange),
        "echo-query" => {
            let query = exchange.head.query().to_owned();
            say(exchange.open(None)?, query)
        }
        // Both only listen until they are told to close; a Close is answered by its code.
        "echo_close_data" | "echo_exit" => listen(exchange.open(None)?),
        "echo_raw" => echo_raw(exchange.open(None)?),
        "empty-message" => empty_message(exchange.open(None)?),
        "handshake_no_extensions" => finish(exchange.plain()?),
        "handshake_no_protocol" => finish(exchange.open(None)?),
        "handshake_protocol" => bytes(exchange.handshake_protocol()),
        "handshake_sleep_2" => {
            exchange.wait();
            finish(exchange.open(None)?)
        }
        "invalid" => bytes(exchange.invalid()),
        "origin" => {
            let origin = exchange.head.field("Origin").unwrap_or("none").to_owned();
            say(exchange.open(None)?, origin)
        }
        "passive-close-abort" => bytes(exchange.passive_close_abort()),
        // The first one selects what stands in the field, which must be a single name.
        "protocol" | "protocol_array" => {
            let offered = exchange.head.subprotocols().next().map(str::to_owned);
            let socket = exchange.open(offered.as_deref())?;
            say(socket, offered.unwrap_or_else(|| "none".to_owned()))
        }
        "receive-backpressure" => receive_backpressure(exchange),
        "receive-many-with-backpressure" => receive_many_with_backpressure(exchange),
        "received-301" => {
            let to = exchange.head.field("Host").unwrap_or_default();
            let to = format!("http://{to}/echo");
            exchange.refuse(&Reject::new(301).header("Location", &to))
        }
        "referrer" => {
            let referrer = exchange.head.field("Referer").unwrap_or("none").to_owned();
            say(exchange.open(None)?, referrer)
        }
        "remote-close" => remote_close(exchange),
        "send-backpressure" => send_backpressure(exchange),
        "simple_handshake" => bytes(exchange.simple_handshake()),
        "sleep_10" => {
            exchange.wait();
            echo(exchange)
        }
        "wrong_accept_key" => bytes(exchange.wrong_accept_key()),
        _ => exchange.refuse(&Reject::new(404)),
    }
}

/// No engine took part.
fn bytes(result: io::Result<()>) -> Ended {
    result?;
    Err("bytes were all".into())
}

impl<S: blocking::Stream> Exchange<S> {
    /// Accepts with that subprotocol, and with deflate if it is offered and the settings say so.
    fn open(self, subprotocol: Option<&str>) -> Opened<S> {
        let deflate = self.shared.settings.deflate.then(DeflateConfig::new);
        self.accept(subprotocol, deflate)
    }

    /// Accepts with no extension.
    fn plain(self) -> Opened<S> {
        self.accept(None, None)
    }

    fn accept(self, subprotocol: Option<&str>, deflate: Option<DeflateConfig>) -> Opened<S> {
        let mut accept = Accept::new().deflate(deflate);
        if let Some(name) = subprotocol {
            accept = accept.subprotocol(name);
        }
        self.incoming()?.accept(&accept)
    }

    /// Selects `echo` if it is offered, and leaves the connection to the caller.
    fn connect(&self, out: &mut Vec<u8>) -> Result<Connection, Box<dyn std::error::Error>> {
        let deflate = self.shared.settings.deflate.then(DeflateConfig::new);
        let mut accept = Accept::new().deflate(deflate);
        if self.head.subprotocols().any(|name| name == "echo") {
            accept = accept.subprotocol("echo");
        }
        let mut handshake = ServerHandshake::new(&Arc::new(Config::default()));
        let mut head = self.head.0.clone().into_bytes();
        handshake.receive(&mut &mut head[..], out)?;
        let (connection, _) = handshake.accept(&accept, out).map_err(|(_, error)| error)?;
        Ok(connection)
    }

    fn refuse(self, reject: &Reject<'_>) -> Ended {
        self.incoming()?.reject(reject)?;
        Err("the request was refused".into())
    }

    fn incoming(self) -> Result<Incoming<Replayed<S>>, Error> {
        let stream = Replayed::new(&self.head, self.stream);
        Incoming::receive(stream, &Arc::new(Config::default()))
    }
}

/// Closes with 1000, unless a closing handshake has begun, and waits for the end.
fn finish<S: blocking::Stream>(mut socket: Socket<S>) -> Ended {
    if socket.state() == State::Open {
        socket.close(Some(&CloseFrame::new(CloseCode::NORMAL, "")))?;
    }
    Ok(socket.end()?)
}

/// Sends a text, and closes.
fn say<S: blocking::Stream>(mut socket: Socket<S>, text: String) -> Ended {
    socket.send(text)?;
    finish(socket)
}

/// Sends back what comes, and a Close with its reason, which our sockets answer by its code alone:
/// so this is over the engine's halves.
fn echo<S: blocking::Stream>(mut exchange: Exchange<S>) -> Ended {
    let mut out = Vec::new();
    let (mut receive, mut send) = exchange.connect(&mut out)?.into_split();
    let mut buffer = vec![0; 64 << 10];
    while !send.is_finished() {
        exchange.stream.write_all(&out)?;
        out.clear();
        let n = exchange.stream.read(&mut buffer)?;
        if n == 0 {
            receive.receive_eof();
        }
        let mut input = &mut buffer[..n];
        // What is wrong with an input is told by a signal as well.
        while let Ok(Some(event)) = receive.receive(&mut input) {
            match event {
                Event::Message(message) if send.state() == State::Open => {
                    send.send(&message, &mut out)?;
                    if message == GOODBYE {
                        send.close(Some(&CloseFrame::new(CloseCode::NORMAL, "")), &mut out)?;
                    }
                }
                Event::Close(frame) if send.state() == State::Open => {
                    send.close(frame.as_ref(), &mut out)?;
                }
                _ => {}
            }
        }
        while let Some(signal) = receive.take_signal() {
            send.apply(&signal, &mut out);
        }
    }
    exchange.stream.write_all(&out)?;
    exchange.end()?;
    Ok(send.close_status().cloned().ok_or("no end")?)
}

fn listen<S: blocking::Stream>(mut socket: Socket<S>) -> Ended {
    while let Some(message) = socket.recv()? {
        if message == GOODBYE {
            break;
        }
    }
    finish(socket)
}

/// What a message holds goes on the wire as it is: a client can have any frame sent to it.
fn echo_raw<S: blocking::Stream>(mut socket: Socket<S>) -> Ended {
    while let Some(message) = socket.recv()? {
        if message.as_bytes() == b"exit" {
            break;
        }
        socket.get_mut().write_all(message.as_bytes())?;
    }
    finish(socket)
}

/// Whether the first message is an empty text.
fn empty_message<S: blocking::Stream>(mut socket: Socket<S>) -> Ended {
    let first = socket.recv()?;
    let is_empty = first == Some(Message::from(""));
    say(socket, if is_empty { "pass" } else { "fail" }.to_owned())
}

fn basic_auth<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    if exchange.head.field("Authorization") == Some(FOO_BAR) {
        finish(exchange.open(None)?)
    } else {
        let challenge = "Basic realm=\"fixtures\"";
        exchange.refuse(&Reject::new(401).header("WWW-Authenticate", challenge))
    }
}

/// Reads a message late, and says how long it is.
fn receive_backpressure<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    let shared = exchange.shared.clone();
    let path = exchange.head.path().to_owned();
    let mut socket = exchange.plain()?;
    shared.wait(&path);
    let len = socket.recv()?.map_or(0, |message| message.len());
    say(socket, len.to_string())
}

/// Reads each message late, and says how long it is.
fn receive_many_with_backpressure<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    let shared = exchange.shared.clone();
    let path = exchange.head.path().to_owned();
    let mut socket = exchange.plain()?;
    loop {
        shared.wait(&path);
        let Some(message) = socket.recv()? else {
            return finish(socket);
        };
        socket.send(message.len().to_string())?;
    }
}

/// Sends an empty message, a burst, and the seconds that it took until all of it was written.
fn send_backpressure<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    let (count, size) = exchange.shared.settings.burst;
    let mut socket = exchange.plain()?;
    let start = Instant::now();
    socket.send(&b""[..])?;
    for _ in 0..count {
        socket.send(vec![b' '; size])?;
        socket.flush()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    say(socket, format!("{seconds:.3}"))
}

/// `?code=1000&reason=text` closes so, nothing without a body; `?abrupt=1` ends TCP after a Ping.
fn remote_close<S: blocking::Stream>(exchange: Exchange<S>) -> Ended {
    let head = exchange.head.clone();
    let mut socket = exchange.open(None)?;
    if head.parameter("abrupt").is_some() {
        socket.ping(b"ping")?;
        socket.flush()?;
        let mut stream = socket.into_parts().stream;
        blocking::Stream::shutdown_write(&mut stream)?;
        io::copy(&mut stream, &mut io::sink())?;
        return Err("TCP was ended".into());
    }
    let code = head.parameter("code").map(str::parse).transpose()?;
    let reason = head.parameter("reason").unwrap_or_default();
    let frame = code.map(|code| CloseFrame::new(CloseCode::new(code), reason));
    socket.close(frame.as_ref())?;
    Ok(socket.end()?)
}
