//! A task for each connection, on tokio's current-thread runtime.

use std::{
    collections::VecDeque,
    future::poll_fn,
    net,
    pin::Pin,
    task::{Poll, ready},
};

use futures_util::{FutureExt, Sink, Stream};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, task,
};

use crate::Outcome;

pub(super) fn serve<F>(listener: net::TcpListener, echo: fn(TcpStream) -> F) -> Outcome
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // Mapped and not awaited: an async block keeps a place for what it was given too.
            task::spawn(echo(stream).map(|ended| {
                if let Err(error) = ended {
                    eprintln!("{error}");
                }
            }));
        }
    })
}

/// Sends every message back, and flushes when nothing is left to read.
pub(super) fn forward<S, M, E>(mut socket: S) -> impl Future<Output = Outcome>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut message = None;
    poll_fn(move |cx| {
        loop {
            if message.is_some() {
                ready!(Pin::new(&mut socket).poll_ready(cx)).map_err(Into::into)?;
            }
            if let Some(message) = message.take() {
                Pin::new(&mut socket)
                    .start_send(message)
                    .map_err(Into::into)?;
            }
            match Pin::new(&mut socket).poll_next(cx) {
                Poll::Ready(Some(next)) => message = Some(next.map_err(Into::into)?),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    // Reading goes on when there is something, whether this is done by then or not.
                    if let Poll::Ready(flushed) = Pin::new(&mut socket).poll_flush(cx) {
                        flushed.map_err(Into::into)?;
                    }
                    return Poll::Pending;
                }
            }
        }
    })
}

/// How many messages are gathered at most.
const GATHERED: usize = 256;

/// The same for sockets that write what waits whenever they are asked for a message: asks for all
/// there are, and then sends them.
pub(super) async fn forward_batches<S, M, E>(mut socket: S) -> Outcome
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut gathered = VecDeque::new();
    poll_fn(|cx| {
        loop {
            while gathered.len() < GATHERED
                && let Poll::Ready(next) = Pin::new(&mut socket).poll_next(cx)
            {
                match next {
                    Some(message) => gathered.push_back(message.map_err(Into::into)?),
                    None => return Poll::Ready(Ok(())),
                }
            }
            let goes_on = gathered.len() == GATHERED;
            while !gathered.is_empty() {
                ready!(Pin::new(&mut socket).poll_ready(cx)).map_err(Into::into)?;
                if let Some(message) = gathered.pop_front() {
                    Pin::new(&mut socket)
                        .start_send(message)
                        .map_err(Into::into)?;
                }
            }
            ready!(Pin::new(&mut socket).poll_flush(cx)).map_err(Into::into)?;
            if !goes_on {
                return Poll::Pending;
            }
        }
    })
    .await
}
