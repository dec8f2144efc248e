//! Listeners in the DOM's order (DOM §2.7, HTML §8.1.8.1).

use alloc::vec::Vec;

use super::EventType;

/// The listeners of one object. `C` is a callback; two that are equal are the same one.
///
/// Calling is the caller's part, so that it can be done with no lock held:
///
/// ```
/// use sansock::web::{EventTarget, EventType};
///
/// let mut target = EventTarget::new();
/// target.add(EventType::Open, "first", false);
/// target.set_handler(EventType::Open, "onopen");
/// target.add(EventType::Open, "third", true);
///
/// let mut cursor = target.dispatch(EventType::Open);
/// let mut called = Vec::new();
/// while let Some(callback) = target.next(&mut cursor) {
///     called.push(callback);
/// }
/// assert_eq!(called, ["first", "onopen", "third"]);
/// ```
#[derive(Clone, Debug)]
pub struct EventTarget<C> {
    entries: Vec<Entry<C>>,
    next_id: u64,
}

#[derive(Clone, Debug)]
struct Entry<C> {
    /// Ascending: the order in which they are called.
    id: u64,
    event: EventType,
    callback: C,
    once: bool,
    /// Whether this is the event's `on*` slot.
    is_handler: bool,
}

/// How far the listeners of one event have been called.
#[derive(Debug)]
pub struct Cursor {
    event: EventType,
    /// The least id that has not been looked at.
    from: u64,
    /// The least id that was added after the event fired.
    until: u64,
}

impl<C> EventTarget<C> {
    /// No listeners.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            next_id: 0,
        }
    }

    /// Sets the one `on*` handler of an event, and returns the one it replaces. A new one is called
    /// where it was first set, one that replaces another in that one's place.
    pub fn set_handler(&mut self, event: EventType, callback: C) -> Option<C> {
        let mut handlers = self.entries.iter_mut();
        let old = handlers.find(|entry| entry.is_handler && entry.event == event);
        if let Some(entry) = old {
            return Some(core::mem::replace(&mut entry.callback, callback));
        }
        self.push(event, callback, false, true);
        None
    }

    /// Clears the `on*` handler of an event, and returns it; one set later is a new one.
    pub fn clear_handler(&mut self, event: EventType) -> Option<C> {
        let mut entries = self.entries.iter();
        let at = entries.position(|entry| entry.is_handler && entry.event == event)?;
        Some(self.entries.remove(at).callback)
    }

    /// The handler of an event.
    #[must_use]
    pub fn handler(&self, event: EventType) -> Option<&C> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.is_handler && entry.event == event)?;
        Some(&entry.callback)
    }

    /// Begins to call the listeners of an event: ask [`next`](Self::next) for them.
    #[must_use]
    pub const fn dispatch(&self, event: EventType) -> Cursor {
        Cursor {
            event,
            from: 0,
            until: self.next_id,
        }
    }

    /// Takes all listeners out.
    pub fn take(&mut self) -> Vec<C> {
        let entries = core::mem::take(&mut self.entries);
        entries.into_iter().map(|entry| entry.callback).collect()
    }

    fn push(&mut self, event: EventType, callback: C, once: bool, is_handler: bool) {
        self.entries.push(Entry {
            id: self.next_id,
            event,
            callback,
            once,
            is_handler,
        });
        self.next_id += 1;
    }
}

impl<C: Clone + PartialEq> EventTarget<C> {
    /// Adds a listener, which is called once at most if `once`. The same callback a second time
    /// for the same event changes nothing, and is given back.
    pub fn add(&mut self, event: EventType, callback: C, once: bool) -> Option<C> {
        if self.position(event, &callback).is_some() {
            return Some(callback);
        }
        self.push(event, callback, once, false);
        None
    }

    /// Removes a listener, and returns it if it was there.
    pub fn remove(&mut self, event: EventType, callback: &C) -> Option<C> {
        let at = self.position(event, callback)?;
        Some(self.entries.remove(at).callback)
    }

    /// The next listener to call. One added after the event fired is not called for it, nor is one
    /// that was removed; one that is called only once is removed before that.
    pub fn next(&mut self, cursor: &mut Cursor) -> Option<C> {
        let at = self.entries.iter().position(|entry| {
            entry.event == cursor.event && (cursor.from..cursor.until).contains(&entry.id)
        })?;
        let entry = self.entries.get(at)?;
        cursor.from = entry.id + 1;
        if entry.once {
            return Some(self.entries.remove(at).callback);
        }
        Some(entry.callback.clone())
    }

    fn position(&self, event: EventType, callback: &C) -> Option<usize> {
        self.entries.iter().position(|entry| {
            !entry.is_handler && entry.event == event && entry.callback == *callback
        })
    }
}

impl<C> Default for EventTarget<C> {
    fn default() -> Self {
        Self::new()
    }
}
