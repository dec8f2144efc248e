//! A socket as two halves, for two tasks.
//!
//! Both halves drive the connection: whichever is polled flushes, reads, answers Pings and Closes
//! and keeps the deadlines. The socket is locked for the length of one poll, never across an
//! await.
//!
//! While neither half is polled nothing is answered. Dropping the write half starts the closing
//! handshake; the read half goes on to the end. Dropping the read half discards what the peer
//! sends from then on, whenever the write half is polled.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use futures_sink::Sink;

use super::{
    Io, Socket,
    socket::Polled,
    sync::{AtomicBool, Mutex, Ordering, lock},
    wakers::{Side, Wakers},
};
use crate::{
    adapter::{Error, driver::Driver},
    proto::{CloseFrame, CloseStatus, Message, Part, Prepared, SendOptions, State},
};

/// The half of a [`Socket`] that receives.
pub struct ReadHalf<T: Io> {
    shared: Option<Arc<Shared<T>>>,
}

/// The half of a [`Socket`] that sends.
pub struct WriteHalf<T: Io> {
    shared: Option<Arc<Shared<T>>>,
}

/// Two halves that are not of one socket.
pub struct ReuniteError<T: Io>(pub ReadHalf<T>, pub WriteHalf<T>);

/// A half is dropped without the lock: what is polled while it is locked wakes whoever waits at the
/// other end of the transport, and may so drop a task and the half that it owns.
struct Shared<T> {
    socket: Mutex<Socket<T>>,
    wakers: Arc<Wakers>,
    /// Whether nobody will take what comes.
    reader_is_gone: AtomicBool,
    /// Whether nobody will send any more, and nobody has begun to close for that.
    writer_has_gone: AtomicBool,
}

impl<T: Io> Socket<T> {
    /// Splits the socket into two halves, for two tasks. Lent events need the whole: the halves
    /// receive owned messages.
    pub fn into_split(self) -> (ReadHalf<T>, WriteHalf<T>) {
        let shared = Arc::new(Shared {
            socket: Mutex::new(self),
            wakers: Arc::default(),
            reader_is_gone: AtomicBool::new(false),
            writer_has_gone: AtomicBool::new(false),
        });
        let read = ReadHalf {
            shared: Some(Arc::clone(&shared)),
        };
        (
            read,
            WriteHalf {
                shared: Some(shared),
            },
        )
    }
}

impl<T: Io> Shared<T> {
    /// Polls for one half, and wakes the other if that may have changed what it waits for.
    fn poll<R>(
        &self,
        side: Side,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&mut Driver, &mut Polled<'_, '_, T>) -> Poll<R>,
    ) -> Poll<R> {
        self.wakers.register(side, cx.waker());
        let waker = Waker::from(Arc::clone(&self.wakers));
        let mut cx = Context::from_waker(&waker);
        let mut socket = lock(&self.socket);
        let before = socket.driver().progress();
        if self.writer_has_gone.swap(false, Ordering::AcqRel) {
            // Refused only where a Close was sent already, or none can be.
            let _ = socket.endpoint_mut().close(None);
        }
        let polled = loop {
            let reader_is_gone = self.reader_is_gone.load(Ordering::Acquire);
            if reader_is_gone {
                while socket.next_event().is_some() {}
            }
            let polled = socket.poll_drive(&mut cx, &mut call);
            let blocked = reader_is_gone && socket.driver().has_stashed();
            if polled.is_ready() || !blocked {
                break polled;
            }
        };
        let after = socket.driver().progress();
        drop(socket);
        if before != after {
            self.wakers.wake_other(side);
        }
        polled
    }

    /// Changes what needs no waiting, and has the reader see to the rest.
    fn call<R>(&self, call: impl FnOnce(&mut Socket<T>) -> R) -> R {
        let result = call(&mut lock(&self.socket));
        self.wakers.wake_other(Side::Write);
        result
    }
}

impl<T: Io> ReadHalf<T> {
    /// Waits for the next message; `None` once the connection is closed and all is over.
    ///
    /// # Errors
    ///
    /// As [`Socket::recv`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn recv(&mut self) -> Result<Option<Message<'static>>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message<'static>>, Error>> {
        match &self.shared {
            Some(shared) => shared.poll(Side::Read, cx, |driver, io| driver.poll_recv(io)),
            None => Poll::Ready(Ok(None)),
        }
    }

    /// How the connection ended; `None` before.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus> {
        lock(&self.shared.as_ref()?.socket).close_status().cloned()
    }

    /// Joins the two halves of one socket again.
    ///
    /// # Errors
    ///
    /// The halves, if they are not of one socket.
    pub fn reunite(mut self, mut write: WriteHalf<T>) -> Result<Socket<T>, ReuniteError<T>> {
        match (self.shared.take(), write.shared.take()) {
            (Some(ours), Some(theirs)) if Arc::ptr_eq(&ours, &theirs) => {
                drop(theirs);
                match Arc::try_unwrap(ours) {
                    Ok(shared) => Ok(shared
                        .socket
                        .into_inner()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)),
                    Err(shared) => {
                        // Only the halves hold it, and both are here.
                        self.shared = Some(Arc::clone(&shared));
                        write.shared = Some(shared);
                        Err(ReuniteError(self, write))
                    }
                }
            }
            (ours, theirs) => {
                self.shared = ours;
                write.shared = theirs;
                Err(ReuniteError(self, write))
            }
        }
    }
}

impl<T: Io> WriteHalf<T> {
    /// As [`Socket::send`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message was not sent, nor a part of it.
    pub async fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.feed(message).await?;
        self.try_flush().await
    }

    /// As [`Socket::feed`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn feed<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.ready().await?;
        let message = message.into();
        Ok(self
            .shared()?
            .call(|socket| socket.endpoint_mut().send_unlimited(message))?)
    }

    /// As [`Socket::send_with`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        options: SendOptions,
    ) -> Result<(), Error> {
        self.ready().await?;
        let message = message.into();
        self.shared()?
            .call(|socket| socket.endpoint_mut().send_with_unlimited(message, options))?;
        self.try_flush().await
    }

    /// As [`Socket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, message: &Prepared) -> Result<(), Error> {
        self.ready().await?;
        self.shared()?
            .call(|socket| socket.endpoint_mut().send_prepared_unlimited(message))?;
        self.try_flush().await
    }

    /// As [`Socket::send_part`].
    ///
    /// # Errors
    ///
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn send_part(&mut self, part: Part<'_>) -> Result<(), Error> {
        self.ready().await?;
        self.shared()?
            .call(|socket| socket.endpoint_mut().send_part_unlimited(part))?;
        self.try_flush().await
    }

    /// As [`Socket::flush`].
    ///
    /// # Errors
    ///
    /// What writing or reading failed with.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll(cx, |driver, io| driver.poll_flush(io))).await
    }

    /// As [`Socket::ping`].
    ///
    /// # Errors
    ///
    /// As [`Socket::ping`].
    ///
    /// # Cancel safety
    ///
    /// The Ping is queued at once, and never waits.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.shared()?
            .call(|socket| socket.endpoint_mut().ping(payload))?;
        self.try_flush().await
    }

    /// As [`Socket::close`]; the read half goes on to the end.
    ///
    /// # Errors
    ///
    /// As [`Socket::close`].
    ///
    /// # Cancel safety
    ///
    /// The Close is queued at once, and never waits.
    pub async fn close(&mut self, frame: Option<&CloseFrame<'_>>) -> Result<(), Error> {
        self.shared()?
            .call(|socket| socket.endpoint_mut().close(frame))?;
        self.try_flush().await
    }

    /// How far the connection has come.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.shared {
            Some(shared) => lock(&shared.socket).state(),
            None => State::Closed,
        }
    }

    /// Whether [`send`](Self::send) would not have to wait.
    #[must_use]
    pub fn can_send(&self) -> bool {
        self.shared
            .as_ref()
            .is_some_and(|shared| lock(&shared.socket).can_send())
    }

    /// Bytes of application data that were sent and are not yet written.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.shared
            .as_ref()
            .map_or(0, |shared| lock(&shared.socket).buffered_amount())
    }

    /// Waits for room. What is sent then is not limited once more: the read half may have answered
    /// Pings since.
    async fn ready(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll(cx, |driver, io| driver.poll_ready(io))).await
    }

    async fn try_flush(&mut self) -> Result<(), Error> {
        let flushed =
            poll_fn(|cx| self.poll(cx, |driver, io| Poll::Ready(driver.try_flush(io)))).await;
        Ok(flushed?)
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnMut(&mut Driver, &mut Polled<'_, '_, T>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        match &self.shared {
            Some(shared) => shared.poll(Side::Write, cx, call),
            None => Poll::Ready(Ok(())),
        }
    }

    fn shared(&self) -> Result<&Arc<Shared<T>>, Error> {
        // Only `reunite` takes it, which takes the half too.
        self.shared
            .as_ref()
            .ok_or(Error::Send(crate::SendError::NotOpen))
    }
}

impl<T: Io> Drop for ReadHalf<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.reader_is_gone.store(true, Ordering::Release);
            shared.wakers.wake_other(Side::Read);
        }
    }
}

impl<T: Io> Drop for WriteHalf<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.writer_has_gone.store(true, Ordering::Release);
            shared.wakers.wake_other(Side::Write);
        }
    }
}

impl<T: Io> Stream for ReadHalf<T> {
    type Item = Result<Message<'static>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx).map(Result::transpose)
    }
}

impl<T: Io> Sink<Message<'static>> for WriteHalf<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut()
            .poll(cx, |driver, io| driver.poll_ready(io))
            .map_err(Error::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), Error> {
        Ok(self
            .shared()?
            .call(|socket| socket.endpoint_mut().send_unlimited(message))?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut()
            .poll(cx, |driver, io| driver.poll_flush(io))
            .map_err(Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Refused only where a Close was sent already, or none can be.
        let _ = self
            .shared()?
            .call(|socket| socket.endpoint_mut().close(None));
        self.poll_flush(cx)
    }
}

impl<T: Io> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T: Io> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

impl<T: Io> fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<T: Io> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different sockets")
    }
}

impl<T: Io> std::error::Error for ReuniteError<T> {}
