//! Chromium as a client of our server, over loopback: its `WebSocket` and its `WebSocketStream`.
//!
//! A page from `tests/browser/` runs the cases in a headless browser and posts a line about each;
//! what our server saw of them is compared as well. Where no Chromium is installed this says so and
//! tests nothing, but fails where `CI=true`.
#![expect(clippy::unwrap_used, reason = "these helpers are part of tests")]

#[path = "browser/check.rs"]
mod check;
#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/server.rs"]
mod server;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use sansock::CloseCode;

use check::{CASES, check_records, check_report, check_tap};
use chromium::{Browser, chromium};
use server::{Adapter, Blocking, Server, Tap, Tokio};

/// What the case that needs a page is called, before the others.
const PAGE_CASES: [&str; 1] = ["a frame that is removed goes away"];

/// What the cases of `WebSocketStream` are called, behind the others.
const STREAM_CASES: [&str; 5] = [
    "a stream's messages come back",
    "a stream is closed by the client",
    "a stream is closed by the server",
    "a stream that is not read stops the server",
    "a server that does not read stops a stream",
];

#[test]
fn chromium_as_client_of_the_blocking_adapter() {
    as_server::<Blocking>("blocking");
}

#[test]
fn chromium_as_client_of_the_tokio_adapter() {
    as_server::<Tokio>("tokio");
}

fn as_server<A: Adapter>(name: &str) {
    let Some(program) = chromium() else { return };
    let server = Server::start::<A>();
    let tap = Tap::start(server.address());
    let (pages, reports) = serve_pages();
    let url = format!(
        "http://{pages}/page.html?server=ws://{}&tap=ws://{}",
        server.address(),
        tap.address()
    );
    let mut browser = Browser::start(program, name, &[], &url);
    let report = loop {
        match reports.recv_timeout(Duration::from_millis(200)) {
            Ok(report) => break report,
            Err(_) => browser.check("no report"),
        }
    };
    drop(browser);

    let expected = PAGE_CASES.iter().chain(&CASES).chain(&STREAM_CASES);
    let expected: Vec<&str> = expected.copied().collect();
    check_report(&report, &expected);
    check_tap(tap, true);
    let records = server.finish();
    check_records(&records, Some(&format!("http://{pages}")));
    let status = |target: &str| check::status(&records, target);
    assert_eq!(status("/echo?leaving").code(), CloseCode::GOING_AWAY);
    assert!(status("/echo?close=4001").reason() == "bye");
    assert!(status("/close?code=4002&reason=done").clean);
}

/// Serves the page and its script over HTTP, and hands out what is posted.
fn serve_pages() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, reports) = mpsc::channel();
    // Ends with the process: nothing is left to end when the browser is gone.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            // The browser opens connections ahead that it may never use.
            thread::spawn(move || {
                if let Some(report) = stream.ok().and_then(serve_page) {
                    let _ = sender.send(report);
                }
            });
        }
    });
    (address, reports)
}

/// Answers one request; what it posted.
fn serve_page(stream: TcpStream) -> Option<String> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).ok()?;
    let mut len = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.trim().parse().ok()?;
        }
    }
    let mut posted = vec![0; len];
    stream.read_exact(&mut posted).ok()?;
    let path = request.split([' ', '?']).nth(1);
    let (status, kind, body) = match path {
        Some("/page.html") => ("200 OK", "text/html", include_str!("browser/page.html")),
        Some("/cases.mjs") => (
            "200 OK",
            "text/javascript",
            include_str!("browser/cases.mjs"),
        ),
        Some("/report") => ("204 No Content", "text/plain", ""),
        _ => ("404 Not Found", "text/plain", ""),
    };
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = stream.get_mut();
    answer.write_all(head.as_bytes()).ok()?;
    answer.write_all(body.as_bytes()).ok()?;
    (path == Some("/report")).then(|| String::from_utf8(posted).unwrap())
}
