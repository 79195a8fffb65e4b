//! A text that is never shown.

use std::fmt;

/// A secret of a configuration. Neither `Debug` nor any finding shows it.
///
/// Comparing two of them takes a time that tells how far they agree: it is for telling configurations apart, never for
/// checking what a peer sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
