//! TCP endpoints: listening here, connecting below.

mod connect;
mod eyeballs;
mod resolve;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;
use tokio::sync::watch;
use transom_base::{Address, BoxFuture, ConnInfo};
use transom_config::TcpListenConfig;

pub use connect::{ConnectStep, ConnectWatch, TcpConnector};

use crate::holder::Holder;
use crate::{Accepted, BoundAddr, EndpointError, EndpointStatus, Listener};

/// The longest keepalive time that systems take, in seconds.
const LONGEST_KEEPALIVE: u64 = 32767;

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
    ///
    /// # Errors
    ///
    /// A setting out of its range, a name without an address, or an address that cannot be had; who has it is told
    /// where the system lets it be seen.
    pub async fn bind(config: &TcpListenConfig) -> Result<Self, EndpointError> {
        check(config)?;
        let addrs = match config.ip() {
            Some(ip) => vec![SocketAddr::new(ip, 0)],
            None => {
                resolve::addresses(config.interface.as_deref().unwrap_or_default(), config.version).await?
            }
        };
        let mut failed = None;
        for addr in addrs {
            match bind_range(addr, config) {
                Ok(inner) => return Self::new(inner),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| {
            resolve::no_address(config.interface.as_deref().unwrap_or_default(), config.version)
        }))
    }

    /// Takes a socket that listens already.
    pub(crate) fn adopt(
        socket: std::net::TcpListener,
        keepalive: Option<Duration>,
    ) -> Result<Self, EndpointError> {
        let failed = |source| EndpointError::Bind { address: "an inherited TCP socket".into(), source };
        socket.set_nonblocking(true).map_err(failed)?;
        options(&SockRef::from(&socket), keepalive).map_err(failed)?;
        Self::new(tokio::net::TcpListener::from_std(socket).map_err(failed)?)
    }

    fn new(inner: tokio::net::TcpListener) -> Result<Self, EndpointError> {
        let bound = inner
            .local_addr()
            .map_err(|source| EndpointError::Bind { address: "a TCP socket".into(), source })?;
        Ok(TcpListener { inner, bound, status: watch::Sender::default() })
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

/// What no file can say, and code can.
fn check(config: &TcpListenConfig) -> Result<(), EndpointError> {
    let (first, last) = (*config.ports.start(), *config.ports.end());
    if first > last || (first == 0 && last != 0) {
        let (value, allowed) = (format!("{first}..={last}"), "a port, or a range from 1 to 65535 upwards");
        return Err(EndpointError::OutOfRange { option: "portrange", value, allowed });
    }
    if config.backlog == 0 {
        return Err(EndpointError::OutOfRange {
            option: "backlog",
            value: "0".into(),
            allowed: "1 to 65535",
        });
    }
    check_keepalive(config.keepalive)
}

/// What systems take as a keepalive time.
pub(crate) fn check_keepalive(idle: Option<Duration>) -> Result<(), EndpointError> {
    match idle {
        Some(idle) if idle.is_zero() || idle > Duration::from_secs(LONGEST_KEEPALIVE) => {
            let (value, allowed) = (format!("{idle:?}"), "1 to 32767 seconds, or 0 for none");
            Err(EndpointError::OutOfRange { option: "keepalive_s", value, allowed })
        }
        _ => Ok(()),
    }
}

fn bind_range(addr: SocketAddr, config: &TcpListenConfig) -> Result<tokio::net::TcpListener, EndpointError> {
    let (first, last) = (*config.ports.start(), *config.ports.end());
    let mut failed = None;
    for port in config.ports.clone() {
        let mut addr = addr;
        addr.set_port(port);
        match bind(addr, config) {
            Ok(listener) => return Ok(listener),
            Err(EndpointError::Bind { address, source }) => failed = Some((addr, address, source)),
            Err(error) => return Err(error),
        }
    }
    Err(match failed {
        Some((addr, address, source)) if first == last => {
            EndpointError::Bind { address, source: explained(source, addr) }
        }
        other => {
            let source = other.map_or_else(|| io::ErrorKind::InvalidInput.into(), |(_, _, source)| source);
            EndpointError::NoFreePort { ip: addr.ip().to_string(), first, last, source }
        }
    })
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
    options(&SockRef::from(&socket), config.keepalive).map_err(option("TCP_NODELAY and SO_KEEPALIVE"))?;
    if let Some(time) = config.user_timeout.filter(|time| !time.is_zero()) {
        socket.set_tcp_user_timeout(Some(time)).map_err(option("TCP_USER_TIMEOUT"))?;
    }
    socket.bind(&addr.into()).map_err(failed)?;
    socket.listen(i32::from(config.backlog)).map_err(failed)?;
    tokio::net::TcpListener::from_std(socket.into()).map_err(failed)
}

/// What connections inherit from the socket that listens, which saves system calls for each of them: no delay, and
/// after `idle` of silence three probes, a third of it apart.
fn options(socket: &SockRef<'_>, idle: Option<Duration>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let Some(idle) = idle else { return Ok(()) };
    let second = Duration::from_secs(1);
    let probes =
        TcpKeepalive::new().with_time(idle.max(second)).with_interval((idle / 3).max(second)).with_retries(3);
    socket.set_tcp_keepalive(&probes)
}

/// The system's words about a failure to bind, with what can be done about it.
fn explained(error: io::Error, addr: SocketAddr) -> io::Error {
    let more = match (error.kind(), error.raw_os_error().map(Errno::from_raw)) {
        (io::ErrorKind::AddrInUse, _) => match Holder::of(addr) {
            Some(holder) => format!(": {holder} listens there"),
            None => return error,
        },
        (io::ErrorKind::PermissionDenied, _) if addr.port() < 1024 => {
            ": a port this low needs root or the capability CAP_NET_BIND_SERVICE".into()
        }
        (_, Some(Errno::EAFNOSUPPORT)) if addr.is_ipv6() => ": this machine has no IPv6".into(),
        (io::ErrorKind::AddrNotAvailable, _) => {
            ": no network interface of this machine has the address".into()
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_to_bind_when_it_has_a_remedy_names_it() {
        let words = |errno: Errno, addr: &str| {
            explained(io::Error::from_raw_os_error(errno as i32), addr.parse().unwrap()).to_string()
        };
        for (errno, addr, end) in [
            (Errno::EACCES, "0.0.0.0:80", "needs root or the capability CAP_NET_BIND_SERVICE"),
            (Errno::EACCES, "0.0.0.0:8080", "(os error 13)"),
            (Errno::EAFNOSUPPORT, "[::]:8080", "this machine has no IPv6"),
            (Errno::EADDRNOTAVAIL, "192.0.2.9:8080", "no network interface of this machine has the address"),
            (Errno::EINVAL, "192.0.2.9:8080", "(os error 22)"),
        ] {
            let words = words(errno, addr);
            assert!(words.ends_with(end), "{words}");
        }
    }
}
