//! Unix socket endpoints: files and, on Linux, abstract names.

mod file;
mod owner;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::sleep;
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline, UnixCredentials};
use transom_config::{UnixAddress, UnixConnectConfig, UnixListenConfig};

use crate::holder::Holder;
use crate::{Accepted, BoundAddr, Connector, EndpointError, EndpointStatus, Listener};
use file::SocketFile;
pub use file::SocketId;

/// The longest path of a socket in bytes (`sun_path` without its final zero).
const MAX_PATH: usize = 107;

/// The first pause before a full queue is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A listening Unix socket.
#[derive(Debug)]
pub struct UnixListener {
    /// Removes the file when dropped: before the socket is closed, since only an open socket keeps the number by which
    /// the file is known from being used again.
    file: Option<SocketFile>,
    inner: tokio::net::UnixListener,
    address: UnixAddress,
    status: watch::Sender<EndpointStatus>,
}

/// A listening Unix socket that is to take the place of another one of this process. Nobody finds it before.
#[derive(Debug)]
pub struct UnixReplacement {
    listener: UnixListener,
    replaced: SocketId,
    config: UnixListenConfig,
}

impl UnixListener {
    /// Binds a socket. A socket file that nobody listens on is replaced; anything else that is there is left alone and
    /// an error. The new file appears with its owner, group and mode set and somebody listening.
    ///
    /// # Errors
    ///
    /// A setting out of its range, an unknown owner, an address that somebody listens on (who, where the system lets it
    /// be seen), or anything that is no dead socket in its place.
    pub fn bind(config: &UnixListenConfig) -> Result<Self, EndpointError> {
        check_backlog(config)?;
        let (socket, file) = match &config.address {
            UnixAddress::Path(path) => {
                let (socket, file) = file::bind(path, config)?;
                (socket, Some(file))
            }
            UnixAddress::Abstract(name) => (bind_abstract(name, config)?, None),
        };
        Self::listening(socket, file, config)
    }

    /// Binds a socket that is to stand where the socket `replaced` of this process stands, which goes on until the new
    /// one is published: there is no moment without a listener. None for an abstract name, which only one can have.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`], but nobody is in the way yet.
    pub fn replace(
        config: &UnixListenConfig,
        replaced: SocketId,
    ) -> Result<Option<UnixReplacement>, EndpointError> {
        let UnixAddress::Path(path) = &config.address else { return Ok(None) };
        check_backlog(config)?;
        let (socket, file) = file::bind_beside(path, config)?;
        let listener = Self::listening(socket, Some(file), config)?;
        Ok(Some(UnixReplacement { listener, replaced, config: config.clone() }))
    }

    /// Tells its file from others; an abstract name has none.
    pub fn socket_id(&self) -> Option<SocketId> {
        self.file.as_ref().map(SocketFile::id)
    }

    fn listening(
        socket: Socket,
        file: Option<SocketFile>,
        config: &UnixListenConfig,
    ) -> Result<Self, EndpointError> {
        let inner = tokio::net::UnixListener::from_std(socket.into())
            .map_err(|source| bind_failed(&config.address, source))?;
        Ok(UnixListener { file, inner, address: config.address.clone(), status: watch::Sender::default() })
    }

    /// Takes a socket that listens already. Its file belongs to whoever made it.
    pub(crate) fn adopt(socket: std::os::unix::net::UnixListener) -> Result<Self, EndpointError> {
        let failed = |source| EndpointError::Bind { address: "an inherited Unix socket".into(), source };
        socket.set_nonblocking(true).map_err(failed)?;
        let local = SockRef::from(&socket).local_addr().map_err(failed)?;
        let name = local.as_abstract_namespace().map(|name| String::from_utf8_lossy(name).into_owned());
        let address = match (local.as_pathname(), name) {
            (Some(path), _) => UnixAddress::Path(path.to_owned()),
            (None, Some(name)) => UnixAddress::Abstract(name),
            (None, None) => UnixAddress::Path(PathBuf::new()),
        };
        let inner = tokio::net::UnixListener::from_std(socket).map_err(failed)?;
        Ok(UnixListener { file: None, inner, address, status: watch::Sender::default() })
    }
}

impl UnixReplacement {
    /// Takes the place in one step. Connections that wait at the replaced socket are still accepted there.
    ///
    /// # Errors
    ///
    /// What another process put in its place meanwhile stays, as with [`UnixListener::bind`].
    pub fn publish(self) -> Result<UnixListener, EndpointError> {
        let UnixReplacement { mut listener, replaced, config } = self;
        if let (UnixAddress::Path(path), Some(file)) = (&config.address, &mut listener.file) {
            file.publish(path, &config, true, Some(replaced))?;
        }
        Ok(listener)
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
            match deadline.run(connect(path)).await {
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

/// Connects as soon as there is room in the listener's queue. The system does not tell when that is.
async fn connect(path: PathBuf) -> io::Result<UnixStream> {
    let mut pause = FIRST_PAUSE;
    loop {
        match UnixStream::connect(&path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn check_backlog(config: &UnixListenConfig) -> Result<(), EndpointError> {
    if config.backlog == 0 {
        let (value, allowed) = ("0".into(), "1 to 65535");
        return Err(EndpointError::OutOfRange { option: "backlog", value, allowed });
    }
    Ok(())
}

fn bind_abstract(name: &str, config: &UnixListenConfig) -> Result<Socket, EndpointError> {
    if name.is_empty() {
        let (value, allowed) = ("'@'".into(), "'@' with a name behind it");
        return Err(EndpointError::OutOfRange { option: "path", value, allowed });
    }
    let failed = |source| bind_failed(&config.address, source);
    let address = sock_addr(&config.address, abstract_path(name))?;
    let socket = new_socket().map_err(failed)?;
    socket.bind(&address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            in_use(&config.address, somebody_answers(&address).ok().flatten().flatten())
        }
        _ => failed(error),
    })?;
    socket.listen(i32::from(config.backlog)).map_err(failed)?;
    Ok(socket)
}

/// Whether somebody listens on a socket, and if so who, where the system tells.
fn somebody_answers(address: &SockAddr) -> io::Result<Option<Option<Holder>>> {
    let probe = new_socket()?;
    match probe.connect(address) {
        Ok(()) => {}
        // Somebody listens and is busy.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(None)),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let them = std::os::unix::net::UnixStream::from(probe);
    let pid = UnixStream::from_std(them).and_then(|them| them.peer_cred()).ok().and_then(|them| them.pid());
    Ok(Some(pid.and_then(|pid| u32::try_from(pid).ok()).and_then(Holder::process)))
}

fn in_use(address: &UnixAddress, holder: Option<Holder>) -> EndpointError {
    let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
    EndpointError::InUse { address: format!("unix:{address}"), holder }
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
