//! A peer that pauses reading, and one that never reads.
//!
//! ```text
//! cargo run --release --example backpressure
//! ```
//!
//! The first holds the sender back until it goes on: nothing is lost, and never does more wait than
//! the high-water mark and one message. The second is dropped once it has taken nothing for a while.

use std::{error::Error, io, sync::Arc, time::Duration};

use sansock::{
    CloseStatus, Config,
    adapter::{self, tokio::Socket},
    proto::handshake::ClientRequest,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many bytes may wait before a sender must.
const MARK: usize = 64 << 10;

/// How long a message is.
const SIZE: usize = 256 << 10;

/// How many there are: together much more than the system holds.
const MESSAGES: usize = 200;

/// How long the second peer may take nothing. The default is 30 s.
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arrived = pause().await?;
    println!(
        "paused reader: {arrived} of {MESSAGES} messages arrived, never more than {} KiB waited",
        (MARK + SIZE) >> 10
    );
    let (why, told) = never_read().await?;
    println!(
        "no reader: {why}, and was told {} once it read",
        told.code()
    );
    Ok(())
}

/// Sends to a peer that reads only once the sender is stuck; how many messages arrived.
async fn pause() -> Result<usize> {
    let (mut sender, mut reader) = connected(Config::default().high_water_mark(MARK)).await?;
    let (stuck, told) = oneshot::channel();
    let reading = tokio::spawn(async move {
        told.await.map_err(io::Error::other)?;
        let mut arrived = 0;
        while let Some(message) = reader.recv().await? {
            assert_eq!(message.len(), SIZE);
            arrived += 1;
        }
        Ok::<_, adapter::Error>(arrived)
    });

    let mut stuck = Some(stuck);
    let mut sent = 0;
    while sent < MESSAGES {
        let sending = timeout(Duration::from_millis(200), sender.send(vec![7; SIZE])).await;
        assert!(sender.buffered_amount() < MARK + SIZE);
        match sending {
            Ok(done) => {
                done?;
                sent += 1;
            }
            // A dropped `send` has sent nothing: the same message is sent again.
            Err(_) => {
                if let Some(stuck) = stuck.take() {
                    let _ = stuck.send(());
                }
            }
        }
    }
    sender.end().await?;
    Ok(reading.await??)
}

/// Sends to a peer that does not read, until that ends; why, and how it was told.
async fn never_read() -> Result<(String, CloseStatus)> {
    let config = Config::default()
        .high_water_mark(MARK)
        .write_timeout(Some(PATIENCE));
    let (mut sender, mut reader) = connected(config).await?;
    while sender.send(vec![7; SIZE]).await.is_ok() {}
    // The Close waits for room, for `close_timeout` at most: now the peer reads all the same.
    let reading = async { while let Ok(Some(_)) = reader.recv().await {} };
    let (why, ()) = tokio::join!(sender.recv(), reading);
    let why = why.err().ok_or("it ended in order")?;
    let status = reader.close_status().cloned().unwrap_or_default();
    Ok((why.to_string(), status))
}

/// A server that sends, and its client.
async fn connected(config: Config) -> Result<(Socket<TcpStream>, Socket<TcpStream>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (config, plain) = (Arc::new(config), Arc::new(Config::default()));
    let request = ClientRequest::new(&address.to_string(), "/")?;
    let client = async {
        let stream = TcpStream::connect(address).await?;
        Socket::connect(stream, &request, &plain).await
    };
    let server = async {
        let (stream, _) = listener.accept().await?;
        Socket::accept(stream, &config).await
    };
    let (client, server) = tokio::join!(client, server);
    Ok((server?, client?.0))
}
