//! Where to connect to, whom to trust and what to ask for; and what to say if that fails.

use std::{fmt, io, net, path::PathBuf, str::FromStr, sync::Arc};

use clap::Args;
use sansock::{
    Config,
    adapter::{
        self, MaybeTls,
        tls::{
            self, TlsConnector,
            rustls::{
                self,
                pki_types::{CertificateDer, pem::PemObject},
            },
        },
        tokio::{Socket, connect, connect_with_tls},
    },
    proto::{
        self, Timeout,
        handshake::{
            ClientHandshake, ClientRequest, HandshakeError, Refusal, RequestError, Response,
        },
    },
};
use tokio::net::TcpStream;

use crate::{
    failure::Failure,
    terminal::{Escaped, cut},
};

/// A `ws:` or `wss:` URL.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    request: ClientRequest,
}

/// Whose certificates are accepted.
#[derive(Clone, Debug, Args)]
pub(crate) struct Trust {
    /// Trust the certificates in this PEM file, and none of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// What the opening handshake asks for.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Asking {
    /// Send this header with the request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<Header>,
    /// Offer this subprotocol; may be repeated, the one liked best first
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// Say that a page of this origin connects, such as https://example.com
    #[arg(long)]
    origin: Option<String>,
}

/// A header line that may stand in a request.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A connection of the command.
pub(crate) type Connected = Socket<MaybeTls<TcpStream>>;

impl Target {
    /// The request that these options make of the URL.
    ///
    /// # Errors
    ///
    /// What stands in it twice, or cannot stand in it.
    pub(crate) fn request(&self, asking: &Asking) -> Result<ClientRequest, Failure> {
        let mut request = self.request.clone();
        let failed = |what: &str, error| Failure::new(format!("{what}: {error}"));
        for Header { name, value } in &asking.headers {
            request = request
                .header(name, value)
                .map_err(|error| failed(&format!("--header '{}'", Escaped(name)), error))?;
        }
        for name in &asking.subprotocols {
            request = request
                .subprotocol(name)
                .map_err(|error| failed(&format!("--subprotocol '{}'", Escaped(name)), error))?;
        }
        if let Some(origin) = &asking.origin {
            request = request
                .origin(origin)
                .map_err(|error| failed("--origin", error))?;
        }
        Ok(request)
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on the way, with what to do about it.
    pub(crate) async fn open(
        &self,
        request: &ClientRequest,
        tls: Option<&TlsConnector>,
        config: &Arc<Config>,
    ) -> Result<(Connected, Box<Response>), Failure> {
        let request = request.clone();
        let opened = match tls {
            Some(tls) => connect_with_tls(request, config, tls).await,
            None => connect(request, config).await,
        };
        opened.map_err(|error| self.failure(&error))
    }

    /// Connects, and leaves the opening handshake to the caller.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on the way, with what to do about it.
    pub(crate) fn dial(
        &self,
        tls: Option<&TlsConnector>,
    ) -> Result<MaybeTls<net::TcpStream>, Failure> {
        let dialled = || {
            let address = (self.request.host(), self.request.port());
            let stream = net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(match tls {
                Some(tls) => MaybeTls::Tls(tls.wrap(stream, self.request.host())?),
                None => MaybeTls::Plain(stream),
            })
        };
        dialled().map_err(|error| self.failure(&error))
    }

    /// The headers of a request that is written by hand: who the URL says that we are (RFC 7617 §2),
    /// and those that are `given`.
    pub(crate) fn headers(&self, given: &[Header]) -> Result<Vec<Header>, Failure> {
        self.request(&Asking {
            headers: given.to_vec(),
            ..Asking::default()
        })?;
        let mut bytes = Vec::new();
        let _ = ClientHandshake::start(&self.request, &Arc::default(), [0; 32], &mut bytes);
        let lines = str::from_utf8(&bytes).unwrap_or_default().lines();
        let told = lines.filter_map(|line| line.strip_prefix("Authorization: "));
        let told = told.map(|value| Header {
            name: "Authorization".to_owned(),
            value: value.to_owned(),
        });
        Ok(told.chain(given.iter().cloned()).collect())
    }

    /// Host and port as `Host` has them.
    pub(crate) fn authority(&self) -> &str {
        self.request.authority()
    }

    /// The path and query.
    pub(crate) fn resource(&self) -> &str {
        self.request.resource()
    }

    /// What to tell of an error on the way to an open connection.
    pub(crate) fn failure(&self, error: &adapter::Error) -> Failure {
        let failure = match error {
            adapter::Error::Refused(refusal) => Failure::new(format!("{self}: {}", told(refusal))),
            error => Failure::new(format!("{self}: {}", Escaped(&error.to_string()))),
        };
        match hint(error, self.request.is_secure()) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let request = ClientRequest::from_url(url).map_err(|error| match error {
            RequestError::Url | RequestError::Scheme => {
                format!("{error}; it looks like ws://127.0.0.1:9001")
            }
            error => error.to_string(),
        })?;
        Ok(Self { request })
    }
}

impl fmt::Display for Target {
    /// The URL without its user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.request.is_secure() {
            "wss"
        } else {
            "ws"
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource())
    }
}

impl Trust {
    /// What a connection to `target` gets its TLS from, if it needs any.
    ///
    /// # Errors
    ///
    /// A file that holds no certificates, or a system that has none.
    pub(crate) fn connector(&self, target: &Target) -> Result<Option<TlsConnector>, Failure> {
        if !target.request.is_secure() {
            return Ok(None);
        }
        let provider = rustls::crypto::ring::default_provider();
        let mut builder = TlsConnector::builder().provider(Arc::new(provider));
        if let Some(file) = &self.ca {
            let failed = |what: &dyn fmt::Display| {
                Failure::new(format!("--ca {}: {what}", file.display()))
                    .hint("A PEM file is needed, with a block BEGIN CERTIFICATE.")
            };
            let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect)
                .map_err(|error| failed(&error))?;
            if certificates.is_empty() {
                return Err(failed(&"holds no certificate"));
            }
            builder = builder.roots(certificates);
        }
        let built = builder.build();
        built
            .map(Some)
            .map_err(|error| Failure::new(format!("TLS: {error}")))
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (name, value) = line
            .split_once(':')
            .ok_or("no colon; a header looks like 'Name: value'")?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        // Whether it may stand in a request is for one to say.
        ClientRequest::new("localhost", "/")
            .and_then(|request| request.header(&name, &value))
            .map_err(|error| error.to_string())?;
        Ok(Self { name, value })
    }
}

/// How much is shown of each thing that a refusal says.
const SHOWN: usize = 300;

/// What the server answered instead of opening a connection.
fn told(refusal: &Refusal) -> String {
    let shown = |text: &str| {
        let (shown, is_all) = cut(text, SHOWN);
        format!("{}{}", Escaped(shown), if is_all { "" } else { "…" })
    };
    let (status, reason) = (refusal.status(), refusal.reason());
    let mut told = format!("the server answered {status} {}", shown(&reason));
    if let Some(location) = refusal.headers().get_str("location") {
        told.push_str(&format!(", and points to {}", shown(location)));
    }
    let body = String::from_utf8_lossy(refusal.body());
    if !body.trim().is_empty() {
        told.push_str(&format!(": {}", shown(body.trim())));
    }
    told
}

/// What to do about an error on the way to an open connection.
fn hint(error: &adapter::Error, secure: bool) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    Some(match error {
        adapter::Error::Io(error) => match error.kind() {
            Kind::ConnectionRefused => "Is a server running there? `sansock serve` starts one.",
            Kind::TimedOut | Kind::HostUnreachable | Kind::NetworkUnreachable => {
                "Nothing answers there: is the address right, and no firewall between?"
            }
            Kind::ConnectionReset | Kind::UnexpectedEof if secure => {
                "Is it a server of TLS? If not, use ws: in place of wss:."
            }
            Kind::ConnectionReset | Kind::BrokenPipe => "Is it a server of TLS? Then use wss:.",
            _ => return None,
        },
        adapter::Error::Tls(error) => match error {
            tls::Error::UnknownIssuer(_) | tls::Error::Certificate(_) => {
                "If you know the server, give its certificate by --ca FILE."
            }
            tls::Error::WrongName(_) => "Use a host in the URL that its certificate is for.",
            tls::Error::Expired(_) | tls::Error::NotYetValid(_) => {
                "It needs a new certificate, or the clock of this machine is wrong."
            }
            tls::Error::Other(rustls::Error::InvalidMessage(_)) => {
                "It does not speak TLS: use ws: in place of wss:."
            }
            _ => return None,
        },
        adapter::Error::Refused(refusal) => match refusal.status() {
            300..=399 => "Redirects are not followed: use the URL that it points to.",
            401 => "Give what it asks for, such as --header 'Authorization: Bearer …'.",
            403 => "It may want another --origin, or a --header with a cookie or token.",
            404 => "Is the path of the URL right?",
            426 => "It wants another version or protocol than a WebSocket of RFC 6455.",
            500..=599 => "The server failed, or one behind it: try again later.",
            _ => "It is a server of HTTP, but opened no WebSocket at this path.",
        },
        adapter::Error::Connection(error) => match error {
            proto::Error::Handshake(
                HandshakeError::MalformedStartLine | HandshakeError::Eof(_),
            ) if !secure => "It does not speak HTTP: is it a server of TLS? Then use wss:.",
            proto::Error::Handshake(_) | proto::Error::Eof => "It is no WebSocket server.",
            proto::Error::Timeout(Timeout::Handshake) => {
                "It accepts connections and says nothing: is it a WebSocket server?"
            }
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_and_shows_no_password() {
        let target: Target = "ws://user:secret@example.com/chat?a=1".parse().unwrap();
        assert_eq!(target.to_string(), "ws://example.com/chat?a=1");
        let target: Target = "wss://[::1]:9001".parse().unwrap();
        assert_eq!(target.to_string(), "wss://[::1]:9001/");
        for (url, said) in [
            ("localhost:9001", "ws://127.0.0.1:9001"),
            ("127.0.0.1", "ws://127.0.0.1:9001"),
            ("ftp://example.com", "ws://127.0.0.1:9001"),
            ("ws://example.com/#a", "fragment"),
        ] {
            let error = url.parse::<Target>().unwrap_err();
            assert!(error.contains(said), "{url}: {error}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header: Header = "Authorization:  Bearer a:b ".parse().unwrap();
        assert_eq!(
            (&*header.name, &*header.value),
            ("Authorization", "Bearer a:b")
        );
        for (line, said) in [
            ("Cookie", "no colon"),
            ("a b: c", "token"),
            ("Host: other", "managed"),
            ("Cookie: a\nb", "control character"),
        ] {
            let error = line.parse::<Header>().unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
