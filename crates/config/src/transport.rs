//! Listening transports: an endpoint and what is spoken on it.

use std::time::Duration;

use crate::{ListenEndpoint, Place, RawSocketConfig, WebConfig, WebSocketConfig};

/// Open connections of one transport unless `max_connections` says otherwise.
pub const DEFAULT_MAX_CONNECTIONS: usize = 50_000;

/// A listening transport of a router worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// Where it stands.
    pub place: Place,
    /// Unique in the worker. Default `transport001` and so on.
    pub id: String,
    /// What it listens on.
    pub endpoint: ListenEndpoint,
    /// Open sockets from accept to close, at least 1; `None`: not written, so
    /// [`DEFAULT_MAX_CONNECTIONS`], see [`max_connections`](Self::max_connections).
    pub max_connections_written: Option<usize>,
    /// What is spoken.
    pub protocol: TransportProtocol,
}

impl Transport {
    /// The limit of open sockets in effect.
    pub fn max_connections(&self) -> usize {
        self.max_connections_written.unwrap_or(DEFAULT_MAX_CONNECTIONS)
    }
}

/// What a transport speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum TransportProtocol {
    /// `"type": "universal"`
    Universal(Box<UniversalConfig>),
    /// `"type": "websocket"`
    WebSocket(Box<WebSocketConfig>),
    /// `"type": "rawsocket"`
    RawSocket(Box<RawSocketConfig>),
    /// `"type": "web"`
    Web(Box<WebConfig>),
}

impl TransportProtocol {
    /// The `type` word.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Universal(_) => "universal",
            Self::WebSocket(_) => "websocket",
            Self::RawSocket(_) => "rawsocket",
            Self::Web(_) => "web",
        }
    }
}

/// Several protocols on one socket, told apart by the first bytes. At least one section is there.
#[derive(Debug, Clone, PartialEq)]
pub struct UniversalConfig {
    /// RawSocket: first byte `0x7F`.
    pub rawsocket: Option<RawSocketConfig>,
    /// WebSocket over HTTP.
    pub websocket: Option<UniversalWebSocket>,
    /// Other HTTP.
    pub web: Option<WebConfig>,
    /// Time until the protocol is known. Default 5 s; `None` = no limit.
    pub sniff_timeout: Option<Duration>,
}

impl Default for UniversalConfig {
    fn default() -> Self {
        Self { rawsocket: None, websocket: None, web: None, sniff_timeout: Some(Duration::from_secs(5)) }
    }
}

/// The two forms of `websocket` in a universal transport.
#[derive(Debug, Clone, PartialEq)]
pub enum UniversalWebSocket {
    /// One configuration, served at every path that `web` does not claim: a first path component that
    /// is a key of `web.paths` other than `/` goes to `web`; otherwise a request with
    /// `Upgrade: websocket` comes here, at any depth and also at `/`.
    Everywhere(Box<WebSocketConfig>),
    /// By the first component of the path (`/` = the root path), with or without an Upgrade header,
    /// ahead of `web`. In file order.
    Paths(Vec<(String, WebSocketConfig)>),
}
