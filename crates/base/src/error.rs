//! Kinds of errors: who is to blame and how loudly to say it.

use std::io;

/// What kind of trouble an error is. Decides its log level and who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration is wrong: the operator can mend it.
    Config,
    /// An address could not be had.
    Bind,
    /// The peer went away; nothing to do.
    PeerClosed,
    /// The peer broke a protocol.
    PeerProtocol,
    /// The peer was too slow.
    Timeout,
    /// TLS failed.
    Tls,
    /// The peer is not who or what it must be.
    Auth,
    /// A limit was reached.
    Limit,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// Whether the other end is to blame. Such errors are never logged above `info`.
    pub fn is_peers_fault(self) -> bool {
        !matches!(self, ErrorKind::Config | ErrorKind::Bind | ErrorKind::Internal)
    }

    /// A label for logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            ErrorKind::Config => "config",
            ErrorKind::Bind => "bind",
            ErrorKind::PeerClosed => "peer_closed",
            ErrorKind::PeerProtocol => "peer_protocol",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Tls => "tls",
            ErrorKind::Auth => "auth",
            ErrorKind::Limit => "limit",
            ErrorKind::Internal => "internal",
        }
    }
}

/// Why serving a connection ended otherwise than by agreement. Logged once, at the top of the connection's task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Reading or writing failed: the peer is gone.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// The peer broke a protocol; the text says how.
    #[error("{0}")]
    Protocol(String),
    /// The peer was too slow; the text says in what.
    #[error("{0}")]
    Timeout(String),
    /// A limit was reached; the text says which.
    #[error("{0}")]
    Limit(String),
    /// The drain timeout cut the connection.
    #[error("cut because the node stops")]
    Aborted,
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

impl ServeError {
    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        match self {
            ServeError::Io(_) | ServeError::Aborted => ErrorKind::PeerClosed,
            ServeError::Protocol(_) => ErrorKind::PeerProtocol,
            ServeError::Timeout(_) => ErrorKind::Timeout,
            ServeError::Limit(_) => ErrorKind::Limit,
            ServeError::Internal(_) => ErrorKind::Internal,
        }
    }
}
