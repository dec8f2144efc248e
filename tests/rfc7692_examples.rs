//! RFC 7692 §7.2.3: the examples of the standard.
#![cfg(feature = "deflate")]

use std::sync::Arc;

use sansock::{
    Config, DeflateConfig, DeflateParams, Event, Message, ProtocolError, Role,
    proto::{Compress, Connection, handshake::Negotiated},
};

fn pair(params: DeflateParams, config: DeflateConfig) -> (Connection, Connection) {
    let config = Arc::new(Config::default().deflate(Some(config)));
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(params);
    let end = |role| Connection::from_negotiated(role, &negotiated, &config, [7; 32]);
    (end(Role::Client), end(Role::Server))
}

fn receive(end: &mut Connection, bytes: &mut [u8]) -> Result<Vec<Message<'static>>, ProtocolError> {
    let mut messages = Vec::new();
    let mut input = bytes;
    while let Some(event) = end.receive(&mut input, &mut Vec::new())? {
        if let Event::Message(message) = event {
            messages.push(message.into_owned());
        }
    }
    Ok(messages)
}

/// §7.2.3.1 to §7.2.3.6, as a server sends them.
#[test]
fn the_examples_of_the_standard_inflate() {
    let examples: [(&[u8], usize); 7] = [
        (b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00", 1),
        (b"\x41\x03\xF2\x48\xCD\x80\x04\xC9\xC9\x07\x00", 1),
        (
            b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00\xC1\x05\xF2\x00\x11\x00\x00",
            2,
        ),
        (b"\xC1\x0B\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00", 1),
        (b"\xC1\x08\xF3\x48\xCD\xC9\xC9\x07\x00\x00", 1),
        (
            b"\xC1\x08\xF3\x48\xCD\xC9\xC9\x07\x00\x00\xC1\x05\xF2\x00\x11\x00\x00",
            2,
        ),
        (
            b"\xC1\x0D\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00",
            1,
        ),
    ];
    for (bytes, count) in examples {
        for cut in 0..bytes.len() {
            let (mut client, _) = pair(DeflateParams::default(), DeflateConfig::new());
            let (mut head, mut tail) = (bytes[..cut].to_vec(), bytes[cut..].to_vec());
            let mut messages = receive(&mut client, &mut head).unwrap();
            messages.extend(receive(&mut client, &mut tail).unwrap());
            assert_eq!(
                messages,
                vec![Message::from("Hello"); count],
                "{bytes:x?} at {cut}"
            );
        }
    }
}

/// §7.2.1: whatever was agreed on, both ends agree on every message.
#[test]
fn both_ends_agree_on_every_message() {
    for takeover in [false, true] {
        for bits in [9, 15] {
            let params = DeflateParams {
                server_no_context_takeover: !takeover,
                client_no_context_takeover: !takeover,
                server_max_window_bits: bits,
                client_max_window_bits: bits,
            };
            let (mut client, mut server) = pair(params, DeflateConfig::new().threshold(10));
            let mut noise = 1_u64;
            for round in 0..200_usize {
                let text = format!(
                    "{{\"round\":{round},\"text\":\"{}\"}}",
                    "ab c".repeat(round * 7)
                );
                let bytes: Vec<u8> = (0..round * 11)
                    .map(|_| {
                        noise = noise
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        noise.to_be_bytes()[2]
                    })
                    .collect();
                let compress = [Compress::Auto, Compress::Always, Compress::Never][round % 3];
                for message in [Message::from(text), Message::from(bytes)] {
                    let mut out = Vec::new();
                    client
                        .send_with(message.clone(), compress.into(), &mut out)
                        .unwrap();
                    assert_eq!(
                        receive(&mut server, &mut out).unwrap(),
                        std::slice::from_ref(&message)
                    );
                    out.clear();
                    server
                        .send_with(message.clone(), compress.into(), &mut out)
                        .unwrap();
                    assert_eq!(receive(&mut client, &mut out).unwrap(), [message]);
                }
            }
        }
    }
}
