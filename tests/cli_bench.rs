//! `sansock bench`: what it counts, and what it does not take for an echo.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

mod cli;
mod program;

use cli::{echo, failed, sansock, serve, serve_many};
use sansock::{CloseCode, CloseFrame, Config, DeflateConfig};

#[test]
fn a_measurement_counts_what_came_back() {
    for kind in ["--text", "--binary"] {
        let (url, server) = serve_many(3, echo);
        let ended = sansock(&[
            "bench", "-n", "1000", "-c", "3", "-p", "7", "-t", "2", kind, &url,
        ]);
        let ended = ended.end("");
        assert!(ended.is_success(), "{ended:?}");
        assert!(
            ended.stdout.contains("3 connections and 2 threads"),
            "{ended:?}"
        );
        assert!(ended.stdout.contains("1,000 in "), "{ended:?}");
        for name in ["p50", "p90", "p99", "p99.9", "max", "up to", "#"] {
            assert!(ended.stdout.contains(name), "{name}: {ended:?}");
        }
        assert_eq!(ended.stderr, "", "no progress where nobody looks");
        server.join().unwrap();
    }
}

#[test]
fn a_measurement_is_json_for_programs() {
    let (url, server) = serve_many(1, echo);
    let ended = sansock(&["bench", "-d", "0.05", "-s", "0", "--json", &url]).end("");
    assert!(ended.is_success(), "{ended:?}");
    let start = format!("{{\"url\": \"{url}\", \"connections\": 1, \"threads\": 1, \"size\": 0, ");
    assert!(ended.stdout.starts_with(&start), "{ended:?}");
    assert!(ended.stdout.ends_with("}}\n"), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1);
    let (_, messages) = ended.stdout.split_once("\"messages\": ").unwrap();
    let messages: u64 = messages.split(',').next().unwrap().parse().unwrap();
    assert!(messages > 0);
    server.join().unwrap();
}

#[test]
fn large_messages_under_way_stop_nobody() {
    let config = Config::default().deflate(Some(DeflateConfig::new()));
    let (url, server) = serve(config, echo);
    let arguments = [
        "bench",
        "-n",
        "40",
        "-p",
        "40",
        "-s",
        "1000000",
        "--deflate",
        "--text",
    ];
    let ended = sansock(&[&arguments[..], &[&url]].concat()).end("");
    assert!(ended.is_success(), "{ended:?}");
    assert!(ended.stdout.contains("on each, compressed"), "{ended:?}");
    assert!(ended.stdout.contains(" 40 in "), "{ended:?}");
    server.join().unwrap();
}

#[test]
fn an_echo_that_differs_fails_a_measurement() {
    let (url, server) = serve(Config::default(), |socket| {
        let mut messages = 0;
        while let Ok(Some(message)) = socket.recv() {
            messages += 1;
            let mut data = message.into_bytes();
            // The third has one bit that is another.
            data[100] ^= u8::from(messages == 3);
            if socket.send(data).is_err() {
                return;
            }
        }
    });
    let ended = sansock(&["bench", "-n", "10", &url]).end("");
    failed(
        &ended,
        &["not what was sent", "message 2 was binary of 128 bytes"],
    );
    server.join().unwrap();
}

#[test]
fn a_server_that_stops_fails_a_measurement() {
    let (url, server) = serve(Config::default(), |socket| {
        for _ in 0..3 {
            let message = socket.recv().unwrap().unwrap();
            socket.send(message).unwrap();
        }
        // It takes the fourth, and then waits for the end.
        assert!(socket.recv().unwrap().is_some());
        assert!(!socket.recv().is_ok_and(|message| message.is_some()));
    });
    let ended = sansock(&["bench", "-n", "10", "--timeout", "0.1", &url]).end("");
    failed(&ended, &["nothing came back for 100ms", "sansock serve"]);
    server.join().unwrap();
}

#[test]
fn a_server_that_ends_fails_a_measurement() {
    let (url, server) = serve(Config::default(), |socket| {
        socket.recv().unwrap().unwrap();
        let goodbye = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "later\x1B");
        socket.close(Some(&goodbye)).unwrap();
        socket.end().unwrap();
    });
    let ended = sansock(&["bench", "-n", "10", &url]).end("");
    failed(&ended, &["ended a connection: code 1013 later\\u{1b}"]);
    server.join().unwrap();
}
