//! The configuration dialect of Crossbar.io nodes.
//!
//! Without features this crate is plain data: one struct or enum per thing a node can be told
//! ([`Node`] downwards), each with its documented unit, range and default. A [`Default`]
//! implementation always gives what the dialect gives when the map is absent or empty, so code and
//! tests can build any part by hand and start from there.
//!
//! With the feature `reader` it also reads `config.json` and `config.yaml`: a tree with the place of
//! every token, a typed walk over it that collects every mistake at once, and their rendering with a
//! caret under the offending token. Start at `load`, `locate` and `parse_str`.
//!
//! It knows nothing of sockets, async or TLS, and never opens anything but the configuration file.
//!
//! Conventions: times are [`std::time::Duration`], and `None` means switched off by an explicit 0;
//! sizes are bytes, and `None` means unlimited where the dialect allows that.

mod auth;
mod endpoint;
mod node;
mod place;
mod rawsocket;
#[cfg(feature = "reader")]
mod reader;
mod realm;
mod serializer;
mod transport;
mod web;
mod websocket;

pub use auth::{AnonymousConfig, AuthConfig};
pub use endpoint::{
    ConnectEndpoint, IpVersion, ListenEndpoint, TcpConnectConfig, TcpListenConfig, UnixAddress,
    UnixConnectConfig, UnixListenConfig,
};
pub use node::{Controller, Node, RouterWorker, ShutdownTrigger};
pub use place::Place;
pub use rawsocket::{RawSocketConfig, RawSocketOptions};
#[cfg(feature = "reader")]
pub use reader::{
    Context, EMBEDDED_JSON, Finding, Findings, Format, Key, Loaded, LocateError, Located, MAX_FILE_SIZE,
    Purpose, Severity, Span, keys, load, locate, parse_str,
};
pub use realm::{
    Allow, Authorization, Disclose, MatchPolicy, Permission, Realm, RealmOptions, Role, SessionLimits,
    SlowConsumer, UriCheck,
};
pub use serializer::Serializer;
pub use transport::{
    DEFAULT_MAX_CONNECTIONS, Transport, TransportProtocol, UniversalConfig, UniversalWebSocket,
};
pub use web::{
    JsonConfig, NodeInfoConfig, PathConfig, RedirectConfig, StaticConfig, WebConfig, WebOptions, WebPath,
    WebServiceConfig,
};
pub use websocket::{WebSocketConfig, WebSocketOptions};
