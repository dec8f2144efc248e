//! Futures dropped at each of their polls, over a transport that would block at half of its calls.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use sansock::adapter::{
    self,
    polled::{Io, Socket},
};

use crate::{
    Transcript,
    adapters::{Way, block_on, config},
    transport::Faulty,
};

/// Which of all the polls of a run that had to wait is the last of its future.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts {
    /// Drop every future that waits.
    pub(crate) always: bool,
    /// Drop the future at this poll.
    pub(crate) at: usize,
    pub(crate) polls: usize,
}

/// Calls until ready; the future is dropped where the cuts say, and made anew.
macro_rules! stubborn {
    ($cuts:expr, $make:expr) => {
        'made: loop {
            let mut future = pin!($make);
            loop {
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(ready) = future.as_mut().poll(&mut cx) {
                    break 'made ready;
                }
                $cuts.polls += 1;
                if $cuts.always || $cuts.polls == $cuts.at {
                    continue 'made;
                }
            }
        }
    };
}

/// How many messages there are, plain and compressed.
const MESSAGES: usize = 4;

/// What comes of the conversation, each message of which is sent back.
pub(crate) type Run = fn(Faulty, Way, &mut Cuts, &mut Transcript);

/// The adapters that have futures, by name.
pub(crate) const ADAPTERS: [(&str, Run); 2] = [
    ("tokio", |io, way, cuts, transcript| {
        let config = small(way);
        match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let io = crate::secure::wrap(io).unwrap();
                let socket = adapter::tokio::Socket::accept(io, &config);
                converse(block_on(socket).unwrap(), cuts, transcript);
            }
            _ => {
                let socket = adapter::tokio::Socket::accept(io, &config);
                converse(block_on(socket).unwrap(), cuts, transcript);
            }
        }
    }),
    ("futures", |io, way, cuts, transcript| {
        let config = small(way);
        match way {
            #[cfg(feature = "rustls-ring")]
            Way::Tls => {
                let io = crate::secure::wrap(io).unwrap();
                let socket = adapter::futures::Socket::accept(io, &config);
                converse(block_on(socket).unwrap(), cuts, transcript);
            }
            _ => {
                let socket = adapter::futures::Socket::accept(io, &config);
                converse(block_on(socket).unwrap(), cuts, transcript);
            }
        }
    }),
];

/// So that sending has to wait for room.
fn small(way: Way) -> Arc<sansock::Config> {
    let config = Arc::unwrap_or_clone(config(way));
    Arc::new(config.high_water_mark(100).fragment_size(20_000))
}

fn converse<T: Io>(mut socket: Socket<T>, cuts: &mut Cuts, transcript: &mut Transcript) {
    stubborn!(cuts, socket.feed("fed")).unwrap();
    for _ in 0..MESSAGES {
        let message = stubborn!(cuts, socket.recv()).unwrap().unwrap();
        transcript.events.push(format!("{message:?}"));
        stubborn!(cuts, socket.send(message.clone())).unwrap();
        if message.is_text() {
            stubborn!(cuts, socket.flush()).unwrap();
        }
    }
    // The peer answers no Close: it ends.
    let status = stubborn!(cuts, socket.end()).unwrap();
    transcript.events.push(format!("{status:?}"));
}
