//! The Tor inside a node: streams through Tor, and onion services, without a Tor daemon beside it. The only crate that
//! depends on arti, behind a surface without types of arti: it is large, and releases with changes every month.
//!
//! Start at [`Tor::start`]. It must not know configuration files of the node, key files, or who uses its streams.
//!
//! A process that starts it has installed a provider of cryptography for rustls before. See `examples/echo.rs`.

mod client;
mod connect;
mod error;
mod progress;
mod serve;
mod settings;
mod status;
mod stream;

pub use client::Tor;
pub use connect::{ConnectError, Isolation};
pub use error::ArtiError;
pub use progress::Progress;
pub use serve::{OnionService, onion_address};
pub use settings::Settings;
pub use status::ServiceStatus;
