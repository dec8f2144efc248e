//! WebSockets in a loop of your own around mio's `Poll`.
//!
//! You own the `Poll`, its tokens and its loop; a [`Socket`] takes the events of its token and
//! drives its connection. The loop does three things:
//!
//! 1. it hands each event of the socket's token to [`Socket::handle_event`], and then calls
//!    [`Socket::fill`] and [`Socket::next_event`] until `fill` says `Pending`;
//! 2. it waits in `Poll::poll` no longer than the least [`Socket::timeout`], and calls `fill` of
//!    each socket whose time has come, as if an event had;
//! 3. once `fill` says `false` it deregisters the socket and drops it.
//!
//! # Edge-triggered
//!
//! mio tells of a change once. Whoever stops reading before the system said "would block" is never
//! told of what is left; so always call `fill` until `Pending`. The socket itself knows when it may
//! skip the last read: on a plain TCP or Unix stream a short read shows that the system holds no
//! more, unless the event said that the peer has ended writing too, since data and end in one edge
//! give no second event. Over other streams it reads until "would block". Writing needs no
//! registration of its own: the socket writes until "would block", and goes on at the next event
//! that says writable. Register it once, for both.
//!
//! ```no_run
//! use std::{collections::HashMap, io, sync::Arc, task::Poll::Ready, time::Duration};
//! use mio::{Events, Interest, Poll, Token, net::TcpListener};
//! use sansock::{Config, EndpointEvent, Event, adapter::mio::Socket};
//! use sansock::proto::handshake::Accept;
//!
//! # fn run() -> io::Result<()> {
//! const LISTENER: Token = Token(0);
//! let config = Arc::new(Config::default());
//! let mut poll = Poll::new()?;
//! let mut listener = TcpListener::bind("127.0.0.1:9001".parse().unwrap())?;
//! poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
//! let (mut sockets, mut next) = (HashMap::new(), 1);
//! let mut events = Events::with_capacity(1024);
//! loop {
//!     let timeout: Option<Duration> = sockets.values().filter_map(Socket::timeout).min();
//!     match poll.poll(&mut events, timeout) {
//!         Err(error) if error.kind() == io::ErrorKind::Interrupted => continue, // by a signal
//!         polled => polled?,
//!     }
//!     for event in &events {
//!         if event.token() == LISTENER {
//!             // Without descriptors left it fails, and no event says when there are: then try
//!             // again after a while.
//!             while let Ok((stream, _)) = listener.accept() {
//!                 let mut socket = Socket::accept(stream, &config);
//!                 socket.register(poll.registry(), Token(next))?;
//!                 sockets.insert(Token(next), socket);
//!                 next += 1;
//!             }
//!         } else if let Some(socket) = sockets.get_mut(&event.token()) {
//!             socket.handle_event(event);
//!         }
//!     }
//!     sockets.retain(|_, socket| {
//!         while let Ready(filled) = socket.fill() {
//!             while let Some((event, mut reply)) = socket.next_with_reply() {
//!                 let _ = match event {
//!                     EndpointEvent::Request(_) => {
//!                         reply.accept(&Accept::new()).unwrap();
//!                         Ok(())
//!                     }
//!                     EndpointEvent::Event(Event::Message(message)) => reply.send(message),
//!                     _ => Ok(()),
//!                 };
//!             }
//!             if matches!(filled, Ok(false)) {
//!                 return false;
//!             }
//!         }
//!         true
//!     });
//! }
//! # }
//! ```

#[cfg(feature = "web")]
mod dispatcher;
mod socket;
mod stream;
#[cfg(feature = "web")]
pub(in crate::adapter) mod web;

#[cfg(feature = "web")]
pub use self::{
    dispatcher::Dispatcher,
    web::{Mio, WebSocket},
};
pub use self::{socket::Socket, stream::Stream};
