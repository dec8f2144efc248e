//! Offers and answers (RFC 7692 §5, §7.1).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{config::DeflateConfig, params::DeflateParams};
use crate::proto::handshake::{ExtensionWord, parse_extensions};

const NAME: &[u8] = b"permessage-deflate";

/// One valid offer of a client, or one element of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proto) struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: ClientBits,
}

/// What was said about the client's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ClientBits {
    #[default]
    Absent,
    /// The client knows the parameter and limits nothing.
    Any,
    AtMost(u8),
}

/// What a server agrees to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proto) struct Answer {
    pub(in crate::proto) params: DeflateParams,
    /// The value of `Sec-WebSocket-Extensions`.
    pub(in crate::proto) header: String,
}

impl Offer {
    /// Adds a parameter; `None` if it is unknown, repeated or has an invalid value (§7.1).
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) -> Option<()> {
        match (name, value) {
            (b"server_no_context_takeover", None) if !self.server_no_context_takeover => {
                self.server_no_context_takeover = true;
            }
            (b"client_no_context_takeover", None) if !self.client_no_context_takeover => {
                self.client_no_context_takeover = true;
            }
            (b"server_max_window_bits", Some(value)) if self.server_max_window_bits.is_none() => {
                self.server_max_window_bits = Some(window_bits(value)?);
            }
            (b"client_max_window_bits", value)
                if self.client_max_window_bits == ClientBits::Absent =>
            {
                self.client_max_window_bits = match value {
                    None => ClientBits::Any,
                    Some(value) => ClientBits::AtMost(window_bits(value)?),
                };
            }
            _ => return None,
        }
        Some(())
    }

    /// What `config` has to offer: at most two, the better one first.
    pub(in crate::proto) fn of(config: &DeflateConfig) -> impl Iterator<Item = Self> {
        let limited = |bits: u8| (bits < 15).then_some(bits);
        let first = Self {
            server_no_context_takeover: config.server_no_context_takeover,
            client_no_context_takeover: config.client_no_context_takeover,
            server_max_window_bits: limited(config.server_max_window_bits),
            client_max_window_bits: limited(config.client_max_window_bits)
                .map_or(ClientBits::Any, ClientBits::AtMost),
        };
        let second = Self {
            client_max_window_bits: ClientBits::Any,
            ..Self::default()
        };
        let second = (config.fallback_offer && second != first).then_some(second);
        core::iter::once(first).chain(second)
    }

    /// Appends the offer as it stands in the header.
    fn write(&self, out: &mut String) {
        out.push_str("permessage-deflate");
        if self.server_no_context_takeover {
            out.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            out.push_str("; client_no_context_takeover");
        }
        if let Some(bits) = self.server_max_window_bits {
            out.push_str(&format!("; server_max_window_bits={bits}"));
        }
        match self.client_max_window_bits {
            ClientBits::Absent => {}
            ClientBits::Any => out.push_str("; client_max_window_bits"),
            ClientBits::AtMost(bits) => out.push_str(&format!("; client_max_window_bits={bits}")),
        }
    }

    /// The value of `Sec-WebSocket-Extensions` that offers what `config` has to offer.
    pub(in crate::proto) fn header(config: &DeflateConfig) -> String {
        let mut header = String::new();
        for offer in Self::of(config) {
            if !header.is_empty() {
                header.push_str(", ");
            }
            offer.write(&mut header);
        }
        header
    }

    /// What a server with this configuration agrees to; `None` declines.
    fn accept(&self, config: &DeflateConfig) -> Option<Answer> {
        let server_max_window_bits = self
            .server_max_window_bits
            .unwrap_or(15)
            .min(config.server_max_window_bits);
        // The library's least window has 9 bits, so less cannot be promised.
        if server_max_window_bits < 9 {
            return None;
        }
        let client_max_window_bits = match self.client_max_window_bits {
            // "a server MUST NOT include" it then (§7.1.2.2).
            ClientBits::Absent => 15,
            ClientBits::Any => config.client_max_window_bits,
            ClientBits::AtMost(bits) => bits.min(config.client_max_window_bits),
        };
        let params = DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover
                || config.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover
                || config.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        };
        let mut header = params.to_string();
        // An offer that limits the server is accepted by saying so, even with the greatest window.
        if self.server_max_window_bits.is_some() && server_max_window_bits == 15 {
            header.push_str("; server_max_window_bits=15");
        }
        Some(Answer { params, header })
    }

    /// What `self`, a response, agrees on if it answers `offer`.
    fn answers(&self, offer: &Self) -> Option<DeflateParams> {
        if offer.server_no_context_takeover && !self.server_no_context_takeover {
            return None;
        }
        let server_max_window_bits =
            match (offer.server_max_window_bits, self.server_max_window_bits) {
                (None, bits) => bits.unwrap_or(15),
                (Some(most), Some(bits)) if bits <= most => bits,
                _ => return None,
            };
        let client_max_window_bits =
            match (offer.client_max_window_bits, self.client_max_window_bits) {
                // It must have a value in a response.
                (_, ClientBits::Any) | (ClientBits::Absent, ClientBits::AtMost(_)) => return None,
                (ClientBits::AtMost(most), ClientBits::AtMost(bits)) if bits > most => return None,
                (_, ClientBits::AtMost(bits)) => bits,
                (_, ClientBits::Absent) => 15,
            };
        Some(DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }
}

/// A quoted string without its quotes. What is quoted is a token, so there is no need to unescape
/// what would then be no number.
const fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', token @ .., b'"'] => token,
        token => token,
    }
}

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive" (§7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + (digit - b'0')),
        _ => None,
    }
}

/// The elements of extension headers, each an offer, or `None` if it is of something else or not
/// valid. The grammar must have been found in order.
fn elements<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    read: impl Fn(&[u8]) -> &[u8],
) -> Vec<Option<Offer>> {
    let mut elements: Vec<Option<Offer>> = Vec::new();
    for value in values {
        let _ = parse_extensions(value, |word| match word {
            ExtensionWord::Name(name) => elements.push((name == NAME).then(Offer::default)),
            ExtensionWord::Parameter(name, value) => {
                if let Some(element) = elements.last_mut()
                    && let Some(offer) = element
                    && offer.add(name, value.map(&read)).is_none()
                {
                    *element = None;
                }
            }
        });
    }
    elements
}

/// The valid offers in a request's `Sec-WebSocket-Extensions`, in the client's order.
pub(in crate::proto) fn offers_of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Offer> {
    // A number in quotes is one by §9.1 of RFC 6455 and none by §7.1.2: an offer can be declined.
    elements(values, |value| value)
        .into_iter()
        .flatten()
        .collect()
}

/// What a server with this configuration answers: the first offer that it can accept.
pub(in crate::proto) fn answer(offers: &[Offer], config: &DeflateConfig) -> Option<Answer> {
    offers.iter().find_map(|offer| offer.accept(config))
}

/// What a response's `Sec-WebSocket-Extensions` agrees on; `None` if that was not offered.
pub(in crate::proto) fn response_params(
    value: &[u8],
    config: &DeflateConfig,
) -> Option<DeflateParams> {
    parse_extensions(value, |_| {})?;
    let [Some(response)] = elements(core::iter::once(value), unquoted)[..] else {
        return None;
    };
    Offer::of(config).find_map(|offer| response.answers(&offer))
}
