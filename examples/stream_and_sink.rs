//! An echo by `Stream` and `Sink`, in the shape of a program for tokio-tungstenite.
//!
//! ```text
//! cargo run --release --example stream_and_sink
//! ```
//!
//! The server forwards its stream to its sink. The client sends from one task and receives in
//! another, by the traits of `futures_util` alone.

use std::{error::Error, sync::Arc};

use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use sansock::{
    Config, Message, State,
    adapter::{
        self,
        tokio::{Socket, connect},
    },
};
use tokio::net::TcpListener;

const MESSAGES: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = tokio::spawn(serve(listener));

    let (socket, _response) = connect(&url, &Arc::new(Config::default())).await?;
    let (mut sink, mut stream) = socket.split();
    let sending = tokio::spawn(async move {
        let numbers = (0..MESSAGES).map(|number| Ok(Message::from(number.to_string())));
        sink.send_all(&mut stream::iter(numbers)).await?;
        sink.close().await?; // sends a Close behind them
        Ok::<_, adapter::Error>(sink)
    });

    // It ends with the answer to our Close; an error would be told before.
    let mut expected = 0;
    while let Some(message) = stream.try_next().await? {
        assert_eq!(message.as_text(), Some(&*expected.to_string()));
        expected += 1;
    }
    let socket = stream.reunite(sending.await??)?;
    assert_eq!(socket.state(), State::Closed);
    let status = socket.close_status().ok_or("still open")?;
    println!(
        "{expected} messages came back, closed with {}",
        status.code()
    );
    server.await??;
    Ok(())
}

/// Sends each message back, and answers the Close.
async fn serve(listener: TcpListener) -> Result<(), adapter::Error> {
    let (stream, _) = listener.accept().await?;
    let socket = Socket::accept(stream, &Arc::new(Config::default())).await?;
    // The sink of `split` keeps a message back until it is polled again: the last one would wait
    // there while the Close is answered, and be too late.
    let (read, write) = socket.into_split();
    read.forward(write).await
}
