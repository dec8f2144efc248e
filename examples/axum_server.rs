//! A server of axum 0.8 that answers a browser with a page, and a WebSocket with an echo.
//!
//! ```text
//! cargo run --release --example axum_server -- [--listen ADDRESS]
//! ```

use std::{env, error::Error, process::ExitCode, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::any,
};
use http::{HeaderMap, header::UPGRADE};
use sansock::{
    Config, DeflateConfig,
    adapter::{
        self,
        axum::WebSocketUpgrade,
        hyper::{Socket, UpgradeError},
    },
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
            eprintln!("Usage: axum_server [--listen ADDRESS]");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = serve(listen).await {
        eprintln!("axum_server: {listen}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn serve(listen: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    let config = Arc::new(Config::default().deflate(Some(DeflateConfig::default())));
    let app = Router::new().route("/", any(answer)).with_state(config);
    Ok(axum::serve(listener, app).await?)
}

async fn answer(
    State(config): State<Arc<Config>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, UpgradeError>,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.config(&config).on_upgrade(async |socket| {
            if let Err(error) = echo(socket).await {
                eprintln!("{error}");
            }
        }),
        Err(_) if !headers.contains_key(UPGRADE) => PAGE.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn echo(mut socket: Socket) -> Result<(), adapter::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
