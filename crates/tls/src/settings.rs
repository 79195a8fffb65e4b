//! What can be set, key by key as a node's configuration names it. Plain data: paths are used as they are given, so
//! whoever fills these in has resolved them.

use std::path::PathBuf;

/// TLS on a listening endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsListenSettings {
    /// `key`: the private key, PEM (PKCS#8, PKCS#1 or SEC1), not encrypted.
    pub key: PathBuf,
    /// `certificate`: the certificate, PEM; further certificates in the file are its chain.
    pub certificate: PathBuf,
    /// `chain_certificates`: PEM files whose certificates are sent after it, in this order.
    pub chain_certificates: Vec<PathBuf>,
    /// `certificates`: further pairs, chosen by the name that a client asks for. The names are those in the certificates.
    pub certificates: Vec<KeyPairSettings>,
    /// `ca_certificates`: PEM files with the issuers of client certificates.
    pub ca_certificates: Vec<PathBuf>,
    /// `client_auth`: whether clients must show a certificate. Default: required where there are `ca_certificates`, else
    /// none.
    pub client_auth: Option<ClientAuth>,
    /// `ciphers`: an OpenSSL cipher list for TLS 1.2. Default: every suite there is.
    pub ciphers: Option<String>,
    /// `dhparam`: PEM file with Diffie-Hellman parameters, for DHE suites of TLS 1.2.
    pub dhparam: Option<PathBuf>,
    /// `session_tickets`: whether clients may resume sessions by tickets. Their keys rotate.
    pub session_tickets: bool,
    /// `watch`: whether the files are read again when they change.
    pub watch: bool,
    /// `min_version`.
    pub min_version: MinVersion,
    /// Protocols to choose from by ALPN, most wanted first. A client that offers none of them is served without. Not a
    /// key of the configuration: what the transport speaks decides.
    pub alpn: Vec<String>,
}

impl TlsListenSettings {
    /// Settings with the defaults of the configuration.
    pub fn new(key: impl Into<PathBuf>, certificate: impl Into<PathBuf>) -> Self {
        TlsListenSettings {
            key: key.into(),
            certificate: certificate.into(),
            chain_certificates: Vec::new(),
            certificates: Vec::new(),
            ca_certificates: Vec::new(),
            client_auth: None,
            ciphers: None,
            dhparam: None,
            session_tickets: true,
            watch: true,
            min_version: MinVersion::default(),
            alpn: Vec::new(),
        }
    }

    /// All pairs, each with what stands before its keys; the default one comes first.
    pub(crate) fn pairs(&self) -> Vec<(String, KeyPairSettings)> {
        let default = KeyPairSettings {
            key: self.key.clone(),
            certificate: self.certificate.clone(),
            chain_certificates: self.chain_certificates.clone(),
        };
        let further = self.certificates.iter().enumerate();
        let further = further.map(|(index, pair)| (format!("certificates[{index}]."), pair.clone()));
        std::iter::once((String::new(), default)).chain(further).collect()
    }

    /// What `client_auth` comes to.
    pub(crate) fn client_auth(&self) -> ClientAuth {
        let inferred = if self.ca_certificates.is_empty() { ClientAuth::None } else { ClientAuth::Required };
        self.client_auth.unwrap_or(inferred)
    }
}

/// A private key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairSettings {
    /// `key`, as in [`TlsListenSettings::key`].
    pub key: PathBuf,
    /// `certificate`, as in [`TlsListenSettings::certificate`].
    pub certificate: PathBuf,
    /// `chain_certificates`, as in [`TlsListenSettings::chain_certificates`].
    pub chain_certificates: Vec<PathBuf>,
}

/// TLS on a connecting endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConnectSettings {
    /// `hostname`: the name or IP address that the server's certificate must be for; a name is also what is asked for.
    pub hostname: String,
    /// `ca_certificates`: PEM files with the only issuers that are trusted. Default: the platform's store.
    pub ca_certificates: Vec<PathBuf>,
    /// `key` of a client certificate, PEM, not encrypted.
    pub key: Option<PathBuf>,
    /// `certificate` for servers that ask for one, PEM, its chain after it.
    pub certificate: Option<PathBuf>,
    /// `min_version`.
    pub min_version: MinVersion,
    /// Protocols to offer by ALPN. Servers may fail a handshake that offers any, so the default is none.
    pub alpn: Vec<String>,
}

impl TlsConnectSettings {
    /// Settings with the defaults of the configuration.
    pub fn new(hostname: impl Into<String>) -> Self {
        TlsConnectSettings {
            hostname: hostname.into(),
            ca_certificates: Vec::new(),
            key: None,
            certificate: None,
            min_version: MinVersion::default(),
            alpn: Vec::new(),
        }
    }
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked; one that is shown must be valid.
    Optional,
    /// They are asked, and the handshake fails without a valid one.
    Required,
}

/// The lowest version that is spoken. TLS 1.3 always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}
