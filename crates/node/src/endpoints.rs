//! What listens for each endpoint of a configuration. The registry of endpoint types: one line for each, in [`listen`]; that
//! of those that connect is in [`connect`].

pub(crate) mod connect;
pub(crate) mod tls;
pub(crate) mod tor;

use parking_lot::Mutex;
use tokio::sync::watch;
use transom_config::{FdListenConfig, ListenEndpoint, ProxyPeer, TcpListenConfig};
use transom_endpoint::proxy::{Network, ProxySource, ProxyVersion};
use transom_endpoint::{
    BoundAddr, EndpointError, EndpointStatus, FdListenSettings, Inherited, InheritedSocket, Listener,
    ProxyProtocol, ProxyProtocolSettings, SocketId, TcpListener, UnixListener, UnixReplacement,
};
use transom_tor::EmbeddedTor;

use crate::StartError;

/// An endpoint that is bound and not served yet.
pub(crate) struct Bound {
    pub(crate) listener: Box<dyn Listener>,
    /// Its socket file, where it has one.
    pub(crate) file: Option<SocketId>,
}

impl Bound {
    /// Its addresses, and how it is.
    pub(crate) fn facts(&self) -> (Vec<BoundAddr>, watch::Receiver<EndpointStatus>) {
        (self.listener.bound(), self.listener.status())
    }
}

impl From<UnixListener> for Bound {
    fn from(listener: UnixListener) -> Self {
        Bound { file: listener.socket_id(), listener: Box::new(listener) }
    }
}

/// Binds an endpoint. `inherited`: the sockets that the process was started with; `tor`: for endpoints that want one inside
/// the process.
pub(crate) async fn listen(
    endpoint: &ListenEndpoint,
    inherited: &Mutex<Inherited>,
    tor: &EmbeddedTor,
) -> Result<Bound, StartError> {
    let without_file = |listener| Bound { listener, file: None };
    let bound = match endpoint.plain() {
        ListenEndpoint::Tcp(tcp) => TcpListener::bind(tcp).await.map(|tcp| without_file(Box::new(tcp) as _)),
        ListenEndpoint::Unix(unix) => UnixListener::bind(unix).map(Bound::from),
        ListenEndpoint::Fd(fd) => inherited.lock().listen(&inherited_socket(fd)).map(without_file),
        ListenEndpoint::Onion(onion) => return tor::listen(onion, tor).map(without_file),
        ListenEndpoint::Twisted(_) => {
            let type_name = endpoint.type_name();
            return Err(StartError::unsupported(endpoint.place(), "listening endpoint", type_name));
        }
    };
    bound.map_err(|source| wrong(endpoint, source))
}

fn wrong(endpoint: &ListenEndpoint, source: EndpointError) -> StartError {
    StartError::Endpoint { place: endpoint.place().clone(), source }
}

/// Which of the inherited sockets an endpoint asks for. The reader sees to it that it has a name or a number.
fn inherited_socket(fd: &FdListenConfig) -> FdListenSettings {
    let number = || InheritedSocket::Number(fd.fd.and_then(|number| number.try_into().ok()).unwrap_or(-1));
    FdListenSettings::new(fd.name.clone().map_or_else(number, InheritedSocket::Name))
}

/// The proxies in front of an endpoint, whose headers come before everything else.
pub(crate) fn proxy_protocol(endpoint: &ListenEndpoint) -> Result<Option<ProxyProtocol>, StartError> {
    let Some(config) = endpoint.proxy_protocol() else { return Ok(None) };
    let source = |peer: &ProxyPeer| match *peer {
        ProxyPeer::Unix => Ok(ProxySource::Unix),
        ProxyPeer::Network(address, bits) => Network::new(address, bits).map(ProxySource::Network),
    };
    let from: Result<Vec<_>, _> = config.from.iter().map(source).collect();
    let from =
        from.map_err(|error| StartError::Wrong { place: config.place.key("from"), what: error.to_string() })?;
    let versions = config.versions.iter().map(|version| match version {
        transom_config::ProxyVersion::V1 => ProxyVersion::V1,
        transom_config::ProxyVersion::V2 => ProxyVersion::V2,
    });
    let settings = ProxyProtocolSettings { versions: versions.collect(), ..ProxyProtocolSettings::new(from) };
    ProxyProtocol::new(settings).map(Some).map_err(|source| wrong(endpoint, source))
}

/// Binds an endpoint that is to take the place of the socket file `replaced`; none where endpoints of its kind cannot.
pub(crate) fn replacement(
    endpoint: &ListenEndpoint,
    replaced: SocketId,
) -> Result<Option<UnixReplacement>, StartError> {
    let ListenEndpoint::Unix(unix) = endpoint.plain() else { return Ok(None) };
    UnixListener::replace(unix, replaced).map_err(|source| wrong(endpoint, source))
}

/// Moves the file of a replacement to its place.
pub(crate) fn publish(replacement: UnixReplacement, endpoint: &ListenEndpoint) -> Result<Bound, StartError> {
    replacement.publish().map(Bound::from).map_err(|source| wrong(endpoint, source))
}

/// The same endpoint, at the very addresses at which it was bound.
pub(crate) fn at(endpoint: &ListenEndpoint, bound: &[BoundAddr]) -> ListenEndpoint {
    match (endpoint.plain(), bound) {
        (ListenEndpoint::Tcp(tcp), [BoundAddr::Tcp(addr)]) => {
            let (ports, interface) = (addr.port()..=addr.port(), Some(addr.ip().to_string()));
            ListenEndpoint::Tcp(TcpListenConfig { ports, interface, ..tcp.clone() })
        }
        _ => endpoint.clone(),
    }
}

/// How many connections one address may have, where the endpoint knows addresses.
pub(crate) fn max_per_address(endpoint: &ListenEndpoint) -> Option<u32> {
    match endpoint.plain() {
        ListenEndpoint::Tcp(tcp) => tcp.max_connections_per_address,
        _ => None,
    }
}
