//! `wss:` URLs, with certificates of the test's own (requirements 8, 36).

use std::{
    net::TcpListener,
    sync::{Arc, mpsc},
};

use sansock::{
    adapter::{
        Error,
        blocking::{self, Blocking},
        futures,
        mio::Mio,
        tls::{self, TlsAcceptor, TlsConnector, rustls::crypto::ring::default_provider},
        tokio::Tokio,
        web::WebSocket,
    },
    web::MessageData,
};

use crate::{
    adapter::{Adapter, Log, PATIENCE, write_down},
    certificates::Authority,
    peer::Peer,
};

fn connector(authority: &Authority) -> TlsConnector {
    let builder = TlsConnector::builder().provider(Arc::new(default_provider()));
    builder.roots([authority.root()]).build().unwrap()
}

fn serve(authority: &Authority) -> (Peer, String) {
    let identity = authority.leaf("127.0.0.1");
    let peer = Peer::echo(identity.server(&Arc::new(default_provider())));
    let url = format!("wss://{}/", peer.address);
    (peer, url)
}

/// Listens for an echo, and closes when it came.
fn echo<A: Adapter>(socket: &WebSocket<A>, done: mpsc::Sender<(MessageData, String)>) {
    let (text, binary) = ("x".repeat(100_000), vec![7; 100_000]);
    socket.set_onopen(move |socket, _| {
        socket.send(&text).unwrap();
        socket.send(&binary).unwrap();
    });
    socket.set_onmessage(move |socket, event| {
        let origin = event.origin.to_string();
        done.send((event.data.clone(), origin)).unwrap();
        if !matches!(event.data, MessageData::Text(_)) {
            socket.close(None, "").unwrap();
        }
    });
}

/// Checks what came back.
fn is_echoed(echoed: &mpsc::Receiver<(MessageData, String)>, url: &str) {
    let (data, origin) = echoed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(data, MessageData::Text("x".repeat(100_000)));
    assert_eq!(origin, url.trim_end_matches('/'));
    let (data, _) = echoed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(data, MessageData::Blob(vec![7; 100_000].into()));
}

/// Makes a test for each adapter that connects by itself.
macro_rules! over_each {
    ($($(#[$attribute:meta])* fn $name:ident<$adapter:ident>() $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            fn run<$adapter: Adapter>() $body

            #[test]
            fn tokio() {
                run::<Tokio>();
            }

            #[test]
            fn blocking() {
                run::<Blocking>();
            }

            #[test]
            fn mio() {
                run::<Mio>();
            }
        }
    )*};
}

over_each! {
    fn d8_an_echo<A>() {
        let authority = Authority::new();
        let (peer, url) = serve(&authority);
        let (done, echoed) = mpsc::channel();
        let builder = WebSocket::<A>::builder(&url).tls(&connector(&authority));
        let socket = A::make(builder, true, |socket| echo(socket, done)).unwrap();
        is_echoed(&echoed, &url);
        assert_eq!(socket.url(), url);
        assert_eq!(peer.saw().failure, None);
    }

    fn d36_a_stranger_s_certificate<A>() {
        let (peer, url) = serve(&Authority::new());
        let (log, say) = Log::new();
        let builder = WebSocket::<A>::builder(&url).tls(&connector(&Authority::new()));
        let socket = A::make(builder, true, |socket| write_down(socket, &say)).unwrap();
        drop(say);
        assert_eq!(log.to_close(), ["error 3", "close unclean 1006 \"\" 3"]);
        let error = socket.error().unwrap();
        assert!(matches!(&*error, Error::Tls(_)), "{error:?}");
        assert!(peer.saw().failure.is_some());
    }

    /// With two providers there is none by default.
    fn d36_no_provider<A>() {
        let (log, say) = Log::new();
        let socket = A::connect("wss://127.0.0.1:1/", |socket| write_down(socket, &say));
        drop(say);
        assert_eq!(log.to_close(), ["error 3", "close unclean 1006 \"\" 3"]);
        let error = socket.error().unwrap();
        assert!(
            matches!(&*error, Error::Tls(tls::Error::NoProvider)),
            "{error:?}"
        );
    }
}

#[test]
fn an_accepted_connection_with_tls_over_std() {
    let authority = Authority::new();
    let identity = authority.leaf("127.0.0.1");
    let acceptor = TlsAcceptor::from(Arc::new(identity.server(&Arc::new(default_provider()))));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let (done, echoed) = mpsc::channel();
    let builder = WebSocket::<Tokio>::builder(&url).tls(&connector(&authority));
    let _client = Tokio::make(builder, true, |socket| echo(socket, done)).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let stream = acceptor.wrap(stream).unwrap();
    let socket = blocking::Socket::accept(stream, &Arc::default()).unwrap();
    let server = blocking::WebSocket::from_socket(socket).unwrap();
    server.set_onmessage(|socket, event| socket.send(&event.data).unwrap());
    is_echoed(&echoed, &url);
}

#[test]
fn a_connector_brings_tls_over_futures() {
    let authority = Authority::new();
    let (peer, url) = serve(&authority);
    let tls = connector(&authority);
    let connecting = futures::WebSocket::new(&url, |location| async move {
        assert!(location.is_secure());
        let stream = smol::net::TcpStream::connect((location.host(), location.port())).await?;
        tls.wrap(stream, location.host())
            .map_err(std::io::Error::other)
    });
    let (socket, driver) = connecting.unwrap();
    let (done, echoed) = mpsc::channel();
    echo(&socket, done);
    std::thread::spawn(|| smol::block_on(driver));
    is_echoed(&echoed, &url);
    assert_eq!(peer.saw().failure, None);
}
