//! Whose signature makes a certificate trusted: files that are named, or the platform's store.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::Finding;
use crate::files;
use crate::x509::{Certificate, date};

/// The authorities that are trusted.
#[derive(Debug)]
pub(crate) struct Trust {
    /// What rustls needs of them.
    pub(crate) roots: Arc<RootCertStore>,
    /// The very certificates that were named: one that is shown itself needs no issuer.
    pub(crate) named: HashSet<CertificateDer<'static>>,
    /// Where they come from, for people.
    pub(crate) source: String,
}

impl Trust {
    /// The authorities in the files of `ca_certificates`. What is found out is added to `findings`.
    pub(crate) fn files(paths: &[PathBuf], now: u64, findings: &mut Vec<Finding>) -> Option<Trust> {
        let mut roots = RootCertStore::empty();
        let mut named = HashSet::new();
        let mut complete = true;
        for (index, path) in paths.iter().enumerate() {
            let key = format!("ca_certificates[{index}]");
            let certificates = match files::certificates(path) {
                Ok(certificates) => certificates,
                Err(error) => {
                    findings.push(Finding::error(key, error));
                    complete = false;
                    continue;
                }
            };
            for certificate in certificates {
                if let Err(error) = roots.add(certificate.clone()) {
                    let problem =
                        format!("a certificate in '{}' cannot be an authority: {error}", path.display());
                    findings.push(Finding::error(&key, problem));
                    complete = false;
                }
                if let Ok(read) = Certificate::read(&certificate)
                    && now > read.validity().1
                {
                    findings.push(Finding::warning(
                        &key,
                        format!(
                            "the authority {} in '{}' expired at {}; what it issued is still accepted until you remove it",
                            read.subject(),
                            path.display(),
                            date(read.validity().1)
                        ),
                    ));
                }
                named.insert(certificate);
            }
        }
        let files: Vec<String> = paths.iter().map(|path| format!("'{}'", path.display())).collect();
        let source = format!("the authorities in {}", files.join(", "));
        complete.then(|| Trust { roots: Arc::new(roots), named, source })
    }

    /// The authorities that the platform trusts.
    pub(crate) fn platform(findings: &mut Vec<Finding>) -> Option<Trust> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let mut problem =
                "this machine's store has no certificate authorities; install them (Debian: the package \
                               ca-certificates), or name the files to trust in ca_certificates"
                    .to_owned();
            if let Some(error) = found.errors.first() {
                problem.push_str(&format!(" ({error})"));
            }
            findings.push(Finding::error("ca_certificates", problem));
            return None;
        }
        let source = format!("the {added} authorities in this machine's store");
        Some(Trust { roots: Arc::new(roots), named: HashSet::new(), source })
    }

    /// Whether both trust the same certificates. Only for those that come from files.
    pub(crate) fn is_same_as(&self, other: &Trust) -> bool {
        self.named == other.named
    }
}
