//! Much data both ways at once: neither stops the other.

use std::sync::Arc;

use sansock::{Config, Message, proto::Connection};

use crate::{
    driven::Driven,
    setup::{Log, Transport, same, setups},
};

const MUCH: usize = 64 << 20;

fn over_tcp() -> Vec<crate::setup::Setup> {
    let mut setups = setups();
    setups.retain(|it| it.transport == Transport::Tcp);
    setups
}

/// Two peers that each send 64 MiB and flush, before either receives, both finish.
#[test]
fn two_peers_that_send_64_mib_at_once_both_finish() {
    let mut setups = setups();
    setups.retain(|it| {
        !matches!(it.transport, Transport::Unix | Transport::Memory)
            && it.client.name() == it.server.name()
    });
    same(setups, |setup| {
        let config = Config::default()
            .max_message_size(MUCH as u64)
            .max_frame_size(MUCH as u64);
        let run = |mut socket: Box<dyn Driven>, log: &mut Log| {
            socket.feed(vec![7; MUCH].into()).unwrap();
            socket.flush().unwrap();
            assert_eq!(socket.buffered_amount(), 0);
            let message = socket.recv().unwrap().unwrap();
            assert_eq!(message.len(), MUCH);
            log.push(socket.end().unwrap().clean.to_string());
        };
        setup.both(&config, run, run)
    });
}

/// The same in messages of 1 MiB, each received before the next is sent.
#[test]
fn two_peers_that_send_in_turns_both_finish() {
    same(over_tcp(), |setup| {
        let run = |mut socket: Box<dyn Driven>, log: &mut Log| {
            let message = vec![7; 1 << 20];
            for _ in 0..8 {
                socket.send(Message::from(&message)).unwrap();
                assert_eq!(socket.recv().unwrap().unwrap().len(), 1 << 20);
            }
            log.push(socket.end().unwrap().clean.to_string());
        };
        setup.both(&Config::default(), run, run)
    });
}

/// hostile 126: a sender waits for a reader that is slow, and holds no more than the mark.
#[test]
fn hostile_126_send_waits_for_a_slow_reader() {
    same(over_tcp(), |setup| {
        let (near, far) = setup.wires();
        let config = Arc::new(Config::default().high_water_mark(10_000));
        let mut client = setup
            .client
            .join(near, Connection::client(&config, [7; 32]), vec![]);
        let mut server = setup.server.join(far, Connection::server(&config), vec![]);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..5000u32 {
                    client
                        .feed(Message::from(&i.to_be_bytes().repeat(500)))
                        .unwrap();
                    assert!(client.buffered_amount() < 12_000);
                }
                client.end().unwrap();
            });
            for i in 0..5000u32 {
                let message = server.recv().unwrap().unwrap();
                assert_eq!(message.as_bytes()[..4], i.to_be_bytes());
            }
            assert!(server.recv().unwrap().is_none());
        });
        Log::new()
    });
}
