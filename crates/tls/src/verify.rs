//! Verifying certificates as rustls does, and saying in words why one was refused.
//!
//! The words cannot travel in rustls's error without changing the alert that the peer is sent. They wait with the task
//! whose handshake it is: see [`explained`].

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::settings::ClientAuth;
use crate::trust::Trust;
use crate::x509::{Certificate, date};

tokio::task_local! {
    static WHY: Cell<Option<String>>;
}

/// Runs a handshake, and yields besides what comes of it why a certificate was refused in it.
pub(crate) async fn explained<F: Future>(handshake: F) -> (F::Output, Option<String>) {
    let scope = WHY.scope(Cell::new(None), async {
        let output = handshake.await;
        (output, WHY.with(Cell::take))
    });
    scope.await
}

/// Notes why, for the handshake that is running.
fn note(why: String) {
    // Outside of one nobody listens.
    let _ = WHY.try_with(|cell| cell.set(Some(why)));
}

/// Verifies servers.
#[derive(Debug)]
pub(crate) struct Servers {
    inner: Arc<WebPkiServerVerifier>,
    trust: Trust,
}

impl Servers {
    pub(crate) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let inner = WebPkiServerVerifier::builder_with_provider(trust.roots.clone(), provider).build();
        Ok(Servers { inner: inner.map_err(|error| error.to_string())?, trust })
    }

    /// The certificate itself was named as trusted: then it needs no issuer, only the right name and time.
    fn pinned(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Result<ServerCertVerified, Error>> {
        self.trust.named.contains(leaf).then(|| {
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
            in_time(leaf, now).map(|()| ServerCertVerified::assertion())
        })
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self
            .pinned(leaf, name, now)
            .unwrap_or_else(|| self.inner.verify_server_cert(leaf, between, name, ocsp, now));
        if let Err(Error::InvalidCertificate(error)) = &result {
            note(Refusal { error, leaf, between, now, trust: &self.trust, name: Some(name) }.words());
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Verifies clients.
#[derive(Debug)]
pub(crate) struct Clients {
    inner: Arc<dyn ClientCertVerifier>,
    trust: Arc<Trust>,
}

impl Clients {
    pub(crate) fn new(
        trust: Arc<Trust>,
        auth: ClientAuth,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut builder = WebPkiClientVerifier::builder_with_provider(trust.roots.clone(), provider);
        if auth != ClientAuth::Required {
            builder = builder.allow_unauthenticated();
        }
        Ok(Clients { inner: builder.build().map_err(|error| error.to_string())?, trust })
    }
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let result = if self.trust.named.contains(leaf) {
            in_time(leaf, now).map(|()| ClientCertVerified::assertion())
        } else {
            self.inner.verify_client_cert(leaf, between, now)
        };
        if let Err(Error::InvalidCertificate(error)) = &result {
            note(Refusal { error, leaf, between, now, trust: &self.trust, name: None }.words());
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Whether a certificate is valid at this time.
fn in_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let read = Certificate::read(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let (not_before, not_after) = read.validity();
    let error = match now.as_secs() {
        time if time < not_before => CertificateError::NotValidYet,
        time if time > not_after => CertificateError::Expired,
        _ => return Ok(()),
    };
    Err(error.into())
}

/// A certificate that was refused, and all that is known about it.
struct Refusal<'a> {
    error: &'a CertificateError,
    leaf: &'a CertificateDer<'a>,
    between: &'a [CertificateDer<'a>],
    now: UnixTime,
    trust: &'a Trust,
    /// The name that a server should have.
    name: Option<&'a ServerName<'a>>,
}

impl Refusal<'_> {
    /// Why, in a sentence.
    fn words(&self) -> String {
        let Ok(leaf) = Certificate::read(self.leaf) else {
            return format!("its certificate cannot be read: {}", self.error);
        };
        let whose = format!("the certificate of {}", leaf.subject());
        match self.error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                let (subject, end) =
                    self.out_of_time(|(_, not_after), now| now > not_after, |(_, end)| end, &leaf);
                format!("the certificate of {subject} expired at {}", date(end))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let (subject, begin) =
                    self.out_of_time(|(not_before, _), now| now < not_before, |(begin, _)| begin, &leaf);
                format!(
                    "the certificate of {subject} is not valid before {}; it is {} by the clock of this machine",
                    date(begin),
                    date(self.now.as_secs())
                )
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let wanted = self.name.map(ServerName::to_str).unwrap_or_default();
                let names = leaf.host_names();
                if names.is_empty() {
                    format!("{whose} is for no host name at all, so not for '{wanted}'")
                } else {
                    format!("{whose} is for {}, not for '{wanted}'", names.join(", "))
                }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                let purpose = if self.name.is_some() { "servers" } else { "clients" };
                format!("{whose} is not for {purpose} (extendedKeyUsage)")
            }
            // Also where rustls has another word for it, such as that it is an authority itself.
            _ if leaf.is_self_issued() => {
                format!("{whose} is signed by itself and not among {}", self.trust.source)
            }
            CertificateError::UnknownIssuer => {
                format!(
                    "{whose} is issued by {}, which is not among {}",
                    self.missing(leaf),
                    self.trust.source
                )
            }
            CertificateError::BadSignature => {
                format!("{whose} has no valid signature of its issuer {}", leaf.issuer())
            }
            error => format!("{whose} is refused: {error}"),
        }
    }

    /// The certificate of the chain whose time is wrong, and the moment.
    fn out_of_time(
        &self,
        wrong: impl Fn((u64, u64), u64) -> bool,
        moment: impl Fn((u64, u64)) -> u64,
        leaf: &Certificate,
    ) -> (String, u64) {
        let now = self.now.as_secs();
        let chain =
            std::iter::once(self.leaf).chain(self.between).filter_map(|der| Certificate::read(der).ok());
        let found = chain.into_iter().find(|certificate| wrong(certificate.validity(), now));
        match found {
            Some(certificate) => (certificate.subject(), moment(certificate.validity())),
            None => (leaf.subject(), moment(leaf.validity())),
        }
    }

    /// The issuer at which the chain ends.
    fn missing(&self, leaf: Certificate) -> String {
        let mut others: Vec<Certificate> =
            self.between.iter().filter_map(|der| Certificate::read(der).ok()).collect();
        let mut last = leaf;
        while let Some(index) = others.iter().position(|other| last.is_issued_by(other)) {
            last = others.swap_remove(index);
        }
        last.issuer()
    }
}
