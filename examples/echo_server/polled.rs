//! Over the adapters that tasks poll, tokio and futures-io on smol: all connections on this thread.

use std::{error::Error, net, rc::Rc, sync::Arc};

use ::tokio::{net::TcpListener, runtime, task, time::sleep};
use sansock::{
    Config,
    adapter::{
        self, futures,
        polled::{Io, Socket},
        tokio,
    },
};
use smol::{Async, LocalExecutor};

use crate::{PAUSE, timer::SmolTimer};

pub(crate) fn serve_tokio(listener: net::TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let config = Arc::clone(&config);
            task::spawn(async move {
                stream.set_nodelay(true)?;
                report(
                    peer,
                    echo(tokio::Socket::accept(stream, &config).await).await,
                );
                Ok::<_, adapter::Error>(())
            });
        }
    })
}

pub(crate) fn serve_futures(listener: net::TcpListener) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::default());
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        let listener = Async::new(listener)?;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    smol::Timer::after(PAUSE).await;
                    continue;
                }
            };
            let config = Arc::clone(&config);
            let connection = async move {
                stream.get_ref().set_nodelay(true)?;
                // futures-io has no clock: with a timer of the runtime every deadline holds.
                let timer = SmolTimer::default();
                let socket = futures::Socket::accept_with_timer(stream, timer, &config);
                report(peer, echo(socket.await).await);
                Ok::<_, adapter::Error>(())
            };
            executor.spawn(connection).detach();
        }
    }))
}

/// The same for both, and for whatever else implements [`Io`].
///
/// Lent events: nothing is copied but from the input to the output, and what one read brought is
/// answered by one write.
async fn echo<T: Io>(accepted: Result<Socket<T>, adapter::Error>) -> Result<(), adapter::Error> {
    let mut socket = accepted?;
    while socket.fill().await? {
        while let Some((event, mut reply)) = socket.next_with_reply() {
            if let Some(message) = event.into_message() {
                reply.send(message)?;
            }
        }
        // Who does not read gets no more answers until it does.
        if !socket.can_send() {
            socket.flush().await?;
        }
    }
    Ok(())
}

fn report(peer: net::SocketAddr, ended: Result<(), adapter::Error>) {
    if let Err(error) = ended {
        eprintln!("{peer}: {error}");
    }
}
