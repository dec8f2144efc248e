//! A server of hyper 1 that answers a browser with a page, and a WebSocket with an echo.
//!
//! ```text
//! cargo run --release --example hyper_server -- [--listen ADDRESS]
//! ```

use std::{convert::Infallible, env, error::Error, process::ExitCode, sync::Arc};

use http::{Request, Response, header::UPGRADE};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sansock::{
    Config, DeflateConfig,
    adapter::{
        self,
        hyper::{Upgrading, upgrade},
    },
    proto::handshake::Accept,
};
use tokio::net::TcpListener;

const PAGE: &str = "This port speaks WebSocket as well: what you send comes back.\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let listen = match &arguments[..] {
        [] => "127.0.0.1:9001",
        [flag, address] if flag == "--listen" => address,
        _ => {
            eprintln!("Usage: hyper_server [--listen ADDRESS]");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = serve(listen).await {
        eprintln!("hyper_server: {listen}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn serve(listen: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &config));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.with_upgrades().await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn answer(
    mut request: Request<Incoming>,
    config: &Arc<Config>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if !request.headers().contains_key(UPGRADE) {
        return Ok(Response::new(PAGE.into()));
    }
    match upgrade(&mut request, &Accept::new(), config) {
        Ok((response, socket)) => {
            tokio::spawn(async move {
                if let Err(error) = echo(socket).await {
                    eprintln!("{error}");
                }
            });
            Ok(response.map(|()| Full::default()))
        }
        Err(error) => Ok(error.response().map(Full::from)),
    }
}

async fn echo(socket: Upgrading) -> Result<(), adapter::Error> {
    let mut socket = socket.await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
