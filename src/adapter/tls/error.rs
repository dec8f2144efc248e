//! What TLS can fail with.

use std::{fmt, io, vec::Vec};

use rustls::{AlertDescription, CertificateError};

/// What TLS failed with.
///
/// Inside an [`io::Error`] of a [`TlsStream`](super::TlsStream) it is what
/// [`io::Error::downcast`] brings out; an [`adapter::Error`](crate::adapter::Error) made of one is
/// [`Error::Tls`](crate::adapter::Error::Tls).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Several crypto providers are at hand, or none, and the program chose none of them.
    NoProvider,
    /// The host is neither a name that a certificate can be valid for nor an IP address.
    InvalidName,
    /// The peer's certificate is for another name than the URL's host.
    WrongName(CertificateError),
    /// The peer's certificate, or one above it, is no longer valid.
    Expired(CertificateError),
    /// The peer's certificate, or one above it, is not valid yet.
    NotYetValid(CertificateError),
    /// No root that is trusted vouches for the peer's certificate: so it is as well for one that
    /// vouches for itself.
    UnknownIssuer(CertificateError),
    /// The peer's certificate was revoked.
    Revoked(CertificateError),
    /// The peer's certificate is not acceptable for another reason.
    Certificate(CertificateError),
    /// The peer showed no certificate, which was asked of it.
    NoCertificate,
    /// The peer picked by ALPN (RFC 7301) what is not `http/1.1`.
    Protocol(Vec<u8>),
    /// The peer gave up, and this is what it said: that it misses a certificate of ours, for one.
    Alert(AlertDescription),
    /// Anything else: a peer that broke the protocol, a configuration that cannot be.
    Other(rustls::Error),
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::from(error),
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            error => Self::Other(error),
        }
    }
}

impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::WrongName(error),
            E::Expired | E::ExpiredContext { .. } => Self::Expired(error),
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid(error),
            E::UnknownIssuer => Self::UnknownIssuer(error),
            E::Revoked => Self::Revoked(error),
            error => Self::Certificate(error),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProvider => f.write_str("no crypto provider was chosen for TLS"),
            Self::InvalidName => f.write_str("the host is no name for TLS"),
            Self::WrongName(error)
            | Self::Expired(error)
            | Self::NotYetValid(error)
            | Self::UnknownIssuer(error)
            | Self::Revoked(error)
            | Self::Certificate(error) => write!(f, "the peer's certificate: {error}"),
            Self::NoCertificate => f.write_str("the peer showed no certificate"),
            Self::Protocol(protocol) => {
                write!(
                    f,
                    "ALPN picked \"{}\", not http/1.1",
                    protocol.escape_ascii()
                )
            }
            Self::Alert(alert) => write!(f, "the peer gave TLS up: {alert:?}"),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
