//! A `WebSocket` driven by a task of an asynchronous runtime.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    string::String,
    sync::Arc,
    task::Poll,
    vec::Vec,
};

use super::{drive::poll_drive, shared::Shared, turn::Turn};
use crate::{
    adapter::{
        Error, clock,
        polled::{Io, Socket},
    },
    endpoint::Endpoint,
    proto::{self, Config, handshake::ClientRequest},
    web::Failure,
};

/// A runtime whose tasks wait in futures: tokio, or whichever polls those of
/// `adapter::futures`.
pub trait Asynchronous: sealed::Sealed {}

#[cfg(feature = "tokio")]
impl Asynchronous for crate::adapter::tokio::Tokio {}

#[cfg(feature = "futures")]
impl Asynchronous for crate::adapter::futures::Futures {}

mod sealed {
    /// Nobody else's.
    pub trait Sealed: 'static {}

    #[cfg(feature = "tokio")]
    impl Sealed for crate::adapter::tokio::Tokio {}

    #[cfg(feature = "futures")]
    impl Sealed for crate::adapter::futures::Futures {}
}

/// Connects, and drives the connection to its end; with no request, only says what is due.
///
/// The connection has failed if the future is dropped, even one that was never polled.
pub(in crate::adapter) fn connect<R, T: Io, F: Future<Output = Result<T, Error>>>(
    shared: Arc<Shared<R>>,
    request: Option<(ClientRequest, Arc<Config>)>,
    connecting: F,
) -> impl Future<Output = ()> + use<R, T, F> {
    let driven = Driven(shared);
    async move {
        if let Some((request, config)) = request {
            let connected = match connect_unless_aborted(&driven.0, connecting).await {
                Ok(io) => clock::seed().map_err(Error::from).map(|seed| (io, seed)),
                Err(error) => Err(error),
            };
            match connected {
                Ok((io, seed)) => {
                    let endpoint = Endpoint::client(&request, &config, seed);
                    let socket = Socket::new(io, endpoint, &config, Vec::new());
                    driven.drive(socket).await;
                }
                Err(error) => driven.0.fail(error),
            }
        }
        driven.finish().await;
    }
}

/// Drives a connection that is open to its end.
pub(in crate::adapter) fn run<R, T: Io>(
    shared: Arc<Shared<R>>,
    socket: Socket<T>,
) -> impl Future<Output = ()> + use<R, T> {
    let driven = Driven(shared);
    async move {
        driven.drive(socket).await;
        driven.finish().await;
    }
}

/// Waits for the turn to connect to `host`, which ends with the opening handshake.
pub(in crate::adapter) async fn wait_for_turn<R>(shared: &Shared<R>, host: String) {
    let turn = Turn::queue(host);
    poll_fn(|cx| turn.poll(cx.waker())).await;
    shared.hold_turn(turn);
}

async fn connect_unless_aborted<R, T>(
    shared: &Shared<R>,
    connecting: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut connecting = pin!(connecting);
    poll_fn(|cx| {
        shared.register(cx.waker());
        if shared.is_aborted() {
            let failure = Failure::ClosedWhileConnecting;
            return Poll::Ready(Err(Error::WebSocket(failure)));
        }
        connecting.as_mut().poll(cx)
    })
    .await
}

/// What is driven. If that ends before its time, as when a runtime shuts down, the connection has
/// failed, and nobody must wait for it.
struct Driven<R>(Arc<Shared<R>>);

impl<R> Driven<R> {
    async fn drive<T: Io>(&self, mut socket: Socket<T>) {
        poll_fn(|cx| {
            self.0.register(cx.waker());
            socket.poll_drive(cx, |driver, io| poll_drive(&self.0, driver, io))
        })
        .await;
        self.0.fail(proto::Error::Eof.into());
    }

    /// Waits until all was said.
    async fn finish(&self) {
        poll_fn(|cx| {
            self.0.register(cx.waker());
            if self.0.dispatch() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl<R> Drop for Driven<R> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
