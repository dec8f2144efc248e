//! A connection as one run of bytes each way, for protocols that know streams and no messages.
//!
//! ```text
//! read    one read of the transport ─► messages ─► the reader's buffer; what does not fit ─► unread
//! write   the writer's bytes ─► a message of at most so many ─► outbox ─► transport
//! ```
//!
//! What is read goes from the thread's read buffer, where it is unmasked, into the reader's; only
//! what that has no room for is kept. Not here: the traits, of which each runtime has its own.

use std::{
    borrow::Cow,
    fmt, format, io,
    ops::ControlFlow,
    task::{Context, Poll, ready},
    vec::Vec,
};

use super::{Io, Socket, socket::Polled, wakers::Side};
use crate::{
    adapter::{driver::Driver, unread::Unread},
    endpoint::Endpoint,
    proto::{self, CloseCode, CloseFrame, CloseStatus, Message, SendError},
};

/// The messages of a connection as one run of bytes each way; made by
/// [`Socket::into_byte_stream`].
///
/// It is the `AsyncRead`, `AsyncBufRead` and `AsyncWrite` of its runtime: tokio's, or those of
/// futures-io.
///
/// **Reading** delivers the payloads of binary messages one behind the other; where one ends is not
/// told, and an empty one is nothing. A large message is delivered when it is whole, or with
/// [`Config::streaming`](crate::Config::streaming) as it comes. A text message is an error of kind
/// `InvalidData`, and the peer is told 1003, unless [`accept_text`](Self::accept_text) says
/// otherwise.
///
/// A closing handshake with code 1000 or none is **the end** of the bytes. Any other end is an error,
/// again with each call, so that what was cut off never looks complete: `UnexpectedEof` if the
/// transport ended without a Close, `TimedOut` at a deadline, `InvalidData` if the peer broke the
/// protocol, `ConnectionReset` for any other code.
///
/// **Writing** sends each call's bytes as a binary message, of at most
/// [`message_size`](Self::message_size), and waits while the high-water mark is reached; so put a
/// `BufWriter` in front of a protocol that writes a few bytes at a time. **Flushing** waits until all
/// is written, and fails if the connection ends before. **Shutting down** does the closing handshake
/// with code 1000, and is ready when the peer's Close is there, or data before it that is still to be
/// read. After a Close of either side writing is a `BrokenPipe`: no end of a WebSocket can be closed
/// by half, and most peers send nothing behind our Close but theirs.
///
/// One task may read and another write, by the `split` of the runtime.
///
/// # Cancel safety
///
/// It keeps what was not taken, so what reads or writes by one poll, as `read`, `fill_buf` and
/// `write` do, is cancel safe. What gathers by many, as `read_exact` and `write_all` do, is as safe
/// as its trait says.
///
/// ```
/// use std::sync::Arc;
/// use sansock::{Config, adapter::tokio::Socket, proto::Connection};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let config = Arc::new(Config::default());
/// let (near, far) = duplex(1024);
/// let client = Connection::client(&config, [7; 32]); // 32 bytes from the system's generator
/// let mut client = Socket::from_parts(near, client, Vec::new()).into_byte_stream();
/// let server = Connection::server(&config);
/// let mut server = Socket::from_parts(far, server, Vec::new()).into_byte_stream();
///
/// tokio::spawn(async move {
///     client.write_all(b"Hello, ").await?;
///     client.write_all(b"world").await?;
///     client.shutdown().await
/// });
/// let mut all = String::new();
/// server.read_to_string(&mut all).await?;
/// assert_eq!(all, "Hello, world");
/// # Ok(())
/// # }
/// ```
pub struct ByteStream<T> {
    socket: Socket<T>,
    input: Input,
    message_size: usize,
}

impl<T: Io> Socket<T> {
    /// The messages as one run of bytes each way.
    pub fn into_byte_stream(self) -> ByteStream<T> {
        ByteStream {
            socket: self,
            input: Input {
                unread: Unread::NONE,
                accepts_text: false,
                is_refused: false,
            },
            message_size: MESSAGE_SIZE,
        }
    }
}

impl<T: Io> ByteStream<T> {
    /// Sets whether the bytes of text messages are delivered as those of binary ones. Default
    /// `false`: text among bytes shows that the peer takes this for something else.
    #[must_use]
    pub const fn accept_text(mut self, accepts_text: bool) -> Self {
        self.input.accepts_text = accepts_text;
        self
    }

    /// Sets how many bytes a message has at most. Default 64 KiB, which every peer takes and beyond
    /// which headers cost nothing; 0 counts as 1.
    #[must_use]
    pub const fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// The socket: how the connection is, what was agreed on.
    #[must_use]
    pub const fn get_ref(&self) -> &Socket<T> {
        &self.socket
    }

    /// Gives what there is to `put`, `room` bytes in all at most; nothing at a clean end.
    pub(in crate::adapter) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        mut put: impl FnMut(&[u8]),
    ) -> Poll<io::Result<()>> {
        let unread = self.input.unread.bytes();
        if !unread.is_empty() {
            let n = unread.len().min(room);
            put(&unread[..n]);
            self.consume(n);
            return Poll::Ready(Ok(()));
        }
        let input = &mut self.input;
        self.socket.poll_side(Side::Read, cx, |driver, io| {
            input.poll_receive(driver, io, room, &mut put)
        })
    }

    /// What can be taken now; nothing after a clean end.
    pub(in crate::adapter) fn poll_unread(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<&[u8]>> {
        if self.input.unread.bytes().is_empty() {
            ready!(self.poll_take(cx, 0, |_| {}))?;
        }
        Poll::Ready(Ok(self.input.unread.bytes()))
    }

    /// Takes `n` bytes of what [`poll_unread`](Self::poll_unread) gave.
    pub(in crate::adapter) fn consume(&mut self, n: usize) {
        if let Some(used) = self.input.unread.consume(n) {
            self.socket.recycle(used);
        }
    }

    /// Sends the beginning of `bytes`; returns how much that was.
    pub(in crate::adapter) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = &bytes[..bytes.len().min(self.message_size)];
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.socket.poll_side(Side::Write, cx, |driver, io| {
            ready!(driver.poll_ready(io))?;
            driver.endpoint_mut().send(piece).map_err(unsent)?;
            driver.try_flush(io)?;
            Poll::Ready(Ok(piece.len()))
        })
    }

    /// Waits until all that was sent is written.
    pub(in crate::adapter) fn poll_flushed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket.poll_side(Side::Write, cx, |driver, io| {
            ready!(driver.poll_flush(io))?;
            Poll::Ready(written(driver.endpoint()))
        })
    }

    /// Does the closing handshake, as far as it can be done without what is to be read.
    pub(in crate::adapter) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let input = &mut self.input;
        let closed = self.socket.poll_side(Side::Write, cx, |driver, io| {
            // Refused only where a Close was sent already, or none can be.
            let close = CloseFrame::new(CloseCode::NORMAL, "");
            let _ = driver.endpoint_mut().close(Some(&close));
            ready!(driver.poll_flush(io))?;
            if !input.unread.bytes().is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(input.poll_receive(driver, io, 0, &mut |_| {}))?;
            Poll::Ready(written(driver.endpoint()))
        });
        if closed.is_ready() {
            // What a reader waits for may be here now.
            self.socket.wake_other(Side::Write);
        }
        closed
    }
}

impl<T> fmt::Debug for ByteStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// How much is sent as one message unless it is said.
const MESSAGE_SIZE: usize = 64 << 10;

/// What a reader gets.
struct Input {
    unread: Unread<Vec<u8>>,
    accepts_text: bool,
    /// Whether text came that is not accepted: nothing behind it is received.
    is_refused: bool,
}

impl Input {
    /// Waits until something was given to `put`, `room` bytes in all at most, or is unread, or until
    /// the end. Nothing may be unread before.
    fn poll_receive<T: Io>(
        &mut self,
        driver: &mut Driver,
        io: &mut Polled<'_, '_, T>,
        mut room: usize,
        put: &mut impl FnMut(&[u8]),
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_refused {
                let error = "text message on a connection that carries bytes";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
            let mut is_given = false;
            driver.next_data(|data| {
                if data.is_text() && !self.accepts_text {
                    self.is_refused = true;
                    return ControlFlow::Break(());
                }
                is_given |= !data.is_empty();
                let n = data.len().min(room);
                put(&data.as_bytes()[..n]);
                room -= n;
                if n < data.len() {
                    self.keep(data, n);
                }
                if room > 0 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            if self.is_refused {
                let close = CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "");
                let _ = driver.endpoint_mut().close(Some(&close));
                driver.try_flush(io)?;
            }
            if is_given {
                return Poll::Ready(Ok(()));
            }
            if !self.is_refused && !ready!(driver.poll_fill(io))? {
                return Poll::Ready(end(driver.endpoint().close_status()));
            }
        }
    }

    /// Keeps a message but for its first `taken` bytes, and copies nothing that need not be.
    fn keep(&mut self, data: Message<'_>, taken: usize) {
        self.unread = match data {
            Message::Text(Cow::Owned(text)) => Unread::new(text.into_bytes(), taken),
            Message::Binary(Cow::Owned(bytes)) => Unread::new(bytes, taken),
            lent => Unread::new(lent.as_bytes()[taken..].to_vec(), 0),
        };
    }
}

/// What the end of a connection means for a reader.
fn end(status: Option<&CloseStatus>) -> io::Result<()> {
    let Some(status) = status else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let Some(error) = status.error else {
        let (code, reason) = (status.code(), status.reason());
        if status.clean && matches!(code, CloseCode::NORMAL | CloseCode::NO_STATUS) {
            return Ok(());
        }
        let text = format!("closed with code {} {reason:?}", code.get());
        return Err(io::Error::new(io::ErrorKind::ConnectionReset, text));
    };
    let kind = match error {
        proto::Error::Eof => io::ErrorKind::UnexpectedEof,
        proto::Error::Timeout(_) => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::InvalidData,
    };
    Err(io::Error::new(kind, error))
}

/// Whether nothing that was sent is lost: what waits when a connection ends may never be written.
fn written(endpoint: &Endpoint) -> io::Result<()> {
    let waiting = endpoint.buffered_amount().max(endpoint.dropped_amount());
    if !endpoint.is_finished() || waiting == 0 {
        return Ok(());
    }
    end(endpoint.close_status())?;
    Err(io::ErrorKind::BrokenPipe.into())
}

/// Why a message cannot be sent.
fn unsent(error: SendError) -> io::Error {
    let kind = match error {
        SendError::NotOpen => io::ErrorKind::BrokenPipe,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}
