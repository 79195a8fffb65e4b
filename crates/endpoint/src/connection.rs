//! A connection that was accepted and not let in yet.

use std::fmt;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};
use transom_base::{ConnInfo, Connection, Stream};

/// A connection that was accepted and not let in yet: either it becomes a [`Connection`], or it is reset before a byte
/// is sent.
pub struct Accepted {
    io: Raw,
    /// What is known about it.
    pub info: ConnInfo,
}

enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
    Other(Box<dyn Stream>),
}

impl Accepted {
    /// A TCP connection.
    pub fn tcp(io: TcpStream, info: ConnInfo) -> Self {
        Accepted { io: Raw::Tcp(io), info }
    }

    /// A connection on a Unix socket.
    pub fn unix(io: UnixStream, info: ConnInfo) -> Self {
        Accepted { io: Raw::Unix(io), info }
    }

    /// Any other stream. It cannot be reset, only dropped.
    pub fn other(io: impl Stream + 'static, info: ConnInfo) -> Self {
        Accepted { io: Raw::Other(Box::new(io)), info }
    }

    /// Lets it in.
    pub fn into_connection(self) -> Connection {
        match self.io {
            Raw::Tcp(io) => Connection::new(io, self.info),
            Raw::Unix(io) => Connection::new(io, self.info),
            Raw::Other(io) => Connection { io, info: self.info },
        }
    }

    /// Refuses it: the client of a TCP connection sees a reset instead of an orderly end.
    pub fn reset(self) {
        if let Raw::Tcp(io) = &self.io {
            // If that fails the connection is closed in order, which is a refusal too.
            let _ = SockRef::from(io).set_linger(Some(Duration::ZERO));
        }
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("info", &self.info).finish_non_exhaustive()
    }
}
