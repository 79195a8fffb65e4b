//! Endpoints: what to listen on and what to connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::Place;

/// What a transport listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenEndpoint {
    /// `"type": "tcp"`
    Tcp(TcpListenConfig),
    /// `"type": "unix"`
    Unix(UnixListenConfig),
}

impl ListenEndpoint {
    /// Where the endpoint stands.
    pub fn place(&self) -> &Place {
        match self {
            Self::Tcp(tcp) => &tcp.place,
            Self::Unix(unix) => &unix.place,
        }
    }

    /// The `type` word.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
        }
    }

    /// New connections per second before further ones are reset; `None` = no limit (the default).
    pub fn accept_rate(&self) -> Option<u32> {
        match self {
            Self::Tcp(tcp) => tcp.accept_rate,
            Self::Unix(unix) => unix.accept_rate,
        }
    }
}

/// What a client side connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectEndpoint {
    /// `"type": "tcp"`
    Tcp(TcpConnectConfig),
    /// `"type": "unix"`
    Unix(UnixConnectConfig),
}

impl ConnectEndpoint {
    /// Where the endpoint stands.
    pub fn place(&self) -> &Place {
        match self {
            Self::Tcp(tcp) => &tcp.place,
            Self::Unix(unix) => &unix.place,
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

/// A listening TCP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpListenConfig {
    /// Where it stands.
    pub place: Place,
    /// The ports to try in order; the first that can be bound is taken. `port` gives a range of one,
    /// `portrange` its own. A file can only name 1..=65535; `0..=0`, any free port, is for code.
    pub ports: RangeInclusive<u16>,
    /// The address or host name to bind, without surrounding blanks; `None` = every address of
    /// [`version`](Self::version). Key `interface`, also accepted as `host`.
    pub interface: Option<String>,
    /// The family when there is no `interface`: absent or 4 = `0.0.0.0`, 6 = `::`. With an address
    /// literal the literal decides; for a host name it restricts the lookup.
    pub version: Option<IpVersion>,
    /// A socket on `::` takes IPv6 connections only. Default false: dual-stack.
    pub v6only: bool,
    /// Length of the accept queue, 1..=65535. Default 50.
    pub backlog: u16,
    /// `SO_REUSEPORT`: several workers accept on one port. Default false.
    pub shared: bool,
    /// `TCP_USER_TIMEOUT`, milliseconds in the file, at most 65535. Default `None`: as the system has it.
    pub user_timeout: Option<Duration>,
    /// TCP keepalive idle time (key `keepalive_s`, seconds; a third of it between 3 probes).
    /// Default 60 s; `None` = off.
    pub keepalive: Option<Duration>,
    /// New connections per second before further ones are reset; `None` (default) = no limit.
    pub accept_rate: Option<u32>,
    /// Open connections of one IPv4 address or IPv6 /64; `None` (default) = no limit.
    pub max_connections_per_address: Option<u32>,
}

impl TcpListenConfig {
    /// A listening endpoint on one port, everything else at its default.
    pub fn new(port: u16) -> Self {
        Self {
            place: Place::root(),
            ports: port..=port,
            interface: None,
            version: None,
            v6only: false,
            backlog: 50,
            shared: false,
            user_timeout: None,
            keepalive: Some(Duration::from_secs(60)),
            accept_rate: None,
            max_connections_per_address: None,
        }
    }

    /// The address to bind, or `None` when [`interface`](Self::interface) is a host name that has to be
    /// looked up.
    pub fn ip(&self) -> Option<IpAddr> {
        match (&self.interface, self.version) {
            (Some(name), _) => name.parse().ok(),
            (None, None | Some(IpVersion::V4)) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (None, Some(IpVersion::V6)) => Some(Ipv6Addr::UNSPECIFIED.into()),
        }
    }
}

/// A connecting TCP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpConnectConfig {
    /// Where it stands.
    pub place: Place,
    /// Host name or address literal.
    pub host: String,
    /// 1..=65535.
    pub port: u16,
    /// For a host name: the family looked up. The dialect's default is IPv4; a literal is used
    /// whatever this says.
    pub version: IpVersion,
    /// Time for the whole connect, 1..=600 s in a file. Default 10 s; `None` = no limit.
    pub timeout: Option<Duration>,
    /// TCP keepalive idle time, as for listening. Default 60 s; `None` = off.
    pub keepalive: Option<Duration>,
}

impl TcpConnectConfig {
    /// A connecting endpoint with everything else at its default.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            place: Place::root(),
            host: host.to_owned(),
            port,
            version: IpVersion::V4,
            timeout: Some(Duration::from_secs(10)),
            keepalive: Some(Duration::from_secs(60)),
        }
    }
}

/// The name of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A listening Unix endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListenConfig {
    /// Where it stands.
    pub place: Place,
    /// The socket (key `path`).
    pub address: UnixAddress,
    /// Length of the accept queue, 1..=65535. Default 50.
    pub backlog: u16,
    /// Permission bits of the socket file, an octal string in the file. Default `0o666`.
    pub mode: u32,
    /// Owner of the socket file, a user name or number. Default: the process's.
    pub owner: Option<String>,
    /// Group of the socket file, a group name or number. Default: the process's.
    pub group: Option<String>,
    /// New connections per second before further ones are reset; `None` (default) = no limit.
    pub accept_rate: Option<u32>,
}

impl UnixListenConfig {
    /// A listening endpoint with everything else at its default.
    pub fn new(address: UnixAddress) -> Self {
        Self {
            place: Place::root(),
            address,
            backlog: 50,
            mode: 0o666,
            owner: None,
            group: None,
            accept_rate: None,
        }
    }
}

/// A connecting Unix endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixConnectConfig {
    /// Where it stands.
    pub place: Place,
    /// The socket (key `path`).
    pub address: UnixAddress,
    /// Time for the connect, 1..=600 s in a file. Default 10 s; `None` = no limit.
    pub timeout: Option<Duration>,
}

impl UnixConnectConfig {
    /// A connecting endpoint with everything else at its default.
    pub fn new(address: UnixAddress) -> Self {
        Self { place: Place::root(), address, timeout: Some(Duration::from_secs(10)) }
    }
}
