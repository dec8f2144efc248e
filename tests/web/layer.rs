//! What lies below the sockets and the servers of a test: TCP, or TLS on it.

use std::io;

use futures_util::io::{AsyncRead, AsyncWrite};
use sansock::adapter::web::Builder;

use crate::fixtures::{Server, Settings};

/// A stream of futures-io, with TLS or without.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

pub(crate) fn over_tcp(run: impl FnOnce()) {
    run();
}

/// Servers that [`serve`], and sockets that this thread makes, have TLS meanwhile.
#[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
pub(crate) fn over_tls(run: impl FnOnce()) {
    /// A panic is a failed test, and the next one may run on this thread.
    struct Reset;

    impl Drop for Reset {
        fn drop(&mut self) {
            tls::IS_BELOW.set(false);
        }
    }

    let _reset = Reset;
    tls::IS_BELOW.set(true);
    run();
}

/// A server over what lies below this test.
pub(crate) fn serve(settings: Settings) -> Server {
    #[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
    if connector().is_some() {
        let wrap = |stream| tls::KEYS.acceptor.wrap(stream).map_err(io::Error::other);
        return Server::over(settings, wrap).with_scheme("wss");
    }
    Server::with(settings)
}

/// A builder whose sockets trust those servers.
pub(crate) fn trusting<A>(builder: Builder<A>) -> Builder<A> {
    #[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
    if let Some(tls) = connector() {
        return builder.tls(&tls);
    }
    builder
}

pub(crate) use tls::{Connector, connector};

/// Puts TLS on a stream if there is a connector.
pub(crate) fn wrap(
    stream: impl Duplex + 'static,
    host: &str,
    tls: Option<Connector>,
) -> io::Result<Box<dyn Duplex>> {
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let stream = tls.wrap(stream, host).map_err(io::Error::other)?;
    Ok(Box::new(stream))
}

#[cfg(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring"))]
mod tls {
    use std::{
        cell::Cell,
        sync::{Arc, LazyLock},
    };

    pub(crate) use sansock::adapter::tls::TlsConnector as Connector;
    use sansock::adapter::tls::{TlsAcceptor, rustls::crypto::ring::default_provider};

    use crate::certificates::Authority;

    thread_local! {
        pub(super) static IS_BELOW: Cell<bool> = const { Cell::new(false) };
    }

    /// Those of this process.
    pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
        let provider = Arc::new(default_provider());
        let authority = Authority::new();
        let identity = authority.leaf_of(&["localhost", "127.0.0.1"]);
        let acceptor = Arc::new(identity.server(&provider)).into();
        let connector = Connector::builder()
            .provider(provider)
            .roots([authority.root()]);
        let connector = connector.build().unwrap();
        Keys {
            acceptor,
            connector,
        }
    });

    pub(super) struct Keys {
        pub(super) acceptor: TlsAcceptor,
        connector: Connector,
    }

    /// What the sockets of this test are secured with, if they are.
    pub(crate) fn connector() -> Option<Connector> {
        IS_BELOW.get().then(|| KEYS.connector.clone())
    }
}

#[cfg(not(all(feature = "rustls-aws-lc-rs", feature = "rustls-ring")))]
mod tls {
    use std::{convert::Infallible, io};

    /// There is none.
    pub(crate) struct Connector(Infallible);

    impl Connector {
        pub(super) fn wrap<S>(self, _: S, _: &str) -> io::Result<S> {
            match self.0 {}
        }
    }

    pub(crate) fn connector() -> Option<Connector> {
        None
    }
}
