//! The binaries' command line: `--name value` pairs.

use crate::Mode;

/// Which adapter drives the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// `sansock::adapter::blocking`, a thread per connection.
    Blocking,
    /// `sansock::adapter::tokio`, one thread.
    Tokio,
    /// `sansock::adapter::futures` on smol, one thread.
    Futures,
    /// `sansock::adapter::mio`, one thread.
    Mio,
}

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// `--adapter`, tokio by default.
    pub adapter: Adapter,
    /// `--mode`, lent by default.
    pub mode: Mode,
    /// `--listen`, for the server.
    pub listen: String,
    /// `--url`, for the client.
    pub url: String,
    /// `--agent`, for the client.
    pub agent: String,
}

impl Arguments {
    /// Reads `arguments`, the program's name left out.
    ///
    /// # Errors
    ///
    /// What is wrong, for people.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            adapter: Adapter::Tokio,
            mode: Mode::Lent,
            listen: "127.0.0.1:9001".into(),
            url: "ws://127.0.0.1:9001".into(),
            agent: "sansock".into(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?;
            match (name.as_str(), value.as_str()) {
                ("--adapter", "blocking") => parsed.adapter = Adapter::Blocking,
                ("--adapter", "tokio") => parsed.adapter = Adapter::Tokio,
                ("--adapter", "futures") => parsed.adapter = Adapter::Futures,
                ("--adapter", "mio") => parsed.adapter = Adapter::Mio,
                ("--mode", "lent") => parsed.mode = Mode::Lent,
                ("--mode", "recv") => parsed.mode = Mode::Recv,
                ("--mode", "stream") => parsed.mode = Mode::Stream,
                ("--mode", "split") => parsed.mode = Mode::Split,
                ("--mode", "parts") => parsed.mode = Mode::Parts,
                ("--listen", _) => parsed.listen = value,
                ("--url", _) => parsed.url = value,
                ("--agent", _) => parsed.agent = value,
                _ => return Err(format!("unknown argument {name} {value}")),
            }
        }
        match (parsed.adapter, parsed.mode) {
            (Adapter::Blocking | Adapter::Mio, Mode::Stream) => {
                Err("that adapter is no Stream".into())
            }
            (Adapter::Mio, Mode::Split) => Err("the mio adapter does not split".into()),
            _ => Ok(parsed),
        }
    }

    /// The URL of a resource of the suite's server, for this agent.
    #[must_use]
    pub fn resource(&self, resource: &str) -> String {
        format!(
            "{}/{resource}agent={}",
            self.url.trim_end_matches('/'),
            self.agent
        )
    }
}
