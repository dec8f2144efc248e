//! Thousands of offers and answers against a model of the negotiation (RFC 7692 §7.1).
#![cfg(feature = "deflate")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper that panics is a failed test"
)]

mod common;
mod rfc7692_07_1;

use std::{fmt, sync::Arc};

use common::Random;
use rfc7692_07_1::{answer_of, reply, reply_lines, start, with};
use sansock::{
    Config, DeflateConfig,
    proto::{DeflateParams, handshake::HandshakeError},
};

/// An extension as it stands in the field: its name, and its parameters with their values.
#[derive(Clone, Debug)]
struct Element {
    name: String,
    params: Vec<(String, Option<String>)>,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.params {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// What an offer or an answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Meaning {
    server_forgets: bool,
    client_forgets: bool,
    server_bits: Option<u8>,
    /// In an offer the value may be missing.
    client_bits: Option<Option<u8>>,
}

impl Meaning {
    /// What this element means, if it means anything (§7.1).
    fn of(element: &Element, is_answer: bool) -> Option<Self> {
        if element.name != "permessage-deflate" {
            return None;
        }
        let mut meaning = Self::default();
        for (i, (name, value)) in element.params.iter().enumerate() {
            if element.params[..i].iter().any(|(before, _)| before == name) {
                return None;
            }
            // A server declines a number in quotes, a client reads it.
            if !is_answer && value.as_ref().is_some_and(|value| value.starts_with('"')) {
                return None;
            }
            match (name.as_str(), value.as_deref()) {
                ("server_no_context_takeover", None) => meaning.server_forgets = true,
                ("client_no_context_takeover", None) => meaning.client_forgets = true,
                ("server_max_window_bits", Some(value)) => meaning.server_bits = Some(bits(value)?),
                ("client_max_window_bits", Some(value)) => {
                    meaning.client_bits = Some(Some(bits(value)?));
                }
                ("client_max_window_bits", None) if !is_answer => meaning.client_bits = Some(None),
                _ => return None,
            }
        }
        Some(meaning)
    }

    /// Whether `self` may answer this offer.
    fn answers(&self, offer: &Self) -> bool {
        let server = match (offer.server_bits, self.server_bits) {
            (Some(most), Some(bits)) => bits <= most,
            (offered, _) => offered.is_none(),
        };
        let client = match (offer.client_bits, self.client_bits.flatten()) {
            (_, None) | (Some(None), Some(_)) => true,
            (Some(Some(most)), Some(bits)) => bits <= most,
            (None, Some(_)) => false,
        };
        server && client && (self.server_forgets || !offer.server_forgets)
    }

    fn agrees_on(&self) -> DeflateParams {
        common::agreed(
            self.server_forgets,
            self.client_forgets,
            self.server_bits.unwrap_or(15),
            self.client_bits.flatten().unwrap_or(15),
        )
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15 inclusive" (§7.1.2.1).
fn bits(value: &str) -> Option<u8> {
    let value = value.trim_matches('"');
    (8..=15).find(|bits: &u8| bits.to_string() == value)
}

/// What is in the field, by a reader that trusts its writer.
fn parse(field: &str) -> Vec<Element> {
    let element = |text: &str| {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap().to_owned();
        let params = parts.map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (part.to_owned(), None),
        });
        Element {
            name,
            params: params.collect(),
        }
    };
    field.split(',').map(|text| element(text.trim())).collect()
}

/// A config's knobs.
#[derive(Clone, Copy, Debug)]
struct Knobs {
    server_forgets: bool,
    client_forgets: bool,
    server_bits: u8,
    client_bits: u8,
    fallback: bool,
}

impl Knobs {
    fn random(random: &mut Random) -> Self {
        let mut bits = || {
            if random.once_in(2) {
                15
            } else {
                *random.pick(&[9, 10, 11, 12, 13, 14])
            }
        };
        let (server_bits, client_bits) = (bits(), bits());
        Self {
            server_forgets: random.once_in(2),
            client_forgets: random.once_in(2),
            server_bits,
            client_bits,
            fallback: random.once_in(2),
        }
    }

    fn config(&self) -> Arc<Config> {
        with(
            DeflateConfig::new()
                .server_no_context_takeover(self.server_forgets)
                .client_no_context_takeover(self.client_forgets)
                .server_max_window_bits(self.server_bits)
                .client_max_window_bits(self.client_bits)
                .fallback_offer(self.fallback),
        )
    }

    /// What a server of this config answers.
    fn answer(&self, offers: &[Element]) -> Option<Meaning> {
        let mut usable = offers.iter().filter_map(|offer| Meaning::of(offer, false));
        let offer = usable.find(|offer| offer.server_bits != Some(8))?;
        let server_bits = offer.server_bits.unwrap_or(15).min(self.server_bits);
        let client_bits = offer
            .client_bits
            .map(|most| most.unwrap_or(15).min(self.client_bits));
        Some(Meaning {
            server_forgets: offer.server_forgets || self.server_forgets,
            client_forgets: offer.client_forgets || self.client_forgets,
            server_bits: (offer.server_bits.is_some() || server_bits < 15).then_some(server_bits),
            client_bits: client_bits.filter(|bits| *bits < 15).map(Some),
        })
    }
}

/// An extension whose every part is right most of the time.
fn element(random: &mut Random) -> Element {
    const NAMES: [&str; 4] = [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
    ];
    const WRONG: [&str; 8] = ["7", "16", "0", "08", "-1", "1e1", "256", "x"];
    let name = if random.once_in(12) {
        "permessage-x"
    } else {
        "permessage-deflate"
    };
    let mut params = Vec::new();
    for known in NAMES {
        if random.once_in(2) {
            continue;
        }
        let window = known.ends_with("bits");
        let value = match random.within(0..40) {
            0 => Some((*random.pick(&WRONG)).to_owned()),
            1 => Some(String::from("\"10\"")),
            2 => None,
            3..12 if known == NAMES[3] => None,
            _ => window.then(|| random.within(8..16).to_string()),
        };
        params.push((known.to_owned(), value));
        if random.once_in(40) {
            params.push(params[random.within(0..params.len())].clone());
        }
        if random.once_in(60) {
            params.push((String::from("more"), None));
        }
    }
    if random.once_in(2) {
        params.reverse();
    }
    Element {
        name: name.to_owned(),
        params,
    }
}

fn field(elements: &[Element]) -> String {
    elements
        .iter()
        .map(Element::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn hostile_099_a_server_answers_as_the_model_does() {
    let mut random = Random::new(99);
    let (mut accepted, mut declined) = (0, 0);
    for _ in 0..4_000 {
        let knobs = Knobs::random(&mut random);
        let offers: Vec<Element> = (0..random.within(1..4))
            .map(|_| element(&mut random))
            .collect();
        let expected = knobs.answer(&offers);
        let answer = answer_of(&field(&offers), &knobs.config());
        let answered = answer.as_deref().map(|answer| {
            let elements = parse(answer);
            assert_eq!(elements.len(), 1, "{answer}");
            Meaning::of(&elements[0], true).expect(answer)
        });
        assert_eq!(answered, expected, "{knobs:?} {}", field(&offers));
        match answered {
            Some(answered) => {
                // And by the letter of the RFC: it answers one of the offers.
                let mut meant = offers.iter().filter_map(|offer| Meaning::of(offer, false));
                assert!(
                    meant.any(|offer| answered.answers(&offer)),
                    "{}",
                    field(&offers)
                );
                accepted += 1;
            }
            None => declined += 1,
        }
    }
    assert!(accepted > 1_000 && declined > 200, "{accepted} {declined}");
}

#[test]
fn hostile_099_a_client_takes_what_the_model_takes() {
    let mut random = Random::new(990);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let knobs = Knobs::random(&mut random);
        let config = knobs.config();
        let offers = parse(&start(&config).1.unwrap());
        let many = if random.once_in(20) { 2 } else { 1 };
        let answers: Vec<Element> = (0..many).map(|_| element(&mut random)).collect();
        let meaning = Meaning::of(&answers[0], true).filter(|meaning| {
            let mut meant = offers
                .iter()
                .map(|offer| Meaning::of(offer, false).expect("ours"));
            many == 1 && meant.any(|offer| meaning.answers(&offer))
        });
        let what = format!("{} to {}", field(&answers), field(&offers));
        match (reply(&config, &field(&answers)), meaning) {
            (Ok(connection), Some(meaning)) => {
                assert_eq!(connection.deflate(), Some(meaning.agrees_on()), "{what}");
                taken += 1;
            }
            (Err(error), None) => {
                assert_eq!(error, HandshakeError::ResponseExtensions, "{what}");
                refused += 1;
            }
            (result, meaning) => panic!("{what}: {result:?}, not {meaning:?}"),
        }
    }
    assert!(taken > 500 && refused > 1_000, "{taken} {refused}");
}

#[test]
fn clause_130_131_hostile_099_every_client_and_every_server_agree() {
    let mut random = Random::new(9_900);
    for _ in 0..2_000 {
        let (client, server) = (Knobs::random(&mut random), Knobs::random(&mut random));
        let offer = start(&client.config()).1.unwrap();
        let expected = server
            .answer(&parse(&offer))
            .expect("our own offer can be accepted");
        let answer = answer_of(&offer, &server.config()).expect(&offer);
        let connection = reply(&client.config(), &answer).expect(&answer);
        let params = connection.deflate().unwrap();
        assert_eq!(params, expected.agrees_on(), "{offer}: {answer}");
        // Each end has at least what its own config asks for of itself.
        assert!(params.server_no_context_takeover >= server.server_forgets);
        assert!(params.server_max_window_bits <= server.server_bits);
        assert!(params.client_no_context_takeover >= server.client_forgets);
        // A server that knows no compression is fine, too.
        let connection = reply_lines(&client.config(), "").unwrap();
        assert_eq!(connection.deflate(), None);
    }
}
