//! tungstenite 0.30: rules T01 to T06.

use std::io::ErrorKind;

use sansock::{ProtocolError, Role};
use tungstenite::{
    Error, Message,
    protocol::{Role as TheirRole, WebSocket, WebSocketConfig},
};

use super::{Case, Engine, Log, Rule, Said, compare, frames::Fault, stream::Stream};
use crate::Frames;

/// Fuzzes the engine against tungstenite.
///
/// # Panics
///
/// On a finding.
pub fn run(data: &[u8]) {
    if let Some(case) = Case::new(data, false) {
        differ(&case);
    }
}

/// The rule that explains how the two differ, if they do.
pub(super) fn differ(case: &Case) -> Option<&'static str> {
    compare(case, &Engine::new(case), &receive(case), RULES)
}

/// What it does otherwise, each with the input that shows it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        entry: "T01",
        explains: |it| it.is_later(),
        // RSV2, and of five bytes one.
        example: b"\x02\0\0\0\xA1\x85\0\0\0\0H",
    },
    Rule {
        entry: "T02",
        explains: |it| it.is_other_fault(),
        // A Close with code 1005 whose reason is not UTF-8.
        example: b"\x00\0\0\0\x88\0\x03\x03\xED\xFF",
    },
    Rule {
        entry: "T03",
        explains: |it| it.ours == Some(&Said::Fail(1002)) && it.frame.has(Fault::NotShortest),
        // "Hello", its length in 16 bits.
        example: b"\x00\0\0\0\x81\x02\x05Hello",
    },
    Rule {
        entry: "T04",
        explains: |it| {
            matches!(it.error, Some(ProtocolError::InvalidCloseCode(_)))
                && it.frame.has(Fault::CloseCode)
                && is_violation(it.theirs)
        },
        example: b"\x00\0\0\0\x88\0\x02\x03\xED",
    },
    Rule {
        entry: "T05",
        explains: |it| {
            matches!(it.ours, Some(Said::Close(Some((1014, _))))) && is_violation(it.theirs)
        },
        example: b"\x00\0\0\0\x88\0\x02\x03\xF6",
    },
    Rule {
        entry: "T06",
        explains: |it| {
            it.theirs == Some(&Said::Fail(1009))
                && it.frame.is_control()
                && it.frame.len > it.case.max_frame
        },
        // A Ping of two bytes where a frame may have one.
        example: b"\x00\x01\0\0\x89\0\x02ab",
    },
];

/// A Close with a code that it takes for none.
fn is_violation(said: Option<&Said>) -> bool {
    said == Some(&Said::Close(Some((1002, b"Protocol violation".to_vec()))))
}

fn receive(case: &Case) -> Log {
    let role = match case.role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .max_frame_size(usize::try_from(case.max_frame).ok())
        .max_message_size(usize::try_from(case.max_message).ok());
    let stream = Stream::new(&case.wire, &case.cuts);
    let mut socket = WebSocket::from_raw_socket(stream, role, Some(config));
    let mut log = Log::default();
    loop {
        let said = match socket.read() {
            Ok(Message::Text(text)) => Said::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(data)) => Said::Binary(data.into()),
            Ok(Message::Ping(payload)) => Said::Ping(payload.into()),
            Ok(Message::Pong(payload)) => Said::Pong(payload.into()),
            Ok(Message::Close(frame)) => Said::Close(
                frame.map(|frame| (frame.code.into(), frame.reason.as_bytes().to_vec())),
            ),
            Ok(Message::Frame(frame)) => panic!("{frame} is no message"),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
            // It writes no Close at a fault: the program that has the error may.
            Err(Error::Protocol(_)) => Said::Fail(1002),
            Err(Error::Utf8(_)) => Said::Fail(1007),
            Err(Error::Capacity(_)) => Said::Fail(1009),
            Err(error) => panic!("{error}"),
        };
        log.said.push(said);
        match log.said.last() {
            Some(Said::Close(_)) => {
                // Writes the answer; a server's end is told as an error.
                let _ = socket.flush();
                break;
            }
            Some(Said::Fail(_)) => break,
            _ => {}
        }
    }
    let mut frames = Frames::new(case.role);
    frames.take(&socket.get_ref().written);
    log.read(&frames);
    log
}
