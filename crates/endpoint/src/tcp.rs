//! TCP endpoints.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline};
use transom_config::{IpVersion, TcpConnectConfig, TcpListenConfig};

use crate::{Accepted, BoundAddr, Connector, EndpointError, EndpointStatus, Listener};

/// A listening TCP socket.
#[derive(Debug)]
pub struct TcpListener {
    inner: tokio::net::TcpListener,
    bound: SocketAddr,
    status: watch::Sender<EndpointStatus>,
}

impl TcpListener {
    /// Binds the first port of the configured range that can be had. A host name is looked up once, and the first of
    /// its addresses that can be bound is taken. Port 0 stands for any free port.
    pub async fn bind(config: &TcpListenConfig) -> Result<Self, EndpointError> {
        let ips = match config.ip() {
            Some(ip) => vec![ip],
            None => resolve(config.interface.as_deref().unwrap_or_default(), config.version).await?,
        };
        let mut failed = None;
        for ip in ips {
            match bind_range(ip, config) {
                Ok(inner) => {
                    let bound = inner
                        .local_addr()
                        .map_err(|source| EndpointError::Bind { address: ip.to_string(), source })?;
                    return Ok(TcpListener { inner, bound, status: watch::Sender::default() });
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed
            .unwrap_or_else(|| no_address(config.interface.as_deref().unwrap_or_default(), config.version)))
    }

    /// The address that is really bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.bound
    }

    fn accepted(&self, io: TcpStream, peer: SocketAddr) -> Accepted {
        // A socket on one address only is asked nothing more.
        let local = if self.bound.ip().is_unspecified() { io.local_addr().ok() } else { None };
        let info = ConnInfo::new(Address::tcp(local.unwrap_or(self.bound)), Address::tcp(peer));
        Accepted::tcp(io, info)
    }
}

/// To look at or hand on the socket.
impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl Listener for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            match self.inner.accept().await {
                Ok((io, peer)) => Ok(self.accepted(io, peer)),
                Err(error) => {
                    self.status.send_modify(|status| status.failed(&error));
                    Err(error)
                }
            }
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        vec![BoundAddr::Tcp(self.bound)]
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

fn bind_range(ip: IpAddr, config: &TcpListenConfig) -> Result<tokio::net::TcpListener, EndpointError> {
    let (first, last) = (*config.ports.start(), *config.ports.end());
    let mut failed = None;
    for port in config.ports.clone() {
        match bind(SocketAddr::new(ip, port), config) {
            Ok(listener) => return Ok(listener),
            Err(error @ EndpointError::Bind { .. }) => failed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match failed {
        Some(EndpointError::Bind { source, .. }) if first != last => {
            Err(EndpointError::NoFreePort { ip: ip.to_string(), first, last, source })
        }
        Some(error) => Err(error),
        None => Err(EndpointError::NoFreePort {
            ip: ip.to_string(),
            first,
            last,
            source: io::Error::new(io::ErrorKind::InvalidInput, "the range has no port"),
        }),
    }
}

fn bind(addr: SocketAddr, config: &TcpListenConfig) -> Result<tokio::net::TcpListener, EndpointError> {
    let name = BoundAddr::Tcp(addr).to_string();
    let failed = |source| EndpointError::Bind { address: name.clone(), source };
    let option = |option| {
        let address = name.clone();
        move |source| EndpointError::Option { address, option, source }
    };
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    socket.set_reuse_address(true).map_err(option("SO_REUSEADDR"))?;
    if config.shared {
        socket.set_reuse_port(true).map_err(option("SO_REUSEPORT"))?;
    }
    if addr.is_ipv6() {
        socket.set_only_v6(config.v6only).map_err(option("IPV6_V6ONLY"))?;
    }
    // Connections inherit these from the listening socket, which saves system calls for each of them.
    socket.set_tcp_nodelay(true).map_err(option("TCP_NODELAY"))?;
    if let Some(idle) = config.keepalive {
        keepalive(&SockRef::from(&socket), idle).map_err(option("SO_KEEPALIVE"))?;
    }
    if config.user_timeout.is_some() {
        socket.set_tcp_user_timeout(config.user_timeout).map_err(option("TCP_USER_TIMEOUT"))?;
    }
    socket.bind(&addr.into()).map_err(failed)?;
    socket.listen(i32::from(config.backlog)).map_err(failed)?;
    tokio::net::TcpListener::from_std(socket.into()).map_err(failed)
}

/// Probes after `idle` of silence, three times, a third of it apart.
fn keepalive(socket: &SockRef<'_>, idle: Duration) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let probes =
        TcpKeepalive::new().with_time(idle.max(second)).with_interval((idle / 3).max(second)).with_retries(3);
    socket.set_tcp_keepalive(&probes)
}

/// Connects to a TCP port.
#[derive(Debug, Clone)]
pub struct TcpConnector {
    config: TcpConnectConfig,
}

impl TcpConnector {
    /// Connects as configured.
    pub fn new(config: TcpConnectConfig) -> Self {
        TcpConnector { config }
    }

    async fn open(&self) -> Result<Connection, EndpointError> {
        let config = &self.config;
        let ips = match config.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => resolve(&config.host, Some(config.version)).await?,
        };
        let failed = |source| EndpointError::Connect { target: self.target(), source };
        let mut last = None;
        for ip in ips {
            let addr = SocketAddr::new(ip, config.port);
            let io = match TcpStream::connect(addr).await {
                Ok(io) => io,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            io.set_nodelay(true).map_err(failed)?;
            if let Some(idle) = config.keepalive {
                keepalive(&SockRef::from(&io), idle).map_err(failed)?;
            }
            let local = io.local_addr().map_err(failed)?;
            let info = ConnInfo::new(Address::tcp(local), Address::tcp(addr));
            return Ok(Connection::new(io, info));
        }
        Err(last.map_or_else(|| no_address(&config.host, Some(config.version)), failed))
    }
}

impl Connector for TcpConnector {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.config.timeout));
        Box::pin(async move {
            match deadline.run(self.open()).await {
                Ok(result) => result,
                Err(_) => Err(EndpointError::ConnectTimeout { target: self.target() }),
            }
        })
    }

    fn target(&self) -> String {
        match self.config.host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("tcp:[{ip}]:{}", self.config.port),
            Err(_) => format!("tcp:{}:{}", self.config.host, self.config.port),
        }
    }
}

/// The addresses of a host name, in the system's order, restricted to a family.
async fn resolve(host: &str, version: Option<IpVersion>) -> Result<Vec<IpAddr>, EndpointError> {
    let found = lookup_host((host, 0))
        .await
        .map_err(|source| EndpointError::Resolve { host: host.to_owned(), source })?;
    let mut ips = Vec::new();
    for addr in found {
        let wanted = match version {
            None => true,
            Some(IpVersion::V4) => addr.is_ipv4(),
            Some(IpVersion::V6) => addr.is_ipv6(),
        };
        if wanted && !ips.contains(&addr.ip()) {
            ips.push(addr.ip());
        }
    }
    if ips.is_empty() { Err(no_address(host, version)) } else { Ok(ips) }
}

fn no_address(host: &str, version: Option<IpVersion>) -> EndpointError {
    let family = match version {
        None => "IP",
        Some(IpVersion::V4) => "IPv4",
        Some(IpVersion::V6) => "IPv6",
    };
    EndpointError::NoAddress { host: host.to_owned(), family }
}
