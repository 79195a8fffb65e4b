//! What a listening socket is bound to and how, and how two of them get along.

use std::net::{IpAddr, Ipv6Addr};

use transom_config::{ListenEndpoint, TcpListenConfig, UnixAddress};

use super::same;

/// How the sockets of two endpoints, an old one and a new one, get along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// One socket does for both.
    Same,
    /// One socket file, but made otherwise: the new one can take the old one's place in one step.
    SamePath,
    /// The same address, but a socket that is made otherwise: the old one has to go first.
    SameAddress,
    /// Addresses of which a part is the same: the old one has to go first.
    Overlap,
    /// Both can be had at once.
    Apart,
}

/// What of an endpoint belongs to its socket. Everything else is done to the connections that it accepts.
pub(super) fn meeting(old: &ListenEndpoint, new: &ListenEndpoint) -> Meeting {
    match (old.plain(), new.plain()) {
        (ListenEndpoint::Tcp(old), ListenEndpoint::Tcp(new)) => tcp(old, new),
        (ListenEndpoint::Unix(old), ListenEndpoint::Unix(new)) if old.address == new.address => {
            let options = |unix: &transom_config::UnixListenConfig| {
                (unix.backlog, unix.mode, unix.owner.clone(), unix.group.clone())
            };
            match &new.address {
                _ if options(old) == options(new) => Meeting::Same,
                UnixAddress::Path(_) => Meeting::SamePath,
                UnixAddress::Abstract(_) if old.backlog == new.backlog => Meeting::Same,
                UnixAddress::Abstract(_) => Meeting::SameAddress,
            }
        }
        (ListenEndpoint::Onion(old_onion), ListenEndpoint::Onion(new_onion))
            if old_onion.private_key_file == new_onion.private_key_file =>
        {
            if same::endpoint(old, new) {
                Meeting::Same
            } else {
                Meeting::SameAddress
            }
        }
        (ListenEndpoint::Tcp(_) | ListenEndpoint::Unix(_), _)
        | (_, ListenEndpoint::Tcp(_) | ListenEndpoint::Unix(_)) => Meeting::Apart,
        (ListenEndpoint::Fd(old), ListenEndpoint::Fd(new)) => {
            if (&old.name, old.fd) == (&new.name, new.fd) {
                Meeting::Same
            } else {
                Meeting::Apart
            }
        }
        // How others get along is not known here, but that one is itself.
        (old, new) if old.type_name() == new.type_name() && same::endpoint(old, new) => Meeting::Same,
        _ => Meeting::Apart,
    }
}

fn tcp(old: &TcpListenConfig, new: &TcpListenConfig) -> Meeting {
    if !hosts_meet(old, new) {
        return Meeting::Apart;
    }
    if old.ports == new.ports && same_host(old, new) {
        let options = |tcp: &TcpListenConfig| (tcp.shared, tcp.backlog, tcp.user_timeout, tcp.keepalive);
        return if options(old) == options(new) { Meeting::Same } else { Meeting::SameAddress };
    }
    let ports_meet = old.ports.start() <= new.ports.end() && new.ports.start() <= old.ports.end();
    // Port 0 is whichever is free.
    let any = *new.ports.end() == 0 || *old.ports.end() == 0;
    if ports_meet && !any && !(old.shared && new.shared) { Meeting::Overlap } else { Meeting::Apart }
}

fn same_host(old: &TcpListenConfig, new: &TcpListenConfig) -> bool {
    match (old.ip(), new.ip()) {
        (Some(old_ip), Some(new_ip)) => old_ip == new_ip && (old_ip.is_ipv4() || old.v6only == new.v6only),
        (None, None) => {
            (&old.interface, old.version, old.v6only) == (&new.interface, new.version, new.v6only)
        }
        _ => false,
    }
}

/// Whether an address belongs to both. What a host name leads to is not known here, so it may be any.
fn hosts_meet(old: &TcpListenConfig, new: &TcpListenConfig) -> bool {
    let (Some(old_ip), Some(new_ip)) = (old.ip(), new.ip()) else { return true };
    let covers = |wide: &TcpListenConfig, wide_ip: IpAddr, other: IpAddr| {
        wide_ip.is_unspecified()
            && (wide_ip.is_ipv4() == other.is_ipv4() || wide_ip == Ipv6Addr::UNSPECIFIED && !wide.v6only)
    };
    old_ip == new_ip || covers(old, old_ip, new_ip) || covers(new, new_ip, old_ip)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use transom_config::{IpVersion, Place, UnixListenConfig};

    use super::*;

    fn port(first: u16, last: u16, interface: &str) -> TcpListenConfig {
        let interface = Some(interface.to_owned()).filter(|name| !name.is_empty());
        TcpListenConfig { ports: first..=last, interface, ..TcpListenConfig::new(first) }
    }

    fn at(first: u16, interface: &str) -> TcpListenConfig {
        port(first, first, interface)
    }

    #[test]
    fn tcp_endpoints_when_compared() {
        let v6 = || TcpListenConfig { version: Some(IpVersion::V6), ..at(80, "") };
        let v6only = || TcpListenConfig { v6only: true, ..v6() };
        let shared = |first| TcpListenConfig { shared: true, ..at(first, "") };
        let table = [
            (at(80, ""), at(80, ""), Meeting::Same),
            (at(80, ""), at(80, "0.0.0.0"), Meeting::Same),
            (at(80, ""), TcpListenConfig { place: Place::new("elsewhere"), ..at(80, "") }, Meeting::Same),
            (at(80, ""), TcpListenConfig { accept_rate: Some(5), ..at(80, "") }, Meeting::Same),
            (
                at(80, ""),
                TcpListenConfig { max_connections_per_address: Some(5), ..at(80, "") },
                Meeting::Same,
            ),
            (at(80, ""), TcpListenConfig { backlog: 5, ..at(80, "") }, Meeting::SameAddress),
            (at(80, ""), TcpListenConfig { keepalive: None, ..at(80, "") }, Meeting::SameAddress),
            (at(80, ""), shared(80), Meeting::SameAddress),
            (at(80, ""), at(81, ""), Meeting::Apart),
            (at(80, ""), at(80, "127.0.0.1"), Meeting::Overlap),
            (at(80, "127.0.0.1"), at(80, ""), Meeting::Overlap),
            (at(80, "127.0.0.1"), at(80, "127.0.0.2"), Meeting::Apart),
            (at(80, ""), v6(), Meeting::Overlap),
            (at(80, ""), v6only(), Meeting::Apart),
            (v6(), v6only(), Meeting::Overlap),
            (at(80, "::1"), v6only(), Meeting::Overlap),
            (at(80, "127.0.0.1"), v6(), Meeting::Overlap),
            (port(80, 90, ""), at(85, ""), Meeting::Overlap),
            (port(80, 90, ""), at(91, ""), Meeting::Apart),
            (port(80, 90, ""), port(80, 90, ""), Meeting::Same),
            (at(80, "localhost"), at(80, "localhost"), Meeting::Same),
            (at(80, "localhost"), at(80, "127.0.0.1"), Meeting::Overlap),
            (at(80, "localhost"), at(81, "127.0.0.1"), Meeting::Apart),
            (shared(80), shared(80), Meeting::Same),
            (shared(80), TcpListenConfig { ports: 80..=81, ..shared(80) }, Meeting::Apart),
            (at(0, ""), at(0, ""), Meeting::Same),
            (at(0, ""), at(80, ""), Meeting::Apart),
        ];
        for (old, new, expected) in table {
            let met = meeting(&ListenEndpoint::Tcp(old.clone()), &ListenEndpoint::Tcp(new.clone()));
            assert_eq!(met, expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn unix_endpoints_when_compared() {
        let path = |name: &str| UnixListenConfig::new(UnixAddress::Path(PathBuf::from(name)));
        let name = |name: &str| UnixListenConfig::new(UnixAddress::Abstract(name.to_owned()));
        let table = [
            (path("/s"), path("/s"), Meeting::Same),
            (path("/s"), UnixListenConfig { accept_rate: Some(1), ..path("/s") }, Meeting::Same),
            (path("/s"), UnixListenConfig { mode: 0o600, ..path("/s") }, Meeting::SamePath),
            (path("/s"), UnixListenConfig { group: Some("x".into()), ..path("/s") }, Meeting::SamePath),
            (path("/s"), UnixListenConfig { backlog: 1, ..path("/s") }, Meeting::SamePath),
            (path("/s"), path("/t"), Meeting::Apart),
            (name("s"), path("s"), Meeting::Apart),
            (name("s"), UnixListenConfig { mode: 0o600, ..name("s") }, Meeting::Same),
            (name("s"), UnixListenConfig { backlog: 1, ..name("s") }, Meeting::SameAddress),
        ];
        for (old, new, expected) in table {
            let met = meeting(&ListenEndpoint::Unix(old.clone()), &ListenEndpoint::Unix(new.clone()));
            assert_eq!(met, expected, "{old:?} {new:?}");
        }
        let twisted = |string: &str, place: &str| {
            let tcp = ListenEndpoint::Tcp(at(string.trim_start_matches("tcp:").parse().unwrap(), ""));
            let server_string =
                transom_config::EndpointString { text: string.to_owned(), endpoint: Some(Box::new(tcp)) };
            let config = transom_config::TwistedListenConfig::new(server_string);
            ListenEndpoint::Twisted(transom_config::TwistedListenConfig {
                place: Place::new(place),
                ..config
            })
        };
        assert_eq!(meeting(&twisted("tcp:80", "here"), &twisted("tcp:80", "there")), Meeting::Same);
        assert_eq!(meeting(&twisted("tcp:80", "here"), &twisted("tcp:81", "here")), Meeting::Apart);
        let inherited = |name: &str, accept_rate| {
            let name = Some(name.to_owned());
            ListenEndpoint::Fd(transom_config::FdListenConfig { name, accept_rate, ..Default::default() })
        };
        assert_eq!(meeting(&inherited("web", None), &inherited("web", Some(5))), Meeting::Same);
        assert_eq!(meeting(&inherited("web", None), &inherited("raw", None)), Meeting::Apart);
        let tcp = ListenEndpoint::Tcp(at(80, ""));
        assert_eq!(meeting(&twisted("tcp:80", "here"), &tcp), Meeting::Same);
        assert_eq!(meeting(&tcp, &ListenEndpoint::Unix(path("/s"))), Meeting::Apart);
    }
}
