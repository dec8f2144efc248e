//! What TLS can fail with.

use std::{
    fmt::{self, Write},
    io, mem,
    vec::Vec,
};

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
            | Self::Certificate(error) => {
                f.write_str("the peer's certificate: ")?;
                Quoting { f, room: QUOTED }.write_fmt(format_args!("{error}"))
            }
            Self::NoCertificate => f.write_str("the peer showed no certificate"),
            Self::Protocol(protocol) => {
                let shown = protocol.get(..32).unwrap_or(protocol).escape_ascii();
                write!(f, "ALPN picked \"{shown}\", not http/1.1")
            }
            Self::Alert(alert) => write!(f, "the peer gave TLS up: {alert:?}"),
            Self::Other(error) => Quoting { f, room: QUOTED }.write_fmt(format_args!("{error}")),
        }
    }
}

impl std::error::Error for Error {}

/// How many characters of an error may be quoted from a library, which quotes the peer's
/// certificate: names, and as many as it likes.
const QUOTED: usize = 200;

/// Writes what may hold text of the peer: no control characters, and no more than there is room.
struct Quoting<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    room: usize,
}

impl Write for Quoting<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let escaped = character.is_control().then(|| character.escape_default());
            let len = escaped.as_ref().map_or(1, ExactSizeIterator::len);
            if self.room < len {
                if mem::take(&mut self.room) > 0 {
                    self.f.write_char('…')?;
                }
                return Ok(());
            }
            match escaped {
                Some(escaped) => write!(self.f, "{escaped}")?,
                None => self.f.write_char(character)?,
            }
            self.room -= len;
            if self.room == 0 {
                self.f.write_char('…')?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec};

    use super::*;

    /// hostile 152: a certificate may be for any number of names, and what they hold is the peer's.
    #[test]
    fn hostile_152_the_names_of_a_certificate_are_cut_and_escaped() {
        let error = Error::from(CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("example.com").unwrap(),
            presented: vec!["\x1B[31mevil.example".to_string(); 1_000],
        });
        let shown = error.to_string();
        assert!(shown.contains("example.com"), "{shown}");
        assert!(
            shown.ends_with('…') && shown.chars().count() < 250,
            "{shown}"
        );
        assert!(!shown.contains('\x1B'), "{shown}");
        let shown = Error::Protocol(vec![0x1B; 255]).to_string();
        assert!(shown.len() < 200 && !shown.contains('\x1B'), "{shown}");
        let shown = format!("{}", Error::Other(rustls::Error::General("\x1B".repeat(9))));
        assert!(!shown.contains('\x1B'), "{shown}");
    }
}
