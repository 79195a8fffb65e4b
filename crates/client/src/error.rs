//! Why there is no session, or no more.

use std::error::Error;
use std::fmt;

use transom_base::ErrorKind;
use transom_endpoint::EndpointError;
use transom_rawsocket::handshake::{HandshakeError, Refusal};
use transom_wamp::{Abort, uri};
use transom_websocket::handshake::{ClientError, OpenError};

use crate::AuthError;

/// Why a client could not connect or join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint could not be connected to, or a step such as TLS failed.
    #[error(transparent)]
    Endpoint(EndpointError),
    /// There was a connection, and no WebSocket.
    #[error("connecting to {target}")]
    WebSocket {
        /// The other end.
        target: String,
        /// What went wrong.
        #[source]
        source: OpenError,
    },
    /// There was a connection, and no RawSocket.
    #[error("connecting to {target}")]
    RawSocket {
        /// The other end.
        target: String,
        /// What went wrong.
        #[source]
        source: transom_rawsocket::ConnectError,
    },
    /// The server chose a WebSocket subprotocol that is none of WAMP's, or none at all.
    #[error("connecting to {target}: the server speaks none of the WAMP subprotocols that were offered")]
    NoSubprotocol {
        /// The other end.
        target: String,
    },
    /// Something took too long.
    #[error("connecting to {target}: no {what} in time")]
    Timeout {
        /// The other end.
        target: String,
        /// What did not come: `WebSocket handshake`, `RawSocket handshake` or `WELCOME`.
        what: &'static str,
    },
    /// The client does not prove who it is, or does not believe the router.
    #[error("logging in")]
    Login(#[source] AuthError),
    /// The router refused the session.
    #[error("the router refused the session: {}", Words(.0))]
    Refused(Abort),
    /// The connection ended before the session was opened.
    #[error("the session was not opened: {0}")]
    Ended(End),
}

impl ConnectError {
    /// Whether trying again can help. What is configured wrongly, a router that refuses the session, and a peer that
    /// speaks something else stay as they are.
    pub fn is_permanent(&self) -> bool {
        match self {
            ConnectError::Endpoint(error) => {
                let wrong = matches!(error.kind(), ErrorKind::Config | ErrorKind::Tls | ErrorKind::Auth);
                wrong && error.connect_failure().is_none()
            }
            ConnectError::WebSocket { source, .. } => match source {
                OpenError::Client(ClientError::Status(status)) => status.is_client_error(),
                OpenError::Io(_) | OpenError::Eof { .. } => false,
                _ => true,
            },
            ConnectError::RawSocket { source, .. } => match source {
                transom_rawsocket::ConnectError::Handshake(error) => {
                    *error != HandshakeError::Refused(Refusal::TooManyConnections)
                }
                _ => false,
            },
            ConnectError::NoSubprotocol { .. } | ConnectError::Login(_) => true,
            ConnectError::Refused(abort) => {
                !matches!(abort.reason.as_str(), uri::SYSTEM_SHUTDOWN | uri::NETWORK_FAILURE)
            }
            ConnectError::Timeout { .. } | ConnectError::Ended(_) => false,
        }
    }

    /// The sentence with all its causes.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// We left.
    #[error("it was left")]
    Left,
    /// The router said goodbye.
    #[error("the router ended it: {reason}{}", Message(message.as_deref()))]
    Goodbye {
        /// The reason URI.
        reason: String,
        /// A sentence for people.
        message: Option<String>,
    },
    /// The router broke it off.
    #[error("the router aborted it: {reason}{}", Message(message.as_deref()))]
    Aborted {
        /// The reason URI.
        reason: String,
        /// A sentence for people.
        message: Option<String>,
    },
    /// The router broke the protocol.
    #[error("the router broke the protocol: {0}")]
    Violation(String),
    /// The connection is gone; how, where that is known.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// The text of an ABORT.
struct Words<'a>(&'a Abort);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.reason, Message(self.0.message.as_deref()))
    }
}

/// A sentence behind a URI.
struct Message<'a>(Option<&'a str>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(message) if !message.is_empty() => write!(f, " ({message})"),
            _ => Ok(()),
        }
    }
}
