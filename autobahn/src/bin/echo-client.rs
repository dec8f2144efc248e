//! `echo-client --adapter blocking|tokio --url ws://ADDRESS --agent NAME
//! [--mode lent|recv|stream|parts]`

use std::process::ExitCode;

use sansock_autobahn::{
    arguments::{Adapter, Arguments},
    blocking, tokio,
};

fn main() -> ExitCode {
    let run = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| {
        match arguments.adapter {
            Adapter::Blocking => blocking::run_cases(&arguments),
            Adapter::Tokio => tokio::run_cases(&arguments),
        }
        .map_err(|error| error.to_string())
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo-client: {error}");
            ExitCode::FAILURE
        }
    }
}
