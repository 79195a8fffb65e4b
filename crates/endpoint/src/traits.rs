//! The seams: what listens, what connects, and what stands between a raw connection and its protocol.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use transom_base::{BoxFuture, Connection, Deadline};
use transom_config::UnixAddress;

use crate::{Accepted, EndpointError};

/// Where connections come in. It yields them raw: no handshake of any kind has begun.
pub trait Listener: Send {
    /// The next connection. Cancel-safe: a future that is dropped loses no connection.
    ///
    /// An error does not end the listener: [`crate::accept_error`] tells whether it is worth going on.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>>;

    /// The addresses that are really bound, so that port 0 can be asked for.
    fn bound(&self) -> Vec<BoundAddr>;

    /// What is going on with the endpoint.
    fn status(&self) -> watch::Receiver<EndpointStatus>;

    /// Stops listening and leaves nothing behind: removes a socket file, withdraws a service.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Where connections go out.
pub trait Connector: Send + Sync {
    /// A new connection, by the deadline and by the connector's own time limit.
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>>;

    /// What it connects to, for people.
    fn target(&self) -> String;
}

/// A step between a raw connection and its protocol, such as TLS.
pub trait Upgrade: Send + Sync {
    /// Takes the step by the deadline. An error has closed the connection.
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>>;
}

/// An address that is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundAddr {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddress),
    /// A listener inside this process, numbered.
    Memory(u64),
    /// A port of an onion service.
    Onion {
        /// Its address, with `.onion` at the end.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for BoundAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundAddr::Tcp(addr @ SocketAddr::V4(_)) => write!(f, "tcp4:{addr}"),
            BoundAddr::Tcp(addr @ SocketAddr::V6(_)) => write!(f, "tcp6:{addr}"),
            BoundAddr::Unix(address) => write!(f, "unix:{address}"),
            BoundAddr::Memory(number) => write!(f, "memory:{number}"),
            BoundAddr::Onion { host, port } => write!(f, "onion:{host}:{port}"),
        }
    }
}

/// What is going on with a listening endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// How often accepting failed since the start.
    pub accept_errors: u64,
    /// The last of these failures.
    pub last_error: Option<String>,
    /// How far it is, where it is not ready as soon as it is bound, as an onion service that others have to hear of.
    pub state: Option<EndpointState>,
}

/// How far an endpoint is that is not ready as soon as it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// Whether peers can reach it.
    pub reachable: bool,
    /// For people, as in `published` or `waiting for Tor: …`.
    pub text: String,
}

impl EndpointStatus {
    /// Notes that accepting failed.
    pub fn failed(&mut self, error: &io::Error) {
        self.accept_errors += 1;
        self.last_error = Some(error.to_string());
    }
}
