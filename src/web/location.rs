//! The first argument of the constructor.

use alloc::string::String;
use core::fmt;

use url::Url;

use super::{Protocols, SyntaxError};
use crate::proto::handshake::{ClientRequest, RequestError};

/// Where to connect to: a URL as the constructor takes it.
///
/// ```
/// use sansock::web::Location;
///
/// let location = Location::parse("?q=ä b", Some("https://EXAMPLE.com:443/x"))?;
/// assert_eq!(location.as_str(), "wss://example.com/x?q=%C3%A4%20b");
/// # Ok::<(), sansock::web::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Location(Url);

impl Location {
    /// Parses a URL, a relative one against `base`; `http` becomes `ws`, `https` becomes `wss`.
    ///
    /// # Errors
    ///
    /// [`SyntaxError::Url`], [`SyntaxError::Scheme`] or [`SyntaxError::Fragment`].
    pub fn parse(url: &str, base: Option<&str>) -> Result<Self, SyntaxError> {
        let base = base.map(Url::parse).transpose();
        let base = base.map_err(|_| SyntaxError::Url)?;
        let parsed = Url::options().base_url(base.as_ref()).parse(url);
        let mut url = parsed.map_err(|_| SyntaxError::Url)?;
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(SyntaxError::Scheme),
        };
        if url.fragment().is_some() {
            return Err(SyntaxError::Fragment);
        }
        url.set_scheme(scheme).map_err(|()| SyntaxError::Scheme)?;
        Ok(Self(url))
    }

    /// The URL, serialised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL's origin, serialised: what message events carry.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host to connect to; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        address.unwrap_or(host)
    }

    /// The port to connect to: 80, or 443 with TLS, unless another is named.
    #[must_use]
    pub fn port(&self) -> u16 {
        let default = if self.is_secure() { 443 } else { 80 };
        self.0.port().unwrap_or(default)
    }

    /// Whether the transport is to be TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// The request of the opening handshake. A user name and password become an
    /// `Authorization: Basic` header at once, as there is nobody to ask for them after a 401.
    ///
    /// # Errors
    ///
    /// As [`ClientRequest::from_url`].
    pub fn request(&self, protocols: &Protocols) -> Result<ClientRequest, RequestError> {
        let mut url = self.0.clone();
        // An empty query is no part of the resource name (RFC 6455 §3).
        if url.query() == Some("") {
            url.set_query(None);
        }
        let request = ClientRequest::from_parsed(&url)?;
        protocols
            .iter()
            .try_fold(request, ClientRequest::subprotocol)
    }
}

impl fmt::Debug for Location {
    /// Leaves out what may be secret: the credentials, the path and the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Location").field(&self.origin()).finish()
    }
}
