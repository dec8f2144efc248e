//! What the fuzz targets found, each as small as it can be.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::{sync::Arc, time::Duration};

use sansock::{
    Config, Endpoint, Part, SendError, State,
    proto::{Connection, Instant},
};
#[cfg(feature = "deflate")]
use sansock::{
    DeflateConfig, Event, Message, Role,
    proto::{Compress, DeflateParams, ProtocolError, handshake::Negotiated},
};

/// A message in parts whose first is cut off because the peer takes nothing: the next part, of
/// another kind, is refused because nothing can be sent, not because of its kind.
#[test]
fn a_part_behind_the_end_is_not_open() {
    let config = Arc::new(Config::default().fragment_size(64));
    let mut endpoint = Endpoint::from_connection(Connection::server(&config));
    endpoint.send_part(Part::more("x".repeat(1_000))).unwrap();
    assert!(endpoint.outbox().chunks().count() > 0);
    endpoint.handle_timeout(Instant::ZERO);
    endpoint.handle_timeout(Instant::ZERO + Duration::from_secs(60));
    assert_eq!(endpoint.state(), State::Closed);
    let sent = endpoint.send_part(Part::last(b"of another kind"));
    assert_eq!(sent, Err(SendError::NotOpen));
}

/// A compressed text message whose DEFLATE breaks off behind a byte that is not UTF-8: which of the
/// two faults is found does not depend on how the bytes were cut.
#[cfg(feature = "deflate")]
#[test]
fn a_fault_behind_another_is_never_the_first() {
    // A stored block of `FF`, and then one whose length and its complement do not match.
    let frame = *b"\xC1\x8B\0\0\0\0\x00\x01\x00\xFE\xFF\xFF\x00\x05\x00\x00\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 64),
        Err(ProtocolError::InvalidUtf8)
    );
    assert_eq!(inflated(&frame, 1, 64), Err(ProtocolError::InvalidUtf8));

    // The same byte in front of more than a message may hold.
    let frame = *b"\xC1\x89\0\0\0\0\x00\x03\x00\xFC\xFF\xFFaa\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 2),
        Err(ProtocolError::InvalidUtf8)
    );
    assert_eq!(inflated(&frame, 1, 2), Err(ProtocolError::InvalidUtf8));

    // Nothing wrong before it.
    let frame = *b"\xC1\x8B\0\0\0\0\x00\x01\x00\xFE\xFFa\x00\x05\x00\x00\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 64),
        Err(ProtocolError::InvalidDeflate)
    );
    assert_eq!(inflated(&frame, 1, 64), Err(ProtocolError::InvalidDeflate));
}

/// Blocks of nothing are work for nothing: how much of it is taken is counted by the byte, so it
/// does not help that what follows in the same read gives much.
#[cfg(feature = "deflate")]
#[test]
fn hostile_088_the_work_budget_ends_at_a_byte() {
    /// A message of so many bytes of nothing and then 60,000 bytes of `a`, uncompressed.
    fn message(bytes: usize) -> Vec<u8> {
        let mut payload = b"\x00\x00\x00\xFF\xFF".repeat(bytes.div_ceil(5));
        payload.extend_from_slice(b"\x00\x60\xEA\x9F\x15");
        payload.resize(payload.len() + 60_000, b'a');
        payload.push(0);
        let mut frame = b"\xC1\xFF".to_vec();
        frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.append(&mut payload);
        frame
    }
    for most in [1, 1_000, usize::MAX] {
        // A stored block gives its first byte with the sixth.
        assert_eq!(inflated(&message(65_530), most, 1 << 20), Ok(()), "{most}");
        assert_eq!(
            inflated(&message(65_535), most, 1 << 20),
            Err(ProtocolError::InflateBudget),
            "{most}"
        );
    }
}

/// What a server makes of `frame`, in pieces of `most` bytes, with messages of at most `limit`.
#[cfg(feature = "deflate")]
fn inflated(frame: &[u8], most: usize, limit: u64) -> Result<(), ProtocolError> {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    let config = Arc::new(Config::default().max_message_size(limit));
    let mut connection = Connection::from_negotiated(Role::Server, &negotiated, &config, [0; 32]);
    for piece in frame.chunks(most) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while connection.receive(&mut input, &mut Vec::new())?.is_some() {}
    }
    Ok(())
}

/// A compressor that was given up in the middle of a message begins the next one anew.
#[cfg(feature = "deflate")]
#[test]
fn hostile_101_a_compressor_given_up_starts_anew() {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    // What nothing makes shorter.
    let noise = common::Random::new(1).bytes(6_400);
    for level in 1..=9 {
        for mem_level in 1..=9 {
            let deflate = DeflateConfig::new().level(level).mem_level(mem_level);
            let config = Arc::new(Config::default().deflate(Some(deflate)));
            let ends = [Role::Server, Role::Client]
                .map(|role| Connection::from_negotiated(role, &negotiated, &config, [7; 32]));
            let [mut server, mut client] = ends;
            for message in [
                &noise[..],
                &[b'a'; 300],
                &noise[..500],
                &[b'b'; 300],
                &noise[..],
            ] {
                for compress in [Compress::Always, Compress::Auto] {
                    let mut out = Vec::new();
                    server
                        .send_with(message, compress.into(), &mut out)
                        .unwrap();
                    let received = client.receive(&mut &mut out[..], &mut Vec::new());
                    let message = Message::from(message);
                    assert_eq!(
                        received,
                        Ok(Some(Event::Message(message))),
                        "{level} {mem_level}"
                    );
                }
            }
        }
    }
}
