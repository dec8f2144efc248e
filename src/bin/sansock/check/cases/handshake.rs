//! The opening handshake (RFC 6455 §4.2).

use crate::check::{
    case::{Case, Judgement, Request},
    wire::{Received, Wire, frame},
};

const GROUP: &str = "opening handshake";

/// What becomes of a request.
type Change = fn(Request) -> Request;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = GOOD
        .iter()
        .map(|(section, name, change)| accepts(section, name, *change))
        .collect();
    cases.extend([
        origin(),
        in_pieces(),
        frame_behind(),
        subprotocol(),
        extension(),
    ]);
    cases.push(version());
    cases.extend(
        BAD.iter()
            .map(|(section, name, change)| refuses(section, name, *change)),
    );
    cases
}

const GOOD: [(&str, &str, Change); 4] = [
    (
        "RFC 6455 §4.2.2",
        "a request as the RFC shows it",
        |request| request,
    ),
    (
        "RFC 6455 §4.2.1",
        "Upgrade and Connection in other letter case",
        |request| {
            request
                .without("Upgrade")
                .without("Connection")
                .with("UPGRADE", "WebSocket")
                .with("connection", "UPGRADE")
        },
    ),
    (
        "RFC 6455 §4.2.1",
        "Connection with other tokens beside Upgrade",
        |request| {
            request
                .without("Connection")
                .with("Connection", "keep-alive, Upgrade")
        },
    ),
    (
        "RFC 6455 §4.2.1",
        "a header that means nothing",
        |request| request.with("X-Nothing", "\"quoted\", a=b; c"),
    ),
];

const BAD: [(&str, &str, Change); 12] = [
    ("RFC 6455 §4.2.1", "no Sec-WebSocket-Key", |request| {
        request.without("Sec-WebSocket-Key")
    }),
    ("RFC 6455 §4.2.1", "a key of 15 bytes", |request| {
        key(request, "AAAAAAAAAAAAAAAAAAAA")
    }),
    ("RFC 6455 §4.2.1", "a key of 17 bytes", |request| {
        key(request, "AAAAAAAAAAAAAAAAAAAAAAA=")
    }),
    ("RFC 6455 §4.2.1", "a key that is not base64", |request| {
        key(request, "dGhlIHNhbXBsZSBub25j!!==")
    }),
    ("RFC 6455 §4.2.1", "two keys", |request| {
        request.with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
    }),
    ("RFC 6455 §4.2.1", "no Sec-WebSocket-Version", |request| {
        request.without("Sec-WebSocket-Version")
    }),
    ("RFC 6455 §4.2.1", "no Upgrade", |request| {
        request.without("Upgrade")
    }),
    (
        "RFC 6455 §4.2.1",
        "an Upgrade to something else",
        |request| request.without("Upgrade").with("Upgrade", "h2c"),
    ),
    ("RFC 6455 §4.2.1", "no Connection", |request| {
        request.without("Connection")
    }),
    ("RFC 6455 §4.2.1", "no Host", |request| {
        request.without("Host")
    }),
    ("RFC 6455 §4.2.1", "a POST", |request| {
        request.start("GET", "POST")
    }),
    ("RFC 6455 §4.2.1", "HTTP/1.0", |request| {
        request.start("HTTP/1.1", "HTTP/1.0")
    }),
];

fn key(request: Request, key: &str) -> Request {
    request
        .without("Sec-WebSocket-Key")
        .with("Sec-WebSocket-Key", key)
}

fn accepts(section: &'static str, name: &'static str, change: Change) -> Case {
    let expected = "101 with the Sec-WebSocket-Accept of the key";
    Case::new(GROUP, section, name, expected, move |server| {
        server.open_with(&change(server.request()))?;
        Ok(Judgement::passed("just this"))
    })
}

fn refuses(section: &'static str, name: &'static str, change: Change) -> Case {
    let expected = "an answer that is not 101";
    Case::new(GROUP, section, name, expected, move |server| {
        let (_, response) = server.ask(&change(server.request()))?;
        let status = format!("status {}", response.status);
        Ok(match response.status {
            101 => Judgement::failed(status),
            _ => Judgement::passed(status),
        })
    })
    .remark("§4.2.1: it \"MUST stop processing the client's handshake\" and answer an error.")
}

/// "If this origin is unacceptable to the server, it MUST return an appropriate HTTP error code".
fn origin() -> Case {
    let (section, name) = ("RFC 6455 §4.2.2", "the Origin of some page");
    let expected = "101 with the Sec-WebSocket-Accept of the key, or the status of an error";
    Case::new(GROUP, section, name, expected, |server| {
        let request = server.request().without("Origin");
        let request = request.with("Origin", "http://127.0.0.1");
        let (_, response) = server.ask(&request)?;
        if let status @ 400..=499 = response.status {
            return Ok(Judgement::inconclusive(format!("status {status}")));
        }
        server.open_with(&request)?;
        Ok(Judgement::passed("just this"))
    })
    .remark("A server may refuse the pages of others.")
}

fn in_pieces() -> Case {
    let expected = "101, and the echo";
    Case::new(
        GROUP,
        "RFC 6455 §4.2.1",
        "a request byte by byte",
        expected,
        |server| {
            let mut wire = server.connect()?;
            for byte in server.request().bytes() {
                wire.send(&[byte]);
            }
            let response = wire.response().map_err(Judgement::failed)?;
            if response.status != 101 {
                return Err(Judgement::failed(format!("status {}", response.status)));
            }
            echo(&mut wire)
        },
    )
}

fn frame_behind() -> Case {
    let (section, expected) = ("RFC 6455 §4.1", "101, and the echo");
    let name = "a frame in one packet with the request";
    Case::new(GROUP, section, name, expected, |server| {
        let mut wire = server.connect()?;
        wire.send(&[server.request().bytes(), frame(0x81, b"early")].concat());
        let response = wire.response().map_err(Judgement::failed)?;
        if response.status != 101 {
            return Err(Judgement::failed(format!("status {}", response.status)));
        }
        wire.expect(&[Received::Text(b"early".to_vec())])
    })
    .remark("A client should wait for the answer first, so a server may do as it likes.")
}

fn echo(wire: &mut Wire) -> Result<Judgement, Judgement> {
    wire.send(&frame(0x81, b"Hello"));
    wire.expect(&[Received::Text(b"Hello".to_vec())])
}

fn subprotocol() -> Case {
    let (section, name) = ("RFC 6455 §4.2.2", "subprotocols that nobody knows");
    let expected = "101 with one of those offered, or none";
    Case::new(GROUP, section, name, expected, |server| {
        let request = server.request();
        let request = request.with("Sec-WebSocket-Protocol", "sansock-check-1, sansock-check-2");
        let (_, response) = server.ask(&request)?;
        let chosen = response.header("sec-websocket-protocol");
        Ok(match (response.status, chosen.as_deref()) {
            (101, None) => Judgement::passed("101 with none"),
            (101, Some(name @ ("sansock-check-1" | "sansock-check-2"))) => Judgement::passed(name),
            (101, Some(other)) => Judgement::failed(format!("subprotocol {other:?}")),
            (status, _) => Judgement::inconclusive(format!("status {status}")),
        })
    })
    .remark("A server may refuse a client with which it has no subprotocol in common.")
}

fn extension() -> Case {
    let (section, name) = ("RFC 6455 §9.1", "an extension that nobody knows");
    Case::new(GROUP, section, name, "101 without it", |server| {
        let request = server.request();
        let request = request.with("Sec-WebSocket-Extensions", "x-sansock-check; a=1");
        let (_, response) = server.open_with(&request)?;
        Ok(match response.header("sec-websocket-extensions") {
            None => Judgement::passed("none"),
            Some(extensions) => Judgement::failed(format!("extensions {extensions:?}")),
        })
    })
}

fn version() -> Case {
    let (section, name) = ("RFC 6455 §4.4", "version 12");
    let expected = "426 or another status of an error, with Sec-WebSocket-Version: 13";
    Case::new(GROUP, section, name, expected, |server| {
        let request = server.request().without("Sec-WebSocket-Version");
        let (_, response) = server.ask(&request.with("Sec-WebSocket-Version", "12"))?;
        let versions = response.header("sec-websocket-version").unwrap_or_default();
        let got = format!("status {}, versions {versions:?}", response.status);
        let lists_13 = versions.split(',').any(|version| version.trim() == "13");
        Ok(match response.status {
            400..=599 if lists_13 => Judgement::passed(got),
            _ => Judgement::failed(got),
        })
    })
    .remark("§4.4: the answer must name the versions that the server understands.")
}
