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

mod define;

mod auth;
mod component;
mod connect;
mod endpoint;
mod guest;
mod link;
mod mqtt;
mod node;
mod place;
mod proxy;
mod rawsocket;
#[cfg(feature = "reader")]
mod reader;
mod realm;
mod secret;
mod serializer;
mod tls;
mod tor;
mod transport;
mod twisted;
mod web;
mod websocket;
mod worker;

pub use auth::*;
pub use component::*;
pub use connect::*;
pub use endpoint::*;
pub use guest::*;
pub use link::*;
pub use mqtt::*;
pub use node::*;
pub use place::Place;
pub use proxy::*;
pub use rawsocket::*;
#[cfg(feature = "reader")]
pub use reader::{
    Context, Definition, EMBEDDED_JSON, Finding, Findings, Format, Key, KeyDefinition, Loaded, LocateError,
    Located, MAX_FILE_SIZE, MapReference, Part, Purpose, Severity, Shape, Span, Status, Unsupported, Variant,
    WordDefinition, convert, dialect, keys, load, locate, parse_part, parse_str, reference, schema, to_json,
    to_yaml, upgrade,
};
pub use realm::*;
pub use secret::Secret;
pub use serializer::Serializer;
pub use tls::*;
pub use tor::*;
pub use transport::*;
pub use twisted::EndpointString;
pub use web::*;
pub use websocket::*;
pub use worker::*;
