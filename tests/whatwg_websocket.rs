//! The rules of `WebSocket` (requirements 1–41) with made-up events: no transport, no time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that panics is a failed test"
)]

use std::{ops::Bound, sync::Arc};

use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, Endpoint, EndpointEvent, Event as ProtoEvent,
    Message, Part, ProtocolError, State, Timeout,
    proto::{Error, handshake::RequestError},
    web::{
        BinaryType, Blob, DomError, Event, Failure, Location, MessageData, Outgoing, Protocols,
        SyntaxError, WebSocketCore, is_bad_port,
    },
};

fn connecting(protocols: impl Into<Protocols>) -> WebSocketCore {
    let location = Location::parse("ws://example.com:8080/chat?x", None).unwrap();
    WebSocketCore::new(&location, &protocols.into()).unwrap()
}

fn open() -> WebSocketCore {
    let mut core = connecting([]);
    core.receive_open(None, String::new()).unwrap();
    assert!(matches!(core.next_event(), Some(Event::Open(_))));
    core
}

/// What fires, in words, with the state each event sees.
fn fired(core: &mut WebSocketCore) -> Vec<String> {
    let mut fired = Vec::new();
    while let Some(event) = core.next_event() {
        let state = core.ready_state();
        fired.push(match event {
            Event::Open(_) => format!("open {state:?}"),
            Event::Message(event) => format!("{:?} {state:?}", event.data),
            Event::Error(_) => format!("error {state:?}"),
            Event::Close(event) => format!(
                "close {} {} {:?} {state:?}",
                event.was_clean, event.code, event.reason
            ),
        });
    }
    fired
}

fn ended(error: Option<Error>, sent: Option<CloseCode>, received: Option<u16>) -> CloseStatus {
    CloseStatus {
        received: received.map(|code| CloseFrame::new(CloseCode::new(code), "why")),
        sent,
        clean: sent.is_some() && received.is_some(),
        error,
    }
}

const FAILED: [&str; 2] = ["error Closed", "close false 1006 \"\" Closed"];

#[test]
fn d1_a_base_makes_relative_urls() {
    for (url, base, href) in [
        ("test", "http://h/a/b", "ws://h/a/test"),
        ("?q", "https://h:443/a", "wss://h/a?q"),
        ("//other/x", "wss://h/", "wss://other/x"),
        ("ws://h", "https://elsewhere/", "ws://h/"),
        ("/x", "http://h/#fragment", "ws://h/x"),
    ] {
        let location = Location::parse(url, Some(base)).unwrap();
        assert_eq!(location.as_str(), href, "{url} against {base}");
    }
    assert_eq!(Location::parse("x", None), Err(SyntaxError::Url));
}

#[test]
fn d3_d8_b_urls_as_they_are_serialised() {
    for (url, href) in [
        ("ws://EXAMPLE.com", "ws://example.com/"),
        ("WSS://h:443/", "wss://h/"),
        ("http://h:80/", "ws://h/"),
        ("https://h:80/", "wss://h:80/"),
        ("ws:host", "ws://host/"),
        ("ws:/host", "ws://host/"),
        ("ws://m\u{fc}nchen.example/", "ws://xn--mnchen-3ya.example/"),
        ("ws://h/?foo%20bar baz", "ws://h/?foo%20bar%20baz"),
        ("ws://h/?\u{20ac}", "ws://h/?%E2%82%AC"),
        ("ws://h/?a\0b", "ws://h/?a%00b"),
        ("ws://h/x\0", "ws://h/x"),
        (" ws://h/ ", "ws://h/"),
        ("ws://[::1]:9/", "ws://[::1]:9/"),
    ] {
        assert_eq!(
            Location::parse(url, None).unwrap().as_str(),
            href,
            "{url:?}"
        );
    }
}

#[test]
fn d10_a_location_keeps_its_secrets() {
    let location = Location::parse("ws://user:secret@h:81/path?token=x", None).unwrap();
    assert_eq!(format!("{location:?}"), "Location(\"ws://h:81\")");
}

#[test]
fn d2_d3_d4_b_urls_that_are_none() {
    for (url, error) in [
        ("", SyntaxError::Url),
        ("ws://foo bar.com/", SyntaxError::Url),
        ("ws://h:65536/", SyntaxError::Url),
        ("wss://", SyntaxError::Url),
        ("ftp://h/", SyntaxError::Scheme),
        ("file:///x", SyntaxError::Scheme),
        ("mailto:example@example.org", SyntaxError::Scheme),
        ("about:blank", SyntaxError::Scheme),
        ("blob:ws://h/", SyntaxError::Scheme),
        ("ws://h/#", SyntaxError::Fragment),
        ("http://h/#x", SyntaxError::Fragment),
    ] {
        assert_eq!(Location::parse(url, None), Err(error), "{url:?}");
    }
}

#[test]
fn d6_each_separator_is_refused() {
    for code in 0..=0xFF {
        let name = format!("a{}b", char::from(code));
        let is_token = Protocols::from(&name[..]).check().is_ok();
        let allowed = code.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&code);
        assert_eq!(is_token, allowed, "{name:?}");
    }
}

#[test]
fn d7_case_counts_on_the_wire_but_not_for_repetition() {
    let chat = Protocols::from(["Chat", "superchat"]);
    assert_eq!(chat.check(), Ok(()));
    assert_eq!(chat.iter().collect::<Vec<_>>(), ["Chat", "superchat"]);
    let repeated = Protocols::from(["chat", "x", "CHAT"]);
    assert_eq!(repeated.check(), Err(SyntaxError::RepeatedProtocol));
    let location = Location::parse("ws://h/", None).unwrap();
    let error = WebSocketCore::new(&location, &repeated).unwrap_err();
    assert_eq!(error, SyntaxError::RepeatedProtocol);
}

#[test]
fn d8_d9_a_new_one() {
    let core = connecting("chat");
    assert_eq!(core.url(), "ws://example.com:8080/chat?x");
    assert_eq!(core.ready_state(), State::Connecting);
    assert_eq!((core.protocol(), core.extensions()), ("", ""));
    assert_eq!(
        (core.buffered_amount(), core.binary_type()),
        (0, BinaryType::Blob)
    );
}

#[test]
fn d10_the_resource_and_the_credentials() {
    let request = |url| {
        let location = Location::parse(url, None).unwrap();
        location.request(&Protocols::none())
    };
    assert_eq!(request("ws://h/a/?").unwrap().resource(), "/a/");
    assert_eq!(request("ws://h?b c").unwrap().resource(), "/?b%20c");
    assert_eq!(
        request("ws://a%3Ab@h/").unwrap_err(),
        RequestError::Credentials
    );
    let location = Location::parse("wss://[::1]/", None).unwrap();
    assert_eq!(
        (location.host(), location.port(), location.is_secure()),
        ("::1", 443, true)
    );
}

#[test]
fn d13_asked_for_and_not_answered() {
    let mut core = connecting("chat");
    for answer in [None, Some("")] {
        assert_eq!(
            core.receive_open(answer, String::new()),
            Err(Failure::NoSubprotocol)
        );
    }
    core.fail();
    assert_eq!(fired(&mut core), FAILED);
}

#[test]
fn d15_there_are_83_bad_ports() {
    assert_eq!((0..=u16::MAX).filter(|&port| is_bad_port(port)).count(), 83);
    for port in [0, 1, 22, 25, 6000, 6665, 6697, 10080] {
        assert!(is_bad_port(port), "{port}");
    }
    for port in [80, 443, 6664, 8080] {
        assert!(!is_bad_port(port), "{port}");
    }
}

#[test]
fn d17_d18_close_checks_in_order() {
    let long = "x".repeat(124);
    let mut core = open();
    for code in [0, 999, 1001, 1005, 1015, 2999, 5000] {
        let error = DomError::InvalidAccessError(CloseCode::new(code));
        assert_eq!(core.close(Some(code), &long), Err(error));
    }
    let error = DomError::SyntaxError(SyntaxError::ReasonTooLong);
    for code in [Some(1000), Some(3000), Some(4999), None] {
        assert_eq!(core.close(code, &long), Err(error));
    }
    assert_eq!(core.ready_state(), State::Open);
    assert_eq!(core.next_outgoing(true), None);
    // In every other state as well.
    let mut closing = open();
    closing.close(None, "").unwrap();
    let mut closed = open();
    closed.fail();
    fired(&mut closed);
    for (mut core, state) in [
        (connecting([]), State::Connecting),
        (closing, State::Closing),
        (closed, State::Closed),
    ] {
        let invalid = DomError::InvalidAccessError(CloseCode::new(2999));
        assert_eq!(core.close(Some(2999), &long), Err(invalid));
        assert_eq!(core.close(Some(3000), &long), Err(error));
        assert_eq!(core.ready_state(), state);
    }
}

#[test]
fn d19_d20_what_close_sends() {
    for (code, reason, frame) in [
        (None, "", None),
        (None, "lost", None),
        (Some(1000), "", Some(CloseFrame::new(CloseCode::NORMAL, ""))),
        (
            Some(4000),
            "x",
            Some(CloseFrame::new(CloseCode::new(4000), "x")),
        ),
    ] {
        let mut core = open();
        core.send("before".into()).unwrap();
        core.close(code, reason).unwrap();
        assert_eq!(core.ready_state(), State::Closing);
        // Again is nothing.
        core.close(Some(3333), "again").unwrap();
        assert_eq!(core.next_outgoing(false), None);
        assert_eq!(
            core.next_outgoing(true),
            Some(Outgoing::Message("before".into()))
        );
        assert_eq!(core.next_outgoing(false), Some(Outgoing::Close(frame)));
        assert_eq!(core.next_outgoing(true), None);
    }
}

#[test]
fn d20_close_while_connecting() {
    let mut core = connecting([]);
    assert!(!core.is_aborted());
    core.close(Some(1000), "").unwrap();
    assert_eq!(core.ready_state(), State::Closing);
    assert!(core.is_aborted());
    assert_eq!(core.next_outgoing(true), None);
    assert_eq!(fired(&mut core), [""; 0]);
    // The answer may have been on its way.
    core.receive_open(None, String::new()).unwrap();
    core.fail();
    assert!(!core.is_aborted());
    assert_eq!(fired(&mut core), FAILED);
}

#[test]
fn d21_d32_the_peers_close_is_a_state_and_no_event() {
    let mut core = open();
    core.receive_message("last".into());
    core.receive_closing();
    assert_eq!(core.ready_state(), State::Open);
    assert_eq!(fired(&mut core), ["Text(4 bytes: \"last\") Open"]);
    assert_eq!(core.ready_state(), State::Closing);
    core.close(Some(3000), "").unwrap();
    assert_eq!(core.next_outgoing(true), None);
    core.receive_closed(&ended(None, Some(CloseCode::NORMAL), Some(1000)));
    assert_eq!(fired(&mut core), ["close true 1000 \"why\" Closed"]);
}

#[test]
fn d23_to_d26_send_and_buffered_amount() {
    let mut core = connecting([]);
    assert_eq!(core.send("x".into()), Err(DomError::InvalidStateError));
    assert_eq!(core.buffered_amount(), 0);
    let mut core = open();
    core.send("\u{20ac}".into()).unwrap();
    core.send("".into()).unwrap();
    core.send(vec![0; 10].into()).unwrap();
    assert_eq!(core.buffered_amount(), 13);
    // Handing over changes nothing, writing does.
    while core.next_outgoing(true).is_some() {}
    assert_eq!(core.buffered_amount(), 13);
    core.set_unwritten(4);
    assert_eq!(core.buffered_amount(), 4);
    core.close(None, "").unwrap();
    core.send("late".into()).unwrap();
    assert_eq!(core.buffered_amount(), 8);
    core.set_unwritten(0);
    assert_eq!(core.buffered_amount(), 4);
    core.receive_closed(&ended(None, Some(CloseCode::NO_STATUS), Some(1005)));
    core.send("later".into()).unwrap();
    core.set_unwritten(0);
    assert_eq!(core.buffered_amount(), 9);
}

#[test]
fn d25_what_was_never_written_counts_after_the_end() {
    let mut core = open();
    core.send("handed over".into()).unwrap();
    core.send("queued".into()).unwrap();
    core.next_outgoing(true).unwrap();
    core.fail();
    // The endpoint has written none of it, and says so.
    core.set_unwritten(11);
    assert_eq!(core.next_outgoing(true), None);
    assert_eq!(core.buffered_amount(), 17);
}

#[test]
fn d27_full_is_an_error_before_close() {
    let mut core = open();
    core.set_max_buffered_amount(5);
    core.send("12345".into()).unwrap();
    assert!(!core.is_full());
    core.send("6".into()).unwrap();
    assert!(core.is_full());
    assert_eq!(
        (core.ready_state(), core.buffered_amount()),
        (State::Closing, 6)
    );
    assert_eq!(
        core.next_outgoing(true),
        Some(Outgoing::Message("12345".into()))
    );
    assert_eq!(core.next_outgoing(true), Some(Outgoing::Close(None)));
    core.receive_closed(&ended(None, Some(CloseCode::NO_STATUS), Some(1005)));
    assert_eq!(
        fired(&mut core),
        ["error Closed", "close true 1005 \"why\" Closed"]
    );
}

#[test]
fn d30_open_sets_protocol_and_extensions_first() {
    let mut core = connecting("chat");
    core.receive_open(Some("chat"), "permessage-deflate".into())
        .unwrap();
    assert_eq!((core.protocol(), core.extensions()), ("", ""));
    assert_eq!(fired(&mut core), ["open Open"]);
    assert_eq!(
        (core.protocol(), core.extensions()),
        ("chat", "permessage-deflate")
    );
}

#[test]
fn d31_messages_become_data_when_they_fire() {
    let mut core = open();
    for _ in 0..2 {
        core.receive_message(vec![1u8].into());
    }
    let Some(Event::Message(event)) = core.next_event() else {
        panic!("no message");
    };
    assert_eq!(event.data, MessageData::Blob(vec![1].into()));
    assert_eq!(&*event.origin, "ws://example.com:8080");
    core.set_binary_type(BinaryType::ArrayBuffer);
    let Some(Event::Message(event)) = core.next_event() else {
        panic!("no message");
    };
    assert_eq!(event.data, MessageData::ArrayBuffer(vec![1]));
}

#[test]
fn d31_messages_are_dropped_once_closing() {
    let mut core = open();
    core.receive_message("waits".into());
    core.close(None, "").unwrap();
    core.receive_message("comes".into());
    assert_eq!(fired(&mut core), [""; 0]);
}

#[test]
fn d31_messages_before_open_wait_for_it() {
    let mut core = connecting([]);
    core.receive_open(None, String::new()).unwrap();
    core.receive_message("early".into());
    assert_eq!(
        fired(&mut core),
        ["open Open", "Text(5 bytes: \"early\") Open"]
    );
}

#[test]
fn d33_d36_which_ends_are_failures() {
    let sent = Some(CloseCode::NORMAL);
    let protocol = Error::Protocol(ProtocolError::InvalidUtf8);
    for (error, sent, has_failed) in [
        (Some(Error::Eof), None, true),
        (Some(Error::Eof), sent, false),
        (Some(Error::Timeout(Timeout::Close)), sent, false),
        (Some(Error::Timeout(Timeout::Pong)), sent, true),
        (Some(protocol), sent, true),
        (Some(Error::Refused(404)), None, true),
    ] {
        let mut core = open();
        core.receive_closed(&ended(error, sent, None));
        let fired = fired(&mut core);
        assert_eq!(fired.last().unwrap(), FAILED[1]);
        assert_eq!(
            fired.len() == 2 && fired[0] == FAILED[0],
            has_failed,
            "{error:?} {sent:?}"
        );
    }
}

#[test]
fn d33_an_end_is_told_once() {
    let mut core = open();
    core.fail();
    core.fail();
    core.receive_closed(&ended(None, Some(CloseCode::NORMAL), Some(1000)));
    assert_eq!(fired(&mut core), FAILED);
    core.fail();
    assert_eq!(fired(&mut core), [""; 0]);
    assert!(core.has_ended());
}

#[test]
fn d34_d35_code_reason_and_cleanliness() {
    let sent = Some(CloseCode::new(4000));
    for (status, expected) in [
        (
            ended(None, sent, Some(3000)),
            "close true 3000 \"why\" Closed",
        ),
        (
            ended(None, None, Some(1001)),
            "close false 1001 \"why\" Closed",
        ),
        (
            ended(Some(Error::Eof), sent, None),
            "close false 1006 \"\" Closed",
        ),
    ] {
        let mut core = open();
        core.close(None, "").unwrap();
        core.receive_closed(&status);
        assert_eq!(fired(&mut core), [expected]);
    }
}

#[test]
fn d37_what_came_before_a_failure_is_delivered_before_it() {
    let mut core = open();
    core.receive_message("one".into());
    core.fail();
    assert_eq!(
        fired(&mut core),
        ["Text(3 bytes: \"one\") Open", FAILED[0], FAILED[1]]
    );
}

#[test]
fn d41_events_of_an_endpoint() {
    let endpoint = Endpoint::server(&Arc::new(Config::default()));
    let mut core = open();
    let message = |text| ProtoEvent::Message(Message::from(text));
    for event in [
        ProtoEvent::Ping(b"x"[..].into()),
        message("one"),
        ProtoEvent::Pong(b""[..].into()),
        ProtoEvent::Part(Part::more("tw")),
        ProtoEvent::Part(Part::last("o")),
        ProtoEvent::Part(Part::more(&[1u8])),
        ProtoEvent::Part(Part::last(&[2u8])),
        ProtoEvent::Close(None),
        message("late"),
    ] {
        core.receive(EndpointEvent::Event(event), &endpoint)
            .unwrap();
    }
    let expected = [
        "Text(3 bytes: \"one\") Open",
        "Text(3 bytes: \"two\") Open",
        "Blob(2 bytes) Open",
    ];
    assert_eq!(fired(&mut core), expected);
    assert_eq!(core.ready_state(), State::Closing);
}

#[test]
fn an_accepted_one_is_open() {
    let mut core = WebSocketCore::accepted("chat", "");
    assert_eq!(
        (core.ready_state(), core.protocol(), core.url()),
        (State::Open, "chat", "")
    );
    assert_eq!(core.next_event(), None);
    core.send("x".into()).unwrap();
}

#[test]
fn d27_empty_messages_without_end_are_more_than_may_wait() {
    let mut core = open();
    core.set_max_buffered_amount(3200);
    for _ in 0..=1024 + 100 {
        core.send("".into()).unwrap();
        assert_eq!(core.ready_state(), State::Open);
    }
    core.send("".into()).unwrap();
    assert_eq!(
        (core.ready_state(), core.buffered_amount()),
        (State::Closing, 0)
    );
    assert!(core.is_full());
}

/// A blob as the File API has it: its size, a piece of it, its bytes, its text.
#[test]
fn a_blob_gives_what_it_holds() {
    let blob = Blob::from(b"gr\xC3\xBC\xC3\x9F\xFF".to_vec());
    assert_eq!(blob.size(), 7);
    assert_eq!(blob.text(), "grüß\u{FFFD}");
    assert_eq!(blob.array_buffer(), b"gr\xC3\xBC\xC3\x9F\xFF");
    assert_eq!(blob.slice(2..6).text(), "üß");
    assert_eq!(blob.slice(..=1).text(), "gr");
    assert_eq!(
        blob.slice((Bound::Excluded(5), Bound::Unbounded)).as_ref(),
        [0xFF]
    );
    assert_eq!(blob.slice(9..).size(), 0);
    assert_eq!(blob.slice(5..99).size(), 2);
    let data = MessageData::Blob(blob.clone());
    assert_eq!((data.as_text(), data.as_ref()), (None, blob.as_bytes()));
    for (data, back) in [
        (data, Message::from(blob.array_buffer())),
        (MessageData::Text("a".into()), Message::from("a")),
        (MessageData::ArrayBuffer(vec![1]), Message::from(vec![1])),
    ] {
        assert_eq!(Message::from(&data), back);
        assert_eq!(Message::from(data), back);
    }
}

/// An event is printed with little of its message, which may be long, and nothing that drives a
/// terminal.
#[test]
fn hostile_151_152_an_event_prints_little_of_its_message() {
    const SECRET: &str = "correct horse battery staple";
    let long = ["\x1B[2J", &"x".repeat(60), SECRET].concat();
    for binary_type in [BinaryType::Blob, BinaryType::ArrayBuffer] {
        let mut core = open();
        core.set_binary_type(binary_type);
        core.receive_message(Message::from(&long));
        core.receive_message(Message::from(long.as_bytes()));
        for kind in ["text", "bytes"] {
            let printed = format!("{:?}", core.next_event().unwrap());
            let bytes = format!("{:?}", &SECRET.as_bytes()[..4]);
            assert!(printed.contains("92 bytes"), "{kind}: {printed}");
            for hidden in ["correct", bytes.trim_matches(['[', ']']), "\x1B"] {
                assert!(!printed.contains(hidden), "{kind}: {printed}");
            }
        }
    }
}
