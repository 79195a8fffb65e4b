//! Endpoints: what to listen on and what to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::define::{choice, map};
use crate::{EndpointString, OnionListenConfig, TlsConnectConfig, TlsListenConfig, TorConnectConfig};

choice! {
    /// What a transport listens on.
    pub enum ListenEndpoint = "listening endpoint", trap = reader::endpoint::listening_trap;
    /// A TCP port.
    "tcp" => Tcp(TcpListenConfig) = "listening tcp endpoint";
    /// A Unix socket.
    "unix" => Unix(UnixListenConfig) = "listening unix endpoint";
    /// A socket that the process was started with.
    "fd" => Fd(FdListenConfig) = "listening fd endpoint";
    /// An endpoint string of Twisted.
    "twisted" => Twisted(TwistedListenConfig) = "listening twisted endpoint";
    /// An onion service of Tor.
    "onion" => Onion(OnionListenConfig) = "listening onion endpoint";
}

choice! {
    /// What a client side connects to.
    pub enum ConnectEndpoint = "connecting endpoint", trap = reader::endpoint::connecting_trap;
    /// A TCP port.
    "tcp" => Tcp(TcpConnectConfig) = "connecting tcp endpoint";
    /// A Unix socket.
    "unix" => Unix(UnixConnectConfig) = "connecting unix endpoint";
    /// An endpoint string of Twisted.
    "twisted" => Twisted(TwistedConnectConfig) = "connecting twisted endpoint";
    /// A TCP port that is reached through Tor.
    "tor" => Tor(TorConnectConfig) = "connecting tor endpoint";
}

impl ListenEndpoint {
    /// The same endpoint, said without a string of Twisted.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Twisted(twisted) => twisted.server_string.endpoint.as_deref().unwrap_or(self),
            other => other,
        }
    }

    /// New connections per second before further ones are reset; `None` = no limit (the default).
    pub fn accept_rate(&self) -> Option<u32> {
        match self.plain() {
            Self::Tcp(tcp) => tcp.accept_rate,
            Self::Unix(unix) => unix.accept_rate,
            Self::Fd(fd) => fd.accept_rate,
            Self::Twisted(_) | Self::Onion(_) => None,
        }
    }

    /// The TLS it asks for.
    pub fn tls(&self) -> Option<&TlsListenConfig> {
        match self.plain() {
            Self::Tcp(tcp) => tcp.tls.as_ref(),
            Self::Fd(fd) => fd.tls.as_ref(),
            Self::Unix(_) | Self::Twisted(_) | Self::Onion(_) => None,
        }
    }

    /// The proxies in front of it.
    pub fn proxy_protocol(&self) -> Option<&ProxyProtocol> {
        match self.plain() {
            Self::Tcp(tcp) => tcp.proxy_protocol.as_ref(),
            Self::Unix(unix) => unix.proxy_protocol.as_ref(),
            Self::Fd(fd) => fd.proxy_protocol.as_ref(),
            Self::Twisted(_) | Self::Onion(_) => None,
        }
    }
}

impl ConnectEndpoint {
    /// The same endpoint, said without a string of Twisted.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Twisted(twisted) => twisted.client_string.endpoint.as_deref().unwrap_or(self),
            other => other,
        }
    }

    /// The TLS it asks for.
    pub fn tls(&self) -> Option<&TlsConnectConfig> {
        match self.plain() {
            Self::Tcp(tcp) => tcp.tls.as_ref(),
            Self::Tor(tor) => tor.tls.as_ref(),
            Self::Unix(_) | Self::Twisted(_) => None,
        }
    }

    /// Time for the whole connect, TLS included; `None` = no limit.
    pub fn timeout(&self) -> Option<Duration> {
        match self.plain() {
            Self::Tcp(tcp) => tcp.timeout,
            Self::Unix(unix) => unix.timeout,
            Self::Tor(tor) => tor.timeout,
            Self::Twisted(_) => None,
        }
    }
}

map! {
    /// A TCP port to listen on.
    pub struct TcpListenConfig = "listening tcp endpoint",
        check = reader::endpoint::check_tcp, trap = reader::endpoint::tcp_trap;
    optional {
        /// The family when there is no `interface`: 4 is `0.0.0.0`, 6 is `::`. An address decides for itself; for a host
        /// name this restricts what is looked up.
        version: Option<IpVersion> = None => some(reader::endpoint::ip_version());
        /// A socket on `::` takes IPv6 connections only, instead of both families.
        v6only: bool = false => flag();
        /// Length of the accept queue.
        backlog: u16 = 50 => int(1..=65_535);
        /// `SO_REUSEPORT`: several workers or processes accept on one port.
        shared: bool = false => flag();
        /// `TCP_USER_TIMEOUT`: so long may sent data go unacknowledged; 0: as the system has it.
        user_timeout: Option<Duration> = None => reader::endpoint::user_timeout();
        /// TCP keepalive: so long may a connection be idle before it is probed, three times in that time again; 0: never.
        keepalive["keepalive_s"]: Option<Duration> = Some(Duration::from_secs(60)) => seconds(0..=32_767);
        /// New connections per second before further ones are reset; 0: no limit.
        accept_rate: Option<u32> = None => limit(1_000_000);
        /// Open connections of one IPv4 address or IPv6 /64 before further ones are reset; 0: no limit.
        max_connections_per_address: Option<u32> = None => limit(1_000_000);
        /// Connections come through proxies that tell in a PROXY header whom they are from.
        proxy_protocol: Option<ProxyProtocol> = None => some(map());
        /// Speak TLS.
        tls: Option<TlsListenConfig> = None => some(map());
    }
    parts {
        /// The ports to try in order; the first that can be bound is taken. `port` gives a range of one, `portrange` its
        /// own. A file can only name 1..=65535; `0..=0`, any free port, is for code.
        ports: RangeInclusive<u16> = 0..=0 => reader::endpoint::Ports;
        /// The address or host name to bind, without surrounding blanks; `None` = every address of `version`.
        interface: Option<String> = None => reader::endpoint::Interface;
    }
}

impl TcpListenConfig {
    /// A listening endpoint on one port, everything else at its default.
    pub fn new(port: u16) -> Self {
        Self { ports: port..=port, ..Self::default() }
    }

    /// The address to bind, or `None` when `interface` is a host name that has to be looked up.
    pub fn ip(&self) -> Option<IpAddr> {
        match (&self.interface, self.version) {
            (Some(name), _) => name.parse().ok(),
            (None, None | Some(IpVersion::V4)) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (None, Some(IpVersion::V6)) => Some(Ipv6Addr::UNSPECIFIED.into()),
        }
    }
}

/// An IP version, written `4` or `6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

map! {
    /// Proxies in front of a listening endpoint.
    pub struct ProxyProtocol = "proxy_protocol";
    required {
        /// From these peers a PROXY header is required: networks such as `10.0.0.0/8`, or `unix`. From all others a
        /// connection that begins with one is closed.
        from: Vec<ProxyPeer> => list_of_at_least(1, "without any peer nobody could connect", reader::endpoint::proxy_peer());
    }
    optional {
        /// The versions of the header that are understood.
        versions: Vec<ProxyVersion> = vec![ProxyVersion::V1, ProxyVersion::V2] =>
            list_of_at_least(1, "at least one version is needed", reader::endpoint::proxy_version());
    }
}

/// A peer that a PROXY header is expected from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyPeer {
    /// The addresses that begin with so many bits of this one.
    Network(IpAddr, u8),
    /// Whoever comes over a Unix socket.
    Unix,
}

/// A version of the PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

map! {
    /// A TCP port to connect to.
    pub struct TcpConnectConfig = "connecting tcp endpoint", trap = reader::endpoint::connecting_tcp_trap;
    required {
        /// Host name or address.
        host: String => text();
        /// The port.
        port: u16 => port();
    }
    optional {
        /// For a host name, the family that is looked up; an address is used whatever this says.
        version: IpVersion = IpVersion::V4 => reader::endpoint::ip_version();
        /// Time for the whole connect; 0: no limit.
        timeout: Option<Duration> = Some(Duration::from_secs(10)) => seconds(0..=600);
        /// TCP keepalive: so long may a connection be idle before it is probed, three times in that time again; 0: never.
        keepalive["keepalive_s"]: Option<Duration> = Some(Duration::from_secs(60)) => seconds(0..=32_767);
        /// Speak TLS.
        tls: Option<TlsConnectConfig> = None => some(map());
    }
}

/// The name of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnixAddress {
    /// A file; absolute when it comes from a configuration file.
    Path(PathBuf),
    /// A Linux abstract name, without the leading `@` of the configuration.
    Abstract(String),
}

impl std::fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

map! {
    /// A Unix socket to listen on.
    pub struct UnixListenConfig = "listening unix endpoint",
        check = reader::endpoint::check_unix, trap = reader::endpoint::unix_trap;
    required {
        /// The socket file, or `@name` for a Linux abstract name. `$NAME` and `${NAME}` of environment variables are
        /// replaced.
        address["path"]: UnixAddress => reader::endpoint::unix_address();
    }
    optional {
        /// Length of the accept queue.
        backlog: u16 = 50 => int(1..=65_535);
        /// Permission bits of the socket file; never wider for a moment.
        mode: u32 = 0o666 => reader::endpoint::Mode;
        /// Owner of the socket file, a user name or number.
        owner: Option<String> = None => some(text());
        /// Group of the socket file, a group name or number.
        group: Option<String> = None => some(text());
        /// New connections per second before further ones are reset; 0: no limit.
        accept_rate: Option<u32> = None => limit(1_000_000);
        /// Connections come through proxies that tell in a PROXY header whom they are from.
        proxy_protocol: Option<ProxyProtocol> = None => some(map());
    }
}

map! {
    /// A Unix socket to connect to.
    pub struct UnixConnectConfig = "connecting unix endpoint", trap = reader::endpoint::connecting_unix_trap;
    required {
        /// The socket file, or `@name` for a Linux abstract name. `$NAME` and `${NAME}` of environment variables are
        /// replaced.
        address["path"]: UnixAddress => reader::endpoint::unix_address();
    }
    optional {
        /// Time for the connect; 0: no limit.
        timeout: Option<Duration> = Some(Duration::from_secs(10)) => seconds(0..=600);
    }
}

map! {
    /// A socket that the process was started with, as by systemd.
    pub struct FdListenConfig = "listening fd endpoint", check = reader::endpoint::check_fd, one_of = &["name", "fd"];
    optional {
        /// The name it was given.
        name: Option<String> = None => some(text());
        /// Its number.
        fd: Option<u32> = None => some(int(3..=65_535));
        /// New connections per second before further ones are reset; 0: no limit.
        accept_rate: Option<u32> = None => limit(1_000_000);
        /// Connections come through proxies that tell in a PROXY header whom they are from.
        proxy_protocol: Option<ProxyProtocol> = None => some(map());
        /// Speak TLS.
        tls: Option<TlsListenConfig> = None => some(map());
    }
}

map! {
    /// What to listen on as an endpoint string of Twisted.
    pub struct TwistedListenConfig = "listening twisted endpoint";
    required {
        /// The string: `tcp:PORT`, `tcp6:PORT`, `unix:PATH` or `ssl:PORT` with options.
        server_string: EndpointString<ListenEndpoint> => reader::twisted::server_string();
    }
}

map! {
    /// What to connect to as an endpoint string of Twisted.
    pub struct TwistedConnectConfig = "connecting twisted endpoint";
    required {
        /// The string: `tcp:HOST:PORT`, `unix:PATH` or `tls:HOST:PORT` with options.
        client_string: EndpointString<ConnectEndpoint> => reader::twisted::client_string();
    }
    optional {
        /// Nothing.
        timeout: Option<u32> = None => some(int(0..=600)), without_effect("the string has its own");
    }
}
