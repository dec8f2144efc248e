//! Listeners in the DOM's order (requirement 39), with words for callbacks.

use sansock::web::{EventTarget, EventType::*};

/// What a dispatch of `Message` calls.
fn dispatch(target: &mut EventTarget<&'static str>) -> Vec<&'static str> {
    let mut cursor = target.dispatch(Message);
    std::iter::from_fn(|| target.next(&mut cursor)).collect()
}

#[test]
fn d39_handlers_keep_the_place_of_their_first_setting() {
    let mut target = EventTarget::new();
    target.add(Message, "first", false);
    assert_eq!(target.set_handler(Message, "old"), None);
    target.add(Message, "third", false);
    assert_eq!(target.set_handler(Message, "second"), Some("old"));
    assert_eq!(target.handler(Message), Some(&"second"));
    assert_eq!(dispatch(&mut target), ["first", "second", "third"]);
}

#[test]
fn d39_a_cleared_handler_loses_its_place() {
    let mut target = EventTarget::new();
    target.set_handler(Message, "cleared");
    target.add(Message, "first", false);
    assert_eq!(target.clear_handler(Message), Some("cleared"));
    assert_eq!(target.clear_handler(Message), None);
    assert_eq!(target.handler(Message), None);
    target.set_handler(Message, "second");
    assert_eq!(dispatch(&mut target), ["first", "second"]);
}

#[test]
fn d39_the_same_callback_twice_is_once() {
    let mut target = EventTarget::new();
    assert_eq!(target.add(Message, "listener", false), None);
    assert_eq!(target.add(Message, "listener", true), Some("listener"));
    // A handler is another listener, and so is one for another event.
    target.set_handler(Message, "listener");
    assert_eq!(target.add(Close, "listener", false), None);
    assert_eq!(dispatch(&mut target), ["listener", "listener"]);
    assert_eq!(dispatch(&mut target), ["listener", "listener"]);
}

#[test]
fn d39_a_handler_is_not_removed_as_a_listener() {
    let mut target = EventTarget::new();
    target.set_handler(Message, "handler");
    assert_eq!(target.remove(Message, &"handler"), None);
    assert_eq!(dispatch(&mut target), ["handler"]);
}

#[test]
fn d39_once_is_removed_before_it_is_called() {
    let mut target = EventTarget::new();
    target.add(Message, "once", true);
    let mut cursor = target.dispatch(Message);
    assert_eq!(target.next(&mut cursor), Some("once"));
    // So it may add itself again, for the next event.
    assert_eq!(target.add(Message, "once", true), None);
    assert_eq!(target.next(&mut cursor), None);
    assert_eq!(dispatch(&mut target), ["once"]);
    assert_eq!(dispatch(&mut target), [""; 0]);
}

#[test]
fn d39_changes_during_a_dispatch() {
    let mut target = EventTarget::new();
    for name in ["first", "removed", "third"] {
        target.add(Message, name, false);
    }
    target.set_handler(Message, "replaced");
    let mut cursor = target.dispatch(Message);
    assert_eq!(target.next(&mut cursor), Some("first"));
    assert_eq!(target.remove(Message, &"removed"), Some("removed"));
    assert_eq!(target.remove(Message, &"first"), Some("first"));
    target.add(Message, "added", false);
    target.set_handler(Message, "replacing");
    assert_eq!(target.next(&mut cursor), Some("third"));
    assert_eq!(target.next(&mut cursor), Some("replacing"));
    assert_eq!(target.next(&mut cursor), None);
    assert_eq!(dispatch(&mut target), ["third", "replacing", "added"]);
}

#[test]
fn d39_events_do_not_mix() {
    let mut target = EventTarget::new();
    for (event, name) in [(Open, "open"), (Error, "error"), (Close, "close")] {
        target.add(event, name, false);
        target.set_handler(event, name);
    }
    assert_eq!(dispatch(&mut target), [""; 0]);
    assert_eq!(
        target.take(),
        ["open", "open", "error", "error", "close", "close"]
    );
}
