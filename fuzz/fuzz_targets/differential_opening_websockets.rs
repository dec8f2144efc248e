//! The engine's server and that of Python's package `websockets` receive the same request.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock_fuzz::differential;

fuzz_target!(|data: &[u8]| differential::opening_websockets(data));
