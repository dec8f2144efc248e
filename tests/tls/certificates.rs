//! Certificates made for a test, good and bad.
#![allow(
    dead_code,
    reason = "each suite uses its share of these helpers, and a helper that panics is a failed test"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use sansock::adapter::tls::rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// Who signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// An authority of a name of its own: one with another's would be taken for a forger.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self { issuer, root }
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root()).unwrap();
        roots
    }

    /// A certificate for a name or an address.
    pub(crate) fn leaf(&self, name: &str) -> Identity {
        self.leaf_between(name, [2020, 4000])
    }

    /// One for several of them.
    pub(crate) fn leaf_of(&self, names: &[&str]) -> Identity {
        self.sign(params(names), [2020, 4000])
    }

    /// One that is good from the first of these years to the second.
    pub(crate) fn leaf_between(&self, name: &str, years: [i32; 2]) -> Identity {
        self.sign(params(&[name]), years)
    }

    fn sign(&self, mut params: CertificateParams, years: [i32; 2]) -> Identity {
        params.not_before = date_time_ymd(years[0], 1, 1);
        params.not_after = date_time_ymd(years[1], 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        identity(certificate.der(), &key)
    }
}

/// A certificate that vouches for itself.
pub(crate) fn self_signed(name: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&[name]).self_signed(&key).unwrap();
    identity(certificate.der(), &key)
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params
}

fn identity(certificate: &CertificateDer<'static>, key: &KeyPair) -> Identity {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Identity {
        certificate: certificate.clone(),
        key: key.into(),
    }
}

impl Identity {
    /// What a server shows this with.
    pub(crate) fn server(&self, provider: &Arc<CryptoProvider>) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap()
    }

    /// The same for a server that asks the client for a certificate of this authority.
    pub(crate) fn asking_server(
        &self,
        provider: &Arc<CryptoProvider>,
        authority: &Authority,
    ) -> ServerConfig {
        let roots = Arc::new(authority.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap()
    }
}

/// A client that trusts the authority, as rustls has it.
pub(crate) fn client(provider: &Arc<CryptoProvider>, authority: &Authority) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth()
}
