//! Both ends of a connection of TLS, behind its handshake, each over a stream of std that the
//! adapter makes its own of.

#[path = "../tls/certificates.rs"]
mod certificates;

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    sync::{Arc, LazyLock},
};

use certificates::{Authority, client};
use sansock::adapter::tls::{
    TlsAcceptor, TlsConnector, TlsStream,
    rustls::crypto::{CryptoProvider, ring},
};

const HOST: &str = "server.example.com";

static TLS: LazyLock<(TlsConnector, TlsAcceptor)> = LazyLock::new(|| {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let authority = Authority::new();
    let mut server = authority.leaf(HOST).server(&provider);
    // A ticket that nobody reads would make a reset of each end.
    server.send_tls13_tickets = 0;
    let client = client(&provider, &authority);
    (Arc::new(client).into(), Arc::new(server).into())
});

pub(crate) fn shake_hands(
    client: TcpStream,
    server: TcpStream,
) -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    for stream in [&client, &server] {
        stream.set_nonblocking(true).unwrap();
    }
    let mut ends = [
        TLS.0.wrap(client, HOST).unwrap(),
        TLS.1.wrap(server).unwrap(),
    ];
    while ends.iter().any(|end| end.connection().is_handshaking()) {
        for end in &mut ends {
            let nothing = end.read(&mut [0; 1]).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "{nothing}");
        }
    }
    for end in &ends {
        end.get_ref().set_nonblocking(false).unwrap();
    }
    let [client, server] = ends;
    (client, server)
}
