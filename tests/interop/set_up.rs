//! Whether the other sides are there: packages of node and Python, installed when first needed.

use std::{env, path::PathBuf, process::Command, sync::OnceLock};

/// Where the scripts are.
pub(crate) fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// Whether the packages are there, installed if they were not.
pub(crate) fn is_set_up() -> bool {
    static SET_UP: OnceLock<Result<(), String>> = OnceLock::new();
    let result = SET_UP.get_or_init(|| {
        for tool in [
            &["node"][..],
            &["npm"],
            &["python3"],
            &["python3", "-m", "pip"],
        ] {
            let output = Command::new(tool[0])
                .args(&tool[1..])
                .arg("--version")
                .output();
            if !output.is_ok_and(|output| output.status.success()) {
                return Err(format!("`{}` is missing", tool.join(" ")));
            }
        }
        let output = Command::new(scripts().join("setup")).output();
        let output = output.map_err(|error| format!("tests/interop/setup: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/interop/setup: {said}");
        Ok(())
    });
    let Err(reason) = result else { return true };
    let in_ci = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!in_ci, "{reason}");
    eprintln!("not tested: {reason}");
    false
}
