//! The same opening handshake to the engine and to another implementation (RFC 6455 §4).
//!
//! A server is given a request, a client the response to the request that it wrote; both clients
//! write the same `Sec-WebSocket-Key`. Compared is whether the head is accepted, what was agreed
//! on, and what is left behind it. As for frames, a [`Rule`] must explain each difference, and has
//! its entry in `fuzz/DIFFERENCES.md`.
//!
//! ```text
//!  input   flags │ most  seed │ bytes of the peer …            (RAW)
//!                │ Cuts       │ how  line  len  text … │ …     lines of a head in order, changed
//!  flags   1 a client │ 2 RAW │ 4 the client offers subprotocols │ 8 a frame follows
//! ```

mod engine;
mod head;
mod tungstenite;
mod websockets;

use sansock::{Role, proto::handshake::HandshakeError};

use self::{engine::Engine, head::Head};
pub use self::{tungstenite::run as tungstenite, websockets::run as websockets};
#[cfg(test)]
pub(super) use self::{
    tungstenite::{RULES as TUNGSTENITE, differ as differ_tungstenite},
    websockets::{RULES as WEBSOCKETS, differ as differ_websockets},
};
use crate::{Cuts, extensions::read_extensions};

/// What an end makes of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// There must be more of it.
    Waits,
    /// The connection is open.
    Accepts {
        /// `Sec-WebSocket-Accept`, written or received.
        accept: Vec<u8>,
        subprotocol: Option<Vec<u8>>,
        /// What follows the head.
        rest: Vec<u8>,
    },
    /// It fails.
    Fails,
    /// A client, that the server answered with another status than 101.
    Refused(u16),
}

/// What another end says, and how it words an error.
struct Theirs {
    said: Said,
    error: String,
}

/// What both are given.
#[derive(Clone, Debug)]
pub(super) struct Case {
    role: Role,
    /// Whether the client offers the subprotocols "chat" and "superchat".
    offers: bool,
    wire: Vec<u8>,
    cuts: Cuts,
}

impl Case {
    /// What an input means; `None` if it is too short.
    pub(super) fn new(data: &[u8]) -> Option<Self> {
        let (&[flags, most, seed], rest) = data.split_first_chunk()?;
        let role = if flags & CLIENT == 0 {
            Role::Server
        } else {
            Role::Client
        };
        let mut wire = if flags & RAW == 0 {
            changed(role, rest)
        } else {
            rest.to_vec()
        };
        if flags & FRAME != 0 {
            wire.extend_from_slice(b"\x81\x05Hello");
        }
        wire.truncate(MOST);
        Some(Self {
            role,
            offers: flags & OFFERS != 0,
            wire,
            cuts: Cuts::new([most, seed]),
        })
    }
}

const CLIENT: u8 = 1;
const RAW: u8 = 2;
const OFFERS: u8 = 4;
const FRAME: u8 = 8;

/// Less than any of them limits a head to.
const MOST: usize = 8 << 10;

/// A head that is in order.
const REQUEST: &[&[u8]] = &[
    b"GET /chat HTTP/1.1",
    b"Host: server.example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
];

/// The answer to the key that follows from the targets' seed.
const RESPONSE: &[&[u8]] = &[
    b"HTTP/1.1 101 Switching Protocols",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Accept: MXHCaJPMZA/Ir6yhiiyxoBpnBAA=",
];

/// A head in order, but for the changes that the input asks for.
fn changed(role: Role, mut rest: &[u8]) -> Vec<u8> {
    let lines = match role {
        Role::Server => REQUEST,
        Role::Client => RESPONSE,
    };
    let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
    while let Some((&[how, line, len], after)) = rest.split_first_chunk() {
        let (text, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let at = usize::from(line) % (lines.len() + 1);
        let Some(line) = lines.get_mut(at) else {
            lines.push(text.to_vec());
            continue;
        };
        match how % 6 {
            0 => {
                // Another value.
                let colon = line.iter().position(|byte| *byte == b':');
                line.truncate(colon.map_or(0, |at| at + 1));
                line.extend_from_slice(text);
            }
            1 => line.extend_from_slice(text),
            2 => *line = text.to_vec(),
            3 => {
                lines.remove(at);
            }
            4 => lines.insert(at, text.to_vec()),
            _ => {
                // The same once more, changed or not.
                let line = [line, text].concat();
                lines.push(line);
            }
        }
    }
    let mut wire = lines.join(&b"\r\n"[..]);
    wire.extend_from_slice(END);
    wire
}

/// The end of a last line, and the blank line.
const END: &[u8] = b"\r\n\r\n";

/// Where an end and the engine say different things.
struct Difference<'a> {
    case: &'a Case,
    head: &'a Head<'a>,
    ours: &'a Said,
    /// The fault that the engine found, if it failed.
    error: Option<HandshakeError>,
    theirs: &'a Theirs,
    /// Whether one of them waits, and both say the same of the head once its end is there.
    is_later: bool,
}

/// A difference that is known and right to be.
pub(super) struct Rule {
    /// Its heading in `fuzz/DIFFERENCES.md`.
    pub(super) entry: &'static str,
    explains: fn(&Difference<'_>) -> bool,
    /// An input that shows it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that each is met"))]
    pub(super) example: &'static [u8],
}

/// Compares what the engine says with what the other does; the rule that explains it.
///
/// # Panics
///
/// If they differ and no rule explains it.
fn compare(case: &Case, receive: fn(&Case) -> Theirs, rules: &[Rule]) -> Option<&'static str> {
    let (ours, theirs) = (Engine::new(case), receive(case));
    if ours.said == theirs.said {
        return None;
    }
    let waits = ours.said == Said::Waits || theirs.said == Said::Waits;
    let ended = Case {
        wire: [&case.wire, END].concat(),
        ..case.clone()
    };
    let later = waits.then(|| (Engine::new(&ended), receive(&ended)));
    let is_later = (later.as_ref()).is_some_and(|(ours, theirs)| ours.said == theirs.said);
    let explain = |case: &Case, ours: &Engine, theirs: &Theirs| {
        let difference = Difference {
            case,
            head: &Head::new(&case.wire),
            ours: &ours.said,
            error: ours.error,
            theirs,
            is_later,
        };
        let rule = rules.iter().find(|rule| (rule.explains)(&difference));
        rule.map(|rule| rule.entry)
    };
    let explained = explain(case, &ours, &theirs).or_else(|| {
        // They tell it at different bytes, and of a whole head something else.
        let (ours, theirs) = later.as_ref()?;
        explain(&ended, ours, theirs)
    });
    if explained.is_none() {
        panic!(
            "{:?}\n{}\nours {:?} {:?}\ntheirs {:?} {}",
            case.role,
            case.wire.escape_ascii(),
            ours.said,
            ours.error,
            theirs.said,
            theirs.error,
        );
    }
    explained
}

impl Difference<'_> {
    /// Whether the engine fails by this rule, and the other does not.
    fn is_stricter(&self, error: HandshakeError) -> bool {
        self.error == Some(error) && self.theirs.said != Said::Fails
    }

    /// Whether the other fails with this error, and the engine does not.
    fn is_laxer(&self, error: &str) -> bool {
        *self.ours != Said::Fails && self.theirs.said == Said::Fails && self.theirs.error == error
    }

    /// The same of an error that begins so.
    fn is_laxer_than(&self, error: &str) -> bool {
        let theirs = self.theirs;
        *self.ours != Said::Fails && theirs.said == Said::Fails && theirs.error.starts_with(error)
    }

    /// Whether only the engine looks at a field, which is wrong.
    fn is_stricter_field(&self) -> bool {
        let is_of_origin = |byte: &u8| matches!(byte, 0x20..=0x7E);
        let origins = self.head.all("origin");
        let extensions = self.head.all("sec-websocket-extensions").into_iter();
        let extensions: Option<Vec<_>> = extensions.map(read_extensions).collect();
        self.is_stricter(HandshakeError::RequestOrigin)
            && (origins.len() > 1 || !origins.concat().iter().all(is_of_origin))
            || self.is_stricter(HandshakeError::RequestSubprotocols)
                && !self.head.has_subprotocols()
            || self.is_stricter(HandshakeError::RequestExtensions)
                && extensions.is_none_or(|extensions| extensions.concat().is_empty())
    }
}

impl From<Said> for Theirs {
    fn from(said: Said) -> Self {
        Self {
            said,
            error: String::new(),
        }
    }
}
