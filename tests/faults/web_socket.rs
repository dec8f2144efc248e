//! The browsers' `WebSocket` over the transport: what listeners are told, and what is left.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener},
    thread,
    time::Duration,
};

use sansock::Role;

use crate::{
    FAULTS, REQUEST, Transcript,
    adapters::Way,
    common::{close_payload, frames},
    conversation, peer, sent,
    transport::{Fault, Faulty, Layer as _},
    web::{Answer, Log, SERVERS, connect, connect_by_thread},
};

/// Checks what every socket owes its listeners, and returns whether it had a handshake.
fn is_well_told(log: &[String]) -> bool {
    let Some((close, before)) = log.split_last() else {
        return false;
    };
    assert!(
        close.starts_with("close ") && close.ends_with(" Closed"),
        "{log:?}"
    );
    let closes = before.iter().filter(|entry| entry.starts_with("close"));
    assert_eq!(closes.count(), 0, "{log:?}");
    let mut errors = before.iter().filter(|entry| entry.starts_with("error"));
    if close.starts_with("close clean") {
        assert_eq!(errors.next(), None, "{log:?}");
    } else {
        // The error comes right before, and tells nothing that `close` does not.
        assert_eq!(errors.count(), 1, "{log:?}");
        assert_eq!(
            before.last().map(String::as_str),
            Some("error Closed"),
            "{log:?}"
        );
        // What was received counts, though it could not be answered.
        let codes = [
            "close unclean 1006 \"\" Closed",
            "close unclean 1000 \"bye\" Closed",
        ];
        assert!(codes.contains(&close.as_str()), "{log:?}");
    }
    true
}

/// The messages among the events of a socket.
fn heard(log: &[String]) -> Vec<&str> {
    let is_other = |entry: &&str| {
        ["open ", "error ", "close "]
            .iter()
            .any(|it| entry.starts_with(it))
    };
    let entries = log.iter().map(String::as_str);
    entries.filter(|entry| !is_other(entry)).collect()
}

/// How many messages have their last byte among those of a peer.
fn whole_messages(mut wire: &[u8]) -> usize {
    let mut messages = 0;
    while let [first, second, rest @ ..] = wire {
        let (len, rest) = match (second & 0x7F, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [_, _, _, _, a, b, c, d, rest @ ..]) => {
                (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest)
            }
            (126 | 127, _) => break,
            (len, rest) => (usize::from(len), rest),
        };
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        let Some(after) = rest.get(key + len..) else {
            break;
        };
        messages += usize::from(first & 0x88 == 0x80);
        wire = after;
    }
    messages
}

fn is_tls(way: Way) -> bool {
    !matches!(way, Way::Plain | Way::Deflate)
}

/// A `WebSocket` over the transport with the fault at call 0, 1, 2, …
fn at_every_call_of_a_web_socket(way: Way, fault: Fault) {
    let said = conversation(way, true);
    for (name, run) in SERVERS {
        let run = |at| {
            let faulty = peer(way, !is_tls(way), at, fault);
            let log = Log::default();
            let opened = run(faulty.clone(), way, &log);
            let events = log.entries().clone();
            assert_eq!(
                is_well_told(&events),
                opened.is_ok(),
                "{name} {fault:?} at {at}"
            );
            let state = faulty.state();
            if let Some(read) = state.read.checked_sub(REQUEST.len())
                && opened.is_ok()
                && !is_tls(way)
            {
                let whole = whole_messages(&said[REQUEST.len()..][..read]);
                let heard = heard(&events).len();
                assert!(heard >= whole, "{name} {fault:?} at {at}: {events:?}");
            }
            let transcript = Transcript {
                events,
                written: state.written.clone(),
                is_shut_down: state.is_shut_down,
                ..Transcript::default()
            };
            let _valid = sent(&transcript.written);
            (transcript, state.is_hit())
        };
        let (expected, _) = run(usize::MAX);
        assert_eq!(
            expected.events.last().unwrap(),
            "close clean 1000 \"bye\" Closed"
        );
        for at in 0.. {
            let (found, is_hit) = run(at);
            let (some, all) = (heard(&found.events), heard(&expected.events));
            assert!(all.starts_with(&some), "{name} {way:?} {fault:?} at {at}");
            if fault.is_harmless() || !is_hit {
                assert!(
                    found.told() == expected.told(),
                    "{name} {way:?} {fault:?} at {at}"
                );
            }
            if !is_hit {
                assert!(at > 10, "{at} calls");
                break;
            }
        }
    }
}

#[test]
fn hostile_134_135_139_167_every_fault_at_every_call_of_a_web_socket() {
    for fault in FAULTS {
        at_every_call_of_a_web_socket(Way::Plain, fault);
    }
}

#[test]
fn hostile_134_135_139_167_every_fault_at_every_call_of_a_web_socket_with_deflate() {
    for fault in FAULTS {
        at_every_call_of_a_web_socket(Way::Deflate, fault);
    }
}

#[cfg(feature = "rustls-ring")]
#[test]
fn hostile_134_135_139_167_faults_at_every_call_below_the_tls_of_a_web_socket() {
    for fault in [
        Fault::Fail(std::io::ErrorKind::ConnectionReset),
        Fault::Wait,
        Fault::Short,
        Fault::End,
    ] {
        at_every_call_of_a_web_socket(Way::Tls, fault);
    }
}

/// Closed behind each message, and given up before the first: nothing more is told but the end.
#[test]
fn hostile_141_167_a_web_socket_given_up_behind_each_message() {
    let ways = [
        Way::Plain,
        Way::Deflate,
        #[cfg(feature = "rustls-ring")]
        Way::Tls,
    ];
    for (name, run) in SERVERS {
        for way in ways {
            let run = |log: Log| {
                let faulty = peer(way, !is_tls(way), usize::MAX, Fault::Wait);
                run(faulty.clone(), way, &log).unwrap();
                assert!(faulty.state().is_shut_down, "{name} {way:?}");
                let _valid = sent(&faulty.state().written);
                log.entries().clone()
            };
            let expected = run(Log::default());
            let all = heard(&expected);
            assert_eq!(all.len(), 4);
            for count in 0..=all.len() {
                let log = run(Log::closing_behind(count));
                assert!(is_well_told(&log), "{name} {way:?} {count}");
                assert_eq!(heard(&log), all[..count], "{name} {way:?}");
                let close = log.last().unwrap();
                assert!(close.starts_with("close clean"), "{name} {way:?}: {log:?}");
            }
        }
    }
}

/// A client's opening is a part of it: what fails there is told by the same two events.
#[test]
fn hostile_134_135_139_167_every_fault_at_every_call_of_a_web_socket_that_connects() {
    let close = close_payload(1000, b"bye");
    let said = frames(
        Role::Client,
        &[
            (0x81, b"first"),
            (0x02, b"in "),
            (0x80, b"pieces"),
            (0x88, &close),
        ],
    );
    for fault in FAULTS {
        let run = |at| {
            let answer = Answer::new(said.clone());
            let faulty = Faulty::new(Vec::new(), Some(Box::new(answer)), true, at, fault);
            let log = Log::default();
            connect(faulty.clone(), &log);
            let events = log.entries().clone();
            assert!(is_well_told(&events), "{fault:?} at {at}: {events:?}");
            let is_hit = faulty.state().is_hit();
            (events, is_hit)
        };
        let (expected, _) = run(usize::MAX);
        assert_eq!(expected.first().unwrap(), "open Open");
        assert_eq!(expected.last().unwrap(), "close clean 1000 \"bye\" Closed");
        assert_eq!(expected.len(), 4);
        for at in 0.. {
            let (found, is_hit) = run(at);
            if fault.is_harmless() || !is_hit {
                assert_eq!(found, expected, "{fault:?} at {at}");
            }
            if !is_hit {
                assert!(at > 10, "{at} calls");
                break;
            }
        }
    }
}

/// A server that ends or resets the connection behind each byte of what it has to say. What a reset
/// overtakes is lost in the system.
#[test]
fn hostile_134_139_167_a_thread_s_connection_cut_at_every_byte() {
    let close = close_payload(1000, b"bye");
    let said = frames(
        Role::Client,
        &[
            (0x81, b"first"),
            (0x02, b"in "),
            (0x80, b"pieces"),
            (0x88, &close),
        ],
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let run = |count: usize, resets: bool| {
        let log = Log::default();
        let head = thread::scope(|scope| {
            let server = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut answer = Answer::new(said.clone());
                let (mut bytes, mut written) = ([0; 512], Vec::new());
                let mut input = Vec::new();
                while input.is_empty() {
                    let n = stream.read(&mut bytes).unwrap();
                    assert!(n > 0, "the end of a request");
                    answer.take(&bytes[..n], &mut written, &mut input);
                }
                let sent = &input[..count.min(input.len())];
                stream.write_all(sent).unwrap();
                if resets {
                    let socket = socket2::SockRef::from(&stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                } else {
                    stream.shutdown(Shutdown::Write).unwrap();
                    let _ = stream.read_to_end(&mut written).unwrap();
                }
                input.len() - said.len()
            });
            connect_by_thread(&url, &log);
            server.join().unwrap()
        });
        let log = log.entries().clone();
        assert!(is_well_told(&log), "{count} {resets}");
        (log, head)
    };
    let (whole, head) = run(usize::MAX, false);
    assert_eq!(whole.last().unwrap(), "close clean 1000 \"bye\" Closed");
    let all = heard(&whole);
    assert_eq!(all.len(), 2);
    for count in 0..head + said.len() {
        let (log, _) = run(count, false);
        let messages = count.checked_sub(head).map(|n| whole_messages(&said[..n]));
        assert_eq!(heard(&log), all[..messages.unwrap_or(0)], "{count}");
        assert_eq!(log[0] == "open Open", count >= head, "{count}: {log:?}");
        assert!(
            log.last().unwrap().starts_with("close unclean 1006"),
            "{log:?}"
        );
        let (log, _) = run(count, true);
        assert!(all.starts_with(&heard(&log)), "{count}: {log:?}");
    }
}

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);
