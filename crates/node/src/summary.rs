//! What a node serves, as it is printed when it has started: the realms, and the URLs to connect to.

use std::fmt;
use std::net::SocketAddr;

use transom_config::{TransportProtocol, UniversalWebSocket, WebPath, WebServiceConfig};
use transom_endpoint::BoundAddr;

use crate::RunningTransport;
use crate::facts::NodeStatus;

/// What a node serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Names of the realms.
    pub realms: Vec<String>,
    /// The transports in start order.
    pub transports: Vec<Served>,
}

/// What one transport serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its ID.
    pub id: String,
    /// Its type.
    pub kind: &'static str,
    /// What is spoken, and the URL to connect to.
    pub urls: Vec<(&'static str, String)>,
}

impl Summary {
    pub(crate) fn new(transports: &[RunningTransport], status: &NodeStatus) -> Self {
        Summary { realms: status.realm_names(), transports: transports.iter().map(served).collect() }
    }
}

/// The URLs of a transport.
pub(crate) fn served(transport: &RunningTransport) -> Served {
    let urls = transport.bound.iter().flat_map(|bound| urls(&transport.protocol, bound)).collect();
    Served { id: transport.id.clone(), kind: transport.protocol.type_name(), urls }
}

/// The path of a WebSocket of a transport, if it has one.
pub(crate) fn websocket_path(protocol: &TransportProtocol) -> Option<String> {
    websocket_paths(protocol).into_iter().next()
}

fn urls(protocol: &TransportProtocol, bound: &BoundAddr) -> Vec<(&'static str, String)> {
    let websockets = websocket_paths(protocol);
    let mut urls: Vec<_> = websockets.iter().map(|path| ("WebSocket", url("ws", bound, path))).collect();
    let (rawsocket, web) = match protocol {
        TransportProtocol::WebSocket(_) => (false, false),
        TransportProtocol::RawSocket(_) => (true, false),
        TransportProtocol::Web(_) => (false, true),
        TransportProtocol::WebSocketTestee(_) => return vec![("Echo", url("ws", bound, "/"))],
        TransportProtocol::StreamTestee(_) => return vec![("Echo", url("tcp", bound, ""))],
        TransportProtocol::Mqtt(_) | TransportProtocol::FlashPolicy(_) => (false, false),
        TransportProtocol::Universal(universal) => (universal.rawsocket.is_some(), universal.web.is_some()),
    };
    if rawsocket {
        urls.push(("RawSocket", url("rs", bound, "")));
    }
    if web {
        urls.push(("Web", url("http", bound, "/")));
    }
    urls
}

/// The paths at which a transport serves WebSocket; `/ws` stands for "everywhere".
fn websocket_paths(protocol: &TransportProtocol) -> Vec<String> {
    let mut found = Vec::new();
    match protocol {
        TransportProtocol::WebSocket(_) => found.push("/ws".to_owned()),
        TransportProtocol::Web(web) => below(&web.web.paths, "", &mut found),
        TransportProtocol::Universal(universal) => {
            match &universal.websocket {
                Some(UniversalWebSocket::Everywhere(_)) => found.push("/ws".to_owned()),
                Some(UniversalWebSocket::Paths(paths)) => {
                    found.extend(paths.iter().map(|(path, _)| format!("/{}", path.trim_start_matches('/'))));
                }
                None => {}
            }
            if let Some(web) = &universal.web {
                below(&web.paths, "", &mut found);
            }
        }
        _ => {}
    }
    found
}

/// The WebSocket services among web paths.
fn below(paths: &[WebPath], above: &str, found: &mut Vec<String>) {
    for path in paths {
        let full = format!("{above}/{}", path.path.trim_start_matches('/'));
        match &path.service.kind {
            WebServiceConfig::WebSocket(_) => found.push(full),
            WebServiceConfig::Path(nested) => below(&nested.paths, full.trim_end_matches('/'), found),
            _ => {}
        }
    }
}

fn url(scheme: &str, bound: &BoundAddr, path: &str) -> String {
    match bound {
        BoundAddr::Tcp(addr) => format!("{scheme}://{}{path}", reachable(*addr)),
        BoundAddr::Onion { host, port } => format!("{scheme}://{host}:{port}{path}"),
        BoundAddr::Unix(address) if scheme == "rs" => format!("rs://unix:{address}"),
        other => format!("{scheme} on {other}{path}"),
    }
}

/// An address that this machine can connect to: the loopback address for "all addresses".
fn reachable(addr: SocketAddr) -> String {
    match (addr.ip().is_unspecified(), addr) {
        (false, addr) => addr.to_string(),
        (true, SocketAddr::V4(addr)) => format!("127.0.0.1:{}", addr.port()),
        (true, SocketAddr::V6(addr)) => format!("[::1]:{}", addr.port()),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realms = if self.realms.is_empty() { "none".to_owned() } else { self.realms.join(", ") };
        writeln!(f, "  {:<12} {realms}", "Realms")?;
        if self.transports.is_empty() {
            writeln!(f, "  {:<12} none: nobody can connect", "Transports")?;
        }
        for transport in &self.transports {
            for (what, url) in &transport.urls {
                writeln!(f, "  {what:<12} {url}")?;
            }
        }
        f.write_str("Ctrl-C stops the node.")
    }
}

#[cfg(test)]
mod tests;
