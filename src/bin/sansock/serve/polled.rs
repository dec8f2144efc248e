//! Over the adapters that tasks poll: tokio, and futures-io on smol.

use std::{future::Future, io, net, pin::pin, sync::Arc};

use ::tokio::{net::TcpListener, runtime, select, task, time::sleep};
use sansock::adapter::{
    self, futures,
    polled::{Incoming, Io, Socket},
    tokio,
};
use smol::{Async, LocalExecutor};

use super::{
    PAUSE, Server, chat, outcome, report,
    site::Answer,
    stop::{GRACE, Stop, Stopped, going_away},
    timer::SmolTimer,
};
use crate::terminal::tell;

pub(super) fn serve_tokio(listener: net::TcpListener, server: &Arc<Server>) -> io::Result<()> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (stop, mut stopped) = Stop::new()?;
        loop {
            let accepted = select! {
                accepted = listener.accept() => accepted,
                () = stopped.wait() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tell(format_args!("cannot accept: {error}"));
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let (server, stopped) = (Arc::clone(server), stopped.clone());
            task::spawn(async move {
                let incoming = async {
                    stream.set_nodelay(true)?;
                    tokio::Incoming::receive(server.wrap(stream)?, &server.config).await
                };
                report(peer, converse(incoming, &server, stopped).await);
            });
        }
        drop((listener, stopped));
        select! {
            () = stop.all_gone() => {}
            () = sleep(GRACE) => {}
        }
        Ok(())
    })
}

pub(super) fn serve_futures(listener: net::TcpListener, server: &Arc<Server>) -> io::Result<()> {
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        // Not `Async<net::TcpListener>`: closing one of its streams ends nothing.
        let listener = smol::net::TcpListener::from(Async::new(listener)?);
        let (stop, mut stopped) = Stop::new()?;
        loop {
            let accepted = select! {
                accepted = listener.accept() => accepted,
                () = stopped.wait() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tell(format_args!("cannot accept: {error}"));
                    smol::Timer::after(PAUSE).await;
                    continue;
                }
            };
            let (server, stopped) = (Arc::clone(server), stopped.clone());
            let connection = async move {
                let incoming = async {
                    stream.set_nodelay(true)?;
                    let stream = server.wrap(stream)?;
                    // futures-io has no clock: with a timer of the runtime every deadline holds.
                    let timer = SmolTimer::default();
                    futures::Incoming::receive(stream, timer, &server.config).await
                };
                report(peer, converse(incoming, &server, stopped).await);
            };
            executor.spawn(connection).detach();
        }
        drop((listener, stopped));
        select! {
            () = stop.all_gone() => {}
            _ = smol::Timer::after(GRACE) => {}
        }
        Ok(())
    }))
}

/// A connection from its request on: the same for both, and for whatever else implements [`Io`].
async fn converse<T: Io>(
    incoming: impl Future<Output = Result<Incoming<T>, adapter::Error>>,
    server: &Server,
    mut stopped: Stopped,
) -> Result<(), adapter::Error> {
    let incoming = select! {
        incoming = incoming => incoming?,
        () = stopped.wait() => return Ok(()),
    };
    let choice = match server.site.answer(incoming.request()) {
        Answer::Accept(choice) => choice,
        Answer::Reject(reject) => return incoming.reject(&reject).await,
    };
    let socket = incoming.accept(&choice.accept()).await?;
    match &server.room {
        None => echo(socket, stopped).await,
        Some(room) => chat::converse(socket, room, stopped).await,
    }
}

/// Lent events: nothing is copied but from the input to the output, and what one read brought is
/// answered by one write.
async fn echo<T: Io>(mut socket: Socket<T>, mut stopped: Stopped) -> Result<(), adapter::Error> {
    let mut stop = pin!(stopped.wait());
    loop {
        select! {
            biased;
            filled = socket.fill() => if !filled? {
                return outcome(socket.close_status());
            },
            () = &mut stop => break,
        }
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
    socket.close(Some(&going_away())).await?;
    socket.end().await.map(drop)
}
