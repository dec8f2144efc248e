//! permessage-deflate with the packages `ws` of node and `websockets` of Python, over loopback:
//! each as our server and as our client, over the blocking and the tokio adapter and with the HTTP of
//! hyper.
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

#[path = "interop/adapters.rs"]
mod adapters;
#[path = "interop/peer.rs"]
mod peer;
#[path = "interop/set_up.rs"]
mod set_up;
#[path = "interop/steps.rs"]
mod steps;

use std::{net::TcpListener, sync::Arc};

use adapters::{Adapter, Blocking, Hyper, Tokio};
use peer::Peer;
use sansock::{Config, DeflateConfig, proto::DeflateParams};
use set_up::is_set_up;
use sha1::{Digest, Sha1};
use steps::{THRESHOLD, batches};

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

#[test]
fn ws_as_client_of_a_server_of_hyper() {
    as_server::<Hyper>(WS, ws_clients());
}

#[test]
fn websockets_as_client_of_a_server_of_hyper() {
    as_server::<Hyper>(WEBSOCKETS, websockets_clients());
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

#[test]
fn ws_as_server_of_a_client_of_hyper() {
    as_client::<Hyper>(WS, ws_servers());
}

#[test]
fn websockets_as_server_of_a_client_of_hyper() {
    as_client::<Hyper>(WEBSOCKETS, websockets_servers());
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
