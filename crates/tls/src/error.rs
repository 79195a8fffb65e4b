//! What can be wrong with settings and files, and what went wrong in a handshake, in words that say what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It works, but not as somebody expects.
    Warning,
    /// It does not work.
    Error,
}

/// Something that was found out about settings or the files that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The key it is about, as in `certificates[0].key`.
    pub key: String,
    /// What is wrong, with the path, and what to do.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(severity: Severity, key: impl Into<String>, message: impl fmt::Display) -> Self {
        Finding { severity, key: key.into(), message: message.to_string() }
    }

    pub(crate) fn note(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Finding::new(Severity::Note, key, message)
    }

    pub(crate) fn warning(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Finding::new(Severity::Warning, key, message)
    }

    pub(crate) fn error(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Finding::new(Severity::Error, key, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Settings that nothing can be made of: all the errors, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<Finding>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// What came of settings: something, with what is to be said of it, or all the errors.
pub(crate) fn outcome<T>(made: Option<T>, findings: Vec<Finding>) -> Result<(T, Vec<Finding>), Refused> {
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    match made {
        Some(made) if !findings.iter().any(is_error) => Ok((made, findings)),
        _ => Err(Refused(findings.into_iter().filter(is_error).collect())),
    }
}

/// What is wrong with one file, or with a key and its certificate together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot read '{}': {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("'{}' is larger than {max} bytes, which no file of this kind is", path.display())]
    TooLarge { path: PathBuf, max: u64 },
    #[error("'{}' is not PEM but DER; convert it, for example with `openssl {} -inform der`", path.display(), converter)]
    Der { path: PathBuf, converter: &'static str },
    #[error("'{}' holds no {wanted}{}", path.display(), Instead(found))]
    Missing { path: PathBuf, wanted: &'static str, found: Vec<String> },
    #[error("the private key in '{}' is encrypted; write it out without its passphrase, for example with `openssl pkey -in {} -out KEY`", path.display(), path.display())]
    Encrypted { path: PathBuf },
    #[error("'{}' is damaged PEM: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("a certificate in '{}' cannot be read as X.509: {problem}", path.display())]
    BadCertificate { path: PathBuf, problem: String },
    #[error("the private key in '{}' cannot be used: it must be RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519", path.display())]
    UnusableKey { path: PathBuf },
    #[error("the private key in '{}' does not belong to the certificate of {subject} in '{}'{}", key.display(), certificate.display(), Elsewhere(*position))]
    Mismatch { key: PathBuf, certificate: PathBuf, subject: String, position: Option<usize> },
}

/// What was found instead of what was wanted.
struct Instead<'a>(&'a [String]);

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("; it has no PEM section at all"),
            found => write!(f, " but {}", found.join(", ")),
        }
    }
}

/// Where in the file the certificate stands that the key does belong to.
struct Elsewhere(Option<usize>);

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("; give the key that the certificate was made with"),
            Some(at) => write!(
                f,
                ", the first in the file, but to number {}; the server's own certificate must come first",
                at + 1
            ),
        }
    }
}
