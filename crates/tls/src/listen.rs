//! What a listening endpoint shows and demands: loaded from files, loaded again when they change.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{ServerConfig, SignatureAlgorithm};

use crate::certificates::Certificates;
use crate::error::Finding;
use crate::identity::{Identity, Purpose};
use crate::settings::{ClientAuth, TlsListenSettings};
use crate::trust::Trust;
use crate::verify::Clients;
use crate::x509::unix;
use crate::{ciphers, dhe, provider};

/// All that handshakes need; replaced as a whole.
#[derive(Debug)]
pub(crate) struct Material {
    /// For clients that offer a protocol by ALPN that is spoken here.
    with_alpn: Arc<ServerConfig>,
    /// For all others: rustls would fail their handshakes if it knew of any protocol.
    without_alpn: Arc<ServerConfig>,
    alpn: Vec<Vec<u8>>,
    certificates: Arc<Certificates>,
    trust: Option<Arc<Trust>>,
}

impl Material {
    /// Loads everything. An error among the findings means that there is nothing.
    pub(crate) fn load(settings: &TlsListenSettings, now: SystemTime) -> (Option<Material>, Vec<Finding>) {
        let mut findings = Vec::new();
        let provider = suites(settings, &mut findings);
        let now = unix(now);
        let pairs = settings.pairs();
        let identities: Vec<_> = pairs
            .iter()
            .filter_map(|(before, pair)| Identity::load(before, pair, Purpose::Server, now, &mut findings))
            .map(Arc::new)
            .collect();
        if settings.dhparam.is_some() && !identities.iter().any(|it| it.algorithm == SignatureAlgorithm::RSA)
        {
            let why = "without effect: the DHE suites are for RSA certificates, and there is none";
            findings.push(Finding::note("dhparam", why));
        }
        let trust = trust(settings, now, &mut findings);
        let complete = identities.len() == pairs.len() && trust.is_ok();
        let material = complete.then(|| {
            Material::new(settings, provider, identities, trust.unwrap_or_default(), None)
                .map_err(|problem| findings.push(Finding::error("tls", problem)))
                .ok()
        });
        (material.flatten(), findings)
    }

    /// Loads the files again. What is bad now stays as it was; each is an error among the findings. None when nothing
    /// has changed.
    pub(crate) fn again(
        &self,
        settings: &TlsListenSettings,
        now: SystemTime,
    ) -> (Option<Material>, Vec<Finding>) {
        let mut findings = Vec::new();
        let now = unix(now);
        let mut changed = false;
        let mut identities = Vec::new();
        for ((before, pair), old) in settings.pairs().iter().zip(self.certificates.identities()) {
            let new = Identity::load(before, pair, Purpose::Server, now, &mut findings);
            let new = new.filter(|new| new.certified.cert != old.certified.cert);
            changed |= new.is_some();
            identities.push(new.map_or_else(|| old.clone(), Arc::new));
        }
        let trust = match trust(settings, now, &mut findings) {
            Ok(Some(new)) if self.trust.as_ref().is_none_or(|old| !new.is_same_as(old)) => {
                changed = true;
                Some(new)
            }
            _ => self.trust.clone(),
        };
        if !changed {
            return (None, findings);
        }
        // Tickets stay good, unless others are trusted now: a ticket would let in whom an old authority vouched for.
        let same = match (&trust, &self.trust) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (new, old) => new.is_none() && old.is_none(),
        };
        let tickets = same.then(|| self.without_alpn.ticketer.clone());
        let provider = self.without_alpn.crypto_provider().clone();
        let material = Material::new(settings, provider, identities, trust, tickets)
            .map_err(|problem| findings.push(Finding::error("tls", problem)));
        (material.ok(), findings)
    }

    fn new(
        settings: &TlsListenSettings,
        provider: Arc<CryptoProvider>,
        identities: Vec<Arc<Identity>>,
        trust: Option<Arc<Trust>>,
        tickets: Option<Arc<dyn ProducesTickets>>,
    ) -> Result<Material, String> {
        let certificates = Arc::new(Certificates::new(identities));
        let verifier: Arc<dyn ClientCertVerifier> = match (&trust, settings.client_auth()) {
            (Some(trust), auth @ (ClientAuth::Optional | ClientAuth::Required)) => {
                Arc::new(Clients::new(trust.clone(), auth, provider.clone())?)
            }
            _ => WebPkiClientVerifier::no_client_auth(),
        };
        let words = |error: rustls::Error| error.to_string();
        let versions = provider::versions(&provider, settings.min_version);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(words)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(certificates.clone());
        // Resumption is by tickets alone: nothing is kept here for a client that is gone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if settings.session_tickets {
            config.ticketer = match tickets {
                Some(tickets) => tickets,
                None => aws_lc_rs::Ticketer::new().map_err(words)?,
            };
        } else {
            config.send_tls13_tickets = 0;
        }
        // Clients may wish for any suite, but not for one that is far more work than others.
        config.ignore_client_order = settings.ciphers.is_some() || settings.dhparam.is_some();
        let without_alpn = Arc::new(config.clone());
        config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        let (alpn, with_alpn) = (config.alpn_protocols.clone(), Arc::new(config));
        Ok(Material { with_alpn, without_alpn, alpn, certificates, trust })
    }

    /// The configuration for a client that offers these protocols.
    pub(crate) fn config<'a>(&self, offered: Option<impl Iterator<Item = &'a [u8]>>) -> Arc<ServerConfig> {
        let known = offered.is_some_and(|mut offered| {
            offered.any(|protocol| self.alpn.iter().any(|known| known == protocol))
        });
        if known { self.with_alpn.clone() } else { self.without_alpn.clone() }
    }

    /// The certificates, the default first.
    pub(crate) fn identities(&self) -> &[Arc<Identity>] {
        self.certificates.identities()
    }
}

/// Looks through the settings and the files that they name, at this time, as [`crate::TlsServer::new`] would.
pub fn check_listening(settings: &TlsListenSettings, now: SystemTime) -> Vec<Finding> {
    Material::load(settings, now).1
}

/// The suites that `ciphers` asks for and `dhparam` allows.
fn suites(settings: &TlsListenSettings, findings: &mut Vec<Finding>) -> Arc<CryptoProvider> {
    let dh = settings.dhparam.as_ref().and_then(|path| {
        let ignored = |problem| findings.push(Finding::warning("dhparam", format!("ignored: {problem}")));
        dhe::Parameters::read(path).map_err(ignored).ok()
    });
    provider::chosen(&ciphers::choose(settings.ciphers.as_deref(), dh.is_some(), findings), dh.as_ref())
}

/// Something is missing; the findings say what.
struct Incomplete;

/// The issuers of client certificates; none where clients are not asked for one.
fn trust(
    settings: &TlsListenSettings,
    now: u64,
    findings: &mut Vec<Finding>,
) -> Result<Option<Arc<Trust>>, Incomplete> {
    let named = !settings.ca_certificates.is_empty();
    match (settings.client_auth, named) {
        (None, true) => findings.push(Finding::note(
            "ca_certificates",
            "clients must show a certificate, since there are ca_certificates; write client_auth to say so or otherwise",
        )),
        (Some(ClientAuth::None), true) => findings.push(Finding::note(
            "ca_certificates",
            "without effect: with client_auth 'none' clients are not asked for a certificate",
        )),
        (Some(ClientAuth::Optional | ClientAuth::Required), false) => {
            let problem = "client certificates cannot be verified without ca_certificates; name the files of their issuers";
            findings.push(Finding::error("client_auth", problem));
            return Err(Incomplete);
        }
        _ => {}
    }
    if settings.client_auth() == ClientAuth::None {
        return Ok(None);
    }
    let trust = Trust::files(&settings.ca_certificates, now, findings).ok_or(Incomplete)?;
    Ok(Some(Arc::new(trust)))
}
