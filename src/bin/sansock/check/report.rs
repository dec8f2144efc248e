//! The report for people, and as JSON.

use std::fmt::Write as _;

use super::case::{Case, Judgement, Verdict};
use crate::{json::Quoted, target::Target, terminal::Style};

/// What is printed, piece by piece as the cases go.
pub(super) struct Report {
    url: String,
    is_json: bool,
    style: Style,
    /// The group of the case before.
    group: Option<&'static str>,
}

/// How many cases came to which verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    passed: u32,
    failed: u32,
    inconclusive: u32,
    inapplicable: u32,
}

impl Report {
    pub(super) fn new(url: &Target, is_json: bool) -> Self {
        Self {
            url: url.to_string(),
            is_json,
            style: Style::of(&std::io::stdout()),
            group: None,
        }
    }

    /// What to print of a case that was tried.
    pub(super) fn case(&mut self, case: &Case, judgement: &Judgement) -> String {
        let before = self.group.replace(case.group);
        match self.is_json {
            true => self.json_case(before.is_none(), case, judgement),
            false => self.lines(before != Some(case.group), case, judgement),
        }
    }

    /// What to print at the end.
    pub(super) fn end(&self, totals: &Totals) -> String {
        let Totals {
            passed,
            failed,
            inconclusive,
            inapplicable,
        } = totals;
        if self.is_json {
            return format!(
                "\n], \"passed\": {passed}, \"failed\": {failed}, \
                 \"inconclusive\": {inconclusive}, \"inapplicable\": {inapplicable}}}\n"
            );
        }
        let failed = format!("{failed} failed");
        let failed = match totals.failed {
            0 => self.style.green(failed),
            _ => self.style.red(failed),
        };
        format!(
            "\n{passed} passed, {failed}, {inconclusive} inconclusive, {inapplicable} inapplicable\n"
        )
    }

    fn lines(&self, is_new_group: bool, case: &Case, judgement: &Judgement) -> String {
        let mut lines = String::new();
        if is_new_group {
            let _ = writeln!(lines, "\n{}", case.group);
        }
        let (name, section) = (&case.name, self.style.dim(case.section));
        let verdict = judgement.verdict;
        let shown = match verdict {
            Verdict::Passed => self.style.green("pass"),
            Verdict::Failed => self.style.red("FAIL"),
            Verdict::Inconclusive => self.style.yellow("?   "),
            Verdict::Inapplicable => self.style.dim("-   "),
        };
        let _ = writeln!(lines, "  {shown}  {name}  {section}");
        if matches!(verdict, Verdict::Failed | Verdict::Inconclusive) {
            let _ = writeln!(lines, "        expected: {}", case.expected);
            let _ = writeln!(lines, "        got:      {}", judgement.got);
            if let Some(remark) = case.remark {
                let _ = writeln!(lines, "        {remark}");
            }
        }
        lines
    }

    fn json_case(&self, is_first: bool, case: &Case, judgement: &Judgement) -> String {
        let mut json = match is_first {
            true => format!("{{\"url\": {}, \"cases\": [", Quoted(&self.url)),
            false => ",".to_owned(),
        };
        let _ = write!(
            json,
            "\n{{\"group\": {}, \"name\": {}, \"section\": {}, \"verdict\": {}, \
             \"expected\": {}, \"got\": {}}}",
            Quoted(case.group),
            Quoted(&case.name),
            Quoted(case.section),
            Quoted(judgement.verdict.name()),
            Quoted(&case.expected),
            Quoted(&judgement.got),
        );
        json
    }
}

impl Totals {
    pub(super) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Inconclusive => self.inconclusive += 1,
            Verdict::Inapplicable => self.inapplicable += 1,
        }
    }

    pub(super) const fn of(&self, verdict: Verdict) -> u32 {
        match verdict {
            Verdict::Passed => self.passed,
            Verdict::Failed => self.failed,
            Verdict::Inconclusive => self.inconclusive,
            Verdict::Inapplicable => self.inapplicable,
        }
    }
}
