//! A headless Chromium as a process.
#![allow(dead_code, reason = "each suite uses its share of these helpers")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the browser may take: a few seconds, but a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(180);

/// The name of an installed browser that starts.
pub(crate) fn chromium() -> Option<&'static str> {
    let starts = |program: &&str| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(starts);
    if found.is_none() {
        let in_ci = env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "`chromium` is missing");
        eprintln!("not tested: `chromium` is missing");
    }
    found
}

/// A running browser, with a profile of its own; both are gone when this is dropped.
pub(crate) struct Browser {
    child: Child,
    profile: PathBuf,
    since: Instant,
}

impl Browser {
    pub(crate) fn start(program: &str, name: &str, options: &[&str], url: &str) -> Self {
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("chromium-{name}-{}", std::process::id()));
        fs::create_dir_all(&profile).unwrap();
        let said = fs::File::create(profile.join("said")).unwrap();
        let child = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(options)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        Self {
            child,
            profile,
            since: Instant::now(),
        }
    }

    /// Fails if there is nothing to wait for any more.
    pub(crate) fn check(&mut self, lacking: &str) {
        let ended = self.child.try_wait().unwrap();
        if ended.is_some() || self.since.elapsed() > LIMIT {
            let said = fs::read(self.profile.join("said")).unwrap();
            panic!("{lacking}; {ended:?}: {}", String::from_utf8_lossy(&said));
        }
    }

    pub(crate) fn profile(&self) -> &Path {
        &self.profile
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its other processes end with it, but not at once, and write until then.
        let start = Instant::now();
        while fs::remove_dir_all(&self.profile).is_err() && start.elapsed().as_secs() < 5 {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
