//! Events for those who would rather ask than be called.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    mem,
    task::{Context, Poll, Waker},
};

use super::WebSocket;
use crate::web::{Event, EventType};

/// How many events may wait for a receiver before reading pauses.
const MAX_WAITING: usize = 64;

/// How many bytes of messages may.
pub(super) const MAX_WAITING_BYTES: usize = 256 << 10;

/// The events of a `WebSocket`, one after the other, to the `close` event; made by
/// [`WebSocket::events`].
///
/// Reading pauses while 64 events or 256 KiB of messages wait here, so the peer is slowed down to
/// who receives. Events come here behind the listeners, and the socket's own state runs ahead of
/// those that wait: `ready_state()` may be CLOSED while messages are still to come. After
/// `close()` no message comes. What may be held is [stated](super#memory).
///
/// Over the blocking adapter it is an `Iterator`, over tokio and futures a `Stream`; over mio, ask
/// [`try_next`](Self::try_next). It keeps the socket open as any other handle does.
pub struct Events<R> {
    socket: WebSocket<R>,
    id: u64,
}

/// What a receiver has not taken.
pub(super) struct Receiver {
    id: u64,
    /// How many events may wait before reading pauses.
    limit: usize,
    events: VecDeque<Event>,
    bytes: usize,
    waker: Option<Waker>,
}

impl<R> Events<R> {
    pub(super) fn new(socket: WebSocket<R>) -> Self {
        let shared = socket.shared();
        let mut state = shared.lock();
        let receiver = Receiver::new(state.take_id(), MAX_WAITING);
        let id = receiver.id;
        let old = state.receiver.replace(receiver);
        drop(state);
        shared.changed.notify_all();
        if let Some(waker) = old.and_then(|old| old.waker) {
            waker.wake();
        }
        Self { socket, id }
    }

    /// Takes over what waits for the receiver of a stream.
    pub(super) fn one_by_one(socket: WebSocket<R>) -> Self {
        let shared = socket.shared();
        let mut state = shared.lock();
        let mut receiver = Receiver::one_by_one(state.take_id());
        let id = receiver.id;
        let waker = state.receiver.as_mut().and_then(|old| {
            receiver.events = mem::take(&mut old.events);
            receiver.bytes = old.bytes;
            old.waker.take()
        });
        let old = state.receiver.replace(receiver);
        drop(state);
        drop(old);
        shared.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        Self { socket, id }
    }

    /// The socket that the events fire at.
    pub const fn socket(&self) -> &WebSocket<R> {
        &self.socket
    }

    /// The next event if one waits; `Ready(None)` after the last.
    pub fn try_next(&mut self) -> Poll<Option<Event>> {
        self.poll_next_event(&mut Context::from_waker(Waker::noop()))
    }

    /// Waits for the next event; `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn recv(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next_event(cx)).await
    }

    /// Waits for the next event; `None` after the last.
    #[cfg(feature = "mio")]
    pub(in crate::adapter) fn next_blocking(&mut self) -> Option<Event> {
        let shared = self.socket.shared();
        let mut state = shared.lock();
        loop {
            let is_over = state.is_over;
            let receiver = state.receiver.as_mut().filter(|to| to.id == self.id)?;
            let (event, has_room_again) = receiver.pop();
            if event.is_some() || is_over {
                drop(state);
                if has_room_again {
                    shared.wake();
                }
                return event;
            }
            let waited = shared.changed.wait(state);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Waits for the next event; `None` after the last.
    pub(in crate::adapter) fn poll_next_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Event>> {
        let shared = self.socket.shared();
        let mut state = shared.lock();
        let is_over = state.is_over;
        let Some(receiver) = state.receiver.as_mut().filter(|to| to.id == self.id) else {
            return Poll::Ready(None);
        };
        let (event, has_room_again) = receiver.pop();
        if event.is_none() && !is_over {
            let old = receiver.waker.replace(cx.waker().clone());
            drop(state);
            // To drop a waker may be to drop its task and all that it owns.
            drop(old);
            return Poll::Pending;
        }
        drop(state);
        if has_room_again {
            shared.wake();
        }
        Poll::Ready(event)
    }
}

impl<R> Drop for Events<R> {
    /// Events go only to listeners again, which do not make reading pause.
    fn drop(&mut self) {
        let shared = self.socket.shared();
        let mut state = shared.lock();
        let old = state.receiver.take_if(|receiver| receiver.id == self.id);
        drop(state);
        drop(old);
        shared.wake();
    }
}

impl<R> fmt::Debug for Events<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    const fn new(id: u64, limit: usize) -> Self {
        Self {
            id,
            limit,
            events: VecDeque::new(),
            bytes: 0,
            waker: None,
        }
    }

    /// What a stream has until somebody reads it.
    pub(super) const fn one_by_one(id: u64) -> Self {
        Self::new(id, 1)
    }

    pub(super) fn has_room(&self) -> bool {
        self.events.len() < self.limit && self.bytes < MAX_WAITING_BYTES
    }

    /// Adds an event, and returns who waits for it.
    pub(super) fn push(&mut self, event: Event) -> Option<Waker> {
        // Of no interest to who reads one message at a time.
        if self.limit == 1 && matches!(event, Event::Open(_) | Event::Error(_)) {
            return None;
        }
        self.bytes += len(&event);
        self.events.push_back(event);
        self.waker.take()
    }

    pub(super) fn drop_messages(&mut self) {
        self.events
            .retain(|event| event.event_type() != EventType::Message);
        self.bytes = 0;
    }

    /// The next event, and whether taking it made room.
    fn pop(&mut self) -> (Option<Event>, bool) {
        let had_room = self.has_room();
        let event = self.events.pop_front();
        self.bytes -= event.as_ref().map_or(0, len);
        (event, !had_room && self.has_room())
    }
}

fn len(event: &Event) -> usize {
    match event {
        Event::Message(message) => message.data.as_bytes().len(),
        _ => 0,
    }
}
