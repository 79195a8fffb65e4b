//! Unix socket endpoints: files and, on Linux, abstract names.

mod file;
mod owner;

use std::io;
use std::path::PathBuf;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixStream;
use tokio::sync::watch;
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline, UnixCredentials};
use transom_config::{UnixAddress, UnixConnectConfig, UnixListenConfig};

use crate::{Accepted, BoundAddr, Connector, EndpointError, EndpointStatus, Listener};
use file::SocketFile;

/// The longest path of a socket in bytes (`sun_path` without its final zero).
const MAX_PATH: usize = 107;

/// A listening Unix socket.
#[derive(Debug)]
pub struct UnixListener {
    inner: tokio::net::UnixListener,
    address: UnixAddress,
    /// Removes the file when dropped.
    _file: Option<SocketFile>,
    status: watch::Sender<EndpointStatus>,
}

impl UnixListener {
    /// Binds a socket. A socket file that nobody listens on is replaced; anything else that is there is left alone and
    /// an error. The new file appears with its owner, group and mode set and somebody listening.
    pub fn bind(config: &UnixListenConfig) -> Result<Self, EndpointError> {
        let (socket, file) = match &config.address {
            UnixAddress::Path(path) => {
                let (socket, file) = file::bind(path, config)?;
                (socket, Some(file))
            }
            UnixAddress::Abstract(name) => {
                let failed = |source| bind_failed(&config.address, source);
                let socket = new_socket().map_err(failed)?;
                socket.bind(&sock_addr(&config.address, abstract_path(name))?).map_err(failed)?;
                socket.listen(i32::from(config.backlog)).map_err(failed)?;
                (socket, None)
            }
        };
        let inner = tokio::net::UnixListener::from_std(socket.into())
            .map_err(|source| bind_failed(&config.address, source))?;
        Ok(UnixListener {
            inner,
            address: config.address.clone(),
            _file: file,
            status: watch::Sender::default(),
        })
    }
}

impl Listener for UnixListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            match self.inner.accept().await {
                Ok((io, _)) => {
                    let info = info(&io, address(&self.address), Address::Unix(None));
                    Ok(Accepted::unix(io, info))
                }
                Err(error) => {
                    self.status.send_modify(|status| status.failed(&error));
                    Err(error)
                }
            }
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        vec![BoundAddr::Unix(self.address.clone())]
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

/// Connects to a Unix socket.
#[derive(Debug, Clone)]
pub struct UnixConnector {
    config: UnixConnectConfig,
}

impl UnixConnector {
    /// Connects as configured.
    pub fn new(config: UnixConnectConfig) -> Self {
        UnixConnector { config }
    }
}

impl Connector for UnixConnector {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.config.timeout));
        Box::pin(async move {
            let path = match &self.config.address {
                UnixAddress::Path(path) => path.clone(),
                UnixAddress::Abstract(name) => abstract_path(name),
            };
            match deadline.run(UnixStream::connect(path)).await {
                Ok(Ok(io)) => {
                    let info = info(&io, Address::Unix(None), address(&self.config.address));
                    Ok(Connection::new(io, info))
                }
                Ok(Err(source)) => Err(EndpointError::Connect { target: self.target(), source }),
                Err(_) => Err(EndpointError::ConnectTimeout { target: self.target() }),
            }
        })
    }

    fn target(&self) -> String {
        format!("unix:{}", self.config.address)
    }
}

fn info(io: &UnixStream, local: Address, peer: Address) -> ConnInfo {
    let mut info = ConnInfo::new(local, peer);
    info.unix =
        io.peer_cred().ok().map(|them| UnixCredentials { uid: them.uid(), gid: them.gid(), pid: them.pid() });
    info
}

/// The address as connections carry it; abstract names are written with `@`.
fn address(address: &UnixAddress) -> Address {
    Address::Unix(Some(match address {
        UnixAddress::Path(path) => path.clone(),
        UnixAddress::Abstract(_) => PathBuf::from(address.to_string()),
    }))
}

/// An abstract name as the system's calls take it: after a zero byte.
fn abstract_path(name: &str) -> PathBuf {
    PathBuf::from(format!("\0{name}"))
}

fn sock_addr(address: &UnixAddress, path: PathBuf) -> Result<SockAddr, EndpointError> {
    let too_long = || EndpointError::PathTooLong { path: address.to_string(), max: MAX_PATH };
    if path.as_os_str().len() > MAX_PATH {
        return Err(too_long());
    }
    SockAddr::unix(path).map_err(|_| too_long())
}

fn new_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind_failed(address: &UnixAddress, source: io::Error) -> EndpointError {
    EndpointError::Bind { address: format!("unix:{address}"), source }
}
