//! No memory for a message: the connection fails, the process lives on.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]
#![cfg(target_os = "linux")]

mod common;

use std::{env, process::Command};

use common::{announce, decode, feed, open};
use sansock::{
    Config, ProtocolError, Role,
    proto::{Connection, Error},
};

/// Set in the process that is short of memory.
const SHORT: &str = "SANSOCK_SHORT_OF_MEMORY";

/// 1 GiB of address space, of which the test's own threads take their part.
const KIBIBYTES: u32 = 1 << 20;

fn expect_out_of_memory(direct: bool) {
    let limits = Config::default()
        .max_message_size(1 << 40)
        .max_frame_size(1 << 40);
    let mut ws: Connection = open(Role::Client, &limits);
    let mut out = Vec::new();
    feed(&mut ws, &announce(Role::Client, 0x82, 1 << 40), &mut out).unwrap();
    let mut chunk = vec![7; 4 << 20];
    for _ in 0..1_024 {
        if direct {
            // Where there is no memory to read to, there is nowhere to read to.
            match ws.direct() {
                Some((buffer, room)) => {
                    let n = room.min(chunk.len());
                    buffer.extend_from_slice(&chunk[..n]);
                    assert_eq!(ws.receive_direct(n), Ok(None));
                    continue;
                }
                None => assert_eq!(ws.state(), sansock::State::Open),
            }
        }
        match ws.receive(&mut &mut chunk[..], &mut out) {
            Ok(event) => assert_eq!(event, None),
            Err(error) => {
                assert_eq!(error, ProtocolError::OutOfMemory);
                assert_eq!(decode(&out)[0].payload, 1011_u16.to_be_bytes());
                let error = Some(Error::Protocol(ProtocolError::OutOfMemory));
                assert_eq!(ws.close_status().unwrap().error, error);
                // What it held is free again.
                drop(vec![7_u8; 64 << 20]);
                return;
            }
        }
    }
    panic!("4 GiB, and no end of memory");
}

/// A compressed message of little size that outgrows the memory when it is inflated.
#[cfg(feature = "deflate")]
fn expect_out_of_memory_inflating() {
    let limits = Config::default().max_message_size(1 << 40);
    for role in common::ROLES {
        let mut ws = common::open_deflate(role, &limits.clone().into(), common::widest());
        let mut out = Vec::new();
        let bytes = common::frame(role, 0xC2, &common::bomb(2 << 30));
        let error = feed(&mut ws, &bytes, &mut out);
        assert_eq!(error, Err(ProtocolError::OutOfMemory));
        assert_eq!(decode(&out)[0].payload, 1011_u16.to_be_bytes());
        let error = Some(Error::Protocol(ProtocolError::OutOfMemory));
        assert_eq!(ws.close_status().unwrap().error, error);
        drop(vec![7_u8; 64 << 20]);
    }
}

#[test]
fn hostile_132_a_message_beyond_the_memory_fails_the_connection_and_no_more() {
    if env::var_os(SHORT).is_some() {
        expect_out_of_memory(false);
        expect_out_of_memory(true);
        return;
    }
    run_short_of_memory("hostile_132_a_message");
}

#[cfg(feature = "deflate")]
#[test]
fn hostile_132_a_compressed_message_beyond_the_memory_fails_the_connection_and_no_more() {
    if env::var_os(SHORT).is_some() {
        expect_out_of_memory_inflating();
        return;
    }
    run_short_of_memory("hostile_132_a_compressed_message");
}

/// Runs the one test of this name in a process that is short of memory.
fn run_short_of_memory(name: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {KIBIBYTES}; exec \"$@\""), "sh"])
        .arg(env::current_exe().unwrap())
        .args([name, "--nocapture", "--test-threads=1"])
        .env(SHORT, "1")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}
