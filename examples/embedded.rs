//! The engine as in a device without an operating system: fixed buffers, a serial line, ticks.
//!
//! ```text
//! cargo run --release --example embedded
//! ```
//!
//! [`device`] is what would run there. It names `core` and `alloc` only, has no clock but a counter
//! of ticks, and its line takes and gives no more than a FIFO at once. It is a client that sends
//! measurements and waits for an answer to each. At the other end of the line is a real TCP
//! connection to a server with the blocking adapter.

extern crate alloc;

use std::{
    error::Error,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use rand::{TryRng, rngs::SysRng};
use sansock::{Config, adapter::blocking::Socket};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));

    let stream = TcpStream::connect(address)?;
    stream.set_nonblocking(true)?;
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed)?; // a device has a generator, or it has no TLS either
    let report = device::run(&mut Uart(stream), seed).map_err(|fault| format!("{fault:?}"))?;
    println!(
        "device: {} answers, closed with {}, output never above {} bytes",
        report.answers, report.code, report.most_output
    );
    server.join().map_err(|_| "the server panicked")?
}

/// Answers each message, until the device closes.
fn serve(listener: &TcpListener) -> Result<()> {
    let (stream, _) = listener.accept()?;
    let mut socket = Socket::accept(stream, &Arc::new(Config::default()))?;
    while let Some(message) = socket.recv()? {
        println!("server: {}", message.as_text().unwrap_or_default());
        socket.send("noted")?;
    }
    Ok(())
}

/// A serial line whose FIFOs hold 16 bytes each way.
struct Uart(TcpStream);

impl device::Serial for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let room = buffer.len().min(device::FIFO);
        count(self.0.read(&mut buffer[..room]))
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        count(self.0.write(&bytes[..bytes.len().min(device::FIFO)]))
    }

    fn wait_for_tick(&mut self) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A line knows no end and no error: nothing comes any more, and a timeout notices.
fn count(result: std::io::Result<usize>) -> usize {
    result.unwrap_or_else(|error| {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            eprintln!("line: {error}");
        }
        0
    })
}

/// The device: all below is `core` and `alloc`.
mod device {
    use alloc::{sync::Arc, vec::Vec};
    use core::time::Duration;

    use sansock::{
        CloseCode, CloseFrame, Config, Event,
        proto::{
            Connection, Instant,
            handshake::{ClientHandshake, ClientRequest, Outcome},
        },
    };

    /// How many bytes the line takes or gives at once.
    pub(crate) const FIFO: usize = 16;

    /// The room for output, allocated once: the request's head, and later a frame or two.
    const OUTPUT: usize = 512;

    const MEASUREMENTS: [&str; 3] = ["21.5 °C", "21.6 °C", "21.4 °C"];

    /// The hardware. Neither reading nor writing waits.
    pub(crate) trait Serial {
        fn read(&mut self, buffer: &mut [u8]) -> usize;
        fn write(&mut self, bytes: &[u8]) -> usize;
        /// Sleeps until the timer's next interrupt, a millisecond later.
        fn wait_for_tick(&mut self);
    }

    /// How it went.
    pub(crate) struct Report {
        pub(crate) answers: usize,
        pub(crate) code: CloseCode,
        pub(crate) most_output: usize,
    }

    #[derive(Debug)]
    pub(crate) enum Fault {
        Request,
        /// The handshake failed, or took too long.
        Handshake,
        Send,
        /// The connection ended before the closing handshake was complete.
        Cut,
    }

    enum Stage {
        Opening(ClientHandshake),
        Open(Connection),
    }

    pub(crate) fn run(line: &mut impl Serial, seed: [u8; 32]) -> Result<Report, Fault> {
        // No message is gathered, and nobody makes the device store more than a small head.
        let config = Config::default()
            .streaming(true)
            .max_message_size(256)
            .max_frame_size(256)
            .max_head_size(1 << 10)
            .ping_interval(Some(Duration::from_secs(5)))
            .pong_timeout(Some(Duration::from_secs(5)));
        let config = Arc::new(config);
        let request = ClientRequest::new("device.example", "/readings");
        let request = request.map_err(|_| Fault::Request)?;

        let mut fifo = [0; FIFO];
        let mut out = Vec::with_capacity(OUTPUT);
        let mut stage = Stage::Opening(ClientHandshake::start(&request, &config, seed, &mut out));
        let mut measurements = MEASUREMENTS.iter();
        let (mut answers, mut most_output) = (0, 0);

        for ticks in 0.. {
            let now = Instant::ZERO + Duration::from_millis(ticks);
            let n = line.read(&mut fifo);
            let mut input = &mut fifo[..n];

            // 1. The handshake becomes the connection; the engine alone keeps no time for it.
            if let Stage::Opening(handshake) = &mut stage {
                match handshake
                    .receive(&mut input)
                    .map_err(|_| Fault::Handshake)?
                {
                    Some(Outcome::Open(mut connection, _)) => {
                        send_next(&mut connection, &mut measurements, &mut out)?;
                        stage = Stage::Open(connection);
                    }
                    None if ticks < 10_000 => {}
                    _ => return Err(Fault::Handshake),
                }
            }

            // 2. Events; then the time, which may bring a Ping or an end.
            if let Stage::Open(connection) = &mut stage {
                while let Ok(Some(event)) = connection.receive(&mut input, &mut out) {
                    let is_answered = match event {
                        Event::Message(_) => true,
                        Event::Part(part) => part.last,
                        _ => false,
                    };
                    if is_answered {
                        answers += 1;
                        send_next(connection, &mut measurements, &mut out)?;
                    }
                }
                connection.handle_timeout(now, &mut out);
            }

            // 3. What the line takes now; the rest waits where it is.
            most_output = most_output.max(out.len());
            let written = line.write(&out);
            out.drain(..written);

            if let Stage::Open(connection) = &stage
                && let Some(status) = connection.close_status()
                && out.is_empty()
            {
                if !status.clean {
                    return Err(Fault::Cut);
                }
                return Ok(Report {
                    answers,
                    code: status.code(),
                    most_output,
                });
            }
            line.wait_for_tick();
        }
        Err(Fault::Cut)
    }

    /// Sends the next measurement, or closes behind the last.
    fn send_next<'a>(
        connection: &mut Connection,
        measurements: &mut impl Iterator<Item = &'a &'a str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let sent = match measurements.next() {
            Some(measurement) => connection.send(*measurement, out),
            None => connection.close(Some(&CloseFrame::new(CloseCode::NORMAL, "")), out),
        };
        sent.map_err(|_| Fault::Send)
    }
}
