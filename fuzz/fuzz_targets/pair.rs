//! A client and a server joined, driven by a script.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock_fuzz::pair;

fuzz_target!(|script: pair::Script| pair::run(&script));
