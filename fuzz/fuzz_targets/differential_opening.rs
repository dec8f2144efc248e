//! The engine and tungstenite receive the same opening handshake.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock_fuzz::differential;

fuzz_target!(|data: &[u8]| differential::opening(data));
