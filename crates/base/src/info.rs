//! Plain facts about a connection. Data only: nothing here opens, reads or decides.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

mod tls;

pub use tls::{CertificateExtension, ChannelBinding, PeerCertificate, TlsInfo};

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and port; IPv4-mapped IPv6 addresses are stored as IPv4.
    Tcp(SocketAddr),
    /// A Unix socket; the connecting side usually has no path.
    Unix(Option<PathBuf>),
    /// Two ends inside one process, numbered.
    Memory(u64),
    /// Through the Tor network: `host:port` of an onion service or of what was connected to; of a client nothing is known.
    Tor(Option<Arc<str>>),
}

impl Address {
    /// An IP address as an `Address`, with IPv4-mapped IPv6 addresses written as what they are.
    pub fn tcp(addr: SocketAddr) -> Self {
        let ip = addr.ip().to_canonical();
        Address::Tcp(SocketAddr::new(ip, addr.port()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(addr @ SocketAddr::V4(_)) => write!(f, "tcp4:{addr}"),
            Address::Tcp(addr @ SocketAddr::V6(_)) => write!(f, "tcp6:{addr}"),
            Address::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Address::Unix(None) => f.write_str("unix"),
            Address::Memory(n) => write!(f, "memory:{n}"),
            Address::Tor(Some(name)) => write!(f, "tor:{name}"),
            Address::Tor(None) => f.write_str("tor"),
        }
    }
}

/// Who is at the other end of a Unix socket, as the kernel says (`SO_PEERCRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixCredentials {
    /// User ID.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// Process ID, where the system tells it.
    pub pid: Option<i32>,
}

/// What is known about a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Our end.
    pub local: Address,
    /// The other end, as the socket tells it.
    pub peer: Address,
    /// The client as a trusted proxy named it.
    pub forwarded_for: Option<SocketAddr>,
    /// The peer process of a Unix socket.
    pub unix: Option<UnixCredentials>,
    /// Present when the bytes came through TLS.
    pub tls: Option<Arc<TlsInfo>>,
}

impl ConnInfo {
    /// Facts with both addresses and nothing else known.
    pub fn new(local: Address, peer: Address) -> Self {
        ConnInfo { local, peer, forwarded_for: None, unix: None, tls: None }
    }

    /// Whether the bytes are encrypted on the way.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The other end as people should read it: what a trusted proxy said, else the socket's address.
    pub fn client(&self) -> Address {
        self.forwarded_for.map_or_else(|| self.peer.clone(), Address::tcp)
    }
}
