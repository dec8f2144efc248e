//! What there is to ask for, whichever adapter serves it.

use sansock::proto::handshake::{Accept, OriginPolicy, Reject, Request};

/// The page that browsers get: all that it needs is in it.
const PAGE: &str = include_str!("../page.html");

/// What the page says in its first lines that it is for.
const ECHO: &str = "data-serves=\"echo\"";
const CHAT: &str = "data-serves=\"chat\"";

/// Nothing but what is in the page itself, which may connect to any server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The pages, and whose pages may open a WebSocket.
#[derive(Debug)]
pub(super) struct Site {
    page: String,
    policy: OriginPolicy,
}

/// What to do with a request.
pub(super) enum Answer<'a> {
    /// It is a WebSocket's.
    Accept(Choice),
    /// It is answered so.
    Reject(Reject<'a>),
}

/// What was chosen of what a WebSocket's request offers.
pub(super) struct Choice {
    subprotocol: Option<String>,
}

impl Choice {
    pub(super) fn accept(&self) -> Accept<'_> {
        let accept = Accept::new();
        match &self.subprotocol {
            Some(name) => accept.subprotocol(name),
            None => accept,
        }
    }
}

impl Site {
    pub(super) fn new(policy: OriginPolicy, is_chat: bool) -> Self {
        let page = if is_chat {
            PAGE.replacen(ECHO, CHAT, 1)
        } else {
            PAGE.to_owned()
        };
        Self { page, policy }
    }

    /// A WebSocket is at every path, and there is one page.
    pub(super) fn answer(&self, request: &Request) -> Answer<'_> {
        if request.is_websocket() {
            return match request.check_origin(&self.policy) {
                Ok(()) => Answer::Accept(Choice {
                    subprotocol: request.subprotocols().next().map(str::to_owned),
                }),
                Err(error) => Answer::Reject(error.reject()),
            };
        }
        Answer::Reject(match request.path() {
            "/" => Reject::new(200)
                .header("Content-Type", "text/html; charset=utf-8")
                .header("Content-Security-Policy", POLICY)
                .header("X-Content-Type-Options", "nosniff")
                .header("Referrer-Policy", "no-referrer")
                .header("Cache-Control", "no-store")
                .body(&self.page),
            _ => Reject::new(404)
                .header("Content-Type", "text/plain")
                .body("there is one page here, at /, and a WebSocket at every path\n"),
        })
    }
}
