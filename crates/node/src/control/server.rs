//! The node's side of the control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use transom_base::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, Deadline, DrainWatch, FLUSH_TIMEOUT, ServeError,
    Stream,
};
use transom_config::{UnixAddress, UnixListenConfig};
use transom_endpoint::{AcceptControl, Accepting, EndpointError, UnixListener, accept_under_control};

use super::protocol::line;
use super::{MAX_REQUEST, Outcome, Request, Response, Status, Stopping, socket_of};
use crate::facts::NodeStatus;
use crate::{PRODUCT, VERSION};

/// How many may ask at once.
const MAX_CONNECTIONS: usize = 16;

/// How long a request may take to come.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How the loop of the node is told what to do.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    reload: mpsc::Sender<oneshot::Sender<Outcome>>,
    stop: mpsc::Sender<()>,
}

/// What the loop of the node is told.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// To reload, and to say what came of it.
    pub(crate) reload: mpsc::Receiver<oneshot::Sender<Outcome>>,
    /// To end in order; this does not wait for a reload.
    pub(crate) stop: mpsc::Receiver<()>,
}

impl Orders {
    pub(crate) fn new() -> (Orders, Ordered) {
        let (reload, reloads) = mpsc::channel(MAX_CONNECTIONS);
        let (stop, stops) = mpsc::channel(1);
        (Orders { reload, stop }, Ordered { reload: reloads, stop: stops })
    }
}

/// What is known of a node besides what it serves.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) node_dir: PathBuf,
    /// The configuration file, where there is one, and whether the node is about to end.
    pub(crate) now: Mutex<Now>,
}

#[derive(Debug, Default)]
pub(crate) struct Now {
    pub(crate) config: Option<PathBuf>,
    pub(crate) stopping: bool,
}

/// A node directory that is taken: its socket is there, and does not answer yet.
pub(crate) struct ControlLock {
    listener: UnixListener,
}

/// An open control socket.
pub(crate) struct ControlSocket {
    control: AcceptControl,
}

/// Why a node directory cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another node has the directory.
    #[error("another node runs in this node directory: {holder} listens on {}", socket.display())]
    InUse {
        /// Its socket.
        socket: PathBuf,
        /// Its process, as far as the system tells.
        holder: String,
    },
    /// The system does not let us have it.
    #[error("{}", .0.chain())]
    Endpoint(#[source] EndpointError),
}

impl ControlLock {
    /// Takes a node directory. Nobody but the process's user can connect, at no moment.
    pub(crate) fn take(dir: &Path) -> Result<Self, LockError> {
        let socket = socket_of(dir);
        let config =
            UnixListenConfig { mode: 0o600, ..UnixListenConfig::new(UnixAddress::Path(socket.clone())) };
        match UnixListener::bind(&config) {
            Ok(listener) => Ok(ControlLock { listener }),
            Err(EndpointError::InUse { holder, .. }) => Err(LockError::InUse { socket, holder }),
            Err(error) => Err(LockError::Endpoint(error)),
        }
    }

    /// Answers from now on.
    pub(crate) fn serve(self, about: Arc<About>, status: Arc<NodeStatus>, orders: Orders) -> ControlSocket {
        let uid = nix::unistd::geteuid().as_raw();
        let handler = Arc::new(Server { shared: Arc::new(Shared { about, status, orders, uid }) });
        // It answers until the very end, so it does not follow the node's phase.
        let accepting = Accepting::new("control", handler, MAX_CONNECTIONS, DrainWatch::never());
        let (control, accept) = AcceptControl::new(accepting);
        tokio::spawn(async move {
            if let Err(error) = accept_under_control(Box::new(self.listener), accept).await {
                tracing::error!("the control socket failed: {error}");
            }
        });
        ControlSocket { control }
    }
}

impl ControlSocket {
    /// Gives the node directory back.
    pub(crate) async fn close(self) {
        self.control.stop();
        self.control.stopped().await;
    }
}

struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    about: Arc<About>,
    status: Arc<NodeStatus>,
    orders: Orders,
    /// Who may ask.
    uid: u32,
}

impl ConnectionHandler for Server {
    fn name(&self) -> &str {
        "control"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let _place = scope;
            shared.converse(conn).await
        })
    }
}

impl Shared {
    async fn converse(&self, mut conn: Connection) -> Result<(), ServeError> {
        let io = &mut *conn.io;
        let user = conn.info.unix.map(|peer| peer.uid);
        if user != Some(self.uid) {
            let error = format!("only the user with the number {} controls this node", self.uid);
            say(io, &Response::Refused { error }).await?;
            return Err(ServeError::Protocol("another user asked for control".to_owned()));
        }
        let line = match Deadline::after(REQUEST_TIMEOUT).run(read_line(io)).await {
            Ok(line) => line?,
            Err(_) => return Err(ServeError::Timeout("no request came in time".to_owned())),
        };
        let response = match Request::parse(&line) {
            Err(error) => Response::Refused { error },
            Ok(Request::Status) => Response::Status(Box::new(self.look())),
            Ok(Request::Reload) => self.reload().await,
            Ok(Request::Stop) => {
                let drain_timeout = self.status.serving().drain_timeout;
                let drain_timeout =
                    drain_timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                say(io, &Response::Stop(Stopping { pid: std::process::id(), drain_timeout })).await?;
                // Where nobody listens any more, or another asked before, the node is stopping already.
                let _ = self.orders.stop.try_send(());
                // Only the end of the process closes it: so whoever asked knows when that is.
                std::mem::forget(conn.io);
                return Ok(());
            }
        };
        say(io, &response).await
    }

    async fn reload(&self) -> Response {
        let (answer, outcome) = oneshot::channel();
        let stopping = || Response::Refused { error: "the node is stopping".to_owned() };
        if self.orders.reload.send(answer).await.is_err() {
            return stopping();
        }
        outcome.await.map_or_else(|_| stopping(), Response::Reload)
    }

    fn look(&self) -> Status {
        let serving = self.status.serving();
        let started = self.status.started();
        let now = self.about.now.lock();
        Status {
            product: PRODUCT.to_owned(),
            version: VERSION.to_owned(),
            pid: std::process::id(),
            started: seconds(started),
            uptime: started.elapsed().unwrap_or_default().as_secs(),
            stopping: now.stopping,
            node_dir: self.about.node_dir.display().to_string(),
            config: now.config.as_ref().map(|config| config.display().to_string()),
            open: serving.open(),
            realms: serving.realms(),
            transports: serving.transport_states(),
            retired: serving.retired_states(),
            last_reload: self.status.last_reload(),
        }
    }
}

/// A moment in seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

async fn say(io: &mut dyn Stream, response: &Response) -> Result<(), ServeError> {
    match Deadline::after(FLUSH_TIMEOUT).run(io.write_all(&line(response))).await {
        Ok(written) => written.map_err(ServeError::Io),
        Err(_) => Err(ServeError::Timeout("the answer was not taken in time".to_owned())),
    }
}

/// A line without its end, which the end of what is sent may stand for.
async fn read_line(io: &mut dyn Stream) -> Result<Vec<u8>, ServeError> {
    let mut line = Vec::new();
    let mut buf = [0; 512];
    loop {
        let read = io.read(&mut buf).await.map_err(ServeError::Io)?;
        let part = buf.get(..read).unwrap_or_default();
        if let Some(end) = part.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(part.get(..end).unwrap_or_default());
            return Ok(line);
        }
        line.extend_from_slice(part);
        if line.len() > MAX_REQUEST {
            return Err(ServeError::Limit(format!("a request is longer than {MAX_REQUEST} bytes")));
        }
        if read == 0 {
            if line.is_empty() {
                return Err(ServeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            return Ok(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_base::{Address, ConnInfo, UnixCredentials};

    use super::*;

    fn shared() -> Shared {
        let about = Arc::new(About { node_dir: PathBuf::from("/node"), now: Mutex::default() });
        let (orders, _) = Orders::new();
        Shared { about, status: Arc::new(NodeStatus::new()), orders, uid: 1000 }
    }

    /// What a peer with this user gets for these bytes, and how it ends.
    async fn converse(uid: Option<u32>, bytes: &[u8]) -> (String, Result<(), ServeError>) {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let mut info = ConnInfo::new(Address::Unix(None), Address::Unix(None));
        info.unix = uid.map(|uid| UnixCredentials { uid, gid: 1000, pid: Some(1) });
        near.write_all(bytes).await.unwrap();
        let ended = shared().converse(Connection::new(far, info)).await;
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        (answer, ended)
    }

    #[tokio::test]
    async fn user_who_is_another_or_unknown_gets_nothing() {
        for uid in [Some(0), Some(1001), None] {
            let (answer, ended) = converse(uid, b"{\"command\":\"status\"}\n").await;
            assert!(answer.contains("only the user with the number 1000"), "{answer}");
            assert!(matches!(ended, Err(ServeError::Protocol(_))), "{ended:?}");
        }
        let (answer, ended) = converse(Some(1000), b"{\"command\":\"status\"}\n").await;
        assert!(answer.starts_with("{\"answer\":\"status\",\"product\":\"Transom\""), "{answer}");
        assert!(ended.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn request_that_does_not_come_or_does_not_end_is_given_up() {
        let (answer, ended) = converse(Some(1000), b"{\"command\"").await;
        assert_eq!(answer, "");
        assert!(matches!(ended, Err(ServeError::Timeout(_))), "{ended:?}");
        let (answer, ended) = converse(Some(1000), &vec![b' '; 2 * MAX_REQUEST]).await;
        assert_eq!(answer, "");
        assert!(matches!(ended, Err(ServeError::Limit(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn reload_when_the_node_is_ending_is_refused() {
        let (answer, _) = converse(Some(1000), b"{\"command\":\"reload\"}\n").await;
        assert!(answer.contains("the node is stopping"), "{answer}");
    }

    #[tokio::test]
    async fn directory_when_taken_names_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let taken = ControlLock::take(dir.path()).unwrap();
        match ControlLock::take(dir.path()).map(|_| ()) {
            Err(error @ LockError::InUse { .. }) => {
                let text = error.to_string();
                assert!(text.contains("this process itself") && text.contains("transom.sock"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        drop(taken);
        ControlLock::take(dir.path()).unwrap();
    }
}
