//! Both handshakes, by the one field that matters here.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::sync::Arc;

use sansock::{
    Config, DeflateConfig,
    proto::{
        Connection,
        handshake::{
            Accept, ClientHandshake, ClientRequest, HandshakeError, Outcome, ServerHandshake,
            accept_key,
        },
    },
};

use super::common::SEED;

/// All windows kept, of 32 KiB each.
pub(crate) fn keeping() -> DeflateConfig {
    DeflateConfig::new()
        .server_no_context_takeover(false)
        .client_no_context_takeover(false)
}

pub(crate) fn with(deflate: DeflateConfig) -> Arc<Config> {
    Arc::new(Config::default().deflate(Some(deflate)))
}

/// What a server of this config answers to a request with these header lines, and its connection.
pub(crate) fn answer_with(
    lines: &str,
    config: &Arc<Config>,
    accept: &Accept<'_>,
) -> (Option<String>, Connection) {
    let mut request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
    .into_bytes();
    let mut server = ServerHandshake::new(config);
    let mut out = Vec::new();
    let received = server.receive(&mut &mut request[..], &mut out);
    assert!(matches!(received, Ok(Some(_))), "{lines}: {received:?}");
    let (connection, _) = server.accept(accept, &mut out).unwrap();
    let answer = field(&String::from_utf8(out).unwrap(), "Sec-WebSocket-Extensions");
    let shown = connection.deflate().map(|params| params.to_string());
    // What says what holds anyway is answered where it was asked for, and not shown.
    let said = answer
        .as_ref()
        .map(|it| it.replace("; server_max_window_bits=15", ""));
    assert_eq!(said, shown, "{lines}: what is agreed is what is answered");
    assert_eq!(said, connection.extensions());
    (answer, connection)
}

/// What a server of this config answers to this offer.
pub(crate) fn answer_of(offer: &str, config: &Arc<Config>) -> Option<String> {
    let line = format!("Sec-WebSocket-Extensions: {offer}\r\n");
    answer_with(&line, config, &Accept::new()).0
}

/// What a server answers that asks for nothing.
pub(crate) fn answer(offer: &str) -> Option<String> {
    answer_of(offer, &with(keeping()))
}

/// The values of a field, if there are any.
pub(crate) fn field(head: &str, name: &str) -> Option<String> {
    let values: Vec<&str> = head
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

pub(crate) fn start(config: &Arc<Config>) -> (ClientHandshake, Option<String>, String) {
    let request = ClientRequest::new("a", "/").unwrap();
    let mut out = Vec::new();
    let client = ClientHandshake::start(&request, config, SEED, &mut out);
    let head = String::from_utf8(out).unwrap();
    let key = field(&head, "Sec-WebSocket-Key").unwrap();
    (client, field(&head, "Sec-WebSocket-Extensions"), key)
}

/// What a client of this config offers.
pub(crate) fn offer(config: DeflateConfig) -> String {
    start(&with(config)).1.unwrap()
}

/// What a client of this config makes of a response with these header lines.
pub(crate) fn reply_lines(config: &Arc<Config>, lines: &str) -> Result<Connection, HandshakeError> {
    let (mut client, _, key) = start(config);
    let accept = accept_key(key.as_bytes());
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{lines}\r\n",
        str::from_utf8(&accept).unwrap()
    )
    .into_bytes();
    match client.receive(&mut &mut response[..])? {
        Some(Outcome::Open(connection, response)) => {
            let written = field(lines, "Sec-WebSocket-Extensions");
            assert_eq!(response.extensions(), written.as_deref());
            Ok(connection)
        }
        other => panic!("{lines}: {other:?}"),
    }
}

pub(crate) fn reply(config: &Arc<Config>, extensions: &str) -> Result<Connection, HandshakeError> {
    reply_lines(
        config,
        &format!("Sec-WebSocket-Extensions: {extensions}\r\n"),
    )
}
