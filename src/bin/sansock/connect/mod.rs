//! `sansock connect`: lines go out, messages come in.
//!
//! One task owns the socket and takes its events itself, for it shows Pongs as well. It takes a
//! line only while the socket has room for it, and reads all the time.

mod input;
mod output;

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt, fs,
    io::{self, IsTerminal},
    pin::pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use sansock::{CloseCode, CloseFrame, Config, DeflateConfig, EndpointEvent, Event, Message, State};
use tokio::{
    runtime, select,
    signal::ctrl_c,
    sync::mpsc::Receiver,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    failure::Failure,
    seconds::seconds,
    target::{Asking, Connected, Target, Trust},
};
use input::Input;
use output::Output;

/// Sends lines and shows what comes
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Where to connect to, such as ws://127.0.0.1:9001
    url: Target,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    trust: Trust,
    /// Do not offer permessage-deflate
    #[arg(long)]
    no_deflate: bool,
    /// Send every line as it is, those that start with / as well
    #[arg(long)]
    no_commands: bool,
    /// Stay until the server closes, also when the input has ended
    #[arg(long)]
    stay: bool,
    /// Once the input of a pipe has ended: how many seconds of silence to wait for as many messages
    /// as were sent
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    wait: Duration,
}

const AFTER_HELP: &str = "\
Lines of standard input are sent as text messages; messages go to standard output, all else to
standard error. In a line:
  /ping [TEXT]           sends a Ping and shows how long its Pong took
  /binary FILE           sends a file as one binary message
  /close [CODE [REASON]] closes, with 1000 if no code is given
  /help                  shows this
  //TEXT                 sends /TEXT

Exit codes: 0 the connection was closed cleanly, 1 it was not or a line of a pipe could not be
sent, 2 wrong usage.";

/// What is said where nothing else is.
const NORMAL: CloseFrame<'static> = CloseFrame {
    code: CloseCode::NORMAL,
    reason: Cow::Borrowed(""),
};

/// How long a line waits for room before it is looked for again.
const TURN: Duration = Duration::from_millis(10);

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(talk(options))
}

async fn talk(options: &Options) -> Result<ExitCode, Failure> {
    let target = &options.url;
    let request = target.request(&options.asking)?;
    let tls = options.trust.connector(target)?;
    let deflate = (!options.no_deflate).then(DeflateConfig::new);
    let config = Arc::new(Config::default().deflate(deflate));
    let (socket, response) = target.open(&request, tls.as_ref(), &config).await?;

    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut output = Output::new(interactive);
    output.opened(target, &response);
    let session = Session {
        socket,
        output,
        interactive,
        pings: VecDeque::new(),
        pinged: 0,
        sent: 0,
        received: 0,
        has_failed: false,
    };
    session.run(options).await
}

/// An open connection and what became of it so far.
struct Session {
    socket: Connected,
    output: Output,
    /// Whether a person types.
    interactive: bool,
    /// The Pings whose Pongs have not come, and when they were sent.
    pings: VecDeque<(Vec<u8>, Instant)>,
    /// How many Pings were sent without a text.
    pinged: u64,
    sent: u64,
    received: u64,
    /// Whether a line of the input could not be done.
    has_failed: bool,
}

impl Session {
    async fn run(mut self, options: &Options) -> Result<ExitCode, Failure> {
        let mut lines = Some(input::lines(!options.no_commands));
        let mut interrupted = pin!(ctrl_c());
        // Since when neither side sent a message.
        let mut quiet_since = Instant::now();
        loop {
            let before = self.received;
            match self.show_events() {
                // Who closed standard output wanted no more of it, which is no failure.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.close(&NORMAL).await;
                    let _ = self.socket.end().await; // how it ended is told below
                    break;
                }
                shown => {
                    shown.map_err(|error| Failure::new(format!("cannot write: {error}")))?;
                }
            }
            if self.received != before {
                quiet_since = Instant::now();
            }
            let is_open = self.socket.state() == State::Open;
            if !is_open {
                lines = None;
            }
            let has_room = self.socket.can_send();
            let takes_lines = lines.is_some();
            // Whether there is nothing to do but to wait for answers, and whether they all came.
            let is_ending = is_open && !takes_lines && !options.stay;
            let has_all = self.sent <= self.received && self.pings.is_empty();
            if is_ending && (has_all || self.interactive) {
                self.close(&NORMAL).await;
                continue;
            }
            if takes_lines {
                self.output.prompt();
            }
            select! {
                filled = self.socket.fill() => match filled {
                    Ok(true) => {}
                    Ok(false) => break,
                    // How it ended is told below.
                    Err(error) => self.output.problem(error),
                },
                line = next(&mut lines), if takes_lines && has_room => match line {
                    Some(line) => {
                        self.take(line).await;
                        quiet_since = Instant::now();
                    }
                    None => lines = None,
                },
                () = sleep(TURN), if takes_lines && !has_room => {}
                () = sleep_until(quiet_since + options.wait), if is_ending => {
                    self.close(&NORMAL).await;
                }
                _ = &mut interrupted => {
                    if !is_open {
                        return Err(Failure::new("interrupted before the server closed too"));
                    }
                    interrupted.set(ctrl_c());
                    self.close(&NORMAL).await;
                }
            }
        }
        let is_clean = self.socket.close_status().is_some_and(|status| {
            self.output.closed(status);
            status.clean
        });
        Ok(match is_clean && !self.has_failed {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    /// Does what a line of the input says.
    async fn take(&mut self, line: Result<Input, String>) {
        self.output.entered();
        let done = match line {
            Ok(Input::Text(text)) => self.feed(text).await,
            Ok(Input::Binary(file)) => match fs::read(&file) {
                Ok(data) => self.feed(data).await,
                Err(error) => Err(format!("cannot read {}: {error}", file.display())),
            },
            Ok(Input::Ping(payload)) => self.ping(payload).await,
            Ok(Input::Close(frame)) => return self.close(&frame).await,
            Ok(Input::Help) => {
                self.output.note(AFTER_HELP);
                Ok(())
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = done {
            self.fail(problem);
        }
    }

    async fn feed(&mut self, message: impl Into<Message<'static>>) -> Result<(), String> {
        let fed = self.socket.feed(message).await;
        fed.map_err(|error| error.to_string())?;
        self.sent += 1;
        Ok(())
    }

    async fn ping(&mut self, payload: Option<Vec<u8>>) -> Result<(), String> {
        let payload = payload.unwrap_or_else(|| {
            self.pinged += 1;
            self.pinged.to_string().into_bytes()
        });
        let pinged = self.socket.ping(&payload).await;
        pinged.map_err(|error| error.to_string())?;
        self.pings.push_back((payload, Instant::now()));
        Ok(())
    }

    async fn close(&mut self, frame: &CloseFrame<'_>) {
        if let Err(error) = self.socket.close(Some(frame)).await {
            self.fail(error);
        }
    }

    /// Goes on, and remembers it for the exit code unless a person saw it.
    fn fail(&mut self, problem: impl fmt::Display) {
        self.has_failed |= !self.interactive;
        self.output.problem(problem);
    }

    /// Shows what was read.
    fn show_events(&mut self) -> io::Result<()> {
        while let Some(event) = self.socket.next_event() {
            match event {
                EndpointEvent::Event(Event::Message(message)) => {
                    self.received += 1;
                    self.output.message(&message)?;
                }
                EndpointEvent::Event(Event::Pong(payload)) => {
                    // "A Pong frame sent in response to a Ping frame must have identical
                    // 'Application data'", and may answer "only the most recently processed" one
                    // (§5.5.3): older ones get none any more.
                    let at = self.pings.iter().position(|(sent, _)| *sent == *payload);
                    let since = at.and_then(|at| self.pings.drain(..=at).next_back());
                    let took = since.map(|(_, since)| since.elapsed());
                    // An empty one answers a Ping of the keep-alive.
                    if took.is_some() || !payload.is_empty() {
                        self.output.pong(&payload, took);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The next line, as long as there may be one.
async fn next(
    lines: &mut Option<Receiver<Result<Input, String>>>,
) -> Option<Result<Input, String>> {
    lines.as_mut()?.recv().await
}
