//! A task for each connection, on smol's executor of one thread: streams of futures-io.

use std::{
    future::poll_fn,
    net,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_util::io::{AsyncRead, AsyncWrite};
use smol::{LocalExecutor, net::TcpStream};

use super::raw::BUFFER;
use crate::Outcome;

pub(super) fn serve<F>(listener: net::TcpListener, echo: fn(TcpStream) -> F) -> Outcome
where
    F: Future<Output = Outcome> + 'static,
{
    let executor = Rc::new(LocalExecutor::new());
    let spawner = Rc::clone(&executor);
    smol::block_on(executor.run(async move {
        let listener = smol::net::TcpListener::try_from(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let echo = echo(stream);
            spawner
                .spawn(async move {
                    if let Err(error) = echo.await {
                        eprintln!("{error}");
                    }
                })
                .detach();
        }
    }))
}

/// The floor: bytes sent back as they came.
pub(super) async fn raw(mut stream: TcpStream) -> Outcome {
    let mut unwritten = Vec::new();
    poll_fn(|cx| BUFFER.with_borrow_mut(|buffer| poll_raw(cx, &mut stream, buffer, &mut unwritten)))
        .await
}

fn poll_raw(
    cx: &mut Context<'_>,
    stream: &mut TcpStream,
    buffer: &mut [u8],
    unwritten: &mut Vec<u8>,
) -> Poll<Outcome> {
    loop {
        while !unwritten.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, unwritten)? {
                Poll::Ready(n) => drop(unwritten.drain(..n)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let Poll::Ready(n) = Pin::new(&mut *stream).poll_read(cx, buffer)? else {
            return Poll::Pending;
        };
        let mut written = 0;
        while written < n
            && let Poll::Ready(n) = Pin::new(&mut *stream).poll_write(cx, &buffer[written..n])?
        {
            written += n;
        }
        unwritten.extend_from_slice(&buffer[written..n]);
        if n == 0 {
            return Poll::Ready(Ok(()));
        }
    }
}
