//! An open endpoint whose output is written bit by bit.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::sync::Arc;

use sansock::{Config, Role, endpoint::Endpoint, proto::Connection};

use super::wire::decode;

pub(crate) const KIB: usize = 1024;

pub(crate) fn open(role: Role, config: &Config) -> Endpoint {
    let config = Arc::new(config.clone());
    Endpoint::from_connection(match role {
        Role::Client => Connection::client(&config, [7; 32]),
        Role::Server => Connection::server(&config),
    })
}

/// Gives the peer's `bytes` to an endpoint and forgets the events.
pub(crate) fn feed(endpoint: &mut Endpoint, mut bytes: Vec<u8>) {
    let mut input = &mut bytes[..];
    while endpoint.receive(&mut input).is_some() {}
}

/// Writes at most `limit` bytes; none once nothing waits.
pub(crate) fn write(endpoint: &mut Endpoint, limit: usize, written: &mut Vec<u8>) -> usize {
    let outbox = endpoint.outbox();
    let before = written.len();
    for chunk in outbox.chunks() {
        assert!(!chunk.is_empty());
        let room = limit - (written.len() - before);
        written.extend(&chunk[..chunk.len().min(room)]);
    }
    outbox.consume(written.len() - before);
    written.len() - before
}

pub(crate) fn write_all(endpoint: &mut Endpoint) -> Vec<u8> {
    let mut written = Vec::new();
    while write(endpoint, usize::MAX, &mut written) > 0 {}
    assert!(!endpoint.wants_write());
    written
}

/// Kinds and lengths, in order.
pub(crate) fn shape(bytes: &[u8]) -> Vec<(u8, usize)> {
    decode(bytes)
        .into_iter()
        .map(|(first, payload)| (first, payload.len()))
        .collect()
}

/// The payloads of all data frames, joined.
pub(crate) fn data(bytes: &[u8]) -> Vec<u8> {
    decode(bytes)
        .into_iter()
        .filter(|(first, _)| first & 0x08 == 0)
        .flat_map(|(_, payload)| payload)
        .collect()
}
