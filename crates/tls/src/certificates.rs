//! Which certificate a client is shown: by the name that it asks for, and by what it can verify.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureAlgorithm, SignatureScheme};

use crate::identity::Identity;

/// The certificates of one endpoint. The first is the default: it is shown to clients that ask for no name, or for one
/// that no certificate has.
#[derive(Debug)]
pub(crate) struct Certificates {
    identities: Vec<Arc<Identity>>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Certificates {
    pub(crate) fn new(identities: Vec<Arc<Identity>>) -> Self {
        let mut by_name = HashMap::<String, Vec<usize>>::new();
        for (index, identity) in identities.iter().enumerate() {
            for name in &identity.dns_names {
                by_name.entry(name.clone()).or_default().push(index);
            }
        }
        Certificates { identities, by_name }
    }

    /// All of them, the default first.
    pub(crate) fn identities(&self) -> &[Arc<Identity>] {
        &self.identities
    }

    /// The certificates for a name: those that have it, else those that have a wildcard for it (RFC 6125, section
    /// 6.4.3), else the default.
    fn named(&self, name: Option<&str>) -> impl Iterator<Item = &Arc<Identity>> {
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let found = name.and_then(|name| {
            self.by_name.get(&name).or_else(|| {
                let (_, parent) = name.split_once('.')?;
                self.by_name.get(&format!("*.{parent}"))
            })
        });
        let found = found.map_or(&[0][..], Vec::as_slice);
        found.iter().filter_map(|index| self.identities.get(*index))
    }

    /// The first certificate for the name that this client can verify, or the first at all.
    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        suites: &[CipherSuite],
    ) -> Option<&Arc<Identity>> {
        let fits = |identity: &&Arc<Identity>| {
            identity.certified.key.choose_scheme(schemes).is_some()
                && suites.iter().any(|suite| can_carry(*suite, identity.algorithm))
        };
        self.named(name).find(fits).or_else(|| self.named(name).next())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes(), hello.cipher_suites())
            .map(|identity| identity.certified.clone())
    }
}

/// Whether a suite can be used with a certificate of this kind. Suites of TLS 1.3 can with every kind.
fn can_carry(suite: CipherSuite, algorithm: SignatureAlgorithm) -> bool {
    let Some(name) = suite.as_str() else { return false };
    match algorithm {
        _ if name.starts_with("TLS13_") => true,
        SignatureAlgorithm::RSA => name.contains("DHE_RSA"),
        // Suites "ECDSA" are used with Ed25519 too (RFC 8422, section 5.10).
        SignatureAlgorithm::ECDSA | SignatureAlgorithm::ED25519 => name.contains("ECDHE_ECDSA"),
        _ => false,
    }
}
