//! A page and a WebSocket on the same port, over tokio.
//!
//! ```text
//! cargo run --release --example http_and_websocket -- [ADDRESS]
//! ```
//!
//! With `Config::plain_requests` a request that asks for no WebSocket comes to the program like one
//! that does, and is answered by a `Reject` of whatever status. It is no web server: one request
//! for each connection, GET or HEAD, and no files. Where HTTP is the larger part, have a web server
//! do it, and `Request::from_parts` go on from there.

use std::{error::Error, process::ExitCode, sync::Arc};

use sansock::{
    Config,
    adapter::{self, tokio::Incoming},
    proto::handshake::{Accept, OriginPolicy, Reject},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, task,
};

const USAGE: &str = "\
Usage: http_and_websocket [ADDRESS]

  ADDRESS  where to listen, default 127.0.0.1:9001; port 0 is any free port
  --help   print this";

/// A page whose script talks to the server that it came from.
const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>A page and a WebSocket</title>
<p>The server says: <output>nothing yet</output>
<script>
const socket = new WebSocket(`ws://${location.host}/echo`);
socket.onopen = () => socket.send("hello");
socket.onmessage = ({ data }) => (document.querySelector("output").textContent = data);
</script>
"#;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match &arguments[..] {
        [] => "127.0.0.1:9001",
        [argument] if argument == "--help" || argument == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [address] if !address.starts_with('-') => address,
        _ => {
            eprintln!("http_and_websocket: at most one address\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = serve(address) {
        eprintln!("http_and_websocket: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        println!("open http://{}/ in a browser", listener.local_addr()?);
        let config = Arc::new(Config::default().plain_requests(true));
        loop {
            let (stream, peer) = listener.accept().await?;
            let config = Arc::clone(&config);
            task::spawn(async move {
                if let Err(error) = answer(stream, &config).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    })
}

async fn answer(stream: TcpStream, config: &Arc<Config>) -> Result<(), adapter::Error> {
    let incoming = Incoming::receive(stream, config).await?;
    let request = incoming.request();
    match (request.is_websocket(), request.path()) {
        (true, "/echo") => {
            // Other sites' pages have nothing to say here.
            let own = OriginPolicy::same_origin(false).allow_missing(true);
            if let Err(error) = request.check_origin(&own) {
                return incoming.reject(&error.reject()).await;
            }
            let mut socket = incoming.accept(&Accept::new()).await?;
            while let Some(message) = socket.recv().await? {
                socket.send(message).await?;
            }
            Ok(())
        }
        // `Content-Length` and `Connection: close` are added, and a HEAD gets no body.
        (false, "/") => {
            let page = Reject::new(200)
                .header("Content-Type", "text/html; charset=utf-8")
                .body(PAGE);
            incoming.reject(&page).await
        }
        (false, "/echo") => incoming.reject(&Reject::new(426)).await,
        _ => incoming.reject(&Reject::new(404)).await,
    }
}
