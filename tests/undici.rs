//! undici, the `WebSocket` of node, as a client of our server, over loopback.
//!
//! `tests/browser/undici.mjs` runs the cases of a browser's `WebSocket` and prints a line about
//! each; what our server saw of them is compared as well. Where node is missing this says so and
//! tests nothing, but fails where `CI=true`.
#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

#[path = "browser/check.rs"]
mod check;
#[path = "browser/server.rs"]
mod server;
#[path = "interop/set_up.rs"]
mod set_up;

use std::process::Command;

use check::{CASES, check_records, check_report, check_tap};
use server::{Adapter, Blocking, Server, Tap, Tokio};
use set_up::{is_set_up, scripts};

#[test]
fn undici_as_client_of_the_blocking_adapter() {
    as_server::<Blocking>();
}

#[test]
fn undici_as_client_of_the_tokio_adapter() {
    as_server::<Tokio>();
}

fn as_server<A: Adapter>() {
    if !is_set_up() {
        return;
    }
    let server = Server::start::<A>();
    let tap = Tap::start(server.address());
    let url = |address| format!("ws://{address}");
    let output = Command::new("node")
        .arg(scripts().join("../browser/undici.mjs"))
        .args([url(server.address()), url(tap.address())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    check_report(&String::from_utf8(output.stdout).unwrap(), &CASES);
    // It takes compressed messages and sends none.
    check_tap(tap, false);
    check_records(&server.finish(), None);
}
