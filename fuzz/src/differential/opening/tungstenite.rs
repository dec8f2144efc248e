//! tungstenite 0.30: rules TS01 to TS13 of its server, TC01 to TC10 of its client.

use sansock::{Role, proto::handshake::HandshakeError as Ours};
use tungstenite::{
    Error, HandshakeError, accept_hdr,
    client::client,
    handshake::{
        HandshakeRole,
        client::{Request, Response},
        machine::TryParse,
        server::NoCallback,
    },
    http::Uri,
};

use super::{
    super::stream::Stream, Case, Difference, Rule, Said, Theirs, compare, engine::written,
};
use crate::read_answer;

/// Fuzzes the engine's opening handshake against tungstenite's.
///
/// # Panics
///
/// On a finding.
pub fn run(data: &[u8]) {
    if let Some(case) = Case::new(data) {
        differ(&case);
    }
}

/// The rule that explains how the two differ, if they do.
pub(in super::super) fn differ(case: &Case) -> Option<&'static str> {
    compare(case, receive, RULES)
}

/// What it does otherwise, each with the input that shows it.
pub(in super::super) const RULES: &[Rule] = &[
    // As a server.
    Rule {
        entry: "TS01",
        explains: |it| it.is_server() && it.is_later,
        // Another method, of which the first line is there.
        example: b"\x02\0\0POST / HTTP/1.1\r\n",
    },
    Rule {
        entry: "TS02",
        explains: |it| it.is_server() && it.is_laxer("Protocol(JunkAfterRequest)") && it.has_rest(),
        example: b"\x08\xFF\0",
    },
    Rule {
        entry: "TS03",
        explains: |it| it.is_server() && it.is_laxer("AttackAttempt"),
        // One byte each read.
        example: b"\x00\0\0",
    },
    Rule {
        entry: "TS04",
        explains: |it| it.is_server() && it.is_stricter_line(),
        example: b"\x00\xFF\0\x01\x01\x05\nA: b",
    },
    Rule {
        entry: "TS05",
        explains: |it| {
            it.is_server() && it.is_stricter(Ours::RequestTarget) && !it.head.is_target()
        },
        example: b"\x00\xFF\0\x02\x00\x0EGET * HTTP/1.1",
    },
    Rule {
        entry: "TS06",
        explains: |it| it.is_server() && it.is_stricter(Ours::RequestHost) && !it.head.has_host(),
        example: b"\x00\xFF\0\x03\x01\x00",
    },
    Rule {
        entry: "TS07",
        explains: |it| it.is_server() && it.is_stricter(Ours::RequestBody) && it.head.has_body(),
        example: b"\x00\xFF\0\x04\x05\x11Content-Length: 1",
    },
    Rule {
        entry: "TS08",
        explains: |it| {
            it.is_server()
                && it.is_laxer("Protocol(MissingConnectionUpgradeHeader)")
                && it.head.lists("connection", b"upgrade")
        },
        example: b"\x00\xFF\0\x04\x03\x16Connection: keep-alive",
    },
    Rule {
        entry: "TS09",
        explains: |it| {
            it.is_server()
                && it.is_stricter(Ours::RequestConnection)
                && !it.head.lists("connection", b"upgrade")
        },
        example: b"\x00\xFF\0\x00\x03\x0A Upgrade b",
    },
    Rule {
        entry: "TS10",
        explains: |it| {
            it.is_server()
                && it.is_laxer("Protocol(MissingUpgradeWebSocketHeader)")
                && it.head.lists("upgrade", b"websocket")
        },
        example: b"\x00\xFF\0\x01\x02\x05, h2c",
    },
    Rule {
        entry: "TS11",
        explains: |it| {
            it.is_server()
                && (it.is_stricter(Ours::RequestKey) && it.repeats("sec-websocket-key")
                    || it.is_stricter(Ours::MalformedVersion)
                        && it.repeats("sec-websocket-version"))
        },
        example: b"\x00\xFF\0\x05\x04\x00",
    },
    Rule {
        entry: "TS12",
        explains: |it| it.is_server() && it.is_stricter_field(),
        example: b"\x00\xFF\0\x04\x05\x1BSec-WebSocket-Extensions: =",
    },
    Rule {
        entry: "TS13",
        explains: |it| {
            it.is_server()
                && it.theirs.error.starts_with("HttpFormat(")
                && *it.ours != Said::Fails
                && Uri::try_from(it.head.target()).is_err()
        },
        example: b"\x00\xFF\0\x02\x00\x0FGET /< HTTP/1.1",
    },
    // As a client.
    Rule {
        entry: "TC01",
        explains: |it| it.is_client() && it.is_later,
        example: b"\x03\0\0HTTP/1.0 101 A\r\n",
    },
    Rule {
        entry: "TC02",
        explains: |it| it.is_client() && it.is_laxer("AttackAttempt"),
        example: b"\x01\0\0",
    },
    Rule {
        entry: "TC03",
        explains: |it| it.is_client() && it.is_stricter_line(),
        example: b"\x01\xFF\0\x01\x01\x05\nA: b",
    },
    Rule {
        entry: "TC04",
        explains: |it| {
            it.is_client()
                && it.is_laxer("Protocol(MissingConnectionUpgradeHeader)")
                && it.head.lists("connection", b"upgrade")
        },
        example: b"\x01\xFF\0\x01\x02\x0C, keep-alive",
    },
    Rule {
        entry: "TC05",
        explains: |it| it.is_client() && matches!(it.theirs.said, Said::Refused(100..200)),
        example: b"\x03\xFF\0HTTP/1.1 100 Continue\r\n\r\n",
    },
    Rule {
        entry: "TC06",
        explains: |it| {
            it.is_client()
                && it.error == Some(Ours::ResponseBody)
                && matches!(it.theirs.said, Said::Refused(_))
        },
        example: b"\x03\xFF\0HTTP/1.1 404 No\r\nContent-Length: a\r\n\r\n",
    },
    Rule {
        entry: "TC07",
        explains: |it| {
            it.is_client()
                && (it.is_stricter(Ours::ResponseUpgrade) && it.repeats("upgrade")
                    || it.is_stricter(Ours::ResponseConnection) && it.repeats("connection")
                    || it.is_stricter(Ours::ResponseAccept) && it.repeats("sec-websocket-accept")
                    || it.is_stricter(Ours::ResponseSubprotocol)
                        && it.repeats("sec-websocket-protocol"))
        },
        example: b"\x01\xFF\0\x05\x03\x00",
    },
    Rule {
        entry: "TC08",
        explains: |it| {
            it.is_client()
                && it.is_stricter(Ours::ResponseExtensions)
                && !it.head.all("sec-websocket-extensions").is_empty()
        },
        example: b"\x01\xFF\0\x04\x02\x1BSec-WebSocket-Extensions: x",
    },
    Rule {
        entry: "TC09",
        explains: |it| {
            it.is_client()
                && it.case.offers
                && it.theirs.error == "Protocol(SecWebSocketSubProtocolError(NoSubProtocol))"
                && matches!(
                    it.ours,
                    Said::Accepts {
                        subprotocol: None,
                        ..
                    }
                )
        },
        example: b"\x05\xFF\0",
    },
    Rule {
        entry: "TC10",
        explains: |it| {
            it.is_client()
                && matches!(it.ours, Said::Refused(_))
                && (it.is_laxer("Protocol(HttparseError(Version))")
                    || it.is_laxer("Protocol(WrongHttpVersion)"))
        },
        example: b"\x03\xFF\0HTTP/1.5 401 No\r\n\r\n",
    },
];

impl Difference<'_> {
    fn is_server(&self) -> bool {
        self.case.role == Role::Server
    }

    fn is_client(&self) -> bool {
        self.case.role == Role::Client
    }

    /// Whether the engine leaves something behind the head.
    fn has_rest(&self) -> bool {
        matches!(self.ours, Said::Accepts { rest, .. } if !rest.is_empty())
    }

    /// Whether only the engine minds how a line ends, or a blank one before the first.
    fn is_stricter_line(&self) -> bool {
        (self.is_stricter(Ours::MalformedStartLine) || self.is_stricter(Ours::MalformedHeader))
            && !self.head.is_strict
    }

    /// Whether a field stands several times that may stand once.
    fn repeats(&self, name: &str) -> bool {
        self.head.all(name).len() > 1
    }
}

fn receive(case: &Case) -> Theirs {
    let stream = Stream::new(&case.wire, &case.cuts);
    match case.role {
        Role::Server => match accept_hdr(stream, NoCallback) {
            Ok(socket) => {
                let stream = socket.get_ref();
                let answer = read_answer(&stream.written);
                Said::Accepts {
                    accept: answer.only("sec-websocket-accept").expect("one").to_vec(),
                    subprotocol: answer.only("sec-websocket-protocol").map(<[u8]>::to_vec),
                    rest: stream.rest(),
                }
                .into()
            }
            Err(error) => failed(error),
        },
        Role::Client => match client(request(case), stream) {
            Ok((_, response)) => {
                let (head, _) = Response::try_parse(&case.wire)
                    .expect("it was")
                    .expect("whole");
                let field = |name| {
                    let value = response.headers().get(name);
                    value.map(|value| value.as_bytes().to_vec())
                };
                Said::Accepts {
                    accept: field("sec-websocket-accept").expect("one"),
                    subprotocol: field("sec-websocket-protocol"),
                    rest: case.wire[head..].to_vec(),
                }
                .into()
            }
            Err(error) => failed(error),
        },
    }
}

fn failed<R: HandshakeRole>(error: HandshakeError<R>) -> Theirs {
    match error {
        HandshakeError::Interrupted(_) => Said::Waits.into(),
        HandshakeError::Failure(Error::Http(response)) => {
            Said::Refused(response.status().as_u16()).into()
        }
        HandshakeError::Failure(error) => Theirs {
            said: Said::Fails,
            error: format!("{error:?}"),
        },
    }
}

/// The engine's request, field by field, with its key.
fn request(case: &Case) -> Request {
    let written = written(case);
    let mut lines = str::from_utf8(&written).expect("text").lines().skip(1);
    let mut request = Request::builder().uri("ws://server.example.com/chat");
    while let Some((name, value)) = lines.next().and_then(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(()).expect("valid")
}
