//! Which origins a server's WebSocket is for (RFC 6455 §10.2, RFC 6454).
//!
//! A browser lets the pages of every site open a WebSocket to every server, and sends the server's
//! cookies along; only the server can tell the sites apart, by `Origin`. Whole origins are
//! compared, never beginnings or ends of them: scheme, host and port.
//!
//! Not here: whether a user may do what is asked. Programs other than browsers send the `Origin`
//! they like.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, str};

use super::{answer::Reject, request::Request, syntax::split_authority};

/// Which origins a server's WebSocket is for: any, its own, or those of a list.
///
/// ```
/// use sansock::proto::handshake::{HttpVersion, OriginError, OriginPolicy, Request};
///
/// let policy = OriginPolicy::list(["https://example.com", "https://app.example.com:8443"])?;
/// # let request = |origin: &str| {
/// #     Request::from_parts("GET", "/", HttpVersion::Http11, [
/// #         ("Host", "example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
/// #         ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
/// #         ("Origin", origin),
/// #     ])
/// # };
/// let request = request("https://example.com.evil")?;
/// let Err(error) = request.check_origin(&policy) else {
///     panic!("it only begins like one of the list");
/// };
/// assert_eq!(error, OriginError::Foreign);
/// let reject = error.reject(); // a 403, for `ServerHandshake::reject` and its like
/// # let _ = reject;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPolicy {
    rule: Rule,
    allow_missing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Any,
    /// The scheme of the pages that this server serves.
    SameOrigin(&'static str),
    /// Serialised origins, each found valid.
    List(Vec<Box<str>>),
}

impl OriginPolicy {
    /// Every page of every site, and programs: for what is public, or knows its users by something
    /// that no browser sends by itself, such as a token in the first message.
    #[must_use]
    pub const fn any() -> Self {
        Self {
            rule: Rule::Any,
            allow_missing: true,
        }
    }

    /// Pages that came from the host and port that the request is for, over TLS if `secure` is
    /// set: the request itself does not say whether it came by `wss:`, not even behind a proxy.
    ///
    /// The host is what the client says (`Host`). Where the network inside is to be safe from
    /// names that outsiders point at it (DNS rebinding), give a [`list`](Self::list).
    #[must_use]
    pub const fn same_origin(secure: bool) -> Self {
        Self {
            rule: Rule::SameOrigin(if secure { "https" } else { "http" }),
            allow_missing: false,
        }
    }

    /// Pages of these origins, each in the form `https://example.com:8443`, without a path. The
    /// default port of `http`, `https`, `ws` and `wss` may be left out, and case makes no
    /// difference. Names that are not ASCII stand in their `xn--` form.
    ///
    /// `null` may be listed too, but every site can make a page of that origin, with a sandboxed
    /// frame for one. So may `file://`, which some browsers say of every page from a disk.
    ///
    /// # Errors
    ///
    /// [`OriginError::Malformed`] if one is no origin.
    pub fn list<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Result<Self, OriginError> {
        let mut list = Vec::new();
        for origin in origins {
            let origin = origin.as_ref();
            Origin::parse(origin).ok_or(OriginError::Malformed)?;
            list.push(origin.into());
        }
        Ok(Self {
            rule: Rule::List(list),
            allow_missing: false,
        })
    }

    /// Whether requests without `Origin` are welcome, which no browser sends (§4.1 number 8):
    /// those of programs. Only [`any`](Self::any) takes them by default.
    #[must_use]
    pub const fn allow_missing(mut self, yes: bool) -> Self {
        self.allow_missing = yes;
        self
    }

    /// Whether a page of `origin` is welcome at `host`.
    fn check(&self, origin: Origin<'_>, host: Option<&str>) -> bool {
        match &self.rule {
            Rule::Any => true,
            Rule::SameOrigin(scheme) => host
                .and_then(|host| Origin::of_host(scheme, host))
                .is_some_and(|own| own.is_same(origin)),
            Rule::List(list) => list
                .iter()
                .filter_map(|listed| Origin::parse(listed))
                .any(|listed| listed.is_same(origin)),
        }
    }
}

/// Why a request's origin is not welcome. Answer with [`reject`](Self::reject).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginError {
    /// There is no `Origin`: it is no browser, and the policy asks for one.
    Missing,
    /// Something else than one serialised origin or `null` (RFC 6454 §7).
    Malformed,
    /// An origin that the policy does not allow.
    Foreign,
}

impl OriginError {
    /// The refusal that tells the client: "an appropriate HTTP error code (e.g., 403 Forbidden)"
    /// (§4.2.2 number 4).
    #[must_use]
    pub const fn reject(self) -> Reject<'static> {
        Reject::new(403)
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "request has no Origin",
            Self::Malformed => "not a serialised origin",
            Self::Foreign => "origin is not allowed",
        })
    }
}

impl core::error::Error for OriginError {}

impl Request {
    /// Checks `Origin` against `policy` (§10.2).
    ///
    /// # Errors
    ///
    /// [`OriginError`]: refuse the request by its [`reject`](OriginError::reject).
    pub fn check_origin(&self, policy: &OriginPolicy) -> Result<(), OriginError> {
        let Some(origin) = self.headers().get("origin") else {
            return if policy.allow_missing {
                Ok(())
            } else {
                Err(OriginError::Missing)
            };
        };
        if policy.rule == Rule::Any {
            return Ok(());
        }
        let origin = str::from_utf8(origin)
            .ok()
            .and_then(Origin::parse)
            .ok_or(OriginError::Malformed)?;
        if policy.check(origin, self.host()) {
            Ok(())
        } else {
            Err(OriginError::Foreign)
        }
    }
}

/// An origin (RFC 6454 §4).
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// One that is the same as no other: `null`.
    Opaque,
    Tuple {
        scheme: &'a str,
        host: &'a str,
        /// `None` is the scheme's default.
        port: Option<u16>,
    },
}

impl<'a> Origin<'a> {
    /// Reads an origin as it is serialised (RFC 6454 §7.1): `null`, or scheme, host and port.
    fn parse(text: &'a str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Opaque);
        }
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        // A page from a disk; all others come from some host.
        if scheme.eq_ignore_ascii_case("file") && authority.is_empty() {
            return Some(Self::Tuple {
                scheme,
                host: authority,
                port: None,
            });
        }
        // An empty port is no way to serialise one.
        if !is_scheme || authority.ends_with(':') {
            return None;
        }
        Self::of_host(scheme, authority)
    }

    /// The origin of what `scheme` gets from `authority`.
    fn of_host(scheme: &'a str, authority: &'a str) -> Option<Self> {
        let (host, port) = split_authority(authority.as_bytes())?;
        let port = match port {
            None | Some([]) => None,
            // "the port ... in base ten" (RFC 6454 §6.2): in one way only.
            Some([b'0', _, ..]) => return None,
            Some(digits) => Some(str::from_utf8(digits).ok()?.parse().ok()?),
        };
        Some(Self::Tuple {
            scheme,
            host: str::from_utf8(host).ok()?,
            port: port.filter(|port| Some(*port) != default_port(scheme)),
        })
    }

    /// Whether two origins are the same (RFC 6454 §5); `null` counts as one of its own here, since
    /// it is listed by that name.
    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Opaque, Self::Opaque) => true,
            (
                Self::Tuple { scheme, host, port },
                Self::Tuple {
                    scheme: other_scheme,
                    host: other_host,
                    port: other_port,
                },
            ) => {
                scheme.eq_ignore_ascii_case(other_scheme)
                    && host.eq_ignore_ascii_case(other_host)
                    && port == other_port
            }
            _ => false,
        }
    }
}

/// The port that a scheme means where none is said.
fn default_port(scheme: &str) -> Option<u16> {
    [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)]
        .iter()
        .find(|(known, _)| scheme.eq_ignore_ascii_case(known))
        .map(|(_, port)| *port)
}
