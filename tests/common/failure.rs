//! *Fail the WebSocket connection* (§7.1.7), looked at from all sides.

use allocation_counter::measure;
use sansock::{
    CloseCode, Config, ProtocolError, Role, SendError, State,
    proto::{Connection, Error, Instant},
};

use super::{decode, feed, frames, open};

/// What a failing connection may hold beside four times what it was given: its box for unfinished
/// things, and a Close frame.
const SMALL: u64 = 2_048;

/// What inflating makes of a little before its limit is looked at: a chunk, and one that grew.
const CHUNKS: u64 = 32 << 10;

/// Feeds `bytes` whole, one byte at a time and cut once everywhere. They must fail the connection,
/// each time with the same error, which is returned, and with `code` in the only Close frame.
pub(crate) fn expect_fail(role: Role, config: &Config, bytes: &[u8], code: u16) -> ProtocolError {
    expect_fail_with(role, config, |_, _| {}, bytes, code)
}

/// [`expect_fail`] of a connection that `prepare` did something to.
pub(crate) fn expect_fail_with(
    role: Role,
    config: &Config,
    prepare: impl Fn(&mut Connection, &mut Vec<u8>),
    bytes: &[u8],
    code: u16,
) -> ProtocolError {
    expect_fail_on(|| open(role, config), config, prepare, bytes, code)
}

/// [`expect_fail_with`] of connections like this, which have this `config`.
pub(crate) fn expect_fail_on(
    open: impl Fn() -> Connection,
    config: &Config,
    prepare: impl Fn(&mut Connection, &mut Vec<u8>),
    bytes: &[u8],
    code: u16,
) -> ProtocolError {
    let fail = |cuts: &[usize]| fail_once(open(), config, &prepare, bytes, cuts, code);
    let error = fail(&[]);
    if bytes.len() <= 1 << 16 {
        assert_eq!(
            fail(&(1..bytes.len()).collect::<Vec<_>>()),
            error,
            "one by one"
        );
    }
    let step = 1 + bytes.len() / 512;
    for cut in (0..=bytes.len()).step_by(step) {
        assert_eq!(fail(&[cut]), error, "{bytes:x?} cut at {cut}");
    }
    error
}

fn fail_once(
    mut connection: Connection,
    config: &Config,
    prepare: &impl Fn(&mut Connection, &mut Vec<u8>),
    bytes: &[u8],
    cuts: &[usize],
    code: u16,
) -> ProtocolError {
    let role = connection.role();
    let stated = config.memory_ceiling(role, connection.deflate());
    let mut out = Vec::new();
    connection.handle_timeout(Instant::ZERO, &mut out);
    prepare(&mut connection, &mut out);
    let before = out.len();

    let mut copy = bytes.to_vec();
    let mut errors = Vec::with_capacity(1);
    let heap = measure(|| {
        let mut rest = &mut copy[..];
        let mut start = 0;
        for end in cuts.iter().copied().chain([bytes.len()]) {
            let (mut input, after) = rest.split_at_mut(end - start);
            (rest, start) = (after, end);
            loop {
                match connection.receive(&mut input, &mut out) {
                    Ok(Some(_)) => assert!(errors.is_empty(), "an event after the error"),
                    Ok(None) => break,
                    Err(error) => errors.push(error),
                }
            }
        }
    });
    let [error] = errors[..] else {
        panic!("{bytes:x?} cut at {cuts:?}: exactly one error, not {errors:?}");
    };
    assert!(
        heap.bytes_max <= stated.total(),
        "{} bytes held above the stated ceiling:\n{stated}",
        heap.bytes_max
    );
    // Little was given, so little may be held, whatever the ceiling.
    let inflated = connection
        .deflate()
        .map_or(0, |_| stated.inflater + stated.assembly.min(CHUNKS));
    let little = 4 * bytes.len() as u64 + SMALL + inflated;
    assert!(
        heap.bytes_max <= little,
        "{} bytes held for {}",
        heap.bytes_max,
        bytes.len()
    );
    assert_eq!(error.close_code().get(), code, "{error:?}");

    let sent = decode(&out[before..]);
    let closes = sent.iter().filter(|frame| frame.first == 0x88).count();
    assert_eq!(closes, 1, "{error:?}: Close frames in {sent:x?}");
    let Some(close) = sent.last() else {
        unreachable!("there is one");
    };
    assert_eq!(close.parts(), (0x88, &code.to_be_bytes()[..]), "{error:?}");
    assert_eq!(close.key.is_some(), role == Role::Client);

    assert!(connection.is_finished());
    assert_eq!(connection.state(), State::Closed);
    let Some(status) = connection.close_status().cloned() else {
        panic!("{error:?}: no status");
    };
    assert!(!status.clean, "{error:?}");
    assert_eq!(status.error, Some(Error::Protocol(error)));
    assert_eq!(status.sent, Some(CloseCode::new(code)));
    assert_eq!((status.code(), status.reason()), (CloseCode::ABNORMAL, ""));

    let len = out.len();
    let later = frames(
        role,
        &[
            (0x81, b"late"),
            (0x89, b"late"),
            (0x88, b"\x03\xE8"),
            (0x83, b""),
        ],
    );
    assert_eq!(
        feed(&mut connection, &later, &mut out),
        Ok(Vec::new()),
        "later input"
    );
    connection.receive_eof();
    assert_eq!(connection.handle_timeout(super::at(86_400), &mut out), None);
    assert_eq!(connection.send("late", &mut out), Err(SendError::NotOpen));
    assert_eq!(connection.ping(b"", &mut out), Err(SendError::NotOpen));
    assert_eq!(connection.close(None, &mut out), Err(SendError::NotOpen));
    assert_eq!(
        out.len(),
        len,
        "{error:?}: something was written after the end"
    );
    assert_eq!(connection.close_status(), Some(&status), "a second ending");
    error
}
