//! `sansock check`: whether a server keeps to RFC 6455 and RFC 7692.
//!
//! Every case has a connection of its own, on which bytes are written and read by hand. A case
//! passes, fails, is inconclusive where the RFC leaves the server a choice, or is inapplicable where
//! the server does not offer what it is about.

mod case;
mod cases;
mod report;
mod wire;

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    failure::Failure,
    seconds::seconds,
    target::{Header, Target, Trust},
    terminal::print,
};
use case::{Case, Server, Verdict};
use report::{Report, Totals};
use wire::{Received, frame};

/// Tries an echo server against the rules of the RFCs
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Where to connect to, such as ws://127.0.0.1:9001
    url: Target,
    /// Try only cases whose group, name or section contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How long a case may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Send this header with each request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<Header>,
    #[command(flatten)]
    trust: Trust,
}

const AFTER_HELP: &str = "\
The server must send every message back. A case passes; fails; is inconclusive where the RFC leaves
the server a choice; or is inapplicable where the server does not offer what the case is about.

Exit codes: 0 none failed, 1 some did or none could be tried, 2 wrong usage.";

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let target = options.url.clone();
    let server = Server {
        tls: options.trust.connector(&target)?,
        headers: target.headers(&options.headers)?,
        target,
        limit: options.timeout,
    };
    let cases = selected(options.only.as_deref());
    if cases.is_empty() {
        return Err(
            Failure::new("no case has that in its group, name or section")
                .hint("Leave --only out for all."),
        );
    }
    greet(&server)?;

    let template = "{bar:40} {pos} of {len}  {wide_msg}";
    let bar = ProgressBar::new(cases.len() as u64)
        .with_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()));
    let mut report = Report::new(&options.url, options.json);
    let mut totals = Totals::default();
    for case in &cases {
        bar.set_message(case.name.to_string());
        let judgement = case.run(&server);
        totals.count(judgement.verdict);
        let lines = report.case(case, &judgement);
        bar.suspend(|| print(lines))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(report.end(&totals))?;
    Ok(match totals.of(Verdict::Failed) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The cases, in the order of the RFC.
fn selected(only: Option<&str>) -> Vec<Case> {
    let only = only.map(str::to_lowercase);
    let is_meant = |case: &Case| {
        only.as_ref().is_none_or(|only| {
            [case.group, &case.name, case.section]
                .iter()
                .any(|text| text.to_lowercase().contains(only))
        })
    };
    cases::all().into_iter().filter(is_meant).collect()
}

/// Makes sure that there is a server to try, which would fail every case else.
fn greet(server: &Server) -> Result<(), Failure> {
    // That it cannot be reached is told with what to do about it.
    drop(server.target.dial(server.tls.as_ref())?);
    let mut wire = server.open().map_err(|judgement| {
        Failure::new(format!("{}: {}", server.target, judgement.got)).hint(
            "Only a server that opens a connection to anyone and sends all back can be tried.",
        )
    })?;
    wire.send(&frame(0x81, b"sansock check"));
    let received = wire.receive();
    if received == Received::Text(b"sansock check".to_vec()) {
        return Ok(());
    }
    let what = format!("{}: sent a text, and got {received}", server.target);
    Err(Failure::new(what).hint("Only echo servers can be tried: `sansock serve` is one."))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn cases_have_names_of_their_own_and_a_section() {
        let cases = selected(None);
        assert!(cases.len() >= 100, "{}", cases.len());
        let mut names = HashSet::new();
        for case in &cases {
            let name = (case.group, &*case.name);
            assert!(names.insert(name), "{name:?} stands there twice");
            let number = case.section.strip_prefix("RFC ");
            let number = number.and_then(|section| section.split(' ').next());
            assert!(matches!(number, Some("6455" | "7692")), "{}", case.section);
            assert!(!case.expected.is_empty(), "{name:?}");
        }
    }

    #[test]
    fn cases_are_found_by_group_name_and_section() {
        assert!(selected(Some("UTF-8")).len() > 10);
        assert!(selected(Some("§5.5.1")).len() > 5);
        assert_eq!(selected(Some("no such case")).len(), 0);
    }
}
