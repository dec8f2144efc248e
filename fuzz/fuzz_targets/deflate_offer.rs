//! permessage-deflate is offered in any way, and answered in any way.
//!
//! ```text
//!  input   mode │ flags  sizes │ flags  sizes │ a value of the field …
//!               │ our client   │ our server   │ a line feed begins another field
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sansock::{
    Config, Event, Message,
    proto::{
        Compress, Connection, DeflateParams, SendOptions,
        handshake::{
            Accept, ClientHandshake, ClientRequest, HandshakeError, Outcome, Request,
            ServerHandshake, accept_key,
        },
    },
};
use sansock_fuzz::{
    DeflateChoice, SEED,
    extensions::{Deflate, read_extensions},
    read_answer,
};

fuzz_target!(|data: &[u8]| {
    let Some((&[mode, a, b, c, d], value)) = data.split_first_chunk() else {
        return;
    };
    let client = DeflateChoice::new([a, b]);
    let server = DeflateChoice::new([c, d]);
    match mode % 3 {
        0 => any_offer(server, mode & 0x80 != 0, value),
        1 => both_ours(client, server),
        _ => any_answer(client, value),
    }
});

/// A server is offered anything.
fn any_offer(choice: DeflateChoice, by_accept: bool, value: &[u8]) {
    let mut request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n"
        .to_vec();
    fields(&mut request, value);
    // What the configuration says, or what one connection's answer says in its place.
    let config = Config::default().deflate(if by_accept { None } else { choice.config() });
    let accept = if by_accept {
        Accept::new().deflate(choice.config())
    } else {
        Accept::new()
    };
    let Ok((answer, _, agreed)) = serve(&config, &accept, choice, &mut request) else {
        return;
    };
    let Some(answered) = answered(&answer) else {
        assert_eq!(agreed, None);
        return;
    };
    assert_eq!(agreed, Some(answered.agreed()));
    check_server(choice, offers(value).into_iter(), answered);
}

/// The answer is one to the first offer that can be answered, and as configured.
fn check_server(
    choice: DeflateChoice,
    mut offers: impl Iterator<Item = Deflate>,
    answered: Deflate,
) {
    assert!(choice.is_on, "answered, and it is off");
    // A window of 256 bytes cannot be kept to.
    let first = offers.find(|offer| offer.server_max_window_bits != Some(8));
    let offer = first.expect("an offer that can be answered");
    assert!(offer.allows(answered), "{answered:?} to {offer:?}");
    let (asked, agreed) = (choice.params, answered.agreed());
    assert!(agreed.server_max_window_bits >= 9);
    assert!(agreed.server_max_window_bits <= asked.server_max_window_bits);
    assert!(
        offer.client_max_window_bits.is_none()
            || agreed.client_max_window_bits <= asked.client_max_window_bits
    );
    assert!(agreed.server_no_context_takeover || !asked.server_no_context_takeover);
    assert!(agreed.client_no_context_takeover || !asked.client_no_context_takeover);
}

/// Both ends are ours: they agree, whatever they are set to, and understand each other.
fn both_ours(client: DeflateChoice, server: DeflateChoice) {
    let (mut handshake, mut request) = start(client);
    let offered = offers(&offer_of(&request));
    assert_eq!(offered.is_empty(), !client.is_on);
    let config = Config::default().deflate(server.config());
    let (mut answer, mut ours, agreed) =
        serve(&config, &Accept::new(), server, &mut request).expect("our own request");
    assert_eq!(agreed.is_some(), client.is_on && server.is_on);
    if let Some(answered) = answered(&answer) {
        check_server(server, offered.into_iter(), answered);
    }
    let outcome = handshake.receive(&mut &mut answer[..]);
    let Ok(Some(Outcome::Open(mut theirs, _))) = outcome else {
        panic!("our own answer: {outcome:?}");
    };
    assert_eq!(ours.deflate(), theirs.deflate());
    assert_eq!(ours.extensions(), theirs.extensions());
    for message in ["a message that repeats: a message", "", "a message"] {
        carry(&mut ours, &mut theirs, message);
        carry(&mut theirs, &mut ours, message);
    }
}

/// One message, compressed if that was agreed on.
fn carry(from: &mut Connection, to: &mut Connection, text: &str) {
    let mut out = Vec::new();
    let options = SendOptions::from(Compress::Always);
    from.send_with(text, options, &mut out).expect("it is open");
    let received = to.receive(&mut &mut out[..], &mut Vec::new());
    let message = Message::from(text);
    assert_eq!(received, Ok(Some(Event::Message(message))));
}

/// A client is answered anything.
fn any_answer(choice: DeflateChoice, value: &[u8]) {
    let (mut handshake, request) = start(choice);
    let text = str::from_utf8(&request).expect("text");
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let mut response = b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: "
        .to_vec();
    response.extend(accept_key(key.as_bytes()));
    response.extend(b"\r\n");
    fields(&mut response, value);
    match handshake.receive(&mut &mut response[..]) {
        Ok(Some(Outcome::Open(connection, _))) => {
            let answers = read_extensions(&list(value)).expect("well-formed");
            let Some(agreed) = connection.deflate() else {
                assert!(answers.is_empty(), "an extension that is not in use");
                return;
            };
            let [answer] = &answers[..] else {
                panic!("{} extensions in use", answers.len());
            };
            let answer = answer.deflate().expect("a valid answer");
            assert_eq!(agreed, answer.agreed());
            let mut offers = offers(&offer_of(&request)).into_iter();
            assert!(offers.any(|offer| offer.allows(answer)), "{answer:?}");
        }
        Ok(outcome) => panic!("{outcome:?}"),
        Err(_) => {}
    }
}

/// Our client's handshake and its request.
fn start(choice: DeflateChoice) -> (ClientHandshake, Vec<u8>) {
    let config = Arc::new(Config::default().deflate(choice.config()));
    let request = ClientRequest::new("example.com", "/").expect("valid");
    let mut out = Vec::new();
    let handshake = ClientHandshake::start(&request, &config, SEED, &mut out);
    (handshake, out)
}

/// Has our server answer `request`.
fn serve(
    config: &Config,
    accept: &Accept<'_>,
    choice: DeflateChoice,
    request: &mut [u8],
) -> Result<(Vec<u8>, Connection, Option<DeflateParams>), HandshakeError> {
    let mut handshake = ServerHandshake::new(&Arc::new(config.clone()));
    let mut out = Vec::new();
    let asked: Request = handshake
        .receive(&mut &mut request[..], &mut out)?
        .expect("the blank line is there");
    // A request by itself knows no configuration.
    let elsewhere = asked.answer(&accept.clone().deflate(choice.config()));
    let (connection, negotiated) = handshake.accept(accept, &mut out).expect("nothing of ours");
    assert_eq!(connection.deflate(), negotiated.deflate);
    let (headers, same) = elsewhere.expect("both or none");
    assert_eq!(negotiated.deflate.is_some(), same.deflate.is_some());
    assert_eq!(
        headers.get("sec-websocket-extensions").is_some(),
        read_answer(&out).only("sec-websocket-extensions").is_some()
    );
    Ok((out, connection, negotiated.deflate))
}

/// The only extension of a server's answer.
fn answered(answer: &[u8]) -> Option<Deflate> {
    let answer = read_answer(answer);
    assert_eq!(answer.status, 101);
    let value = answer.only("sec-websocket-extensions")?;
    let extensions = read_extensions(value).expect("well-formed");
    let [extension] = &extensions[..] else {
        panic!("{} extensions in the answer", extensions.len());
    };
    Some(extension.deflate().expect("a valid answer"))
}

/// The valid offers.
fn offers(value: &[u8]) -> Vec<Deflate> {
    let extensions = read_extensions(&list(value)).expect("well-formed");
    extensions.iter().filter_map(|it| it.deflate()).collect()
}

/// What our client offers, as the field's value.
fn offer_of(request: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(request).expect("text");
    let offer = text
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    offer.unwrap_or("").as_bytes().to_vec()
}

/// Appends `value` as one field or several, and the blank line.
fn fields(head: &mut Vec<u8>, value: &[u8]) {
    for line in value.split(|byte| *byte == b'\n') {
        head.extend(b"Sec-WebSocket-Extensions: ");
        // The end of a line is the head's own matter.
        head.extend(
            line.iter()
                .map(|byte| if *byte == b'\r' { b'!' } else { *byte }),
        );
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
}

/// Several fields are one list (RFC 9110 §5.3).
fn list(value: &[u8]) -> Vec<u8> {
    let of = |byte: &u8| match byte {
        b'\n' => b',',
        b'\r' => b'!',
        byte => *byte,
    };
    value.iter().map(of).collect()
}
