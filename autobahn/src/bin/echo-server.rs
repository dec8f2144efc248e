//! `echo-server --adapter blocking|tokio|futures|mio --listen ADDRESS [--mode lent|recv|stream|split|parts]`

use std::process::ExitCode;

use sansock_autobahn::{
    arguments::{Adapter, Arguments},
    blocking, mio, polled,
};

fn main() -> ExitCode {
    let served = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| {
        match arguments.adapter {
            Adapter::Blocking => blocking::serve(&arguments),
            Adapter::Tokio => polled::serve_tokio(&arguments),
            Adapter::Futures => polled::serve_futures(&arguments),
            Adapter::Mio => mio::serve(&arguments),
        }
        .map_err(|error| error.to_string())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo-server: {error}");
            ExitCode::FAILURE
        }
    }
}
