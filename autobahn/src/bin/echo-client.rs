//! `echo-client --adapter blocking|tokio|futures|mio --url ws://ADDRESS --agent NAME
//! [--mode lent|recv|stream|split|parts]`

use std::process::ExitCode;

use sansock_autobahn::{
    arguments::{Adapter, Arguments},
    blocking, mio, polled,
};

fn main() -> ExitCode {
    let run = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| {
        match arguments.adapter {
            Adapter::Blocking => blocking::run_cases(&arguments),
            Adapter::Tokio => polled::run_cases_tokio(&arguments),
            Adapter::Futures => polled::run_cases_futures(&arguments),
            Adapter::Mio => mio::run_cases(&arguments),
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
