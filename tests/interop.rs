//! permessage-deflate with the packages `ws` of node and `websockets` of Python, over loopback:
//! each as our server and as our client, over the blocking and the tokio adapter.
//!
//! The scripts in `tests/interop/` echo: of four messages the second in three frames and the last
//! one uncompressed. They report what was agreed, how many messages they compressed and
//! decompressed, and a digest of all that came. `tests/interop/setup` installs the packages. Where
//! a tool is missing this says so and tests nothing, but fails where `CI=true`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

#[path = "interop/set_up.rs"]
mod set_up;

use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    ops::RangeInclusive,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use sansock::{
    CloseCode, CloseFrame, Config, DeflateConfig, Message, Part, Prepared,
    adapter::{blocking, tokio as asynchronous},
    proto::{Compress, DeflateParams},
};
use set_up::{is_set_up, scripts};
use sha1::{Digest, Sha1};
use tokio::runtime::{Builder, Runtime};

/// What the foreign side is called, as our server and as our client.
#[derive(Clone, Copy, Debug)]
struct Foreign {
    server: &'static str,
    client: &'static str,
}

const WS: Foreign = Foreign {
    server: "ws-server.mjs",
    client: "ws-client.mjs",
};
const WEBSOCKETS: Foreign = Foreign {
    server: "websockets_server.py",
    client: "websockets_client.py",
};

/// One connection: our settings, theirs in their own words, and what must come of it.
struct Case {
    ours: Option<DeflateConfig>,
    theirs: &'static str,
    agreed: Option<Agreed>,
}

/// No context takeover of the server and of the client, window bits of the server and of the
/// client.
type Agreed = (bool, bool, u8, u8);

const NO_TAKEOVER: Option<Agreed> = Some((true, true, 15, 15));
const TAKEOVER: Option<Agreed> = Some((false, false, 15, 15));

// --- Our server -------------------------------------------------------------------------------

#[test]
fn ws_as_client_of_the_blocking_adapter() {
    as_server::<Blocking>(WS, ws_clients());
}

#[test]
fn ws_as_client_of_the_tokio_adapter() {
    as_server::<Tokio>(WS, ws_clients());
}

#[test]
fn websockets_as_client_of_the_blocking_adapter() {
    as_server::<Blocking>(WEBSOCKETS, websockets_clients());
}

#[test]
fn websockets_as_client_of_the_tokio_adapter() {
    as_server::<Tokio>(WEBSOCKETS, websockets_clients());
}

fn ws_clients() -> Vec<Case> {
    vec![
        case(plain(), "{}", NO_TAKEOVER),
        case(takeover(), "{}", TAKEOVER),
        case(takeover_windows(9, 9), "{}", Some((false, false, 9, 9))),
        case(windows(12, 10), "{}", Some((true, true, 12, 10))),
        case(
            takeover().server_no_context_takeover(true),
            "{}",
            Some((true, false, 15, 15)),
        ),
        case(
            takeover(),
            r#"{"serverNoContextTakeover":true,"clientNoContextTakeover":true}"#,
            NO_TAKEOVER,
        ),
        case(
            takeover(),
            r#"{"serverMaxWindowBits":9,"clientMaxWindowBits":10}"#,
            Some((false, false, 9, 10)),
        ),
        // Not said to be understood: the client's window is not ours to limit.
        case(
            takeover_windows(10, 9),
            r#"{"clientMaxWindowBits":false}"#,
            Some((false, false, 10, 15)),
        ),
        // A window of 256 bytes is nothing that we can promise.
        case(takeover(), r#"{"serverMaxWindowBits":8}"#, None),
        case(takeover(), "false", None),
        without("{}"),
    ]
}

fn websockets_clients() -> Vec<Case> {
    vec![
        case(plain(), "{}", NO_TAKEOVER),
        case(takeover(), "{}", TAKEOVER),
        case(takeover_windows(9, 9), "{}", Some((false, false, 9, 9))),
        case(windows(12, 10), "{}", Some((true, true, 12, 10))),
        case(
            takeover().client_no_context_takeover(true),
            "{}",
            Some((false, true, 15, 15)),
        ),
        case(
            takeover(),
            r#"{"server_no_context_takeover":true,"client_no_context_takeover":true}"#,
            NO_TAKEOVER,
        ),
        case(
            takeover(),
            r#"{"server_max_window_bits":9,"client_max_window_bits":10}"#,
            Some((false, false, 9, 10)),
        ),
        case(
            takeover_windows(10, 9),
            r#"{"client_max_window_bits":null}"#,
            Some((false, false, 10, 15)),
        ),
        case(takeover(), r#"{"server_max_window_bits":8}"#, None),
        case(takeover(), "false", None),
        without("{}"),
    ]
}

// --- Our client -------------------------------------------------------------------------------

#[test]
fn ws_as_server_of_the_blocking_adapter() {
    as_client::<Blocking>(WS, ws_servers());
}

#[test]
fn ws_as_server_of_the_tokio_adapter() {
    as_client::<Tokio>(WS, ws_servers());
}

#[test]
fn websockets_as_server_of_the_blocking_adapter() {
    as_client::<Blocking>(WEBSOCKETS, websockets_servers());
}

#[test]
fn websockets_as_server_of_the_tokio_adapter() {
    as_client::<Tokio>(WEBSOCKETS, websockets_servers());
}

fn ws_servers() -> Vec<Case> {
    vec![
        case(plain(), "{}", NO_TAKEOVER),
        case(takeover(), "{}", TAKEOVER),
        case(takeover_windows(9, 9), "{}", Some((false, false, 9, 9))),
        case(
            takeover(),
            r#"{"serverNoContextTakeover":true,"clientNoContextTakeover":true}"#,
            NO_TAKEOVER,
        ),
        case(
            takeover(),
            r#"{"serverMaxWindowBits":9,"clientMaxWindowBits":9}"#,
            Some((false, false, 9, 9)),
        ),
        // We cannot keep to a window of 256 bytes, and then send everything as it is.
        case(
            takeover(),
            r#"{"clientMaxWindowBits":8}"#,
            Some((false, false, 15, 8)),
        ),
        case(takeover(), "false", None),
        without("{}"),
    ]
}

fn websockets_servers() -> Vec<Case> {
    vec![
        case(plain(), "{}", NO_TAKEOVER),
        case(takeover(), "{}", TAKEOVER),
        case(takeover_windows(9, 9), "{}", Some((false, false, 9, 9))),
        case(
            takeover(),
            r#"{"server_no_context_takeover":true,"client_no_context_takeover":true}"#,
            NO_TAKEOVER,
        ),
        case(
            takeover(),
            r#"{"server_max_window_bits":9,"client_max_window_bits":9}"#,
            Some((false, false, 9, 9)),
        ),
        case(
            takeover(),
            r#"{"client_max_window_bits":8}"#,
            Some((false, false, 15, 8)),
        ),
        case(takeover(), "false", None),
        without("{}"),
    ]
}

fn plain() -> DeflateConfig {
    DeflateConfig::new().threshold(THRESHOLD)
}

fn takeover() -> DeflateConfig {
    plain()
        .server_no_context_takeover(false)
        .client_no_context_takeover(false)
}

fn windows(server: u8, client: u8) -> DeflateConfig {
    plain()
        .server_max_window_bits(server)
        .client_max_window_bits(client)
}

fn takeover_windows(server: u8, client: u8) -> DeflateConfig {
    takeover()
        .server_max_window_bits(server)
        .client_max_window_bits(client)
}

const fn case(ours: DeflateConfig, theirs: &'static str, agreed: Option<Agreed>) -> Case {
    Case {
        ours: Some(ours),
        theirs,
        agreed,
    }
}

const fn without(theirs: &'static str) -> Case {
    Case {
        ours: None,
        theirs,
        agreed: None,
    }
}

// --- The conversation -------------------------------------------------------------------------

fn as_server<A: Adapter>(foreign: Foreign, cases: Vec<Case>) {
    if !is_set_up() {
        return;
    }
    for case in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let mut peer = Peer::start(foreign.client, &[case.theirs, &url]);
        // Who got so far does connect; who did not has ended.
        assert_eq!(peer.line().text("connects"), url);
        let (stream, _) = listener.accept().unwrap();
        let socket = A::accept(stream, &config(&case));
        converse(socket, peer, &case, &format!("{foreign:?} as client"));
    }
}

fn as_client<A: Adapter>(foreign: Foreign, cases: Vec<Case>) {
    if !is_set_up() {
        return;
    }
    for case in cases {
        let mut peer = Peer::start(foreign.server, &[case.theirs]);
        let url = format!("ws://127.0.0.1:{}/", peer.line().number("port"));
        let socket = A::connect(&url, &config(&case));
        converse(socket, peer, &case, &format!("{foreign:?} as server"));
    }
}

fn config(case: &Case) -> Arc<Config> {
    Arc::new(Config::default().deflate(case.ours))
}

/// Sends all that there is to send, compares what comes back, and compares what the other side
/// says with it.
fn converse(mut socket: impl Adapter, mut peer: Peer, case: &Case, about: &str) {
    let about = format!("{about}, {}, {:?}", case.theirs, case.ours);
    let ours = socket.deflate();
    assert_eq!(ours.as_ref().map(parameters), case.agreed, "{about}: ours");
    let shown = socket.extensions();
    assert_eq!(shown.as_deref().and_then(parse), case.agreed, "{about}");

    // With a window too small for our compressor nothing of ours is compressed.
    let is_client = about.contains("as server");
    let compresses = match case.agreed {
        None => false,
        Some((.., server, client)) => (if is_client { client } else { server }) > 8,
    };
    let mut digest = Sha1::new();
    let (mut sent, mut least, mut most) = (0_usize, 0_u64, 0_u64);
    for batch in batches() {
        for step in &batch {
            socket.send_step(step);
            let message = step.message();
            digest.update(if message.is_text() { b"t" } else { b"b" });
            digest.update((message.len() as u64).to_be_bytes());
            digest.update(message.as_bytes());
            let compressed = step.compressed();
            least += compressed.start();
            most += compressed.end();
        }
        for step in &batch {
            let echo = socket.recv();
            assert!(echo == Some(step.message()), "{about}: message {sent}");
            sent += 1;
        }
    }
    socket.end();

    let report = peer.line();
    let negotiated = report.text("extensions");
    assert_eq!(parse(negotiated), case.agreed, "{about}: {report:?}");
    if let Some(agreed) = case.agreed {
        let theirs = (
            report.flag("server_no_context_takeover"),
            report.flag("client_no_context_takeover"),
            u8::try_from(report.number("server_max_window_bits")).unwrap(),
            u8::try_from(report.number("client_max_window_bits")).unwrap(),
        );
        assert_eq!(theirs, agreed, "{about}: {report:?}");
    }
    assert_eq!(report.number("received"), sent as u64, "{about}");
    assert_eq!(report.number("code"), 1000, "{about}");
    let digest: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(report.text("digest"), digest, "{about}");
    let range = if compresses { least..=most } else { 0..=0 };
    let decompressed = report.number("decompressed");
    assert!(
        range.contains(&decompressed),
        "{about}: {range:?} {report:?}"
    );
    let compressed = report.number("compressed");
    let expected = case.agreed.map_or(0, |_| sent as u64 - sent as u64 / 4);
    assert_eq!(compressed, expected, "{about}: they compressed");
    peer.end();
}

/// Messages shorter than that go uncompressed if nothing else is asked.
const THRESHOLD: usize = 64;

/// What is sent in one call, or as parts in several.
enum Step {
    /// By the rules of the configuration.
    Auto(Message<'static>),
    Always(Message<'static>),
    Never(Message<'static>),
    /// One after the other, the last one as the last.
    Parts(Vec<Message<'static>>),
    Prepared(Prepared),
}

impl Step {
    /// What the other side receives.
    fn message(&self) -> Message<'static> {
        match self {
            Self::Auto(message) | Self::Always(message) | Self::Never(message) => message.clone(),
            Self::Prepared(prepared) => prepared.message().into_owned(),
            Self::Parts(parts) => {
                let bytes: Vec<u8> = parts.iter().flat_map(Message::as_bytes).copied().collect();
                match parts[0] {
                    Message::Text(_) => String::from_utf8(bytes).unwrap().into(),
                    Message::Binary(_) => bytes.into(),
                }
            }
        }
    }

    /// How many compressed messages it is, where deflate was agreed: one, none, or either.
    fn compressed(&self) -> RangeInclusive<u64> {
        match self {
            Self::Always(_) => 1..=1,
            Self::Never(_) => 0..=0,
            Self::Auto(message) if message.len() < THRESHOLD => 0..=0,
            Self::Auto(message) if message.is_text() => 1..=1,
            // What does not shrink may go as it is; so may what is streamed or was prepared.
            _ => 0..=1,
        }
    }
}

/// Batches: each is sent whole, then its echoes are read.
fn batches() -> Vec<Vec<Step>> {
    let text = "Grüße, 你好, and 🦀 for good measure; ";
    let noise = noise(1 << 20);
    let parts = |count: usize| -> Vec<_> {
        (0..count)
            .map(|n| Message::from(format!("{n}: {text}")))
            .collect()
    };
    vec![
        vec![
            Step::Auto(text.repeat(4).into()),
            Step::Always(Message::from("Hello")),
            Step::Always(Message::from("Hello")),
            Step::Always(Message::from("")),
            Step::Auto(Message::from("")),
            Step::Always(Message::from(Vec::new())),
            Step::Never(Message::from(Vec::new())),
        ],
        // Under takeover each of these refers back to those before.
        (0..200)
            .map(|n| Step::Always(format!(r#"{{"id":{n},"text":"the same again"}}"#).into()))
            .collect(),
        vec![
            Step::Auto(json(1 << 10).into()),
            Step::Auto(json(16 << 10).into()),
            // Neither may enter a window.
            Step::Never(json(1 << 10).into()),
            Step::Prepared(Prepared::new(json(2 << 10))),
            Step::Auto(json(1 << 10).into()),
            Step::Parts(parts(7)),
            Step::Auto(json(1 << 10).into()),
            Step::Prepared(Prepared::new(noise[..300].to_vec())),
            Step::Auto(noise[..1000].to_vec().into()),
            Step::Always(noise[..1000].to_vec().into()),
            Step::Always(noise[..1000].to_vec().into()),
            Step::Auto(json(1 << 10).into()),
            Step::Prepared(Prepared::new("")),
            Step::Always(Message::from("€")),
        ],
        vec![
            Step::Parts(vec![
                Message::from(noise[..50_000].to_vec()),
                Message::from(Vec::new()),
                Message::from(vec![7; 50_000]),
                Message::from(Vec::new()),
            ]),
            // Matches at every distance that a window has.
            Step::Always(noise[..3000].repeat(20).into()),
            Step::Always(noise[..300].repeat(20).into()),
            Step::Always(noise[..31_000].repeat(4).into()),
        ],
        vec![Step::Auto(noise.clone().into())],
        vec![Step::Always(noise.into())],
        vec![
            Step::Always(json(1 << 18).into()),
            Step::Auto(text.repeat(3).into()),
        ],
    ]
}

/// An array of some length, of objects that resemble each other.
fn json(len: usize) -> String {
    let mut json = String::from("[");
    for n in 0.. {
        let object = format!(
            r#"{{"id":{n},"name":"Straße {}","on":{}}}"#,
            n * 7919,
            n % 3 == 0
        );
        if json.len() + object.len() + 2 > len {
            break;
        }
        if n > 0 {
            json.push(',');
        }
        json.push_str(&object);
    }
    json.push(']');
    json
}

/// Bytes that no compressor makes shorter (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
    }
    bytes.truncate(len);
    bytes
}

const fn parameters(agreed: &DeflateParams) -> Agreed {
    (
        agreed.server_no_context_takeover,
        agreed.client_no_context_takeover,
        agreed.server_max_window_bits,
        agreed.client_max_window_bits,
    )
}

/// Reads an answer's `permessage-deflate; …`; what it leaves out is off, or 15.
fn parse(extension: &str) -> Option<Agreed> {
    let mut parts = extension.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    assert_eq!(name, "permessage-deflate", "{extension}");
    let mut agreed = (false, false, 15, 15);
    for part in parts {
        match part.split_once('=') {
            None if part == "server_no_context_takeover" => agreed.0 = true,
            None if part == "client_no_context_takeover" => agreed.1 = true,
            Some(("server_max_window_bits", bits)) => agreed.2 = bits.parse().unwrap(),
            Some(("client_max_window_bits", bits)) => agreed.3 = bits.parse().unwrap(),
            _ => panic!("{part} in {extension}"),
        }
    }
    Some(agreed)
}

// --- Our adapters -----------------------------------------------------------------------------

/// A socket of one of our adapters, used one call after the other.
trait Adapter {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self;
    fn connect(url: &str, config: &Arc<Config>) -> Self;
    fn send_step(&mut self, step: &Step);
    fn recv(&mut self) -> Option<Message<'static>>;
    /// Closes with 1000, which must be answered.
    fn end(self);
    fn deflate(&self) -> Option<DeflateParams>;
    fn extensions(&self) -> Option<String>;
}

struct Blocking(blocking::Socket<TcpStream>);

impl Adapter for Blocking {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self {
        stream.set_nodelay(true).unwrap();
        Self(blocking::Socket::accept(stream, config).unwrap())
    }

    fn connect(url: &str, config: &Arc<Config>) -> Self {
        Self(blocking::connect(url, config).unwrap().0)
    }

    fn send_step(&mut self, step: &Step) {
        let socket = &mut self.0;
        match step {
            Step::Auto(message) => socket.send(message).unwrap(),
            Step::Always(message) => socket.send_with(message, ALWAYS.into()).unwrap(),
            Step::Never(message) => socket.send_with(message, NEVER.into()).unwrap(),
            Step::Prepared(prepared) => socket.send_prepared(prepared).unwrap(),
            Step::Parts(parts) => {
                for part in split(parts) {
                    socket.send_part(part).unwrap();
                }
            }
        }
    }

    fn recv(&mut self) -> Option<Message<'static>> {
        self.0.recv().unwrap()
    }

    fn end(mut self) {
        self.0
            .close(Some(&CloseFrame::new(CloseCode::NORMAL, "")))
            .unwrap();
        let status = self.0.end().unwrap();
        assert!(
            status.clean && status.code() == CloseCode::NORMAL,
            "{status:?}"
        );
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.0.deflate()
    }

    fn extensions(&self) -> Option<String> {
        self.0.extensions()
    }
}

struct Tokio {
    runtime: Runtime,
    socket: asynchronous::Socket<tokio::net::TcpStream>,
}

impl Adapter for Tokio {
    fn accept(stream: TcpStream, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let socket = runtime.block_on(async {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            asynchronous::Socket::accept(stream, config).await.unwrap()
        });
        Self { runtime, socket }
    }

    fn connect(url: &str, config: &Arc<Config>) -> Self {
        let runtime = runtime();
        let (socket, _) = runtime
            .block_on(asynchronous::connect(url, config))
            .unwrap();
        Self { runtime, socket }
    }

    fn send_step(&mut self, step: &Step) {
        let socket = &mut self.socket;
        self.runtime.block_on(async {
            match step {
                Step::Auto(message) => socket.send(message).await.unwrap(),
                Step::Always(message) => socket.send_with(message, ALWAYS.into()).await.unwrap(),
                Step::Never(message) => socket.send_with(message, NEVER.into()).await.unwrap(),
                Step::Prepared(prepared) => socket.send_prepared(prepared).await.unwrap(),
                Step::Parts(parts) => {
                    for part in split(parts) {
                        socket.send_part(part).await.unwrap();
                    }
                }
            }
        });
    }

    fn recv(&mut self) -> Option<Message<'static>> {
        self.runtime.block_on(self.socket.recv()).unwrap()
    }

    fn end(mut self) {
        let Self { runtime, socket } = &mut self;
        let status = runtime.block_on(async {
            let frame = CloseFrame::new(CloseCode::NORMAL, "");
            socket.close(Some(&frame)).await.unwrap();
            socket.end().await.unwrap()
        });
        assert!(
            status.clean && status.code() == CloseCode::NORMAL,
            "{status:?}"
        );
    }

    fn deflate(&self) -> Option<DeflateParams> {
        self.socket.deflate()
    }

    fn extensions(&self) -> Option<String> {
        self.socket.extensions()
    }
}

const ALWAYS: Compress = Compress::Always;
const NEVER: Compress = Compress::Never;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn split<'a>(parts: &'a [Message<'static>]) -> impl Iterator<Item = Part<'a>> {
    let last = parts.len() - 1;
    parts.iter().enumerate().map(move |(n, message)| {
        if n == last {
            Part::last(message)
        } else {
            Part::more(message)
        }
    })
}

// --- The other side ---------------------------------------------------------------------------

/// A running script; killed when dropped, though each ends itself after two minutes.
struct Peer {
    script: &'static str,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// One line of JSON: an object of numbers, booleans and strings without escapes.
#[derive(Debug)]
struct Report(String);

impl Peer {
    fn start(script: &'static str, arguments: &[&str]) -> Self {
        let interpreter = if script.ends_with(".mjs") {
            "node"
        } else {
            "python3"
        };
        let mut child = Command::new(interpreter)
            .arg(scripts().join(script))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            script,
            child,
            stdout,
        }
    }

    /// The next line it prints.
    fn line(&mut self) -> Report {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{} ended without a report", self.script);
        Report(line)
    }

    /// Waits for its end, which must be a success and bring no more lines.
    fn end(mut self) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "{}", self.script);
        assert!(self.child.wait().unwrap().success(), "{}", self.script);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Report {
    fn text(&self, key: &str) -> &str {
        self.value(key).trim_matches('"')
    }

    fn number(&self, key: &str) -> u64 {
        self.value(key).parse().expect(&self.0)
    }

    fn flag(&self, key: &str) -> bool {
        self.value(key).parse().expect(&self.0)
    }

    /// What stands behind `"key":`, as it is.
    fn value(&self, key: &str) -> &str {
        let start = format!("\"{key}\":");
        let (_, rest) = self.0.split_once(&start).expect(&self.0);
        let end = match rest.strip_prefix('"') {
            Some(text) => text.find('"').expect(&self.0) + 2,
            None => rest.find([',', '}']).expect(&self.0),
        };
        &rest[..end]
    }
}
