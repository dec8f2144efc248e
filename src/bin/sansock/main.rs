//! The command `sansock`: a server to try, and a client that talks, measures or judges.
//!
//! ```text
//! cargo run --release --features cli -- serve
//! cargo run --release --features cli -- connect ws://127.0.0.1:9001
//! cargo run --release --features cli -- bench --connections 10 --duration 1 ws://127.0.0.1:9001
//! cargo run --release --features cli -- check ws://127.0.0.1:9001
//! ```

mod bench;
mod check;
mod connect;
mod failure;
mod json;
mod seconds;
mod serve;
mod target;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// WebSockets from the command line.
#[derive(Debug, Parser)]
#[command(name = "sansock", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Connect(connect::Options),
    Bench(bench::Options),
    Check(check::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome: Result<ExitCode, Failure> = match arguments.command {
        Command::Serve(options) => serve::run(&options),
        Command::Connect(options) => connect::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Check(options) => check::run(&options),
    };
    outcome.unwrap_or_else(|failure| {
        terminal::tell(format_args!("sansock: {failure}"));
        ExitCode::FAILURE
    })
}
