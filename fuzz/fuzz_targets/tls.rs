//! A stream of TLS over a transport that does its worst, with a live peer behind it.
//!
//! What is read is a prefix of what the peer said, and what the peer hears one of what was written,
//! whatever becomes of each call and of a byte of the records; where nothing went wrong, all of it.
//! No call is made for ever, and the end is told only where the peer said so.
//!
//! ```text
//!  input   flags  spoilt, 2 bytes  calls  ops │ a verdict a call │ an operation each │ what the peer says …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    rc::Rc,
    sync::{Arc, LazyLock},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use sansock::adapter::{
    blocking::Stream,
    tls::{
        TlsAcceptor, TlsConnector, TlsStream,
        rustls::{
            ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig,
            ServerConnection, client::Resumption, crypto::ring, pki_types::PrivateKeyDer,
        },
    },
};
use sansock_fuzz::{
    payload,
    script::{Verdict, payload_len, verdict},
};

fuzz_target!(|data: &[u8]| {
    let Some((&[flags, high, low, calls, ops], rest)) = data.split_first_chunk() else {
        return;
    };
    let (calls, rest) = rest.split_at(usize::from(calls).min(rest.len()));
    let (ops, says) = rest.split_at(usize::from(ops).min(rest.len()));
    let is_client = flags & 1 == 0;
    let (client, server) = &*CONFIGS;
    let peer: Connection = if is_client {
        ServerConnection::new(Arc::clone(server))
            .expect("valid")
            .into()
    } else {
        let name = HOST.try_into().expect("a name");
        ClientConnection::new(Arc::clone(client), name)
            .expect("valid")
            .into()
    };
    let wire = Wire(Rc::new(RefCell::new(State {
        script: calls.to_vec(),
        at: 0,
        lies: flags & 2 != 0,
        is_faulty: false,
        lied: false,
        is_deaf: false,
        ended: false,
        calls: 0,
        most_calls: 0,
        spoilt: (flags & 4 != 0).then(|| u16::from_be_bytes([high, low]).into()),
        peer,
        records: VecDeque::new(),
        says: says.to_vec(),
        closes: flags & 8 != 0,
        has_said: false,
        heard: Vec::new(),
    })));
    let stream = if is_client {
        TlsConnector::from(Arc::clone(client)).wrap(wire.clone(), HOST)
    } else {
        TlsAcceptor::from(Arc::clone(server)).wrap(wire.clone())
    };
    let mut subject = Subject {
        stream: stream.expect("valid"),
        wire,
        read: Vec::new(),
        written: Vec::new(),
        is_over: false,
        is_shut: false,
        has_bad_records: flags & 6 != 0,
    };
    for op in ops.chunks_exact(2) {
        subject.act(op[0], op[1]);
    }
    subject.finish();
});

const HOST: &str = "example.com";

/// The most calls that one operation may make beside those that the script decides.
const CALLS: usize = 200;

/// The most turns until the end.
const TURNS: usize = 1_000;

static CONFIGS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = LazyLock::new(|| {
    let identity = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("valid");
    let certificate = identity.cert.der().clone();
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let provider = Arc::new(ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they match");
    server.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(server))
});

struct Subject {
    stream: TlsStream<Wire>,
    wire: Wire,
    read: Vec<u8>,
    written: Vec<u8>,
    is_over: bool,
    is_shut: bool,
    /// Whether the records that come may be no records.
    has_bad_records: bool,
}

impl Subject {
    fn act(&mut self, op: u8, how: u8) {
        self.wire.begin();
        match op & 7 {
            0..3 => self.read(payload_len(how)),
            3 | 4 => {
                let message = payload(false, payload_len(how), op);
                if let Ok(n) = self.stream.write(message.as_bytes()) {
                    assert!(!self.is_shut || n == 0, "taken behind the end");
                    self.written.extend_from_slice(&message.as_bytes()[..n]);
                }
            }
            5 => drop(self.stream.flush()),
            // Behind close_notify a record that is none runs into an assertion of rustls, which is
            // there in debug builds only (rustls issue 959, open with 0.23.46).
            6 if !self.has_bad_records => {
                self.is_shut = true;
                // A peer that is told so inside the handshake never hears what waits for its end.
                self.wire.0.borrow_mut().is_faulty |= self.stream.connection().is_handshaking();
                let _ = self.stream.shutdown_write();
            }
            _ => self.read(0),
        }
        self.check();
    }

    fn read(&mut self, len: usize) {
        let mut buffer = vec![0; len];
        match self.stream.read(&mut buffer) {
            Ok(n) => {
                assert!(!self.is_over || n == 0, "bytes behind the end");
                self.read.extend_from_slice(&buffer[..n]);
                self.is_over |= n == 0 && len > 0;
            }
            Err(error) => {
                let passes = matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::TimedOut
                );
                assert!(!self.is_over || passes, "{error} behind the end");
            }
        }
    }

    fn check(&self) {
        let state = self.wire.0.borrow();
        if self.is_over {
            assert!(
                state.has_said && state.closes,
                "an end that the peer did not tell"
            );
        }
        if !state.lied {
            assert!(state.says.starts_with(&self.read), "other bytes were read");
            assert!(
                self.written.starts_with(&state.heard),
                "other bytes were heard"
            );
        }
    }

    fn finish(mut self) {
        for _ in 0..TURNS {
            self.wire.begin();
            let _ = self.stream.flush();
            self.read(40_000);
            self.check();
            let state = self.wire.0.borrow();
            let all = self.read == state.says && self.written == state.heard;
            if state.is_faulty || all && self.is_over == state.closes {
                return;
            }
        }
        let state = self.wire.0.borrow();
        panic!(
            "{} of {} read, {} of {} heard, {} of {} told",
            self.read.len(),
            state.says.len(),
            state.heard.len(),
            self.written.len(),
            self.is_over,
            state.closes,
        );
    }
}

/// A transport, and the peer at its other end.
#[derive(Clone)]
struct Wire(Rc<RefCell<State>>);

struct State {
    script: Vec<u8>,
    at: usize,
    lies: bool,
    /// Whether something went wrong that TLS cannot get over.
    is_faulty: bool,
    lied: bool,
    /// Whether the peer has failed.
    is_deaf: bool,
    ended: bool,
    calls: usize,
    most_calls: usize,
    /// How many bytes of records come before the one that is changed.
    spoilt: Option<usize>,
    peer: Connection,
    /// What it wrote and we have not read.
    records: VecDeque<u8>,
    says: Vec<u8>,
    /// Whether it says that it has said all.
    closes: bool,
    has_said: bool,
    heard: Vec<u8>,
}

impl Wire {
    fn begin(&self) {
        let mut state = self.0.borrow_mut();
        state.most_calls = state.calls + 8 * (state.script.len() - state.at) + CALLS;
    }
}

impl State {
    fn call(&mut self) -> Verdict {
        self.calls += 1;
        assert!(self.calls <= self.most_calls, "a busy loop");
        let byte = self.script.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        match byte.map_or(Verdict::All, verdict) {
            Verdict::Lie if !self.lies => Verdict::All,
            other => other,
        }
    }

    fn fail<T>(&mut self, kind: ErrorKind) -> io::Result<T> {
        self.is_faulty |= !matches!(
            kind,
            ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::TimedOut
        );
        Err(kind.into())
    }

    /// Lets the peer go on.
    fn turn(&mut self) {
        if !self.peer.is_handshaking() && !self.has_said {
            self.has_said = true;
            self.peer.set_buffer_limit(None);
            self.peer.writer().write_all(&self.says).expect("no limit");
            if self.closes {
                self.peer.send_close_notify();
            }
        }
        let mut records = Vec::new();
        while self.peer.wants_write() {
            self.peer.write_tls(&mut records).expect("a vector");
        }
        for byte in records {
            let is_spoilt = self.spoilt == Some(0);
            self.is_faulty |= is_spoilt;
            self.spoilt = self.spoilt.and_then(|before| before.checked_sub(1));
            self.records
                .push_back(if is_spoilt { byte ^ 1 } else { byte });
        }
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        // Behind a gap or a fault it hears nothing.
        while !self.lied && !self.is_deaf && !bytes.is_empty() {
            match self.peer.read_tls(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
            self.is_deaf = self.peer.process_new_packets().is_err();
            self.is_faulty |= self.is_deaf;
            let _ = self.peer.reader().read_to_end(&mut self.heard);
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        state.turn();
        let all = state.records.len().min(buffer.len());
        let (len, said) = match state.call() {
            _ if state.ended => (0, 0),
            Verdict::Pending => return state.fail(ErrorKind::WouldBlock),
            Verdict::Error(kind) => return state.fail(kind),
            Verdict::End => {
                (state.ended, state.is_faulty) = (true, true);
                (0, 0)
            }
            Verdict::Some(n) => (all.min(n), all.min(n)),
            Verdict::Lie => {
                (state.lied, state.is_faulty) = (true, true);
                (all, buffer.len() + 1)
            }
            // The peer waits for us, or for nothing.
            Verdict::All if all == 0 => return state.fail(ErrorKind::WouldBlock),
            Verdict::All => (all, all),
        };
        if said == 0 && !state.ended && !buffer.is_empty() {
            return state.fail(ErrorKind::WouldBlock);
        }
        for (to, from) in buffer.iter_mut().zip(state.records.drain(..len)) {
            *to = from;
        }
        Ok(said)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let len = match state.call() {
            Verdict::Pending => return state.fail(ErrorKind::WouldBlock),
            Verdict::Error(kind) => return state.fail(kind),
            Verdict::End => {
                state.is_faulty = true;
                return Ok(0);
            }
            Verdict::Some(n) => n.min(bytes.len()),
            Verdict::All => bytes.len(),
            Verdict::Lie => {
                (state.lied, state.is_faulty) = (true, true);
                return Ok(bytes.len() + 7);
            }
        };
        state.hear(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        match state.call() {
            Verdict::Pending => state.fail(ErrorKind::WouldBlock),
            Verdict::Error(kind) => state.fail(kind),
            _ => Ok(()),
        }
    }
}

impl Stream for Wire {
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.flush()
    }
}
