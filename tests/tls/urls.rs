//! `connect` to a `wss:` URL.

use std::{io::ErrorKind, sync::Arc};

use sansock::{
    Config,
    adapter::{
        self, Error, MaybeTls, blocking,
        tls::{self, TlsConnector},
    },
};

use crate::{certificates::Authority, peer::Peer, ring};

/// A name is told by SNI, an address is not (RFC 6066 §3); each needs a certificate of its own.
#[test]
fn clause_4_1_names_are_told_and_addresses_are_not() {
    for (host, other, name) in [
        ("localhost", "127.0.0.1", Some("localhost")),
        ("127.0.0.1", "localhost", None),
    ] {
        let authority = Authority::new();
        let tls = TlsConnector::builder()
            .provider(ring())
            .roots([authority.root()])
            .build()
            .unwrap();
        let config = Arc::new(Config::default());
        let runtime = ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();

        let peer = Peer::echo(authority.leaf(host).server(&ring()));
        let url = format!("wss://{host}:{}/", peer.address.port());
        let (mut socket, _) = blocking::connect_with_tls(&url, &config, &tls).unwrap();
        assert!(matches!(socket.get_ref(), MaybeTls::Tls(_)));
        socket.send("hello").unwrap();
        assert_eq!(socket.recv().unwrap(), Some("hello".into()));
        assert!(socket.end().unwrap().clean);
        drop(socket);
        assert_eq!(peer.saw().server_name.as_deref(), name);

        let peer = Peer::echo(authority.leaf(host).server(&ring()));
        let url = format!("wss://{host}:{}/", peer.address.port());
        runtime.block_on(async {
            let connected = adapter::tokio::connect_with_tls(&url, &config, &tls).await;
            let (mut socket, _) = connected.unwrap();
            socket.send("hello").await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some("hello".into()));
            assert!(socket.end().await.unwrap().clean);
        });
        assert_eq!(peer.saw().server_name.as_deref(), name);

        let peer = Peer::echo(authority.leaf(other).server(&ring()));
        let url = format!("wss://{host}:{}/", peer.address.port());
        let error = blocking::connect_with_tls(&url, &config, &tls).unwrap_err();
        assert!(matches!(error, Error::Tls(tls::Error::WrongName(_))));
        assert_eq!(peer.saw().plaintext, b"");
    }
}

/// A `ws:` URL stays one, whatever TLS there is.
#[test]
fn clause_3_a_ws_url_has_no_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let config = Arc::new(Config::default());
    let running = {
        let config = Arc::clone(&config);
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = blocking::Socket::accept(stream, &config).unwrap();
            socket.recv().unwrap();
        })
    };
    let tls = TlsConnector::builder().provider(ring()).roots([]).build();
    let (mut socket, _) = blocking::connect_with_tls(&url, &config, &tls.unwrap()).unwrap();
    assert!(matches!(socket.get_ref(), MaybeTls::Plain(_)));
    assert!(socket.end().unwrap().clean);
    running.join().unwrap();
}

/// Two threads cannot share the state of TLS; two tasks can, where one polls both.
#[test]
fn a_blocking_socket_over_tls_is_not_split() {
    let authority = Authority::new();
    let peer = Peer::serve(authority.leaf("localhost").server(&ring()), |stream| {
        let socket = blocking::Socket::accept(stream, &Arc::new(Config::default()));
        // Whatever comes: the client goes without a word.
        let _ = socket.unwrap().recv();
    });
    let tls = TlsConnector::builder()
        .provider(ring())
        .roots([authority.root()])
        .build()
        .unwrap();
    let url = format!("wss://localhost:{}/", peer.address.port());
    let (socket, _) = blocking::connect_with_tls(&url, &Arc::new(Config::default()), &tls).unwrap();
    let error = socket.into_split().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    peer.saw();
}
