//! A server that agreed on permessage-deflate receives messages of any bytes.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sansock_fuzz::inflate::run(data));
