//! The arguments of the browsers' `WebSocket`: a URL with or without a base, subprotocols, a close
//! code and its reason.
//!
//! What passes the checks comes to a request that is one request and that a server takes, with all
//! that was asked for in it and no credentials but where they belong.
//!
//! ```text
//!  input   code, 2 bytes │ URL \n base \n subprotocol SP subprotocol … \n reason
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sansock::{
    Config,
    proto::handshake::{ClientHandshake, RequestError, ServerHandshake},
    web::{DomError, Location, Protocols, SyntaxError, WebSocketCore},
};
use sansock_fuzz::SEED;

fuzz_target!(|data: &[u8]| {
    let Some((code, text)) = data.split_first_chunk() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, base) = (line(), line());
    let names = line();
    let names: Vec<&str> = if names.is_empty() {
        Vec::new()
    } else {
        names.split(' ').collect()
    };
    close(u16::from_be_bytes(*code), line());

    let protocols = Protocols::from(&names[..]);
    assert_eq!(protocols.check(), check_names(&names));
    let Ok(location) = Location::parse(url, (!base.is_empty()).then_some(base)) else {
        return;
    };
    let core = WebSocketCore::new(&location, &protocols);
    assert_eq!(
        core.as_ref().map(|_| ()),
        check_names(&names).as_ref().map(|_| ())
    );
    if let Ok(core) = &core {
        assert_eq!(core.url(), location.as_str());
    }
    look(&location);
    match location.request(&protocols) {
        Ok(request) => {
            assert!(request.subprotocols().eq(names.iter().copied()));
            assert_eq!(request.host(), location.host());
            assert_eq!(request.port(), location.port());
            assert_eq!(request.is_secure(), location.is_secure());
            let mut head = Vec::new();
            let config = Arc::new(
                Config::default()
                    .max_head_size(1 << 20)
                    .max_request_line_size(1 << 20),
            );
            let _ = ClientHandshake::start(&request, &config, SEED, &mut head);
            serve(&location, &names, head, &config);
        }
        Err(RequestError::Subprotocol | RequestError::RepeatedSubprotocol) => {
            assert!(core.is_err(), "{names:?}");
        }
        Err(RequestError::Credentials | RequestError::Authority) => {}
        Err(error) => panic!("{error} of {location:?}"),
    }
});

/// What the serialised URL shows (WHATWG URL §4.5), by a second hand.
fn look(location: &Location) {
    let url = location.as_str();
    let again = Location::parse(url, None).expect("it was serialised");
    assert_eq!(again.as_str(), url);
    assert!(
        url.is_ascii() && !url.contains(['#', ' ', '\r', '\n']),
        "{url}"
    );
    let (scheme, rest) = url.split_once("://").expect("ws and wss have a host");
    assert_eq!(scheme, if location.is_secure() { "wss" } else { "ws" });
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    assert_eq!(location.origin(), format!("{scheme}://{host}"));
    assert!(
        host.starts_with(location.host()) || host.starts_with(&format!("[{}]", location.host()))
    );
    assert!(!location.host().is_empty());
    // "leaves the query and the credentials out"
    assert_eq!(
        format!("{location:?}"),
        format!("Location({:?})", location.origin())
    );
}

/// A server reads the request as it was meant.
fn serve(location: &Location, names: &[&str], mut head: Vec<u8>, config: &Arc<Config>) {
    let blank = head.windows(4).position(|four| four == b"\r\n\r\n");
    assert_eq!(blank, Some(head.len() - 4), "not one head");
    let mut handshake = ServerHandshake::new(config);
    let mut input = &mut head[..];
    let request = handshake.receive(&mut input, &mut Vec::new());
    let request = request.expect("a valid request").expect("a whole one");
    assert!(input.is_empty());
    assert!(request.subprotocols().eq(names.iter().copied()));
    let origin = location.origin();
    let (_, authority) = origin.split_once("://").expect("an origin");
    assert_eq!(request.host(), Some(authority));
    let credentials = location.as_str().contains('@');
    if request.headers().get("authorization").is_some() {
        assert!(credentials);
    }
    assert!(location.as_str().ends_with(request.target()) || location.as_str().ends_with('?'));
}

/// "If any of the values in protocols occur more than once or otherwise fail to match the
/// requirements for elements that comprise the value of `Sec-WebSocket-Protocol` fields".
fn check_names(names: &[&str]) -> Result<(), SyntaxError> {
    for (at, name) in names.iter().enumerate() {
        let is_token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            return Err(SyntaxError::Protocol);
        }
        if names[..at]
            .iter()
            .any(|before| before.eq_ignore_ascii_case(name))
        {
            return Err(SyntaxError::RepeatedProtocol);
        }
    }
    Ok(())
}

fn close(code: u16, reason: &str) {
    let is_allowed = code == 1000 || (3000..5000).contains(&code);
    let expected = if !is_allowed {
        Err(DomError::InvalidAccessError(code.into()))
    } else if reason.len() > 123 {
        Err(DomError::SyntaxError(SyntaxError::ReasonTooLong))
    } else {
        Ok(())
    };
    assert_eq!(WebSocketCore::check_close(Some(code), reason), expected);
    assert_eq!(
        WebSocketCore::accepted("", "").close(Some(code), reason),
        expected
    );
}
