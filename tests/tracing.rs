//! What the feature `tracing` tells, and what it never does.
#![cfg(feature = "tracing")]

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex, PoisonError},
};

use sansock::{
    CloseCode, CloseFrame, Config,
    endpoint::Endpoint,
    proto::{
        Connection,
        handshake::{Accept, ClientRequest, Reject},
    },
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber,
};

/// Writes each event down as a line, from a level on.
#[derive(Clone)]
struct Lines {
    text: Arc<Mutex<String>>,
    most: Level,
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sansock" && *metadata.level() <= self.most
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        *text += event.metadata().level().as_str();
        event.record(&mut Line(&mut text));
        text.push('\n');
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What a conversation tells of itself.
fn told(most: Level) -> String {
    told_by(most, converse)
}

fn told_by(most: Level, converse: fn()) -> String {
    let lines = Lines {
        text: Arc::default(),
        most,
    };
    subscriber::with_default(lines.clone(), converse);
    let text = lines.text.lock().unwrap_or_else(PoisonError::into_inner);
    text.clone()
}

fn carry(from: &mut Endpoint, to: &mut Endpoint) {
    let mut bytes: Vec<u8> = from.outbox().chunks().flatten().copied().collect();
    from.outbox().consume(bytes.len());
    let mut input = &mut bytes[..];
    while to.receive(&mut input).is_some() {}
}

/// All of it says "secret" somewhere.
fn converse() {
    let config = Arc::new(Config::default());
    let request = ClientRequest::new("secret.example", "/secret")
        .and_then(|request| request.header("authorization", "secret"))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut client = Endpoint::client(&request, &config, [7; 32]);
    let mut server = Endpoint::server(&config);
    carry(&mut client, &mut server);
    assert_eq!(server.accept(&Accept::new()), Ok(()));
    while server.receive(&mut &mut [][..]).is_some() {}
    carry(&mut server, &mut client);
    assert_eq!(client.send("secret"), Ok(()));
    assert_eq!(client.ping(b"secret"), Ok(()));
    carry(&mut client, &mut server);
    carry(&mut server, &mut client);
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, "secret");
    assert_eq!(client.close(Some(&frame)), Ok(()));
    carry(&mut client, &mut server);
    carry(&mut server, &mut client);
    client.receive_eof();
    while client.receive(&mut &mut [][..]).is_some() {}
}

#[test]
fn openings_and_ends_are_told_at_debug() {
    assert_eq!(
        told(Level::DEBUG),
        "DEBUG request received\n\
         DEBUG open role=Server subprotocol=false deflate=false\n\
         DEBUG open role=Client subprotocol=false deflate=false\n\
         DEBUG closed clean=true received=1001 sent=1001\n\
         DEBUG closed clean=true received=1001 sent=1001\n"
    );
}

/// A message that is read past the input is told like any other.
#[test]
fn a_message_that_is_read_directly_is_told() {
    let lines = Lines {
        text: Arc::default(),
        most: Level::TRACE,
    };
    subscriber::with_default(lines.clone(), || {
        let connection = Connection::server(&Arc::new(Config::default()));
        let mut server = Endpoint::from_connection(connection);
        let mut header = *b"\x82\xFF\0\0\0\0\0\x02\0\0\0\0\0\0";
        assert!(server.receive(&mut &mut header[..]).is_none());
        let (buffer, room) = server.direct().unwrap_or_else(|| panic!("room"));
        assert_eq!(room, 0x2_0000);
        buffer.resize(room, b'x');
        assert!(server.receive_direct(room).is_some());
    });
    let text = lines.text.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*text, "TRACE message received opcode=Binary len=131072\n");
}

#[test]
fn hostile_151_frames_are_told_at_trace_and_secrets_never() {
    let text = told(Level::TRACE);
    for line in [
        "TRACE send opcode=Text len=6\n",
        "TRACE message received opcode=Text len=6\n",
        "TRACE send opcode=Ping len=6\n",
        "TRACE message received opcode=Ping len=6\n",
        "TRACE message received opcode=Pong len=6\n",
        "TRACE send opcode=Close len=8\n",
        "TRACE close received code=1001\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

/// A refusal, parts of messages, and what breaks the rules, all of which say "secret".
fn fall_out() {
    let config = Arc::new(Config::default().streaming(true));
    let request = ClientRequest::new("secret.example", "/secret");
    let request = request.unwrap_or_else(|error| panic!("{error}"));
    let mut client = Endpoint::client(&request, &config, [7; 32]);
    let mut server = Endpoint::server(&config);
    carry(&mut client, &mut server);
    let reject = Reject::new(403).header("X-Why", "secret").body("secret");
    assert_eq!(server.reject(&reject), Ok(()));
    while server.receive(&mut &mut [][..]).is_some() {}
    carry(&mut server, &mut client);

    for fault in [&b"\x81\x07secret\xFF"[..], b"\x88\x08\x03\xEDsecret"] {
        let mut client = Endpoint::from_connection(Connection::client(&config, [7; 32]));
        let mut bytes = [b"\x01\x06secret\x80\x06secret", fault].concat();
        let mut input = &mut bytes[..];
        while client.receive(&mut input).is_some() {}
        assert!(client.is_finished());
    }
}

#[test]
fn hostile_151_refusals_and_faults_are_told_without_secrets() {
    let text = told_by(Level::TRACE, fall_out);
    for line in [
        "DEBUG refused status=403\n",
        "TRACE part received opcode=Text len=6 last=false\n",
        "DEBUG closed clean=false sent=1007 error=",
        "DEBUG closed clean=false sent=1002 error=",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn nothing_is_told_above_debug() {
    assert_eq!(told(Level::INFO), "");
    assert_eq!(told_by(Level::INFO, fall_out), "");
}
