//! The handshake of TLS and the one of WebSocket behind it.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use sansock::{
    Config, Message, Timeout,
    adapter::{
        Error,
        tls::{
            self, TlsAcceptor, TlsConnector,
            rustls::{ClientConfig, SupportedProtocolVersion, version},
        },
    },
    proto::{self, handshake::ClientRequest},
};

use crate::{
    ADAPTERS, HOST, aws_lc_rs,
    certificates::{Authority, client},
    driven::{Driven, Wire},
    peer::Peer,
    ring,
};

fn request() -> ClientRequest {
    ClientRequest::new(HOST, "/").unwrap()
}

fn config() -> Arc<Config> {
    Arc::new(Config::default())
}

/// Sends messages of several sizes and receives them again.
fn echo(socket: &mut dyn Driven) {
    let large = vec![0x5A; 1 << 20];
    for message in [
        Message::from("text"),
        Message::from(&b"binary"[..]),
        Message::from(""),
        Message::from(&large),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.recv().unwrap(), Some(message));
    }
    assert!(socket.end().unwrap().clean);
}

/// §4.1: the name is told by SNI; `http/1.1` is what is offered by ALPN (RFC 7301).
#[test]
fn clause_4_1_every_adapter_tells_the_name_and_http_1_1() {
    for provider in [ring(), aws_lc_rs()] {
        for adapter in ADAPTERS {
            let authority = Authority::new();
            let mut server = authority.leaf(HOST).server(&provider);
            server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let peer = Peer::echo(server);
            let tls = TlsConnector::builder()
                .provider(Arc::clone(&provider))
                .roots([authority.root()])
                .build()
                .unwrap();
            let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
            let (mut socket, _) = adapter.connect(wire, &request(), &config()).unwrap();
            echo(&mut *socket);
            drop(socket);
            let saw = peer.saw();
            assert_eq!(saw.failure, None);
            assert_eq!(saw.server_name.as_deref(), Some(HOST));
            assert_eq!(saw.protocol.as_deref(), Some(&b"http/1.1"[..]));
            assert_eq!(saw.certificates, 0);
        }
    }
}

fn versions(authority: &Authority, version: &'static SupportedProtocolVersion) -> ClientConfig {
    ClientConfig::builder_with_provider(ring())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
}

/// Each adapter as client and as server, in either version of TLS; with a request larger than what
/// rustls holds back until its handshake is over.
#[test]
fn every_pair_of_adapters_shakes_hands() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(authority.leaf(HOST).server(&ring())));
    let config = Arc::new(Config::default().max_head_size(200_000));
    let request = request().header("X-Large", vec![b'x'; 150_000]).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        let tls = TlsConnector::from(Arc::new(versions(&authority, version)));
        for client in ADAPTERS {
            for server in ADAPTERS {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (far, _) = listener.accept().unwrap();
                let near = Wire::Tls(tls.wrap(near, HOST).unwrap());
                let far = Wire::Tls(acceptor.wrap(far).unwrap());
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let mut socket = server.accept(far, &config).unwrap();
                        while let Some(message) = socket.recv().unwrap() {
                            socket.send(message).unwrap();
                        }
                        assert!(socket.status().unwrap().clean);
                    });
                    let (mut socket, _) = client.connect(near, &request, &config).unwrap();
                    echo(&mut *socket);
                });
            }
        }
    }
}

/// hostile 51: a server that picks `h2`, which a configuration of the program's offered.
#[test]
fn hostile_051_alpn_that_picks_another_protocol_is_named() {
    for adapter in ADAPTERS {
        let authority = Authority::new();
        let mut server = authority.leaf(HOST).server(&ring());
        server.alpn_protocols = vec![b"h2".to_vec()];
        let peer = Peer::echo(server);
        let mut offering = client(&ring(), &authority);
        offering.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = TlsConnector::from(Arc::new(offering));
        let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
        let error = adapter.connect(wire, &request(), &config()).err().unwrap();
        assert!(
            matches!(&error, Error::Tls(tls::Error::Protocol(name)) if name == b"h2"),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "ALPN picked \"h2\", not http/1.1",
            "{}",
            adapter.name()
        );
        let saw = peer.saw();
        assert!(saw.failure.is_some());
        assert_eq!(saw.plaintext, b"");
    }
}

/// hostile 51: a server that speaks nothing of what is offered gives up, and says so.
#[test]
fn hostile_051_a_server_without_http_1_1_is_told_as_its_alert() {
    use tls::rustls::AlertDescription::NoApplicationProtocol;
    for adapter in ADAPTERS {
        let authority = Authority::new();
        let mut server = authority.leaf(HOST).server(&ring());
        server.alpn_protocols = vec![b"h2".to_vec()];
        let peer = Peer::echo(server);
        let tls = TlsConnector::from(Arc::new(client(&ring(), &authority)));
        let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
        let error = adapter.connect(wire, &request(), &config()).err().unwrap();
        assert!(
            matches!(error, Error::Tls(tls::Error::Alert(NoApplicationProtocol))),
            "{error:?}"
        );
        assert_eq!(peer.saw().plaintext, b"");
    }
}

/// hostile 52: a peer that says nothing of TLS meets the deadline of the handshake, on both sides.
#[test]
fn hostile_052_silence_within_tls_meets_the_deadline() {
    meets_the_deadline(drop);
}

/// hostile 52: so does one whose first record comes byte by byte, and which is never silent.
#[test]
fn hostile_052_a_trickle_within_tls_meets_the_deadline() {
    meets_the_deadline(|mut peer| {
        let record = b"\x16\x03\x03\x40\x00".iter().chain(&[0; 1 << 14]);
        for byte in record {
            if peer.write_all(&[*byte]).is_err() {
                return; // it was left
            }
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Both sides of each adapter, against a peer that does `talk` in a thread of its own and stays.
fn meets_the_deadline(talk: fn(TcpStream)) {
    let config = Config::default()
        .handshake_timeout(Some(Duration::from_millis(50)))
        .close_timeout(Some(Duration::from_millis(50)))
        .linger(Duration::ZERO);
    let config = Arc::new(config);
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(authority.leaf(HOST).server(&ring())));
    let tls = TlsConnector::from(Arc::new(client(&ring(), &authority)));
    for adapter in ADAPTERS {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for is_client in [true, false] {
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (peer, _) = listener.accept().unwrap();
            let talking = peer.try_clone().unwrap();
            let talker = thread::spawn(move || talk(talking));
            let error = if is_client {
                let wire = Wire::Tls(tls.wrap(near, HOST).unwrap());
                adapter.connect(wire, &request(), &config).err().unwrap()
            } else {
                let wire = Wire::Tls(acceptor.wrap(near).unwrap());
                adapter.accept(wire, &config).err().unwrap()
            };
            assert!(
                matches!(
                    error,
                    Error::Connection(proto::Error::Timeout(Timeout::Handshake))
                ),
                "{} {error:?}",
                adapter.name()
            );
            peer.shutdown(Shutdown::Both).ok();
            talker.join().unwrap();
        }
    }
}

/// A peer that does not speak TLS at all is TLS's fault, not one of the handshake behind it.
#[test]
fn hostile_007_plain_http_where_tls_is_expected() {
    let authority = Authority::new();
    let tls = TlsConnector::from(Arc::new(client(&ring(), &authority)));
    for adapter in ADAPTERS {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let wire = Wire::Tls(tls.wrap(near, HOST).unwrap());
        let error = adapter.connect(wire, &request(), &config()).err().unwrap();
        assert!(
            matches!(error, Error::Tls(tls::Error::Other(_))),
            "{error:?}"
        );
    }
}
