//! A client that sends each line of standard input and prints each message.
//!
//! ```text
//! cargo run --release --example client -- ws://127.0.0.1:9001
//! ```
//!
//! It ends with the closing handshake at the end of standard input, or when the server closes.
//! Messages go to standard output, all else to standard error.

use std::{
    error::Error,
    io::{self, Write},
    pin::pin,
    process::ExitCode,
    sync::Arc,
};

use futures_util::{Sink, SinkExt, StreamExt};
use sansock::{
    CloseCode, CloseFrame, Config, Message, State,
    adapter::{self, tokio::connect},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    runtime, select,
};

const USAGE: &str = "\
Usage: client URL

  URL     where to connect to, such as ws://127.0.0.1:9001
  --help  print this";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let url = match &arguments[..] {
        [name] if name == "--help" || name == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [url] if !url.starts_with('-') => url,
        _ => {
            eprintln!("client: exactly one URL is needed\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(url) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(talk(url));
    // Not dropped: that would wait for the line that standard input is being read for.
    runtime.shutdown_background();
    done
}

async fn talk(url: &str) -> Result<(), Box<dyn Error>> {
    let (socket, _response) = connect(url, &Arc::new(Config::default())).await?;
    eprintln!("connected to {url}");

    // Both directions go on at once: a server that sends while we do stops neither of us.
    let (mut sink, mut stream) = socket.split();
    {
        let mut sending = pin!(send_lines(&mut sink));
        loop {
            select! {
                sent = &mut sending => break sent?,
                received = stream.next() => match received {
                    Some(message) => print(&message?)?,
                    None => break,
                }
            }
        }
    }

    // The closing handshake, unless the server closed; its last messages come before its Close.
    let mut socket = stream.reunite(sink)?;
    if socket.state() == State::Open {
        let goodbye = CloseFrame::new(CloseCode::NORMAL, "");
        socket.close(Some(&goodbye)).await?;
    }
    while let Some(message) = socket.recv().await? {
        print(&message)?;
    }
    if let Some(status) = socket.close_status() {
        eprintln!(
            "closed with code {} {}",
            status.code(),
            printable(status.reason())
        );
    }
    Ok(())
}

/// Sends each line, until the end of standard input or of the connection.
async fn send_lines(
    sink: &mut (impl Sink<Message<'static>, Error = adapter::Error> + Unpin),
) -> Result<(), adapter::Error> {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match sink.send(line.into()).await {
            // The server has closed; why is what receiving ends with.
            Err(adapter::Error::Send(_)) => break,
            sent => sent?,
        }
    }
    Ok(())
}

fn print(message: &Message<'_>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match message {
        Message::Text(text) => writeln!(stdout, "{}", printable(text)),
        Message::Binary(data) => writeln!(stdout, "{}", data.escape_ascii()),
    }
}

/// What the server says, with the characters escaped that could drive a terminal.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}
