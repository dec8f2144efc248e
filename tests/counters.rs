//! `Config::counters`: what went over a connection, to the byte.

use std::{sync::Arc, time::Duration};

use sansock::{
    Config, Event, Message, Part, State,
    endpoint::{Endpoint, EndpointEvent},
    proto::{Connection, Counters, Instant, Prepared, Traffic},
};

fn counting() -> Arc<Config> {
    Arc::new(Config::default().counters(true))
}

fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

/// Gives `bytes` to a connection in pieces of `piece` bytes; how many events came of them.
fn receive(connection: &mut Connection, bytes: &[u8], piece: usize, out: &mut Vec<u8>) -> usize {
    let mut events = 0;
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Ok(Some(_)) = connection.receive(&mut input, out) {
            events += 1;
        }
    }
    events
}

fn counted(connection: &Connection) -> Counters {
    connection.counters().unwrap_or_default()
}

#[test]
fn nothing_is_counted_that_nobody_asked_for() {
    let server = Connection::server(&Arc::new(Config::default()));
    assert_eq!(server.counters(), None);
}

/// §5.2: two messages, one of them in two fragments, with a Ping between; whatever the cuts are.
#[test]
fn section_5_2_frames_messages_and_bytes_at_every_cut() {
    const BYTES: [u8; 32] =
        *b"\x81\x82\0\0\0\0hi\x02\x83\0\0\0\0abc\x89\x80\0\0\0\0\x80\x83\0\0\0\0def";
    for piece in 1..=BYTES.len() {
        let mut server = Connection::server(&counting());
        let mut out = Vec::new();
        receive(&mut server, &BYTES, piece, &mut out);
        let counters = counted(&server);
        let Traffic {
            bytes,
            frames,
            messages,
            ..
        } = counters.received;
        assert_eq!((bytes, frames, messages), (32, 4, 2), "{piece}");
        assert_eq!(out, b"\x8A\0");
        let Traffic {
            bytes,
            frames,
            messages,
            ..
        } = counters.sent;
        assert_eq!((bytes, frames, messages), (2, 1, 0), "the Pong, {piece}");
    }
}

/// §5.4, §6.1: every way to send, from a server.
#[test]
fn section_6_1_what_is_sent_is_counted_as_it_goes() {
    let config = counting();
    let mut server = Connection::server(&config);
    let mut out = Vec::new();
    assert_eq!(server.send("hello", &mut out), Ok(()));
    assert_eq!(server.send(&[7; 200][..], &mut out), Ok(()));
    let prepared = Prepared::new(Message::from("to all"));
    assert_eq!(server.send_prepared(&prepared, &mut out), Ok(()));
    assert_eq!(server.send_part(&Part::more("one"), &mut out), Ok(()));
    let header = server.begin_frame(&Part::last("two"));
    let header = header.map_or(0, |header| header.as_bytes().len());
    assert_eq!(server.ping(b"?", &mut out), Ok(()));
    assert_eq!(server.close(None, &mut out), Ok(()));
    let Traffic {
        bytes,
        frames,
        messages,
        ..
    } = counted(&server).sent;
    assert_eq!(bytes, (out.len() + header + 3) as u64);
    assert_eq!((frames, messages), (7, 4));
}

/// The rest of a large frame that is read to where it belongs counts as well.
#[test]
fn section_5_2_bytes_read_past_the_input_are_counted() {
    let mut server = Connection::server(&counting());
    let mut out = Vec::new();
    receive(
        &mut server,
        b"\x82\xFF\0\0\0\0\0\x03\0\0\0\0\0\0x",
        64,
        &mut out,
    );
    let mut left = (3 << 16) - 1;
    while let Some((buffer, room)) = server.direct() {
        buffer.resize(buffer.len() + room, b'x');
        left -= room;
        assert!(server.receive_direct(room).is_ok());
    }
    receive(&mut server, &vec![b'x'; left], left.max(1), &mut out);
    let received = counted(&server).received;
    assert_eq!(received.bytes, 14 + (3 << 16));
    assert_eq!((received.frames, received.messages), (1, 1));
}

/// §5.5.3: from the time that was told after the Ping to the time told after its Pong.
#[test]
fn section_5_5_3_a_round_trip_is_from_a_ping_to_its_own_pong() {
    let mut server = Connection::server(&counting());
    let mut out = Vec::new();
    server.handle_timeout(at(0), &mut out);
    assert_eq!(server.ping(b"one", &mut out), Ok(()));
    server.handle_timeout(at(100), &mut out);
    receive(&mut server, b"\x8A\x83\0\0\0\0two", 99, &mut out);
    server.handle_timeout(at(130), &mut out);
    assert_eq!(counted(&server).round_trip, None, "another's Pong");
    receive(&mut server, b"\x8A\x83\0\0\0\0one", 99, &mut out);
    assert_eq!(counted(&server).round_trip, None, "the time was not told");
    server.handle_timeout(at(142), &mut out);
    assert_eq!(counted(&server).round_trip, Some(Duration::from_millis(42)));
    // And a keep-alive's, by itself.
    server.handle_timeout(at(30_142), &mut out);
    receive(&mut server, b"\x8A\x80\0\0\0\0", 99, &mut out);
    server.handle_timeout(at(30_149), &mut out);
    assert_eq!(counted(&server).round_trip, Some(Duration::from_millis(7)));
}

/// RFC 7692 §6: what a compressed message was and became, on both sides.
#[cfg(feature = "deflate")]
#[test]
fn rfc7692_section_6_both_sides_count_the_same_compression() {
    use sansock::proto::{
        DeflateConfig,
        handshake::{Accept, ClientRequest},
    };

    let config = Config::default()
        .counters(true)
        .deflate(Some(DeflateConfig::default()));
    let config = Arc::new(config);
    let request = ClientRequest::new("example.com", "/").unwrap_or_else(|error| panic!("{error}"));
    let mut client = Endpoint::client(&request, &config, [7; 32]);
    let mut server = Endpoint::server(&config);
    let carry = |from: &mut Endpoint, to: &mut Endpoint| {
        let mut bytes: Vec<u8> = from.outbox().chunks().flatten().copied().collect();
        from.outbox().consume(bytes.len());
        let mut input = &mut bytes[..];
        while to.receive(&mut input).is_some() {}
    };
    carry(&mut client, &mut server);
    assert!(server.accept(&Accept::new()).is_ok());
    carry(&mut server, &mut client);
    assert_eq!(client.send("again and ".repeat(100)), Ok(()));
    assert_eq!(client.send("short"), Ok(()));
    carry(&mut client, &mut server);
    let sent = client.counters().unwrap_or_default().sent;
    let received = server.counters().unwrap_or_default().received;
    assert_eq!(sent, received);
    assert_eq!(received.messages, 2);
    assert_eq!(received.uncompressed_bytes, 1_000);
    let ratio = received.compression_ratio().unwrap_or(0.0);
    assert!(ratio > 10.0, "{ratio}");
    // They outlive the connection.
    assert_eq!(server.close(None), Ok(()));
    carry(&mut server, &mut client);
    carry(&mut client, &mut server);
    client.receive_eof();
    while let Some(event) = client.receive(&mut &mut [][..]) {
        assert!(matches!(event, EndpointEvent::Closed(_)));
    }
    assert_eq!(client.state(), State::Closed);
    let counters = client.counters().unwrap_or_default();
    assert_eq!((counters.received.frames, counters.sent.frames), (1, 3));
}

#[test]
fn a_ratio_is_of_what_was_compressed() {
    let mut traffic = Traffic::default();
    assert_eq!(traffic.compression_ratio(), None);
    traffic.uncompressed_bytes = 900;
    traffic.compressed_bytes = 300;
    assert_eq!(traffic.compression_ratio(), Some(3.0));
}

/// Bytes that wait already are not of the next frame.
#[cfg(feature = "deflate")]
#[test]
fn rfc7692_section_6_compressed_frames_are_counted_one_by_one() {
    use sansock::{
        Role,
        proto::{DeflateParams, handshake::Negotiated},
    };

    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams::default());
    let mut server = Connection::from_negotiated(Role::Server, &negotiated, &counting(), [7; 32]);
    let prepared = Prepared::new(Message::from("to all ".repeat(100)));
    let mut out = Vec::new();
    for frames in 1..4 {
        assert_eq!(server.send("again and ".repeat(100), &mut out), Ok(()));
        assert_eq!(server.send_prepared(&prepared, &mut out), Ok(()));
        let sent = counted(&server).sent;
        assert_eq!((sent.frames, sent.messages), (2 * frames, 2 * frames));
        assert_eq!(sent.bytes, out.len() as u64);
        assert_eq!(sent.uncompressed_bytes, 1_700 * frames);
        // Each has a header of two bytes.
        assert_eq!(sent.compressed_bytes, sent.bytes - 4 * frames);
    }
}

/// Sending came to the high-water mark: once for each time that it was below before.
#[test]
fn pauses_are_counted_when_they_begin() {
    let config = Config::default().counters(true).high_water_mark(100);
    let connection = Connection::server(&Arc::new(config));
    let mut server = Endpoint::from_connection(connection);
    let pauses = |server: &Endpoint| server.counters().unwrap_or_default().pauses;
    assert_eq!(server.send(vec![1; 60]), Ok(()));
    assert_eq!(pauses(&server), 0);
    assert_eq!(server.send(vec![2; 60]), Ok(()));
    assert_eq!(pauses(&server), 1);
    assert_eq!(server.send_unlimited(vec![3; 60]), Ok(()));
    assert_eq!(pauses(&server), 1, "it goes on");
    let waiting: usize = server.outbox().chunks().map(<[u8]>::len).sum();
    server.outbox().consume(waiting);
    assert_eq!(server.send(vec![4; 200_000]), Ok(()));
    assert_eq!(pauses(&server), 2, "one that is queued");
}

/// The halves count each their own direction.
#[test]
fn halves_count_their_own_direction() {
    let (mut receive, mut send) = Connection::server(&counting()).into_split();
    let mut out = Vec::new();
    let mut bytes = *b"\x8A\x81\0\0\0\0?\x81\x82\0\0\0\0hi";
    assert_eq!(send.ping(b"?", &mut out), Ok(()));
    send.handle_timeout(at(5), &mut out);
    let mut input = &mut bytes[..];
    let mut messages = 0;
    while let Ok(Some(event)) = receive.receive(&mut input) {
        messages += usize::from(matches!(event, Event::Message(_)));
    }
    while let Some(signal) = receive.take_signal() {
        send.apply(&signal, &mut out);
    }
    send.handle_timeout(at(9), &mut out);
    assert_eq!(messages, 1);
    let received = receive.traffic().unwrap_or_default();
    assert_eq!(
        (received.bytes, received.frames, received.messages),
        (15, 2, 1)
    );
    let counters = send.counters().unwrap_or_default();
    assert_eq!((counters.sent.bytes, counters.sent.frames), (3, 1));
    assert_eq!(counters.round_trip, Some(Duration::from_millis(4)));
}
