//! `sansock bench`: what it counts, and what it does not take for an echo.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a helper that panics is a failed test")]

mod cli;
mod program;

use std::{
    thread,
    time::{Duration, Instant},
};

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

/// However short: all that is measured lies inside the time that it is divided by.
#[test]
fn a_measurement_takes_no_less_than_its_latencies() {
    for _ in 0..20 {
        let (url, server) = serve_many(1, echo);
        let ended = sansock(&["bench", "-n", "1", "--json", &url]).end("");
        let value = |name: &str| -> f64 {
            let (_, rest) = ended.stdout.split_once(name).unwrap();
            let value = rest.trim_start_matches([' ', ':', '"']);
            value[..value.find([',', '}']).unwrap()].parse().unwrap()
        };
        let (rate, least) = (value("\"messages_per_second\""), value("\"p50\""));
        // One message: so many fit into a second, but for the histogram's three digits.
        assert!(rate * least <= 1.01e6, "{ended:?}");
        server.join().unwrap();
    }
}

#[test]
fn more_connections_than_there_are_ports_are_wrong_usage() {
    for many in ["0", "65536", "4294967295"] {
        let ended = sansock(&["bench", "-c", many, "ws://127.0.0.1:1"]).end("");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("not in 1..=65535"), "{ended:?}");
    }
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

/// A server that lives and answers nothing, as one does that lost a message.
#[test]
fn a_server_that_only_pings_fails_a_measurement() {
    let (url, server) = serve(Config::default(), |socket| {
        while socket.ping(b"still here").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    let ended = sansock(&["bench", "-n", "10", "--timeout", "0.2", &url]).end("");
    failed(&ended, &["nothing came back for 200ms", "sansock serve"]);
    assert!(start.elapsed() < Duration::from_secs(30));
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
