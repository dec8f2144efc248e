//! A server's handshake receives any bytes, whole and cut, and answers what came of them.
//!
//! ```text
//!  input   flags  sizes │ most  seed │ len  name:value  │ bytes of the client …
//!          Limits       │ Cuts       │ of the answer    │
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sansock::{
    Config,
    proto::handshake::{
        Accept, AcceptError, HandshakeError, Reject, Request, ServerHandshake, accept_key,
    },
};
use sansock_fuzz::{Cuts, Limits, read_answer, read_answer_to_head};

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, sizes, most, seed, len], rest)) = data.split_first_chunk() else {
        return;
    };
    let (extra, bytes) = rest.split_at(usize::from(len).min(rest.len()));
    let config = Limits::new([flags, sizes])
        .head_config()
        .plain_requests(flags & 128 != 0);
    let whole = run(&config, &[bytes]);
    let cut = run(&config, &Cuts::new([most, seed]).pieces(bytes));
    let text = |run: &Run| {
        run.result
            .as_ref()
            .map(|it| it.as_ref().map(told))
            .map_err(|e| *e)
    };
    assert_eq!(text(&whole), text(&cut));
    assert_eq!(whole.out, cut.out);
    assert_eq!(whole.rest, cut.rest);
    answer(whole, flags, extra, bytes.starts_with(b"HEAD "));
});

struct Run {
    result: Result<Option<Request>, HandshakeError>,
    handshake: ServerHandshake,
    out: Vec<u8>,
    rest: Vec<u8>,
}

fn run(config: &Config, pieces: &[&[u8]]) -> Run {
    let mut run = Run {
        result: Ok(None),
        handshake: ServerHandshake::new(&Arc::new(config.clone())),
        out: Vec::new(),
        rest: Vec::new(),
    };
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        let result = run.handshake.receive(&mut input, &mut run.out);
        if !matches!(result, Ok(None)) {
            assert!(matches!(run.result, Ok(None)), "told twice");
            run.result = result;
        }
        let is_undecided = run.handshake.is_undecided();
        assert_eq!(is_undecided, matches!(run.result, Ok(Some(_))));
        assert!(is_undecided || input.is_empty(), "input is left");
        run.rest.extend_from_slice(input);
    }
    run
}

/// All that a request says.
fn told(request: &Request) -> (Vec<String>, Vec<Vec<u8>>) {
    let mut text = vec![
        request.method().to_owned(),
        format!("{:?}", request.version()),
        request.target().to_owned(),
        request.path().to_owned(),
        format!("{:?} {:?}", request.query(), request.host()),
        format!("{:?}", request.origin()),
    ];
    text.extend(request.subprotocols().map(String::from));
    text.extend(request.extensions().map(String::from));
    let mut values = Vec::new();
    for (name, value) in request.headers().iter() {
        text.push(name.to_owned());
        assert!(!value.contains(&b'\r') && !value.contains(&b'\n') && !value.contains(&0));
        values.push(value.to_owned());
    }
    (text, values)
}

fn answer(run: Run, flags: u8, extra: &[u8], is_head: bool) {
    let Run {
        result,
        handshake,
        mut out,
        ..
    } = run;
    let request = match result {
        Ok(Some(request)) => request,
        Ok(None) => {
            assert!(out.is_empty());
            let accepted = handshake.accept(&Accept::new(), &mut out);
            assert!(accepted.is_err() && out.is_empty(), "nothing to accept");
            return;
        }
        Err(error) => {
            // Some errors cannot be answered: there is nobody who speaks HTTP.
            if error.status().is_none() {
                assert!(out.is_empty());
            } else {
                let answer = if is_head {
                    read_answer_to_head(&out)
                } else {
                    read_answer(&out)
                };
                assert_eq!(Some(answer.status), error.status());
                assert!(answer.status >= 400);
            }
            return;
        }
    };
    assert!(out.is_empty());
    assert_eq!(request.method(), if is_head { "HEAD" } else { "GET" });
    assert!(request.is_websocket() || flags & 128 != 0);
    let colon = extra.iter().position(|byte| *byte == b':');
    let (name, value) = extra.split_at(colon.unwrap_or(extra.len()));
    let name = String::from_utf8_lossy(name);
    let value = value.strip_prefix(b":").unwrap_or(value);
    if flags & 1 == 0 {
        let chosen = request.subprotocols().last();
        let mut accept = Accept::new();
        if let Some(chosen) = chosen {
            accept = accept.subprotocol(chosen);
        }
        if colon.is_some() {
            accept = accept.header(&name, value);
        } else if flags & 2 != 0 {
            accept = accept.subprotocol(&name);
        }
        if request.is_websocket() {
            accepted(&request, handshake, &accept, &mut out);
        } else {
            let elsewhere = request.answer(&accept).map(drop);
            assert_eq!(elsewhere, Err(AcceptError::NotWebSocket));
            let (_, error) = handshake.accept(&accept, &mut out).expect_err("none");
            assert_eq!(error, AcceptError::NotWebSocket);
            assert!(out.is_empty());
        }
    } else {
        let text = String::from_utf8_lossy(value);
        let status = u16::from(flags >> 1 & 7) * 100 + u16::from(flags & 16 != 0) * 4;
        let mut reject = Reject::new(status);
        if flags & 32 != 0 {
            reject = reject.reason(&text);
        }
        if flags & 64 != 0 {
            reject = reject.header(&name, value);
        }
        if flags & 128 != 0 {
            reject = reject.body(extra);
        }
        rejected(handshake, &reject, status, &mut out, is_head);
    }
}

fn accepted(request: &Request, handshake: ServerHandshake, accept: &Accept<'_>, out: &mut Vec<u8>) {
    let elsewhere = request.answer(accept);
    match handshake.accept(accept, out) {
        Ok((connection, negotiated)) => {
            let (headers, same) = elsewhere.expect("both or none");
            assert_eq!(negotiated, same);
            assert_eq!(connection.subprotocol(), negotiated.subprotocol.as_deref());
            let answer = read_answer(out);
            assert_eq!((answer.status, answer.body), (101, &b""[..]));
            let key = request.headers().get("sec-websocket-key").expect("a key");
            assert_eq!(
                answer.only("sec-websocket-accept"),
                Some(&accept_key(key)[..])
            );
            assert_eq!(answer.only("upgrade"), Some(&b"websocket"[..]));
            assert_eq!(answer.only("connection"), Some(&b"Upgrade"[..]));
            assert_eq!(
                answer.only("sec-websocket-protocol"),
                negotiated.subprotocol.as_deref().map(str::as_bytes)
            );
            let fields = headers
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.trim_ascii()));
            assert!(fields.eq(answer.headers.iter().copied()));
        }
        Err((handshake, error)) => {
            assert_eq!(elsewhere.err(), Some(error));
            assert!(out.is_empty() && handshake.is_undecided(), "as it was");
            let (_, negotiated) = handshake.accept(&Accept::new(), out).expect("plain");
            assert_eq!(negotiated.subprotocol, None);
            assert_eq!(read_answer(out).status, 101);
        }
    }
}

fn rejected(
    handshake: ServerHandshake,
    reject: &Reject<'_>,
    status: u16,
    out: &mut Vec<u8>,
    is_head: bool,
) {
    match handshake.reject(reject, out) {
        Ok(()) if is_head => {
            let answer = read_answer_to_head(out);
            assert_eq!((answer.status, answer.body), (status, &b""[..]));
        }
        Ok(()) => assert_eq!(read_answer(out).status, status),
        Err((handshake, _)) => {
            assert!(out.is_empty() && handshake.is_undecided(), "as it was");
            handshake.reject(&Reject::new(403), out).expect("plain");
            assert_eq!(read_answer(out).status, 403);
        }
    }
}
