//! Halves of a blocking socket, for two threads.

use std::{
    os::unix::net::UnixStream,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use sansock::{Config, Event, State, adapter::blocking, endpoint::EndpointEvent};

use crate::{EACH, Orders, SENDERS, connections_with};

type Blocking = blocking::Socket<UnixStream>;

fn blocking_pair(config: &Config) -> (Blocking, Blocking) {
    let (near, far) = UnixStream::pair().unwrap();
    let (client, server) = connections_with(config);
    (
        Blocking::from_parts(near, client, Vec::new()).unwrap(),
        Blocking::from_parts(far, server, Vec::new()).unwrap(),
    )
}

fn blocking_talk(messages: usize, payload: usize) {
    let (one, other) = blocking_pair(&Config::default());
    thread::scope(|scope| {
        for end in [one, other] {
            let (mut read, mut write) = end.into_split().unwrap();
            let (all, wait) = mpsc::channel();
            scope.spawn(move || {
                for _ in 0..messages {
                    write.send(vec![b'x'; payload]).unwrap();
                }
                write.flush().unwrap();
                wait.recv().unwrap();
                // The other end may have closed first.
                let _ = write.close(None);
            });
            scope.spawn(move || {
                for _ in 0..messages {
                    let message = read.recv().unwrap().unwrap();
                    assert_eq!(message.as_bytes().len(), payload);
                }
                all.send(()).unwrap();
                assert!(read.recv().unwrap().is_none());
                assert!(read.close_status().unwrap().clean);
            });
        }
    });
}

#[test]
fn hostile_142_blocking_halves_talk_both_ways() {
    blocking_talk(5_000, 10);
    blocking_talk(64, 1 << 20);
}

#[test]
fn hostile_142_a_blocking_reader_answers_pings_and_closes() {
    let (near, mut far) = blocking_pair(&Config::default());
    let (mut read, write) = near.into_split().unwrap();
    let reader = thread::spawn(move || read.recv());
    far.ping(b"heard").unwrap();
    while !matches!(
        far.next_event(),
        Some(EndpointEvent::Event(Event::Pong(payload))) if *payload == *b"heard"
    ) {
        assert!(far.fill().unwrap());
    }
    assert!(far.end().unwrap().clean);
    assert!(reader.join().unwrap().unwrap().is_none());
    assert_eq!(write.state(), State::Closed);
}

#[test]
fn hostile_143_either_blocking_half_may_be_dropped() {
    let (near, mut far) = blocking_pair(&Config::default());
    let (mut read, write) = near.into_split().unwrap();
    far.send("before").unwrap();
    drop(write);
    let far = thread::spawn(move || far.recv());
    assert_eq!(read.recv().unwrap(), Some("before".into()));
    assert_eq!(read.recv().unwrap(), None);
    assert_eq!(far.join().unwrap().unwrap(), None);

    let (near, mut far) = blocking_pair(&Config::default());
    let (read, mut write) = near.into_split().unwrap();
    drop(read);
    write.send("after").unwrap();
    assert_eq!(far.recv().unwrap(), Some("after".into()));
    drop(write);
    // Our Close came, and its answer goes nowhere.
    assert_eq!(far.recv().unwrap(), None);
}

#[test]
fn hostile_143_blocking_halves_are_joined_again_but_not_with_strangers() {
    let config = Config::default();
    let ((near, mut far), (stranger, _far)) = (blocking_pair(&config), blocking_pair(&config));
    far.feed("one").unwrap();
    far.send("two").unwrap();
    let (mut read, write) = near.into_split().unwrap();
    assert_eq!(read.recv().unwrap(), Some("one".into()));
    let (_other_read, other_write) = stranger.into_split().unwrap();
    let error = read.reunite(other_write).unwrap_err();
    let mut near = error.0.reunite(write).unwrap();
    assert_eq!(near.recv().unwrap(), Some("two".into()));
    near.send("three").unwrap();
    assert_eq!(far.recv().unwrap(), Some("three".into()));
}

#[test]
fn hostile_144_a_hundred_blocking_senders_keep_their_order() {
    let (near, mut far) = blocking_pair(&Config::default());
    let (mut read, mut write) = near.into_split().unwrap();
    thread::scope(|scope| {
        let (queue, queued) = mpsc::sync_channel::<String>(16);
        for sender in 0..SENDERS {
            let queue = queue.clone();
            scope.spawn(move || {
                for i in 0..EACH {
                    queue.send((sender * EACH + i).to_string()).unwrap();
                }
            });
        }
        drop(queue);
        scope.spawn(move || {
            for text in queued {
                write.send(text).unwrap();
            }
        });
        let reader = scope.spawn(move || read.recv());
        let mut orders = Orders::default();
        while let Some(message) = far.recv().unwrap() {
            orders.take(&message);
        }
        assert_eq!(orders.0, [EACH; SENDERS]);
        assert!(reader.join().unwrap().unwrap().is_none());
    });
}

/// The mark is low, and nobody reads at the other end.
#[test]
fn a_blocking_half_says_whether_a_send_would_wait() {
    let (end, _silent) = blocking_pair(&Config::default().high_water_mark(1));
    let (_read, mut write) = end.into_split().unwrap();
    assert!(write.can_send());
    write.send(vec![b'x'; 4 << 20]).unwrap(); // more than the system takes at once
    assert!(!write.can_send());
    write.close(None).unwrap();
    assert!(!write.can_send());
}

/// The read half waits with no time limit when the other half starts to close.
#[test]
fn a_blocking_reader_keeps_the_deadline_of_a_close_sent_while_it_waits() {
    let config = Config::default()
        .ping_interval(None)
        .close_timeout(Some(Duration::from_millis(100)));
    let (near, _far) = blocking_pair(&config);
    let (mut read, mut write) = near.into_split().unwrap();
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(read.recv().is_err()));
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    write.close(None).unwrap();
    let failed = wait.recv_timeout(Duration::from_secs(5));
    assert_eq!(failed, Ok(true), "after {:?}", start.elapsed());
}

/// What a send left over is written although the write half does nothing more.
#[test]
fn a_blocking_reader_writes_what_a_send_left_over_while_it_waits() {
    let config = Config::default().ping_interval(None);
    let (near, mut far) = blocking_pair(&config);
    let (mut read, mut write) = near.into_split().unwrap();
    let reader = thread::spawn(move || read.recv());
    thread::sleep(Duration::from_millis(50));
    write.send(vec![1; 1 << 20]).unwrap();
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let received = far.recv().unwrap().map(|message| message.as_bytes().len());
        done.send(received).unwrap();
        far.end()
    });
    let received = wait.recv_timeout(Duration::from_secs(5));
    assert_eq!(received, Ok(Some(1 << 20)));
    assert!(reader.join().unwrap().unwrap().is_none());
    drop(write);
}
