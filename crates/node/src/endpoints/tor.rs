//! Endpoints of Tor: what stands behind them, a running Tor or the one inside the process.

use std::sync::Arc;

use transom_config::{
    ConnectEndpoint, Findings, ListenEndpoint, Node, OnionListenConfig, Place, Severity, TcpConnectConfig,
    TorConnectConfig, Worker,
};
use transom_endpoint::{Connector, EndpointError, Listener};
use transom_tor::{EmbeddedTor, OnionKey, OnionListener, SocksConnector};

use super::connect::{Means, connecting};
use crate::StartError;

/// Listens on an onion service.
pub(super) fn listen(
    config: &OnionListenConfig,
    embedded: &EmbeddedTor,
) -> Result<Box<dyn Listener>, StartError> {
    let listener = match &config.tor_control_endpoint {
        Some(control) => {
            let means = Means { tor: embedded.clone(), ..Means::default() };
            let control = connecting(control, &means)?.connector();
            OnionListener::listen(config, control).map(|onion| Box::new(onion) as _)
        }
        None => {
            transom_tls::install_for_others();
            embedded.listen(config)
        }
    };
    listener.map_err(|source| wrong(&config.place, source))
}

/// Connects through Tor.
pub(super) fn connector(config: &TorConnectConfig, means: &Means) -> Result<Arc<dyn Connector>, StartError> {
    let proxy = match (&config.tor_socks_endpoint, config.tor_socks_port) {
        (Some(endpoint), _) => connecting(endpoint, means)?.connector(),
        (None, Some(port)) => {
            let here = TcpConnectConfig::new("127.0.0.1".to_owned(), port);
            connecting(&ConnectEndpoint::Tcp(here), means)?.connector()
        }
        (None, None) => {
            transom_tls::install_for_others();
            return means.tor.connector(config).map_err(|source| wrong(&config.place, source));
        }
    };
    let socks = SocksConnector::new(config, proxy).map_err(|source| wrong(&config.place, source))?;
    Ok(Arc::new(socks))
}

fn wrong(place: &Place, source: EndpointError) -> StartError {
    StartError::Endpoint { place: place.clone(), source }
}

/// What can be said about onion services without starting them: whether this build has what they want, and whether their
/// keys can be used.
pub(crate) fn check(node: &Node, findings: &mut Findings) {
    for transport in node.workers.iter().flat_map(Worker::transports) {
        let ListenEndpoint::Onion(config) = transport.endpoint.plain() else { continue };
        let mut found = |place: &Place, what: String| {
            findings.add(transom_config::Finding::new(Severity::Error, place, what));
        };
        if config.embedded && !EmbeddedTor::PRESENT {
            found(&config.place.key("embedded"), EmbeddedTor::ABSENT.to_owned());
        }
        let file = &config.private_key_file;
        // One that is not there yet is made at the start.
        if file.symlink_metadata().is_ok()
            && let Err(problem) = OnionKey::load(file)
        {
            found(&config.place.key("private_key_file"), problem.to_string());
        }
    }
}
