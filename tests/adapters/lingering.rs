//! The last Close arrives, even at a peer that is still writing (hostile 98, 99, 110).

use std::{io::Write, thread, time::Duration};

use sansock::{Config, Role};

use crate::{
    setup::{Log, everywhere, recv_all},
    wire::{BINARY, CLOSE, decode_some, frame, noise},
};

/// A peer sends what breaks the rules and goes on writing; our Close must not be destroyed by a
/// reset, which unread input would cause.
#[test]
fn hostile_110_a_peer_that_is_still_writing_receives_our_close() {
    everywhere(|setup| {
        let mut log = Log::new();
        for role in [Role::Client, Role::Server] {
            let masked = role == Role::Server;
            let config = Config::default().max_message_size(1000);
            let (mut socket, mut peer) = setup.raw(role, &config);
            let writer = thread::spawn(move || {
                // Announced too long: refused at the header, the payload is still under way.
                peer.write_all(&frame(masked, BINARY, &noise(30_000)))
                    .unwrap();
                thread::sleep(Duration::from_millis(20));
                for _ in 0..2 {
                    peer.write_all(&frame(masked, BINARY, &noise(9_000)))
                        .unwrap();
                    thread::sleep(Duration::from_millis(5));
                }
                let mut answer = Vec::new();
                let read = peer.read_to_end(&mut answer);
                (read.is_ok(), decode_some(&answer).0)
            });
            recv_all(&mut *socket, &mut log);
            drop(socket);
            let (unharmed, frames) = writer.join().unwrap();
            assert_eq!(frames, [(CLOSE, vec![0x03, 0xF1])], "{}", setup.name());
            assert!(unharmed, "{}: a reset", setup.name());
        }
        log
    });
}

/// A peer that never ends its side is not waited for longer than `linger`.
#[test]
fn hostile_108_a_peer_that_stays_is_left_after_linger() {
    everywhere(|setup| {
        let config = Config::default().linger(Duration::from_millis(50));
        let (mut socket, mut peer) = setup.raw(Role::Server, &config);
        peer.write_all(&frame(true, 0x83, b"")).unwrap();
        let mut log = Log::new();
        recv_all(&mut *socket, &mut log);
        drop(peer);
        log
    });
}
