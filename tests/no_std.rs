//! Without features the crate needs no `std`: `tests/no_std/`, a static library with a panic
//! handler and an allocator of its own, builds with it, and would not if `std` were linked.

use std::{
    io,
    path::Path,
    process::{Command, Output},
};

#[test]
fn the_core_builds_without_std() -> io::Result<()> {
    let output = build(&[])?;
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    Ok(())
}

/// The proof itself: the same library over the same crate with `std` must not build.
#[test]
fn std_would_be_noticed() -> io::Result<()> {
    let output = build(&["--features", "std"])?;
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success(),
        "std was linked and it still built"
    );
    assert!(
        messages.contains("E0152") && messages.contains("panic_impl"),
        "it failed, but not for two panic handlers: {messages}"
    );
    Ok(())
}

/// Builds the package, in a directory of its own so that it waits for no other build.
fn build(arguments: &[&str]) -> io::Result<Output> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/no_std/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std");
    Command::new(env!("CARGO"))
        .args(["build", "--manifest-path"])
        .arg(package)
        .arg("--target-dir")
        .arg(target)
        .args(arguments)
        // What this test run was given is not meant for that build.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
}
