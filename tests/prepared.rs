//! A message framed once and sent to many.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

mod common;

use allocation_counter::measure;
use common::{ROLES, decode, open, open_default};
use sansock::{
    Config, Message, Role,
    proto::{Connection, Prepared},
};

fn messages() -> Vec<Message<'static>> {
    let mut messages: Vec<Message<'static>> = vec!["".into(), "text 水".into(), b"\xFF\x00".into()];
    messages.extend([125, 126, 65_535, 65_536].map(|len| Message::from(vec![7; len])));
    messages
}

#[test]
fn clause_096_it_is_the_frame_that_send_would_make() {
    for message in messages() {
        let prepared = Prepared::new(&message);
        assert_eq!(prepared.message(), message);
        for role in ROLES {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            open_default(role).send(&message, &mut one).unwrap();
            open_default(role)
                .send_prepared(&prepared, &mut other)
                .unwrap();
            assert!(one == other, "{role:?} {message:?}");
        }
    }
}

#[test]
fn clause_069_a_client_masks_each_one_with_a_key_of_its_own() {
    let prepared = Prepared::new("news");
    let mut ws = open_default(Role::Client);
    let mut out = Vec::new();
    for _ in 0..100 {
        ws.send_prepared(&prepared, &mut out).unwrap();
    }
    let sent = decode(&out);
    assert!(sent.iter().all(|frame| frame.parts() == (0x81, b"news")));
    let mut keys: Vec<_> = sent.iter().map(|frame| frame.key.unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 100);
}

#[test]
fn a_thousand_servers_share_one_payload() {
    let prepared = Prepared::new(vec![7; 100_000]);
    let mut servers: Vec<Connection> = (0..1_000)
        .map(|_| open(Role::Server, &Config::default()))
        .collect();
    let mut out = Vec::with_capacity(200_000);
    let heap = measure(|| {
        let shared = prepared.clone();
        for server in &mut servers {
            out.clear();
            server.send_prepared(&shared, &mut out).unwrap();
        }
    });
    assert_eq!(heap.count_total, 0, "{heap:?}");
}

#[test]
fn text_stays_text_and_binary_stays_binary() {
    assert_eq!(Prepared::new("a").message(), Message::from("a"));
    assert_eq!(Prepared::new(b"a").message(), Message::from(b"a"));
    assert_eq!(
        Prepared::new(String::from("ß")).message().as_text(),
        Some("ß")
    );
    assert_eq!(Prepared::new(vec![0xC3]).message().as_text(), None);
}
