//! A client that comes back: backoff with jitter, and only where it can help.
//!
//! ```text
//! cargo run --release --example reconnect
//! ```
//!
//! The server of this program gives away numbered news. It drops the first connection without a
//! word, restarts on the second, is overloaded at the third attempt, and at the fourth it comes to
//! its end. The client asks for what it lacks each time, misses nothing and reads nothing twice.

use std::{error::Error, sync::Arc, time::Duration};

use rand::{TryRng, rngs::SysRng};
use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config,
    adapter::{
        self,
        tokio::{Incoming, Socket, connect},
    },
    proto::{
        self,
        handshake::{Accept, Reject},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// The longest first delay. RFC 6455 §7.2.3 speaks of five seconds; nobody waits for an example.
const FIRST: Duration = Duration::from_millis(20);

/// The longest delay of all.
const LONGEST: Duration = Duration::from_millis(200);

/// How long a name, TCP and the handshake may take together.
const CONNECT: Duration = Duration::from_secs(15);

/// What the server does to its clients, in order.
const FATES: [Fate; 4] = [Fate::Drop, Fate::Restart, Fate::Overload, Fate::Finish];

#[derive(Clone, Copy)]
enum Fate {
    Drop,
    Restart,
    Overload,
    Finish,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/news", listener.local_addr()?);
    let server = tokio::spawn(serve(listener));

    // Silence is noticed after 15 s, and not after the 50 s of the defaults.
    let config = Config::default()
        .ping_interval(Some(Duration::from_secs(10)))
        .pong_timeout(Some(Duration::from_secs(5)));
    let mut client = Client {
        url,
        config: Arc::new(config),
        next: 1,
        failures: 0,
    };
    let read = client.read_all().await?;
    println!("client: has read 1 to {read}");
    server.await??;
    Ok(())
}

struct Client {
    url: String,
    config: Arc<Config>,
    /// The number of the news that comes next.
    next: u32,
    /// How many attempts have failed since something was read.
    failures: u32,
}

impl Client {
    /// Reads, over as many connections as it takes; how many news there are.
    async fn read_all(&mut self) -> Result<u32, Box<dyn Error>> {
        loop {
            let ended = self.read_one_connection().await;
            match &ended {
                Ok(status) => println!("client: closed with {}", status.code()),
                Err(error) => println!("client: {error}"),
            }
            if !is_worth_it(&ended) {
                ended?;
                return Ok(self.next - 1);
            }
            sleep(backoff(self.failures, SysRng.try_next_u64()?)).await;
            self.failures += 1;
        }
    }

    /// Connects, says again where it stands, and reads to the end.
    async fn read_one_connection(&mut self) -> Result<CloseStatus, adapter::Error> {
        let connected = timeout(CONNECT, connect(&self.url, &self.config)).await;
        let (mut socket, _) = connected.map_err(std::io::Error::from)??;
        socket.send(format!("from {}", self.next)).await?;
        while let Some(message) = socket.recv().await? {
            assert_eq!(message.as_text(), Some(&*format!("news {}", self.next)));
            self.next += 1;
            self.failures = 0;
        }
        Ok(socket.close_status().cloned().unwrap_or_default())
    }
}

/// Whether the same request may succeed later.
fn is_worth_it(ended: &Result<CloseStatus, adapter::Error>) -> bool {
    match ended {
        Ok(status) => matches!(status.code().get(), 1001 | 1006 | 1011..=1014),
        Err(adapter::Error::Refused(answer)) => {
            matches!(answer.status(), 408 | 429 | 500..=599)
        }
        Err(
            adapter::Error::Io(_)
            | adapter::Error::Connection(proto::Error::Timeout(_) | proto::Error::Eof),
        ) => true,
        Err(_) => false,
    }
}

/// A random time, the longest of which doubles with each failure.
fn backoff(failures: u32, random: u64) -> Duration {
    let most = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
    let nanoseconds = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanoseconds.saturating_add(1))
}

async fn serve(listener: TcpListener) -> Result<(), adapter::Error> {
    let config = Arc::new(Config::default());
    for fate in FATES {
        let (stream, _) = listener.accept().await?;
        let incoming = Incoming::receive(stream, &config).await?;
        if let Fate::Overload = fate {
            let busy = Reject::new(503).header("Retry-After", "1");
            incoming.reject(&busy).await?;
            continue;
        }
        let mut socket = incoming.accept(&Accept::new()).await?;
        inform(&mut socket).await?;
        let goodbye = match fate {
            // No Close: for the client that is 1006.
            Fate::Drop | Fate::Overload => continue,
            Fate::Restart => CloseFrame::new(CloseCode::SERVICE_RESTART, ""),
            Fate::Finish => CloseFrame::new(CloseCode::NORMAL, "that was all"),
        };
        socket.close(Some(&goodbye)).await?;
        socket.end().await?;
    }
    Ok(())
}

/// Sends two news from where the client stands.
async fn inform(socket: &mut Socket<TcpStream>) -> Result<(), adapter::Error> {
    let asked = socket.recv().await?;
    let from = asked
        .as_ref()
        .and_then(|message| message.as_text()?.strip_prefix("from ")?.parse().ok())
        .unwrap_or(1_u32);
    for number in from..from + 2 {
        socket.send(format!("news {number}")).await?;
    }
    socket.flush().await?;
    Ok(())
}
