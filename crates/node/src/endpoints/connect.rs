//! What connects for each connecting endpoint of a configuration. The registry of endpoint types: one line for each, in
//! [`connecting`].

use std::sync::Arc;
use std::time::Duration;

use transom_config::{ConnectEndpoint, TcpConnectConfig, TlsConnectConfig};
use transom_endpoint::{ConnectWatch, Connector, TcpConnector, UnixConnector, Upgrade, UpgradedConnector};
use transom_tls::{TlsClient, TlsConnectSettings};
use transom_tor::EmbeddedTor;

use super::tls::{min_version, say, wrong};
use super::tor;
use crate::StartError;

/// What no configuration says about connecting.
#[derive(Clone, Default)]
pub(crate) struct Means {
    /// Is told what happens on the way.
    pub(crate) watch: Option<ConnectWatch>,
    /// Host names are looked up in both families, whatever `version` says.
    pub(crate) any_version: bool,
    /// Protocols that are offered by ALPN.
    pub(crate) alpn: Vec<String>,
    /// For endpoints that want a Tor inside the process.
    pub(crate) tor: EmbeddedTor,
}

/// An endpoint that can be connected to, in its parts.
#[derive(Clone)]
pub(crate) struct Connecting {
    /// Connects, and takes no step.
    pub(crate) raw: Arc<dyn Connector>,
    /// The step behind it, where the endpoint asks for TLS.
    pub(crate) tls: Option<TlsClient>,
    /// For all of it.
    pub(crate) timeout: Option<Duration>,
}

/// What connects to an endpoint. Reads the files of its TLS.
pub(crate) fn connecting(endpoint: &ConnectEndpoint, means: &Means) -> Result<Connecting, StartError> {
    let raw: Arc<dyn Connector> = match endpoint.plain() {
        ConnectEndpoint::Tcp(tcp) => Arc::new(means.tcp(tcp)),
        ConnectEndpoint::Unix(unix) => Arc::new(UnixConnector::new(unix.clone())),
        ConnectEndpoint::Tor(tor) => tor::connector(tor, means)?,
        ConnectEndpoint::Twisted(_) => {
            let type_name = endpoint.type_name();
            return Err(StartError::unsupported(endpoint.place(), "connecting endpoint", type_name));
        }
    };
    let tls = endpoint.tls().map(|config| means.tls(config)).transpose()?;
    Ok(Connecting { raw, tls, timeout: endpoint.timeout() })
}

impl Connecting {
    /// All of it as one connector.
    pub(crate) fn connector(self) -> Arc<dyn Connector> {
        if self.tls.is_none() { self.raw } else { Arc::new(self.after(None)) }
    }

    /// The same with a step before TLS, where everybody expects a PROXY header.
    pub(crate) fn after(self, first: Option<Arc<dyn Upgrade>>) -> UpgradedConnector {
        let tls = self.tls.map(|tls| Arc::new(tls) as Arc<dyn Upgrade>);
        let steps = first.into_iter().chain(tls).map(|step| (step, None));
        UpgradedConnector::new(self.raw, steps).within(self.timeout)
    }
}

impl Means {
    fn tcp(&self, config: &TcpConnectConfig) -> TcpConnector {
        let mut connector = TcpConnector::new(config.clone());
        if self.any_version {
            connector = connector.any_version();
        }
        match &self.watch {
            Some(watch) => connector.watched(watch.clone()),
            None => connector,
        }
    }

    fn tls(&self, config: &TlsConnectConfig) -> Result<TlsClient, StartError> {
        let made = TlsClient::new(&self.settings(config));
        let (client, findings) = made.map_err(|refused| wrong(&config.place, &refused))?;
        say(&config.place, findings);
        Ok(client)
    }

    /// The keys one by one: a new one must be given its place here, or the compiler complains.
    fn settings(&self, config: &TlsConnectConfig) -> TlsConnectSettings {
        let TlsConnectConfig { place: _, hostname, ca_certificates, key, certificate, min_version: least } =
            config.clone();
        let alpn = self.alpn.clone();
        TlsConnectSettings {
            hostname,
            ca_certificates,
            key,
            certificate,
            min_version: min_version(least),
            alpn,
        }
    }
}
