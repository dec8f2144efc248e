//! Servers of others for our clients: `ws` of node, `websockets` of Python and one of `node:http`
//! alone that upgrades by hand, each a process that ends with the test, or after two minutes.
//!
//! All echo to any number of clients and select `chat` if it is offered; those of packages agree on
//! deflate where it is offered. `/close?code=4000&reason=why` closes first.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::set_up::scripts;

/// The scripts, which are executable and say by what.
pub(crate) const SERVERS: [&str; 3] = ["ws_echo.mjs", "websockets_echo.py", "http_echo.mjs"];

/// Whether that server agrees on deflate.
pub(crate) fn deflates(script: &str) -> bool {
    script != "http_echo.mjs"
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct EchoServer {
    child: Child,
    port: u16,
}

impl EchoServer {
    /// Starts one of [`SERVERS`], once [`is_set_up`](super::set_up::is_set_up).
    pub(crate) fn start(script: &str) -> Self {
        let mut child = Command::new(scripts().join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // {"port":12345}
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let port = line.trim().trim_matches(|c: char| !c.is_ascii_digit());
        let port = port.parse().unwrap();
        Self { child, port }
    }

    /// The URL of a path with its query, such as `/`.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("ws://127.0.0.1:{}{target}", self.port)
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
