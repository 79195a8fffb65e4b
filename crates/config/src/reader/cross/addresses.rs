//! Endpoints that cannot both be bound.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::reader::finding::{Finding, Severity};
use crate::{ListenEndpoint, Node, TcpListenConfig, UnixAddress, Worker};

pub(super) fn check(node: &Node, out: &mut Vec<Finding>) {
    let mut ports: HashMap<u16, Port<'_>> = HashMap::new();
    let mut ranges: HashMap<(u16, u16), usize> = HashMap::new();
    let mut sockets: HashMap<&UnixAddress, &ListenEndpoint> = HashMap::new();
    let mut inherited: HashMap<(Option<&str>, Option<u32>), &ListenEndpoint> = HashMap::new();
    for endpoint in endpoints(node) {
        match endpoint {
            ListenEndpoint::Tcp(tcp) if tcp.ports.start() == tcp.ports.end() => {
                let conflict = ports.entry(*tcp.ports.start()).or_default().add(tcp, endpoint);
                if let Some((severity, earlier)) = conflict {
                    report(severity, endpoint, earlier, out);
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
                    None if key == (None, None) => {}
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

/// What is known of one port: the first endpoint of each address, and of each group of addresses that another can cover.
/// So the cost of an endpoint does not grow with those that came before.
#[derive(Default)]
struct Port<'n> {
    by_address: HashMap<Address<'n>, First<'n>>,
    /// IPv4 and IPv6.
    by_family: [First<'n>; 2],
    /// `0.0.0.0`, `::` for both families, `::` for IPv6 alone.
    everywhere: [First<'n>; 3],
}

#[derive(PartialEq, Eq, Hash)]
enum Address<'n> {
    Ip(IpAddr),
    Name(Option<&'n str>),
}

/// The first endpoint of some kind, and the first that does not share.
#[derive(Default, Clone, Copy)]
struct First<'n> {
    any: Option<&'n ListenEndpoint>,
    alone: Option<&'n ListenEndpoint>,
}

impl<'n> First<'n> {
    /// The one that is in the way of an endpoint.
    fn conflict(&self, shared: bool) -> Option<&'n ListenEndpoint> {
        if shared { self.alone } else { self.any }
    }

    fn add(&mut self, shared: bool, endpoint: &'n ListenEndpoint) {
        self.any = self.any.or(Some(endpoint));
        self.alone = self.alone.or((!shared).then_some(endpoint));
    }
}

impl<'n> Port<'n> {
    /// Adds an endpoint, and says which is in its way: an error on the same address, a warning where one covers the other.
    fn add(
        &mut self,
        tcp: &'n TcpListenConfig,
        endpoint: &'n ListenEndpoint,
    ) -> Option<(Severity, &'n ListenEndpoint)> {
        let ip = tcp.ip();
        let address = ip.map_or(Address::Name(tcp.interface.as_deref()), Address::Ip);
        let same = self.by_address.entry(address).or_default();
        if let Some(earlier) = same.conflict(tcp.shared) {
            return Some((Severity::Error, earlier));
        }
        same.add(tcp.shared, endpoint);
        // What a host name stands for is not known here.
        let ip = ip?;
        let family = usize::from(ip.is_ipv6());
        let both = ip == Ipv6Addr::UNSPECIFIED && !tcp.v6only;
        let meets = |first: &First<'n>| first.conflict(tcp.shared);
        let [v4, v6] = &self.by_family;
        let [everywhere_v4, everywhere_both, everywhere_v6] = &self.everywhere;
        let covered = match family {
            0 => meets(everywhere_v4).or_else(|| meets(everywhere_both)),
            _ => meets(everywhere_both).or_else(|| meets(everywhere_v6)),
        };
        let covers = match (ip.is_unspecified(), family) {
            (false, _) => None,
            (true, 0) => meets(v4),
            (true, _) => meets(v6).or_else(|| both.then(|| meets(v4)).flatten()),
        };
        let conflict = covered.or(covers).map(|earlier| (Severity::Warning, earlier));
        self.by_family.get_mut(family)?.add(tcp.shared, endpoint);
        if ip.is_unspecified() {
            let which = if both { 1 } else { 2 * family };
            self.everywhere.get_mut(which)?.add(tcp.shared, endpoint);
        }
        conflict
    }
}
