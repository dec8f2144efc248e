//! Certificates: whose are accepted, and what is told of the others.

use std::sync::Arc;

use sansock::{
    Config,
    adapter::{
        Error,
        tls::{
            self, TlsAcceptor, TlsConnector, TlsConnectorBuilder,
            rustls::{AlertDescription, CertificateError},
        },
    },
    proto::handshake::ClientRequest,
};

use crate::{
    ADAPTERS, HOST, aws_lc_rs,
    certificates::{Authority, Identity, self_signed},
    driven::{Adapter, Wire},
    peer::{Peer, Saw},
    ring,
};

fn builder(authority: &Authority) -> TlsConnectorBuilder {
    TlsConnector::builder()
        .provider(ring())
        .roots([authority.root()])
}

/// What comes of connecting to a server that shows this.
fn meet(adapter: &dyn Adapter, shown: &Identity, tls: &TlsConnector) -> (tls::Error, Saw) {
    let peer = Peer::echo(shown.server(&ring()));
    let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
    let request = ClientRequest::new(HOST, "/secret").unwrap();
    let met = adapter.connect(wire, &request, &Arc::new(Config::default()));
    match met.err() {
        Some(Error::Tls(error)) => (error, peer.saw()),
        other => panic!("{} {other:?}", adapter.name()),
    }
}

/// hostile 51: each kind of bad certificate is an error of its own, and of the request nothing was
/// sent.
#[test]
fn hostile_051_bad_certificates_are_told_apart_and_hear_nothing() {
    let authority = Authority::new();
    let stranger = Authority::new();
    type Check = fn(&tls::Error) -> bool;
    let bad: [(Identity, Check, &str); 6] = [
        (
            authority.leaf("other.example.com"),
            |error| matches!(error, tls::Error::WrongName(_)),
            "BadCertificate",
        ),
        (
            authority.leaf("127.0.0.1"),
            |error| matches!(error, tls::Error::WrongName(_)),
            "BadCertificate",
        ),
        (
            authority.leaf_between(HOST, [2000, 2001]),
            |error| matches!(error, tls::Error::Expired(_)),
            "CertificateExpired",
        ),
        (
            authority.leaf_between(HOST, [3000, 3001]),
            |error| matches!(error, tls::Error::NotYetValid(_)),
            "CertificateExpired",
        ),
        (
            stranger.leaf(HOST),
            |error| {
                matches!(
                    error,
                    tls::Error::UnknownIssuer(CertificateError::UnknownIssuer)
                )
            },
            "UnknownCA",
        ),
        (
            self_signed(HOST),
            |error| matches!(error, tls::Error::UnknownIssuer(_)),
            "UnknownCA",
        ),
    ];
    for tls in [
        builder(&authority).build().unwrap(),
        builder(&authority).provider(aws_lc_rs()).build().unwrap(),
    ] {
        for adapter in ADAPTERS {
            for (shown, is_right, alert) in &bad {
                let (error, saw) = meet(adapter, shown, &tls);
                assert!(is_right(&error), "{} {error:?}", adapter.name());
                assert!(error.to_string().starts_with("the peer's certificate: "));
                assert_eq!(saw.plaintext, b"");
                let told = saw.failure.unwrap();
                assert!(told.contains(alert), "{told}");
            }
        }
    }
}

/// With no roots of its own a connector trusts the platform's, and so no authority of a test.
#[test]
fn hostile_051_the_platform_does_not_know_a_stranger() {
    let tls = match TlsConnector::builder().provider(ring()).build() {
        Ok(tls) => tls,
        // A machine without roots: that is said before anything is connected.
        Err(error) => {
            assert!(error.to_string().contains("No CA certificates"), "{error}");
            return;
        }
    };
    let (error, saw) = meet(ADAPTERS[0], &Authority::new().leaf(HOST), &tls);
    assert!(matches!(error, tls::Error::UnknownIssuer(_)), "{error:?}");
    assert_eq!(saw.plaintext, b"");
}

/// A server that asks for a certificate of the client's sees it.
#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let authority = Authority::new();
    let server = authority.leaf(HOST);
    let shown = authority.leaf("client.example.com");
    for adapter in ADAPTERS {
        let peer = Peer::echo(server.asking_server(&ring(), &authority));
        let tls = builder(&authority)
            .client_certificate([shown.certificate.clone()], shown.key.clone_key())
            .build()
            .unwrap();
        let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
        let request = ClientRequest::new(HOST, "/").unwrap();
        let (mut socket, _) = adapter
            .connect(wire, &request, &Arc::new(Config::default()))
            .unwrap();
        socket.send("known".into()).unwrap();
        assert_eq!(socket.recv().unwrap(), Some("known".into()));
        assert!(socket.end().unwrap().clean);
        drop(socket);
        assert_eq!(peer.saw().certificates, 1);
    }
}

/// hostile 51: a server that asks in vain says so, and each adapter tells it.
#[test]
fn hostile_051_a_client_certificate_that_is_missing_is_told() {
    let authority = Authority::new();
    let server = authority.leaf(HOST);
    for adapter in ADAPTERS {
        let peer = Peer::echo(server.asking_server(&ring(), &authority));
        let tls = builder(&authority).build().unwrap();
        let wire = Wire::Tls(tls.wrap(peer.stream(), HOST).unwrap());
        let request = ClientRequest::new(HOST, "/").unwrap();
        let met = adapter.connect(wire, &request, &Arc::new(Config::default()));
        let error = met.err().unwrap();
        assert!(
            matches!(
                error,
                Error::Tls(tls::Error::Alert(AlertDescription::CertificateRequired))
            ),
            "{} {error:?}",
            adapter.name()
        );
        assert!(peer.saw().failure.unwrap().contains("no certificates"));
    }
}

/// The same from the server's side, whichever adapter it is.
#[test]
fn hostile_051_a_server_tells_what_a_client_lacks() {
    let authority = Authority::new();
    let stranger = Authority::new().leaf("client.example.com");
    let asking = authority.leaf(HOST).asking_server(&ring(), &authority);
    let acceptor = TlsAcceptor::from(Arc::new(asking));
    let unknown = builder(&authority)
        .client_certificate([stranger.certificate.clone()], stranger.key.clone_key())
        .build()
        .unwrap();
    type Check = fn(&tls::Error) -> bool;
    let clients: [(TlsConnector, Check); 2] = [
        (builder(&authority).build().unwrap(), |error| {
            matches!(error, tls::Error::NoCertificate)
        }),
        (unknown, |error| {
            matches!(error, tls::Error::UnknownIssuer(_))
        }),
    ];
    for adapter in ADAPTERS {
        for (tls, is_right) in &clients {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (far, _) = listener.accept().unwrap();
            let near = Wire::Tls(tls.wrap(near, HOST).unwrap());
            let far = Wire::Tls(acceptor.wrap(far).unwrap());
            let config = Arc::new(Config::default());
            std::thread::scope(|scope| {
                let client = scope.spawn(|| {
                    let request = ClientRequest::new(HOST, "/").unwrap();
                    ADAPTERS[0].connect(near, &request, &config).is_err()
                });
                let error = adapter.accept(far, &config).err().unwrap();
                assert!(
                    matches!(&error, Error::Tls(error) if is_right(error)),
                    "{} {error:?}",
                    adapter.name()
                );
                assert!(client.join().unwrap());
            });
        }
    }
}

/// What is no certificate, or not this key's, is refused before anything is connected.
#[test]
fn settings_that_cannot_be_are_errors() {
    let authority = Authority::new();
    let [one, other] = [authority.leaf("one"), authority.leaf("other")];
    let mixed = builder(&authority)
        .client_certificate([one.certificate], other.key)
        .build();
    assert!(matches!(mixed, Err(tls::Error::Other(_))), "{mixed:?}");
    let noise = TlsConnector::builder()
        .provider(ring())
        .roots([vec![0; 9].into()])
        .build();
    assert!(
        matches!(noise, Err(tls::Error::Certificate(_))),
        "{noise:?}"
    );
    let tls = builder(&authority).build().unwrap();
    for name in ["", "a b", "-", "under_\u{7F}"] {
        let wrapped = tls.wrap((), name);
        assert!(matches!(wrapped, Err(tls::Error::InvalidName)), "{name:?}");
    }
}
