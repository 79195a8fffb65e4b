//! TLS of the listening endpoints that ask for it.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tracing::{info, warn};
use transom_base::{ConnScope, Connection, ConnectionHandler, Serving, SystemClock};
use transom_config::{
    ClientAuth, Findings, Node, Place, Severity, TlsListenConfig, TlsVersion, Transport, TransportProtocol,
    Worker,
};
use transom_endpoint::{Upgrade, Upgraded};
use transom_tls::{Finding, KeyPairSettings, MinVersion, TlsListenSettings, TlsServer};

use crate::StartError;

/// From accepting to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS of all transports, to read their files again.
#[derive(Default)]
pub(crate) struct TlsServers(Mutex<Vec<Weak<Behind>>>);

impl TlsServers {
    /// A handler behind the TLS that the endpoint of its transport asks for, if it does.
    pub(crate) fn before(
        &self,
        transport: &Transport,
        handler: Arc<dyn ConnectionHandler>,
    ) -> Result<Arc<dyn ConnectionHandler>, StartError> {
        match transport.endpoint.tls() {
            None => Ok(handler),
            Some(config) => self.behind(&transport.id, config, alpn(&transport.protocol), handler),
        }
    }

    /// A handler behind this TLS. `name` stands in the log; `alpn`: what is agreed on by ALPN, the best first.
    pub(crate) fn behind(
        &self,
        name: &str,
        config: &TlsListenConfig,
        alpn: &[&str],
        handler: Arc<dyn ConnectionHandler>,
    ) -> Result<Arc<dyn ConnectionHandler>, StartError> {
        let made = TlsServer::new(settings(config, alpn));
        let (server, findings) = made.map_err(|refused| wrong(&config.place, &refused))?;
        say(&config.place, findings);
        let mut maintenance = JoinSet::new();
        maintenance.spawn(server.maintain(name.to_owned(), Arc::new(SystemClock)));
        let step: Arc<dyn Upgrade> = Arc::new(server.clone());
        let upgraded = Upgraded::new([(step, Some(HANDSHAKE_TIMEOUT))], handler);
        let behind =
            Arc::new(Behind { transport: name.to_owned(), server, upgraded, _maintenance: maintenance });
        let mut all = self.0.lock();
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&behind));
        Ok(behind)
    }

    /// Reads the files of all again, whether they are watched or not.
    pub(crate) fn reload(&self) {
        let all: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        for behind in all {
            behind.server.reload().log(&behind.transport);
        }
    }
}

/// A handler behind TLS. What watches the files ends with it.
struct Behind {
    transport: String,
    server: TlsServer,
    upgraded: Upgraded,
    _maintenance: JoinSet<Infallible>,
}

impl ConnectionHandler for Behind {
    fn name(&self) -> &str {
        self.upgraded.name()
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> Serving {
        self.upgraded.serve(conn, scope)
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Adds what is to be said about the certificates and keys of a node. It reads the files.
pub(crate) fn check(node: &Node, findings: &mut Findings) {
    for transport in node.workers.iter().flat_map(Worker::transports) {
        let Some(config) = transport.endpoint.tls() else { continue };
        let settings = settings(config, alpn(&transport.protocol));
        for finding in transom_tls::check_listening(&settings, SystemTime::now()) {
            // A file may be checked on another machine than the one it is for.
            let severity = match finding.severity {
                transom_tls::Severity::Note => Severity::Note,
                _ => Severity::Warning,
            };
            findings.add(transom_config::Finding::new(
                severity,
                &at(&config.place, &finding),
                finding.message,
            ));
        }
    }
}

/// Settings or files that nothing can be made of.
pub(super) fn wrong(place: &Place, refused: &transom_tls::Refused) -> StartError {
    let (place, what) = match refused.0.first() {
        Some(first) if refused.0.len() == 1 => (at(place, first), first.message.clone()),
        _ => (place.clone(), refused.to_string()),
    };
    StartError::Wrong { place, what }
}

/// Sends findings to the log.
pub(super) fn say(place: &Place, findings: Vec<Finding>) {
    for finding in findings {
        let place = at(place, &finding);
        match finding.severity {
            transom_tls::Severity::Note => info!("{place}: {}", finding.message),
            _ => warn!("{place}: {}", finding.message),
        }
    }
}

/// Where a finding belongs.
fn at(place: &Place, finding: &Finding) -> Place {
    if finding.key.is_empty() { place.clone() } else { Place::new(&format!("{place}.{}", finding.key)) }
}

/// The keys one by one: a new one must be given its place here, or the compiler complains.
fn settings(config: &TlsListenConfig, alpn: &[&str]) -> TlsListenSettings {
    let TlsListenConfig {
        place: _,
        key,
        certificate,
        chain_certificates,
        ca_certificates,
        client_auth,
        certificates,
        ciphers,
        dhparam,
        min_version,
        session_tickets,
        watch,
    } = config.clone();
    let pair = |key: PathBuf, certificate, chain_certificates| KeyPairSettings {
        key,
        certificate,
        chain_certificates,
    };
    TlsListenSettings {
        key,
        certificate,
        chain_certificates,
        certificates: certificates
            .into_iter()
            .map(|further| pair(further.key, further.certificate, further.chain_certificates))
            .collect(),
        ca_certificates,
        client_auth: client_auth.map(|wanted| match wanted {
            ClientAuth::None => transom_tls::ClientAuth::None,
            ClientAuth::Optional => transom_tls::ClientAuth::Optional,
            ClientAuth::Required => transom_tls::ClientAuth::Required,
        }),
        ciphers,
        dhparam,
        session_tickets,
        watch,
        min_version: self::min_version(min_version),
        alpn: alpn.iter().map(|&protocol| protocol.to_owned()).collect(),
    }
}

/// The least version of TLS.
pub(super) fn min_version(configured: TlsVersion) -> MinVersion {
    match configured {
        TlsVersion::V1_2 => MinVersion::Tls12,
        TlsVersion::V1_3 => MinVersion::Tls13,
    }
}

/// What is agreed on by ALPN, the best first. HTTP/2 is for web services: WebSocket needs HTTP/1.1.
fn alpn(protocol: &TransportProtocol) -> &'static [&'static str] {
    match protocol {
        TransportProtocol::Web(_) => &["h2", "http/1.1"],
        TransportProtocol::Universal(universal) if universal.web.is_some() => &["h2", "http/1.1"],
        TransportProtocol::Universal(universal) if universal.websocket.is_some() => &["http/1.1"],
        TransportProtocol::WebSocket(_) => &["http/1.1"],
        _ => &[],
    }
}
