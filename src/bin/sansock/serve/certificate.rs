//! The certificate to show: one of the user's, or one made for this run.

use std::{fmt::Write, fs, net::IpAddr, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use sansock::adapter::tls::rustls::{
    self, ServerConfig,
    crypto::{CryptoProvider, hash::HashAlgorithm, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use crate::failure::Failure;

/// How to speak TLS, and a line on the certificate.
type Made = (Arc<ServerConfig>, String);

/// Takes the certificates and the key of two files.
///
/// # Errors
///
/// Which file cannot be used, and why.
pub(super) fn load(certificate: &Path, key: &Path) -> Result<Made, Failure> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("certificate", certificate, &error))?;
    if chain.is_empty() {
        return Err(unreadable(
            "certificate",
            certificate,
            &pem::Error::NoItemsFound,
        ));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, &error))?;
    let provider = Arc::new(ring::default_provider());
    let fingerprint = fingerprint(&provider, &chain);
    let config = config(provider, chain, key).map_err(|error| {
        Failure::new(format!("cannot use {}: {error}", certificate.display()))
            .hint("The first certificate in the file must be the server's, and the key its own.")
    })?;
    Ok((config, format!("SHA-256 {fingerprint}")))
}

/// Makes a certificate that vouches for itself, for this machine's own names and `address`.
///
/// # Errors
///
/// A file that cannot be written; and what should not be: if no certificate can be made.
pub(super) fn make(address: IpAddr, save: Option<&Path>) -> Result<Made, Failure> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    if !address.is_loopback() && !address.is_unspecified() {
        names.push(address.to_string());
    }
    let failed = |error: &dyn std::error::Error| {
        Failure::new(format!("cannot make a certificate: {error}"))
            .hint("Give one by --certificate FILE --key FILE.")
    };
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
    if let Some(file) = save {
        fs::write(file, pem(made.cert.der()))
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
    }
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| Failure::new(format!("cannot make a certificate: {error}")))?;
    let provider = Arc::new(ring::default_provider());
    let chain = vec![made.cert.der().clone()];
    let fingerprint = fingerprint(&provider, &chain);
    let config = config(provider, chain, key).map_err(|error| failed(&error))?;
    Ok((config, format!("self-signed, SHA-256 {fingerprint}")))
}

fn config(
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// The textual form (RFC 7468 §5.1).
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in certificate.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

fn unreadable(what: &str, file: &Path, error: &pem::Error) -> Failure {
    let file = file.display();
    match error {
        pem::Error::Io(error) => Failure::new(format!("cannot read the {what} {file}: {error}")),
        pem::Error::NoItemsFound => Failure::new(format!("{file} has no {what} in PEM format"))
            .hint("Such a file has lines -----BEGIN …----- and -----END …-----."),
        error => Failure::new(format!("{file} is no {what} in PEM format: {error}")),
    }
}

/// The SHA-256 of the first certificate as browsers show it.
fn fingerprint(provider: &CryptoProvider, chain: &[CertificateDer<'_>]) -> String {
    let mut hashes = provider.cipher_suites.iter().filter_map(|suite| {
        let hash = suite.tls13()?.common.hash_provider;
        (hash.algorithm() == HashAlgorithm::SHA256).then_some(hash)
    });
    let (Some(hash), Some(certificate)) = (hashes.next(), chain.first()) else {
        return String::new();
    };
    let mut shown = String::new();
    for byte in hash.hash(certificate).as_ref() {
        let colon = if shown.is_empty() { "" } else { ":" };
        // Writing to a string does not fail.
        let _ = write!(shown, "{colon}{byte:02X}");
    }
    shown
}
