//! `tls`: the certificate that the client showed in the TLS handshake, which has checked it already. Source: WAMP
//! specification, "TLS-based Authentication"; there is no CHALLENGE.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use transom_wamp::{Dict, Text};

use crate::dynamic::{self, Dynamic, Then};
use crate::login::{Given, Login};
use crate::{Step, hex};

/// `tls` of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSettings {
    /// The certificates are known.
    Static {
        /// Each principal by its authid.
        principals: HashMap<String, TlsPrincipal>,
        /// The role of principals without one (`default-role`). Default: they are refused.
        default_role: Option<Text>,
    },
    /// An authenticator gets the certificate and decides.
    Dynamic(Dynamic),
}

/// A principal of `tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPrincipal {
    /// Its certificate (`certificate-sha1` or `certificate-sha256`).
    pub certificate: Fingerprint,
    /// Its role.
    pub role: Option<Text>,
}

/// The hash of a certificate's DER. Reads and writes itself as pairs of hexadecimal digits with colons between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// SHA-1, 20 pairs.
    Sha1([u8; 20]),
    /// SHA-256, 32 pairs.
    Sha256([u8; 32]),
}

/// A text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fingerprint is 20 (SHA-1) or 32 (SHA-256) pairs of hexadecimal digits with colons between them, as in 'B6:E5:…'"
)]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        if !text.split(':').all(|pair| pair.len() == 2) {
            return Err(NoFingerprint);
        }
        let bytes = hex::decode(&text.replace(':', "")).map_err(|_| NoFingerprint)?;
        let sha1 = |bytes: &Vec<u8>| <[u8; 20]>::try_from(&**bytes).map(Fingerprint::Sha1);
        let sha256 = |bytes: &Vec<u8>| <[u8; 32]>::try_from(&**bytes).map(Fingerprint::Sha256);
        sha1(&bytes).or_else(|_| sha256(&bytes)).map_err(|_| NoFingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash: &[u8] = match self {
            Fingerprint::Sha1(hash) => hash,
            Fingerprint::Sha256(hash) => hash,
        };
        let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&pairs.join(":"))
    }
}

/// `tls` at work.
#[derive(Debug)]
pub(crate) enum Tls {
    Static {
        /// Authid and role by the certificate's fingerprint as it is written. Several may have one certificate.
        principals: HashMap<String, Vec<(Text, Option<Text>)>>,
        default_role: Option<Text>,
    },
    Dynamic(Dynamic),
}

impl From<TlsSettings> for Tls {
    fn from(settings: TlsSettings) -> Self {
        match settings {
            TlsSettings::Static { principals, default_role } => {
                let mut by_certificate: HashMap<String, Vec<_>> = HashMap::new();
                for (authid, TlsPrincipal { certificate, role }) in principals {
                    by_certificate.entry(certificate.to_string()).or_default().push((authid.into(), role));
                }
                by_certificate.values_mut().for_each(|all| all.sort());
                Tls::Static { principals: by_certificate, default_role }
            }
            TlsSettings::Dynamic(dynamic) => Tls::Dynamic(dynamic),
        }
    }
}

impl Tls {
    /// Begins with a HELLO, and decides at once.
    pub(crate) fn start(&self, login: Login) -> Step {
        match self {
            Tls::Static { principals, default_role } => {
                let info = login.transport.info.clone();
                let Some(shown) = info.tls.as_ref().and_then(|tls| tls.peer()) else {
                    return login.denied("the client showed no TLS certificate");
                };
                let named = |authid: &Text| login.authid.as_ref().is_none_or(|wished| wished == authid);
                let found = [&shown.sha1, &shown.sha256]
                    .into_iter()
                    .filter_map(|fingerprint| principals.get(fingerprint))
                    .flatten()
                    .find(|(authid, _)| named(authid));
                let Some((authid, role)) = found else {
                    return login.denied(format!("no principal has the certificate {}", shown.sha256));
                };
                let (authid, role) = (Some(authid.clone()), role.clone());
                login.welcome(Given { authid, role, ..Given::default() }, default_role.as_ref())
            }
            Tls::Dynamic(dynamic) => dynamic::ask(login, dynamic, Dict::default(), Then::Welcome),
        }
    }
}
