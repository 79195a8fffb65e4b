//! In what the two dialects of SCRAM differ.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use zeroize::Zeroizing;

use super::Kdf;
use crate::Method;
use crate::transport::Bound;

/// A dialect of SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `scram`: Crossbar.io and Autobahn. No escapes, no channel binding, and Argon2's output as text.
    Crossbar,
    /// `wamp-scram`: the WAMP specification.
    Wamp,
}

impl Dialect {
    pub(crate) fn of(method: Method) -> Self {
        if method == Method::Scram { Dialect::Crossbar } else { Dialect::Wamp }
    }

    /// Whether clients of this dialect salt passwords so.
    pub(crate) fn computes(self, kdf: Kdf) -> bool {
        match kdf {
            Kdf::Pbkdf2 => true,
            Kdf::Argon2id13Text => self == Dialect::Crossbar,
            Kdf::Argon2id13 => self == Dialect::Wamp,
        }
    }

    /// How passwords are salted when nothing says how.
    pub(crate) fn favourite(self) -> Kdf {
        match self {
            Dialect::Crossbar => Kdf::Argon2id13Text,
            Dialect::Wamp => Kdf::Argon2id13,
        }
    }

    /// An authid as it stands in the signed message.
    pub(crate) fn escape(self, authid: &str) -> String {
        match self {
            Dialect::Crossbar => authid.to_owned(),
            Dialect::Wamp => authid.replace('=', "=3D").replace(',', "=2C"),
        }
    }

    /// The value of `c=`.
    pub(crate) fn binding(self, bound: Option<Bound>) -> String {
        match (self, bound) {
            (Dialect::Crossbar, _) => String::new(),
            (Dialect::Wamp, None) => BASE64_STANDARD.encode("n,,"),
            (Dialect::Wamp, Some(Bound { name, id })) => {
                let header = format!("p={name},,");
                BASE64_STANDARD.encode([header.as_bytes(), &id].concat())
            }
        }
    }

    /// SaltedPassword from the 32 bytes that the KDF gives.
    pub(crate) fn salted(kdf: Kdf, derived: &[u8; 32]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match kdf {
            Kdf::Argon2id13Text => BASE64_STANDARD_NO_PAD.encode(derived).into_bytes(),
            Kdf::Argon2id13 | Kdf::Pbkdf2 => derived.to_vec(),
        })
    }
}

/// A name or password as SASLprep (RFC 4013) has it; none where that forbids it.
pub(crate) fn prepare(text: &str) -> Option<String> {
    stringprep::saslprep(text).ok().map(|prepared| prepared.into_owned())
}
