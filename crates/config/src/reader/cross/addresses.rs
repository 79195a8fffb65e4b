//! Endpoints that cannot both be bound.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::reader::finding::{Finding, Severity};
use crate::{ListenEndpoint, Node, TcpListenConfig, UnixAddress, Worker};

pub(super) fn check(node: &Node, out: &mut Vec<Finding>) {
    let mut ports: HashMap<u16, Vec<(&TcpListenConfig, &ListenEndpoint)>> = HashMap::new();
    let mut ranges: HashMap<(u16, u16), usize> = HashMap::new();
    let mut sockets: HashMap<&UnixAddress, &ListenEndpoint> = HashMap::new();
    let mut inherited: HashMap<(Option<&str>, Option<u32>), &ListenEndpoint> = HashMap::new();
    for endpoint in endpoints(node) {
        match endpoint {
            ListenEndpoint::Tcp(tcp) if tcp.ports.start() == tcp.ports.end() => {
                let same_port = ports.entry(*tcp.ports.start()).or_default();
                // The first that is in the way is enough.
                let conflict = same_port.iter().find_map(|(other, at)| Some((conflict(other, tcp)?, *at)));
                if let Some((severity, earlier)) = conflict {
                    report(severity, endpoint, earlier, out);
                }
                // One after the other with the same address: what was said about one counts for all.
                if !matches!(conflict, Some((Severity::Error, _))) {
                    same_port.push((tcp, endpoint));
                }
            }
            ListenEndpoint::Tcp(tcp) => {
                let (first, last) = (*tcp.ports.start(), *tcp.ports.end());
                let users = ranges.entry((first, last)).or_default();
                *users += 1;
                if *users > usize::from(last - first) + 1 && !tcp.shared {
                    let message = format!(
                        "{users} endpoints take their port from {first} to {last}; there are not enough"
                    );
                    out.push(Finding::new(Severity::Warning, &tcp.place.key("portrange"), message));
                }
            }
            ListenEndpoint::Unix(unix) => match sockets.get(&unix.address) {
                Some(earlier) => report(Severity::Error, endpoint, earlier, out),
                None => _ = sockets.insert(&unix.address, endpoint),
            },
            ListenEndpoint::Fd(fd) => {
                let key = (fd.name.as_deref(), fd.fd);
                match inherited.get(&key) {
                    Some(earlier) => report(Severity::Error, endpoint, earlier, out),
                    None => _ = inherited.insert(key, endpoint),
                }
            }
            ListenEndpoint::Twisted(_) | ListenEndpoint::Onion(_) => {}
        }
    }
}

fn endpoints(node: &Node) -> impl Iterator<Item = &ListenEndpoint> {
    node.workers.iter().flat_map(|worker| {
        let testee = match worker {
            Worker::WebSocketTestee(testee) => Some(testee.transport.endpoint.plain()),
            _ => None,
        };
        worker.transports().iter().map(|transport| transport.endpoint.plain()).chain(testee)
    })
}

fn report(severity: Severity, later: &ListenEndpoint, earlier: &ListenEndpoint, out: &mut Vec<Finding>) {
    let word = if severity == Severity::Error { "invalid value: " } else { "" };
    let message = format!("{word}{} is already listened on by {}", described(later), earlier.place());
    out.push(Finding::new(severity, later.place(), message));
}

fn described(endpoint: &ListenEndpoint) -> String {
    match endpoint {
        ListenEndpoint::Tcp(tcp) => {
            let address = tcp.interface.as_deref().unwrap_or("every address");
            format!("port {} of {address}", tcp.ports.start())
        }
        ListenEndpoint::Unix(unix) => format!("the socket {}", unix.address),
        ListenEndpoint::Fd(_) => "the inherited socket".to_owned(),
        other => format!("the {} endpoint", other.type_name()),
    }
}

/// Whether two endpoints on one port get in each other's way: an error on the same address, a warning where one covers
/// the other.
fn conflict(a: &TcpListenConfig, b: &TcpListenConfig) -> Option<Severity> {
    if a.shared && b.shared {
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
