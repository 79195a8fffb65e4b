//! The step of a connecting endpoint: from raw bytes to those inside TLS, with a server that was verified.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureScheme};
use tokio_rustls::TlsConnector;
use transom_base::{BoxFuture, Connection, Deadline};
use transom_endpoint::{EndpointError, Upgrade};

use crate::error::{Finding, Refused, outcome};
use crate::facts::facts;
use crate::failure::{Side, failed};
use crate::identity::{Identity, Purpose};
use crate::plain::linger;
use crate::provider;
use crate::settings::{KeyPairSettings, TlsConnectSettings};
use crate::trust::Trust;
use crate::verify::{Servers, explained, note_asked};
use crate::x509::unix;

/// TLS on a connecting endpoint. Clones are the same one, and share the sessions that can be resumed.
#[derive(Debug, Clone)]
pub struct TlsClient {
    target: Arc<Target>,
}

#[derive(Debug)]
struct Target {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsClient {
    /// Loads the files, or the platform's authorities; an error lists all that is wrong. The findings are what works but
    /// not as somebody may expect, for the log. Files are read where this is called.
    pub fn new(settings: &TlsConnectSettings) -> Result<(TlsClient, Vec<Finding>), Refused> {
        let (target, findings) = load(settings, SystemTime::now());
        let (target, findings) = outcome(target, findings)?;
        Ok((TlsClient { target: Arc::new(target) }, findings))
    }
}

/// Looks through the settings and the files that they name, at this time, as [`TlsClient::new`] would.
pub fn check_connecting(settings: &TlsConnectSettings, now: SystemTime) -> Vec<Finding> {
    load(settings, now).1
}

fn load(settings: &TlsConnectSettings, now: SystemTime) -> (Option<Target>, Vec<Finding>) {
    let mut findings = Vec::new();
    let now = unix(now);
    // An IPv6 address may stand in brackets, as in URLs.
    let bare = settings.hostname.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let name = ServerName::try_from(bare.unwrap_or(&settings.hostname).to_owned());
    let name = name.map_err(|_| {
        let problem = format!("'{}' is neither a host name nor an IP address", settings.hostname);
        findings.push(Finding::error("hostname", problem));
    });
    let identity = match (&settings.key, &settings.certificate) {
        (Some(key), Some(certificate)) => own(key, certificate, now, &mut findings),
        (Some(_), None) => {
            let problem = "a key without its certificate proves nothing; give certificate too";
            findings.push(Finding::error("key", problem));
            None
        }
        (None, Some(_)) => {
            let problem = "without its key it cannot be shown; no client certificate is used";
            findings.push(Finding::warning("certificate", problem));
            None
        }
        (None, None) => None,
    };
    let trust = if settings.ca_certificates.is_empty() {
        Trust::platform(&mut findings)
    } else {
        Trust::files(&settings.ca_certificates, now, &mut findings)
    };
    let config = trust.and_then(|trust| {
        config(settings, trust, identity)
            .map_err(|problem| findings.push(Finding::error("tls", problem)))
            .ok()
    });
    let target = config.zip(name.ok()).map(|(config, name)| Target { config: Arc::new(config), name });
    (target, findings)
}

/// The client certificate.
fn own(key: &Path, certificate: &Path, now: u64, findings: &mut Vec<Finding>) -> Option<Identity> {
    let pair = KeyPairSettings {
        key: key.to_owned(),
        certificate: certificate.to_owned(),
        chain_certificates: Vec::new(),
    };
    Identity::load("", &pair, Purpose::Client, now, findings)
}

fn config(
    settings: &TlsConnectSettings,
    trust: Trust,
    identity: Option<Identity>,
) -> Result<ClientConfig, String> {
    let provider = provider::everything();
    let versions = provider::versions(&provider, settings.min_version);
    let verifier = Arc::new(Servers::new(trust, provider.clone())?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let own = identity.map(|identity| SingleCertAndKey::from(Arc::unwrap_or_clone(identity.certified)));
    let mut config = builder.with_client_cert_resolver(Arc::new(Own(own)));
    config.alpn_protocols = settings.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    Ok(config)
}

/// The client certificate, where there is one.
#[derive(Debug)]
struct Own(Option<SingleCertAndKey>);

impl ResolvesClientCert for Own {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        note_asked(self.0.is_none());
        ResolvesClientCert::resolve(self.0.as_ref()?, issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl Target {
    fn step(&self) -> String {
        format!("TLS handshake with '{}'", self.name.to_str())
    }

    async fn handshake(&self, conn: Connection) -> Result<Connection, EndpointError> {
        let Connection { io, mut info } = conn;
        let connecting = TlsConnector::from(self.config.clone()).connect(self.name.clone(), io);
        let (result, told) = explained(connecting.into_fallible()).await;
        let stream = match result {
            Ok(stream) => stream,
            Err((error, mut io)) => {
                linger(&mut io).await;
                return Err(failed(self.step(), Side::Client, error, told));
            }
        };
        let (_, state) = stream.get_ref();
        let asked = match &self.name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        let mut facts =
            facts(state, asked, |output, label| state.export_keying_material(output, label, None));
        facts.client_certificate_asked = told.asked;
        info.tls = Some(Arc::new(facts));
        Ok(Connection::new(stream, info))
    }
}

impl Upgrade for TlsClient {
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let target = self.target.clone();
        Box::pin(async move {
            let done = deadline.run(target.handshake(conn)).await;
            done.unwrap_or_else(|_| Err(EndpointError::UpgradeTimeout { step: target.step() }))
        })
    }
}
