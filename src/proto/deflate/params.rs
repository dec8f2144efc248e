//! What both ends agreed on.

use core::fmt;

use super::config::DeflateConfig;
use crate::proto::opcode::Role;

/// What both ends agreed on for permessage-deflate (RFC 7692 §7.1). Complete by the RFC.
///
/// Its `Display` is the extension as it stands in `Sec-WebSocket-Extensions`; a window of 15 bits,
/// which is what no parameter means, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeflateParams {
    /// The server begins each message with an empty window (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client begins each message with an empty window (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the server's window, 8 to 15 (§7.1.2.1); what is less or more counts
    /// as that.
    pub server_max_window_bits: u8,
    /// The base-2 logarithm of the client's window, 8 to 15 (§7.1.2.2).
    pub client_max_window_bits: u8,
}

/// What was agreed on for one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) struct Direction {
    pub(in crate::proto) no_context_takeover: bool,
    pub(in crate::proto) window_bits: u8,
}

impl Default for DeflateParams {
    /// Context takeover both ways and windows of 15 bits: what no parameter means.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl DeflateParams {
    /// What holds for the messages that `role` sends. A window that cannot be is the nearest that
    /// can: the numbers may be what a program read from its peer.
    pub(in crate::proto) fn of(self, role: Role) -> Direction {
        let (no_context_takeover, window_bits) = match role {
            Role::Server => (self.server_no_context_takeover, self.server_max_window_bits),
            Role::Client => (self.client_no_context_takeover, self.client_max_window_bits),
        };
        Direction {
            no_context_takeover,
            window_bits: window_bits.clamp(8, 15),
        }
    }

    /// What we keep to as `role`: a client also to what it `said` in its offer, even if the server
    /// did not answer that (§7.1.1.2, §7.1.2.2).
    pub(in crate::proto) fn ours(self, role: Role, said: Option<&DeflateConfig>) -> Direction {
        let agreed = self.of(role);
        match said {
            Some(said) if role == Role::Client => Direction {
                no_context_takeover: agreed.no_context_takeover || said.client_no_context_takeover,
                window_bits: agreed.window_bits.min(said.client_max_window_bits),
            },
            _ => agreed,
        }
    }
}

impl fmt::Display for DeflateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, client) = (self.of(Role::Server), self.of(Role::Client));
        f.write_str("permessage-deflate")?;
        if server.no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if client.no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if server.window_bits < 15 {
            write!(f, "; server_max_window_bits={}", server.window_bits)?;
        }
        if client.window_bits < 15 {
            write!(f, "; client_max_window_bits={}", client.window_bits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    /// The numbers may be what a program made up; what is shown is what holds.
    #[test]
    fn rfc7692_7_1_2_a_window_that_cannot_be_is_shown_as_the_nearest() {
        let params = DeflateParams {
            server_max_window_bits: 0,
            client_max_window_bits: 255,
            ..DeflateParams::default()
        };
        let shown = params.to_string();
        assert_eq!(shown, "permessage-deflate; server_max_window_bits=8");
    }
}
