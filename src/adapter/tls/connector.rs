//! The client's side: whom to trust, what to show, and how a stream becomes one of TLS.

use std::{sync::Arc, vec, vec::Vec};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use rustls_platform_verifier::BuilderVerifierExt;

use super::{ALPN, Error, TlsStream};

/// What a client needs to speak TLS. Cheap to clone; what is cloned resumes each other's sessions.
///
/// Make one for the program and not one for each connection: the platform's roots are loaded anew
/// each time.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
}

/// Settings for a [`TlsConnector`].
#[derive(Debug, Default)]
#[must_use]
pub struct TlsConnectorBuilder {
    provider: Option<Arc<CryptoProvider>>,
    roots: Option<Vec<CertificateDer<'static>>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl TlsConnector {
    /// A connector that trusts whom the platform trusts, shows no certificate, and uses the
    /// [only provider there is](super#the-crypto-provider).
    ///
    /// # Errors
    ///
    /// [`Error::NoProvider`]; [`Error::Other`] if the platform has no roots.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Settings to start from: those of [`new`](Self::new).
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder::default()
    }

    /// Puts TLS on a stream that is connected, or connecting, to `host`: a name, which the server
    /// is told (SNI, RFC 6066 §3), or an IP address, which it is not.
    ///
    /// Nothing is read or written yet: the handshake is part of the first reads and writes, and so
    /// of what [`Config::handshake_timeout`](crate::Config::handshake_timeout) limits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], [`Error::Other`].
    pub fn wrap<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, Error> {
        let name = ServerName::try_from(host).map_err(|_| Error::InvalidName)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name.to_owned())?;
        Ok(TlsStream::new(stream, connection.into()))
    }
}

/// A configuration of your own, for all that the builder does not offer. ALPN offers `http/1.1` if
/// it names no protocol; if it does, the server must pick `http/1.1` or none all the same.
impl From<Arc<ClientConfig>> for TlsConnector {
    fn from(mut config: Arc<ClientConfig>) -> Self {
        if config.alpn_protocols.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = vec![ALPN.to_vec()];
        }
        Self { config }
    }
}

impl TlsConnectorBuilder {
    /// Uses this crypto provider, whatever others there are.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Trusts these roots, and none of the platform's.
    ///
    /// ```
    /// use sansock::adapter::tls::{TlsConnector, rustls::pki_types::{CertificateDer, pem::PemObject}};
    ///
    /// # let file = std::env::temp_dir().join("sansock-no-roots.pem");
    /// # std::fs::write(&file, "").unwrap();
    /// let roots: Vec<_> = CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?;
    /// let builder = TlsConnector::builder().roots(roots);
    /// # Ok::<(), sansock::adapter::tls::rustls::pki_types::pem::Error>(())
    /// ```
    pub fn roots(mut self, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.roots = Some(roots.into_iter().collect());
        self
    }

    /// Shows this certificate, followed by those that lead up to its root, to a server that asks.
    pub fn client_certificate(
        mut self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        self.client = Some((chain.into_iter().collect(), key));
        self
    }

    /// The connector.
    ///
    /// # Errors
    ///
    /// [`Error::NoProvider`]; a root or certificate that is none, or a key that is not the
    /// certificate's, as what they are.
    pub fn build(self) -> Result<TlsConnector, Error> {
        let provider = self.provider.or_else(default_provider);
        let config = ClientConfig::builder_with_provider(provider.ok_or(Error::NoProvider)?)
            .with_safe_default_protocol_versions()?;
        let config = match self.roots {
            Some(roots) => {
                let mut store = RootCertStore::empty();
                for root in roots {
                    store.add(root)?;
                }
                config.with_root_certificates(store)
            }
            None => config.with_platform_verifier()?,
        };
        let config = match self.client {
            Some((chain, key)) => config.with_client_auth_cert(chain, key)?,
            None => config.with_no_client_auth(),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// The provider of a program that named none for the connector, if there is no doubt about it.
fn default_provider() -> Option<Arc<CryptoProvider>> {
    let installed = CryptoProvider::get_default().cloned();
    #[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc-rs")))]
    let installed = installed.or_else(|| Some(rustls::crypto::ring::default_provider().into()));
    #[cfg(all(feature = "rustls-aws-lc-rs", not(feature = "rustls-ring")))]
    let installed =
        installed.or_else(|| Some(rustls::crypto::aws_lc_rs::default_provider().into()));
    installed
}
