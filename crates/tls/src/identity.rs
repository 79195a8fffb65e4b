//! A private key and its certificate with the chain: loaded, checked against each other, and looked through for what
//! operators get wrong.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::error::{FileError, Finding};
use crate::files;
use crate::settings::KeyPairSettings;
use crate::x509::{Certificate, date};

/// Days before the end of a certificate's validity at which it is warned of.
pub(crate) const WARN_DAYS: [u64; 3] = [30, 7, 1];

/// Seconds of a day.
pub(crate) const DAY: u64 = 24 * HOUR;

const HOUR: u64 = 60 * 60;

/// What one end shows of itself.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What rustls needs of it.
    pub(crate) certified: Arc<CertifiedKey>,
    /// The host names of the certificate, in lower case, wildcards included.
    pub(crate) dns_names: Vec<String>,
    /// Whose it is, for people.
    pub(crate) subject: String,
    /// Until when it is valid, in seconds since 1970.
    pub(crate) not_after: u64,
    /// The file of the certificate.
    pub(crate) path: PathBuf,
    /// The kind of the key.
    pub(crate) algorithm: SignatureAlgorithm,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Server,
    Client,
}

impl Identity {
    /// Loads a pair. `before` stands before the names of its keys. What is found out is added to `findings`; without an
    /// error among it there is an identity.
    pub(crate) fn load(
        before: &str,
        pair: &KeyPairSettings,
        purpose: Purpose,
        now: u64,
        findings: &mut Vec<Finding>,
    ) -> Option<Identity> {
        let key_name = format!("{before}key");
        let certificate_name = format!("{before}certificate");
        let mut chain = note(&certificate_name, files::certificates(&pair.certificate), findings);
        for (index, path) in pair.chain_certificates.iter().enumerate() {
            let name = format!("{before}chain_certificates[{index}]");
            let further = note(&name, files::certificates(path), findings);
            chain = chain.zip(further).map(|(chain, further)| [chain, further].concat());
        }
        let key = note(&key_name, files::private_key(&pair.key), findings);
        if key.is_some() && files::is_world_readable(&pair.key) {
            let path = pair.key.display();
            findings.push(Finding::warning(
                &key_name,
                format!(
                    "everybody on this machine may read the private key '{path}'; remedy: `chmod o-r {path}`"
                ),
            ));
        }
        let usable =
            |key| any_supported_type(&key).map_err(|_| FileError::UnusableKey { path: pair.key.clone() });
        let key = note(&key_name, key.map(usable)?, findings);
        let (chain, key) = (chain?, key?);
        let read = note(&certificate_name, read_all(&chain, pair), findings)?;
        let leaf = read.first()?;
        if let Some(spki) = key.public_key()
            && !leaf.has_public_key(&spki)
        {
            let mismatch = FileError::Mismatch {
                key: pair.key.clone(),
                certificate: pair.certificate.clone(),
                subject: leaf.subject(),
                position: read.iter().position(|certificate| certificate.has_public_key(&spki)),
            };
            findings.push(Finding::error(&key_name, mismatch));
            return None;
        }
        inspect(&certificate_name, pair, &read, purpose, now, findings);
        Some(Identity {
            dns_names: leaf.dns_names(),
            subject: leaf.subject(),
            not_after: leaf.validity().1,
            path: pair.certificate.clone(),
            algorithm: key.algorithm(),
            certified: Arc::new(CertifiedKey::new(chain, key)),
        })
    }
}

/// Takes a result apart: its error becomes a finding.
fn note<T>(key: &str, result: Result<T, FileError>, findings: &mut Vec<Finding>) -> Option<T> {
    result.map_err(|error| findings.push(Finding::error(key, error))).ok()
}

fn read_all(chain: &[CertificateDer<'_>], pair: &KeyPairSettings) -> Result<Vec<Certificate>, FileError> {
    let read = |der: &CertificateDer<'_>| {
        Certificate::read(der)
            .map_err(|problem| FileError::BadCertificate { path: pair.certificate.clone(), problem })
    };
    chain.iter().map(read).collect()
}

/// Looks for what works but not as expected.
fn inspect(
    name: &str,
    pair: &KeyPairSettings,
    chain: &[Certificate],
    purpose: Purpose,
    now: u64,
    findings: &mut Vec<Finding>,
) {
    let path = pair.certificate.display();
    let mut warn = |message: String| findings.push(Finding::warning(name, message));
    for certificate in chain {
        if let Some(problem) = outlived(certificate, now) {
            warn(format!("the certificate of {} in '{path}' {problem}", certificate.subject()));
        }
    }
    for (one, next) in chain.iter().zip(chain.iter().skip(1)) {
        if !one.is_issued_by(next) {
            warn(format!(
                "the chain of '{path}' is broken: the certificate of {} is issued by {}, but that of {} follows; put each \
                 certificate after the one that it issued",
                one.subject(),
                one.issuer(),
                next.subject()
            ));
            break;
        }
    }
    let Some(leaf) = chain.first() else { return };
    if chain.len() == 1 && !leaf.is_self_issued() && leaf.tells_where_its_issuer_is() {
        warn(format!(
            "'{path}' has no certificate of the issuer {}, and some clients will not trust it; use the file with the full \
             chain (certbot: fullchain.pem), or give the issuer's in chain_certificates",
            leaf.issuer()
        ));
    }
    if purpose == Purpose::Server {
        if leaf.host_names().is_empty() {
            warn(format!(
                "the certificate of {} in '{path}' is for no host name (it has no subjectAltName), and clients will refuse it",
                leaf.subject()
            ));
        }
        if !leaf.is_for_servers() {
            warn(format!(
                "the certificate of {} in '{path}' is not for servers (extendedKeyUsage), and clients will refuse it",
                leaf.subject()
            ));
        }
    }
}

/// Why a certificate is not valid now, or not for long.
pub(crate) fn outlived(certificate: &Certificate, now: u64) -> Option<String> {
    let (not_before, not_after) = certificate.validity();
    if now < not_before {
        return Some(format!("is not valid before {}; check the clock of this machine", date(not_before)));
    }
    ending(not_after, now)
}

/// What to say of the end of a certificate's validity when it is over or near.
pub(crate) fn ending(not_after: u64, now: u64) -> Option<String> {
    if now > not_after {
        return Some(format!("expired at {}; renew it", date(not_after)));
    }
    let left = not_after - now;
    let near = WARN_DAYS.iter().any(|days| left <= days * DAY);
    let left = if left < 2 * DAY { format!("{} hours", left / HOUR) } else { format!("{} days", left / DAY) };
    near.then(|| format!("expires at {}, in {left}; renew it", date(not_after)))
}
