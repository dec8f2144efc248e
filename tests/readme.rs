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
