//! What the fuzz targets found, each as small as it can be.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use sansock::{
    Config, Endpoint, Part, SendError, State,
    adapter::polled::{Io, Socket},
    proto::{Connection, Instant},
};
#[cfg(feature = "deflate")]
use sansock::{
    DeflateConfig, Event, Message, Role,
    proto::{Compress, DeflateParams, ProtocolError, handshake::Negotiated},
};

/// A transport with a made-up clock that a test turns.
#[derive(Default)]
struct Script {
    input: Vec<u8>,
    now: Instant,
    /// Whether writing would block.
    is_full: bool,
    is_shut: bool,
    written_after_shutdown: usize,
}

impl Io for Script {
    type Stream = Self;

    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let len = self.input.len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Poll::Ready(Ok(len))
    }

    fn poll_read_append(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let len = self.input.len().min(limit);
        buffer.extend(self.input.drain(..len));
        Poll::Ready(Ok(len))
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_full {
            return Poll::Pending;
        }
        let len = chunks.iter().map(|chunk| chunk.len()).sum();
        if self.is_shut {
            self.written_after_shutdown += len;
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.now >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn stream(&self) -> &Self {
        self
    }

    fn stream_mut(&mut self) -> &mut Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A peer that closes and reads nothing: once its time is over and writing is shut down, what
/// still waits is not written, even if it could be by then.
#[test]
fn nothing_is_written_behind_the_end_of_writing() {
    let config = Arc::new(Config::default());
    let io = Script {
        input: b"\x88\x80\0\0\0\0".to_vec(),
        is_full: true,
        ..Script::default()
    };
    let mut socket = Socket::from_connection(io, Connection::server(&config), Vec::new());
    assert!(poll_once(socket.recv()).is_pending(), "the reply waits");
    assert!(!socket.get_ref().is_shut);

    socket.get_mut().now = Instant::ZERO + Duration::from_secs(60);
    assert!(matches!(poll_once(socket.recv()), Poll::Ready(Ok(None))));
    assert!(socket.get_ref().is_shut);

    socket.get_mut().is_full = false;
    assert!(matches!(poll_once(socket.flush()), Poll::Ready(Ok(()))));
    assert_eq!(socket.get_ref().written_after_shutdown, 0);
}

/// A message in parts whose first is cut off because the peer takes nothing: the next part, of
/// another kind, is refused because nothing can be sent, not because of its kind.
#[test]
fn a_part_behind_the_end_is_not_open() {
    let config = Arc::new(Config::default().fragment_size(64));
    let mut endpoint = Endpoint::from_connection(Connection::server(&config));
    endpoint.send_part(Part::more("x".repeat(1_000))).unwrap();
    assert!(endpoint.outbox().chunks().count() > 0);
    endpoint.handle_timeout(Instant::ZERO);
    endpoint.handle_timeout(Instant::ZERO + Duration::from_secs(60));
    assert_eq!(endpoint.state(), State::Closed);
    let sent = endpoint.send_part(Part::last(b"of another kind"));
    assert_eq!(sent, Err(SendError::NotOpen));
}

/// A compressed text message whose DEFLATE breaks off behind a byte that is not UTF-8: which of the
/// two faults is found does not depend on how the bytes were cut.
#[cfg(feature = "deflate")]
#[test]
fn a_fault_behind_another_is_never_the_first() {
    // A stored block of `FF`, and then one whose length and its complement do not match.
    let frame = *b"\xC1\x8B\0\0\0\0\x00\x01\x00\xFE\xFF\xFF\x00\x05\x00\x00\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 64),
        Err(ProtocolError::InvalidUtf8)
    );
    assert_eq!(inflated(&frame, 1, 64), Err(ProtocolError::InvalidUtf8));

    // The same byte in front of more than a message may hold.
    let frame = *b"\xC1\x89\0\0\0\0\x00\x03\x00\xFC\xFF\xFFaa\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 2),
        Err(ProtocolError::InvalidUtf8)
    );
    assert_eq!(inflated(&frame, 1, 2), Err(ProtocolError::InvalidUtf8));

    // Nothing wrong before it.
    let frame = *b"\xC1\x8B\0\0\0\0\x00\x01\x00\xFE\xFFa\x00\x05\x00\x00\x00";
    assert_eq!(
        inflated(&frame, frame.len(), 64),
        Err(ProtocolError::InvalidDeflate)
    );
    assert_eq!(inflated(&frame, 1, 64), Err(ProtocolError::InvalidDeflate));
}

/// Blocks of nothing are work for nothing: how much of it is taken is counted by the byte, so it
/// does not help that what follows in the same read gives much.
#[cfg(feature = "deflate")]
#[test]
fn hostile_088_the_work_budget_ends_at_a_byte() {
    /// A message of so many bytes of nothing and then 60,000 bytes of `a`, uncompressed.
    fn message(bytes: usize) -> Vec<u8> {
        let mut payload = b"\x00\x00\x00\xFF\xFF".repeat(bytes.div_ceil(5));
        payload.extend_from_slice(b"\x00\x60\xEA\x9F\x15");
        payload.resize(payload.len() + 60_000, b'a');
        payload.push(0);
        let mut frame = b"\xC1\xFF".to_vec();
        frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.append(&mut payload);
        frame
    }
    for most in [1, 1_000, usize::MAX] {
        // A stored block gives its first byte with the sixth.
        assert_eq!(inflated(&message(65_530), most, 1 << 20), Ok(()), "{most}");
        assert_eq!(
            inflated(&message(65_535), most, 1 << 20),
            Err(ProtocolError::InflateBudget),
            "{most}"
        );
    }
}

/// What a server makes of `frame`, in pieces of `most` bytes, with messages of at most `limit`.
#[cfg(feature = "deflate")]
fn inflated(frame: &[u8], most: usize, limit: u64) -> Result<(), ProtocolError> {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    let config = Arc::new(Config::default().max_message_size(limit));
    let mut connection = Connection::from_negotiated(Role::Server, &negotiated, &config, [0; 32]);
    for piece in frame.chunks(most) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while connection.receive(&mut input, &mut Vec::new())?.is_some() {}
    }
    Ok(())
}

/// A compressor that was given up in the middle of a message begins the next one anew.
#[cfg(feature = "deflate")]
#[test]
fn hostile_101_a_compressor_given_up_starts_anew() {
    let mut negotiated = Negotiated::default();
    negotiated.deflate = Some(DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    // What nothing makes shorter.
    let noise = common::Random::new(1).bytes(6_400);
    for level in 1..=9 {
        for mem_level in 1..=9 {
            let deflate = DeflateConfig::new().level(level).mem_level(mem_level);
            let config = Arc::new(Config::default().deflate(Some(deflate)));
            let ends = [Role::Server, Role::Client]
                .map(|role| Connection::from_negotiated(role, &negotiated, &config, [7; 32]));
            let [mut server, mut client] = ends;
            for message in [
                &noise[..],
                &[b'a'; 300],
                &noise[..500],
                &[b'b'; 300],
                &noise[..],
            ] {
                for compress in [Compress::Always, Compress::Auto] {
                    let mut out = Vec::new();
                    server
                        .send_with(message, compress.into(), &mut out)
                        .unwrap();
                    let received = client.receive(&mut &mut out[..], &mut Vec::new());
                    let message = Message::from(message);
                    assert_eq!(
                        received,
                        Ok(Some(Event::Message(message))),
                        "{level} {mem_level}"
                    );
                }
            }
        }
    }
}
