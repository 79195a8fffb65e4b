//! Texts that are nobody's business: wiped from memory when dropped, compared in constant time, never printed.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password, a ticket, or what is derived from one.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The secret's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is the secret. How long that takes tells neither where they differ nor how long the secret is.
    pub fn is(&self, text: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(self.as_bytes()), Sha256::digest(text.as_bytes()));
        ours.ct_eq(&theirs).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(Zeroizing::new(text.to_owned()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.as_str())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_itself_alone_and_never_printed() {
        let secret = Secret::from("s3cret");
        assert!(secret.is("s3cret"));
        for other in ["", "s3cre", "s3cret ", "S3cret"] {
            assert!(!secret.is(other), "{other}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
