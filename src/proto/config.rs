//! Limits and timeouts, each with the reason for its default.

use core::time::Duration;

use super::deflate::DeflateConfig;
#[cfg(feature = "deflate")]
use super::deflate::Pool;

/// What a connection may cost and how long it may take. Connections share one through an `Arc`.
///
/// Every limit is finite unless you lift it. Any value is safe: a limit of 0 refuses everything it
/// limits, the greatest value of its type refuses nothing, and nothing overflows in between. A
/// timeout or an interval of `None` never passes. Sections are those of RFC 6455.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use sansock::Config;
///
/// let config = Arc::new(
///     Config::default().max_message_size(1 << 20).ping_interval(Some(Duration::from_secs(15))),
/// );
/// # let _ = config;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    pub(crate) max_message_size: u64,
    pub(crate) max_frame_size: u64,
    pub(crate) max_fragments: u32,
    pub(crate) streaming: bool,
    pub(crate) control_budget: Budget,
    pub(crate) tiny_budget: Budget,
    pub(crate) high_water_mark: usize,
    pub(crate) fragment_size: usize,
    pub(crate) max_head_size: usize,
    pub(crate) max_request_line_size: usize,
    pub(crate) max_headers: usize,
    pub(crate) max_refusal_body_size: usize,
    pub(crate) plain_requests: bool,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) pong_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) message_timeout: Option<Duration>,
    pub(crate) min_message_rate: u32,
    pub(crate) close_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) linger: Duration,
    pub(crate) counters: bool,
    pub(crate) deflate: Option<DeflateConfig>,
    #[cfg(feature = "deflate")]
    pub(super) pool: Pool,
}

/// A token bucket: how many frames of a kind may come at once, and how many each second after.
///
/// Every data message gives 16 tokens back as well, so that a busy connection is never punished for
/// the pings between its messages. Budgets are off until `handle_timeout` was first called, since
/// without a clock they could only fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Frames that may come at once.
    pub burst: u32,
    /// Frames each second after that; 0 leaves only what data messages give back.
    pub per_second: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // The largest message of the Autobahn suite. Peers choose 64 MiB (tungstenite) or
            // 16 KiB (uWebSockets); what matters is that one connection cannot fill a server.
            max_message_size: 16 << 20,
            // A frame may be the whole message.
            max_frame_size: 16 << 20,
            // Autobahn 9.3.1 sends 4 MiB in 65,536 frames; twice that. A fragment costs no memory
            // of its own, so this bounds time only.
            max_fragments: 131_072,
            streaming: false,
            // A ping for each message is fine, a thousand for none is a flood.
            control_budget: Budget {
                burst: 1_024,
                per_second: 128,
            },
            // Fragments below 32 bytes: nobody needs many, and each costs a header's work.
            tiny_budget: Budget {
                burst: 8_192,
                per_second: 2_048,
            },
            // What a peer that reads nothing can make us hold, and what is written at once to one
            // that reads: a larger batch saves few further system calls.
            high_water_mark: 256 << 10,
            // A Pong waits for one such frame at most. Below 16 KiB headers begin to cost.
            fragment_size: 1 << 20,
            // Browsers send under 2 KiB; cookies may add 8. Node allows 16 KiB, nginx 32.
            max_head_size: 16 << 10,
            // nginx and Apache stop at 8 KiB.
            max_request_line_size: 8 << 10,
            // Apache and hyper allow 100.
            max_headers: 100,
            // Enough for the error page a proxy sends.
            max_refusal_body_size: 64 << 10,
            // Who serves nothing else need not think of them.
            plain_requests: false,
            // What slow mobile links need, times three.
            handshake_timeout: Some(Duration::from_secs(10)),
            // Below the 60 s after which common proxies drop a silent connection.
            ping_interval: Some(Duration::from_secs(30)),
            pong_timeout: Some(Duration::from_secs(20)),
            // Pings tell the dead from the quiet already; set this to shed the quiet as well.
            idle_timeout: None,
            message_timeout: Some(Duration::from_secs(30)),
            // 16 MiB then may take four and a half hours: slow links pass, silence does not.
            min_message_rate: 1_024,
            // One round trip is enough; a dead peer costs no longer.
            close_timeout: Some(Duration::from_secs(5)),
            // As long as a keep-alive takes to notice a dead peer.
            write_timeout: Some(Duration::from_secs(30)),
            linger: Duration::from_secs(1),
            counters: false,
            // It trades time for bytes, and is a risk beside secrets (RFC 7692 §8); and a feature
            // that some other crate enables must not change what this one's users send.
            deflate: None,
            #[cfg(feature = "deflate")]
            pool: Pool::default(),
        }
    }
}

impl Config {
    /// The longest message to receive, in bytes (§10.4); longer ones fail with close code 1009.
    ///
    /// Default 16 MiB. Checked against each frame's announced length before any of it is stored; a
    /// compressed message is as long as what it inflates to, and checked as that is made.
    #[must_use]
    pub const fn max_message_size(mut self, bytes: u64) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// The longest frame to receive, in bytes of payload (§10.4); longer ones fail with 1009.
    ///
    /// Default 16 MiB. Checked at the header, before any payload.
    #[must_use]
    pub const fn max_frame_size(mut self, bytes: u64) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// The most frames one message may come in, empty ones counted; more fail with 1008.
    ///
    /// Default 131,072. A fragment costs time, not memory.
    #[must_use]
    pub const fn max_fragments(mut self, frames: u32) -> Self {
        self.max_fragments = frames;
        self
    }

    /// Whether a message that does not come whole, or is compressed, is handed out in parts as they
    /// come ([`Event::Part`](super::Event::Part)) instead of being gathered. Default off.
    ///
    /// With it no payload is kept, but for a part of a compressed message while it is inflated;
    /// [`max_message_size`](Self::max_message_size) still holds.
    #[must_use]
    pub const fn streaming(mut self, streaming: bool) -> Self {
        self.streaming = streaming;
        self
    }

    /// How many control frames the peer may send (§5.5); more fail with 1008.
    ///
    /// Default 1,024 at once and 128 each second.
    #[must_use]
    pub const fn control_budget(mut self, budget: Budget) -> Self {
        self.control_budget = budget;
        self
    }

    /// How many fragments of fewer than 32 bytes the peer may send; more fail with 1008. Whole
    /// messages and the last fragment of one do not count.
    ///
    /// Default 8,192 at once and 2,048 each second.
    #[must_use]
    pub const fn tiny_budget(mut self, budget: Budget) -> Self {
        self.tiny_budget = budget;
        self
    }

    /// How many bytes may wait to be written before sending must wait and before only the latest
    /// Ping is answered (§5.5.3). Default 256 KiB; 0 counts as 1.
    #[must_use]
    pub const fn high_water_mark(mut self, bytes: usize) -> Self {
        self.high_water_mark = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// The frame size in which a queued payload above 64 KiB is sent, so that a Pong can pass
    /// between two frames (§5.4); what must be copied or compressed is sent 64 KiB at a time at the
    /// most. Default 1 MiB: each frame is a write, and over 8 Mbit/s a Pong is a second late at
    /// worst. 0 counts as 1. Fragments that are below 32 bytes, or become so compressed, count
    /// against the peer's [`tiny_budget`](Self::tiny_budget).
    #[must_use]
    pub const fn fragment_size(mut self, bytes: usize) -> Self {
        self.fragment_size = bytes;
        self
    }

    /// The longest head of a handshake's request or response, in bytes up to and with the blank
    /// line. Default 16 KiB; a longer request is refused with 431.
    #[must_use]
    pub const fn max_head_size(mut self, bytes: usize) -> Self {
        self.max_head_size = bytes;
        self
    }

    /// The longest request line, in bytes. Default 8 KiB; a longer one is refused with 414.
    #[must_use]
    pub const fn max_request_line_size(mut self, bytes: usize) -> Self {
        self.max_request_line_size = bytes;
        self
    }

    /// The most header lines in a handshake's head. Default 100; more are refused with 431.
    #[must_use]
    pub const fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }

    /// How much of the body of a refusal a client keeps, in bytes. Default 64 KiB.
    #[must_use]
    pub const fn max_refusal_body_size(mut self, bytes: usize) -> Self {
        self.max_refusal_body_size = bytes;
        self
    }

    /// Whether a server is handed requests that ask for no WebSocket, to serve a page on the same
    /// port: a GET or HEAD of HTTP/1.1 without a body, whose `Upgrade` does not list `websocket`
    /// and which has no `Sec-WebSocket-Key`. Default off: they are answered with 426, and a HEAD
    /// with 405.
    ///
    /// Such a [`Request`](super::handshake::Request) says no to
    /// [`is_websocket`](super::handshake::Request::is_websocket) and is answered by a
    /// [`Reject`](super::handshake::Reject) of whatever status, 200 for one; then the connection
    /// ends. All limits of a head hold.
    #[must_use]
    pub const fn plain_requests(mut self, plain_requests: bool) -> Self {
        self.plain_requests = plain_requests;
        self
    }

    /// How long the opening handshake may take, TLS with it, a server's decision not counted. Default
    /// 10 s. What comes before, resolving a name and connecting, takes as long as the system lets it.
    /// A refusal whose body has not ended by then is one all the same.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// After how long a silence of the peer it is sent a Ping (§5.5.2). Default 30 s.
    #[must_use]
    pub const fn ping_interval(mut self, interval: Option<Duration>) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How long after such a Ping something must be heard, be it any complete frame or a piece of
    /// a message; else the connection is closed with 1011. Default 20 s.
    #[must_use]
    pub const fn pong_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.pong_timeout = timeout;
        self
    }

    /// After how long without data in either direction, be it whole messages or pieces of one, the
    /// connection is closed with 1001; what waits in an `Endpoint` counts again while it is taken.
    /// Default `None`: never.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long a message (or a frame that a read cut) may stay unfinished, beside the time that
    /// [`min_message_rate`](Self::min_message_rate) grants for the bytes that came; later it fails
    /// with 1008. Default 30 s.
    #[must_use]
    pub const fn message_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// The bytes of an unfinished message that earn it one second more. Default 1,024; with 0 they
    /// earn nothing.
    #[must_use]
    pub const fn min_message_rate(mut self, bytes_per_second: u32) -> Self {
        self.min_message_rate = bytes_per_second;
        self
    }

    /// How long the closing handshake may take once our Close frame is written to the output
    /// (§7.1.1). Default 5 s.
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// How long the peer may take none of what waits to be written; then the connection ends with
    /// 1008. Default 30 s. Kept by the `Endpoint`, which owns its output.
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Whether permessage-deflate is offered, and accepted where it is offered (RFC 7692). Default
    /// off: no message is compressed unless both ends ask for it.
    ///
    /// [`Accept::deflate`](super::handshake::Accept::deflate) overrides it for one connection.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, config: Option<DeflateConfig>) -> Self {
        self.deflate = config;
        self
    }

    /// Whether [`Counters`](super::Counters) are kept: off by default, since each connection then
    /// costs some 300 bytes, and each message received some nanoseconds more.
    #[must_use]
    pub const fn counters(mut self, counters: bool) -> Self {
        self.counters = counters;
        self
    }

    /// How long an adapter reads on and discards after the end, so that the last Close frame is
    /// not destroyed on its way by a reset (§7.1.1). Default 1 s.
    #[must_use]
    pub const fn linger(mut self, duration: Duration) -> Self {
        self.linger = duration;
        self
    }
}
