//! The engine and the package `websockets` of Python receive the same bytes.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock_fuzz::differential;

fuzz_target!(|data: &[u8]| differential::websockets(data));
