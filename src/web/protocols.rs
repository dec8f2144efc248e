//! The second argument of the constructor.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::SyntaxError;
use crate::proto::handshake::is_token;

/// Subprotocols that a program asks for: one or a list, the one liked best first.
///
/// ```
/// use sansock::web::{Protocols, SyntaxError};
///
/// assert_eq!(Protocols::from("chat"), Protocols::from(["chat"]));
/// assert_eq!(Protocols::from(["echo", "eCho"]).check(), Err(SyntaxError::RepeatedProtocol));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protocols(Vec<String>);

impl Protocols {
    /// No subprotocol.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether each is a token, and none is there twice: compared without case, as all browsers
    /// do, although case counts on the wire.
    ///
    /// # Errors
    ///
    /// [`SyntaxError::Protocol`] or [`SyntaxError::RepeatedProtocol`].
    pub fn check(&self) -> Result<(), SyntaxError> {
        for (at, name) in self.0.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                return Err(SyntaxError::Protocol);
            }
            let before = self.0.get(..at).unwrap_or_default();
            if before.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(SyntaxError::RepeatedProtocol);
            }
        }
        Ok(())
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether none is asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Protocols {
    fn from(name: &str) -> Self {
        Self([name.to_owned()].into())
    }
}

impl From<String> for Protocols {
    fn from(name: String) -> Self {
        Self([name].into())
    }
}

impl From<Vec<String>> for Protocols {
    fn from(names: Vec<String>) -> Self {
        Self(names)
    }
}

impl From<&[&str]> for Protocols {
    fn from(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.to_owned()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Protocols {
    fn from(names: [&str; N]) -> Self {
        Self::from(&names[..])
    }
}
