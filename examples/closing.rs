//! The ways in which a connection ends, and what each end learns of it.
//!
//! ```text
//! cargo run --release --example closing
//! ```

use std::{error::Error, sync::Arc, time::Duration};

use sansock::{
    CloseCode, CloseFrame, CloseStatus, Config, adapter::tokio::Socket,
    proto::handshake::ClientRequest,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a peer that does not answer a Close is waited for. The default is 5 s.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    in_order().await?;
    by_the_server().await?;
    dropped().await?;
    against_the_rules().await?;
    unanswered().await
}

/// The client closes behind its last message, which the server still gets.
async fn in_order() -> Result<()> {
    let (mut client, mut server) = connected(Config::default()).await?;
    client.send("last words").await?;
    let goodbye = CloseFrame::new(CloseCode::NORMAL, "done");
    client.close(Some(&goodbye)).await?;
    let last = server.recv().await?.ok_or("closed too early")?;
    let (none, status) = tokio::join!(server.recv(), client.end());
    assert_eq!((last.as_text(), none?), (Some("last words"), None));
    println!("in order: client {}", said(&status?));
    println!("in order: server {}", said_by(&server));
    Ok(())
}

/// The server ends it with a code of the application's own.
async fn by_the_server() -> Result<()> {
    let (mut client, mut server) = connected(Config::default()).await?;
    let reason = CloseFrame::new(CloseCode::new(4001), "log in again");
    server.close(Some(&reason)).await?;
    let (none, status) = tokio::join!(client.recv(), server.end());
    assert_eq!(none?, None);
    println!("by the server: client {}", said_by(&client));
    println!("by the server: server {}", said(&status?));
    Ok(())
}

/// The client is dropped, and with it TCP: no Close, which is 1006.
async fn dropped() -> Result<()> {
    let (client, mut server) = connected(Config::default()).await?;
    drop(client);
    let error = server.recv().await.err().ok_or("it ended in order")?;
    println!("dropped: server {}; {error}", said_by(&server));
    Ok(())
}

/// A client that does not mask a frame (RFC 6455 §5.1): the server fails the connection.
async fn against_the_rules() -> Result<()> {
    let (mut client, mut server) = connected(Config::default()).await?;
    client.get_mut().write_all(b"\x81\x01x").await?; // past the socket, which would mask it
    let (error, none) = tokio::join!(server.recv(), client.recv());
    assert_eq!(none?, None);
    let error = error.err().ok_or("it ended in order")?;
    println!("against the rules: server {}; {error}", said_by(&server));
    println!("against the rules: client {}", said_by(&client));
    Ok(())
}

/// A client that is not called: nobody answers the server's Close.
async fn unanswered() -> Result<()> {
    let config = Config::default().close_timeout(Some(CLOSE_TIMEOUT));
    let (client, mut server) = connected(config).await?;
    println!("unanswered: server {}", said(&server.end().await?));
    drop(client);
    Ok(())
}

fn said_by(socket: &Socket<TcpStream>) -> String {
    socket.close_status().map_or_else(|| "open".into(), said)
}

fn said(status: &CloseStatus) -> String {
    let sent = status
        .sent
        .map_or_else(|| "none".into(), |code| code.to_string());
    let clean = if status.clean { "clean" } else { "not clean" };
    format!(
        "received {} {:?}, sent {sent}, {clean}",
        status.code(),
        status.reason()
    )
}

/// The two ends of a connection over TCP.
async fn connected(config: Config) -> Result<(Socket<TcpStream>, Socket<TcpStream>)> {
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let request = ClientRequest::new(&address.to_string(), "/")?;
    let client = async {
        let stream = TcpStream::connect(address).await?;
        Socket::connect(stream, &request, &config).await
    };
    let server = async {
        let (stream, _) = listener.accept().await?;
        Socket::accept(stream, &config).await
    };
    let (client, server) = tokio::join!(client, server);
    Ok((client?.0, server?))
}
