//! A case: what is sent, what must come of it, and what did.

use std::{borrow::Cow, fmt, time::Duration};

use sansock::adapter::tls::TlsConnector;

use super::wire::{End, Received, Response, Wire};
use crate::target::{Header, Target};

/// One thing to try, over a connection of its own.
pub(super) struct Case {
    pub(super) group: &'static str,
    pub(super) name: Cow<'static, str>,
    /// Where the rule stands.
    pub(super) section: &'static str,
    pub(super) expected: String,
    /// What to know if the server does not do so.
    pub(super) remark: Option<&'static str>,
    judge: Box<Judge>,
}

/// Tries it. Either way the result says how it went: `Err` is for leaving early.
type Judge = dyn Fn(&Server) -> Result<Judgement, Judgement>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    /// The server may do so, though others do not.
    Inconclusive,
    /// The server does not offer what the case is about.
    Inapplicable,
}

/// How a case went.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) got: String,
}

/// The server that is tried.
pub(super) struct Server {
    pub(super) target: Target,
    pub(super) tls: Option<TlsConnector>,
    pub(super) headers: Vec<Header>,
    /// How long a case may take.
    pub(super) limit: Duration,
}

/// A request that opens a connection, for a case to spoil.
#[derive(Clone, Debug)]
pub(super) struct Request {
    start: String,
    headers: Vec<(String, String)>,
}

/// The key and its answer of the RFC's example (RFC 6455 §1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Case {
    pub(super) fn new(
        group: &'static str,
        section: &'static str,
        name: impl Into<Cow<'static, str>>,
        expected: impl Into<String>,
        judge: impl Fn(&Server) -> Result<Judgement, Judgement> + 'static,
    ) -> Self {
        Self {
            group,
            name: name.into(),
            section,
            expected: expected.into(),
            remark: None,
            judge: Box::new(judge),
        }
    }

    /// A case that sends `bytes` to an open connection, which must be answered by just this.
    pub(super) fn answers(
        group: &'static str,
        section: &'static str,
        name: impl Into<Cow<'static, str>>,
        bytes: Vec<u8>,
        answers: Vec<Received>,
    ) -> Self {
        let shown: Vec<String> = answers.iter().map(ToString::to_string).collect();
        Self::new(group, section, name, shown.join(", then "), move |server| {
            let mut wire = server.open()?;
            wire.send(&bytes);
            wire.expect(&answers)
        })
    }

    /// A case that sends `bytes` to an open connection, which must fail it (§7.1.7) by one of these
    /// codes or by dropping it.
    pub(super) fn fails(
        group: &'static str,
        section: &'static str,
        name: impl Into<Cow<'static, str>>,
        bytes: Vec<u8>,
        codes: &'static [u16],
    ) -> Self {
        Self::new(group, section, name, failure(codes), move |server| {
            let mut wire = server.open()?;
            wire.send(&bytes);
            wire.expect_failure(codes)
        })
    }

    pub(super) fn remark(mut self, remark: &'static str) -> Self {
        self.remark = Some(remark);
        self
    }

    pub(super) fn run(&self, server: &Server) -> Judgement {
        (self.judge)(server).unwrap_or_else(|judgement| judgement)
    }
}

/// What is expected of a server that fails a connection.
pub(super) fn failure(codes: &[u16]) -> String {
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    format!("Close {}, or the end of the connection", codes.join(" or "))
}

impl Judgement {
    pub(super) fn passed(got: impl fmt::Display) -> Self {
        Self::new(Verdict::Passed, got)
    }

    pub(super) fn failed(got: impl fmt::Display) -> Self {
        Self::new(Verdict::Failed, got)
    }

    pub(super) fn inconclusive(got: impl fmt::Display) -> Self {
        Self::new(Verdict::Inconclusive, got)
    }

    pub(super) fn inapplicable(got: impl fmt::Display) -> Self {
        Self::new(Verdict::Inapplicable, got)
    }

    fn new(verdict: Verdict, got: impl fmt::Display) -> Self {
        let got = got.to_string();
        Self { verdict, got }
    }
}

impl Verdict {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Inapplicable => "inapplicable",
        }
    }
}

impl Server {
    /// The request of the RFC's example for this server.
    pub(super) fn request(&self) -> Request {
        let own = [
            ("Host", self.target.authority()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", KEY),
            ("Sec-WebSocket-Version", "13"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = self.headers.iter();
        let given = given.map(|header| (header.name.clone(), header.value.clone()));
        Request {
            start: format!("GET {} HTTP/1.1", self.target.resource()),
            headers: own.into_iter().chain(given).collect(),
        }
    }

    /// A connection on which nothing was said.
    pub(super) fn connect(&self) -> Result<Wire, Judgement> {
        let stream = self.target.dial(self.tls.as_ref());
        let stream = stream.map_err(Judgement::failed)?;
        Wire::new(stream, self.limit).map_err(Judgement::failed)
    }

    /// The answer to a request, and the connection it came on.
    pub(super) fn ask(&self, request: &Request) -> Result<(Wire, Response), Judgement> {
        let mut wire = self.connect()?;
        wire.send(&request.bytes());
        match wire.response() {
            Ok(response) => Ok((wire, response)),
            Err(End::Dropped) => Err(Judgement::inconclusive("no answer but the end")),
            Err(end) => Err(Judgement::failed(end)),
        }
    }

    /// A connection that is open, and the answer that opened it.
    pub(super) fn open_with(&self, request: &Request) -> Result<(Wire, Response), Judgement> {
        let (wire, response) = self.ask(request)?;
        match fault(&response) {
            None => Ok((wire, response)),
            Some(fault) => Err(Judgement::failed(fault)),
        }
    }

    /// A connection that is open, without extensions.
    pub(super) fn open(&self) -> Result<Wire, Judgement> {
        Ok(self.open_with(&self.request())?.0)
    }
}

/// What is wrong with an answer that is to open a connection (§4.1).
fn fault(response: &Response) -> Option<String> {
    let is = |name, value: &str| {
        let header = response.header(name);
        header.is_some_and(|header| header.eq_ignore_ascii_case(value))
    };
    // It may list other options, such as keep-alive (§4.1, item 3 of the answer's checks).
    let is_upgrade = response.header("connection").is_some_and(|options| {
        let mut options = options.split(',');
        options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    });
    let accept = response.header("sec-websocket-accept");
    if response.status != 101 {
        Some(format!("status {}", response.status))
    } else if accept.as_deref() != Some(ACCEPT) {
        Some("a Sec-WebSocket-Accept that is not the one for the key".into())
    } else if !is("upgrade", "websocket") || !is_upgrade {
        Some("a 101 without \"Upgrade: websocket\" and \"Connection: Upgrade\"".into())
    } else {
        None
    }
}

impl Request {
    /// The same with another first line.
    pub(super) fn start(mut self, from: &str, to: &str) -> Self {
        self.start = self.start.replacen(from, to, 1);
        self
    }

    /// The same without this header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// The same with this header behind the others.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        bytes.into_bytes()
    }
}

impl Wire {
    /// Whether the server answers by just this.
    pub(super) fn expect(&mut self, answers: &[Received]) -> Result<Judgement, Judgement> {
        for answer in answers {
            let received = self.receive();
            if received != *answer {
                return Err(Judgement::failed(received));
            }
        }
        Ok(Judgement::passed("just this"))
    }

    /// Whether the server fails the connection.
    pub(super) fn expect_failure(&mut self, codes: &[u16]) -> Result<Judgement, Judgement> {
        self.receive().judge_failure(codes)
    }
}

impl Received {
    /// Whether this is how a server fails a connection (§7.1.7).
    pub(super) fn judge_failure(self, codes: &[u16]) -> Result<Judgement, Judgement> {
        let code = match &self {
            Self::Close(body) => body.first_chunk().map(|code| u16::from_be_bytes(*code)),
            Self::End(End::Dropped) => return Ok(Judgement::passed(self)),
            _ => return Err(Judgement::failed(self)),
        };
        Ok(match code {
            Some(code) if codes.contains(&code) => Judgement::passed(self),
            // It noticed, and calls it by another name.
            Some(1002 | 1003 | 1007..=1011) => Judgement::inconclusive(self),
            _ => Judgement::failed(self),
        })
    }
}
