//! A server in a process of its own: started on a core of its own, its time and memory looked up.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{self, Command, Stdio},
    thread,
    time::Duration,
};

use crate::Outcome;

/// Whether server and load each have a core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned(bool);

impl Pinned {
    pub(crate) fn text(self) -> &'static str {
        if self.0 {
            "servers on core 0, the load on core 1"
        } else {
            "not pinned to cores: that needs `taskset` and two cores"
        }
    }
}

/// Puts this process on core 1, if that can be.
pub(crate) fn pin_load() -> Pinned {
    let id = process::id().to_string();
    let output = Command::new("taskset")
        .args(["-c", "-p", "1", &id])
        .output();
    Pinned(output.is_ok_and(|it| it.status.success()))
}

/// This program with `arguments` on core 0.
pub(crate) fn command(arguments: &[&str]) -> Outcome<Command> {
    let this = env::current_exe()?;
    let this = this.to_str().ok_or("a path that is text")?;
    let is_there = Command::new("taskset").args(["-c", "0", "true"]).output();
    let taskset: &[&str] = if is_there.is_ok_and(|it| it.status.success()) {
        &["taskset", "-c", "0"]
    } else {
        &[]
    };
    let line = [taskset, &[this], arguments].concat();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]);
    Ok(command)
}

/// How many files this process and those that it starts may open: `wanted`, if the system lets it.
pub(crate) fn file_limit(wanted: usize) -> Outcome<usize> {
    let limit = || -> Outcome<usize> {
        let text = fs::read_to_string("/proc/self/limits")?;
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix("Max open files"));
        let soft = line.and_then(|it| it.split_whitespace().next());
        Ok(soft.ok_or("no such line")?.parse().unwrap_or(usize::MAX))
    };
    let id = process::id().to_string();
    // Both limits need a privilege; the soft one alone may be raised to the hard one.
    for hard in [wanted.to_string(), String::new()] {
        if limit()? < wanted {
            // Where that is not there or not allowed, it stays as it is.
            let files = format!("--nofile={wanted}:{hard}");
            let _ = Command::new("prlimit")
                .args([&files, "--pid", &id])
                .output();
        }
    }
    limit()
}

/// A sentence for where there are fewer connections than `wanted`.
pub(crate) fn fewer(connections: usize, wanted: usize) -> &'static str {
    if connections < wanted {
        " The system allows no more open files."
    } else {
        ""
    }
}

/// Files that are open beside connections.
pub(crate) const OTHER_FILES: usize = 200;

/// A server at work. It ends when this is dropped, or when this process ends in any way.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl Child {
    /// Starts this program with `arguments`.
    pub(crate) fn start(arguments: &[&str]) -> Outcome<Self> {
        let mut process = command(arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("a pipe")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self {
            address: address.trim().to_owned(),
            process,
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// How long its threads have run on a processor, in nanoseconds, their kernel's part included.
    pub(crate) fn processor_ns(&self) -> Outcome<u64> {
        // What runs is accounted for when it stops: wait until it has nothing left to do.
        let mut last = self.schedstat()?;
        loop {
            thread::sleep(Duration::from_micros(200));
            let ns = self.schedstat()?;
            if ns == last {
                return Ok(ns);
            }
            last = ns;
        }
    }

    fn schedstat(&self) -> Outcome<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let ns: u64 = text.split(' ').next().unwrap_or_default().parse()?;
            sum += ns;
        }
        Ok(sum)
    }

    /// Bytes of memory that it has written to and the system keeps for it, to the page.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        self.bytes_of("smaps_rollup", "Anonymous:")
    }

    /// The most bytes of memory that it ever had, from here on.
    pub(crate) fn reset_peak(&self) -> Outcome<u64> {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5")?;
        self.peak()
    }

    /// The most bytes of memory that it ever had, since that was reset.
    pub(crate) fn peak(&self) -> Outcome<u64> {
        self.bytes_of("status", "VmHWM:")
    }

    /// A figure of a file of the process, in bytes.
    fn bytes_of(&self, file: &str, figure: &str) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.id()))?;
        let line = text.lines().find_map(|it| it.strip_prefix(figure));
        let kib = line
            .and_then(|it| it.trim().strip_suffix(" kB"))
            .ok_or("no such line")?;
        Ok(kib.parse::<u64>()? << 10)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A server ends at the end of its input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
