//! CLAUSES.md, HOSTILE.md, WHATWG.md and the threats of SECURITY.md are held to their word: each
//! line names tests that exist, or a reason.

use std::{collections::HashMap, fs, path::Path};

/// Whether a line may still say that its tests are pending.
const ALLOW_PENDING: bool = false;

/// All that is wrong with a checklist of `count` lines, where `read` gives a source file's text.
fn complaints(
    list: &str,
    count: usize,
    allow_pending: bool,
    mut read: impl FnMut(&str) -> Option<String>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut last = 0;
    for line in list
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
    {
        let Some((number, text)) = numbered(line) else {
            complaints.push(format!("no number and full stop: {line}"));
            continue;
        };
        if number != last + 1 {
            complaints.push(format!("{number} follows {last}"));
        }
        last = number;
        let Some((_, end)) = text.rsplit_once(" — ") else {
            complaints.push(format!("{number}: neither test nor reason"));
            continue;
        };
        match end.strip_prefix("reason:").map(str::trim) {
            Some("") => complaints.push(format!("{number}: an empty reason")),
            Some(reason) if reason.contains("PENDING") && !allow_pending => {
                complaints.push(format!("{number}: {reason}"));
            }
            Some(_) => {}
            None => complaints.extend(
                end.split(", ")
                    .filter_map(|name| bad_name(name, &mut read))
                    .map(|why| format!("{number}: {why}")),
            ),
        }
    }
    if last != count {
        complaints.push(format!("ends with {last}, not with {count}"));
    }
    complaints
}

/// The rows of a table `| # | threat | what holds | shown by |` as lines of a checklist; a row of
/// another shape as it is, so that it is complained about.
fn rows(page: &str) -> String {
    let mut lines = String::new();
    let table = page.split("| # |").nth(1).unwrap_or_default();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    for line in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [number, threat, holds, shown] if !threat.is_empty() && !holds.is_empty() => {
                lines += &[number, ". ", threat, ": ", holds, " — ", shown, "\n"].concat();
            }
            _ => {
                lines += line.trim_start_matches("| ");
                lines.push('\n');
            }
        }
    }
    lines
}

/// `58. text` as its two halves.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, text) = line.split_once(". ")?;
    Some((number.parse().ok()?, text))
}

/// What is wrong with a name like `` `tests/file.rs::function` ``.
fn bad_name(name: &str, read: &mut impl FnMut(&str) -> Option<String>) -> Option<String> {
    let split = name.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
    let Some((file, function)) = split.and_then(|it| it.split_once("::")) else {
        return Some(format!("no `file::function`: {name}"));
    };
    let Some(source) = read(file) else {
        return Some(format!("no file {file}"));
    };
    // In a unit test's name, modules stand before the function.
    let function = function.rsplit("::").next().unwrap_or(function);
    if is_test(&source, function) || is_generic_test(&source, function) {
        None
    } else {
        Some(format!("no test {name}"))
    }
}

/// Whether `source` has a function of this name with a test's attribute right above it.
fn is_test(source: &str, function: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let declared = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(function));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| declared(line))
        .any(|(at, _)| {
            let attributes = lines[..at]
                .iter()
                .rev()
                .take_while(|line| line.starts_with("#["));
            attributes
                .into_iter()
                .any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
        })
}

/// The macros that make a test for each adapter of every function in their block.
const FOR_EACH_ADAPTER: [&str; 3] = ["everywhere", OVER_TLS_TOO, "over_each"];

/// The one whose tests run over TLS as well.
const OVER_TLS_TOO: &str = "everywhere_and_over_tls";

/// Whether a block of one of those macros in `source` has a function of this name.
fn is_generic_test(source: &str, function: &str) -> bool {
    let mut macros = FOR_EACH_ADAPTER.into_iter();
    macros.any(|name| is_in_block_of(name, source, function))
}

fn is_in_block_of(name: &str, source: &str, function: &str) -> bool {
    let start = format!("\n{name}! {{\n");
    let blocks = source.split(&start).skip(1);
    blocks
        .filter_map(|block| block.split("\n}\n").next())
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("    fn ")?.strip_prefix(function))
        .any(|rest| rest.starts_with('<'))
}

/// Reads files of this package, each once.
fn files() -> impl FnMut(&str) -> Option<String> {
    let mut read: HashMap<String, Option<String>> = HashMap::new();
    move |file| {
        let text = read.entry(file.to_owned()).or_insert_with(|| {
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
        });
        text.clone()
    }
}

#[test]
fn each_clause_has_a_test_or_a_reason() {
    let found = complaints(include_str!("CLAUSES.md"), 199, ALLOW_PENDING, files());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_hostile_case_has_a_test_or_a_reason() {
    let found = complaints(include_str!("HOSTILE.md"), 206, ALLOW_PENDING, files());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_requirement_of_the_interface_has_a_test_or_a_reason() {
    let found = complaints(include_str!("WHATWG.md"), 80, ALLOW_PENDING, files());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_threat_has_a_test_or_a_reason() {
    let threats = rows(include_str!("../SECURITY.md"));
    let found = complaints(&threats, 26, ALLOW_PENDING, files());
    assert!(found.is_empty(), "{}", found.join("\n"));
    // And few of them are only argued for.
    assert!(threats.matches("reason:").count() <= 2, "{threats}");
}

#[test]
fn security_names_the_version_and_what_is_promised() {
    let page = include_str!("../SECURITY.md");
    let version = env!("CARGO_PKG_VERSION");
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    assert!(page.contains(&format!("| {minor} | yes |")), "{minor}");
    for heading in [
        "## Reporting",
        "## Supported versions",
        "## Threat model",
        "## Threats and their tests",
    ] {
        assert!(page.contains(heading), "{heading}");
    }
    for word in [
        "**Assets.**",
        "**Attackers.**",
        "**Trusted.**",
        "**Promise.**",
        "**Not promised.**",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn what_is_said_to_hold_over_tls_is_tested_there() {
    let mut read = files();
    let rows = read("tests/web/rows.rs").unwrap_or_default();
    let lines = include_str!("WHATWG.md").lines();
    let mut count = 0;
    for line in lines.filter(|line| line.contains("; over TLS too. — ")) {
        let names = line.split("`tests/web/rows.rs::").skip(1);
        let names = names.filter_map(|name| name.split('`').next());
        let mut names = names.peekable();
        assert!(names.peek().is_some(), "{line}");
        for name in names {
            assert!(is_in_block_of(OVER_TLS_TOO, &rows, name), "{line}: {name}");
            count += 1;
        }
    }
    assert!(count > 0);
}

/// A file for made-up lists.
fn made_up(file: &str) -> Option<String> {
    const SOURCE: &str = "
#[test]
fn good() {}

#[tokio::test(start_paused = true)]
async fn later() {}

#[test]
#[should_panic]
fn panics() {}

fn helper() {}

fn generic_helper<A>() {}

everywhere! {
    fn each<A>() {
        fn within<A>() {}
    }
}

everywhere_and_over_tls! {
    fn each_twice<A>() {}
}

mod tests {
    #[test]
    fn inner() {}

    fn helper_too<A>() {}
}
";
    (file == "tests/a.rs").then(|| SOURCE.to_owned())
}

#[test]
fn a_good_list_has_no_complaints() {
    let list = "# Title\n\nProse, 3 words.\n
1. §1: one. — `tests/a.rs::good`
2. §1: two — with a dash. — `tests/a.rs::good`, `tests/a.rs::later`, `tests/a.rs::panics`
## Heading
3. §2: three. — reason: nothing to test
4. §2: four. — `tests/a.rs::tests::inner`, `tests/a.rs::each`, `tests/a.rs::each_twice`
5. §2: five. — reason: PENDING handshake
";
    assert_eq!(complaints(list, 5, true, made_up), Vec::<String>::new());
    assert_eq!(
        complaints(list, 5, false, made_up),
        ["5: PENDING handshake"]
    );
}

#[test]
fn each_kind_of_bad_line_is_found() {
    let cases = [
        ("1. One.", "1: neither test nor reason"),
        ("1. One. — ", "1: no `file::function`: "),
        ("1. One. — reason:", "1: an empty reason"),
        ("1. One. — reason:  ", "1: an empty reason"),
        (
            "1. One. — tests/a.rs::good",
            "1: no `file::function`: tests/a.rs::good",
        ),
        (
            "1. One. — `tests/a.rs`",
            "1: no `file::function`: `tests/a.rs`",
        ),
        ("1. One. — `tests/b.rs::good`", "1: no file tests/b.rs"),
        (
            "1. One. — `tests/a.rs::bad`",
            "1: no test `tests/a.rs::bad`",
        ),
        (
            "1. One. — `tests/a.rs::goo`",
            "1: no test `tests/a.rs::goo`",
        ),
        (
            "1. One. — `tests/a.rs::helper`",
            "1: no test `tests/a.rs::helper`",
        ),
        (
            "1. One. — `tests/a.rs::generic_helper`",
            "1: no test `tests/a.rs::generic_helper`",
        ),
        (
            "1. One. — `tests/a.rs::helper_too`",
            "1: no test `tests/a.rs::helper_too`",
        ),
        (
            "1. One. — `tests/a.rs::within`",
            "1: no test `tests/a.rs::within`",
        ),
        (
            "1. One. — `tests/a.rs::eac`",
            "1: no test `tests/a.rs::eac`",
        ),
        (
            "1. One. — `tests/a.rs::good`, `tests/a.rs::bad`",
            "1: no test `tests/a.rs::bad`",
        ),
    ];
    for (line, complaint) in cases {
        assert_eq!(complaints(line, 1, true, made_up), [complaint], "{line}");
    }
}

#[test]
fn a_table_is_read_as_a_list() {
    let page = "# Title\n\n| # | threat | what holds | shown by |\n| --- | --- | --- | --- |
| 1 | one | this | `tests/a.rs::good` |
| 2 | two | that | reason: the compiler |

| version | gets fixes |\n";
    let list = rows(page);
    assert_eq!(complaints(&list, 2, false, made_up), Vec::<String>::new());
    for (row, complaint) in [
        (
            "| 1 | one | this | `tests/a.rs::bad` |",
            "1: no test `tests/a.rs::bad`",
        ),
        ("| 1 | one | this | |", "1: no `file::function`: "),
        (
            "| 1 | one | | `tests/a.rs::good` |",
            "no number and full stop: 1 | one | | `tests/a.rs::good` |",
        ),
        (
            "| 1 | one | `tests/a.rs::good` |",
            "no number and full stop: 1 | one | `tests/a.rs::good` |",
        ),
    ] {
        let page = format!("| # | threat |\n| --- |\n{row}\n");
        let found = complaints(&rows(&page), 1, false, made_up);
        assert_eq!(found.first().map(String::as_str), Some(complaint), "{row}");
    }
}

#[test]
fn gaps_repeats_and_missing_ends_are_found() {
    let line = |number: &str| format!("{number} Text. — reason: none\n");
    let list = |numbers: &[&str]| {
        numbers
            .iter()
            .map(|number| line(number))
            .collect::<String>()
    };
    let found = |numbers: &[&str]| complaints(&list(numbers), 3, true, made_up);
    assert_eq!(found(&["1.", "2.", "3."]), Vec::<String>::new());
    assert_eq!(found(&["1.", "3."]), ["3 follows 1"]);
    assert_eq!(found(&["2.", "3."]), ["2 follows 0"]);
    assert_eq!(found(&["1.", "2.", "2.", "3."]), ["2 follows 2"]);
    assert_eq!(found(&["1.", "2."]), ["ends with 2, not with 3"]);
    assert_eq!(
        found(&["1.", "2.", "3.", "4."]),
        ["ends with 4, not with 3"]
    );
    assert_eq!(
        found(&["1.", "2", "3."]),
        [
            "no number and full stop: 2 Text. — reason: none",
            "3 follows 1"
        ]
    );
}
