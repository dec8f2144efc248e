//! What the handles of a `WebSocket` share with whatever drives it.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    string::String,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    vec::Vec,
};

use super::{WebSocket, events::Receiver, listener::Listener, signal::Abort, turn::Turn};
use crate::{
    adapter::Error,
    endpoint::{Endpoint, EndpointEvent},
    proto,
    web::{
        Cursor, DomError, Event, EventTarget, EventType, Failure, Outgoing, StreamCore,
        WebSocketCore,
    },
};

/// One connection: its rules, its listeners, and who is to be woken.
pub(in crate::adapter) struct Shared<R> {
    state: Mutex<State<R>>,
    /// Told of each event, and when something was written.
    pub(super) changed: Condvar,
    handles: AtomicUsize,
}

pub(in crate::adapter) struct State<R> {
    pub(in crate::adapter) core: WebSocketCore,
    /// What a `WebSocketStream` has besides.
    pub(in crate::adapter) stream: Option<StreamCore>,
    pub(super) target: EventTarget<Listener<R>>,
    pub(super) receiver: Option<Receiver>,
    /// The number of the next receiver, or of the next who waits.
    next_id: u64,
    error: Option<Arc<Error>>,
    is_started: bool,
    /// Whether `close` was fired.
    pub(super) is_over: bool,
    /// The one CONNECTING that this host may have, until this is it no more.
    turn: Option<Turn>,
    /// Whoever drives the connection.
    driver: Option<Waker>,
    /// Those who wait for a change of a `WebSocketStream`, until they are told or give up.
    pub(super) waiting: BTreeMap<u64, Waker>,
    /// Whether the endpoint was given a message since those were told.
    has_sent: bool,
    /// Whether something that the endpoint was given is not written: what has no bytes of payload
    /// too.
    has_output: bool,
    /// Whether the transport takes nothing any more, and it was not read yet how that ends.
    pub(super) is_unwritable: bool,
}

impl<R> Shared<R> {
    /// For a connection that is open already, with what was agreed on.
    pub(in crate::adapter) fn accepted(
        subprotocol: Option<&str>,
        extensions: Option<String>,
    ) -> Arc<Self> {
        Self::new(WebSocketCore::accepted(
            subprotocol.unwrap_or_default(),
            &extensions.unwrap_or_default(),
        ))
    }

    pub(in crate::adapter) fn new(core: WebSocketCore) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                core,
                stream: None,
                target: EventTarget::new(),
                receiver: None,
                next_id: 0,
                error: None,
                is_started: false,
                is_over: false,
                turn: None,
                driver: None,
                waiting: BTreeMap::new(),
                has_sent: false,
                has_output: false,
                is_unwritable: false,
            }),
            changed: Condvar::new(),
            handles: AtomicUsize::new(0),
        })
    }

    /// Locks, also after a panic: nothing of the program runs while it is locked, and what is
    /// behind it is whole between any two calls.
    ///
    /// A listener must not be dropped while it is locked: it may own the last handle.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever drives the connection.
    pub(super) fn wake(&self) {
        let driver = self.lock().driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Sees to it that this is woken.
    pub(in crate::adapter) fn register(&self, waker: &Waker) {
        let mut state = self.lock();
        let known = state.driver.as_ref();
        let is_known = known.is_some_and(|known| known.will_wake(waker));
        let old = (!is_known).then(|| state.driver.replace(waker.clone()));
        drop(state);
        // To drop a waker may be to drop its task and all that it owns.
        drop(old);
    }

    /// Lets events be fired.
    pub(super) fn start(&self) {
        self.lock().is_started = true;
        self.wake();
    }

    pub(super) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes once there is no handle any more; what waited for `start` waits for nobody.
    pub(super) fn remove_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut state = self.lock();
            // Neither a code nor a reason can be wrong.
            let _ = state.core.close(None, "");
            state.is_started = true;
            drop(state);
            self.wake();
        }
    }

    /// Closes as the program says.
    pub(super) fn close(&self, code: Option<u16>, reason: &str) -> Result<(), DomError> {
        let mut state = self.lock();
        let before = state.core.ready_state();
        state.core.close(code, reason)?;
        // "after close() was called nothing more arrives"
        if let Some(receiver) = &mut state.receiver {
            receiver.drop_messages();
        }
        if state.core.ready_state() == before {
            // Nothing is new to anybody, and who closes may be one of those who wait.
            return Ok(());
        }
        // Who waits for room to write will never have it.
        self.tell(state);
        self.wake();
        Ok(())
    }

    pub(super) fn error(&self) -> Option<Arc<Error>> {
        self.lock().error.clone()
    }

    /// Remembers why the connection failed; the first reason counts.
    pub(super) fn note_error(&self, error: Error) {
        self.lock().error.get_or_insert_with(|| Arc::new(error));
    }

    /// Fails the connection: its transport is gone or will be.
    pub(in crate::adapter) fn fail(&self, error: Error) {
        let mut state = self.lock();
        if !state.core.has_ended() {
            state.error.get_or_insert_with(|| Arc::new(error));
        }
        state.core.fail();
        let turn = state.turn.take();
        drop(state);
        drop(turn);
    }

    /// Whether it was closed while connecting.
    pub(in crate::adapter) fn is_aborted(&self) -> bool {
        self.lock().core.is_aborted()
    }

    pub(in crate::adapter) fn hold_turn(&self, turn: Turn) {
        self.lock().turn = Some(turn);
    }

    /// Whether the endpoint may be asked for events: nobody would miss them.
    pub(super) fn wants_events(&self) -> bool {
        let state = self.lock();
        let has_room = state.receiver.as_ref().is_none_or(Receiver::has_room);
        state.core.takes_events_early() || (state.is_started && has_room)
    }

    pub(super) fn next_outgoing(&self, can_send: bool) -> Option<Outgoing> {
        let mut state = self.lock();
        let outgoing = state.core.next_outgoing(can_send);
        if matches!(outgoing, Some(Outgoing::Message(_))) && state.stream.is_some() {
            state.has_sent = true;
            state.has_output = true;
        }
        outgoing
    }

    pub(super) fn has_outgoing(&self) -> bool {
        self.lock().core.has_outgoing()
    }

    /// Takes note of how much the endpoint has left to write, and whether that is anything at all.
    pub(super) fn set_unwritten(&self, bytes: usize, has_output: bool) {
        let mut state = self.lock();
        let before = (state.core.unwritten_amount(), state.has_output);
        state.core.set_unwritten(bytes as u64);
        state.has_output &= has_output;
        let has_sent = mem::take(&mut state.has_sent);
        if has_sent || (state.core.unwritten_amount(), state.has_output) < before {
            self.tell(state);
        }
    }

    /// Takes note that nothing will be written any more, although the connection has not ended.
    pub(super) fn fail_writes(&self) {
        let mut state = self.lock();
        if !mem::replace(&mut state.is_unwritable, true) {
            self.tell(state);
        }
    }

    /// Tells those who wait for a change.
    fn tell(&self, mut state: MutexGuard<'_, State<R>>) {
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        for waker in waiting.into_values() {
            waker.wake();
        }
    }

    /// Takes an event of the endpoint, and why the connection failed if it says so.
    pub(super) fn receive(&self, event: EndpointEvent<'_>, endpoint: &Endpoint) -> bool {
        let error = match &event {
            EndpointEvent::Refused(refusal) => Some(Error::Refused(refusal.clone())),
            EndpointEvent::Closed(status) => status.error.map(Error::Connection),
            _ => None,
        };
        let mut state = self.lock();
        let turn = state.turn.take();
        if let Some(error) = error {
            state.error.get_or_insert_with(|| Arc::new(error));
        }
        let received = state.core.receive(event, endpoint);
        drop(state);
        // The next one's turn: it may be woken at once.
        drop(turn);
        match received {
            Ok(()) => true,
            Err(failure) => {
                self.fail(Error::WebSocket(failure));
                false
            }
        }
    }

    /// Fires what is due, with no lock held while a listener runs; `true` once `close` was fired.
    pub(in crate::adapter) fn dispatch(self: &Arc<Self>) -> bool {
        loop {
            let mut state = self.lock();
            if state.core.is_full() {
                let error = Error::WebSocket(Failure::Full);
                state.error.get_or_insert_with(|| Arc::new(error));
            }
            if !state.is_started {
                return false;
            }
            let before = state.core.ready_state();
            let Some(event) = state.core.next_event() else {
                let is_over = state.is_over;
                if state.core.ready_state() != before {
                    // The peer closes: no event, but who waits for room to write will have none.
                    self.tell(state);
                }
                return is_over;
            };
            let mut cursor = state.target.dispatch(event.event_type());
            drop(state);
            let socket = WebSocket::attach(self);
            while let Some(listener) = self.next_listener(&mut cursor) {
                contain(|| listener.call(&socket, &event));
                contain(|| drop(listener));
            }
            self.deliver(event);
        }
    }

    /// Ends it without whoever drove it, if that is not done: listeners are not called, for there
    /// is no thread to do so.
    pub(in crate::adapter) fn abandon(&self) {
        self.fail(Error::WebSocket(Failure::Abandoned));
        // A handle may live on: not so what woke the driver, such as a task or a descriptor.
        let driver = self.lock().driver.take();
        drop(driver);
        loop {
            let event = self.lock().core.next_event();
            match event {
                Some(event) => self.deliver(event),
                None => return,
            }
        }
    }

    fn next_listener(&self, cursor: &mut Cursor) -> Option<Listener<R>> {
        self.lock().target.next(cursor)
    }

    /// Gives an event to the receiver. Nothing follows `close`, so what listeners own is let go, and
    /// what was never sent.
    fn deliver(&self, event: Event) {
        let is_last = event.event_type() == EventType::Close;
        let is_message = event.event_type() == EventType::Message;
        let mut state = self.lock();
        // It may have been closed since the event fired.
        let is_late = is_message && state.core.ready_state() != proto::State::Open;
        let unwritten = state.core.waiting_cost();
        if let Some(stream) = &mut state.stream {
            stream.receive(&event, unwritten);
        }
        let receiver = state.receiver.as_mut().filter(|_| !is_late);
        let waker = receiver.and_then(|to| to.push(event));
        let (listeners, unsent) = if is_last {
            state.is_over = true;
            (state.target.take(), state.core.take_unsent())
        } else {
            (Vec::new(), VecDeque::new())
        };
        self.tell(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        for listener in listeners {
            contain(|| drop(listener));
        }
        drop(unsent);
    }
}

impl<R> State<R> {
    /// A number that nobody has.
    pub(super) const fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Whether all that was sent is written.
    #[cfg(any(feature = "futures", feature = "tokio"))]
    pub(super) fn is_flushed(&self) -> bool {
        self.core.waiting_cost() == 0 && !self.has_output
    }
}

/// Runs what is the program's own. A panic in it is reported by the panic hook, as browsers report an
/// exception, and ends nothing else.
fn contain(call: impl FnOnce()) {
    if let Err(thrown) = catch_unwind(AssertUnwindSafe(call))
        // What was thrown may itself panic when it is dropped; what that throws is left alone.
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(thrown)))
    {
        mem::forget(again);
    }
}

impl<R> Abort for Shared<R> {
    /// Gives the opening handshake of a stream up.
    fn abort(&self, reason: &Arc<str>) {
        let mut state = self.lock();
        let stream = state.stream.as_mut();
        if stream.is_some_and(|stream| stream.abort(reason)) {
            // Neither a code nor a reason can be wrong.
            let _ = state.core.close(None, "");
            self.tell(state);
            self.wake();
        }
    }
}
