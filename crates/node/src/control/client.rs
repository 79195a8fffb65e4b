//! The other side of the control socket: a command that asks a running node.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Connection, Deadline};
use transom_config::{UnixAddress, UnixConnectConfig};
use transom_endpoint::{Connector, EndpointError, UnixConnector};

use super::protocol::line;
use super::{Request, Response, socket_of};

/// The longest answer that is read, in bytes.
const MAX_RESPONSE: usize = 16 << 20;

/// How long the node may take to let us in and take the request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a running node.
pub(crate) struct Control {
    connection: Connection,
}

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody is there.
    #[error("no node is running in {} (nobody listens on {})", dir.display(), socket.display())]
    NoNode {
        /// The node directory.
        dir: PathBuf,
        /// Its socket.
        socket: PathBuf,
    },
    /// The socket is there and cannot be used.
    #[error("the node in {} cannot be asked: {}", dir.display(), source.chain())]
    Connect {
        /// The node directory.
        dir: PathBuf,
        /// What is wrong.
        #[source]
        source: EndpointError,
    },
    /// The connection broke.
    #[error("the node went away before it answered: {0}")]
    Broken(#[source] io::Error),
    /// It takes too long.
    #[error("the node does not answer in time")]
    Late,
    /// The answer is none.
    #[error("the node's answer is not understood: {0}")]
    Garbled(String),
}

impl Control {
    /// Connects to the node that runs in a directory.
    pub(crate) async fn connect(dir: &Path) -> Result<Self, AskError> {
        let socket = socket_of(dir);
        let config = UnixConnectConfig::new(UnixAddress::Path(socket.clone()));
        let connected = UnixConnector::new(config).connect(Deadline::after(CONNECT_TIMEOUT)).await;
        match connected {
            Ok(connection) => Ok(Control { connection }),
            Err(EndpointError::Connect { source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Err(AskError::NoNode { dir: dir.to_owned(), socket })
            }
            Err(source) => Err(AskError::Connect { dir: dir.to_owned(), source }),
        }
    }

    /// Asks, and waits so long for the answer.
    pub(crate) async fn ask(&mut self, request: Request, timeout: Duration) -> Result<Response, AskError> {
        let io = &mut self.connection.io;
        let asking = Deadline::after(CONNECT_TIMEOUT).run(io.write_all(&line(&request))).await;
        asking.map_err(|_| AskError::Late)?.map_err(AskError::Broken)?;
        let answer = Deadline::after(timeout).run(self.line()).await;
        let answer = answer.map_err(|_| AskError::Late)??;
        serde_json::from_slice(&answer).map_err(|error| AskError::Garbled(error.to_string()))
    }

    /// After [`Request::Stop`]: waits until the process is gone; whether it is within this time (none = no limit).
    pub(crate) async fn gone(mut self, timeout: Option<Duration>) -> bool {
        let mut scrap = [0; 64];
        let closed = async { while self.connection.io.read(&mut scrap).await.is_ok_and(|n| n > 0) {} };
        Deadline::after(timeout).run(closed).await.is_ok()
    }

    async fn line(&mut self) -> Result<Vec<u8>, AskError> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let read = self.connection.io.read_buf(&mut line).await.map_err(AskError::Broken)?;
            if read == 0 {
                return Err(AskError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            if line.len() > MAX_RESPONSE {
                return Err(AskError::Garbled(format!("it is longer than {MAX_RESPONSE} bytes")));
            }
        }
        Ok(line)
    }
}
