//! Connecting to a TCP port.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::SockRef;
use tokio::net::TcpStream;
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline};
use transom_config::{IpVersion, TcpConnectConfig};

use super::eyeballs::{NoAnswer, race};
use super::{check_keepalive, options, resolve};
use crate::{Connector, EndpointError};

/// Connects to a TCP port. A host name may have several addresses: they are tried as RFC 8305 says.
#[derive(Clone)]
pub struct TcpConnector {
    config: TcpConnectConfig,
    version: Option<IpVersion>,
    watch: Option<ConnectWatch>,
}

/// What happens on the way to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStep {
    /// The host name leads to these addresses.
    Resolved(Vec<IpAddr>),
    /// An address is tried.
    Trying(SocketAddr),
    /// That failed, for this reason. An attempt after which nothing is told was given up: another address answered
    /// first, or the time was over.
    Failed(SocketAddr, String),
    /// It answered.
    Connected(SocketAddr),
}

/// Is told what happens on the way to a connection, when it happens.
pub type ConnectWatch = Arc<dyn Fn(ConnectStep) + Send + Sync>;

impl TcpConnector {
    /// Connects as configured.
    pub fn new(config: TcpConnectConfig) -> Self {
        TcpConnector { version: config.version.into(), config, watch: None }
    }

    /// Tells what happens on the way.
    #[must_use]
    pub fn watched(self, watch: ConnectWatch) -> Self {
        TcpConnector { watch: Some(watch), ..self }
    }

    /// Takes the addresses of both families, whatever `version` says.
    #[must_use]
    pub fn any_version(self) -> Self {
        TcpConnector { version: None, ..self }
    }

    async fn open(&self, deadline: Deadline) -> Result<Connection, EndpointError> {
        check_keepalive(self.config.keepalive)?;
        let mut addrs = match self.config.host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, 0)],
            Err(_) => match deadline.run(resolve::addresses(&self.config.host, self.version)).await {
                Ok(addrs) => {
                    let addrs = addrs?;
                    tell(self.watch.as_ref(), || {
                        ConnectStep::Resolved(addrs.iter().map(SocketAddr::ip).collect())
                    });
                    addrs
                }
                Err(_) => return Err(self.timeout()),
            },
        };
        addrs.iter_mut().for_each(|addr| addr.set_port(self.config.port));
        let failed = |source| EndpointError::Connect { target: self.target(), source };
        let attempt = |addr| {
            tell(self.watch.as_ref(), || ConnectStep::Trying(addr));
            let watch = self.watch.clone();
            async move {
                let opened = open(addr).await;
                tell(watch.as_ref(), || match &opened {
                    Ok(_) => ConnectStep::Connected(addr),
                    Err(error) => ConnectStep::Failed(addr, error.to_string()),
                });
                opened
            }
        };
        let (addr, io) = match race(addrs, deadline, attempt).await {
            Ok(connected) => connected,
            Err(NoAnswer::Failed(source)) => return Err(failed(source)),
            Err(NoAnswer::Timeout) => return Err(self.timeout()),
        };
        options(&SockRef::from(&io), self.config.keepalive).map_err(failed)?;
        let local = io.local_addr().map_err(failed)?;
        Ok(Connection::new(io, ConnInfo::new(Address::tcp(local), Address::tcp(addr))))
    }

    fn timeout(&self) -> EndpointError {
        EndpointError::ConnectTimeout { target: self.target() }
    }
}

impl fmt::Debug for TcpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnector").field("target", &self.target()).finish_non_exhaustive()
    }
}

impl Connector for TcpConnector {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.config.timeout));
        Box::pin(self.open(deadline))
    }

    fn target(&self) -> String {
        match self.config.host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("tcp:[{ip}]:{}", self.config.port),
            Err(_) => format!("tcp:{}:{}", self.config.host, self.config.port),
        }
    }
}

fn tell(watch: Option<&ConnectWatch>, step: impl FnOnce() -> ConnectStep) {
    if let Some(watch) = watch {
        watch(step());
    }
}

async fn open(addr: SocketAddr) -> io::Result<TcpStream> {
    let io = TcpStream::connect(addr).await?;
    // Where nobody listens, a port that the system chooses for us can be the very port we connect to; the connection
    // then is one with ourselves (RFC 9293, simultaneous open).
    if io.local_addr()? == addr {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(io)
}
