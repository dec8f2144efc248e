//! The other side: a script, and what it reports.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::set_up::scripts;

/// A running script; killed when dropped, though each ends itself after two minutes.
pub(crate) struct Peer {
    script: &'static str,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// One line of JSON: an object of numbers, booleans and strings without escapes.
#[derive(Debug)]
pub(crate) struct Report(String);

impl Peer {
    pub(crate) fn start(script: &'static str, arguments: &[&str]) -> Self {
        let interpreter = if script.ends_with(".mjs") {
            "node"
        } else {
            "python3"
        };
        let mut child = Command::new(interpreter)
            .arg(scripts().join(script))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            script,
            child,
            stdout,
        }
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> Report {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{} ended without a report", self.script);
        Report(line)
    }

    /// Waits for its end, which must be a success and bring no more lines.
    pub(crate) fn end(mut self) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "{}", self.script);
        assert!(self.child.wait().unwrap().success(), "{}", self.script);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Report {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.value(key).trim_matches('"')
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.value(key).parse().expect(&self.0)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value(key).parse().expect(&self.0)
    }

    /// What stands behind `"key":`, as it is.
    fn value(&self, key: &str) -> &str {
        let start = format!("\"{key}\":");
        let (_, rest) = self.0.split_once(&start).expect(&self.0);
        let end = match rest.strip_prefix('"') {
            Some(text) => text.find('"').expect(&self.0) + 2,
            None => rest.find([',', '}']).expect(&self.0),
        };
        &rest[..end]
    }
}
