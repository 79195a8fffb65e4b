//! What only a look at the whole shows.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use super::cursor::Cx;
use super::finding::{Finding, Severity};
use crate::{
    AuthConfig, ListenEndpoint, Node, Place, Realm, RouterWorker, TcpListenConfig, Transport,
    TransportProtocol, UniversalWebSocket, UnixAddress, WebPath, WebServiceConfig,
};

/// Checks across items. The findings carry no spans yet.
pub(crate) fn check(node: &Node, cx: &Cx<'_>) {
    let mut out = Vec::new();
    unique(node.workers.iter().map(|w| (w.id.as_str(), &w.place)), "worker ID", "id", &mut out);
    for worker in &node.workers {
        let (realms, transports) = (&worker.realms, &worker.transports);
        unique(realms.iter().map(|r| (r.id.as_str(), &r.place)), "realm ID", "id", &mut out);
        unique(realms.iter().map(|r| (r.name.as_str(), &r.place)), "realm name", "name", &mut out);
        unique(transports.iter().map(|t| (t.id.as_str(), &t.place)), "transport ID", "id", &mut out);
        for realm in realms {
            unique(realm.roles.iter().map(|r| (r.id.as_str(), &r.place)), "role ID", "id", &mut out);
            unique(realm.roles.iter().map(|r| (r.name.as_str(), &r.place)), "role name", "name", &mut out);
        }
        anonymous_roles(worker, &mut out);
    }
    addresses(node, &mut out);
    cx.findings.borrow_mut().extend(out);
}

/// Reports every name that came before. Empty ones are already reported.
fn unique<'n>(
    names: impl Iterator<Item = (&'n str, &'n Place)>,
    what: &str,
    key: &str,
    out: &mut Vec<Finding>,
) {
    let mut first: HashMap<&str, &Place> = HashMap::new();
    for (name, place) in names.filter(|(name, _)| !name.is_empty()) {
        if let Some(earlier) = first.get(name) {
            let message = format!("invalid value: {what} {name:?} is already used by {earlier}");
            out.push(Finding::new(Severity::Error, &place.key(key), message));
        } else {
            first.insert(name, place);
        }
    }
}

/// A role that clients are given but no realm has: they would be refused.
fn anonymous_roles(worker: &RouterWorker, out: &mut Vec<Finding>) {
    for auth in worker.transports.iter().flat_map(auths) {
        let Some(anonymous) = &auth.anonymous else { continue };
        let fits = |realm: &Realm| {
            anonymous.realm.as_ref().is_none_or(|name| *name == realm.name)
                && realm.roles.iter().any(|role| role.name == anonymous.role)
        };
        if !matches!(anonymous.role.as_str(), "trusted" | "anonymous") && !worker.realms.iter().any(fits) {
            let message =
                format!("no realm of this worker has a role {:?}; such clients are refused", anonymous.role);
            out.push(Finding::new(Severity::Warning, &anonymous.place.key("role"), message));
        }
        if let Some(name) = &anonymous.realm
            && !worker.realms.iter().any(|realm| realm.name == *name)
        {
            let message = format!("this worker has no realm {name:?}; such clients are refused");
            out.push(Finding::new(Severity::Warning, &anonymous.place.key("realm"), message));
        }
    }
}

/// Every `auth` of a transport.
fn auths(transport: &Transport) -> Vec<&AuthConfig> {
    fn of_paths<'n>(paths: &'n [WebPath], out: &mut Vec<&'n AuthConfig>) {
        for path in paths {
            match &path.service {
                WebServiceConfig::WebSocket(config) => out.extend(&config.auth),
                WebServiceConfig::Path(nested) => of_paths(&nested.paths, out),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    match &transport.protocol {
        TransportProtocol::WebSocket(config) => out.extend(&config.auth),
        TransportProtocol::RawSocket(config) => out.extend(&config.auth),
        TransportProtocol::Web(web) => of_paths(&web.paths, &mut out),
        TransportProtocol::Universal(universal) => {
            out.extend(universal.rawsocket.iter().filter_map(|config| config.auth.as_ref()));
            match &universal.websocket {
                Some(UniversalWebSocket::Everywhere(config)) => out.extend(&config.auth),
                Some(UniversalWebSocket::Paths(paths)) => {
                    out.extend(paths.iter().filter_map(|(_, config)| config.auth.as_ref()));
                }
                None => {}
            }
            universal.web.iter().for_each(|web| of_paths(&web.paths, &mut out));
        }
    }
    out
}

/// Endpoints that cannot both be bound.
fn addresses(node: &Node, out: &mut Vec<Finding>) {
    let endpoints: Vec<&ListenEndpoint> = node
        .workers
        .iter()
        .flat_map(|worker| &worker.transports)
        .map(|transport| &transport.endpoint)
        .collect();
    for (index, later) in endpoints.iter().enumerate() {
        for earlier in endpoints.iter().take(index) {
            let severity = match (earlier, later) {
                (ListenEndpoint::Tcp(a), ListenEndpoint::Tcp(b)) => tcp_conflict(a, b),
                (ListenEndpoint::Unix(a), ListenEndpoint::Unix(b)) => {
                    (a.address == b.address).then_some(Severity::Error)
                }
                _ => None,
            };
            if let Some(severity) = severity {
                let word = if severity == Severity::Error { "invalid value: " } else { "" };
                let message =
                    format!("{word}{} is already listened on by {}", described(later), earlier.place());
                out.push(Finding::new(severity, later.place(), message));
                break;
            }
        }
    }
}

fn described(endpoint: &ListenEndpoint) -> String {
    match endpoint {
        ListenEndpoint::Tcp(tcp) => {
            let address = tcp.interface.as_deref().map_or("every address", |name| name);
            format!("port {} of {address}", tcp.ports.start())
        }
        ListenEndpoint::Unix(unix) => match &unix.address {
            UnixAddress::Path(path) => format!("the socket {}", path.display()),
            UnixAddress::Abstract(name) => format!("the socket @{name}"),
        },
    }
}

/// Whether two endpoints get in each other's way: an error on the same address, a warning where one
/// covers the other.
fn tcp_conflict(a: &TcpListenConfig, b: &TcpListenConfig) -> Option<Severity> {
    let single = |tcp: &TcpListenConfig| tcp.ports.start() == tcp.ports.end();
    if (a.shared && b.shared) || !single(a) || !single(b) || a.ports != b.ports {
        return None;
    }
    let (Some(ip_a), Some(ip_b)) = (a.ip(), b.ip()) else {
        return (a.interface == b.interface).then_some(Severity::Error);
    };
    if ip_a == ip_b {
        return Some(Severity::Error);
    }
    let covers = |wide: &TcpListenConfig, wide_ip: IpAddr, other: IpAddr| {
        wide_ip.is_unspecified()
            && (wide_ip.is_ipv4() == other.is_ipv4() || (wide_ip == Ipv6Addr::UNSPECIFIED && !wide.v6only))
    };
    (covers(a, ip_a, ip_b) || covers(b, ip_b, ip_a)).then_some(Severity::Warning)
}
