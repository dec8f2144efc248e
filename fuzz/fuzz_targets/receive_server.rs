//! A server receives any bytes, whole and cut.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock::Role;

fuzz_target!(|data: &[u8]| sansock_fuzz::receive::run(Role::Server, data));
