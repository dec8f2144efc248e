//! What the README promises outside of its Rust, which is compiled and run as doc tests.

use std::{fs, io, path::Path};

fn read(file: &str) -> io::Result<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
}

/// The lines of a page's blocks of shell commands.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("\n```sh\n").skip(1);
    blocks
        .flat_map(|block| block.split("\n```").next().unwrap_or_default().lines())
        .map(|line| line.split("  # ").next().unwrap_or_default().trim_end())
        .collect()
}

#[test]
fn every_command_is_one_that_is_run() -> io::Result<()> {
    let readme = read("README.md")?;
    let ci = read(".ci/run")?;
    let commands = commands(&readme);
    for command in &commands {
        let (example, subcommand) = (
            command.strip_prefix("cargo run --release --example "),
            command.strip_prefix("cargo run --release --features cli -- "),
        );
        let is_run = match (example, subcommand) {
            // `tests/examples.rs` runs it; here: that it exists, and says the same of itself.
            (Some(example), _) => {
                let name = example.split(' ').next().unwrap_or_default();
                let source = read(&format!("examples/{name}.rs"))
                    .or_else(|_| read(&format!("examples/{name}/main.rs")))?;
                source.contains(command)
                    && read("tests/examples.rs")?.contains(&format!("\"{name}\""))
            }
            // `tests/cli_*.rs` run it; here: that it exists, and says the same of itself.
            (_, Some(subcommand)) => {
                let name = subcommand.split(' ').next().unwrap_or_default();
                read("src/bin/sansock/main.rs")?.contains(command)
                    && read(&format!("tests/cli_{name}.rs"))?.contains(&format!("\"{name}\""))
            }
            _ => ci
                .lines()
                .any(|line| line.trim().starts_with("step ") && line.trim().ends_with(command)),
        };
        assert!(is_run, "nothing runs `{command}`");
    }
    for command in [
        "cargo run --release --features cli -- serve",
        "cargo run --release --features cli -- connect ws://127.0.0.1:9001",
        "cargo test --workspace --all-features",
    ] {
        assert!(commands.contains(&command), "the README lacks `{command}`");
    }
    Ok(())
}

#[test]
fn every_feature_and_the_least_version_are_named() -> io::Result<()> {
    let readme = read("README.md")?;
    let manifest = read("Cargo.toml")?;
    let features = manifest.split("\n[features]\n").nth(1).unwrap_or_default();
    let features = features.split("\n[").next().unwrap_or_default();
    let names: Vec<&str> = features
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with('#') && *name != "default")
        .collect();
    assert!(names.contains(&"std"), "{names:?}");
    for name in names {
        assert!(
            readme.contains(&format!("\n| `{name}` | ")),
            "no feature {name}"
        );
    }
    let version = manifest.split("\nrust-version = \"").nth(1);
    let version = version
        .and_then(|rest| rest.split('"').next())
        .unwrap_or("none");
    assert!(
        readme.contains(&format!("least Rust version is {version}.")),
        "{version}"
    );
    Ok(())
}

#[test]
fn every_file_it_links_to_exists() -> io::Result<()> {
    for link in read("README.md")?.split("](").skip(1) {
        let link = link.split(')').next().unwrap_or_default();
        if !link.contains("://") {
            assert!(read(link).is_ok(), "{link} does not exist");
        }
    }
    Ok(())
}

/// The table of the peers says what was measured, and nothing else.
#[test]
fn every_figure_is_a_measured_one() -> io::Result<()> {
    const ECHOES: [&str; 5] = [
        "16 B c64 p1",
        "16 B c64 p16",
        "1 KiB c64 p16",
        "16 KiB c64 p16",
        "1 MiB c8 p1",
    ];
    let readme = read("README.md")?;
    let results = read("benches/RESULTS.md")?;
    let cells = |row: &str| -> Vec<String> {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    // A figure by its row and its column, in whichever table has both.
    let measured = |name: &str, column: &str| -> Option<String> {
        results.split("\n\n").find_map(|table| {
            let mut rows = table.lines();
            let at = cells(rows.next()?).iter().position(|it| it == column)?;
            let row = rows
                .map(cells)
                .find(|row| row[0].replace('¹', "") == name)?;
            row.get(at).cloned()
        })
    };
    let mut compared = 0;
    let rows = readme
        .split("| 1 MiB | idle |\n")
        .nth(1)
        .unwrap_or_default();
    for row in rows.lines().skip(1).take_while(|row| row.starts_with('|')) {
        let row = cells(row);
        for (shown, column) in row[1..].iter().zip(ECHOES) {
            let figure = measured(&row[0], column).unwrap_or_default();
            assert!(figure.ends_with(&format!("({shown})")), "{row:?}: {figure}");
        }
        // There the names are without versions.
        let mut words: Vec<&str> = row[0].split(' ').collect();
        words.retain(|word| !word.starts_with(|first: char| first.is_ascii_digit()));
        let idle = measured(&words.join(" "), "idle").unwrap_or_default();
        assert_eq!(row[6], format!("{idle} B"), "{row:?}");
        compared += 1;
    }
    assert_eq!(compared, 10);
    Ok(())
}
