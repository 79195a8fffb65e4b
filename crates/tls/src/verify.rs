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
    static NOTED: Noted;
}

/// What is found out within a handshake and does not stand in its result.
#[derive(Default)]
struct Noted {
    why: Cell<Option<Untrusted>>,
    asked: Cell<bool>,
    asked_in_vain: Cell<bool>,
}

/// What a handshake tells besides its result.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Why a certificate was refused in it, if one was.
    pub(crate) why: Option<Untrusted>,
    /// Whether the server asked for a client certificate.
    pub(crate) asked: bool,
    /// Whether there was none to show.
    pub(crate) asked_in_vain: bool,
}

/// Runs a handshake, and yields besides what comes of it what else it tells.
pub(crate) async fn explained<F: Future>(handshake: F) -> (F::Output, Told) {
    let scope = NOTED.scope(Noted::default(), async {
        let output = handshake.await;
        (
            output,
            NOTED.with(|noted| Told {
                why: noted.why.take(),
                asked: noted.asked.get(),
                asked_in_vain: noted.asked_in_vain.get(),
            }),
        )
    });
    scope.await
}

/// Notes why, for the handshake that is running.
fn note(why: Untrusted) {
    // Outside of one nobody listens.
    let _ = NOTED.try_with(|noted| noted.why.set(Some(why)));
}

/// Notes that the server of the handshake that is running asks for a client certificate, and whether in vain.
pub(crate) fn note_asked(in_vain: bool) {
    let _ = NOTED.try_with(|noted| {
        noted.asked.set(true);
        noted.asked_in_vain.set(in_vain);
    });
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
            note(Refusal { error, leaf, between, now, trust: &self.trust, name: Some(name) }.told());
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
            note(Refusal { error, leaf, between, now, trust: &self.trust, name: None }.told());
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

/// Why the certificate of a peer was refused. It is the source of the error of the step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {peer} is not trusted: {words}")]
#[non_exhaustive]
pub struct Untrusted {
    /// `server` or `client`.
    pub peer: &'static str,
    /// The kind of fault.
    pub reason: UntrustedReason,
    /// The fault in a sentence, with the names and times that it is about.
    pub words: String,
    /// The certificates that it showed, its own first, each in DER.
    pub chain: Vec<Vec<u8>>,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UntrustedReason {
    /// It, or one in its chain, is not valid any more.
    Expired,
    /// It, or one in its chain, is not valid yet.
    NotYetValid,
    /// It is for other names than the one that was asked for.
    WrongName,
    /// Its issuer is none of those that are trusted.
    UnknownIssuer,
    /// It is signed by itself and not trusted itself.
    SelfSigned,
    /// It is for another use.
    WrongPurpose,
    /// Anything else.
    Other,
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
    /// All of it, for whoever made the handshake.
    fn told(&self) -> Untrusted {
        let chain = std::iter::once(self.leaf).chain(self.between).map(|der| der.to_vec()).collect();
        let peer = if self.name.is_some() { "server" } else { "client" };
        Untrusted { peer, reason: self.reason(), words: self.words(), chain }
    }

    fn reason(&self) -> UntrustedReason {
        match self.error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => UntrustedReason::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                UntrustedReason::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                UntrustedReason::WrongName
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                UntrustedReason::WrongPurpose
            }
            _ if Certificate::read(self.leaf).is_ok_and(|leaf| leaf.is_self_issued()) => {
                UntrustedReason::SelfSigned
            }
            CertificateError::UnknownIssuer => UntrustedReason::UnknownIssuer,
            _ => UntrustedReason::Other,
        }
    }

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
