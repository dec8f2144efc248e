//! A Close of the peer while data waits: RFC 6455 §5.5.1, "An endpoint MAY delay sending a Close
//! frame until its current message is sent".

use std::sync::Arc;

use sansock::{
    CloseCode, CloseFrame, Config, Endpoint, EndpointEvent, Event, State,
    proto::{Connection, FrameHeader, Opcode},
};

/// Whose payloads leave in fragments of 64 KiB.
fn config() -> Arc<Config> {
    Arc::new(Config::default().fragment_size(64 << 10))
}

fn server() -> Endpoint {
    Endpoint::from_connection(Connection::server(&config()))
}

fn client() -> Endpoint {
    Endpoint::from_connection(Connection::client(&config(), [7; 32]))
}

/// All that waits, taken `step` bytes at a time.
fn take(endpoint: &mut Endpoint, step: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while endpoint.wants_write() {
        let chunk: Vec<u8> = endpoint
            .outbox()
            .chunks()
            .flatten()
            .take(step)
            .copied()
            .collect();
        endpoint.outbox().consume(chunk.len());
        taken.extend(chunk);
    }
    taken
}

/// Gives `bytes` to the endpoint and says what comes of them.
fn give(endpoint: &mut Endpoint, bytes: &[u8]) -> Vec<EndpointEvent<'static>> {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut events = Vec::new();
    while let Some(event) = endpoint.receive(&mut input) {
        events.push(event.into_owned());
    }
    events
}

/// The frames of `bytes`: opcode and payload length.
#[expect(clippy::unwrap_used, reason = "what is no frame fails the test")]
fn frames(mut bytes: &[u8]) -> Vec<(Opcode, u64)> {
    let mut frames = Vec::new();
    while let Some((header, len)) = FrameHeader::parse(bytes).unwrap() {
        frames.push((header.opcode, header.payload_len));
        bytes = &bytes[len + usize::try_from(header.payload_len).unwrap()..];
    }
    assert!(bytes.is_empty());
    frames
}

const MASKED_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
const CLOSE: &[u8] = b"\x88\x02\x03\xE8";

#[test]
fn clause_086_the_reply_does_not_wait_for_what_has_left() {
    // Written from where it lies to its very end.
    let config = Arc::new(Config::default().fragment_size(usize::MAX));
    let mut server = Endpoint::from_connection(Connection::server(&config));
    server.send(vec![1; 200_000]).unwrap();
    assert_eq!(take(&mut server, usize::MAX).len(), 10 + 200_000);
    let events = give(&mut server, MASKED_CLOSE);
    assert!(matches!(events[0], EndpointEvent::Event(Event::Close(_))));
    assert!(server.wants_write());
    assert_eq!(take(&mut server, usize::MAX), CLOSE);
}

#[test]
fn clause_086_the_reply_waits_for_what_was_sent_before() {
    for step in [1, 1000, usize::MAX] {
        let mut server = server();
        server.send(vec![1; 200_000]).unwrap();
        server.send("behind").unwrap();
        // The first fragment is under way when the Close comes.
        server.outbox().consume(10);
        let events = give(&mut server, MASKED_CLOSE);
        assert!(matches!(
            &events[..],
            [EndpointEvent::Event(Event::Close(Some(_)))]
        ));
        assert_eq!(server.state(), State::Closing);
        assert!(!server.is_finished());
        assert!(server.send("late").is_err());

        let mut written = vec![0x02, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        written.extend(take(&mut server, step));
        let expected = [
            (Opcode::Binary, 65_536),
            (Opcode::Continuation, 65_536),
            (Opcode::Continuation, 65_536),
            (Opcode::Continuation, 3_392),
            (Opcode::Text, 6),
            (Opcode::Close, 2),
        ];
        assert_eq!(frames(&written), expected);
        assert!(written.ends_with(CLOSE));
        let events = give(&mut server, b"");
        let [EndpointEvent::Closed(status)] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(status.clean);
        assert_eq!(status.sent, Some(CloseCode::NORMAL));
    }
}

#[test]
fn clause_086_a_client_does_the_same_and_waits_for_the_end() {
    let mut client = client();
    client.send(vec![1; 100_000]).unwrap();
    give(&mut client, CLOSE);
    let written = frames(&take(&mut client, usize::MAX));
    assert_eq!(
        written,
        [
            (Opcode::Binary, 65_536),
            (Opcode::Continuation, 34_464),
            (Opcode::Close, 2)
        ]
    );
    assert!(!client.is_finished());
    client.receive_eof();
    let events = give(&mut client, b"");
    assert!(matches!(&events[..], [EndpointEvent::Closed(status)] if status.clean));
}

/// A Close of our own that was queued is the reply.
#[test]
fn clause_088_a_close_that_was_queued_is_the_reply() {
    let mut server = server();
    server.send(vec![1; 100_000]).unwrap();
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
    server.close(Some(&frame)).unwrap();
    give(&mut server, MASKED_CLOSE);
    let written = take(&mut server, usize::MAX);
    assert!(written.ends_with(b"\x88\x05\x03\xE9bye"));
    assert_eq!(frames(&written).len(), 3);
    let events = give(&mut server, b"");
    let [EndpointEvent::Closed(status)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(status.clean);
    assert_eq!(status.code(), CloseCode::NORMAL);
    assert_eq!(status.sent, Some(CloseCode::GOING_AWAY));
}

/// A peer that closes and then takes nothing is not waited for without end.
#[test]
fn hostile_124_a_held_reply_does_not_outlast_the_write_timeout() {
    use std::time::Duration;

    use sansock::proto::Instant;

    let config = Config::default().write_timeout(Some(Duration::from_secs(3)));
    let mut server = Endpoint::from_connection(Connection::server(&Arc::new(config)));
    server.send(vec![1; 200_000]).unwrap();
    server.outbox();
    give(&mut server, MASKED_CLOSE);
    let start = Instant::ZERO;
    assert_eq!(
        server.handle_timeout(start),
        Some(start + Duration::from_secs(3))
    );
    assert_eq!(server.handle_timeout(start + Duration::from_secs(3)), None);
    let events = give(&mut server, b"");
    assert!(matches!(&events[..], [EndpointEvent::Closed(status)] if !status.clean));
}

/// The transport may end before the held reply is sent: that is not clean.
#[test]
fn clause_102_an_end_before_the_held_reply_is_not_clean() {
    let mut server = server();
    server.send(vec![1; 200_000]).unwrap();
    give(&mut server, MASKED_CLOSE);
    server.receive_eof();
    let events = give(&mut server, b"");
    let [EndpointEvent::Closed(status)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(!status.clean);
    assert_eq!(status.code(), CloseCode::NORMAL);
    assert_eq!(status.sent, None);
}
